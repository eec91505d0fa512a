"""Event files: a sequence of events, and tables to scan."""

import operator
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import shorten
from types import TracebackType
from typing import Self, overload

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.detectors import Detector, load_detector
from numl_polars.errors import InputError
from numl_polars.events.batch import Batch, Event
from numl_polars.events.partition import batch_ranges
from numl_polars.events.storage import Contents, EventFileWarning, Storage
from numl_polars.mpi import World
from numl_polars.schema import EVENT_INDEX
from numl_polars.sources import Source, source_paths
from numl_polars.tables.scan import read_frame, scan_table

__all__ = ["EventFile", "EventFileWarning", "open_events"]

Int64s = NDArray[np.int64]

BATCH_BYTES = 8_000_000
_REPR_WIDTH = 70


class EventFile(Sequence[Event]):
    """The events of a NuML file, or of several one behind the other, or a range of them.

    ``len(events)``, ``events[12]``, ``for event in events``; ``events[100:200]`` is an EventFile of that
    range over the same open files. Tables are read when they are asked for, and only the columns and rows
    that are asked for.

    Parameters
    ----------
    sources
        Path of an HDF5 file with an `event_table`, a pattern as ``runs/*.h5``, a text file (``.txt``,
        ``.list``) with a path a line, or several of these.
    detector
        Name or description of the detector (see `numl_polars.detectors`), or a TOML file with one, that says
        what files call their columns. Names of included generations need none.
    ranks
        Ranks that open the same files now, each of which then looks at a share of them only.

    Raises
    ------
    InputError
        A file is missing, may not be read, is no HDF5 file, is truncated, or has no event table.
    OptionError
        There is no such detector.
    """

    def __init__(
        self,
        sources: Source | Iterable[Source],
        *,
        detector: str | Path | Detector | None = None,
        ranks: World | None = None,
    ) -> None:
        renamed = {} if detector is None else load_detector(detector).renamed
        self._storage = Storage(source_paths(sources), renamed, ranks)
        self._range = range(len(self._storage.ids))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the files are."""
        return self._storage.paths

    @property
    def name(self) -> str:
        """The files, as messages show them."""
        return self._storage.name

    @property
    def file_starts(self) -> Int64s:
        """int64 (files + 1,): event with which each file begins, an `event_index`."""
        return self._storage.contents.starts

    @property
    def num_bytes(self) -> Sequence[int]:
        """Size of each file."""
        return [state.num_bytes for state in self._storage.contents.states]

    @property
    def contents(self) -> Contents:
        """What is known of the files; grows as tables are asked for."""
        return self._storage.contents

    def learn(self, contents: Contents) -> None:
        """Take what another rank has found in these files, in place of looking."""
        self._storage.learn(contents)

    def file_of(self, event: int) -> Path:
        """File that an event, an `event_index`, stands in."""
        return self.paths[int(np.searchsorted(self.file_starts, event, side="right")) - 1]

    @property
    def start(self) -> int:
        """First event of the range, an `event_index` of all files."""
        return self._range.start

    @property
    def stop(self) -> int:
        """End of the range, exclusive."""
        return self._range.stop

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables, as the files list them."""
        return self._storage.tables

    @property
    def stray_members(self) -> tuple[str, ...]:
        """Members of files that are no tables."""
        return self._storage.contents.strays

    @property
    def ids(self) -> NDArray[np.int32]:
        """Run, subrun, event of every event of all files, int32 (events, 3)."""
        return self._storage.ids

    def columns(self, table: str) -> dict[str, pl.DataType]:
        """Names and dtypes of a table's columns as they are read, `event_index` first."""
        stored = self._storage.table(table).columns
        return {EVENT_INDEX: pl.Int64(), **{name: column.dtype for name, column in stored.items()}}

    def column_names(self, table: str) -> tuple[str, ...]:
        """Names of a table's columns, without `event_index`."""
        return tuple(self._storage.table(table).columns)

    def require(self, table: str, columns: Sequence[str]) -> None:
        """Raise an InputError that lists what is there, if the table or one of its columns is missing."""
        self._storage.table(table).require(columns)

    def num_rows(self, table: str) -> int:
        """Rows of a table within the range; 0 where no file has it."""
        if table not in self._storage.tables:
            return 0
        offsets = self.offsets(table)
        return int(offsets[self.stop] - offsets[self.start])

    def num_row_bytes(self, table: str, columns: Sequence[str]) -> int:
        """Bytes that one row takes while these columns of it are read."""
        return self._storage.table(table).num_row_bytes(columns)

    def chunks(self, table: str, columns: Sequence[str]) -> dict[int, int]:
        """Values that must be inflated together to read these columns, by the rows they span.

        Empty where the table has no chunks, or is of several files. Columns whose chunks have one length are
        taken together.
        """
        return self._storage.table(table).chunks(columns)

    def offsets(self, table: str) -> Int64s:
        """Rows of every event of all files: event e owns ``[offsets[e], offsets[e + 1])``.

        int64 (events + 1,). Read from the sequence keys, or derived from `event_id`, when first asked for.

        Raises
        ------
        InputError
            There is no such table, or its keys are wrong and cannot be rebuilt.
        """
        return self._storage.event_offsets(table)

    def load_offsets(self, tables: Iterable[str], ranks: World | None = None) -> None:
        """Find `offsets` of several tables at once: each file is opened once for all of them.

        Parameters
        ----------
        ranks
            Ranks that call this now, too: each looks at a share of the files, and rank 0 knows all.
        """
        self._storage.load_offsets(tables, ranks)

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
            raise IndexError(f"event {index} of {len(self)} in {self.name}") from None

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
        """Close the files, for every range of them."""
        self._storage.close()

    def __repr__(self) -> str:
        whole = len(self) == len(self.ids)
        span = "" if whole else f" [{self.start}, {self.stop}) of {len(self.ids)}"
        lines = [f"EventFile({self.name!r}): {len(self):,} events{span}"]
        for name in self.tables:
            try:
                table = self._storage.table(name)
                rows = f"{table.num_rows if whole else self.num_rows(name):,}"
            except InputError as error:
                lines.append(f"  {name:<20}{error}")
                continue
            lines.append(f"  {name:<20}{rows:>14} rows  {shorten(', '.join(table.columns), _REPR_WIDTH)}")
        if self.stray_members:
            lines.append(f"  not tables: {', '.join(self.stray_members)}")
        return "\n".join(lines)


def open_events(
    sources: Source | Iterable[Source], *, detector: str | Path | Detector | None = None
) -> EventFile:
    """Open NuML event files, one or several as one; see `EventFile`."""
    return EventFile(sources, detector=detector)
