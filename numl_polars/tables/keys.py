"""Which rows of a table belong to which event: read from the sequence keys, checked, rebuilt if need be.

The result is always the same: `offsets`, int64 (events + 1,), so that event e owns the rows
``[offsets[e], offsets[e + 1])``. Either key of the file suffices; with neither, or where both are wrong,
the offsets are derived from `event_id`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.tables.store import StoredTable

Int64s = NDArray[np.int64]
Ids = NDArray[np.integer[Any]]

_BLOCK_ROWS = 1 << 20
_SAMPLED_EVENTS = 16
_SMALL_TABLE = 1 << 20


class _WrongKeyError(Exception):
    """A key contradicts itself or the table; the message says how."""


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
    for name, read in ((table.layout.seq_cnt, _from_seq_cnt), (table.layout.seq, _from_seq)):
        if name not in table.keys:
            continue
        try:
            offsets = read(table, len(ids))
            _check_sample(table, offsets, ids)
        except _WrongKeyError as error:
            faults.append(f"'{name}' is wrong: {error}")
        else:
            for fault in faults:
                warn(f"{table.where}: {fault}; used '{name}' instead")
            return offsets
    try:
        offsets = _from_event_id(table, ids)
    except _WrongKeyError as error:
        found = "; ".join(faults) or "no sequence keys"
        raise InputError(f"{table.where}: {found}; and it cannot be rebuilt: {error}") from error
    for fault in faults:
        warn(f"{table.where}: {fault}; rebuilt from {_quoted(table.layout.columns)}")
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


def _from_seq_cnt(table: StoredTable, num_events: int) -> Int64s:
    dataset = table.keys[table.layout.seq_cnt]
    if dataset.ndim != 2 or dataset.shape[1] != 2 or dataset.dtype.kind not in "iu":
        raise _WrongKeyError(f"shape {dataset.shape} of {dataset.dtype}, not (events, 2) of int64")
    lines = _read_key(table, table.layout.seq_cnt, 0, len(dataset)).astype(np.int64)
    events, counts = lines[:, 0], lines[:, 1]
    not_rising = np.flatnonzero(np.diff(events) <= 0)
    if not_rising.size:
        line = int(not_rising[0]) + 1
        hint = " (one line a row?)" if len(lines) == table.num_rows else ""
        raise _WrongKeyError(
            f"event indices do not increase: {not_rising.size} times, "
            f"first in line {line} ({events[line - 1]} then {events[line]}){hint}"
        )
    outside = np.flatnonzero((events < 0) | (events >= num_events))
    if outside.size:
        raise _WrongKeyError(
            f"{outside.size} event indices out of range, first {events[outside[0]]} of {num_events} events"
        )
    negative = np.flatnonzero(counts < 0)
    if negative.size:
        raise _WrongKeyError(f"{negative.size} negative counts, first {counts[negative[0]]}")
    # a count beyond the table would overflow the sum
    if (counts > table.num_rows).any() or counts.sum() != table.num_rows:
        raise _WrongKeyError(f"counts add up to {counts.sum()}, the table has {table.num_rows} rows")
    full = np.zeros(num_events, np.int64)
    full[events] = counts
    return _offsets(full)


def _from_seq(table: StoredTable, num_events: int) -> Int64s:
    dataset = table.keys[table.layout.seq]
    if len(dataset) != table.num_rows or dataset.dtype.kind not in "iu":
        raise _WrongKeyError(f"{len(dataset)} lines of {dataset.dtype}, the table has {table.num_rows} rows")
    counts = np.zeros(num_events, np.int64)
    last = 0
    for start in range(0, table.num_rows, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, table.num_rows)
        events = _read_key(table, table.layout.seq, start, stop)[:, 0].astype(np.int64)
        falling = np.flatnonzero(np.diff(events, prepend=last) < 0)
        if falling.size:
            row = start + int(falling[0])
            raise _WrongKeyError(f"event indices fall, first in row {row} (to {events[falling[0]]})")
        if events[-1] >= num_events:
            raise _WrongKeyError(f"event index {events[-1]} out of range of {num_events} events")
        counts += np.bincount(events, minlength=num_events)
        last = events[-1]
    return _offsets(counts)


def _read_key(table: StoredTable, name: str, start: int, stop: int) -> np.ndarray:
    try:
        return table.read_rows(name, start, stop)
    except (OSError, RuntimeError) as error:
        raise _WrongKeyError(f"it cannot be read: {error}") from error


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
        raise _WrongKeyError(
            f"it gives row {row} to event {event}, {tuple(ids[event].tolist())}, "
            f"but the row's event_id is {tuple(found[wrong[0]].tolist())}"
        )


def _from_event_id(table: StoredTable, ids: Ids) -> Int64s:
    """Runs of equal triples in the table, met one after the other in the event table."""
    if not table.has_ids:
        raise _WrongKeyError(f"there is no column {_quoted(table.layout.columns)}")
    triples, starts = _runs(table, ids)
    events = _find_in_order(triples, ids)
    counts = np.zeros(len(ids), np.int64)
    counts[events] = np.diff(np.append(starts, table.num_rows))
    return _offsets(counts)


def _runs(table: StoredTable, ids: Ids) -> tuple[np.ndarray, Int64s]:
    """Names of the events of runs of rows, (runs, components) like `ids`, and the row where each starts."""
    triples, starts = [np.empty((0, ids.shape[1]), ids.dtype)], [np.empty(0, np.int64)]
    last = None
    for start in range(0, table.num_rows, _BLOCK_ROWS):
        block = table.read_ids(start, min(start + _BLOCK_ROWS, table.num_rows))
        first = last is None or bool((block[0] != last).any())
        new = np.append(first, (np.diff(block, axis=0) != 0).any(axis=1))
        triples.append(block[new])
        starts.append(np.flatnonzero(new) + start)
        last = block[-1]
    return np.concatenate(triples), np.concatenate(starts)


def _find_in_order(triples: np.ndarray, ids: Ids) -> Int64s:
    """Position in `ids` of each triple, increasing; the n-th run of a repeated one is its n-th event."""
    _, code = np.unique(np.concatenate([ids, triples]), axis=0, return_inverse=True)
    code = code.reshape(-1)
    of_event, of_run = code[: len(ids)], code[len(ids) :]
    num_events, num_runs = (np.bincount(part, minlength=code.max() + 1) for part in (of_event, of_run))
    missing = np.flatnonzero(num_events[of_run] == 0)
    if missing.size:
        raise _WrongKeyError(
            f"{missing.size} runs of its rows are of events not in the event table, "
            f"first {_triple(triples[missing[0]])}"
        )
    repeated = num_events[of_event] > 1
    # two such events that adjoin, or of which one has no rows, look like one
    unclear = np.flatnonzero(repeated & (num_runs[of_event] > 0) & (num_runs != num_events)[of_event])
    if unclear.size:
        raise _WrongKeyError(
            f"{unclear.size} events repeat a (run, subrun, event), and without keys it cannot be told which "
            f"of them its rows belong to, first {_triple(ids[unclear[0]])}"
        )
    split = np.flatnonzero((num_runs > num_events)[of_run])
    if split.size:
        raise _WrongKeyError(
            f"{split.size} runs of rows are of split events, first {_triple(triples[split[0]])}"
        )
    with_rows = np.flatnonzero(num_runs[of_event])
    events = np.empty(len(of_run), np.int64)
    events[np.argsort(of_run, kind="stable")] = with_rows[np.argsort(of_event[with_rows], kind="stable")]
    falling = np.flatnonzero(np.diff(events) <= 0)
    if falling.size:
        raise _WrongKeyError(
            f"events are not in the order of the event table, {falling.size} times, "
            f"first {_triple(triples[falling[0] + 1])}"
        )
    return events


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _triple(ids: np.ndarray) -> tuple[int, ...]:
    return tuple(ids.tolist())
