"""Which rows of a table belong to which event: read from the sequence keys, checked, rebuilt if need be.

The result is always the same: `offsets`, int64 (events + 1,), so that event e owns the rows
``[offsets[e], offsets[e + 1])``. Either key of the file suffices; with neither, or where both are wrong,
the offsets are derived from `event_id`.
"""

from collections.abc import Callable

import numpy as np

from numl_polars.errors import InputError
from numl_polars.tables.event_runs import Ids, Int64s, Runs, WrongKeyError, quoted
from numl_polars.tables.store import StoredTable

_BLOCK_ROWS = 1 << 20
_SAMPLED_EVENTS = 16
_SMALL_TABLE = 1 << 20


def event_offsets(table: StoredTable, ids: Ids, warn: Callable[[str], None]) -> Int64s:
    """Row offsets of every event in `table`, int64 (events + 1,).

    Parameters
    ----------
    table
        The table, with its keys.
    ids
        Integers (events, components), as int32 (events, 3): run, subrun, event of the event table.
    warn
        Called with a sentence for each wrong key that was found and worked around.

    Raises
    ------
    InputError
        No key is right and `event_id` does not tell either.

    Notes
    -----
    `seq_cnt` costs one line an event, `seq` and `event_id` one pass over all rows in blocks.
    """
    if table.num_rows == 0:
        return np.zeros(len(ids) + 1, np.int64)
    faults = []
    for name, read in ((table.layout.seq_cnt, from_seq_cnt), (table.layout.seq, from_seq)):
        if name not in table.keys:
            continue
        try:
            offsets = read(table, len(ids))
            _check_sample(table, offsets, ids)
        except WrongKeyError as error:
            faults.append(f"'{name}' is wrong: {error}")
        else:
            for fault in faults:
                warn(f"{table.where}: {fault}; used '{name}' instead")
            return offsets
    try:
        offsets = Runs.of(table, ids).offsets()
    except WrongKeyError as error:
        found = "; ".join(faults) or "no sequence keys"
        raise InputError(f"{table.where}: {found}; and it cannot be rebuilt: {error}") from error
    for fault in faults:
        warn(f"{table.where}: {fault}; rebuilt from {quoted(table.layout.columns)}")
    return offsets


def event_of_rows(offsets: Int64s, begin: int, end: int) -> Int64s:
    """Event of each row in ``[begin, end)``, int64 (end - begin,): what `event_id.seq` holds of them."""
    first = int(np.searchsorted(offsets, begin, side="right")) - 1
    last = int(np.searchsorted(offsets, end, side="left"))
    bounds = np.clip(offsets[first : last + 1], begin, end)
    return np.repeat(np.arange(first, max(last, first)), np.diff(bounds))


def seq_cnt_lines(offsets: Int64s) -> Int64s:
    """Lines of `event_id.seq_cnt`, int64 (events with rows, 2): event, number of its rows."""
    counts = np.diff(offsets)
    events = np.flatnonzero(counts)
    return np.stack([events, counts[events]], axis=1)


def _offsets(counts: Int64s) -> Int64s:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def from_seq_cnt(table: StoredTable, num_events: int) -> Int64s:
    """Row offsets by the key with one line an event; raises WrongKeyError where it contradicts itself."""
    dataset = table.keys[table.layout.seq_cnt]
    if dataset.ndim != 2 or dataset.shape[1] != 2 or dataset.dtype.kind not in "iu":
        raise WrongKeyError(f"shape {dataset.shape} of {dataset.dtype}, not (events, 2) of int64")
    if len(dataset) > table.num_rows:
        # maybe far more than there is memory for
        raise WrongKeyError(f"{len(dataset)} lines, more than the {table.num_rows} rows of the table")
    lines = _read_key(table, table.layout.seq_cnt, 0, len(dataset)).astype(np.int64)
    events, counts = lines[:, 0], lines[:, 1]
    not_rising = np.flatnonzero(np.diff(events) <= 0)
    if not_rising.size:
        line = int(not_rising[0]) + 1
        hint = " (one line a row?)" if len(lines) == table.num_rows else ""
        raise WrongKeyError(
            f"event indices do not increase: {not_rising.size} times, "
            f"first in line {line} ({events[line - 1]} then {events[line]}){hint}"
        )
    outside = np.flatnonzero((events < 0) | (events >= num_events))
    if outside.size:
        raise WrongKeyError(
            f"{outside.size} event indices out of range, first {events[outside[0]]} of {num_events} events"
        )
    negative = np.flatnonzero(counts < 0)
    if negative.size:
        raise WrongKeyError(f"{negative.size} negative counts, first {counts[negative[0]]}")
    # a count beyond the table would overflow the sum
    if (counts > table.num_rows).any() or counts.sum() != table.num_rows:
        raise WrongKeyError(f"counts add up to {counts.sum()}, the table has {table.num_rows} rows")
    full = np.zeros(num_events, np.int64)
    full[events] = counts
    return _offsets(full)


def from_seq(table: StoredTable, num_events: int) -> Int64s:
    """Row offsets by the key with one line a row; raises WrongKeyError where it contradicts itself."""
    dataset = table.keys[table.layout.seq]
    if len(dataset) != table.num_rows or dataset.dtype.kind not in "iu":
        raise WrongKeyError(f"{len(dataset)} lines of {dataset.dtype}, the table has {table.num_rows} rows")
    counts = np.zeros(num_events, np.int64)
    last = 0
    for start in range(0, table.num_rows, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, table.num_rows)
        events = _read_key(table, table.layout.seq, start, stop)[:, 0].astype(np.int64)
        falls = events[1:] < events[:-1]
        if events[0] < last or falls.any():
            row = 0 if events[0] < last else int(np.argmax(falls)) + 1
            raise WrongKeyError(f"event indices fall, first in row {start + row} (to {events[row]})")
        if events[-1] >= num_events:
            raise WrongKeyError(f"event index {events[-1]} out of range of {num_events} events")
        present = np.bincount(events - events[0])
        counts[events[0] : events[0] + len(present)] += present
        last = events[-1]
    return _offsets(counts)


def _read_key(table: StoredTable, name: str, start: int, stop: int) -> np.ndarray:
    try:
        return table.read_rows(name, start, stop)
    except (OSError, RuntimeError) as error:
        raise WrongKeyError(f"it cannot be read: {error}") from error


def _check_sample(table: StoredTable, offsets: Int64s, ids: Ids) -> None:
    """Compare `event_id` at the first and last row of events, to find keys left over from before a merge."""
    if not table.has_ids:
        return
    filled = np.flatnonzero(np.diff(offsets))
    if table.num_rows > _SMALL_TABLE:
        filled = filled[np.linspace(0, len(filled) - 1, min(_SAMPLED_EVENTS, len(filled)), dtype=np.int64)]
    rows = np.concatenate([offsets[filled], offsets[filled + 1] - 1])
    events = np.concatenate([filled, filled])
    order = np.argsort(rows, kind="stable")
    rows, events = rows[order], events[order]
    if table.num_rows > _SMALL_TABLE:
        found = np.concatenate([table.read_ids(row, row + 1) for row in rows.tolist()])
    else:
        found = table.read_ids(0, table.num_rows)[rows]
    wrong = np.flatnonzero((found != ids[events]).any(axis=1))
    if wrong.size:
        row, event = rows[wrong[0]], events[wrong[0]]
        raise WrongKeyError(
            f"it gives row {row} to event {event}, {tuple(ids[event].tolist())}, "
            f"but the row's event_id is {tuple(found[wrong[0]].tolist())}"
        )
