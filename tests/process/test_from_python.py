"""The same from Python: what the command does, and errors before anything is written."""

from pathlib import Path

import pytest

import numl_polars as nl
from numl_polars.pipeline import process
from tests.process.builder import KEPT, Graphs, files, name_of, read_graphs


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
    calls = [one for one in calls if one[0] != "kernels"]
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
