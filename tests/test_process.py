"""The whole command, as its users meet it: real processes, and real ranks where ranks matter.

What only an option changes is run in this process, through the same entry point.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import polars as pl
import pytest

import numl_polars as nl
from numl_polars.pipeline import process
from numl_polars.process import main
from tests.builder import Table, join, particles, simple_event, without_rows, write_events, write_tables
from tests.conftest import Run

Finished = subprocess.CompletedProcess[str]
Here = Callable[..., Finished]
Tables = dict[str, Table]
Edit = Callable[[Path], None]

# hits a plane: events of very different size, in the order of the file; 0 has no row in any table
SIZES = (60, 0, 21, 400, 20, 0, 25, 19, 150, 22, 0, 33, 45, 24, 28)
IDS = [(9 - i // 4, i % 2, 500 - 7 * i) for i in range(len(SIZES))]
FEW_HITS, LARGE_INTEGRAL, ORPHAN, NO_SPACEPOINTS = 7, 12, 13, 14
REJECTED = {
    1: "no_hits", 5: "no_hits", FEW_HITS: "few_hits", 10: "no_hits",
    LARGE_INTEGRAL: "large_integral", ORPHAN: "orphan",
}  # fmt: skip
KEPT = [i for i in range(len(SIZES)) if i not in REJECTED]
SPLITS = ("--splits", "50/25/25")
LABEL_TRUTH = {
    "hit/y_semantic",
    "particle-truth/num_nodes",
    "hit_cluster-truth_particle-truth/edge_index",
}
# what MPI_Abort and mpirun add by themselves
LAUNCHER_NOISE = re.compile(r"Abort\(\d+\) on node|=+$|=   |\s*$")


def tables_of_all_sizes() -> Tables:
    events = [
        simple_event(size, seed=i) if size else without_rows(simple_event()) for i, size in enumerate(SIZES)
    ]
    events[LARGE_INTEGRAL]["hit_table"]["integral"][4] = 2e6
    events[ORPHAN]["particle_table"]["parent_id"][0] = 99
    events[NO_SPACEPOINTS]["spacepoint_table"] = {
        column: rows[:0] for column, rows in events[NO_SPACEPOINTS]["spacepoint_table"].items()
    }
    return join(events, IDS)


def name_of(event: int) -> str:
    run, subrun, number = IDS[event]
    return f"r{run}_sr{subrun}_evt{number}"


@dataclass(frozen=True)
class Graphs:
    """A graph file: objects in the order in which they were written, and all that stands beside them."""

    names: list[str]
    records: dict[str, tuple[np.dtype[np.void], bytes]]
    objects: dict[str, dict[str, np.ndarray]]
    beside: dict[str, Any]

    @property
    def samples(self) -> dict[str, list[str]]:
        return {name: self.beside[f"samples/{name}"] for name in ("train", "validation", "test")}


def read_graphs(path: Path) -> Graphs:
    names: list[str] = []
    with h5py.File(path) as file:
        group = file["dataset"]
        group.id.links.iterate(lambda name: names.append(name.decode()), idx_type=h5py.h5.INDEX_CRT_ORDER)
        values = {name: group[name][()] for name in names}
        beside: dict[str, Any] = {}

        def add(name: str, member: Any) -> None:
            if isinstance(member, h5py.Dataset) and not name.startswith("dataset/"):
                text = h5py.check_string_dtype(member.dtype) is not None
                beside[name] = (member.asstr() if text else member)[()].tolist()

        file.visititems(add)
    return Graphs(
        names,
        {name: (value.dtype, value.tobytes()) for name, value in values.items()},
        {name: {field: value[field] for field in value.dtype.names} for name, value in values.items()},
        beside,
    )


def read_ledger(stem: Path) -> pl.DataFrame:
    return pl.read_parquet(f"{stem}.ledger.parquet")


def rejected_of(stem: Path) -> dict[int, str]:
    """Reason by event index."""
    rows = read_ledger(stem).filter("rejected")
    assert rows["event_index"].is_unique().all()
    return dict(rows.select("event_index", "reason").iter_rows())


def changed_fields(before: Graphs, after: Graphs) -> tuple[set[str], set[str], set[str]]:
    """Fields that came, went and changed, over all objects; the objects are the same."""
    assert after.names == before.names
    came: set[str] = set()
    went: set[str] = set()
    changed: set[str] = set()
    for name in before.names:
        old, new = before.objects[name], after.objects[name]
        came |= new.keys() - old.keys()
        went |= old.keys() - new.keys()
        changed |= {
            field
            for field in old.keys() & new.keys()
            if old[field].dtype != new[field].dtype or old[field].tobytes() != new[field].tobytes()
        }
    return came, went, changed


def files(folder: Path) -> dict[str, bytes]:
    """Every file in the folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def spoken(stderr: str) -> list[str]:
    """Lines on stderr that are not the launcher's."""
    return [line for line in stderr.splitlines() if not LAUNCHER_NOISE.match(line)]


def assert_done(result: Finished) -> None:
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def assert_fault(result: Finished, *words: str) -> None:
    lines = spoken(result.stderr)
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("numl-polars: ")
    for word in words:
        assert word in lines[0]
    assert result.returncode == 1


def shown(options: object) -> str | None:
    """Options as the name of a test."""
    return " ".join(options) if isinstance(options, list) else None


def copied(source: Path, target: Path) -> Path:
    shutil.copy(source, target)
    return target


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Run the command in this process, from its arguments to its exit."""

    def run_here(*arguments: object) -> Finished:
        command = ["numl-polars", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            with pytest.raises(SystemExit) as stop:
                main()
        assert isinstance(stop.value.code, int)
        return subprocess.CompletedProcess(command, stop.value.code, *capsys.readouterr())

    return run_here


@pytest.fixture(scope="session")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Event file of `SIZES`."""
    return write_tables(tmp_path_factory.mktemp("events") / "run.evt.h5", tables_of_all_sizes())


