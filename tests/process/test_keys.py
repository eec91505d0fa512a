"""The whole command: event keys that are missing or wrong are rebuilt, and change nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.builder import write_tables
from tests.conftest import Run
from tests.process.builder import SIZES, SPLITS, Graphs, Here, Tables, read_graphs, tables_of_all_sizes


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
