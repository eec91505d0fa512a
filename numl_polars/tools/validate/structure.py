"""What is wrong with tables as a whole: members, lengths, keys, and how rows belong to events."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.schema import EVENT_ID, EVENT_TABLE, SEQ, SEQ_CNT, TABLES
from numl_polars.tables.damage import DAMAGE
from numl_polars.tables.event_runs import Runs, WrongKeyError
from numl_polars.tables.keys import event_offsets, seq_cnt_lines
from numl_polars.tables.opened import OpenedFile
from numl_polars.tables.store import StoredTable
from numl_polars.tools.validate.contents import column_lengths, is_key, usual_rows
from numl_polars.tools.validate.findings import Finding

Int64s = NDArray[np.int64]
Ids = NDArray[np.int32]


def member_faults(opened: OpenedFile) -> Iterator[Finding]:
    """Members of the file and of its tables that cannot be opened, or are none that are read."""
    for name, why in opened.damaged.items():
        yield Finding("damaged-table", name, detail=why)
    for name in opened.strays:
        yield Finding("stray", detail=name)
    for name, table in opened.tables.items():
        for column, why in table.damaged.items():
            yield Finding("damaged-column", name, column, detail=why)
        columns = {column.dataset for column in table.columns.values()}
        for column, dataset in table.datasets.items():
            if column not in columns and not is_key(column):
                yield Finding("unreadable-kind", name, column, detail=f"{dataset.dtype} of {dataset.shape}")


def length_faults(name: str, table: StoredTable) -> Iterator[Finding]:
    """Columns that have not the rows of most, or more than the file can hold."""
    usual = usual_rows(table)
    for column, length in column_lengths(table).items():
        if column in table.description.beyond_file:
            yield Finding("absurd-length", name, column, detail=f"{length} rows")
        if length != usual:
            yield Finding("unequal-lengths", name, column, detail=f"{length} rows, others have {usual}")


def event_ids(opened: OpenedFile) -> tuple[Ids, list[Finding]]:
    """Run, subrun, event of each event, int32 (events, 3), none where they cannot be read."""
    none = np.empty((0, 3), np.int32)
    table = opened.tables.get(EVENT_TABLE)
    if table is None or table.event_id is None:
        what = "it is not there" if table is None else "it has no column event_id of shape (events, 3)"
        return none, [Finding("no-events", EVENT_TABLE, detail=opened.damaged.get(EVENT_TABLE, what))]
    try:
        ids = table.read_rows(EVENT_ID, 0, len(table.event_id))
    except (*DAMAGE, MemoryError) as error:
        return none, [Finding("no-events", EVENT_TABLE, EVENT_ID, detail=str(error))]
    narrow = ids.astype(np.int32)
    wide = np.flatnonzero((ids != narrow).any(axis=1))
    if wide.size:
        value = triple(ids[wide[0]])
        return none, [Finding("wide-event-id", EVENT_TABLE, EVENT_ID, wide.size, int(wide[0]), value=value)]
    return narrow, list(_repeated(narrow))


def triple(ids: NDArray[Any]) -> tuple[int, ...]:
    """Run, subrun, event as plain numbers."""
    return tuple(int(number) for number in ids)


def _repeated(ids: Ids) -> Iterator[Finding]:
    again = (
        ~pl.DataFrame(ids, schema=["run", "subrun", "event"], orient="row")
        .select(pl.struct(pl.all()).is_first_distinct())
        .to_series()
        .to_numpy()
    )
    events = np.flatnonzero(again)
    if events.size:
        first = int(events[0])
        yield Finding(
            "repeated-event", EVENT_TABLE, EVENT_ID, events.size, first, triple(ids[first]), row=first
        )


def table_offsets(name: str, table: StoredTable, ids: Ids) -> tuple[Int64s | None, list[Finding]]:
    """Rows of every event, None where they cannot be told; and what is wrong with the table's keys."""
    num_rows = usual_rows(table)
    if name != EVENT_TABLE and table.event_id is None and not table.keys:
        if name not in TABLES:
            return None, [Finding("without-events", name)]
        return None, [Finding("keys-beyond-repair", name, detail="it has neither event_id nor keys")]
    found = list(_key_faults(name, table, num_rows, len(ids)))
    if name == EVENT_TABLE:
        offsets = np.arange(len(ids) + 1)
        return offsets, [*found, *_against_lines(name, table, offsets, found)]
    try:
        offsets = event_offsets(table, ids, lambda _: None)
    except (InputError, MemoryError, *DAMAGE) as error:
        return None, [*found, *_why_beyond_repair(name, table, ids, str(error))]
    if not table.keys and num_rows:
        found.append(Finding("no-keys", name))
    return offsets, [*found, *_against_lines(name, table, offsets, found)]


