"""The whole command: what the run tells, in its summary, its report and its ledger."""

import json
import re
from pathlib import Path

import h5py
import polars as pl
import pytest

from tests.builder import join, particles, simple_event, write_events, write_tables
from tests.process.builder import (
    IDS,
    KEPT,
    REJECTED,
    SIZES,
    Finished,
    Here,
    assert_done,
    read_graphs,
    read_ledger,
    rejected_of,
    shown,
)


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
    assert (
        json.loads((tmp_path / "graphs.report.json").read_text())["layers"]["semantic"]["num_untrained_hits"]
        == 7
    )
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
