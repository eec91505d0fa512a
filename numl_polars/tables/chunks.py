"""Rows of a contiguous or chunked dataset as they are stored, read past HDF5."""

import math
from array import array
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from numl_polars.tables.damage import DamageError
from numl_polars.tables.filters import Filters
from numl_polars.tables.raw_file import RawFile

# a list of more chunks than these would take too much memory
_MOST_CHUNKS = 1 << 21
_LARGEST_GAP = 1 << 12

# of a variable-length string: its bytes, where its heap collection stands, which object of that it is
REFERENCE = np.dtype([("num_bytes", "<u4"), ("address", "<u8"), ("object", "<u4")])


class ContiguousRows:
    """Rows of a dataset that stands in the file in one piece, from `offset` on."""

    def __init__(self, file: RawFile, offset: int, width: int, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.width = width
        self._offset = offset
        self._file = file

    @classmethod
    def of(cls, dataset: h5py.Dataset, file: RawFile, dtype: np.dtype[Any]) -> Self | None:
        """The rows of a contiguous dataset; None where its bytes are elsewhere or were never written."""
        creation = dataset.id.get_create_plist()
        if creation.get_layout() != h5py.h5d.CONTIGUOUS or creation.get_external_count():
            return None
        # behind a user block, HDF5 gives an offset for what was never written, too
        offset = dataset.id.get_offset() if dataset.id.get_storage_size() else None
        return None if offset is None else cls(file, offset, math.prod(dataset.id.shape[1:]), dtype)

    def read_into(self, start: int, block: NDArray[Any]) -> None:
        """Fill `block` with the rows from `start` on, as they are stored.

        Raises
        ------
        DamageError
            The file ends before.
        """
        self._file.read_into(self._offset + start * self.width * self.dtype.itemsize, block)


class ChunkedRows:
    """Rows of a chunked dataset, by slabs: the chunks that hold the same rows, side by side if it is wide."""

    def __init__(
        self,
        dataset: h5py.h5d.DatasetID,
        file: RawFile,
        chunk: tuple[int, ...],
        filters: Filters,
        fill: NDArray[Any],
    ) -> None:
        self.dtype = fill.dtype
        self.width = math.prod(dataset.shape[1:])
        self.slab_rows = chunk[0]
        self._chunk = np.array(chunk)
        self._chunk_width = math.prod(chunk[1:])
        self._chunk_bytes = math.prod(chunk) * fill.dtype.itemsize
        self._grid = tuple(-(-values // each) for values, each in zip(dataset.shape, chunk, strict=True))
        self._num_slabs = self._grid[0]
        self._num_across = math.prod(self._grid[1:])
        self.slab_bytes = self._num_across * self._chunk_bytes
        self._dataset = dataset
        self._file = file
        self._filters = filters
        self._fill = fill

    @classmethod
    def of(cls, dataset: h5py.Dataset, file: RawFile, fill: NDArray[Any]) -> Self | None:
        """The rows of a chunked dataset; None where filters or the number of chunks leave it to HDF5.

        Parameters
        ----------
        fill
            What a value is that was never written, shape (), of the dtype of the values in the file.
        """
        creation = dataset.id.get_create_plist()
        filters = Filters.of(creation, fill.dtype.itemsize)
        if filters is None or not hasattr(dataset.id, "chunk_iter"):
            return None
        rows = cls(dataset.id, file, creation.get_chunk(), filters, fill)
        return rows if math.prod(rows._grid) <= _MOST_CHUNKS else None

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Offset, bytes and skipped filters of each chunk, int64 (slabs, across, 3); 0 bytes: not written."""
        listed = array("q")

        def note(chunk: Any) -> None:
            listed.extend((chunk.byte_offset, chunk.size, chunk.filter_mask, *chunk.chunk_offset))

        try:
            self._dataset.chunk_iter(note)
        except (RuntimeError, OSError, OverflowError) as error:
            raise DamageError(f"its chunks cannot be listed: {error}") from error
        found = np.frombuffer(listed, np.int64).reshape(-1, 3 + len(self._grid))
        places = np.zeros((math.prod(self._grid), 3), np.int64)
        places[self._numbers(found[:, 3:])] = found[:, :3]
        # HDF5 takes a chunk that is listed in another's place for one that was never written
        if np.count_nonzero(places[:, 1]) < len(found):
            raise DamageError("some of its chunks are listed twice, or have no bytes")
        return places.reshape(self._num_slabs, self._num_across, 3)

    def _numbers(self, corners: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of each chunk, from the place of its first value, int64 (chunks, dimensions)."""
        places, within = np.divmod(corners, self._chunk)
        wrong = (within != 0) | (places < 0) | (places >= self._grid)
        if wrong.any():
            first = corners[wrong.any(axis=1).argmax()]
            raise DamageError(f"a chunk is listed at {tuple(first.tolist())}, where none can be")
        numbers: NDArray[np.int64] = np.ravel_multi_index(tuple(places.T), self._grid)
        return numbers

    def check(self, start: int, stop: int) -> None:
        """Decode the chunks of rows ``[start, stop)``, for HDF5 would take them whatever they decode to.

        Raises
        ------
        DamageError
            One has not as many bytes as it must have.
        """
        for slab in range(start // self.slab_rows, -(-stop // self.slab_rows)):
            for across, (offset, num_bytes, _) in enumerate(self._places[slab].tolist()):
                self._decoded(slab, across, self._file.read(offset, num_bytes))

    def locate(self) -> None:
        """Find where the chunks are, which takes HDF5's lock, so that threads need not.

        Raises
        ------
        DamageError
            They are not where chunks can be.
        """
        _ = self._places

    @property
    def filters(self) -> Filters:
        """What was done to the chunks before they were stored."""
        return self._filters

    def stored(self, slab: int) -> tuple[bytes, int] | None:
        """The one chunk of a slab as it is stored, and the mask of filters that were not applied to it.

        None where the slab has several chunks, or its chunk was never written.

        Raises
        ------
        DamageError
            It does not decode: that is to be found now, not by who reads a copy of it.
        """
        offset, num_bytes, skipped = self._places[slab, 0].tolist()
        if self._num_across != 1 or not num_bytes:
            return None
        stored = self._file.read(offset, num_bytes)
        self._decoded(slab, 0, stored)
        return stored, skipped

    def load(self, first: int, last: int) -> NDArray[Any]:
        """The rows of slabs ``[first, last)``, (rows, width), as they are stored; maybe more than there are.

        Raises
        ------
        DamageError
            A chunk does not decode to as many bytes as it must have.
        """
        if last - first == 1 and self._chunk_width == self.width:
            return self._decoded(first, 0, self._file.read(*self._places[first, 0, :2].tolist()))
        if self._num_across == 1 and self._chunk_width == self.width and self._filters.are_deflate:
            try:
                return self._inflated(first, last)
            except DamageError:
                pass  # one by one, to tell which
        rows = np.empty(((last - first) * self.slab_rows, self.width), self.dtype)
        for number, chunk in self._decoded_together(first, last):
            slab, across = divmod(number, self._num_across)
            place = across * self._chunk_width
            wanted = rows[
                slab * self.slab_rows : (slab + 1) * self.slab_rows, place : place + self._chunk_width
            ]
            wanted[...] = chunk[:, : wanted.shape[1]]
        return rows

    def _inflated(self, first: int, last: int) -> NDArray[Any]:
        """Rows of slabs ``[first, last)`` of one chunk each, which was deflated and nothing else."""
        if self._places[first:last, 0, 2].any():
            raise DamageError("a filter was not applied to all chunks")
        stored: list[Any] = [b""] * (last - first)
        for number, chunk in self._read_together(first, last):
            stored[number] = chunk
        rows = np.frombuffer(self._filters.inflate_together(stored, self._chunk_bytes), self.dtype)
        return rows.reshape(-1, self.width)

    def _decoded_together(self, first: int, last: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Chunks of slabs ``[first, last)`` by number, decoded."""
        for number, stored in self._read_together(first, last):
            slab, across = first + number // self._num_across, number % self._num_across
            yield number, self._decoded(slab, across, stored)

    def _read_together(self, first: int, last: int) -> Iterator[tuple[int, memoryview]]:
        """Chunks of slabs ``[first, last)`` by number; those that adjoin in the file are read together."""
        places = self._places[first:last].reshape(-1, 3)
        starts, stops = places[:, 0], places[:, 0] + places[:, 1]
        order = np.argsort(starts, kind="stable")
        gaps = starts[order][1:] - stops[order][:-1]
        for group in np.split(order, np.flatnonzero((gaps < 0) | (gaps > _LARGEST_GAP)) + 1):
            begin, end = int(starts[group[0]]), int(stops[group[-1]])
            together = memoryview(self._file.read(begin, end - begin))
            bounds = zip(
                group.tolist(), (starts[group] - begin).tolist(), (stops[group] - begin).tolist(), strict=True
            )
            for number, start, stop in bounds:
                yield number, together[start:stop]

    def _decoded(self, slab: int, across: int, stored: bytes | memoryview) -> NDArray[Any]:
        start = slab * self.slab_rows
        if not stored:
            return np.broadcast_to(self._fill, (self.slab_rows, self._chunk_width))
        try:
            chunk = self._filters.decode(stored, int(self._places[slab, across, 2]), self._chunk_bytes)
        except DamageError as error:
            raise DamageError(f"chunk of rows [{start}, {start + self.slab_rows}): {error}") from error
        return np.frombuffer(chunk, self.dtype).reshape(self.slab_rows, self._chunk_width)


def raw_rows(dataset: h5py.Dataset, file: RawFile | None) -> ContiguousRows | ChunkedRows | None:
    """How to read a dataset past HDF5; None where only HDF5 can (other types, filters or storage)."""
    if file is None or not dataset.size:
        return None
    dtype = _stored_dtype(dataset, file)
    if dtype is None:
        return None
    if dataset.chunks is None:
        return ContiguousRows.of(dataset, file, dtype)
    fill = _fill_value(dataset, dtype)
    return None if fill is None else ChunkedRows.of(dataset, file, fill)


def check_chunks(dataset: h5py.Dataset, file: RawFile | None, start: int, stop: int) -> None:
    """Decode the chunks of rows ``[start, stop)``, which HDF5 is going to read: it takes them as they come.

    Raises
    ------
    DamageError
        One has not as many bytes as it must have.
    """
    if file is not None and dataset.chunks is not None:
        values = np.zeros((), f"V{dataset.id.get_type().get_size()}")
        chunks = ChunkedRows.of(dataset, file, values)
        if chunks is not None:
            chunks.check(start, stop)


def _stored_dtype(dataset: h5py.Dataset, file: RawFile) -> np.dtype[Any] | None:
    """Dtype of the values in the file, None where NumPy has none that says all of them."""
    stored = dataset.id.get_type()
    if stored.get_class() == h5py.h5t.STRING:
        if stored.is_variable_str():
            return REFERENCE if file.is_usual else None
        return None if stored.get_strpad() == h5py.h5t.STR_SPACEPAD else np.dtype(dataset.dtype)
    # integers of odd precision and the like
    return np.dtype(dataset.dtype) if stored.equal(h5py.h5t.py_create(dataset.dtype)) else None


def _fill_value(dataset: h5py.Dataset, dtype: np.dtype[Any]) -> NDArray[Any] | None:
    """What rows are that were never written, as they would be stored; None for strings in a heap."""
    is_given = dataset.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
    if not is_given:
        return np.zeros((), dtype)
    return None if dtype == REFERENCE else np.array(dataset.fillvalue, dtype)
