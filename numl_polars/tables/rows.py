"""Rows of one dataset in memory: past HDF5 where its storage is known, through HDF5 where not.

Reading is cut into jobs, one a piece of the dataset that can be decoded by itself, so that threads share the
pieces of all columns. What is stored in unusual ways is left to HDF5, which reads on behind chunks that are
shorter than they must be: they are decoded before it is asked.
"""

from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from numl_polars.jobs import Job, run_jobs
from numl_polars.tables.chunks import REFERENCE, ChunkedRows, ContiguousRows, check_chunks, raw_rows
from numl_polars.tables.damage import DamageError
from numl_polars.tables.heap import heap_values
from numl_polars.tables.raw_file import RawFile
from numl_polars.tables.strings import Categories, string_width

Rows = NDArray[Any]

_RUN_ROWS = 1 << 16
_LARGEST_KEPT = 64 << 20
_MOST_CATEGORIES = 1 << 16
_FEW_BYTES = 1 << 20
# of numbers; made once, for that takes as long as reading some rows
_NO_CATEGORIES = Categories()


class DatasetRows:
    """Rows of a dataset of numbers or strings.

    Parameters
    ----------
    dataset
        1-D, or 2-D (rows, width).
    file
        Where its bytes are; without it, all is read through HDF5.

    Attributes
    ----------
    dtype
        Of the rows that are read: native byte order, uint32 codes for strings.
    categories
        What codes stand for; begun anew where they have become many.
    """

    def __init__(self, dataset: h5py.Dataset, file: RawFile | None = None) -> None:
        self.dataset = dataset
        self.width: int = dataset.shape[1] if dataset.ndim == 2 else 1
        self.is_string = h5py.check_string_dtype(dataset.dtype) is not None
        self.dtype = np.dtype(np.uint32) if self.is_string else np.dtype(dataset.dtype).newbyteorder("=")
        self.categories = Categories() if self.is_string else _NO_CATEGORIES
        self._file = file
        self._lock = Lock()
        self._last: tuple[Categories, int, Rows] | None = None
        self._next = 0

    @cached_property
    def raw(self) -> ContiguousRows | ChunkedRows | None:
        """How to read past HDF5, None for through it."""
        return raw_rows(self.dataset, self._file)

    @cached_property
    def _is_terminated(self) -> bool:
        return bool(self.dataset.id.get_type().get_strpad() == h5py.h5t.STR_NULLTERM)

    def begin(self, start: int, stop: int) -> bool:
        """Whether a read of these rows goes on where the one before ended."""
        follows, self._next = start == self._next, stop
        if len(self.categories) > _MOST_CATEGORIES:
            self.categories = Categories()
        return follows

    def encode(self, stored: Rows, categories: Categories) -> Rows:
        """Numbers in native byte order, or codes of strings, from rows as they are stored."""
        if not self.is_string:
            return stored
        values = stored.reshape(-1)
        if values.dtype != REFERENCE:
            with self._lock:
                codes = categories.encode_fixed(values, terminated=self._is_terminated)
            return codes.reshape(stored.shape)
        assert self._file is not None
        codes = np.empty(values.size, np.uint32)
        for part, words, places, sizes in heap_values(self._file, values):
            with self._lock:
                codes[part] = categories.encode(words, places, sizes, terminated=True)
        return codes.reshape(stored.shape)

    def kept(self, slab: int, categories: Categories) -> Rows | None:
        """The rows of a slab, if they are still there from an earlier read."""
        last = self._last
        if last is not None and last[1] == slab and last[0] is categories:
            return last[2]
        return None if self._file is None else self._file.kept.get((self, categories, slab))

    def keep(self, slab: int, rows: Rows, categories: Categories, *, follows: bool) -> None:
        """Keep a slab for the next read, which most often starts in it.

        The one kept before is done with where a read `follows` the one before; else it may be come back to.
        """
        if rows.nbytes > _LARGEST_KEPT:
            return
        before, self._last = self._last, (categories, slab, rows)
        if before is not None and not follows and self._file is not None:
            self._file.kept.put((self, *before[:2]), before[2])

    def read_by_hdf5(self, start: int, stop: int, block: Rows, categories: Categories) -> None:
        """Fill `block` with rows ``[start, stop)`` through HDF5."""
        check_chunks(self.dataset, self._file, start, stop)
        if not self.is_string:
            block[...] = read_numbers(self.dataset, start, stop)
            return
        for first in range(start, stop, _RUN_ROWS):
            last = min(first + _RUN_ROWS, stop)
            values = read_strings(self.dataset, first, last, self.width)
            with self._lock:
                codes = categories.encode_fixed(values.reshape(-1))
            block[first - start : last - start] = codes.reshape(values.shape)


