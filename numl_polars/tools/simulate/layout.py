"""The storage layouts that event files come in, written a block of rows at a time."""

from pathlib import Path
from typing import Literal, Protocol, get_args

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from numl_polars.tools.simulate.columns import Table
from numl_polars.tools.simulate.species import PROCESSES, Ints

Layout = Literal["fresh", "merged", "contiguous"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

STRING_BYTES = 64
GZIP_LEVEL = 6
FRESH_CHUNK_ROWS = 128
MERGED_CHUNK_ELEMENTS = 262_144
WRITE_ROWS = 32_768
"""Rows handed to HDF5 at once where chunks are small."""
COPY_BYTES = 1 << 24
NAMES = np.array([name.encode("ascii") for name in PROCESSES], f"S{STRING_BYTES}")

AnyArray = NDArray[np.generic]


class ColumnWriter(Protocol):
    """Takes in the rows of one column; afterwards the dataset holds them all."""

    def append(self, rows: AnyArray) -> None:
        """Take in rows, (n, width), of the dtype that the column was made with."""

    def close(self) -> None:
        """Write what is still held back."""


class ChunkedColumn:
    """A compressed dataset that grows by whole chunks, so that none is compressed twice.

    Parameters
    ----------
    group, name, dtype, width
        Where the dataset is made and what it holds.
    chunk_rows
        Rows of a chunk.
    shrinks
        Whether a dataset of less than one chunk has a chunk of just its rows, as merged files do.
    """

    def __init__(
        self, group: h5py.Group, name: str, dtype: DTypeLike, width: int, *, chunk_rows: int, shrinks: bool
    ) -> None:
        self._group, self._name, self._dtype, self._width = group, name, dtype, width
        self._chunk_rows, self._shrinks = chunk_rows, shrinks
        self._write_rows = max(chunk_rows, WRITE_ROWS // chunk_rows * chunk_rows)
        self._held: list[AnyArray] = []
        self._num_held = self._num_written = 0
        self._dataset: h5py.Dataset | None = None

    def append(self, rows: AnyArray) -> None:
        """Take in rows; written as soon as they fill chunks."""
        self._held.append(rows)
        self._num_held += len(rows)
        if self._num_held >= self._write_rows:
            held = np.concatenate(self._held)
            stop = len(held) // self._write_rows * self._write_rows
            for start in range(0, stop, self._write_rows):
                self._write(held[start : start + self._write_rows], self._chunk_rows)
            # A copy, or the remainder would keep all of `held` in memory.
            self._held, self._num_held = [held[stop:].copy()], len(held) - stop

    def close(self) -> None:
        """Write the last, partly filled chunks."""
        chunk_rows = self._chunk_rows
        if self._shrinks and self._dataset is None:
            chunk_rows = min(chunk_rows, max(self._num_held, 1))
        rows = np.concatenate(self._held) if self._held else np.empty((0, self._width), np.uint8)
        self._write(rows, chunk_rows)

    def _write(self, rows: AnyArray, chunk_rows: int) -> None:
        if self._dataset is None:
            self._dataset = self._group.create_dataset(
                self._name,
                shape=(0, self._width),
                maxshape=(None, self._width),
                dtype=self._dtype,
                chunks=(chunk_rows, self._width),
                compression="gzip",
                compression_opts=GZIP_LEVEL,
            )
        stop = self._num_written + len(rows)
        self._dataset.resize(stop, axis=0)
        if len(rows):
            self._dataset[self._num_written :] = spelled(rows, self._dtype)
        self._num_written = stop


class ContiguousColumn:
    """A dataset without chunks, which cannot grow: rows wait in a file of their own until all are known."""

    def __init__(self, group: h5py.Group, name: str, dtype: DTypeLike, width: int, *, spool: Path) -> None:
        self._group, self._name, self._dtype, self._width = group, name, dtype, width
        self._spool = spool
        self._num_rows = 0
        self._held_dtype: np.dtype[np.generic] = np.dtype(np.uint8)

    def append(self, rows: AnyArray) -> None:
        """Take in rows."""
        self._held_dtype = rows.dtype
        with self._spool.open("ab") as file:
            rows.tofile(file)
        self._num_rows += len(rows)

    def close(self) -> None:
        """Copy all rows into the dataset, some at a time."""
        dataset = self._group.create_dataset(
            self._name, shape=(self._num_rows, self._width), dtype=self._dtype
        )
        step = max(COPY_BYTES // (dataset.dtype.itemsize * self._width), 1)
        for start in range(0, self._num_rows, step):
            number = min(step, self._num_rows - start) * self._width
            offset = start * self._width * self._held_dtype.itemsize
            rows = np.fromfile(self._spool, self._held_dtype, number, offset=offset)
            dataset[start : start + step] = spelled(rows.reshape(-1, self._width), self._dtype)
        self._spool.unlink()


def spelled(rows: AnyArray, dtype: DTypeLike) -> AnyArray:
    """The rows as they are stored: process codes, uint8, become their names."""
    if rows.dtype != np.uint8:
        return rows
    is_variable = h5py.check_string_dtype(np.dtype(dtype)).length is None
    names: AnyArray = NAMES[rows]
    return names.astype(object) if is_variable else names


class EventFileWriter:
    """Writes tables, a block of events after the other, in one of the layouts.

    Holds back at most one chunk of each column: some 100 MB with the large chunks of merged files.

    Parameters
    ----------
    file
        Open for writing, and empty.
    layout
        "fresh" (strings of variable length, chunks of 128 rows, gzip, key ``event_id.seq_cnt``), "merged"
        (strings of 64 bytes, chunks of 262,144 elements, gzip, both keys) or "contiguous" (strings of 64
        bytes, no chunks, both keys).
    spool
        Folder for the files that the contiguous layout needs meanwhile.
    """

    def __init__(self, file: h5py.File, layout: Layout, spool: Path) -> None:
        self._file, self._layout, self._spool = file, layout, spool
        self._columns: dict[str, dict[str, ColumnWriter]] = {}
        self._num_rows: dict[str, int] = {}

    @property
    def num_rows(self) -> dict[str, int]:
        """Rows written so far, by table."""
        return dict(self._num_rows)

    def append(self, tables: dict[str, Table], event_ids: Ints, first_event: int) -> None:
        """Take in the tables of some events.

        Parameters
        ----------
        tables
            Rows by table; each block has the same tables and columns.
        event_ids
            int64 (events, 3): run, subrun, event.
        first_event
            Position of the first of the events in the file.
        """
        for name, table in tables.items():
            number = np.bincount(table.event, minlength=len(event_ids))
            present = np.flatnonzero(number)
            columns: dict[str, AnyArray] = {
                **table.columns,
                "event_id": event_ids[table.event].astype(np.int32),
                "event_id.seq_cnt": np.stack((first_event + present, number[present]), axis=1),
            }
            if self._layout != "fresh":
                columns["event_id.seq"] = first_event + table.event[:, None]
            if name not in self._columns:
                group = self._file.create_group(name)
                self._columns[name] = {key: self._writer(group, key, columns[key]) for key in sorted(columns)}
            for key, rows in columns.items():
                self._columns[name][key].append(rows)
            self._num_rows[name] = self._num_rows.get(name, 0) + table.event.size

    def close(self) -> None:
        """Write all that is still held back."""
        for columns in self._columns.values():
            for column in columns.values():
                column.close()

    def _writer(self, group: h5py.Group, name: str, rows: AnyArray) -> ColumnWriter:
        dtype: DTypeLike = rows.dtype
        width = rows.shape[1]
        if rows.dtype == np.uint8:
            dtype = h5py.string_dtype("ascii") if self._layout == "fresh" else f"S{STRING_BYTES}"
        if self._layout == "contiguous":
            table = str(group.name).strip("/")
            return ContiguousColumn(group, name, dtype, width, spool=self._spool / f"{table}.{name}")
        is_fresh = self._layout == "fresh"
        chunk_rows = FRESH_CHUNK_ROWS if is_fresh else MERGED_CHUNK_ELEMENTS // width
        return ChunkedColumn(group, name, dtype, width, chunk_rows=chunk_rows, shrinks=not is_fresh)
