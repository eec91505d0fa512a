"""Triangulations as arcs: two directed edges for each edge, linked around the points that they leave.

Arc ``a ^ 1`` is arc a in the other direction. A row of `arcs` holds the point that the arc leaves and the
next arcs around that point, counterclockwise and clockwise. A triangulation is given by any arc along its
rim, with the outside to its right. Places are unsigned, for a signed one must be asked at each access whether
it counts from the end.
"""

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import inlined, step
from numl_polars.objects.delaunay.halves import precedes
from numl_polars.objects.delaunay.predicates import in_circle, orientation

Float64s = NDArray[np.float64]
UInt32s = NDArray[np.uint32]
UInt64s = NDArray[np.uint64]

ORIGIN, CCW, CW = range(3)
# `store`: number of arcs that were ever in use, and the first of those that are free again, each of which
# holds the next in the place of its origin
USED, FREE = range(2)
NONE = np.uint64(0xFFFFFFFF)
ONE = np.uint64(1)
TWO = np.uint64(2)


@inlined
def _new_edge(arcs: UInt32s, store: UInt64s, a: int, b: int) -> int:
    """Arc from point `a` to point `b`, with links yet to be set."""
    arc = store[FREE]
    if arc != NONE:
        store[FREE] = arcs[arc, ORIGIN]
    else:
        arc = store[USED]
        store[USED] = arc + TWO
    arcs[arc, ORIGIN] = a
    arcs[arc ^ ONE, ORIGIN] = b
    return arc


@inlined
def _link(arcs: UInt32s, arc: int, before: int) -> None:
    """Put `arc` right behind arc `before`, counterclockwise around their origin."""
    behind = arcs[before, CCW]
    arcs[before, CCW], arcs[arc, CW] = arc, before
    arcs[arc, CCW], arcs[behind, CW] = behind, arc


@inlined
def _join(arcs: UInt32s, store: UInt64s, a: int, b: int) -> int:
    """New arc from the end of arc `a` to the origin of arc `b`, both of the face to its left."""
    arc = _new_edge(arcs, store, arcs[a ^ ONE, ORIGIN], arcs[b, ORIGIN])
    _link(arcs, arc, arcs[a ^ ONE, CW])
    _link(arcs, arc ^ ONE, b)
    return arc


@inlined
def _unlink(arcs: UInt32s, arc: int) -> None:
    behind, before = arcs[arc, CCW], arcs[arc, CW]
    arcs[before, CCW], arcs[behind, CW] = behind, before


@inlined
def _remove(arcs: UInt32s, store: UInt64s, arc: int) -> None:
    """Take an edge out and keep its place for another."""
    _unlink(arcs, arc)
    _unlink(arcs, arc ^ ONE)
    lower = arc & ~ONE
    arcs[lower, ORIGIN] = store[FREE]
    store[FREE] = lower


@step
def triangulate_few(
    points: Float64s, arcs: UInt32s, store: UInt64s, start: int, stop: int, terms: Float64s
) -> int:
    """Triangulate the two or three points ``[start, stop)``.

    Returns
    -------
    An arc along the rim, the outside to its right.
    """
    a = np.uint64(start)
    b, c = a + ONE, a + TWO
    if stop - start == 2:
        arc = _new_edge(arcs, store, a, b)
        for one in (arc, arc ^ ONE):
            arcs[one, CCW] = arcs[one, CW] = one
        return arc
    # the middle one of three on a line must be b
    if precedes(points, b, a, 0):
        a, b = b, a
    if precedes(points, c, b, 0):
        b, c = c, b
        if precedes(points, b, a, 0):
            a, b = b, a
    first, second = _new_edge(arcs, store, a, b), _new_edge(arcs, store, b, c)
    for one in (first, second ^ ONE):
        arcs[one, CCW] = arcs[one, CW] = one
    arcs[first ^ ONE, CCW] = arcs[first ^ ONE, CW] = second
    arcs[second, CCW] = arcs[second, CW] = first ^ ONE
    turn = orientation(points, a, b, c, terms)
    if turn != 0.0:
        _join(arcs, store, second, first)
    return first if turn >= 0.0 else first ^ ONE


@inlined
def _furthest(points: Float64s, arcs: UInt32s, arc: int, axis: int, wants_last: bool) -> int:
    """Arc along the same rim that leaves its first or last point along the axis."""
    while True:
        behind = arcs[arc ^ ONE, CCW]
        here, there = arcs[arc, ORIGIN], arcs[behind, ORIGIN]
        if not (precedes(points, here, there, axis) if wants_last else precedes(points, there, here, axis)):
            break
        arc = behind
    while True:
        before = arcs[arc, CW] ^ ONE
        here, there = arcs[arc, ORIGIN], arcs[before, ORIGIN]
        if not (precedes(points, here, there, axis) if wants_last else precedes(points, there, here, axis)):
            break
        arc = before
    return arc


@step
def merge(
    points: Float64s, arcs: UInt32s, store: UInt64s, left: int, right: int, axis: int, terms: Float64s
) -> int:
    """Make one triangulation of two, of which `left` precedes `right` along the axis.

    Parameters
    ----------
    left, right
        An arc along the rim of each, the outside to its right.

    Returns
    -------
    Such an arc of the whole.
    """
    # the lower common tangent
    on_left = arcs[_furthest(points, arcs, left, axis, True), CW]
    on_right = _furthest(points, arcs, right, axis, False)
    while True:
        a, b = arcs[on_left, ORIGIN], arcs[on_right, ORIGIN]
        if orientation(points, b, a, arcs[on_left ^ ONE, ORIGIN], terms) > 0.0:
            on_left = arcs[on_left ^ ONE, CW]
        elif orientation(points, a, arcs[on_right ^ ONE, ORIGIN], b, terms) > 0.0:
            on_right = arcs[on_right ^ ONE, CCW]
        else:
            break
    base = _join(arcs, store, on_right ^ ONE, on_left)
    rim = base ^ ONE
    # upwards: join one end of the base to a neighbour of the other
    while True:
        a, b = arcs[base ^ ONE, ORIGIN], arcs[base, ORIGIN]
        on_left = arcs[base ^ ONE, CCW]
        left_rises = orientation(points, arcs[on_left ^ ONE, ORIGIN], a, b, terms) > 0.0
        if left_rises:
            behind = arcs[on_left, CCW]
            while in_circle(points, a, b, arcs[on_left ^ ONE, ORIGIN], arcs[behind ^ ONE, ORIGIN], terms):
                _remove(arcs, store, on_left)
                on_left = behind
                behind = arcs[on_left, CCW]
        on_right = arcs[base, CW]
        right_rises = orientation(points, arcs[on_right ^ ONE, ORIGIN], a, b, terms) > 0.0
        if right_rises:
            behind = arcs[on_right, CW]
            while in_circle(points, a, b, arcs[on_right ^ ONE, ORIGIN], arcs[behind ^ ONE, ORIGIN], terms):
                _remove(arcs, store, on_right)
                on_right = behind
                behind = arcs[on_right, CW]
        if not left_rises and not right_rises:
            return rim
        if not left_rises or (
            right_rises
            and in_circle(points, arcs[on_left ^ ONE, ORIGIN], a, b, arcs[on_right ^ ONE, ORIGIN], terms)
        ):
            base = _join(arcs, store, on_right, base ^ ONE)
        else:
            base = _join(arcs, store, base ^ ONE, on_left ^ ONE)
