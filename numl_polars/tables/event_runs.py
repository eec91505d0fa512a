"""Runs of rows of one event, found in the columns that name the event of each row."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.tables.store import StoredTable

Int64s = NDArray[np.int64]
Ids = NDArray[np.integer[Any]]

_BLOCK_ROWS = 1 << 20
# runs beyond the number of events are more than there can be; some are read on, to say how many
_MOST_FURTHER_RUNS = 1 << 20


class WrongKeyError(Exception):
    """A key contradicts itself or the table; the message says how."""


@dataclass(frozen=True)
class Runs:
    """Rows of equal names, one behind the other, in a table of `num_rows` rows.

    Parameters
    ----------
    names
        What names the event of each run, (runs, components), like `ids`.
    starts
        Row where each run begins, int64 (runs,).
    num_rows
        Rows of the table.
    ids
        What names each event, in the order of events, (events, components).
    """

    names: Ids
    starts: Int64s
    num_rows: int
    ids: Ids

    @classmethod
    def of(cls, table: StoredTable, ids: Ids) -> Self:
        """The runs of a table.

        Raises
        ------
        WrongKeyError
            It has no such columns, they cannot be read, or have far more runs than there are events.
        """
        if not table.has_ids:
            raise WrongKeyError(f"there is no column {quoted(table.layout.columns)}")
        names, starts = [np.empty((0, ids.shape[1]), ids.dtype)], [np.empty(0, np.int64)]
        last = None
        most = len(ids) + _MOST_FURTHER_RUNS
        for start in range(0, table.num_rows, _BLOCK_ROWS):
            try:
                block = table.read_ids(start, min(start + _BLOCK_ROWS, table.num_rows))
            except (OSError, RuntimeError) as error:
                raise WrongKeyError(f"{quoted(table.layout.columns)} cannot be read: {error}") from error
            begins = np.flatnonzero(_changes(block, last))
            names.append(block[begins])
            starts.append(begins + start)
            last = block[-1]
            most -= len(begins)
            if most < 0:
                raise WrongKeyError(
                    f"events are split: its first {start + len(block)} rows are more than "
                    f"{len(ids) + _MOST_FURTHER_RUNS} runs of {len(ids)} events"
                )
        return cls(np.concatenate(names), np.concatenate(starts), table.num_rows, ids)

    def offsets(self) -> Int64s:
        """Row offsets of every event, int64 (events + 1,): runs are met one after the other.

        The n-th run of a repeated name is its n-th event.

        Raises
        ------
        WrongKeyError
            Runs are of no event, of split events, not in the order of events, or of events that cannot be
            told apart.
        """
        counts = np.zeros(len(self.ids), np.int64)
        if self.num_rows:
            counts[self._events()] = np.diff(np.append(self.starts, self.num_rows))
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])

    def first_contradiction(self, offsets: Int64s) -> tuple[int, int] | None:
        """First row, and the event that `offsets` give it to, whose names are not equal; None if all are."""
        filled = np.flatnonzero(np.diff(offsets))
        begin, end = offsets[filled], offsets[filled + 1]
        run = np.searchsorted(self.starts, begin, side="right") - 1
        differ = (self.names[run] != self.ids[filled]).any(axis=1)
        run_end = np.append(self.starts, self.num_rows)[run + 1]
        wrong = np.flatnonzero(differ | (run_end < end))
        if not wrong.size:
            return None
        first = wrong[0]
        row = begin[first] if differ[first] else run_end[first]
        return int(row), int(filled[first])

    def name_of_row(self, row: int) -> tuple[int, ...]:
        """What names the event of a row."""
        return _triple(self.names[np.searchsorted(self.starts, row, side="right") - 1])

    def _events(self) -> Int64s:
        """Event of each run, increasing."""
        if len(self.names) <= len(self.ids):
            events = _rows_of_unique(self.names, self.ids)
            if events is not None and (np.diff(events) > 0).all():
                return events
        return _find_in_order(self.names, self.ids)


def _changes(block: Ids, last: Ids | None) -> NDArray[np.bool_]:
    """Whether each row of a block differs from the one before."""
    found = np.empty(len(block), np.bool_)
    found[0] = last is None or bool((block[0] != last).any())
    np.not_equal(block[1:, 0], block[:-1, 0], out=found[1:])
    for component in range(1, block.shape[1]):
        found[1:] |= block[1:, component] != block[:-1, component]
    return found


def _rows_of_unique(names: Ids, ids: Ids) -> Int64s | None:
    """Position in `ids` of each name; None where some name is not there, or some id is there twice."""
    columns = [f"{component}" for component in range(ids.shape[1])]
    events = pl.DataFrame(ids, schema=columns, orient="row")
    if events.is_duplicated().any():
        return None
    found = pl.DataFrame(names.astype(ids.dtype, copy=False), schema=columns, orient="row").join(
        events.with_row_index("event"), on=columns, how="left", maintain_order="left"
    )["event"]
    return None if found.null_count() else found.cast(pl.Int64).to_numpy()


def _find_in_order(triples: Ids, ids: Ids) -> Int64s:
    """Position in `ids` of each triple, increasing; the n-th run of a repeated one is its n-th event."""
    _, code = np.unique(np.concatenate([ids, triples]), axis=0, return_inverse=True)
    code = code.reshape(-1)
    of_event, of_run = code[: len(ids)], code[len(ids) :]
    num_events, num_runs = (np.bincount(part, minlength=code.max() + 1) for part in (of_event, of_run))
    missing = np.flatnonzero(num_events[of_run] == 0)
    if missing.size:
        raise WrongKeyError(
            f"{missing.size} runs of its rows are of events not in the event table, "
            f"first {_triple(triples[missing[0]])}"
        )
    repeated = num_events[of_event] > 1
    # two such events that adjoin, or of which one has no rows, look like one
    unclear = np.flatnonzero(repeated & (num_runs[of_event] > 0) & (num_runs != num_events)[of_event])
    if unclear.size:
        raise WrongKeyError(
            f"{unclear.size} events repeat a (run, subrun, event), and without keys it cannot be told which "
            f"of them its rows belong to, first {_triple(ids[unclear[0]])}"
        )
    split = np.flatnonzero((num_runs > num_events)[of_run])
    if split.size:
        raise WrongKeyError(
            f"{split.size} runs of rows are of split events, first {_triple(triples[split[0]])}"
        )
    with_rows = np.flatnonzero(num_runs[of_event])
    events = np.empty(len(of_run), np.int64)
    events[np.argsort(of_run, kind="stable")] = with_rows[np.argsort(of_event[with_rows], kind="stable")]
    falling = np.flatnonzero(np.diff(events) <= 0)
    if falling.size:
        raise WrongKeyError(
            f"events are not in the order of the event table, {falling.size} times, "
            f"first {_triple(triples[falling[0] + 1])}"
        )
    return events


def quoted(names: tuple[str, ...]) -> str:
    """Names of columns, as messages show them."""
    return ", ".join(f"'{name}'" for name in names)


def _triple(ids: Ids) -> tuple[int, ...]:
    return tuple(ids.tolist())