def _key_faults(name: str, table: StoredTable, num_rows: int, num_events: int) -> Iterator[Finding]:
    """What a key's own lines say against it; `event_id.seq` is compared row by row elsewhere."""
    seq = table.keys.get(SEQ)
    if seq is not None and (seq.dtype.kind not in "iu" or not seq.shape or len(seq) != num_rows):
        yield Finding("key-kind", name, SEQ, detail=f"{seq.dtype} of {seq.shape} for {num_rows} rows")
    dataset = table.keys.get(SEQ_CNT)
    if dataset is None:
        return
    if dataset.ndim != 2 or dataset.shape[1] != 2 or dataset.dtype.kind not in "iu":
        yield Finding("key-kind", name, SEQ_CNT, detail=f"{dataset.dtype} of {dataset.shape}")
        return
    if len(dataset) > max(num_rows, num_events):
        # maybe far more than there is memory for
        yield Finding("key-kind", name, SEQ_CNT, detail=f"{len(dataset)} lines for {num_rows} rows")
        return
    lines = _lines(table)
    if isinstance(lines, str):
        yield Finding("key-unreadable", name, SEQ_CNT, detail=lines)
        return
    events, counts = lines[:, 0], lines[:, 1]
    falling = np.flatnonzero(events[1:] <= events[:-1]) + 1
    if falling.size:
        a_row = len(lines) == num_rows
        kind = "key-line-a-row" if a_row else "key-order"
        line = int(falling[0])
        yield Finding(
            kind, name, SEQ_CNT, 1 if a_row else falling.size, row=line,
            detail=f"event {events[line]} after {events[line - 1]}",
        )  # fmt: skip
    for kind, wrong, values in (
        ("key-range", (events < 0) | (events >= num_events), events),
        ("key-counts", counts < 1, counts),
    ):
        places = np.flatnonzero(wrong)
        if places.size:
            line = int(places[0])
            yield Finding(kind, name, SEQ_CNT, places.size, row=line, value=int(values[line]))
    total = sum(counts.tolist())
    if total != num_rows:
        yield Finding("key-sum", name, SEQ_CNT, value=total, detail=f"the table has {num_rows} rows")


def _lines(table: StoredTable) -> Int64s | str:
    """Lines of the key `event_id.seq_cnt`, or why they cannot be read."""
    try:
        return table.read_rows(SEQ_CNT, 0, len(table.keys[SEQ_CNT])).astype(np.int64)
    except (*DAMAGE, MemoryError) as error:
        return str(error)


def _against_lines(name: str, table: StoredTable, offsets: Int64s, found: list[Finding]) -> Iterator[Finding]:
    """Lines of `event_id.seq_cnt` that are right by themselves, but not those of the rows' events."""
    if SEQ_CNT not in table.keys or any(fault.column == SEQ_CNT for fault in found):
        return
    lines = _lines(table)
    if isinstance(lines, str):
        return
    expected = seq_cnt_lines(offsets)
    if np.array_equal(lines, expected):
        return
    number = max(len(lines), len(expected)) - min(len(lines), len(expected))
    common = min(len(lines), len(expected))
    differ = np.flatnonzero((lines[:common] != expected[:common]).any(axis=1))
    line = int(differ[0]) if differ.size else common
    given, wanted = (triple(one[line]) if line < len(one) else "none" for one in (lines, expected))
    yield Finding(
        "key-disagrees", name, SEQ_CNT, number + differ.size, row=line,
        detail=f"{given}, by event_id {wanted}",
    )  # fmt: skip


def _why_beyond_repair(name: str, table: StoredTable, ids: Ids, message: str) -> Iterator[Finding]:
    """How `event_id` keeps rows from being told to events."""
    why = message.rpartition("cannot be rebuilt: ")[2]
    yield Finding("keys-beyond-repair", name, detail=why)
    try:
        runs = Runs.of(table, ids)
    except (WrongKeyError, *DAMAGE, MemoryError):
        return
    triples, starts = runs.names, runs.starts
    rows = np.diff(np.append(starts, runs.num_rows))
    _, code = np.unique(np.concatenate([ids.astype(triples.dtype), triples]), axis=0, return_inverse=True)
    code = code.reshape(-1)
    of_event, of_run = code[: len(ids)], code[len(ids) :]
    size = int(code.max(initial=0)) + 1
    num_events, num_runs = np.bincount(of_event, minlength=size), np.bincount(of_run, minlength=size)
    first_event = np.full(size, -1, np.int64)
    first_event[of_event[::-1]] = np.arange(len(ids))[::-1]
    unknown = np.flatnonzero(num_events[of_run] == 0)
    if unknown.size:
        run = int(unknown[0])
        yield Finding(
            "unknown-event", name, EVENT_ID, int(rows[unknown].sum()), row=int(starts[run]),
            value=triple(triples[run]),
        )  # fmt: skip
    split = np.flatnonzero((num_events > 0) & (num_runs > num_events))
    if split.size:
        one = int(of_run[np.isin(of_run, split)][0])
        event, again = int(first_event[one]), int(np.flatnonzero(of_run == one)[num_events[one]])
        yield Finding(
            "split-event", name, EVENT_ID, split.size, event, triple(ids[event]), row=int(starts[again])
        )
    known = np.flatnonzero((num_events[of_run] == 1) & (num_runs[of_run] == 1))
    events = first_event[of_run[known]]
    falling = np.flatnonzero(np.diff(events) < 0) + 1
    if falling.size:
        event = int(events[falling[0]])
        yield Finding(
            "event-order", name, EVENT_ID, falling.size, event, triple(ids[event]),
            row=int(starts[known[falling[0]]]),
        )  # fmt: skip
