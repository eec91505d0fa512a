"""Variable-length values in the global heaps of an HDF5 file, found without HDF5.

A value is a reference to an object of a heap collection (HDF5 File Format Specification III.E): a block
that begins with ``GCOL`` and lists its objects, each with a header of 16 bytes, in multiples of 8 bytes.
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numl_polars.tables.raw_file import RawError, RawFile

Int64s = NDArray[np.int64]

_USUAL_BYTES = 4096
_HEADER = struct.Struct("<4sB3xQ")
_MOST_BYTES = 256 << 20


def heap_values(file: RawFile, references: NDArray[Any]) -> tuple[Int64s, Int64s, Int64s]:
    """The bytes that references lead to: all of their collections, and where in them each value stands.

    Parameters
    ----------
    references
        Array (values,) of dtype `REFERENCE`.

    Returns
    -------
    words
        int64, the collections as words of 8 bytes.
    places
        int64 (values,), word where each value begins.
    sizes
        int64 (values,), bytes of each value; 0 for null references.

    Raises
    ------
    RawError
        Something is not as the format has it.
    """
    from numl_polars.tables.byte_kernels import find_objects, objects_of

    addresses = references["address"].astype(np.int64)
    objects = references["object"].astype(np.int64)
    sizes = references["num_bytes"].astype(np.int64)
    sizes[addresses == 0] = 0
    addresses[sizes == 0] = 0
    starts = np.flatnonzero(np.diff(addresses, prepend=-1))
    distinct, of_run = np.unique(addresses[starts], return_inverse=True)
    collection = np.repeat(of_run, np.diff(np.append(starts, len(addresses))))
    words, bounds = _collections(file, distinct.tolist())
    table = objects_of(words, bounds)
    places = np.empty(len(sizes), np.int64)
    wrong = find_objects(words, bounds, table, collection, objects, sizes, places)
    if wrong >= 0:
        raise RawError(
            f"heap collection at {addresses[wrong]} has no object {objects[wrong]} of {sizes[wrong]} bytes"
        )
    return words, places, sizes


def _collections(file: RawFile, addresses: list[int]) -> tuple[Int64s, Int64s]:
    """Heap collections one behind the other, and the word where each begins, and the last ends."""
    parts, lengths = [], []
    left = _MOST_BYTES
    for address in addresses:
        if address == 0:
            lengths.append(0)
            continue
        part = file.read(file.base + address, _USUAL_BYTES)
        signature, version, num_bytes = _HEADER.unpack_from(part)
        left -= num_bytes
        if signature != b"GCOL" or version != 1 or num_bytes % 8 or num_bytes < _USUAL_BYTES or left < 0:
            raise RawError(f"no heap collection at {address}")
        if num_bytes > _USUAL_BYTES:
            part += file.read(file.base + address + _USUAL_BYTES, num_bytes - _USUAL_BYTES)
        parts.append(part)
        lengths.append(num_bytes // 8)
    bounds = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=bounds[1:])
    return np.frombuffer(b"".join(parts), np.int64), bounds
