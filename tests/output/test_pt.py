"""Folders of format pt: what torch and Polars see, replacing, and damage."""

import multiprocessing
import os
import pickle
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch")
data = pytest.importorskip("torch_geometric.data")

from numl_polars.errors import InputError, OutputError  # noqa: E402
from numl_polars.objects.tensors import hetero_data  # noqa: E402
from numl_polars.output.formats import open_objects  # noqa: E402
from numl_polars.output.pt import PtReader, PtWriter  # noqa: E402
from numl_polars.output.pt_index import file_name  # noqa: E402
from tests.output.builder import METADATA, batch_of, graph, graphs, hidden, visible  # noqa: E402
from tests.output.formats_builder import assert_same, read_objects, write_events, write_objects  # noqa: E402


def test_file__is_what_hetero_data_takes(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.pt", 1, 3)
    assert visible(path) == ["index.arrow", "r1_sr0_evt1.pt", "r1_sr0_evt3.pt"]
    for name, arrays in graphs(1, 3).items():
        stores = torch.load(path / f"{name}.pt", weights_only=True)
        found, expected = data.HeteroData.from_dict(stores), hetero_data(arrays)
        assert found.to_dict().keys() == expected.to_dict().keys()
        for key, store in expected.to_dict().items():
            for attribute, value in store.items():
                other = found.to_dict()[key][attribute]
                assert type(other) is type(value)
                if isinstance(value, torch.Tensor):
                    assert other.dtype == value.dtype
                    assert torch.equal(other, value)
                else:
                    assert other == value


def test_file__holds_its_own_values_alone(tmp_path: Path) -> None:
    objects = {str(i): {"hit/x": np.full((10, 2), i)} for i in range(1000)}
    write_objects(tmp_path / "a.pt", objects)
    assert max(file.stat().st_size for file in (tmp_path / "a.pt").glob("*.pt")) < 3000


def test_index__read_by_polars(tmp_path: Path) -> None:
    samples = {"train": np.array([2, 0]), "test": np.array([1])}
    objects = {**graphs(1, 2), "r7_sr8_evt9_2": graphs(4)["r1_sr0_evt4"], "mine": graphs(3)["r1_sr0_evt3"]}
    path = write_objects(tmp_path / "a.pt", objects, samples=samples)
    frame = pl.scan_ipc(path / "index.arrow").collect()
    assert frame.drop("file_bytes", "num_bytes").rows(named=True)[2:] == [
        {
            "name": "r7_sr8_evt9_2",
            "run": 7,
            "subrun": 8,
            "event": 9,
            "file": "r7_sr8_evt9_2.pt",
            "has_all_nodes": True,
            "split": "train",
            "sample": 0,
        },
        {
            "name": "mine",
            "run": None,
            "subrun": None,
            "event": None,
            "file": "mine.pt",
            "has_all_nodes": False,
            "split": None,
            "sample": None,
        },
    ]
    assert frame["split"].to_list()[:2] == ["train", "test"]
    assert frame["file_bytes"].to_list() == [(path / file).stat().st_size for file in frame["file"]]


@pytest.mark.parametrize(
    "name, file",
    [
        ("r1_sr0_evt5", "r1_sr0_evt5.pt"),
        ("a/b", "a%2fb.pt"),
        ("100%", "100%25.pt"),
        (".hidden", "%2ehidden.pt"),
        ("é\n", "é%0a.pt"),
    ],
)
def test_file_name(name: str, file: str) -> None:
    assert file_name(name) == file


def test_writer__refuses_what_no_tensor_holds(tmp_path: Path) -> None:
    with PtWriter(tmp_path / "a.pt", METADATA) as writer:
        with pytest.raises(ValueError, match="attribute 'my_hit/x' is not named store/attribute"):
            writer.write(batch_of({"a": {"my_hit/x": np.zeros(3)}}))
        for values in (np.array(["a"]), np.zeros(1, np.longdouble), np.zeros(1, complex)):
            with pytest.raises(ValueError, match=rf"dtype {values.dtype} cannot be written"):
                writer.write(batch_of({"a": {"hit/x": values}}))


def test_writer__hidden_until_it_is_finished(tmp_path: Path) -> None:
    with PtWriter(tmp_path / "a.pt", METADATA, hidden=True) as writer:
        writer.write(batch_of(graphs(1)))
    assert visible(tmp_path) == []
    assert list(read_objects(writer.part)) == ["r1_sr0_evt1"]


def test_writer__other_folders_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.pt").mkdir()
    (tmp_path / "a.pt" / "thesis.tex").write_text("precious")
    with pytest.raises(OutputError, match=r"a\.pt is no folder of format pt .*, and is not replaced"):
        write_events(tmp_path / "a.pt", 1, overwrite=True)
    assert visible(tmp_path / "a.pt") == ["thesis.tex"]
    (tmp_path / "b.pt").write_text("a file")
    with pytest.raises(OutputError, match=r"cannot write .*b\.pt: it is a file"):
        write_events(tmp_path / "b.pt", 1, overwrite=True)


def test_writer__fault_of_the_caller_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with PtWriter(tmp_path / "a.pt", METADATA) as writer:
            writer.write(batch_of(graphs(1)))
            raise RuntimeError("elsewhere")

    with pytest.raises(RuntimeError, match="elsewhere"):
        write()
    assert visible(tmp_path) == hidden(tmp_path) == []


def in_child(work: Callable[[], None]) -> int:
    """Exit code of a process that does the work; torch takes seconds to import anew."""
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(60)
    assert child.exitcode is not None
    return child.exitcode


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("last", ["none", "aside", "pt"])
def test_writer__killed(tmp_path: Path, last: str) -> None:
    path = write_events(tmp_path / "a.pt", 1)
    rename = Path.rename

    def rename_and_die(part: Path, target: Path) -> None:
        rename(part, target)
        if target.suffix == f".{last}":
            die()

    def write_and_die() -> None:
        with patch.object(Path, "rename", rename_and_die), PtWriter(path, METADATA, overwrite=True) as writer:
            writer.write(batch_of(graphs(2)))
            if last == "none":
                die()

    assert in_child(write_and_die) == -signal.SIGKILL
    if last == "aside":
        assert visible(tmp_path) == []
        with pytest.raises(InputError, match=r"being replaced: .*\.aside is the earlier one, whole") as hint:
            PtReader(path)
        aside = Path(str(hint.value).partition("replaced: ")[2].partition(" is the")[0])
        (new,) = (tmp_path / name for name in hidden(tmp_path) if name.endswith(".part"))
        assert list(read_objects(aside)) == ["r1_sr0_evt1"]
        assert list(read_objects(new)) == ["r1_sr0_evt2"]
    else:
        assert list(read_objects(path)) == ["r1_sr0_evt1" if last == "none" else "r1_sr0_evt2"]
    write_events(path, 4, overwrite=True)
    assert list(read_objects(path)) == ["r1_sr0_evt4"]
    assert [name for name in hidden(tmp_path) if name.endswith(".aside")] == []


def test_writer__full_disk(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.pt", 1)

    def write_too_much() -> None:
        # A limit on the size of a file fails as a full disk does.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        with (
            pytest.raises(OutputError, match=r"^cannot write .*a\.pt: File too large$"),
            PtWriter(path, METADATA, overwrite=True) as writer,
        ):
            writer.write(batch_of({"a": graph(1, num_hits=10_000)}))

    assert in_child(write_too_much) == 0
    assert list(read_objects(path)) == ["r1_sr0_evt1"]
    assert hidden(tmp_path) == []


def remove_object(path: Path) -> None:
    (path / "r1_sr0_evt2.pt").unlink()


def put_text(path: Path) -> None:
    (path / "r1_sr0_evt2.pt").write_text("no tensors, but text that goes on for a while")


def put_nothing(path: Path) -> None:
    (path / "r1_sr0_evt2.pt").write_bytes(b"")


def cut_object_short(path: Path) -> None:
    file = path / "r1_sr0_evt2.pt"
    file.write_bytes(file.read_bytes()[:-300])


def put_a_pickle(path: Path) -> None:
    (path / "r1_sr0_evt2.pt").write_bytes(pickle.dumps({"hit": Path("a")}))


def put_a_class(path: Path) -> None:
    torch.save({"hit": {"x": Path("a")}}, path / "r1_sr0_evt2.pt")


def put_a_list(path: Path) -> None:
    torch.save([1, 2], path / "r1_sr0_evt2.pt")


def put_a_string(path: Path) -> None:
    torch.save({"hit": {"x": "a"}}, path / "r1_sr0_evt2.pt")


def put_another(path: Path) -> None:
    torch.save({"hit": {"x": torch.zeros(3)}}, path / "r1_sr0_evt2.pt")


class _Runs:
    """What is unpickled by making the folder `here`."""

    def __init__(self, here: Path) -> None:
        self.here = here

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.here),)


