"""Bytes of an HDF5 file read past HDF5, from any thread, without its lock."""

import os
from collections import OrderedDict
from threading import Lock
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from numl_polars.tables.damage import DamageError

_ADDRESS_BYTES = 8
KEPT_BYTES = 256 << 20
"""Decoded chunks that reading may come back to, of all files together."""


class RawFile:
    """An HDF5 file as bytes, and a small store of chunks that were decoded from it.

    Parameters
    ----------
    file
        The file, open for reading.
    kept_bytes
        Memory for chunks that are kept.

    Attributes
    ----------
    base
        Offset that addresses within the file's structures count from.
    num_bytes
        Size of the file.
    is_usual
        Whether addresses and lengths take 8 bytes, as those of all usual files do.
    """

    def __init__(self, file: h5py.File, kept_bytes: int = KEPT_BYTES) -> None:
        creation = file.id.get_create_plist()
        self.base = int(creation.get_userblock())
        self.is_usual = creation.get_sizes() == (_ADDRESS_BYTES, _ADDRESS_BYTES)
        self.kept = KeptChunks(kept_bytes)
        # not by its path, where another file may stand now
        self._descriptor = os.dup(file.id.get_vfd_handle())
        self.num_bytes = os.fstat(self._descriptor).st_size

    def read(self, offset: int, num_bytes: int) -> bytes:
        """Bytes ``[offset, offset + num_bytes)`` of the file.

        Raises
        ------
        DamageError
            The file ends before, or is closed.
        """
        # room for as many bytes is taken before one is read
        if num_bytes > self.num_bytes:
            raise DamageError(f"{num_bytes} bytes at {offset} reach beyond the end of the file")
        try:
            found = os.pread(self._descriptor, num_bytes, offset)
        except (OSError, OverflowError) as error:
            raise DamageError(str(error)) from error
        if len(found) != num_bytes:
            raise DamageError(f"{num_bytes} bytes at {offset} reach beyond the end of the file")
        return found

    def read_into(self, offset: int, block: NDArray[Any]) -> None:
        """Fill a contiguous array with the bytes from `offset` on; errors as of `read`."""
        left = block.reshape(-1).view(np.uint8).data
        while left:
            try:
                num_read = os.preadv(self._descriptor, [left], offset)
            except (OSError, OverflowError) as error:
                raise DamageError(str(error)) from error
            if num_read == 0:
                raise DamageError(f"{len(left)} bytes at {offset} reach beyond the end of the file")
            left, offset = left[num_read:], offset + num_read

    def close(self) -> None:
        """Close the file; the number of its descriptor is forgotten, for it may come to mean another file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
        self.kept.clear()

    def __del__(self) -> None:
        self.close()


class KeptChunks:
    """Decoded chunks that reading out of order may come back to, the latest used ones of a file.

    Parameters
    ----------
    budget
        Bytes that they take at most.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._num_bytes = 0
        self._chunks: OrderedDict[Any, Any] = OrderedDict()
        self._lock = Lock()

    def put(self, key: Any, rows: NDArray[Any]) -> None:
        """Keep `rows` under `key`, and no longer those that were not used for longest."""
        with self._lock:
            if key in self._chunks or rows.nbytes > self._budget:
                return
            self._chunks[key] = rows
            self._num_bytes += rows.nbytes
            while self._num_bytes > self._budget:
                self._num_bytes -= self._chunks.popitem(last=False)[1].nbytes

    def get(self, key: Any) -> Any:
        """What is kept under `key`, or None."""
        with self._lock:
            found = self._chunks.get(key)
            if found is not None:
                self._chunks.move_to_end(key)
            return found

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._chunks.clear()
            self._num_bytes = 0
