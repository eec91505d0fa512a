"""The whole command: events in damaged pieces of a file are left out, counted and named; others are not."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.conftest import Run
from tests.process.builder import (
    KEPT,
    SPLITS,
    Graphs,
    Here,
    assert_fault,
    copied,
    files,
    name_of,
    read_graphs,
    read_ledger,
    rejected_of,
    spoken,
)
from tests.wrong_chunks import store_wrong_chunk

CHUNK_ROWS = 10
DAMAGED_ROWS = (300, 310, 1490)


def _broken(source: Path, target: Path, rows: tuple[int, ...]) -> set[int]:
    """Events that cannot be read any more: chunks of their integrals inflate to too few bytes."""
    copied(source, target)
    with h5py.File(target, "a") as file:
        values, seq = file["hit_table/integral"][()], file["hit_table/event_id.seq"][:, 0]
        del file["hit_table/integral"]
        storage = {"chunks": (CHUNK_ROWS, *values.shape[1:]), "compression": "gzip"}
        dataset = file["hit_table"].create_dataset("integral", data=values, **storage)
        for row in rows:
            store_wrong_chunk(dataset, row, "fewer")
        return set(np.concatenate([seq[row : row + CHUNK_ROWS] for row in rows]).tolist())


@pytest.mark.parametrize("ranks", [1, 2])
def test_process__unreadable_events_are_left_out(
    ranks: int, events: Path, base: Graphs, here: Here, run: Run, tmp_path: Path
) -> None:
    lost = _broken(events, tmp_path / "broken.evt.h5", DAMAGED_ROWS)
    assert 1 < len(lost) < len(KEPT)
    stem = tmp_path / "graphs"
    arguments = [tmp_path / "broken.evt.h5", stem, *SPLITS]
    result = here(*arguments) if ranks == 1 else run(*arguments, ranks=ranks, timeout=60)
    assert result.returncode == 0, result.stderr
    (line,) = spoken(result.stderr)
    first = min(lost)
    assert line.startswith(f"numl-polars: warning: {len(lost)} of 15 events are left out")
    assert f"first event {first}: hit_table of" in line
    found = read_graphs(stem.with_suffix(".h5"))
    assert set(found.records) == {name_of(event) for event in KEPT if event not in lost}
    assert all(record == base.records[name] for name, record in found.records.items())
    assert {event for event, reason in rejected_of(stem).items() if reason == "unreadable"} == lost
    ledger = read_ledger(stem)
    assert ledger["event_index"].is_sorted()
    (detail,) = ledger.filter(event_index=first)["detail"]
    assert "broken.evt.h5: column 'integral' rows [" in detail
    assert "chunk of rows [300, 310): a chunk has" in detail


def test_process__fault_if_no_event_is_readable(events: Path, here: Here, tmp_path: Path) -> None:
    lost = _broken(events, tmp_path / "broken.evt.h5", DAMAGED_ROWS)
    (tmp_path / "out").mkdir()
    bounds = f"{min(lost)}:{min(lost) + 1}"
    result = here(tmp_path / "broken.evt.h5", tmp_path / "out/graphs", "--events", bounds)
    assert_fault(result, "none of 1 events can be read", "hit_table of", "column 'integral'")
    assert files(tmp_path / "out") == {}
