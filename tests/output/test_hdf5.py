import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from numl_polars.errors import InputError, OutputError
from numl_polars.objects.batch import Array
from numl_polars.output.hdf5 import Hdf5Writer
from numl_polars.output.hdf5_content import object_names, read_metadata
from numl_polars.output.hdf5_objects import read_object
from numl_polars.output.layout import GraphMetadata
from numl_polars.tables.opening import open_hdf5
from tests.output.builder import (
    METADATA,
    batch_of,
    graph,
    graphs,
    hidden,
    shared_folder,
    visible,
    write_graphs,
    write_like_pynuml,
)

PROJECT = Path(__file__).resolve().parents[2]
DTYPES: st.SearchStrategy[np.dtype[Any]] = st.sampled_from(
    [np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.float32)]
)


def read_objects(path: Path) -> dict[str, dict[str, Array]]:
    with open_hdf5(path) as file:
        return {name: read_object(file["dataset"][name]) for name in object_names(file)}


def assert_same_objects(found: dict[str, dict[str, Array]], expected: dict[str, dict[str, Array]]) -> None:
    assert list(found) == list(expected)
    for name, arrays in expected.items():
        assert list(found[name]) == list(arrays)
        for field, array in arrays.items():
            assert (found[name][field].dtype, found[name][field].shape) == (array.dtype, array.shape), field
            np.testing.assert_array_equal(found[name][field], array)


@st.composite
def object_sets(draw: st.DrawFn) -> dict[str, dict[str, Array]]:
    """Up to 5 objects of the same attributes, whose empty arrays the layout can tell from scalars."""
    fields: dict[str, tuple[int | None, ...]] = {  # None: as many rows as the object has
        "metadata/run": (),
        "sp/num_nodes": (),
        "sp/pos": (None, 3),
        "hit/pos": (None, 2),
        "hit/id": (None,),
        "evt/y": (1,),
        "evt/table": (2, 1, 3),
        "hit_delaunay-planar_hit/edge_index": (2, None),
        "hit_nexus_sp/edge_index": (2, None),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), unique=True, min_size=1))
    dtypes = {field: draw(DTYPES) for field in chosen}
    names = draw(st.lists(st.integers(0, 99), max_size=5, unique=True))

    def drawn(field: str) -> Array:
        shape = tuple(draw(st.integers(0, 4)) if size is None else size for size in fields[field])
        return np.asarray(draw(npst.arrays(dtypes[field], shape)))

    return {f"r1_sr0_evt{name}": {field: drawn(field) for field in chosen} for name in names}


@settings(deadline=None)
@given(objects=object_sets())
def test_write_read__identity(
    tmp_path_factory: pytest.TempPathFactory, objects: dict[str, dict[str, Array]]
) -> None:
    path = tmp_path_factory.mktemp("round") / "a.h5"
    with Hdf5Writer(path, METADATA) as writer:
        writer.write(batch_of(objects))
    assert_same_objects(read_objects(path), objects)


def test_writer__several_batches_keep_order(tmp_path: Path) -> None:
    with Hdf5Writer(tmp_path / "a.h5", METADATA) as writer:
        writer.write(batch_of(graphs(12, 3)))
        writer.write(batch_of({}))
        writer.write(batch_of(graphs(7, 100)))
    assert_same_objects(read_objects(tmp_path / "a.h5"), graphs(12, 3, 7, 100))


def test_writer__no_objects(tmp_path: Path) -> None:
    assert read_objects(write_graphs(tmp_path / "a.h5")) == {}


def test_writer__layout(tmp_path: Path) -> None:
    write_graphs(tmp_path / "a.h5", 6)
    with h5py.File(tmp_path / "a.h5") as file:
        dataset = file["dataset/r1_sr0_evt6"]
        assert dataset.shape == ()
        assert dataset.dtype == np.dtype(
            [
                ("metadata/run", "<i4"),
                ("metadata/event", "<i4"),
                ("sp/pos", "<f4"),
                ("hit/x", "<f4", (3, 6)),
                ("hit/id", "<i8", (3,)),
                ("particle-truth/num_nodes", "<i8"),
                ("hit_delaunay_hit/edge_index", "<i8", (2, 2)),
                ("hit_nexus_sp/edge_index", "<i8"),
            ]
        )
        assert file["planes"].asstr()[()].tolist() == ["u", "v", "y"]
        assert tuple(h5py.check_string_dtype(file["planes"].dtype)) == ("utf-8", None)
        assert (file["gen"].dtype, file["gen"].shape, file["gen"][()].item()) == (np.int64, (1,), 2)
        assert file.attrs.keys() == {"version", "size", "attributes"}
        assert (file.attrs["version"], file.attrs["size"]) == ("0.1", 7)


