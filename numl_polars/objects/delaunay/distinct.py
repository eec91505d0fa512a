"""Points of one position, found by hashing their bits."""

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import Int64s, ReadVectors, kernel, step

Float64s = NDArray[np.float64]
Rows = NDArray[np.int64]
Bools = NDArray[np.bool_]

_FACTORS = 0x9E3779B97F4A7C1, 0xC2B2AE3D27D4EB4


@step
def gather_distinct(points: Float64s, start: int, stop: int, found: Float64s, rows: Rows, table: Rows) -> int:
    """Copy the points ``[start, stop)`` without repeats; the first of those at one position stays.

    Parameters
    ----------
    found
        float64 (stop - start, 2), written: the points, -0.0 as 0.0.
    rows
        int64 (stop - start,), written: their places, from 0 at `start`.
    table
        int64, scratch; its length is a power of two above ``stop - start``.

    Returns
    -------
    Number of points found.
    """
    size = 2
    while size < 2 * (stop - start):
        size *= 2
    table[:size] = -1
    bits = found.view(np.int64)
    num = 0
    for i in range(start, stop):
        x, y = points[i, 0] + 0.0, points[i, 1] + 0.0
        found[num, 0], found[num, 1] = x, y
        mixed = (bits[num, 0] * _FACTORS[0]) ^ (bits[num, 1] * _FACTORS[1])
        mixed ^= mixed >> 29
        place = (mixed ^ (mixed >> 17)) & (size - 1)
        while table[place] >= 0 and (found[table[place], 0] != x or found[table[place], 1] != y):
            place = (place + 1) & (size - 1)
        if table[place] < 0:
            table[place] = num
            rows[num] = i - start
            num += 1
    return num


@kernel(ReadVectors, Int64s)
def repeats_of_position(points: Float64s, offsets: Rows) -> Bools:
    """Points at the position of an earlier one of their set.

    Parameters
    ----------
    points
        float64 (N, 2), finite.
    offsets
        int64 (sets + 1,): set s is the points ``[offsets[s], offsets[s + 1])``.

    Returns
    -------
    bool (N,).
    """
    largest = 1
    for s in range(len(offsets) - 1):
        largest = max(largest, offsets[s + 1] - offsets[s])
    found = np.empty((largest, 2), np.float64)
    rows, table = np.empty(largest, np.int64), np.empty(4 * largest, np.int64)
    repeats = np.ones(len(points), np.bool_)
    for s in range(len(offsets) - 1):
        num = gather_distinct(points, offsets[s], offsets[s + 1], found, rows, table)
        for i in range(num):
            repeats[offsets[s] + rows[i]] = False
    return repeats
