"""Compound HDF5 files read by row: of this program, of pynuml, and damaged ones."""

import multiprocessing
from pathlib import Path

import h5py
import numpy as np
import pytest

from numl_polars.errors import InputError
from numl_polars.objects.batch import Array
from numl_polars.output.hdf5_reader import Hdf5Reader
from numl_polars.output.merge import merge
from numl_polars.output.splits import Splits
from tests.output.builder import graph, graphs, shared_folder, write_graphs, write_like_pynuml
from tests.output.formats_builder import assert_same, read_objects, samples_of, write_objects
from tests.output.test_hdf5 import read_objects as read_by_h5py


def write_fields(path: Path, **objects: dict[str, Array]) -> Path:
    """File with these fields and nothing else, as a program of someone else would write it."""
    with h5py.File(path, "w") as file:
        file["planes"] = ["u", "v", "y"]
        for name, fields in objects.items():
            kind = np.dtype([(key, value.dtype, value.shape) for key, value in fields.items()])
            file.create_dataset(f"dataset/{name}", data=np.array(tuple(fields.values()), kind))
    return path


def test_reader__pynuml_file(tmp_path: Path) -> None:
    path = write_like_pynuml(tmp_path / "a.h5", 12, 3, 7)
    assert_same(read_objects(path), graphs(3, 7, 12))
    reader = Hdf5Reader(path)
    assert (len(reader), dict(reader.samples)) == (3, {})
    sizes = [sum(array.nbytes for array in arrays.values()) for arrays in graphs(3, 7, 12).values()]
    assert reader.sizes.tolist() == sizes
    assert reader.metadata is not None


def test_reader__without_content(tmp_path: Path) -> None:
    reader = Hdf5Reader(write_like_pynuml(tmp_path / "a.h5", metadata=None))
    assert (reader.metadata, list(reader.names), reader.sizes.tolist()) == (None, [], [])
    assert len(reader.batch([])) == 0


def test_reader__rows_of_empty_arrays_are_those_of_others(tmp_path: Path) -> None:
    empty, full = np.zeros((), np.float32), np.ones((2, 5), np.float32)
    path = write_fields(tmp_path / "a.h5", a={"hit/x": empty}, b={"hit/x": full})
    reader = Hdf5Reader(path)
    assert reader.arrays(0)["hit/x"].shape == (0, 5)
    assert reader.batch([0, 1, 0]).attributes[0].offsets is not None
    assert reader.sizes.tolist() == [0, 40]


def test_reader__scalars_of_unknown_files(tmp_path: Path) -> None:
    fields = [{"evt/weight": np.array(value), "hit/none": np.array(0)} for value in (0.0, 2.5)]
    reader = Hdf5Reader(write_fields(tmp_path / "a.h5", a=fields[0], b=fields[1]))
    assert reader.arrays(0)["evt/weight"].shape == ()
    assert reader.batch([1, 0]).attributes[0].values.tolist() == [2.5, 0]
    assert reader.arrays(1)["hit/none"].shape == (0,)


def test_reader__other_storage(tmp_path: Path) -> None:
    expected: dict[str, Array] = {"hit/id": np.arange(3), "hit/x": np.ones((3, 2), np.float32)}
    swapped = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in expected.items()}
    write_fields(tmp_path / "big-endian.h5", a=swapped)
    with h5py.File(tmp_path / "latest.h5", "w", libver="latest") as file:
        kind = np.dtype([(key, value.dtype, value.shape) for key, value in expected.items()])
        file.create_dataset("dataset/a", data=np.array(tuple(expected.values()), kind))
    with h5py.File(tmp_path / "compact.h5", "w") as file:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_layout(h5py.h5d.COMPACT)
        group = file.create_group("dataset")
        record = np.array(tuple(expected.values()), kind)
        scalar = h5py.h5s.create(h5py.h5s.SCALAR)
        stored = h5py.h5d.create(group.id, b"a", h5py.h5t.py_create(kind), scalar, creation)
        stored.write(scalar, scalar, record)
    for name in ("big-endian", "latest", "compact"):
        assert_same(read_objects(tmp_path / f"{name}.h5"), {"a": expected})
        reader = Hdf5Reader(tmp_path / f"{name}.h5")
        assert_same({"a": next(iter(reader.batch([0])))}, {"a": expected})


def test_reader__arrays_are_aligned_and_stay(tmp_path: Path) -> None:
    reader = Hdf5Reader(write_graphs(tmp_path / "a.h5", 1))
    arrays = reader.arrays(0)
    reader.close()
    (tmp_path / "a.h5").unlink()
    assert all(array.flags.aligned for array in arrays.values())
    assert_same({"r1_sr0_evt1": arrays}, graphs(1))


