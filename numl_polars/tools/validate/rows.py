"""Rows of a table, read so that an unreadable column does not hide the others, and their own faults."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.schema import DEPOSIT_POSITION, EVENT_ID, EVENT_INDEX, SEQ
from numl_polars.tables.damage import DAMAGE
from numl_polars.tables.store import StoredTable
from numl_polars.tools.validate.findings import Finding
from numl_polars.tools.validate.structure import triple

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

# how bytes that are no text are spelled out
_SPELLED_OUT = re.compile(r"\\x[0-9a-f]{2}")
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, eq=False)
class TableRows:
    """Rows of a table from `first_row` on.

    Parameters
    ----------
    name
        The table.
    columns
        Scalar columns that could be read, and `event_id.seq`.
    num_rows
        How many there are.
    first_row
        Row of the table where they begin.
    offsets
        int64 (events + 1,), rows of each event, from 0; None where that is not known.
    first_event
        Index of the first of these events.
    ids
        int32 (events of the file, 3): run, subrun, event.
    """

    name: str
    columns: Mapping[str, pa.Array]
    num_rows: int
    first_row: int
    offsets: Int64s | None
    first_event: int
    ids: NDArray[np.int32]

    def numbers(self, column: str) -> NDArray[Any] | None:
        """A column of numbers, None where it is not there."""
        values = self.columns.get(column)
        if values is None or pa.types.is_dictionary(values.type):
            return None
        found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
        return found

    def integers(self, column: str) -> Int64s | None:
        """A column of integers as int64, None where it is not there or of another kind."""
        values = self.numbers(column)
        return values.astype(np.int64) if values is not None and values.dtype.kind in "iu" else None

    def frame(self, columns: list[str]) -> pl.DataFrame:
        """These columns, as far as they are there, behind `event_index`."""
        found = {EVENT_INDEX: pl.Series(EVENT_INDEX, self.events())}
        for name in columns:
            if name in self.columns:
                found[name] = pl.Series(name, pl.from_arrow(self.columns[name]))
        return pl.DataFrame(found)

    def events(self) -> Int64s:
        """Index of each row's event in the file, int64 (rows,)."""
        assert self.offsets is not None
        numbers = np.arange(self.first_event, self.first_event + len(self.offsets) - 1)
        return np.repeat(numbers, np.diff(self.offsets))

    def finding(
        self,
        kind: str,
        column: str | None,
        rows: Int64s,
        values: Any = None,
        *,
        count: int | None = None,
        detail: str | None = None,
    ) -> Finding:
        """Finding of rows, ascending, with the first as example, and its value of `values` (rows,)."""
        row = int(rows[0])
        event = ids = None
        if self.offsets is not None:
            event = self.first_event + int(np.searchsorted(self.offsets, row, side="right")) - 1
            ids = triple(self.ids[event])
        value = None if values is None else _plain(values[row])
        number = len(rows) if count is None else count
        return Finding(kind, self.name, column, number, event, ids, self.first_row + row, value, detail)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def read_rows(
    table: StoredTable, start: int, stop: int, without: frozenset[str] = frozenset()
) -> tuple[dict[str, pa.Array], list[Finding]]:
    """All columns of rows ``[start, stop)``, and `event_id.seq`; and those that cannot be read.

    `without` names datasets that are not to be read.
    """
    datasets: dict[str, list[str]] = {}
    for column in table.columns.values():
        if column.dataset not in without:
            datasets.setdefault(column.dataset, []).append(column.name)
    found: dict[str, pa.Array] = {}
    faults: list[Finding] = []
    try:
        found.update(table.read([name for names in datasets.values() for name in names], start, stop))
    except (InputError, MemoryError, *DAMAGE):
        for dataset, names in datasets.items():
            try:
                found.update(table.read(names, start, stop))
            except (InputError, MemoryError, *DAMAGE) as error:
                why = str(error).partition("cannot be read: ")[2] or str(error)
                faults.append(_unreadable(table, dataset, start, stop, why))
    if SEQ in table.keys and SEQ not in without:
        try:
            found[SEQ] = pa.array(table.read_rows(SEQ, start, stop)[:, 0])
        except (MemoryError, *DAMAGE) as error:
            faults.append(_unreadable(table, SEQ, start, stop, str(error)))
    return found, faults


def _unreadable(table: StoredTable, dataset: str, start: int, stop: int, why: str) -> Finding:
    return Finding("unreadable-rows", table.name, dataset, stop - start, row=start, detail=why)


def column_faults(rows: TableRows) -> Iterator[Finding]:
    """Values that are not finite, and strings that are not ASCII."""
    for name, values in rows.columns.items():
        if pa.types.is_dictionary(values.type):
            yield from _not_ascii(rows, name, values)
        elif pa.types.is_floating(values.type):
            numbers = values.to_numpy(zero_copy_only=False)
            finite = np.isfinite(numbers)
            if not finite.all():
                is_position = rows.name == "edep_table" and name in DEPOSIT_POSITION
                kind = "not-finite-position" if is_position else "not-finite"
                # as text: JSON has no such numbers
                first = str(numbers[~finite][0])
                yield rows.finding(kind, name, np.flatnonzero(~finite), detail=first)


def _not_ascii(rows: TableRows, name: str, values: pa.DictionaryArray) -> Iterator[Finding]:
    texts = values.dictionary.to_pylist()
    odd = [code for code, text in enumerate(texts) if not _is_ascii(text)]
    if not odd:
        return
    codes = values.indices.to_numpy()
    places = np.flatnonzero(np.isin(codes, odd))
    if places.size:
        text = texts[int(codes[places[0]])]
        yield rows.finding("not-ascii", name, places, detail=ascii(text[:_SHOWN_CHARACTERS]))


def _is_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable() and not _SPELLED_OUT.search(text)


def belonging_faults(rows: TableRows) -> Iterator[Finding]:
    """Rows whose `event_id` or `event_id.seq` is not that of the event that has them."""
    events = rows.events()
    if events.size == 0:
        return
    triples = [rows.columns.get(name) for name in ("run", "subrun", "event")]
    if all(one is not None for one in triples):
        wrong = np.zeros(rows.num_rows, np.bool_)
        for axis, values in enumerate(triples):
            assert values is not None
            wrong |= values.to_numpy(zero_copy_only=False) != rows.ids[events, axis]
        places = np.flatnonzero(wrong)
        if places.size:
            given = tuple(_plain(one.to_numpy(zero_copy_only=False)[places[0]]) for one in triples)  # type: ignore[union-attr]
            yield rows.finding("event-id-disagrees", EVENT_ID, places, detail=f"event_id is {given}")
    seq = rows.integers(SEQ)
    if seq is not None:
        outside = np.flatnonzero((seq < 0) | (seq >= len(rows.ids)))
        if outside.size:
            yield rows.finding("key-range", SEQ, outside, seq)
        differ = np.flatnonzero((seq != events) & (seq >= 0) & (seq < len(rows.ids)))
        if differ.size:
            yield rows.finding("key-disagrees", SEQ, differ, seq)
