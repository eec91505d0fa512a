from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5t

from numl_polars.output import headers
from numl_polars.output.compounds import CompoundForm, form_of
from numl_polars.output.hdf5_objects import Record, open_record
from numl_polars.output.headers import ObjectReader
from tests.output.builder import graphs, write_graphs, write_like_pynuml

EVENTS = (1, 3, 5, 6)


def forms_in(file: h5py.File) -> list[CompoundForm]:
    found: list[CompoundForm] = []
    for dataset in file["dataset"].values():
        compound = dataset.id.get_type()
        if not any(form.matches(compound.encode()) for form in found):
            found.append(form_of(compound))
    return found


def values(record: Record, path: Path) -> bytes:
    if record.place is None:
        return record.values.tobytes()
    return path.read_bytes()[record.place : record.place + record.num_bytes]


def check(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Number of objects that were left to HDF5; all must be as HDF5 itself finds them."""
    left: list[str] = []

    def noted(group: h5py.h5g.GroupID, name: str) -> Record:
        left.append(name)
        return open_record(group, name)

    monkeypatch.setattr(headers, "open_record", noted)
    with h5py.File(path) as file, path.open("rb") as bytes_of_file:
        reader = ObjectReader(file, bytes_of_file.fileno(), forms_in(file))
        for name, dataset in file["dataset"].items():
            found = reader.record(name)
            assert (found.name, found.encoded) == (name, dataset.id.get_type().encode())
            assert h5t.decode(found.encoded).dtype == dataset.dtype
            assert found.num_bytes == dataset.dtype.itemsize
            assert values(found, path) == dataset[()].tobytes()
    return len(left)


@pytest.mark.parametrize("write", [write_graphs, write_like_pynuml])
def test_record__usual_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., Path]
) -> None:
    assert check(write(tmp_path / "a.h5", *EVENTS), monkeypatch) == 0


def fields(event: int) -> np.dtype[np.void]:
    kinds = [(key, value.dtype, value.shape) for key, value in graphs(event)[f"r1_sr0_evt{event}"].items()]
    return np.dtype([(key, dtype, tuple(filter(None, shape))) for key, dtype, shape in kinds])


def object_ids(file: h5py.File) -> h5py.Group:
    return file.create_group("dataset")


def compact(path: Path) -> None:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.COMPACT)
    with h5py.File(path, "w") as file:
        kind = h5py.h5t.py_create(fields(5), logical=True)
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        dataset = h5py.h5d.create(object_ids(file).id, b"a", kind, space, creation)
        dataset.write(space, space, np.ones((), fields(5)))


def never_written(path: Path) -> None:
    with h5py.File(path, "w") as file:
        object_ids(file).create_dataset("a", shape=(), dtype=fields(5))


def latest_format(path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        object_ids(file).create_dataset("a", data=np.ones((), fields(5)))


def user_block(path: Path) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        object_ids(file).create_dataset("a", data=np.ones((), fields(5)))


def named_type(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["type"] = fields(5)
        object_ids(file).create_dataset("a", data=np.ones((), fields(5)), dtype=file["type"])


def soft_link(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("b", data=np.ones((), fields(5)))
        object_ids(file)["a"] = h5py.SoftLink("/b")


@pytest.mark.parametrize("write", [compact, never_written, latest_format, user_block, named_type, soft_link])
def test_record__unusual_files_are_left_to_hdf5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None]
) -> None:
    write(tmp_path / "a.h5")
    assert check(tmp_path / "a.h5", monkeypatch) == 1


def test_record__header_in_several_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_graphs(tmp_path / "a.h5", *EVENTS)
    with h5py.File(path, "r+") as file:
        for name, dataset in file["dataset"].items():
            dataset.attrs["note"] = f"{name} " * 100
    assert check(path, monkeypatch) == 0


def test_record__damaged_header_is_left_to_hdf5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_graphs(tmp_path / "a.h5", 5)
    with h5py.File(path) as file:
        group = file["dataset"].id
        address = group.links.get_info(b"r1_sr0_evt5").u
        forms = forms_in(file)
    whole = path.read_bytes()
    left: list[str] = []
    monkeypatch.setattr(headers, "open_record", lambda _, name: left.append(name))
    for place in range(address, address + 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with h5py.File(path) as file, path.open("rb") as bytes_of_file:
            found = ObjectReader(file, bytes_of_file.fileno(), forms).record("r1_sr0_evt5")
            if found is not None:  # a byte of no meaning for what is read
                assert values(found, path) == whole[found.place or 0 :][: found.num_bytes]
    assert len(left) > 10
