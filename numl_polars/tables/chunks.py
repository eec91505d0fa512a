"""Rows of a contiguous or chunked dataset as they are stored, read past HDF5."""

import gc
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from numl_polars.tables.filters import Filters
from numl_polars.tables.raw_file import RawError, RawFile

# a list of more chunks than these would take too much memory
_MOST_CHUNKS = 1 << 18
_LARGEST_GAP = 1 << 12

# of a variable-length string: its bytes, where its heap collection stands, which object of that it is
REFERENCE = np.dtype([("num_bytes", "<u4"), ("address", "<u8"), ("object", "<u4")])


class ContiguousRows:
    """Rows of a dataset that stands in the file in one piece, from `offset` on."""

    def __init__(self, dataset: h5py.Dataset, file: RawFile, offset: int, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.width = dataset.shape[1] if dataset.ndim == 2 else 1
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
        return None if offset is None else cls(dataset, file, offset, dtype)

    def read_into(self, start: int, block: NDArray[Any]) -> None:
        """Fill `block` with the rows from `start` on, as they are stored.

        Raises
        ------
        RawError
            They cannot be read so, and HDF5 is to be asked.
        """
        self._file.read_into(self._offset + start * self.width * self.dtype.itemsize, block)


class ChunkedRows:
    """Rows of a chunked dataset, by slabs: the chunks that hold the same rows, side by side if it is wide."""

    def __init__(self, dataset: h5py.Dataset, file: RawFile, filters: Filters, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.width = dataset.shape[1] if dataset.ndim == 2 else 1
        self.slab_rows = dataset.chunks[0]
        self._chunk_width = dataset.chunks[1] if dataset.ndim == 2 else 1
        self._chunk_bytes = math.prod(dataset.chunks) * dtype.itemsize
        self._num_slabs = -(-dataset.shape[0] // self.slab_rows)
        self._num_across = -(-self.width // self._chunk_width)
        self.slab_bytes = self._num_across * self._chunk_bytes
        self._dataset = dataset
        self._file = file
        self._filters = filters

    @classmethod
    def of(cls, dataset: h5py.Dataset, file: RawFile, dtype: np.dtype[Any]) -> Self | None:
        """The rows of a chunked dataset; None where filters or the number of chunks leave it to HDF5."""
        filters = Filters.of(dataset)
        if filters is None or not hasattr(dataset.id, "chunk_iter"):
            return None
        rows = cls(dataset, file, filters, dtype)
        return rows if rows._num_slabs * rows._num_across <= _MOST_CHUNKS else None

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Offset, bytes and skipped filters of each chunk, int64 (slabs, across, 3); 0 bytes: not written."""
        places = np.zeros((self._num_slabs, self._num_across, 3), np.int64)
        found: list[Any] = []
        with _garbage_left():
            # `append` is called as it is: a function of Python would take longer than HDF5
            self._dataset.id.chunk_iter(found.append)
        corners = np.array([chunk.chunk_offset for chunk in found], np.int64).reshape(len(found), -1)
        slabs = corners[:, 0] // self.slab_rows
        across = corners[:, -1] // self._chunk_width if corners.shape[1] > 1 else 0
        places[slabs, across, 0] = [chunk.byte_offset for chunk in found]
        places[slabs, across, 1] = [chunk.size for chunk in found]
        places[slabs, across, 2] = [chunk.filter_mask for chunk in found]
        return places

    def locate(self) -> None:
        """Find where the chunks are, which takes HDF5's lock, so that threads need not."""
        _ = self._places

    @property
    def filters(self) -> Filters:
        """What was done to the chunks before they were stored."""
        return self._filters

    def stored(self, slab: int) -> tuple[bytes, int]:
        """The one chunk of a slab as it is stored, and the mask of filters that were not applied to it.

        Raises
        ------
        RawError
            The slab has several chunks, or its chunk was never written, or cannot be read.
        """
        if self._num_across != 1:
            raise RawError(f"rows are spread over {self._num_across} chunks")
        offset, num_bytes, skipped = self._places[slab, 0].tolist()
        if not num_bytes:
            raise RawError(f"the chunk of rows from {slab * self.slab_rows} on was never written")
        return self._file.read(offset, num_bytes), skipped

    def load(self, first: int, last: int) -> NDArray[Any]:
        """The rows of slabs ``[first, last)``, (rows, width), as they are stored; maybe more than there are.

        Raises
        ------
        RawError
            They cannot be read so, and HDF5 is to be asked.
        """
        if last - first == 1 and self._chunk_width == self.width:
            return self._decoded(first, 0, self._file.read(*self._places[first, 0, :2].tolist()))
        if self._num_across == 1 and self._chunk_width == self.width and self._filters.are_deflate:
            try:
                return self._inflated(first, last)
            except RawError:
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
            raise RawError("a filter was not applied to all chunks")
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
            raise RawError(f"the chunk of rows from {start} on was never written")
        try:
            chunk = self._filters.decode(stored, int(self._places[slab, across, 2]), self._chunk_bytes)
        except RawError as error:
            raise RawError(f"chunk of rows [{start}, {start + self.slab_rows}): {error}") from error
        return np.frombuffer(chunk, self.dtype).reshape(self.slab_rows, self._chunk_width)


@contextmanager
def _garbage_left() -> Iterator[None]:
    """No garbage is looked for meanwhile: among thousands of new objects, all alive, again and again."""
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_enabled:
            gc.enable()


def raw_rows(dataset: h5py.Dataset, file: RawFile | None) -> ContiguousRows | ChunkedRows | None:
    """How to read a dataset past HDF5; None where only HDF5 can (other types, filters or storage)."""
    if file is None or not dataset.size or dataset.is_virtual:
        return None
    dtype = _stored_dtype(dataset, file)
    if dtype is None:
        return None
    kind: type[ContiguousRows | ChunkedRows] = ContiguousRows if dataset.chunks is None else ChunkedRows
    return kind.of(dataset, file, dtype)


def _stored_dtype(dataset: h5py.Dataset, file: RawFile) -> np.dtype[Any] | None:
    """Dtype of the values in the file, None where NumPy has none that says all of them."""
    stored = dataset.id.get_type()
    if stored.get_class() == h5py.h5t.STRING:
        if stored.is_variable_str():
            return REFERENCE if file.is_usual else None
        return None if stored.get_strpad() == h5py.h5t.STR_SPACEPAD else np.dtype(dataset.dtype)
    # integers of odd precision and the like
    return np.dtype(dataset.dtype) if stored.equal(h5py.h5t.py_create(dataset.dtype)) else None