def test_reader__scalar_of_a_user_bars_no_object_from_samples(tmp_path: Path) -> None:
    objects = {name: {**arrays, "evt/energy": np.array(0.0)} for name, arrays in graphs(1, 2, 4).items()}
    write_objects(tmp_path / "a.h5", objects)
    merge([tmp_path / "a.h5"], tmp_path / "b.h5", splits=Splits(1, 0, 0))
    assert sorted(samples_of(tmp_path / "b.h5")["train"]) == sorted(objects)
    assert_same(read_objects(tmp_path / "b.h5"), objects)
    assert Hdf5Reader(tmp_path / "b.h5").sizes.tolist() == Hdf5Reader(tmp_path / "a.h5").sizes.tolist()


def test_reader__kinds_that_inputs_disagree_on_are_not_stated(tmp_path: Path) -> None:
    for name, width in (("a", 4), ("b", 6)):
        objects: dict[str, dict[str, Array]] = {
            name: {"hit/x": np.ones((2, width), np.float32), "hit/id": np.arange(2)}
        }
        write_objects(tmp_path / f"{name}.h5", objects)
    merge([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "c.h5")
    with h5py.File(tmp_path / "c.h5") as file:
        assert file.attrs["attributes"] == '{"hit/id":{"dtype":"int64","shape":[]}}'
    reader = Hdf5Reader(tmp_path / "c.h5")
    assert reader.arrays(1)["hit/x"].shape == (2, 6)
    with pytest.raises(InputError, match=r"'hit/x' of 'b' is not as in the other objects of .*c\.h5"):
        reader.batch([0, 1])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_reader__in_other_processes(tmp_path: Path, method: str) -> None:
    reader = Hdf5Reader(write_graphs(tmp_path / "a.h5", 1, 2))
    reader.arrays(0)
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.map(reader.arrays, [0, 1, 0, 1])
    for arrays, event in zip(found, (1, 2, 1, 2), strict=True):
        assert_same({"a": arrays}, {"a": graph(event, num_spacepoints=event % 3)})
    assert_same({"a": reader.arrays(1)}, {"a": graph(2, num_spacepoints=2)})


def test_reader__expected_files() -> None:
    shared = shared_folder()
    for path in sorted((shared / "data").glob("*/*.graphs.h5")):
        expected = read_by_h5py(path)
        found = read_objects(path)
        assert list(found) == list(expected)
        for name, arrays in expected.items():
            for field, array in arrays.items():
                # h5py alone does not know the rows of an empty array
                assert found[name][field].dtype == array.dtype
                np.testing.assert_array_equal(found[name][field].reshape(array.shape), array)


def test_reader__faulty_files(tmp_path: Path) -> None:
    whole = write_graphs(tmp_path / "whole.h5", 1, 2)
    (tmp_path / "short.h5").write_bytes(whole.read_bytes()[:-100])
    with h5py.File(tmp_path / "events.h5", "w") as file:
        file["hit_table/hit_id"] = [1]
    for name, message in {
        "absent.h5": r"no such file: .*absent\.h5",
        "short.h5": r"short\.h5 is truncated",
        "events.h5": r"events\.h5 is not a graph file: it has no 'dataset'",
    }.items():
        with pytest.raises(InputError, match=message):
            Hdf5Reader(tmp_path / name)
    with h5py.File(tmp_path / "array.h5", "w") as file:
        file["dataset/a"] = np.zeros(3)
    with pytest.raises(InputError, match=r"'dataset/a' is not a graph object"):
        Hdf5Reader(tmp_path / "array.h5").arrays(0)


def test_reader__faulty_samples(tmp_path: Path) -> None:
    merge([write_graphs(tmp_path / "a.h5", 1, 2, 4)], tmp_path / "b.h5", splits=Splits(1, 0, 0))
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        file["samples/train"][1] = "r1_sr0_evt9"
    message = r"1 of the train samples are no object of .*b\.h5, first 'r1_sr0_evt9'"
    with pytest.raises(InputError, match=message):
        _ = Hdf5Reader(tmp_path / "b.h5").samples
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        del file["samples/train"]
        file["samples/train"] = [1, 2]
    with pytest.raises(InputError, match=r"'samples' are not lists of names in .*b\.h5"):
        _ = Hdf5Reader(tmp_path / "b.h5").samples
