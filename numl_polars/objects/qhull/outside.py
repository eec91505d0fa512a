"""Outside points of the facets of a growing hull: for each point a facet it is outside of.

The searches of Qhull 2020.2 (`quickhull` says why), with its limits and in its order, since the facet that
gets a point decides when the point is added.
"""

from math import inf

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import Float64, Int64, Marks, Rows, Vectors, inlined, step
from numl_polars.objects.qhull.facets import (
    AGAIN,
    FINE,
    FIRST,
    FLAGS,
    FOLLOWING,
    FURTHEST,
    FURTHEST_DISTANCE,
    HULL,
    NEW,
    NEWEST,
    NEXT,
    OUTSIDE,
    PENDING,
    REPLACEMENT,
    ROUND,
    SEARCH,
    SEARCHES,
    SEEN,
    SHARP,
    SMOOTH,
    STACK,
    THICKNESS,
    UPPER,
    VISIBLE,
    add_outside,
    append,
    distance,
    unlink,
)

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


@step(*HULL, Int64, Int64, Float64)
def best_around(
    points: Float64s,
    facets: Int32s,
    planes: Float64s,
    links: Int32s,
    marks: Int64s,
    limits: Float64s,
    p: int,
    start: int,
    best: float,
) -> tuple[int, float]:
    """Best facet for a point, and its distance, searched from `start` over facets nearly as good."""
    reach = limits[THICKNESS] + 2 * limits[ROUND] + limits[ROUND]
    least = best - reach
    marks[SEARCHES] += 1
    search = marks[SEARCHES]
    facets[start, SEARCH] = search
    best_facet = f = start
    num_waiting = 0
    held = -1
    while f >= 0:
        for k in range(3, 6):
            other = facets[f, k]
            if facets[other, SEARCH] == search:
                continue
            facets[other, SEARCH] = search
            away = distance(points, planes, other, p)
            if away > best:
                if not facets[other, FLAGS] & UPPER or away >= limits[OUTSIDE]:
                    least = away - reach
                    if away > best + reach:
                        num_waiting = 0
                    best_facet, best = other, away
            elif away < least:
                continue
            if held >= 0:
                links[num_waiting, STACK] = held
                num_waiting += 1
            held = other
        f = held
        held = -1
        if f < 0 and num_waiting:
            num_waiting -= 1
            f = links[num_waiting, STACK]
    return best_facet, best


@step(*HULL, Int64, Int64)
def best_of_new(
    points: Float64s,
    facets: Int32s,
    planes: Float64s,
    links: Int32s,
    marks: Int64s,
    limits: Float64s,
    p: int,
    start: int,
) -> tuple[int, float]:
    """The first new facet from `start` on that `p` is clearly outside of, else the best, and its distance."""
    clearly = max(limits[OUTSIDE], limits[THICKNESS])
    best_facet, best = -1, -inf
    for lap in range(2):
        f = start if lap == 0 else marks[NEWEST]
        while f > 0:
            if lap == 1 and f == start:
                break
            away = distance(points, planes, f, p)
            if away > best and (not facets[f, FLAGS] & UPPER or away >= limits[OUTSIDE]):
                best_facet, best = f, away
                if away >= clearly:
                    return best_facet, best
            f = facets[f, NEXT]
    if best_facet < 0:
        best_facet = start
    found: tuple[int, float]
    found = best_around(points, facets, planes, links, marks, limits, p, best_facet, best)
    return found


@step(Rows, Vectors, Marks)
def turns_sharply(facets: Int32s, planes: Float64s, marks: Int64s) -> bool:
    """True if the normals of new facets are not all of one octant."""
    first = marks[NEWEST]
    x, y, z = planes[first, 0] > 0, planes[first, 1] > 0, planes[first, 2] > 0
    f = first
    while f > 0:
        if (planes[f, 0] > 0) != x or (planes[f, 1] > 0) != y or (planes[f, 2] > 0) != z:
            return True
        f = facets[f, NEXT]
    return False


