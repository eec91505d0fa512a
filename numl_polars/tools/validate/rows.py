"""Rows of a table, read so that an unreadable column does not hide the others, and their own faults."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeAlias

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
Values: TypeAlias = "NDArray[Any] | pa.DictionaryArray"

# how bytes that are no text are spelled out
_SPELLED_OUT = re.compile(r"\\x[0-9a-f]{2}")
_SHOWN_CHARACTERS = 60
# among which unreadable rows are looked for
_MOST_PIECES, _UNCHUNKED_ROWS = 4096, 1024


@dataclass(frozen=True, eq=False)
class TableRows:
    """Rows of a table from `first_row` on.

    Parameters
    ----------
    name
        The table.
    columns
        Scalar columns that could be read, and `event_id.seq`; text as a dictionary.
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
    stored_as
        What the file calls columns that are read under another name.
    """

    name: str
    columns: Mapping[str, Values]
    num_rows: int
    first_row: int
    offsets: Int64s | None
    first_event: int
    ids: NDArray[np.int32]
    stored_as: Mapping[str, str]

    def integers(self, column: str) -> Int64s | None:
        """A column of integers as int64, None where it is not there or of another kind."""
        if column not in self._integers:
            values = self.columns.get(column)
            self._integers[column] = None
            if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
                self._integers[column] = values.astype(np.int64)
        return self._integers[column]

    @cached_property
    def _integers(self) -> dict[str, Int64s | None]:
        return {}

    def series(self, columns: Iterable[str]) -> list[pl.Series]:
        """These columns, as far as they are there."""
        present = (name for name in columns if name in self.columns)
        return [_series(self.columns[name]).alias(name) for name in present]

    def frame(self, columns: Iterable[str]) -> pl.DataFrame:
        """These columns, as far as they are there, behind `event_index`."""
        return pl.DataFrame([pl.Series(EVENT_INDEX, self.events), *self.series(columns)])

    @cached_property
    def events(self) -> Int64s:
        """Index of each row's event in the file, int64 (rows,)."""
        return self.by_event(np.arange(self.first_event, self.first_event + self.num_events))

    @property
    def num_events(self) -> int:
        """How many events the rows are of."""
        assert self.offsets is not None
        return len(self.offsets) - 1

    def by_event(self, values: NDArray[Any]) -> NDArray[Any]:
        """What is said of each event, (events,), for each of its rows."""
        assert self.offsets is not None
        return np.repeat(values, np.diff(self.offsets))

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
        """Finding of rows, ascending, with the first as example, and its value of `values` (rows,).

        `column` is told under the name that it has in the file.
        """
        row = int(rows[0])
        event = ids = None
        if self.offsets is not None:
            event = self.first_event + int(np.searchsorted(self.offsets, row, side="right")) - 1
            ids = triple(self.ids[event])
        value = None if values is None else _plain(values[row])
        number = len(rows) if count is None else count
        called = None if column is None else self.stored_as.get(column, column)
        return Finding(kind, self.name, called, number, event, ids, self.first_row + row, value, detail)


def _plain(value: Any) -> Any:
    if isinstance(value, pa.Scalar):
        return value.as_py()
    return value.item() if isinstance(value, np.generic) else value


def _series(values: Values) -> pl.Series:
    return pl.Series(values if isinstance(values, np.ndarray) else pl.from_arrow(values))


def _numbers(values: pa.Array) -> NDArray[Any]:
    """Numbers of an Arrow array, whose own way to NumPy imports pandas where it is installed."""
    return pl.Series(pl.from_arrow(values)).to_numpy()


def read_rows(
    table: StoredTable, start: int, stop: int, without: frozenset[str] = frozenset()
) -> tuple[dict[str, Values], list[Finding]]:
    """All columns of rows ``[start, stop)``, and `event_id.seq`; and those that cannot be read.

    `without` names datasets that are not to be read.
    """
    datasets: dict[str, list[str]] = {}
    for column in table.columns.values():
        if column.dataset not in without:
            datasets.setdefault(column.dataset, []).append(column.name)
    read: dict[str, pa.Array] = {}
    faults: list[Finding] = []
    try:
        read.update(table.read([name for names in datasets.values() for name in names], start, stop))
    except (InputError, MemoryError, *DAMAGE):
        for dataset, names in datasets.items():
            try:
                read.update(table.read(names, start, stop))
            except (InputError, MemoryError, *DAMAGE):
                faults += _unreadable(table, dataset, partial(table.read, names), start, stop)
    found: dict[str, Values] = {
        name: values if pa.types.is_dictionary(values.type) else _numbers(values)
        for name, values in read.items()
    }
    if SEQ in table.keys and SEQ not in without:
        try:
            found[SEQ] = table.read_rows(SEQ, start, stop)[:, 0]
        except (MemoryError, *DAMAGE):
            faults += _unreadable(table, SEQ, partial(table.read_rows, SEQ), start, stop)
    return found, faults


