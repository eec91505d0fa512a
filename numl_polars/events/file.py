"""An event file: a sequence of events, and tables to scan."""

import operator
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from textwrap import shorten
from types import TracebackType
from typing import Self, overload

import h5py
import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.events.batch import Batch, Event
from numl_polars.events.partition import batch_ranges
from numl_polars.schema import EVENT_ID, EVENT_INDEX, EVENT_TABLE, TABLES
from numl_polars.tables.keys import event_offsets
from numl_polars.tables.opening import open_hdf5
from numl_polars.tables.raw_file import RawFile
from numl_polars.tables.scan import read_frame, scan_table
from numl_polars.tables.store import DAMAGE, StoredTable, spelled_out

Int64s = NDArray[np.int64]

BATCH_BYTES = 8_000_000
_REPR_WIDTH = 70


class EventFileWarning(UserWarning):
    """Something is wrong with an event file that could be worked around."""


class _Storage:
    """What all ranges of one open file share: the handle, the tables, the event index."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = open_hdf5(path)
        try:
            groups = {
                spelled_out(name): self.file.get(name) if isinstance(name, str) else None
                for name in self.file
            }
        except DAMAGE as error:
            raise InputError(f"{path} is damaged: its tables cannot be listed: {error}") from error
        for name in groups:
            # without it, events would become something else
            if groups[name] is None and name in TABLES:
                raise InputError(f"{path} is damaged: {name} cannot be opened")
        self.raw = RawFile(self.file, path)
        self.tables = {
            name: StoredTable(group, f"{name} of {path}", self.raw)
            for name, group in groups.items()
            if isinstance(group, h5py.Group)
        }
        self.strays = tuple(name for name in groups if name not in self.tables)
        self.ids = self._read_ids()
        self.offsets: dict[str, Int64s] = {}
        if self.occurrence is not None:
            self._warn(
                f"{path}: {(self.occurrence > 0).sum()} of {len(self.ids)} events repeat a (run, subrun, "
                "event) that came before; they are kept as events of their own, told apart by position"
            )

    def _read_ids(self) -> NDArray[np.int32]:
        if EVENT_TABLE not in self.tables:
            found = ", ".join(self.tables) or "no table"
            raise InputError(f"{self.path} has no event_table (has {found})")
        table = self.tables[EVENT_TABLE]
        if table.event_id is None:
            raise InputError(f"{table.where} has no column 'event_id' of shape (events, 3)")
        try:
            ids = table.read_rows(EVENT_ID, 0, table.num_rows)
        except (*DAMAGE, MemoryError) as error:
            raise InputError(f"{table.where}: column 'event_id' cannot be read: {error}") from error
        wide = np.flatnonzero((ids != ids.astype(np.int32)).any(axis=1))
        if wide.size:
            raise InputError(
                f"{table.where}: event {wide[0]} is {tuple(ids[wide[0]].tolist())}, more than the 32 bits "
                "that graph files have for run, subrun and event"
            )
        return ids.astype(np.int32, copy=False)

    @cached_property
    def occurrence(self) -> Int64s | None:
        """How many events with the same triple stand before each event; None where no triple repeats."""
        triples = pl.DataFrame(self.ids, schema=["run", "subrun", "event"])
        if not triples.is_duplicated().any():
            return None
        before = triples.select(pl.int_range(pl.len()).over("run", "subrun", "event")).to_series()
        return before.cast(pl.Int64).to_numpy()

    def event_offsets(self, table: str) -> Int64s:
        if table not in self.offsets:
            if table == EVENT_TABLE:
                self.offsets[table] = np.arange(len(self.ids) + 1)
            else:
                for column, why in self.table(table).damaged.items():
                    self._warn(
                        f"{self.path}: {table}: column {column!r} cannot be opened, it is left out: {why}"
                    )
                try:
                    self.offsets[table] = event_offsets(self.table(table), self.ids, self._warn)
                except (*DAMAGE, MemoryError) as error:
                    raise InputError(f"{self.path}: {table}: {EVENT_ID} cannot be read: {error}") from error
                # of checks here and there in the table
                self.raw.kept.clear()
        return self.offsets[table]

    def close(self) -> None:
        self.raw.close()
        self.file.close()

    def _warn(self, message: str) -> None:
        warnings.warn(message, EventFileWarning, stacklevel=2)

    def table(self, name: str) -> StoredTable:
        if name not in self.tables:
            raise InputError(f"{self.path} has no table {name!r} (has {', '.join(self.tables)})")
        return self.tables[name]


class EventFile(Sequence[Event]):
    """The events of a NuML file, or a range of them.

    ``len(events)``, ``events[12]``, ``for event in events``; ``events[100:200]`` is an EventFile of that
    range over the same open file. Tables are read when they are asked for, and only the columns and rows
    that are asked for.

    Parameters
    ----------
    path
        An HDF5 file with an `event_table`.

    Raises
    ------
    InputError
        The file is missing, may not be read, is no HDF5 file, is truncated, or has no event table.
    """

    def __init__(self, path: str | Path) -> None:
        self._storage = _Storage(Path(path))
        self._range = range(len(self._storage.ids))

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._storage.path

    @property
    def name(self) -> str:
        """The path, as messages show it."""
        return str(self._storage.path)

    @property
    def start(self) -> int:
        """First event of the range, an `event_index` of the whole file."""
        return self._range.start

    @property
    def stop(self) -> int:
        """End of the range, exclusive."""
        return self._range.stop

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables, as the file lists them."""
        return tuple(self._storage.tables)

    @property
    def stray_members(self) -> tuple[str, ...]:
        """Members of the file that are no tables."""
        return self._storage.strays

    @property
    def ids(self) -> NDArray[np.int32]:
        """Run, subrun, event of every event of the whole file, int32 (events, 3)."""
        return self._storage.ids

    def columns(self, table: str) -> dict[str, pl.DataType]:
        """Names and dtypes of a table's columns as they are read, `event_index` first."""
        stored = self._storage.table(table).columns
        return {EVENT_INDEX: pl.Int64(), **{name: column.dtype for name, column in stored.items()}}

    def column_names(self, table: str) -> tuple[str, ...]:
        """Names of a table's columns in the file, without `event_index`."""
        return tuple(self._storage.table(table).columns)

    def require(self, table: str, columns: Sequence[str]) -> None:
        """Raise an InputError that lists what is there, if the table or one of its columns is missing."""
        self._storage.table(table).require(columns)

    def num_rows(self, table: str) -> int:
        """Rows of a table within the range; 0 where the file has no such table."""
        if table not in self._storage.tables:
            return 0
        offsets = self.offsets(table)
        return int(offsets[self.stop] - offsets[self.start])

    def num_row_bytes(self, table: str, columns: Sequence[str]) -> int:
        """Bytes that one row takes while these columns of it are read."""
        return self._storage.table(table).num_row_bytes(columns)

    def chunks(self, table: str, columns: Sequence[str]) -> dict[int, int]:
        """Values that must be inflated together to read these columns, by the rows they span.

        Empty where the table has no chunks. Columns whose chunks have one length are taken together.
        """
        return self._storage.table(table).chunks(columns)

    def offsets(self, table: str) -> Int64s:
        """Rows of every event of the whole file: event e owns ``[offsets[e], offsets[e + 1])``.

        int64 (events + 1,). Read from the sequence keys, or derived from `event_id`, when first asked for.

        Raises
        ------
        InputError
            There is no such table, or its keys are wrong and cannot be rebuilt.
        """
        return self._storage.event_offsets(table)

    def share_offsets(self, offsets: Mapping[str, Int64s]) -> None:
        """Take the offsets of tables from elsewhere (another rank) instead of reading keys."""
        self._storage.offsets.update(offsets)

    def scan(self, table: str, *, rows: tuple[int, int] | None = None) -> pl.LazyFrame:
        """LazyFrame of a table within the range, `event_index` first; nothing is read yet.

        Columns that the query does not use are not read; conditions on `event_index` (joined by ``&`` to
        others or not) select rows before reading; `head` and `limit` read no more than they keep. `rows`
        restricts to a range of the table's row numbers, which Polars cannot push into a source by `slice`.

        Raises
        ------
        InputError
            There is no such table, its columns differ in length, its keys are wrong beyond repair, or
            `rows` is no range.
        """
        stored = self._storage.table(table)
        if rows is not None and not 0 <= rows[0] <= rows[1]:
            raise InputError(f"rows={rows} is no range [start, stop) of rows")
        return scan_table(stored, self.offsets(table), self.start, self.stop, rows)

    def read(self, table: str, columns: Sequence[str], start: int, stop: int) -> pl.DataFrame:
        """Rows of events ``[start, stop)`` with the columns, whose buffers are those read from HDF5."""
        offsets = self.offsets(table)
        stored = self._storage.table(table)
        return read_frame(stored, offsets, list(columns), int(offsets[start]), int(offsets[stop]))

    def object_name(self, event: int) -> str:
        """Unique name of the object that an event becomes: ``r1_sr0_evt5``.

        Later events with the same numbers get ``_2``, ``_3``, … behind it.
        """
        run, subrun, number = self.ids[event].tolist()
        occurrence = self._storage.occurrence
        again = 0 if occurrence is None else int(occurrence[event])
        return f"r{run}_sr{subrun}_evt{number}" + (f"_{again + 1}" if again else "")

    def batches(self, budget: int = BATCH_BYTES) -> Iterator[Batch]:
        """Batches of whole events, each of at most `budget` bytes over all tables."""
        num_bytes = np.zeros(len(self.ids), np.int64)
        for table in self.tables:
            num_bytes += np.diff(self.offsets(table)) * self.num_row_bytes(table, self.column_names(table))
        for start, stop in batch_ranges(num_bytes, budget, self.start, self.stop):
            yield Batch(self, start, stop)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> "EventFile": ...
    def __getitem__(self, index: int | slice) -> "Event | EventFile":
        if isinstance(index, slice):
            part = self._range[index]
            if part.step != 1:
                raise ValueError(f"an EventFile is a contiguous range: step {part.step} is not 1")
            ranged = object.__new__(EventFile)
            ranged._storage, ranged._range = self._storage, part if part else range(part.start, part.start)
            return ranged
        try:
            return Event(self, self._range[operator.index(index)])
        except IndexError:
            raise IndexError(f"event {index} of {len(self)} in {self.path}") from None

    def __len__(self) -> int:
        return len(self._range)

    def __iter__(self) -> Iterator[Event]:
        return (self[i] for i in range(len(self)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, for every range of it."""
        self._storage.close()

    def __repr__(self) -> str:
        whole = len(self) == len(self.ids)
        span = "" if whole else f" [{self.start}, {self.stop}) of {len(self.ids)}"
        lines = [f"EventFile({str(self.path)!r}): {len(self):,} events{span}"]
        for name, table in self._storage.tables.items():
            try:
                rows = f"{table.num_rows if whole else self.num_rows(name):,}"
            except InputError as error:
                lines.append(f"  {name:<20}{error}")
                continue
            lines.append(f"  {name:<20}{rows:>14} rows  {shorten(', '.join(table.columns), _REPR_WIDTH)}")
        if self.stray_members:
            lines.append(f"  not tables: {', '.join(self.stray_members)}")
        return "\n".join(lines)


def open_events(path: str | Path) -> EventFile:
    """Open a NuML event file; see `EventFile`."""
    return EventFile(path)
