"""The whole command: every option changes what it says, and nothing else."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.builder import simple_event
from tests.process.builder import (
    FEW_HITS,
    KEPT,
    LARGE_INTEGRAL,
    ORPHAN,
    REJECTED,
    SIZES,
    SPLITS,
    Finished,
    Graphs,
    Here,
    assert_done,
    name_of,
    read_graphs,
    read_ledger,
    rejected_of,
    sampled,
    shown,
)

LABEL_TRUTH = {
    "hit/y_semantic",
    "particle-truth/num_nodes",
    "hit_cluster-truth_particle-truth/edge_index",
}


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
