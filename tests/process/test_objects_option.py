"""What events become, by the command: kinds of objects, parts, formats, several with one reading."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from numl_polars.output.formats import open_objects
from numl_polars.output.protocols import ObjectReader
from tests.conftest import Run
from tests.process.builder import KEPT, SPLITS, Finished, Here, assert_done, name_of

OWN_PARTS = """
import polars as pl
import numl_polars as nl


@nl.part(hit_table=["integral", "rms"])
def density(hits, *, scale=1.0):
    return {"hit/density": hits.select("event_index", scale * pl.col("integral") / pl.col("rms"))}


class Constant(nl.Part):
    value: float

    def attributes(self, formation):
        import numpy as np

        yield nl.parts.Attribute("evt/constant", np.full(len(formation.kept_events), self.value))


class Maps(nl.PixelMap):
    window = "tight"
    bins = (16, 16)
    particle_labels = nl.SimpleLabels()


graph = nl.HitGraph(event_labels=nl.FlavorLabels(), parts=[density(scale=2.0)])
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN_PARTS)
    return path


def assert_equal_objects(one: ObjectReader, other: ObjectReader) -> None:
    assert list(one.names) == list(other.names)
    for row in range(len(one.names)):
        left, right = one.arrays(row), other.arrays(row)
        assert left.keys() == right.keys()
        for name, array in left.items():
            assert (array.dtype, array.shape) == (right[name].dtype, right[name].shape), name
            assert np.array_equal(array, right[name], equal_nan=array.dtype.kind == "f"), name