@pytest.fixture(scope="session")
def one_rank(events: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """Stem of the output of one rank, and what the command said."""
    stem = tmp_path_factory.mktemp("one") / "graphs"
    result = run(events, stem, *SPLITS)
    assert_done(result)
    return stem, result


@pytest.fixture(scope="session")
def base(one_rank: tuple[Path, Finished]) -> Graphs:
    return read_graphs(one_rank[0].with_suffix(".h5"))


@pytest.fixture(scope="session")
def three_ranks(events: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    stem = tmp_path_factory.mktemp("three") / "graphs"
    result = run(events, stem, *SPLITS, ranks=3)
    assert_done(result)
    return stem, result


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Event file of three events, to break."""
    return write_events(
        tmp_path_factory.mktemp("small") / "small.evt.h5", [simple_event(20 + i) for i in range(3)]
    )


@pytest.fixture
def earlier(one_rank: tuple[Path, Finished], tmp_path: Path) -> Path:
    """Stem of earlier output, alone in its folder."""
    folder = tmp_path / "earlier"
    shutil.copytree(one_rank[0].parent, folder)
    return folder / "graphs"


# ---- parity


@pytest.mark.parametrize(
    ("data", "option", "ranks"),
    [
        ("synthetic/uboone", "--vertex", None),
        ("synthetic/uboone_gaps", "--vertex", 2),
        ("synthetic/dune", "--position", None),
        ("real/r7010_sr1705_evt85251", "--vertex", None),
    ],
)
def test_process__equals_pynuml(
    shared: Path, run: Run, tmp_path: Path, data: str, option: str, ranks: int | None
) -> None:
    result = run(shared / f"data/{data}.evt.h5", tmp_path / "graphs", option, ranks=ranks)
    assert_done(result)
    tool, expected = shared / "tools/compare_graphs.py", shared / f"data/{data}.graphs.h5"
    compared = subprocess.run(
        [sys.executable, tool, expected, tmp_path / "graphs.h5"], capture_output=True, text=True, check=False
    )
    assert re.fullmatch(r"[1-9]\d* objects expected, 0 differences\n", compared.stdout), compared.stdout


def sampled(graphs: Graphs) -> list[str]:
    """Objects that stand in a sample: all but that without spacepoints, which readers cannot batch."""
    return [name for name in graphs.names if name != name_of(NO_SPACEPOINTS)]


# ---- ranks


def test_process__one_rank_keeps_the_right_events(base: Graphs, one_rank: tuple[Path, Finished]) -> None:
    assert base.names == [name_of(event) for event in KEPT]
    assert base.names != sorted(base.names)
    assert rejected_of(one_rank[0]) == REJECTED
    assert {name: len(members) for name, members in base.samples.items()} == {
        "train": 4,
        "validation": 2,
        "test": 2,
    }
    assert sorted(chain.from_iterable(base.samples.values())) == sorted(sampled(base))
    assert len(base.beside["datasize/train"]) == 4


@pytest.mark.parametrize("ranks", [2, 3, 7])
def test_process__ranks_equal_one(
    ranks: int, events: Path, base: Graphs, one_rank: tuple[Path, Finished], run: Run, tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    if ranks == 3:
        stem, result = request.getfixturevalue("three_ranks")
    else:
        stem = tmp_path / "graphs"
        result = run(events, stem, *SPLITS, ranks=ranks)
    assert_done(result)
    graphs = read_graphs(stem.with_suffix(".h5"))
    assert graphs.names == base.names
    assert graphs.records == base.records
    assert graphs.beside == base.beside
    assert read_ledger(stem).equals(read_ledger(one_rank[0]))
    of_ranks = [read_graphs(stem.with_name(f"graphs.{rank:04d}.h5")).names for rank in range(ranks)]
    assert list(chain.from_iterable(of_ranks)) == base.names
    assert sum(bool(names) for names in of_ranks) > 1
    expected = {"graphs.h5", "graphs.ledger.parquet", "graphs.report.json"}
    assert files(stem.parent).keys() == expected | {f"graphs.{rank:04d}.h5" for rank in range(ranks)}
    assert result.stdout.count("kept") == 1


def test_process__merged_file_is_the_same_bytes_from_any_ranks(
    one_rank: tuple[Path, Finished], three_ranks: tuple[Path, Finished]
) -> None:
    one, three = (stem.with_suffix(".h5").read_bytes() for stem, _ in (one_rank, three_ranks))
    assert one == three


def test_process__more_ranks_than_events(events: Path, base: Graphs, run: Run, tmp_path: Path) -> None:
    result = run(events, tmp_path / "graphs", "--events", "4:6", "--remove-rank-files", ranks=3)
    assert_done(result)
    graphs = read_graphs(tmp_path / "graphs.h5")
    assert graphs.names == [name_of(4)]
    assert rejected_of(tmp_path / "graphs") == {5: "no_hits"}
    assert all(graphs.records[name] == base.records[name] for name in graphs.names)
    assert files(tmp_path).keys() == {"graphs.h5", "graphs.ledger.parquet", "graphs.report.json"}


def test_process__no_merge_leaves_rank_files(events: Path, base: Graphs, here: Here, tmp_path: Path) -> None:
    assert_done(here(events, tmp_path / "graphs", "--no-merge"))
    assert files(tmp_path).keys() == {"graphs.0000.h5", "graphs.ledger.parquet", "graphs.report.json"}
    graphs = read_graphs(tmp_path / "graphs.0000.h5")
    assert (graphs.names, graphs.records) == (base.names, base.records)
    assert graphs.beside.keys() == {"planes", "semantic_classes", "event_classes", "gen"}


def test_process__fewer_ranks_leave_no_files_of_more(
    events: Path, base: Graphs, three_ranks: tuple[Path, Finished], here: Here, tmp_path: Path
) -> None:
    shutil.copytree(three_ranks[0].parent, tmp_path / "out")
    assert_done(here(events, tmp_path / "out/graphs", *SPLITS, "--overwrite"))
    assert sorted(tmp_path.glob("out/graphs.0*.h5")) == [tmp_path / "out/graphs.0000.h5"]
    assert read_graphs(tmp_path / "out/graphs.0000.h5").records == base.records


# ---- options


@pytest.mark.parametrize(
    ("options", "came", "went"),
    [
        (["--vertex"], {"evt/y_vtx"}, set()),
        (["--position"], {"hit/y_position"}, set()),
        (["--detailed-truth"], {"hit/g4_id", "hit/parent_id", "hit/pdg"}, set()),
        (["--event-labels", "none"], set(), {"evt/y"}),
        (["--batch-size", "1"], set(), set()),
        (["--batch-size", "20kB"], set(), set()),
        (["--planes", "a,b,c"], set(), set()),
        (["--seed", "5"], set(), set()),
        (["--splits", "0.6/0.2/0.2"], set(), set()),
    ],
    ids=shown,
)
def test_process__option_changes_its_fields_only(
    options: list[str],
    came: set[str],
    went: set[str],
    events: Path,
    base: Graphs,
    one_rank: tuple[Path, Finished],
    here: Here,
    tmp_path: Path,
) -> None:
    splits = [] if "--splits" in options else SPLITS
    assert_done(here(events, tmp_path / "graphs", *splits, *options))
    graphs = read_graphs(tmp_path / "graphs.h5")
    assert changed_fields(base, graphs) == (came, went, set())
    # a detail may name a plane
    ledgers = [read_ledger(stem).drop("detail") for stem in (tmp_path / "graphs", one_rank[0])]
    assert ledgers[0].equals(ledgers[1])
    beside = {
        "--planes": {"planes"},
        "--seed": {"samples/train", "samples/validation", "samples/test", "datasize/train"},
        "--splits": {"samples/train", "samples/validation", "samples/test", "datasize/train"},
        "--event-labels": {"event_classes", "datasize/train"},
        "--vertex": {"datasize/train"},
        "--position": {"datasize/train"},
        "--detailed-truth": {"datasize/train"},
    }.get(options[0], set())
    names = base.beside.keys() | graphs.beside.keys()
    assert {name for name in names if graphs.beside.get(name) != base.beside.get(name)} == beside


def test_process__without_particle_labels(events: Path, base: Graphs, here: Here, tmp_path: Path) -> None:
    assert_done(here(events, tmp_path / "graphs", *SPLITS, "--particle-labels", "none"))
    graphs = read_graphs(tmp_path / "graphs.h5")
    assert rejected_of(tmp_path / "graphs") == {i: why for i, why in REJECTED.items() if why != "orphan"}
    assert graphs.names == [name_of(event) for event in sorted([*KEPT, ORPHAN])]
    for name in base.names:
        assert base.objects[name].keys() - graphs.objects[name].keys() == LABEL_TRUTH
        for field, values in graphs.objects[name].items():
            np.testing.assert_array_equal(values, base.objects[name][field])
    assert "semantic_classes" not in graphs.beside
    assert "semantic_classes" in base.beside


def test_process__truth_options_have_the_right_values(events: Path, here: Here, tmp_path: Path) -> None:
    assert_done(here(events, tmp_path / "graphs", "--vertex", "--position", "--detailed-truth"))
    deposits = simple_event(SIZES[2], seed=2)["edep_table"]
    graph = read_graphs(tmp_path / "graphs.h5").objects[name_of(2)]
    assert graph["evt/y_vtx"].tolist() == [[1, 2, 3]]
    position = np.stack([deposits[f"{axis}_position"] for axis in "xyz"], axis=1)
    np.testing.assert_allclose(graph["hit/y_position"], position, rtol=1e-6)
    for field, value in (("g4_id", 1), ("parent_id", 0), ("pdg", 13), ("y_semantic", 1)):
        assert set(graph[f"hit/{field}"].tolist()) == {value}


def test_process__fewer_planes_leave_out_events_with_others(events: Path, here: Here, tmp_path: Path) -> None:
    result = here(events, tmp_path / "graphs", "--planes", "u,v")
    assert_done(result)
    assert "No events left" in result.stdout
    unknown = dict.fromkeys([*KEPT, ORPHAN], "unknown_plane")
    assert rejected_of(tmp_path / "graphs") == REJECTED | unknown


def test_process__node_features(events: Path, base: Graphs, here: Here, tmp_path: Path) -> None:
    assert_done(here(events, tmp_path / "graphs", *SPLITS, "--node-features", "rms, integral"))
    graphs = read_graphs(tmp_path / "graphs.h5")
    assert changed_fields(base, graphs) == (set(), set(), {"hit/x"})
    for name in base.names:
        expected = base.objects[name]["hit/x"][:, [1, 0, 3, 4, 5]]
        np.testing.assert_array_equal(graphs.objects[name]["hit/x"], expected)


@pytest.mark.parametrize(
    ("options", "less", "more"),
    [
        (["--lower-bound", "19"], set(), {FEW_HITS}),
        (["--lower-bound", "21"], {4}, set()),
        (["--lower-bound", "0"], set(), {FEW_HITS}),
        (["--max-integral", "none"], set(), {LARGE_INTEGRAL}),
        (["--max-integral", "3e6"], set(), {LARGE_INTEGRAL}),
        (["--max-integral", "9"], set(KEPT), set()),
    ],
    ids=shown,
)
def test_process__selection_options(
    options: list[str], less: set[int], more: set[int], events: Path, base: Graphs, here: Here, tmp_path: Path
) -> None:
    assert_done(here(events, tmp_path / "graphs", *options))
    graphs = read_graphs(tmp_path / "graphs.h5")
    kept = sorted(set(KEPT) - less | more)
    assert graphs.names == [name_of(event) for event in kept]
    assert set(rejected_of(tmp_path / "graphs")) == set(range(len(SIZES))) - set(kept)
    for name in set(graphs.names) & set(base.names):
        assert graphs.records[name] == base.records[name]


def test_process__max_integral_is_the_largest_that_is_kept(events: Path, here: Here, tmp_path: Path) -> None:
    largest = {i: float(simple_event(SIZES[i], seed=i)["hit_table"]["integral"].max()) for i in KEPT}
    limit = sorted(largest.values())[4]
    assert_done(here(events, tmp_path / "graphs", "--max-integral", repr(limit)))
    kept = [event for event in KEPT if largest[event] <= limit]
    assert len(kept) == 5
    assert read_graphs(tmp_path / "graphs.h5").names == [name_of(event) for event in kept]


@pytest.mark.parametrize(
    ("text", "span"),
    [("3:9", (3, 9)), ("-4:", (11, 15)), (":5", (0, 5)), ("2:-2", (2, 13)), ("9:99", (9, 15))],
)
def test_process__event_range(
    text: str, span: tuple[int, int], events: Path, base: Graphs, here: Here, tmp_path: Path
) -> None:
    assert_done(here(events, tmp_path / "graphs", "--events", text))
    graphs = read_graphs(tmp_path / "graphs.h5")
    inside = range(*span)
    assert graphs.names == [name_of(event) for event in KEPT if event in inside]
    assert all(graphs.records[name] == base.records[name] for name in graphs.names)
    assert rejected_of(tmp_path / "graphs") == {i: why for i, why in REJECTED.items() if i in inside}
    report = json.loads((tmp_path / "graphs.report.json").read_text())
    assert report["num_events"] == len(inside)
    assert (report["input"]["start"], report["input"]["stop"]) == span


def test_process__splits_are_reproducible_and_exact(
    events: Path, base: Graphs, here: Here, tmp_path: Path
) -> None:
    samples = {}
    for stem, options in {
        "again": ["--splits", "0.5/0.25/0.25"],
        "seed": [*SPLITS, "--seed", "1"],
        "train": ["--splits", "100/0/0"],
        "default": [],
    }.items():
        assert_done(here(events, tmp_path / stem, *options))
        samples[stem] = read_graphs(tmp_path / f"{stem}.h5").samples
    assert samples["again"] == base.samples
    assert samples["seed"] != base.samples
    assert sorted(samples["train"]["train"]) == sorted(sampled(base))
    # of eight objects a twentieth is none
    assert samples["default"] == samples["train"]


# ---- what the run tells


def test_process__summary_is_quiet_and_plain(one_rank: tuple[Path, Finished]) -> None:
    _, result = one_rank
    assert result.stderr == ""
    assert "\r" not in result.stdout
    assert "\x1b" not in result.stdout
    words = re.sub(r"\s+", " ", result.stdout)
    assert f"kept {len(KEPT)} of {len(SIZES)} events" in words
    for reason in REJECTED.values():
        assert f"rejected {list(REJECTED.values()).count(reason)} {reason}" in words
    assert "events/s" in words
    assert "MiB" in words


def test_process__summary_shows_whole_paths(small: Path, here: Here, tmp_path: Path) -> None:
    folder = tmp_path / ("a_long_name_" * 8)
    folder.mkdir()
    result = here(small, folder / "graphs")
    assert_done(result)
    for name in ("graphs.h5", "graphs.report.json", "graphs.ledger.parquet"):
        assert str(folder / name) in result.stdout


@pytest.mark.parametrize(("fixture", "ranks"), [("one_rank", 1), ("three_ranks", 3)])
def test_process__report_adds_up(
    fixture: str, ranks: int, events: Path, request: pytest.FixtureRequest
) -> None:
    stem, _ = request.getfixturevalue(fixture)
    report = json.loads(Path(f"{stem}.report.json").read_text())
    assert report["num_events"] == len(SIZES)
    assert report["num_kept"] == len(KEPT)
    assert report["rejected"] == {"no_hits": 3, "large_integral": 1, "few_hits": 1, "orphan": 1}
    assert report["num_kept"] + sum(report["rejected"].values()) == report["num_events"]
    ledger = read_ledger(stem)
    for key, rows in (("rejected", ledger.filter("rejected")), ("noted", ledger.filter(~pl.col("rejected")))):
        assert dict(rows["reason"].value_counts().iter_rows()) == report[key]
    assert report["noted"] == {"no_spacepoints": 1}
    assert report["num_ranks"] == len(report["peak_memory"]) == ranks
    assert min(report["peak_memory"]) > 1 << 20
    assert report["seconds"] > 0
    assert report["events_per_second"] == pytest.approx(len(SIZES) / report["seconds"])
    assert {"read", "label", "triangulate", "write", "merge"} <= report["stages"].keys()
    assert all(0 <= stage["slowest"] <= stage["total"] for stage in report["stages"].values())
    assert {Path(path) for path in report["outputs"]} == set(stem.parent.iterdir())
    assert Path(report["input"]["file"]) == events
    assert report["input"]["bytes"] == events.stat().st_size
    assert report["options"]["lower_bound"] == 20
    assert report["options"]["seed"] == 0
    assert report["version"]
    with h5py.File(f"{stem}.h5") as file:
        assert json.loads(file.attrs["options"]) == report["options"]
        assert json.loads(file.attrs["input"]) == report["input"]
        assert report["version"] in file.attrs["program"]


def test_process__ledger_names_event_and_reason(one_rank: tuple[Path, Finished]) -> None:
    ledger = read_ledger(one_rank[0])
    assert ledger.columns == ["event_index", "run", "subrun", "event", "reason", "detail", "rejected"]
    ids = list(ledger.select("run", "subrun", "event").iter_rows())
    assert ids == [IDS[event] for event in ledger["event_index"].to_list()]
    assert ledger["event_index"].is_sorted()
    details = dict(ledger.select("reason", "detail").iter_rows())
    assert details["few_hits"] == "plane u has 19 hits with a deposit, fewer than 20"
    assert "2000000" in details["large_integral"]
    assert "parent_id 99" in details["orphan"]


def test_process__untrained_hits_are_counted(here: Here, tmp_path: Path) -> None:
    event = simple_event(30)
    event["particle_table"] = particles(
        [(1, 0, 13, 0.5, "primary", "Decay"), (2, 0, 111, 0.5, "primary", "Decay")]
    )
    event["edep_table"]["g4_id"][:7] = 2
    assert_done(here(write_events(tmp_path / "run.evt.h5", [event]), tmp_path / "graphs"))
    assert json.loads((tmp_path / "graphs.report.json").read_text())["num_untrained_hits"] == 7
    (graph,) = read_graphs(tmp_path / "graphs.h5").objects.values()
    assert graph["hit/y_semantic"].tolist() == [-1] * 7 + [1] * 83


@pytest.mark.parametrize(
    "options", [["--lower-bound", "1000"], ["--events", "4:4"], ["--events", "9:2"]], ids=shown
)
def test_process__no_events_left_is_said_plainly(
    options: list[str], events: Path, here: Here, tmp_path: Path
) -> None:
    result = here(events, tmp_path / "graphs", *options)
    assert_done(result)
    assert "No events left after selection" in result.stdout
    graphs = read_graphs(tmp_path / "graphs.h5")
    assert graphs.names == []
    assert graphs.samples == {"train": [], "validation": [], "test": []}
    assert graphs.beside["planes"] == ["u", "v", "y"]
    report = json.loads((tmp_path / "graphs.report.json").read_text())
    assert report["num_kept"] == 0
    assert sum(report["rejected"].values()) == report["num_events"] == len(rejected_of(tmp_path / "graphs"))


def test_process__file_without_events(here: Here, tmp_path: Path) -> None:
    tables = {
        name: {column: rows[:0].reshape(0, rows[:1].size) for column, rows in table.items()}
        for name, table in join([simple_event()]).items()
    }
    result = here(write_tables(tmp_path / "run.evt.h5", tables), tmp_path / "graphs")
    assert_done(result)
    assert "No events left" in result.stdout


def test_process__repeated_event_ids_stay_apart(here: Here, tmp_path: Path) -> None:
    path = tmp_path / "run.evt.h5"
    write_events(path, [simple_event(20 + i, seed=i) for i in range(3)], [(1, 0, 4), (1, 0, 4), (1, 0, 4)])
    result = here(path, tmp_path / "graphs")
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("numl-polars: warning: ")
    assert "2 of 3 events repeat" in line
    graphs = read_graphs(tmp_path / "graphs.h5")
    assert [len(graph["hit/id"]) for graph in graphs.objects.values()] == [60, 63, 66]


# ---- keys


def _keep_keys(*kept: str) -> Callable[[Tables], None]:
    def edit(tables: Tables) -> None:
        for table in tables.values():
            for key in {"event_id.seq", "event_id.seq_cnt"} - set(kept):
                del table[key]

    return edit


def _without_event_id(tables: Tables) -> None:
    for name, table in tables.items():
        if name != "event_table":
            del table["event_id"]


def _one_line_a_row(tables: Tables) -> None:
    seq = tables["hit_table"]["event_id.seq"]
    tables["hit_table"]["event_id.seq_cnt"] = np.stack([seq, np.ones_like(seq)], axis=1)


def _wrong_sum(tables: Tables) -> None:
    tables["hit_table"]["event_id.seq_cnt"][-1, 1] += 1


def _swapped_counts(tables: Tables) -> None:
    counts = tables["hit_table"]["event_id.seq_cnt"][:, 1]
    counts[:2] = counts[1::-1].copy()


def _wrong_sum_alone(tables: Tables) -> None:
    _wrong_sum(tables)
    del tables["hit_table"]["event_id.seq"]


def _swapped_counts_alone(tables: Tables) -> None:
    _swapped_counts(tables)
    del tables["hit_table"]["event_id.seq"]


def _both_wrong(tables: Tables) -> None:
    # left over from before a merge: the events of each file counted from 0
    _wrong_sum(tables)
    tables["hit_table"]["event_id.seq"] %= 8


def _shifted_seq(tables: Tables) -> None:
    table = tables["hit_table"]
    del table["event_id.seq_cnt"]
    table["event_id.seq"][:] = np.minimum(table["event_id.seq"] + 1, len(SIZES) - 1)


def _out_of_range(tables: Tables) -> None:
    tables["hit_table"]["event_id.seq_cnt"][-1, 0] = len(SIZES)


@pytest.mark.parametrize(
    ("edit", "warned"),
    [
        (_keep_keys("event_id.seq"), []),
        (_keep_keys("event_id.seq_cnt"), []),
        (_keep_keys(), []),
        (_without_event_id, []),
        (_one_line_a_row, ["'event_id.seq_cnt' is wrong: event indices do not increase"]),
        (_wrong_sum, ["'event_id.seq_cnt' is wrong: counts add up to"]),
        (_swapped_counts, ["'event_id.seq_cnt' is wrong: it gives row"]),
        (_out_of_range, ["'event_id.seq_cnt' is wrong: 1 event indices out of range"]),
        (_wrong_sum_alone, ["'event_id.seq_cnt' is wrong: counts add up to"]),
        (_swapped_counts_alone, ["'event_id.seq_cnt' is wrong: it gives row"]),
        (_shifted_seq, ["'event_id.seq' is wrong: it gives row"]),
        (_both_wrong, ["'event_id.seq_cnt' is wrong: counts", "'event_id.seq' is wrong: event indices fall"]),
    ],
    ids=[
        "only seq", "only seq_cnt", "none", "no event_id", "one line a row", "sum", "swapped", "out of range",
        "sum, no seq", "swapped, no seq", "shifted seq", "both",
    ],
)  # fmt: skip
def test_process__keys_that_can_be_rebuilt_change_nothing(
    edit: Callable[[Tables], None], warned: list[str], base: Graphs, here: Here, tmp_path: Path
) -> None:
    tables = tables_of_all_sizes()
    edit(tables)
    result = here(write_tables(tmp_path / "run.evt.h5", tables), tmp_path / "graphs", *SPLITS)
    assert result.returncode == 0
    lines = result.stderr.splitlines()
    assert len(lines) == len(warned)
    for line, words in zip(lines, warned, strict=True):
        assert line.startswith("numl-polars: warning: hit_table of ")
        assert words in line
    graphs = read_graphs(tmp_path / "graphs.h5")
    assert graphs.names == base.names
    assert graphs.records == base.records
    assert graphs.beside == base.beside


def test_process__ranks_warn_once(base: Graphs, run: Run, tmp_path: Path) -> None:
    tables = tables_of_all_sizes()
    _wrong_sum_alone(tables)
    result = run(write_tables(tmp_path / "run.evt.h5", tables), tmp_path / "graphs", *SPLITS, ranks=2)
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("numl-polars: warning: hit_table of ")
    assert read_graphs(tmp_path / "graphs.h5").records == base.records


# ---- faults: one line, status 1, earlier output as it was


def _contents(content: bytes) -> Edit:
    return lambda path: _ignore(path.write_bytes(content))


def _ignore(_: object) -> None:
    return None


def _cut(share: float, less: int = 0) -> Edit:
    def edit(path: Path) -> None:
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole)) - less])

    return edit


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _without(*members: str) -> Edit:
    def edit(path: Path) -> None:
        with h5py.File(path, "a") as file:
            for member in members:
                del file[member]

    return edit


def _replaced(member: str, change: Callable[[np.ndarray], np.ndarray]) -> Edit:
    def edit(path: Path) -> None:
        with h5py.File(path, "a") as file:
            values = change(file[member][()])
            del file[member]
            file[member] = values

    return edit


def _in_turn(*edits: Edit) -> Edit:
    def edit(path: Path) -> None:
        for one in edits:
            one(path)

    return edit


SHORTER: Callable[[np.ndarray], np.ndarray] = lambda values: values[:-1]  # noqa: E731
ONE_MORE: Callable[[np.ndarray], np.ndarray] = lambda values: values + 1  # noqa: E731

FAULTS: dict[str, tuple[Edit, list[str], list[str]]] = {
    "not HDF5": (_contents(b"run 1, event 5\n" * 200), [], ["broken.evt.h5", "not an HDF5 file"]),
    "empty file": (_contents(b""), [], ["broken.evt.h5", "not an HDF5 file"]),
    "cut after 100 bytes": (_contents(b"\x89HDF\r\n\x1a\n" + bytes(92)), [], ["broken.evt.h5"]),
    "cut at a tenth": (_cut(0.1), [], ["broken.evt.h5"]),
    "cut at a half": (_cut(0.5), [], ["broken.evt.h5"]),
    "cut at the last byte": (_cut(1, less=1), [], ["broken.evt.h5"]),
    "missing": (Path.unlink, [], ["broken.evt.h5", "no such file"]),
    "folder": (_folder, [], ["broken.evt.h5"]),
    "no event_table": (_without("event_table"), [], ["event_table", "hit_table", "broken.evt.h5"]),
    "no event_id": (_without("event_table/event_id"), [], ["event_table", "event_id"]),
    "no hit_table": (_without("hit_table"), [], ["'hit_table'", "edep_table", "particle_table"]),
    "no particle_table": (_without("particle_table"), [], ["'particle_table'", "hit_table"]),
    "no edep_table": (_without("edep_table"), [], ["'edep_table'", "hit_table", "particle_table"]),
    "no rms": (_without("hit_table/rms"), [], ["hit_table", "'rms'", "local_time", "broken.evt.h5"]),
    "no wire": (_without("hit_table/local_wire"), [], ["hit_table", "local_wire", "local_time"]),
    "no weight": (_without("edep_table/energy"), [], ["edep_table", "energy", "g4_id"]),
    "no process": (_without("particle_table/end_process"), [], ["'end_process'", "start_process"]),
    "no flavour": (_without("event_table/nu_pdg"), [], ["event_table", "'nu_pdg'", "is_cc"]),
    "no point hit": (_without("spacepoint_table/hit_id"), [], ["spacepoint_table", "hit_id_u", "position_z"]),
    "no vertex": (_without("event_table/nu_vtx_corr"), ["--vertex"], ["nu_vtx_corr_x", "is_cc"]),
    "no positions": (_without("edep_table/y_position"), ["--position"], ["y_position", "x_position"]),
    "no feature": (lambda path: None, ["--node-features", "charge"], ["hit_table", "'charge'", "integral"]),
    "short column": (_replaced("hit_table/rms", SHORTER), [], ["hit_table", "differ in length", "rms"]),
    "short event_id": (_replaced("edep_table/event_id", SHORTER), [], ["edep_table", "differ in length"]),
    "short event column": (_replaced("event_table/is_cc", SHORTER), [], ["event_table", "differ in length"]),
    "keys beyond repair": (
        _in_turn(
            _without("hit_table/event_id", "hit_table/event_id.seq"),
            _replaced("hit_table/event_id.seq_cnt", ONE_MORE),
        ),
        [],
        ["hit_table", "'event_id.seq_cnt' is wrong", "cannot be rebuilt", "event_id"],
    ),
    "no keys at all": (
        _without("hit_table/event_id", "hit_table/event_id.seq", "hit_table/event_id.seq_cnt"),
        [],
        ["hit_table", "event_id"],
    ),
    "rows of unknown events": (
        _replaced("hit_table/event_id", ONE_MORE),
        [],
        ["hit_table", "is wrong", "not in the event table"],
    ),
}  # fmt: skip


# one of each kind is run as a process of its own
IN_A_PROCESS = {
    "not HDF5", "empty file", "cut at a tenth", "cut at a half", "cut at the last byte", "missing",
    "no event_table", "no hit_table", "no rms", "short column", "keys beyond repair",
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_process__fault_is_one_line_and_harms_nothing(
    fault: str, small: Path, earlier: Path, run: Run, here: Here, tmp_path: Path
) -> None:
    edit, options, words = FAULTS[fault]
    broken = copied(small, tmp_path / "broken.evt.h5")
    edit(broken)
    before = files(earlier.parent)
    command = run if fault in IN_A_PROCESS else here
    assert_fault(command(broken, earlier, "--overwrite", *options), *words)
    assert files(earlier.parent) == before


@pytest.mark.parametrize("fault", ["not HDF5", "no rms", "keys beyond repair"])
def test_process__fault_on_two_ranks_is_one_line(
    fault: str, small: Path, earlier: Path, run: Run, tmp_path: Path
) -> None:
    edit, options, words = FAULTS[fault]
    broken = copied(small, tmp_path / "broken.evt.h5")
    edit(broken)
    before = files(earlier.parent)
    assert_fault(run(broken, earlier, "--overwrite", *options, ranks=2), *words)
    assert files(earlier.parent) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
@pytest.mark.parametrize("forbidden", ["input", "output"])
def test_process__no_permission(forbidden: str, small: Path, earlier: Path, run: Run, tmp_path: Path) -> None:
    events = copied(small, tmp_path / "run.evt.h5")
    before = files(earlier.parent)
    place, mode = (events, 0) if forbidden == "input" else (earlier.parent, 0o555)
    place.chmod(mode)
    try:
        assert_fault(run(events, earlier, "--overwrite"), "permission", str(place))
    finally:
        place.chmod(0o755)
    assert files(earlier.parent) == before


@pytest.mark.parametrize("ranks", [None, 2])
def test_process__existing_output_stays(small: Path, earlier: Path, run: Run, ranks: int | None) -> None:
    before = files(earlier.parent)
    assert_fault(run(small, earlier, ranks=ranks), "exists already", "--overwrite")
    assert files(earlier.parent) == before


@pytest.mark.parametrize(
    "name", ["graphs.h5", "graphs.0000.h5", "graphs.ledger.parquet", "graphs.report.json"]
)
def test_process__any_existing_output_is_an_error(name: str, small: Path, here: Here, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"hours of work")
    assert_fault(here(small, tmp_path / "graphs"), name, "--overwrite")
    assert files(tmp_path) == {name: b"hours of work"}


def test_process__missing_output_folder(small: Path, run: Run, tmp_path: Path) -> None:
    assert_fault(run(small, tmp_path / "nowhere/graphs"), str(tmp_path / "nowhere"), "does not exist")
    assert files(tmp_path) == {}


def test_process__output_folder_is_a_file(small: Path, here: Here, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    assert_fault(here(small, tmp_path / "file/graphs"), str(tmp_path / "file"))
    assert files(tmp_path) == {"file": b"text"}


def test_process__input_is_never_the_output(small: Path, here: Here, tmp_path: Path) -> None:
    shutil.copy(small, tmp_path / "run.h5")
    result = here(tmp_path / "run.h5", tmp_path / "run", "--overwrite")
    assert result.returncode != 0
    assert files(tmp_path) == {"run.h5": small.read_bytes()}


def test_process__debug_shows_the_traceback(here: Here, tmp_path: Path) -> None:
    result = here(tmp_path / "missing.h5", tmp_path / "graphs", "--debug")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("numl-polars: no such file")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run.h5"],
        ["run.h5", "graphs", "more"],
        ["run.h5", "graphs", "--no-such-option"],
        ["run.h5", "graphs", "--particle-labels", "best"],
        ["run.h5", "graphs", "--event-labels", "best"],
        ["run.h5", "graphs", "--events", "5"],
        ["run.h5", "graphs", "--events", "0:9:2"],
        ["run.h5", "graphs", "--splits", "90/5"],
        ["run.h5", "graphs", "--splits", "90/5/6"],
        ["run.h5", "graphs", "--splits", "a/b/c"],
        ["run.h5", "graphs", "--seed", "-1"],
        ["run.h5", "graphs", "--batch-size", "0"],
        ["run.h5", "graphs", "--batch-size", "much"],
        ["run.h5", "graphs", "--lower-bound", "-1"],
        ["run.h5", "graphs", "--lower-bound", "2.5"],
        ["run.h5", "graphs", "--max-integral", "large"],
        ["run.h5", "graphs", "--max-integral", "nan"],
        ["run.h5", "graphs", "--planes", ","],
        ["run.h5", "graphs", "--planes", "u,u,y"],
        ["run.h5", "graphs", "--planes", "a,b,c,d"],
        ["run.h5", "graphs", "--node-features", "rms,rms"],
        ["run.h5", "graphs", "--detailed-truth", "--particle-labels", "none"],
        ["run.h5", "graphs", "--no-merge", "--remove-rank-files"],
    ],
    ids=lambda arguments: " ".join(arguments) or "none",
)
def test_process__wrong_usage_is_status_2(
    arguments: list[str], small: Path, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(small, tmp_path / "run.h5")
    monkeypatch.chdir(tmp_path)
    result = here(*arguments)
    assert result.returncode == 2
    assert result.stderr
    assert "Traceback" not in result.stderr
    assert files(tmp_path).keys() == {"run.h5"}


def test_process__wrong_usage_on_two_ranks_is_said_once(small: Path, run: Run, tmp_path: Path) -> None:
    result = run(small, tmp_path / "graphs", "--splits", "90/5", ranks=2)
    assert result.returncode == 2
    assert len(spoken(result.stderr)) == 1
    assert files(tmp_path) == {}


# ---- a fault on one rank of several


def _break_chunk(path: Path) -> int:
    """Event whose integrals cannot be read any more: bytes of a compressed chunk are overwritten."""
    with h5py.File(path, "a") as file:
        values, seq = file["hit_table/integral"][()], file["hit_table/event_id.seq"][:, 0]
        del file["hit_table/integral"]
        dataset = file["hit_table"].create_dataset(
            "integral", data=values, chunks=(10, 1), compression="gzip"
        )
        row = int(np.flatnonzero(seq == 11)[15])
        chunk = dataset.id.get_chunk_info_by_coord((row, 0))
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)
    return 11


def _assert_names_rank_and_events(result: Finished, event: int) -> int:
    """Rank that met the fault."""
    found = re.search(r"rank (\d+), events \[(\d+), (\d+)\)", result.stderr)
    assert found is not None, result.stderr
    assert event in range(int(found[2]), int(found[3]))
    return int(found[1])


def _processes_left(word: Path, patience: float = 5) -> list[bytes]:
    """Command lines that name `word` once the launcher's signals had time to arrive."""
    end = time.monotonic() + patience
    while True:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                found.append(path.read_bytes())
        left = [line for line in found if str(word).encode() in line]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)


def test_process__damaged_chunk_midway_leaves_nothing(events: Path, run: Run, tmp_path: Path) -> None:
    broken = copied(events, tmp_path / "broken.evt.h5")
    event = _break_chunk(broken)
    (tmp_path / "out").mkdir()
    result = run(broken, tmp_path / "out/graphs", "--batch-size", "1")
    assert_fault(result, "hit_table", "'integral'")
    assert _assert_names_rank_and_events(result, event) == 0
    assert files(tmp_path / "out") == {}


def test_process__fault_of_one_rank_ends_all(events: Path, run: Run, tmp_path: Path) -> None:
    broken = copied(events, tmp_path / "broken.evt.h5")
    event = _break_chunk(broken)
    (tmp_path / "out").mkdir()
    result = run(broken, tmp_path / "out/graphs", ranks=3, timeout=60)
    assert_fault(result, "hit_table", "'integral'")
    assert _assert_names_rank_and_events(result, event) > 0
    assert files(tmp_path / "out") == {}
    assert _processes_left(tmp_path / "out/graphs") == []


def test_process__fault_of_one_rank_keeps_earlier_output(
    events: Path, earlier: Path, run: Run, tmp_path: Path
) -> None:
    broken = copied(events, tmp_path / "broken.evt.h5")
    event = _break_chunk(broken)
    before = files(earlier.parent)
    result = run(broken, earlier, "--overwrite", "--batch-size", "1", ranks=2, timeout=60)
    assert_fault(result, "hit_table", "'integral'")
    assert _assert_names_rank_and_events(result, event) == 1
    assert files(earlier.parent) == before


# on rank 1 alone the system refuses one thing, as a full disk or a file system that is not mounted does
RANK_1_FAILS = """
import os

def fail(*arguments, **keywords):
    raise OSError(28, "No space left on device")

if "1" in (os.environ.get("PMI_RANK"), os.environ.get("OMPI_COMM_WORLD_RANK")):
    import h5py
    from h5py import h5f
    stage = {stage!r}
    if stage == "opening input":
        h5py.File = fail
    elif stage == "opening output":
        h5f.create = fail
    elif stage == "finishing output":
        os.fsync = fail
"""


@pytest.mark.parametrize(
    ("stage", "ranks"), [("opening input", 2), ("opening output", 2), ("finishing output", 3)]
)
def test_process__system_fault_of_one_rank_ends_all(
    stage: str,
    ranks: int,
    events: Path,
    earlier: Path,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(RANK_1_FAILS.format(stage=stage))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
    before = files(earlier.parent)
    result = run(events, earlier, "--overwrite", ranks=ranks, timeout=30)
    assert_fault(result, "rank 1")
    assert files(earlier.parent) == before


# ---- launched as several ranks without a working MPI


@pytest.mark.parametrize(("error", "rank"), [("ImportError", 0), ("RuntimeError", 0), ("ImportError", 1)])
def test_process__several_ranks_without_mpi4py(
    error: str, rank: int, small: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site/mpi4py").mkdir(parents=True)
    (tmp_path / "site/mpi4py/__init__.py").write_text(f"raise {error}('cannot load MPI library')\n")
    (tmp_path / "out").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("PMI_RANK", str(rank))
    result = run(small, tmp_path / "out/graphs")
    if rank == 0:
        assert_fault(result, "2 ranks", "cannot load MPI library", "pip install 'numl-polars[mpi]'")
    else:
        assert (result.returncode, result.stdout, result.stderr) == (1, "", "")
    assert files(tmp_path / "out") == {}


def test_process__launcher_of_another_mpi(
    small: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mpi4py")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "0")
    result = run(small, tmp_path / "graphs")
    # mpi4py may warn of the same
    *warned, last = result.stderr.splitlines()
    assert all(line.startswith("numl-polars: warning: ") for line in warned)
    for words in ("numl-polars: started as 2 ranks", "MPI sees 1", "pip install 'numl-polars[mpi]'"):
        assert words in last
    assert result.returncode == 1
    assert files(tmp_path) == {}


# ---- start


def _imports(*arguments: object) -> tuple[Finished, set[str]]:
    """What a Python command does, and the top-level packages that it imports."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    names = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines() if "import time:" in line}
    return result, {name.partition(".")[0] for name in names}


def test_process__help_is_light_and_complete() -> None:
    result, imported = _imports("-m", "numl_polars.process", "--help")
    assert result.returncode == 0
    assert "numl_polars" in imported
    assert not imported & {
        "torch",
        "torch_geometric",
        "numba",
        "llvmlite",
        "mpi4py",
        "polars",
        "h5py",
        "scipy",
    }
    for option in (
        "--particle-labels", "--event-labels", "--vertex", "--position", "--detailed-truth", "--planes",
        "--node-features", "--lower-bound", "--max-integral", "--events", "--batch-size", "--splits",
        "--seed", "--overwrite", "--merge", "--remove-rank-files", "--debug",
    ):  # fmt: skip
        assert option in result.stdout


def test_import__is_light() -> None:
    result, imported = _imports("-c", "import numl_polars")
    assert result.returncode == 0
    assert "numl_polars" in imported
    assert not imported & {
        "torch",
        "torch_geometric",
        "numba",
        "llvmlite",
        "mpi4py",
        "polars",
        "h5py",
        "scipy",
    }


def test_process__subcommand_does_the_same_without_torch(events: Path, base: Graphs, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("numl-polars")
    result, imported = _imports(program, "process", events, tmp_path / "graphs", *SPLITS)
    assert result.returncode == 0
    graphs = read_graphs(tmp_path / "graphs.h5")
    assert (graphs.records, graphs.beside) == (base.records, base.beside)
    assert "numba" in imported
    assert not imported & {"torch", "torch_geometric", "mpi4py"}


# ---- from Python


def test_process__python_equals_command(events: Path, base: Graphs, tmp_path: Path) -> None:
    graph = nl.HitGraph(particle_labels=nl.StandardLabels(), event_labels=nl.FlavorLabels())
    calls: list[tuple[str, int, int]] = []
    with nl.open(events) as opened:
        report = process(
            opened[2:12], graph, tmp_path / "graphs", batch_bytes=1, progress=lambda *step: calls.append(step)
        )
    kept = [event for event in KEPT if event in range(2, 12)]
    graphs = read_graphs(tmp_path / "graphs.h5")
    assert graphs.names == [name_of(event) for event in kept]
    assert all(graphs.records[name] == base.records[name] for name in graphs.names)
    assert (report.num_events, report.num_kept) == (10, len(kept))
    assert calls[:10] == [("events", done, 10) for done in range(1, 11)]
    steps = 2 * len(kept)
    assert calls[10:] == [("merge", done, steps) for done in range(1, steps + 1)]


def test_process__python_raises_before_writing(small: Path, tmp_path: Path) -> None:
    graph = nl.HitGraph(particle_labels=nl.StandardLabels(), event_labels=nl.FlavorLabels())
    with pytest.raises(nl.OptionError, match="batch size 0 bytes"):
        process(small, graph, tmp_path / "graphs", batch_bytes=0)
    with pytest.raises(nl.OptionError, match="only if they are merged"):
        process(small, graph, tmp_path / "graphs", merge=False, remove_rank_files=True)
    with pytest.raises(nl.InputError, match="no column 'charge'"):
        process(
            small,
            nl.HitGraph(particle_labels=None, event_labels=None, node_features=("charge",)),
            tmp_path / "graphs",
        )
    assert files(tmp_path) == {}
