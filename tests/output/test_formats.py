"""All formats: the same objects come out, files are told by their content, faults are named."""

import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.errors import InputError, OptionError, OutputError
from numl_polars.output.formats import FORMATS, Format, format_named, format_of, is_own, open_objects
from numl_polars.output.samples import has_all_nodes, tensor_bytes
from tests.output.builder import METADATA, batch_of, graph, graphs, hidden, visible
from tests.output.formats_builder import (
    KNOWN,
    assert_same,
    in_rows,
    read_objects,
    samples_of,
    write_events,
    write_objects,
)
from tests.output.strategies import Objects, object_sets

every_format = pytest.mark.parametrize("known", [FORMATS[name] for name in KNOWN], ids=KNOWN)


@every_format
@settings(deadline=None, max_examples=25)
@given(objects=object_sets(), data=st.data())
def test_format__round_trip(
    tmp_path_factory: pytest.TempPathFactory, known: Format, objects: Objects, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("round")
    cut = data.draw(st.integers(0, len(objects)))
    rows = list(range(len(objects)))
    train = data.draw(st.permutations(rows))[:cut]
    batches = [in_rows(objects, part) for part in (rows[:cut], rows[cut:])]
    samples = {"train": np.array(train, np.int64), "validation": np.array([], np.int64)}
    path = write_objects(folder / f"a{known.suffix}", *batches, samples=samples)
    assert format_of(path) is known
    reader = pickle.loads(pickle.dumps(open_objects(path)))
    assert len(pickle.dumps(reader)) < 1000
    assert_same({name: reader.arrays(row) for row, name in enumerate(reader.names)}, objects)
    assert reader.metadata == METADATA
    assert reader.metadata.provenance == METADATA.provenance
    assert {split: found.tolist() for split, found in reader.samples.items()} == {
        "train": train,
        "validation": [],
    }
    if objects:
        assert reader.sizes.tolist() == tensor_bytes(batch_of(objects)).tolist()
    chosen = data.draw(st.permutations(rows))
    batch = reader.batch(chosen)
    assert_same(dict(zip(batch.names, batch, strict=True)), in_rows(objects, chosen))
    reader.close()


@every_format
def test_format__kinds_come_back(tmp_path: Path, known: Format) -> None:
    batch = batch_of(graphs(1, 2))
    attributes = tuple(
        type(attribute)(
            attribute.name,
            attribute.values,
            attribute.offsets,
            attribute.axis,
            np.dtype(np.int32) if attribute.name == "hit/id" else None,
            attribute.name == "hit_delaunay_hit/edge_index",
        )
        for attribute in batch.attributes
    )
    with known.writer(tmp_path / f"a{known.suffix}", METADATA) as writer:
        writer.write(type(batch)(batch.names, batch.event_index, attributes))
    reader = open_objects(tmp_path / f"a{known.suffix}")
    by_name = {attribute.name: attribute for attribute in reader.batch([1, 0]).attributes}
    reader.close()
    assert by_name["hit/id"].compact == np.int32
    assert by_name["hit_delaunay_hit/edge_index"].by_source
    assert not by_name["hit_nexus_sp/edge_index"].by_source


@every_format
def test_format__same_object_twice(tmp_path: Path, known: Format) -> None:
    with pytest.raises(OutputError, match=r"object 'r1_sr0_evt1' is written to .* a second time"):
        write_objects(tmp_path / f"a{known.suffix}", graphs(1, 2), graphs(1))
    assert visible(tmp_path) == hidden(tmp_path) == []


@every_format
def test_format__existing_output_is_kept(tmp_path: Path, known: Format) -> None:
    path = write_events(tmp_path / f"a{known.suffix}", 1)
    with pytest.raises(OutputError, match=r"exists already; --overwrite replaces it"):
        write_events(path, 2)
    assert list(read_objects(path)) == ["r1_sr0_evt1"]
    write_events(path, 2, overwrite=True)
    assert list(read_objects(path)) == ["r1_sr0_evt2"]
    assert hidden(tmp_path) == []


@every_format
def test_format__told_by_content(tmp_path: Path, known: Format) -> None:
    path = write_events(tmp_path / f"a{known.suffix}", 1)
    path = path.rename(tmp_path / "renamed.dat")
    assert format_of(path) is known
    assert list(read_objects(path)) == ["r1_sr0_evt1"]


@every_format
def test_format__own_files(tmp_path: Path, known: Format) -> None:
    own = type(METADATA)(("u",), provenance={"program": "numl-polars 1.0"})
    assert is_own(write_events(tmp_path / f"a{known.suffix}", 1, metadata=own))
    assert not is_own(write_events(tmp_path / f"b{known.suffix}", 1))
    assert not is_own(tmp_path)


def test_format__user_block(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.dat", "w", userblock_size=512) as file:
        file["planes"] = ["u"]
    assert format_of(tmp_path / "a.dat").name == "hdf5"


def test_format_named__unknown() -> None:
    assert format_named("pt") is FORMATS["pt"]
    with pytest.raises(OptionError, match=r"no format 'csv' \(has hdf5, arrow, pt\)"):
        format_named("csv")


def test_format_of__refused(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    write_events(tmp_path / "a.pt", 1)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.csv").write_text("name,run")
    (tmp_path / "empty.dat").touch()
    for name, message in {
        "absent.h5": r"no such file: .*absent\.h5",
        "folder": r"folder is a folder without index\.arrow: neither",
        "text.csv": r"text\.csv is no training file of a known format, .*: it begins with b'name,run'",
        "empty.dat": r"empty\.dat is no training file .*: it is empty",
        "a.pt/r1_sr0_evt1.pt": r"evt1\.pt is one object of format pt; name the folder .*a\.pt$",
        "a.pt/index.arrow": r"index\.arrow is the index of a folder of format pt; name the folder, .*a\.pt$",
    }.items():
        with pytest.raises(InputError, match=message):
            format_of(tmp_path / name)


@pytest.mark.parametrize("ending, message", [("h5", "is not an HDF5 file"), ("hdf5", "is not an HDF5 file")])
def test_open_objects__what_the_ending_says_is_wrong(tmp_path: Path, ending: str, message: str) -> None:
    (tmp_path / f"a.{ending}").write_text("no objects")
    with pytest.raises(InputError, match=message):
        open_objects(tmp_path / f"a.{ending}")


def test_writer__unknown_option(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="format hdf5 has no such option: compression='zstd'"):
        FORMATS["hdf5"].writer(tmp_path / "a.h5", METADATA, compression="zstd")


HDF5_ALONE = """
import sys
from pathlib import Path
from numl_polars import merge
from numl_polars.output.formats import open_objects
from tests.output.builder import write_graphs
write_graphs(Path("a.h5"), 1, 2)
merge([Path("a.h5")], Path("b.h5"))
reader = open_objects("b.h5")
reader.batch([1, 0])
print([name for name in ("torch", "polars") if name in sys.modules])
"""


def test_hdf5__needs_neither_torch_nor_polars(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    code = f"import sys; sys.path.insert(0, {str(root)!r})\n{HDF5_ALONE}"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_has_all_nodes__edges_and_scalars_may_be_none() -> None:
    batch = batch_of(
        {
            "whole": graph(1, num_hits=1),
            "without spacepoints": graph(1, num_spacepoints=0),
            "without hits": graph(1, num_hits=0),
        }
    )
    assert has_all_nodes(batch).tolist() == [True, False, False]


def test_samples_of__file_that_was_not_merged(tmp_path: Path) -> None:
    assert samples_of(write_events(tmp_path / "a.h5", 1)) == {}


def test_formats__without_torch_say_what_is_missing() -> None:
    script = """
import sys
sys.modules["torch"] = None
from numl_polars.output.formats import FORMATS
import numl_polars as nl
for ask in (lambda: FORMATS["pt"].writer("a.pt", None), lambda: nl.training.Dataset):
    try:
        ask()
    except (nl.OptionError, ImportError) as error:
        print(error)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(run.stdout.splitlines()) == {
        "format pt needs torch: pip install 'numl-polars[torch]'",
        "numl_polars.training needs torch: pip install 'numl-polars[torch]'",
    }