def _unreadable(
    table: StoredTable, dataset: str, read: Callable[[int, int], object], start: int, stop: int
) -> Iterator[Finding]:
    """Rows in ``[start, stop)`` that `read` cannot read, to whole chunks or pieces."""
    chunks = table.datasets[dataset].chunks
    unit = _UNCHUNKED_ROWS if chunks is None else chunks[0]
    step = unit * -(-(stop - start) // (unit * _MOST_PIECES))
    parts = [(start, stop)]
    while parts:
        first, last = parts.pop()
        try:
            read(first, last)
        except (InputError, MemoryError, *DAMAGE) as error:
            pieces = range(first // step, -(-last // step))
            if len(pieces) > 1:
                middle = pieces[len(pieces) // 2] * step
                parts += [(middle, last), (first, middle)]
                continue
            why = str(error).partition("cannot be read: ")[2] or str(error)
            yield Finding("unreadable-rows", table.name, dataset, last - first, row=first, detail=why)


def column_faults(rows: TableRows) -> Iterator[Finding]:
    """Values that are not finite, and strings that are not ASCII."""
    for name, values in rows.columns.items():
        if not isinstance(values, np.ndarray):
            yield from _not_ascii(rows, name, values)
        elif values.dtype.kind == "f":
            with np.errstate(all="ignore"):
                # a sum is cheaper than looking at each, and finite only if all are
                if np.isfinite(values.sum()):
                    continue
            finite = np.isfinite(values)
            if not finite.all():
                is_position = rows.name == "edep_table" and name in DEPOSIT_POSITION
                kind = "not-finite-position" if is_position else "not-finite"
                # as text: JSON has no such numbers
                first = str(values[~finite][0])
                yield rows.finding(kind, name, np.flatnonzero(~finite), detail=first)


def _not_ascii(rows: TableRows, name: str, values: pa.DictionaryArray) -> Iterator[Finding]:
    texts = values.dictionary.to_pylist()
    odd = [code for code, text in enumerate(texts) if not _is_ascii(text)]
    if not odd:
        return
    codes = _numbers(values.indices)
    places = np.flatnonzero(np.isin(codes, odd))
    if places.size:
        text = texts[int(codes[places[0]])]
        yield rows.finding("not-ascii", name, places, detail=ascii(text[:_SHOWN_CHARACTERS]))


def _is_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable() and not _SPELLED_OUT.search(text)


def belonging_faults(rows: TableRows) -> Iterator[Finding]:
    """Rows whose `event_id` or `event_id.seq` is not that of the event that has them."""
    if rows.num_rows == 0:
        return
    own = rows.ids[rows.first_event : rows.first_event + rows.num_events]
    columns = [rows.columns.get(name) for name in ("run", "subrun", "event")]
    triples = [values for values in columns if isinstance(values, np.ndarray)]
    if len(triples) == len(columns):
        wrong = np.zeros(rows.num_rows, np.bool_)
        for axis, values in enumerate(triples):
            wrong |= values != rows.by_event(own[:, axis])
        places = np.flatnonzero(wrong)
        if places.size:
            given = tuple(_plain(values[places[0]]) for values in triples)
            yield rows.finding("event-id-disagrees", EVENT_ID, places, detail=f"event_id is {given}")
    seq = rows.integers(SEQ)
    if seq is not None and not np.array_equal(seq, rows.events):
        is_event = (seq >= 0) & (seq < len(rows.ids))
        outside = np.flatnonzero(~is_event)
        if outside.size:
            yield rows.finding("key-range", SEQ, outside, seq)
        differ = np.flatnonzero((seq != rows.events) & is_event)
        if differ.size:
            yield rows.finding("key-disagrees", SEQ, differ, seq)