@inlined
def best_new(
    points: Float64s,
    facets: Int32s,
    planes: Float64s,
    links: Int32s,
    marks: Int64s,
    limits: Float64s,
    p: int,
    start: int,
) -> tuple[int, float]:
    """New facet that `p` is outside of, searched from `start` uphill, and its distance."""
    found: tuple[int, float]
    if marks[SHARP]:
        found = best_of_new(points, facets, planes, links, marks, limits, p, start)
        return found
    best = distance(points, planes, start, p)
    if best >= limits[OUTSIDE]:
        return start, best
    marks[SEARCHES] += 1
    search = marks[SEARCHES]
    facets[start, SEARCH] = search
    best_facet = -1 if facets[start, FLAGS] & UPPER else start
    f = start
    while f >= 0:
        uphill = -1
        for k in range(3, 6):
            other = facets[f, k]
            flags = facets[other, FLAGS]
            if not flags & NEW or facets[other, SEARCH] == search:
                continue
            facets[other, SEARCH] = search
            away = distance(points, planes, other, p)
            if away > best:
                if away >= limits[OUTSIDE]:
                    return other, away
                if not flags & UPPER or best_facet < 0:
                    best = away
                    uphill = other
                    if not flags & UPPER:
                        best_facet = other
                    break
        f = uphill
    if best_facet < 0:
        found = best_of_new(points, facets, planes, links, marks, limits, p, marks[NEWEST])
        return found
    if not marks[SMOOTH] and best < -limits[ROUND]:
        if turns_sharply(facets, planes, marks):
            marks[SHARP] = 1
            found = best_of_new(points, facets, planes, links, marks, limits, p, best_facet)
            return found
        marks[SMOOTH] = 1
    found = best_around(points, facets, planes, links, marks, limits, p, best_facet, best)
    return found


@inlined
def give_outside(
    facets: Int32s, planes: Float64s, links: Int32s, marks: Int64s, p: int, f: int, away: float
) -> None:
    """Make `p`, at distance `away`, an outside point of a facet, to be looked at if it had none."""
    furthest = facets[f, FURTHEST]
    if furthest >= 0:
        if planes[f, FURTHEST_DISTANCE] < away:
            add_outside(facets, links, f, furthest)
            facets[f, FURTHEST] = p
            planes[f, FURTHEST_DISTANCE] = away
        else:
            add_outside(facets, links, f, p)
        return
    facets[f, FURTHEST] = p
    planes[f, FURTHEST_DISTANCE] = away
    if marks[PENDING] != f:
        if facets[f, FLAGS] & NEW:
            if facets[marks[PENDING], FLAGS] & NEW:
                marks[PENDING] = marks[NEWEST]
        else:
            unlink(facets, marks, f)
            append(facets, marks, f)
            facets[f, FLAGS] |= NEW


@step(*HULL)
def share_out(
    points: Float64s,
    facets: Int32s,
    planes: Float64s,
    links: Int32s,
    marks: Int64s,
    limits: Float64s,
) -> int:
    """Give the outside points of the visible facets to new facets.

    Returns
    -------
    ``FINE``, or ``AGAIN`` where a point is outside of no facet.
    """
    marks[SHARP] = 0
    seen = marks[SEEN]
    while seen > 0 and facets[seen, FLAGS] & VISIBLE:
        start = facets[seen, REPLACEMENT]
        if start < 0:
            start = marks[NEWEST]
        if facets[seen, FURTHEST] >= 0:
            add_outside(facets, links, seen, facets[seen, FURTHEST])
        p = facets[seen, FIRST]
        while p >= 0:
            following = links[p, FOLLOWING]
            f, away = best_new(points, facets, planes, links, marks, limits, p, start)
            if away < limits[OUTSIDE]:
                return AGAIN
            give_outside(facets, planes, links, marks, p, f, away)
            p = following
        seen = facets[seen, NEXT]
    marks[SMOOTH] = 0
    return FINE
