"""The sequence keys of a table held against every row, and what they should be."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from numl_polars.errors import InputError
from numl_polars.tables.event_runs import Ids, Int64s, Runs, WrongKeyError, quoted
from numl_polars.tables.keys import from_seq, from_seq_cnt
from numl_polars.tables.store import StoredTable


@dataclass(frozen=True)
class KeyCheck:
    """What the keys of a table are, and what they should be.

    Parameters
    ----------
    offsets
        Rows of every event, int64 (events + 1,); None where that cannot be known.
    obstacle
        Why it cannot; None where it can.
    faults
        Why each key is wrong, None for one that is right; by name, for keys that are there.
    """

    offsets: Int64s | None
    obstacle: str | None
    faults: Mapping[str, str | None]


def check_keys(table: StoredTable, ids: Ids, *, is_of_events: bool = False) -> KeyCheck:
    """Hold the keys of a table against the columns that name the event of each row, all rows of them.

    Parameters
    ----------
    table
        The table.
    ids
        What names each event, (events, components), in the order of the table of events.
    is_of_events
        Whether the table is that of events: row i is of event i, whatever its name.

    Notes
    -----
    What names the event of each row, is the truth, and keys that agree with it are right. Where the name of
    an event is repeated, this leaves several possibilities; keys that agree with one tell which.
    """
    try:
        num_rows = table.num_rows
    except InputError as error:
        return KeyCheck(None, str(error).removeprefix(f"{table.where}: "), {})
    faults: dict[str, str | None] = {}
    read: dict[str, Int64s] = {}
    for name, offsets_of in ((table.layout.seq, from_seq), (table.layout.seq_cnt, from_seq_cnt)):
        if name in table.keys:
            try:
                _check_layout(table, name)
                read[name] = offsets_of(table, len(ids))
            except WrongKeyError as error:
                faults[name] = str(error)
    try:
        if not table.has_ids:
            raise WrongKeyError(f"there is no column {quoted(table.layout.columns)}")
        if is_of_events:
            truth = np.arange(num_rows + 1)
        elif num_rows == 0:
            truth = np.zeros(len(ids) + 1, np.int64)
        else:
            truth = _truth(Runs.of(table, ids), read, faults)
    except WrongKeyError as error:
        return KeyCheck(None, str(error), {name: faults.get(name) for name in table.keys})
    for name, offsets in read.items():
        if name not in faults:
            faults[name] = _difference(offsets, truth)
    return KeyCheck(truth, None, faults)


def _check_layout(table: StoredTable, name: str) -> None:
    dataset = table.keys[name]
    lines, width = (table.num_rows, 1) if name == table.layout.seq else (len(dataset), 2)
    if dataset.shape != (lines, width) or dataset.dtype.kind != "i" or dataset.dtype.itemsize != 8:
        raise WrongKeyError(f"shape {dataset.shape} of {dataset.dtype}, not ({lines}, {width}) of int64")


def _truth(runs: Runs, read: Mapping[str, Int64s], faults: dict[str, str | None]) -> Int64s:
    """Offsets by keys that agree with the runs, else by the runs alone; `faults` gets those that do not."""
    agreeing: list[Int64s] = []
    for name, offsets in read.items():
        contradiction = runs.first_contradiction(offsets)
        if contradiction is None:
            agreeing.append(offsets)
        else:
            row, event = contradiction
            faults[name] = (
                f"it gives row {row} to event {event}, {tuple(runs.ids[event].tolist())}, "
                f"but the row is of {runs.name_of_row(row)}"
            )
    if agreeing and all(np.array_equal(agreeing[0], other) for other in agreeing[1:]):
        return agreeing[0]
    return runs.offsets()


def _difference(offsets: Int64s, truth: Int64s) -> str | None:
    """Where a key that reads well is another than it should be; None where it is not."""
    wrong = np.flatnonzero(np.diff(offsets) != np.diff(truth))
    if not wrong.size:
        return None
    event = int(wrong[0])
    return (
        f"{wrong.size} events have other rows, first event {event}: rows [{offsets[event]}, "
        f"{offsets[event + 1]}) instead of [{truth[event]}, {truth[event + 1]})"
    )