def put_code(path: Path) -> None:
    torch.save({"hit": {"x": _Runs(path / "run")}}, path / "r1_sr0_evt2.pt")


def damage_a_value(path: Path) -> None:
    file = path / "r1_sr0_evt2.pt"
    content = bytearray(file.read_bytes())
    content[content.find(np.full(18, 1, np.float32).tobytes()) + 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "damage, message",
    [
        (remove_object, r"no such file: .*evt2\.pt, which the index of its folder lists"),
        (put_text, r"evt2\.pt is not a file of torch\.save, or is cut short"),
        (put_nothing, r"evt2\.pt is not a file of torch\.save, or is cut short"),
        (cut_object_short, r"evt2\.pt is not a file of torch\.save, or is cut short"),
        (put_a_pickle, r"evt2\.pt is not a file of torch\.save, or is cut short"),
        (put_a_class, r"cannot read .*evt2\.pt: Weights only load failed"),
        (put_a_list, r"evt2\.pt holds no object: list, not tensors by store"),
        (put_a_string, r"evt2\.pt holds no object: dict, not tensors by store"),
        (put_code, r"cannot read .*evt2\.pt: Weights only load failed"),
        (damage_a_value, r"evt2\.pt is damaged: its record .* has another checksum"),
        (put_another, r"evt2\.pt has not the attributes that the index says: .*sp/pos"),
    ],
)
def test_reader__damaged_object(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    path = write_events(tmp_path / "a.pt", 1, 2)
    damage(path)
    reader = PtReader(path)
    assert_same({"a": reader.arrays(0)}, {"a": graphs(1)["r1_sr0_evt1"]})
    with pytest.raises(InputError, match=message):
        reader.arrays(1)
    assert not (path / "run").exists()


def test_reader__object_of_another_event(tmp_path: Path) -> None:
    def event(number: int) -> dict[str, Any]:
        own = {f"metadata/{name}": np.array(1) for name in ("run", "subrun")}
        return {**own, "metadata/event": np.array(number), "hit/x": np.ones((2, 3), np.float32)}

    path = write_objects(tmp_path / "a.pt", {f"r1_sr1_evt{number}": event(number) for number in (1, 2)})
    (path / "r1_sr1_evt2.pt").write_bytes((path / "r1_sr1_evt1.pt").read_bytes())
    with pytest.raises(InputError, match=r"evt2\.pt holds the object of run 1, subrun 1, event 1"):
        PtReader(path).arrays(1)


def test_reader__rows_of_another_shape(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.pt", 1, 2)
    stores = torch.load(path / "r1_sr0_evt2.pt", weights_only=True)
    stores["hit"]["x"] = torch.zeros(3, 4)
    torch.save(stores, path / "r1_sr0_evt2.pt")
    with pytest.raises(InputError, match=r"'hit/x' is not what the index says in .*evt2\.pt"):
        PtReader(path).batch([0, 1])
    with pytest.raises(InputError, match=r"'hit/x' is not what the index says"):
        PtReader(path).arrays(1)


def cut_index_short(index: Path) -> None:
    index.write_bytes(index.read_bytes()[:-20])


def empty_index(index: Path) -> None:
    index.write_bytes(b"")


def other_arrow(index: Path) -> None:
    with pa.ipc.new_file(index, schema := pa.schema([("a", pa.int64())])) as writer:
        writer.write_table(schema.empty_table())


def later_version(index: Path) -> None:
    table = pa.ipc.open_file(index.read_bytes()).read_all()
    content = table.schema.metadata[b"numl_polars"].replace(b'"format": 1', b'"format": 9')
    table = table.replace_schema_metadata({b"numl_polars": content})
    with pa.ipc.new_file(index, table.schema) as writer:
        writer.write_table(table)


@pytest.mark.parametrize(
    "damage, message",
    [
        (Path.unlink, r"a\.pt is not of format pt, or was not written to its end: it has no index\.arrow"),
        (cut_index_short, r"index\.arrow is cut short or damaged"),
        (empty_index, r"index\.arrow is cut short or damaged"),
        (other_arrow, r"index\.arrow is not the index of a folder of format pt"),
        (later_version, r"it has version 9, and only version 1 is known"),
    ],
)
def test_reader__damaged_index(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    path = write_events(tmp_path / "a.pt", 1)
    damage(path / "index.arrow")
    with pytest.raises(InputError, match=message):
        open_objects(path)


def test_reader__any_damage_of_the_index(tmp_path: Path) -> None:
    index = write_events(tmp_path / "a.pt", 1, 2) / "index.arrow"
    content, random = index.read_bytes(), np.random.default_rng(0)
    for place in [*range(0, len(content), 97), *random.integers(0, len(content), 400)]:
        index.write_bytes(content[:place])
        with pytest.raises(InputError, match=r"index\.arrow is "):
            PtReader(index.parent)
        flipped = bytearray(content)
        flipped[place] ^= 1 << random.integers(8)
        index.write_bytes(flipped)
        with suppress(InputError):  # a name may be another now; the interpreter must not be lost
            PtReader(index.parent)


def test_reader__no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such folder: .*a\.pt$"):
        PtReader(tmp_path / "a.pt")
