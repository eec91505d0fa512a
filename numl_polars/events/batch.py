"""Whole events in memory: every table of a run of consecutive events, read when it is first asked for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.schema import EVENT_INDEX

Int64s = NDArray[np.int64]


class TableListing(Protocol):
    """What tables and columns there are: those of an event file, or of some of its events."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""

    @property
    def name(self) -> str:
        """What to call the source in messages."""

    def columns(self, table: str) -> Mapping[str, pl.DataType]:
        """Columns of a table and their dtypes, `event_index` among them."""

    def column_names(self, table: str) -> tuple[str, ...]:
        """Columns of a table, without `event_index`."""

    def require(self, table: str, columns: Sequence[str]) -> None:
        """Raise an InputError if the table or a column is missing."""


class TableSource(TableListing, Protocol):
    """What a batch reads from: an event file, or anything that gives rows of whole events."""

    @property
    def ids(self) -> NDArray[np.int32]:
        """Run, subrun, event of every event, int32 (events, 3)."""

    def offsets(self, table: str) -> Int64s:
        """Row offsets of every event, int64 (events + 1,)."""

    def read(self, table: str, columns: Sequence[str], start: int, stop: int) -> pl.DataFrame:
        """Rows of events ``[start, stop)`` with the columns."""

    def object_name(self, event: int) -> str:
        """Unique name of the object that an event becomes."""


class Batch(Mapping[str, pl.DataFrame]):
    """The events ``[start, stop)`` of a source; ``batch[table]`` is a DataFrame of their rows.

    Columns are read once and kept for as long as the batch lives.
    """

    def __init__(self, source: TableSource, start: int, stop: int) -> None:
        self._source = source
        self._read: dict[str, pl.DataFrame] = {}
        self.start = start
        self.stop = stop

    @property
    def num_events(self) -> int:
        """Number of events."""
        return self.stop - self.start

    @property
    def ids(self) -> NDArray[np.int32]:
        """Run, subrun, event of each event, int32 (num_events, 3)."""
        return self._source.ids[self.start : self.stop]

    @property
    def name(self) -> str:
        """What to call the source in messages."""
        return self._source.name

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""
        return self._source.tables

    def columns(self, table: str) -> Mapping[str, pl.DataType]:
        """Columns of a table and their dtypes, `event_index` among them."""
        return self._source.columns(table)

    def column_names(self, table: str) -> tuple[str, ...]:
        """Columns of a table, without `event_index`."""
        return self._source.column_names(table)

    def require(self, table: str, columns: Sequence[str]) -> None:
        """Raise an InputError that lists what is there, if the table or a column is missing."""
        self._source.require(table, columns)

    def object_name(self, event: int) -> str:
        """Name of the object that event `event` of the batch becomes, as in ``r1_sr0_evt5``."""
        return self._source.object_name(self.start + event)

    def offsets(self, table: str) -> Int64s:
        """Row offsets of the batch's events in ``batch[table]``, int64 (num_events + 1,), from 0."""
        offsets = self._source.offsets(table)[self.start : self.stop + 1]
        from_zero: Int64s = offsets - offsets[0]
        return from_zero

    def select(self, table: str, columns: Sequence[str]) -> pl.DataFrame:
        """Rows of `table` with `event_index` and the `columns`, of which only those are read.

        Raises
        ------
        InputError
            The table or a column is not there; the message lists what is.
        """
        wanted = [EVENT_INDEX, *(name for name in columns if name != EVENT_INDEX)]
        read = self._read.get(table)
        missing = [name for name in wanted if read is None or name not in read.columns]
        if missing:
            new = self._source.read(table, missing, self.start, self.stop)
            read = new if read is None else read.hstack(new)
            self._read[table] = read
        assert read is not None
        # not `select`, which is a query
        return read[wanted]

    def __getitem__(self, table: str) -> pl.DataFrame:
        if table not in self:
            raise KeyError(f"no table {table!r} in {self.name} (has {', '.join(self)})")
        return self.select(table, self.column_names(table))

    def __iter__(self) -> Iterator[str]:
        return iter(self._source.tables)

    def __len__(self) -> int:
        return len(self._source.tables)

    def __contains__(self, table: object) -> bool:
        return table in self._source.tables

    def __repr__(self) -> str:
        return f"{type(self).__name__}(events [{self.start}, {self.stop}) of {self.name})"


class Event(Batch):
    """One event: a batch of one, with its numbers."""

    def __init__(self, source: TableSource, index: int) -> None:
        super().__init__(source, index, index + 1)

    @property
    def event_index(self) -> int:
        """Position in the event table."""
        return self.start

    @property
    def event_id(self) -> tuple[int, int, int]:
        """Run, subrun, event."""
        run, subrun, event = self.ids[0].tolist()
        return run, subrun, event

    def __repr__(self) -> str:
        run, subrun, event = self.event_id
        rows = ", ".join(f"{table} {self.offsets(table)[-1]}" for table in self)
        return f"Event({self.event_index}: run {run}, subrun {subrun}, event {event}; rows: {rows})"