class Reading:
    """Rows ``[start, stop)`` of a dataset on their way into a block: jobs to run, then the block.

    Attributes
    ----------
    jobs
        Each fills rows of its own; they may run at once, in any order.
    num_bytes
        About how many bytes the jobs decode.
    categories
        What codes of strings stand for.

    Raises
    ------
    OSError
        No rows of the dataset can be read.
    """

    def __init__(self, rows: DatasetRows, start: int, stop: int) -> None:
        self._rows, self._start, self._stop = rows, start, stop
        self._follows = rows.begin(start, stop)
        self._is_left = False
        self._fault: OSError | None = None
        # a column is contiguous, so that Arrow can use it as it is
        self._block = np.empty((rows.width, max(stop - start, 0)), rows.dtype).T
        self.categories = rows.categories
        self.num_bytes = 0
        self.jobs: list[Job] = []
        if not self._block.size:
            return
        try:
            match rows.raw:
                case ContiguousRows() as raw:
                    self._plan_contiguous(raw)
                case ChunkedRows() as raw:
                    self._plan_chunked(raw)
                case None:
                    self._is_left = True
        except (RuntimeError, ValueError, OverflowError) as error:
            raise OSError(str(error)) from error

    def _plan_contiguous(self, raw: ContiguousRows) -> None:
        step = self._stop - self._start if self._is_direct else _RUN_ROWS
        for first in range(self._start, self._stop, step):
            self._add(self._read_contiguous, raw, first, min(first + step, self._stop))
        self.num_bytes = len(self._block) * raw.width * raw.dtype.itemsize

    def _read_contiguous(self, raw: ContiguousRows, first: int, last: int) -> None:
        if self._is_direct:
            raw.read_into(first, self._block)
            if not raw.dtype.isnative:
                self._block.byteswap(inplace=True)
            return
        stored = np.empty((last - first, raw.width), raw.dtype)
        raw.read_into(first, stored)
        self._take(self._rows.encode(stored, self.categories), first)

    @property
    def _is_direct(self) -> bool:
        """Whether the rows of a contiguous dataset are those of the block."""
        return self._rows.width == 1 and not self._rows.is_string

    def _plan_chunked(self, raw: ChunkedRows) -> None:
        slab, last = self._start // raw.slab_rows, -(-self._stop // raw.slab_rows)
        most = max(1, _RUN_ROWS // raw.slab_rows)
        while slab < last:
            kept = self._rows.kept(slab, self.categories)
            end = slab + 1
            if kept is not None:
                self._take(kept, slab * raw.slab_rows)
            else:
                while end < min(last, slab + most) and self._rows.kept(end, self.categories) is None:
                    end += 1
                self._add(self._read_slabs, raw, slab, end, end == last)
                self.num_bytes += (end - slab) * raw.slab_bytes
            slab = end
        if self.jobs:
            raw.locate()

    def _read_slabs(self, raw: ChunkedRows, first: int, last: int, are_last: bool) -> None:
        rows = self._rows.encode(raw.load(first, last), self.categories)
        self._take(rows, first * raw.slab_rows)
        is_used_up = self._stop in (last * raw.slab_rows, self._rows.dataset.shape[0])
        if are_last and not (self._follows and is_used_up):
            kept = rows if last - first == 1 else rows[-raw.slab_rows :].copy()
            self._rows.keep(last - 1, kept, self.categories, follows=self._follows)

    def _take(self, rows: Rows, first: int) -> None:
        """Copy what is wanted of rows from `first` on."""
        start, stop = max(self._start, first), min(self._stop, first + len(rows))
        for component in range(self._rows.width):
            wanted = self._block[start - self._start : stop - self._start, component]
            wanted[...] = rows[start - first : stop - first, component]

    def _add(self, read: Any, *arguments: Any) -> None:
        def job() -> None:
            if self._fault is None:
                try:
                    read(*arguments)
                except DamageError as error:
                    self._fault = error

        self.jobs.append(job)

    def block(self) -> Rows:
        """The rows, (rows, width), each column contiguous, once all jobs are done.

        Raises
        ------
        OSError
            Some of them cannot be read.
        """
        try:
            if self._fault is not None:
                raise self._fault
            if self._is_left:
                self._rows.read_by_hdf5(self._start, self._stop, self._block, self.categories)
        except (RuntimeError, ValueError, OverflowError) as error:
            raise OSError(str(error)) from error
        return self._block


def run_readings(readings: Sequence[Reading]) -> None:
    """Run the jobs of all readings, on threads where that is worth it."""
    jobs = [job for reading in readings for job in reading.jobs]
    if sum(reading.num_bytes for reading in readings) > _FEW_BYTES:
        run_jobs(jobs)
    else:
        for job in jobs:
            job()


def read_numbers(dataset: h5py.Dataset, start: int, stop: int) -> Rows:
    """Rows ``[start, stop)`` through HDF5, (rows, width), in native byte order."""
    width = dataset.shape[1] if dataset.ndim == 2 else 1
    rows = np.empty((max(stop - start, 0), width), dataset.dtype.newbyteorder("="))
    if rows.size:
        _read_into(dataset, start, rows, h5py.h5t.py_create(rows.dtype))
    return rows


def read_strings(dataset: h5py.Dataset, start: int, stop: int, width: int) -> NDArray[np.bytes_]:
    """HDF5 converts variable to fixed length itself; a value that fills its place may be cut, so grow."""
    length = string_width(dataset.dtype)
    while True:
        block = np.zeros((stop - start, width), f"S{length}")
        stored = dataset.id.get_type()
        memory = h5py.h5t.C_S1.copy()
        memory.set_size(length)
        memory.set_strpad(h5py.h5t.STR_NULLPAD)
        memory.set_cset(stored.get_cset())
        _read_into(dataset, start, block, memory)
        if not stored.is_variable_str() or not block.view(np.uint8).reshape(-1, length)[:, -1].any():
            return block
        # heaps are not compressed
        if length > dataset.file.id.get_filesize():
            raise OSError(f"a string of more than {length} bytes, which its file cannot hold")
        length *= 4


def _read_into(dataset: h5py.Dataset, start: int, block: Rows, memory_type: h5py.h5t.TypeID) -> None:
    file_space = dataset.id.get_space()
    shape = block.shape if dataset.ndim == 2 else block.shape[:1]
    file_space.select_hyperslab((start, 0)[: dataset.ndim], shape)
    dataset.id.read(h5py.h5s.create_simple(shape), file_space, block, memory_type)