def test_writer__equal_input_gives_equal_files(tmp_path: Path) -> None:
    one, other = (write_graphs(tmp_path / name, 1, 2, 3) for name in ("one.h5", "other.h5"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("semantic, event", [(None, None), (("a",), None), (None, ("é", "nc")), ((), ())])
def test_metadata__round_trip(
    tmp_path: Path, semantic: tuple[str, ...] | None, event: tuple[str, ...] | None
) -> None:
    provenance: dict[str, str | int | float] = {
        "input": "run.evt.h5",
        "stop": 3,
        "factor": 0.5,
        "options": "{}",
    }
    metadata = GraphMetadata(("u", "v"), semantic, event, provenance)
    path = write_graphs(tmp_path / "a.h5", metadata=metadata)
    with h5py.File(path) as file:
        assert ("semantic_classes" in file, "event_classes" in file) == (
            semantic is not None,
            event is not None,
        )
        found = read_metadata(file)
    assert found == metadata
    assert found is not None
    assert found.provenance == provenance


def test_object_names__natural_where_order_is_not_kept(tmp_path: Path) -> None:
    path = write_like_pynuml(tmp_path / "a.h5", 10, 9, 100)
    with open_hdf5(path) as file:
        assert object_names(file) == ["r1_sr0_evt9", "r1_sr0_evt10", "r1_sr0_evt100"]


def expected_files() -> list[Any]:
    names = ["real/r7010_sr1705_evt85251", "synthetic/uboone", "synthetic/uboone_gaps", "synthetic/dune"]
    return [pytest.param(name, id=name.partition("/")[2]) for name in names]


@pytest.mark.parametrize("name", expected_files())
def test_writer__layout_equals_expected_files(tmp_path: Path, name: str) -> None:
    shared = shared_folder()
    source, copy = shared / "data" / f"{name}.graphs.h5", tmp_path / "copy.h5"
    with open_hdf5(source) as file:
        metadata = read_metadata(file)
    assert metadata is not None
    with Hdf5Writer(copy, metadata) as writer:
        for key, arrays in read_objects(source).items():
            writer.write(batch_of({key: arrays}))
    command = [
        sys.executable,
        str(shared / "tools" / "compare_graphs.py"),
        str(source),
        str(copy),
        "--rtol",
        "0",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.splitlines()[-1].partition(", ")[2]) == (0, "0 differences"), (
        run.stdout
    )
    with h5py.File(source) as left, h5py.File(copy) as right:
        for key in left["dataset"]:
            assert left["dataset"][key].dtype == right["dataset"][key].dtype
            assert left["dataset"][key][()].tobytes() == right["dataset"][key][()].tobytes()


def test_writer__existing_file_is_kept(tmp_path: Path) -> None:
    path = write_graphs(tmp_path / "a.h5", 1)
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"a\.h5 exists already; --overwrite"):
        write_graphs(path, 2)
    assert path.read_bytes() == before
    with Hdf5Writer(path, METADATA, overwrite=True) as writer:
        writer.write(batch_of(graphs(2)))
    assert list(read_objects(path)) == ["r1_sr0_evt2"]


def test_writer__fault_of_the_caller_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with Hdf5Writer(tmp_path / "a.h5", METADATA) as writer:
            writer.write(batch_of(graphs(1)))
            raise RuntimeError("elsewhere")

    with pytest.raises(RuntimeError, match="elsewhere"):
        write()
    assert visible(tmp_path) == hidden(tmp_path) == []


def test_writer__object_twice(tmp_path: Path) -> None:
    def write() -> None:
        with Hdf5Writer(tmp_path / "a.h5", METADATA) as writer:
            writer.write(batch_of(graphs(1, 2)))
            writer.write(batch_of(graphs(1)))

    with pytest.raises(OutputError, match=r"object 'r1_sr0_evt1' is written to .*a\.h5 a second time"):
        write()
    assert visible(tmp_path) == []


def test_writer__bad_attributes(tmp_path: Path) -> None:
    with Hdf5Writer(tmp_path / "a.h5", METADATA) as writer:
        with pytest.raises(ValueError, match="attribute 'my_hit/x' is not named store/attribute"):
            writer.write(batch_of({"a": {"my_hit/x": np.zeros(3)}}))
        with pytest.raises(ValueError, match="attribute of dtype <U1 cannot be written"):
            writer.write(batch_of({"a": {"hit/x": np.array(["a", "b"])}}))


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


WRITE_AND_DIE = """
import os, signal
from pathlib import Path
from numl_polars.output.hdf5 import Hdf5Writer
from tests.output.builder import METADATA, batch_of, graphs
with Hdf5Writer(Path("a.h5"), METADATA, overwrite=True) as writer:
    writer.write(batch_of(graphs(2)))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_writer__killed_leaves_nothing_visible(tmp_path: Path) -> None:
    assert run_python(WRITE_AND_DIE, tmp_path).returncode == -signal.SIGKILL
    assert visible(tmp_path) == []
    assert len(hidden(tmp_path)) == 1
    before = write_graphs(tmp_path / "a.h5", 1).read_bytes()
    assert run_python(WRITE_AND_DIE, tmp_path).returncode == -signal.SIGKILL
    assert (tmp_path / "a.h5").read_bytes() == before


WRITE_TOO_MUCH = """
import resource, signal
from pathlib import Path
from numl_polars.errors import OutputError
from numl_polars.output.hdf5 import Hdf5Writer
from tests.output.builder import METADATA, batch_of, graph
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    with Hdf5Writer(Path("a.h5"), METADATA, overwrite=True) as writer:
        for event in range({num_objects}):
            writer.write(batch_of({{str(event): graph(event, num_hits={num_hits})}}))
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("num_objects, num_hits", [(20, 1000), (1000, 2), (3, 20_000)])
def test_writer__full_disk(tmp_path: Path, num_objects: int, num_hits: int) -> None:
    # A limit on the size of a file fails as a full disk does, in a write or only when the file is closed.
    (tmp_path / "a.h5").write_text("earlier")
    run = run_python(WRITE_TOO_MUCH.format(num_objects=num_objects, num_hits=num_hits), tmp_path)
    assert run.stdout.startswith("cannot write a.h5: "), run.stderr
    assert len(run.stdout.splitlines()) == 1
    assert "large" in run.stdout
    assert (tmp_path / "a.h5").read_text() == "earlier"
    assert hidden(tmp_path) == []


def test_open_hdf5__faults(tmp_path: Path) -> None:
    path = write_graphs(tmp_path / "whole.h5", 1, 2)
    (tmp_path / "short.h5").write_bytes(path.read_bytes()[:-100])
    (tmp_path / "text.h5").write_text("not a graph")
    (tmp_path / "empty.h5").touch()
    for name, message in {
        "absent.h5": r"no such file: .*absent\.h5",
        "short.h5": r"short\.h5 is truncated",
        "text.h5": r"text\.h5 is not an HDF5 file",
        "empty.h5": r"empty\.h5 is not an HDF5 file",
        "": r"is a folder",
    }.items():
        with pytest.raises(InputError, match=message), open_hdf5(tmp_path / name):
            pytest.fail("the block must not run")


def test_object_names__not_a_graph_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert object_names(file) == []
        file.create_group("hit_table")
        with pytest.raises(InputError, match=r"is not a graph file: it has no 'dataset' \(has 'hit_table'\)"):
            object_names(file)
        file["dataset"] = 3
        with pytest.raises(InputError, match=r"is not a graph file: its 'dataset' is not a group"):
            object_names(file)


def test_read_metadata__faults(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert read_metadata(file) is None
        file["semantic_classes"] = ["a"]
        with pytest.raises(InputError, match=r"a\.h5 has no 'planes' \(has 'semantic_classes'\)"):
            read_metadata(file)
        file["planes"] = [1, 2]
        with pytest.raises(InputError, match=r"'planes' is not a list of strings in .*a\.h5"):
            read_metadata(file)
        del file["planes"]
        file["planes"] = ["u"]
        first_generation = read_metadata(file)
        assert first_generation is not None
        assert first_generation.gen == 1
        file["gen"] = [1, 2]
        with pytest.raises(InputError, match=r"'gen' is not one integer in .*a\.h5"):
            read_metadata(file)


def test_read_object__not_an_object(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["dataset/a"] = [1, 2]
        with pytest.raises(InputError, match=r"'dataset/a' is not a graph object.* in .*a\.h5"):
            read_object(file["dataset/a"])


def test_read_object__scalars_that_are_no_empty_arrays(tmp_path: Path) -> None:
    objects = {"a": graph(0) | {"evt/weight": np.array(2.5), "evt/num_nodes": np.array(0)}}
    with Hdf5Writer(tmp_path / "a.h5", METADATA) as writer:
        writer.write(batch_of(objects))
    assert_same_objects(read_objects(tmp_path / "a.h5"), objects)