@pytest.mark.parametrize("options", [("--format", "arrow"), ("--format", "arrow", "--compression", "zstd")])
def test_format__holds_the_same_graphs(
    here: Here, events: Path, one_rank: tuple[Path, Finished], tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert_done(here(events, tmp_path / "g", *SPLITS, *options))
    with_suffix = one_rank[0].with_suffix(".h5")
    assert_equal_objects(open_objects(with_suffix), open_objects(tmp_path / "g.arrow"))
    samples = open_objects(tmp_path / "g.arrow").samples
    for split, rows in open_objects(with_suffix).samples.items():
        assert samples[split].tolist() == rows.tolist()
    assert pl.scan_ipc(tmp_path / "g.arrow").select("name").collect().height == len(KEPT)


def test_format__pt_holds_the_same_graphs(
    here: Here, events: Path, one_rank: tuple[Path, Finished], tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    assert_done(here(events, tmp_path / "g.pt", *SPLITS, "--format", "pt", "--remove-rank-files"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.ledger.parquet", "g.pt", "g.report.json"]
    assert_equal_objects(open_objects(one_rank[0].with_suffix(".h5")), open_objects(tmp_path / "g.pt"))
    files = sorted((tmp_path / "g.pt").rglob("*.pt"))
    assert len(files) == len(KEPT)
    assert torch.load(files[0], weights_only=True)["hit"]["x"].shape[1] == 6


@pytest.mark.parametrize("format_name", ["arrow", "pt"])
def test_format__any_number_of_ranks_gives_the_same(
    run: Run, events: Path, tmp_path: Path, format_name: str
) -> None:
    pytest.importorskip("mpi4py")
    pytest.importorskip("torch")
    for ranks in (1, 3):
        assert_done(run(events, tmp_path / f"g{ranks}", "--format", format_name, *SPLITS, ranks=ranks))
    one, three = (open_objects(tmp_path / f"g{ranks}.{format_name}") for ranks in (1, 3))
    assert_equal_objects(one, three)
    assert {name: rows.tolist() for name, rows in one.samples.items()} == {
        name: rows.tolist() for name, rows in three.samples.items()
    }
    again = run(events, tmp_path / "g1", "--format", format_name, ranks=1)
    assert again.returncode == 1
    assert "exists already; --overwrite replaces it" in again.stderr
    assert_done(run(events, tmp_path / "g3", "--format", format_name, *SPLITS, "--overwrite", ranks=1))
    left = {path.name for path in tmp_path.glob("g3.0*")}
    assert left == {f"g3.0000.{format_name}"}
    assert_equal_objects(one, open_objects(tmp_path / f"g3.{format_name}"))


def test_several__are_made_with_one_reading(run: Run, events: Path, tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    maps = "maps=pixels(window='tight', bins=(16, 16), lower_bound=20)"
    assert_done(
        run(events, tmp_path / "out", "--object", "graph", "--object", maps, "--format", "arrow", ranks=2)
    )
    assert_done(run(events, tmp_path / "alone", "--object", maps, "--format", "arrow", ranks=1))
    assert_done(run(events, tmp_path / "graphs", "--format", "arrow", ranks=1))
    assert_equal_objects(open_objects(tmp_path / "out.maps.arrow"), open_objects(tmp_path / "alone.arrow"))
    assert_equal_objects(open_objects(tmp_path / "out.graph.arrow"), open_objects(tmp_path / "graphs.arrow"))
    names = list(open_objects(tmp_path / "out.graph.arrow").names)
    assert names == [name_of(event) for event in KEPT]
    report = json.loads((tmp_path / "out.maps.report.json").read_text())
    assert report["options"]["object"] == "PixelMap"
    assert report["options"]["bins"] == [16, 16]
    assert (tmp_path / "out.maps.ledger.parquet").exists()
    assert not (tmp_path / "out.arrow").exists()


def test_part__of_a_file_is_added(here: Here, events: Path, tmp_path: Path, own: Path) -> None:
    parts = ["--part", f"{own}:density(scale=2.0)", "--part", f"{own}:Constant(value=3)", "--part"]
    assert_done(here(events, tmp_path / "g", *parts, "nearest-edges(k=2)"))
    arrays = open_objects(tmp_path / "g.h5").arrays(0)
    x = arrays["hit/x"]
    assert np.allclose(arrays["hit/density"], 2 * x[:, 0] / x[:, 1])
    assert arrays["evt/constant"] == 3
    assert arrays["hit_nearest-planar_hit/edge_index"].shape == (2, 2 * len(x))
    report = json.loads((tmp_path / "g.report.json").read_text())
    assert [part["part"] for part in report["options"]["parts"]] == ["density", "Constant", "NearestEdges"]


def test_object__bare_has_its_parts_only(here: Here, events: Path, tmp_path: Path) -> None:
    assert_done(here(events, tmp_path / "g", "--object", "bare", "--part", "hit-nodes", "--part", "hit-ids"))
    assert list(open_objects(tmp_path / "g.h5").arrays(0)) == [
        "metadata/run", "metadata/subrun", "metadata/event", "evt/num_nodes", "evt/y", "hit/plane", "hit/pos",
        "hit/x", "hit/id",
    ]  # fmt: skip


def test_object__of_a_file_decides_for_itself(here: Here, events: Path, tmp_path: Path, own: Path) -> None:
    assert_done(here(events, tmp_path / "g", "--object", f"{own}:graph"))
    graph = open_objects(tmp_path / "g.h5")
    assert "hit/y_semantic" not in graph.arrays(0)
    assert "hit/density" in graph.arrays(0)
    assert_done(here(events, tmp_path / "l", "--object", f"{own}:graph", "--particle-labels", "standard"))
    assert "hit/y_semantic" in open_objects(tmp_path / "l.h5").arrays(0)
    assert_done(here(events, tmp_path / "m", "--object", f"{own}:Maps(bins=(8, 8))"))
    maps = open_objects(tmp_path / "m.h5")
    assert maps.metadata is not None
    assert "michel" in (maps.metadata.semantic_classes or ())
    assert maps.arrays(0)["pixel/coordinates"].max() == 7
    assert len(maps.metadata.semantic_classes or ()) < 7


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--object", "grph"], r"'grph' names no object (did you mean graph?); it may be graph, pixels"),
        (["--object", "graph(k=1)"], "graph has no parameter 'k'; it takes particle_labels=None"),
        (["--object", "graph", "--object", "graph"], "two objects are named 'graph'; write NAME=graph"),
        (
            ["--object", "a b=graph", "--object", "graph"],
            "object 'a b': an object is named by letters, digits",
        ),
        (["--object", "00=graph", "--object", "graph"], "object '00': an object is named by letters, digits"),
        (["--object", "pixels bins=256"], "object 'pixels bins': an object is named by letters, digits"),
        (["--object", "pixels(bins=(4, 4))", "--position"], "--position means nothing to pixels"),
        (
            ["--part", "edges"],
            "'edges' names no part (did you mean nexus-edges or event-edges?); it may be hit-nodes",
        ),
        (["--part", "radius-edges"], "radius-edges needs parameter 'radius'; it takes of='hits'"),
        (["--part", "nearest-edges(k=0)"], "k is 0; a node has at least 1 neighbour"),
        (["--part", "{own}:nothing"], "has no 'nothing'; it has density, Constant, Maps, graph"),
        (["--part", "{own}:graph"], "is HitGraph("),
        (["--object", "{own}:density"], "; an object is a subclass of TrainingObject or an instance of one"),
        (["--object", "pixels(bins=(0, 4))"], "bins"),
        (["--object", "voxels(voxel_size=0)"], "voxel_size"),
        (["--format", "hdf5", "--compression", "zstd"], "format hdf5 has no such option: compression='zstd'"),
        (["--format", "root"], "'root' is not one of 'hdf5', 'arrow', 'pt'"),
        (["--detailed-truth", "--particle-labels", "none"], "detailed truth needs particle labels"),
    ],
)
def test_option__without_meaning_is_told(
    here: Here, events: Path, tmp_path: Path, own: Path, options: list[str], told: str
) -> None:
    before = sorted(tmp_path.iterdir())
    done = here(events, tmp_path / "g", *(option.format(own=own) for option in options))
    assert done.returncode == 2
    assert told in " ".join(done.stderr.replace("\u2502", "").split())
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_split_by__hash_stays_when_files_are_added(here: Here, events: Path, tmp_path: Path) -> None:
    splits = ("--splits", "50/25/25", "--split-by", "hash", "--format", "arrow")
    assert_done(here(events, tmp_path / "all", *splits))
    assert_done(here(events, tmp_path / "few", *splits, "--events", ":6"))

    def split_of(path: Path) -> dict[str, str]:
        return dict(pl.scan_ipc(path).select("name", "split").collect().iter_rows())

    few, every = split_of(tmp_path / "few.arrow"), split_of(tmp_path / "all.arrow")
    assert few.items() <= every.items()
    assert len(set(every.values())) > 1
