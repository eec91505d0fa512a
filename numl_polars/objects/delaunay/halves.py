"""Points in the order in which a set is halved: across, along, and so on.

Along axis 0 points are ordered by x, then y; along axis 1 by y, then -x, which is the same seen from a
quarter turn: what is right of a point in one order is right of it in the other, turned.
"""

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import inlined, step

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

# a linear congruential generator (Numerical Recipes, 3rd edition, section 7.1)
_MULTIPLIER = 1664525
_MASK = 0xFFFFFFFF


@inlined
def precedes(points: Float64s, a: int, b: int, axis: int) -> bool:
    """True if row `a` stands before row `b` along the axis; no two points are equal."""
    u, v = points[a, axis], points[b, axis]
    return u < v or (u == v and (points[a, 1 - axis] < points[b, 1 - axis]) != (axis == 1))


@inlined
def _swap(points: Float64s, rows: Int64s, i: int, j: int) -> None:
    x, y, row = points[i, 0], points[i, 1], rows[i]
    points[i, 0], points[i, 1], rows[i] = points[j, 0], points[j, 1], rows[j]
    points[j, 0], points[j, 1], rows[j] = x, y, row


@step
def halve(points: Float64s, rows: Int64s, start: int, stop: int, middle: int, axis: int) -> None:
    """Reorder ``[start, stop)`` so that what precedes ``points[middle]`` along the axis stands before it.

    `rows` are reordered with `points`. Linear on average for any points: Hoare's selection about the median
    of three drawn at random, with Lomuto's partition, whose loop has no branch to be predicted.
    """
    low, high = start, stop
    other, turned = 1 - axis, axis == 1
    drawn = stop
    while high - low > 1:
        # hits come in the order of tracks, so that fixed places are often the worst
        last = high - 1
        for place in (low, low + ((high - low) >> 1), last):
            drawn = (drawn * _MULTIPLIER + 1) & _MASK
            _swap(points, rows, place, low + ((drawn * (high - low)) >> 32))
        centre = low + ((high - low) >> 1)
        if precedes(points, centre, low, axis):
            _swap(points, rows, centre, low)
        if precedes(points, last, low, axis):
            _swap(points, rows, last, low)
        if precedes(points, last, centre, axis):
            _swap(points, rows, last, centre)
        _swap(points, rows, low, centre)
        u, v = points[low, axis], points[low, other]
        place = low
        for i in range(low + 1, high):
            ui, vi = points[i, axis], points[i, other]
            _swap(points, rows, i, place + 1)
            place += (ui < u) | ((ui == u) & ((vi < v) != turned))
        _swap(points, rows, low, place)
        if place == middle:
            return
        if middle < place:
            high = place
        else:
            low = place + 1


@step
def sort_few(points: Float64s, rows: Int64s, start: int, stop: int) -> None:
    """Sort ``[start, stop)`` along axis 0, by insertion; `rows` are reordered with `points`."""
    for i in range(start + 1, stop):
        k = i
        while k > start and precedes(points, k, k - 1, 0):
            _swap(points, rows, k, k - 1)
            k -= 1
