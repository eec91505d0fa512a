"""Bytes of many objects at their places in a file, in few calls of the system.

HDF5 says where a contiguous dataset stands. Values are moved from and to there by scattered reads and writes,
which need no lock of HDF5, hold no lock of Python, and take the values from where they are: no object is
packed. Objects that stand close to each other are moved by one call.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

Pieces = list[memoryview]
_MAX_PIECES = 1024  # IOV_MAX of Linux and macOS
_MAX_GAP = 1 << 16  # reading over a gap of this many bytes costs less than another call


def write_extents(descriptor: int, starts: Sequence[int], objects: Iterable[Pieces]) -> None:
    """Write each object's pieces, one behind the other, at its place.

    Parameters
    ----------
    descriptor
        File open for writing.
    starts
        Place of each object, bytes from the beginning of the file.
    objects
        The pieces of each, bytes that are contiguous in memory; none is empty.

    Raises
    ------
    OSError
        The disk is full, or fails.
    """
    for start, pieces in _runs(starts, objects, None):
        _move(os.pwritev, descriptor, start, pieces)


def read_extents(descriptor: int, starts: Sequence[int], objects: Iterable[Pieces]) -> None:
    """Read objects from their places into memory.

    Parameters
    ----------
    descriptor
        File open for reading.
    starts
        Place of each object, bytes from the beginning of the file.
    objects
        The memory for each, pieces to be filled one behind the other; none is empty.

    Raises
    ------
    OSError
        The file ends before an object does, or cannot be read.
    """
    for start, pieces in _runs(starts, objects, memoryview(bytearray(_MAX_GAP))):
        _move(os.preadv, descriptor, start, pieces)


def _runs(
    starts: Sequence[int], objects: Iterable[Pieces], gap: memoryview | None
) -> Iterator[tuple[int, Pieces]]:
    """Pieces of objects between which there is nothing, or no more than `gap` takes in, with their place."""
    run: list[Pieces] = []
    begin = stop = -1
    for start, pieces in zip(starts, objects, strict=True):
        between = start - stop
        if not run or between < 0 or between > (0 if gap is None else len(gap)):
            if run:
                yield begin, list(chain.from_iterable(run))
            run, begin = [], start
        elif gap is not None and between:
            run.append([gap[:between]])
        run.append(pieces)
        stop = start + sum(map(len, pieces))
    if run:
        yield begin, list(chain.from_iterable(run))


def _move(call: Callable[[int, Pieces, int], int], descriptor: int, start: int, pieces: Pieces) -> None:
    """Call until all pieces are moved: the system takes so many at once, and may stop within one."""
    rest = iter(pieces)
    while group := list(islice(rest, _MAX_PIECES)):
        while group:
            moved = call(descriptor, group, start)
            if moved == 0:
                raise OSError(f"the file ends at byte {start:,}, within an object")
            start += moved
            whole = 0
            while whole < len(group) and moved >= len(group[whole]):
                moved -= len(group[whole])
                whole += 1
            group = group[whole:]
            if moved:
                group[0] = group[0][moved:]
