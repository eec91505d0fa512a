"""Variable-length values in the global heaps of an HDF5 file, found without HDF5.

A value is a reference to an object of a heap collection (HDF5 File Format Specification III.E): a block
that begins with ``GCOL`` and lists its objects, each with a header of 16 bytes, in multiples of 8 bytes.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numl_polars.tables.damage import DamageError
from numl_polars.tables.raw_file import RawFile

Int64s = NDArray[np.int64]

# values whose bytes take about as much as the nearest cache holds
_PART_VALUES = 1 << 14
_USUAL_BYTES = 4096
_LARGEST_GAP = 1 << 16
_MOST_BYTES = 256 << 20
# signature, version, nothing
_FIRST_WORD = int.from_bytes(b"GCOL\1\0\0\0", "little")


def heap_values(file: RawFile, references: NDArray[Any]) -> Iterator[tuple[slice, Int64s, Int64s, Int64s]]:
    """The bytes that references lead to, some values at a time.

    Parameters
    ----------
    references
        Array (values,) of dtype `REFERENCE`.

    Yields
    ------
    part
        Which of the values.
    words
        int64, all of their collections as words of 8 bytes.
    places
        int64 (values of the part,), word where each value begins.
    sizes
        int64 (values of the part,), bytes of each value; 0 for null references.

    Raises
    ------
    DamageError
        A reference leads to no object of its size.
    """
    bounds = [*range(0, len(references), _PART_VALUES), len(references)]
    waiting = [slice(*bound) for bound in pairwise(bounds)][::-1]
    while waiting:
        part = waiting.pop()
        try:
            found = _values(file, references[part])
        except _TooMuchError as error:
            middle = (part.start + part.stop) // 2
            if middle == part.start:
                raise DamageError(str(error)) from error
            waiting += [slice(middle, part.stop), slice(part.start, middle)]
        else:
            yield part, *found


class _TooMuchError(Exception):
    """The collections of some values take too much memory."""


def _values(file: RawFile, references: NDArray[Any]) -> tuple[Int64s, Int64s, Int64s]:
    from numl_polars.tables.byte_kernels import find_objects, objects_of

    addresses = references["address"].astype(np.int64)
    objects = references["object"].astype(np.int64)
    sizes = references["num_bytes"].astype(np.int64)
    sizes[addresses == 0] = 0
    addresses[sizes == 0] = 0
    firsts = np.flatnonzero(np.diff(addresses, prepend=-1))
    distinct, of_run = np.unique(addresses[firsts], return_inverse=True)
    collection = np.repeat(of_run, np.diff(np.append(firsts, len(addresses))))
    words, starts, stops = _collections(file, distinct)
    places = np.zeros(len(sizes), np.int64)
    wrong = find_objects(
        words, starts, stops, objects_of(words, starts, stops), collection, objects, sizes, places
    )
    if wrong >= 0:
        raise DamageError(
            f"heap collection at {addresses[wrong]} has no object {objects[wrong]} of {sizes[wrong]} bytes"
        )
    return words, places, sizes


def _collections(file: RawFile, addresses: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Words that hold the heap collections at rising addresses, and where in them each begins and ends.

    Collections that are close to each other are read together, with what is between them. A null address
    has a collection of no words.
    """
    null = np.zeros(int(addresses.size > 0 and addresses[0] == 0), np.int64)
    addresses = addresses[null.size :]
    outside = np.flatnonzero((addresses < 0) | (addresses > file.num_bytes))
    if outside.size:
        raise DamageError(f"heap collection at {addresses[outside[0]]}, beyond the end of the file")
    sizes = np.full(len(addresses), _USUAL_BYTES)
    while True:
        words, starts = _read_together(file, addresses, sizes)
        found = words[starts + 1]
        wrong = np.flatnonzero(
            (words[starts] != _FIRST_WORD)
            | (found < _USUAL_BYTES)
            | (found > file.num_bytes)
            | (found % 8 != 0)
        )
        if wrong.size:
            raise DamageError(f"no heap collection at {addresses[wrong[0]]}")
        if (found <= sizes).all():
            return words, np.append(null, starts), np.append(null, starts + found // 8)
        sizes = found


def _read_together(file: RawFile, addresses: Int64s, sizes: Int64s) -> tuple[Int64s, Int64s]:
    """Words of the file that hold blocks at rising addresses, and the word where each begins."""
    gaps = addresses[1:] - (addresses + sizes)[:-1]
    breaks = np.flatnonzero((gaps > _LARGEST_GAP) | (gaps < 0) | (np.diff(addresses) % 8 != 0)) + 1
    firsts = np.concatenate([np.zeros(min(len(addresses), 1), np.int64), breaks])
    lasts = np.append(breaks, len(addresses))[: len(firsts)] - 1
    lengths = addresses[lasts] + sizes[lasts] - addresses[firsts]
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    if bounds[-1] > _MOST_BYTES:
        raise _TooMuchError(f"heap collections of {bounds[-1]} bytes")
    words = np.empty(bounds[-1] // 8, np.int64)
    for address, start, stop in zip(
        addresses[firsts].tolist(), (bounds[:-1] // 8).tolist(), (bounds[1:] // 8).tolist(), strict=True
    ):
        file.read_into(file.base + address, words[start:stop])
    offsets = addresses - np.repeat(addresses[firsts] - bounds[:-1], lasts - firsts + 1)
    return words, offsets // 8
