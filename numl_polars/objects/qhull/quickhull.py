"""Convex hull of lifted points, step by step as Qhull builds it.

Qhull joggles anew when a point it is about to add is within rounding error of a plane it meets, so what it
does with a set depends on every facet it makes on the way, not on the hull alone. These steps follow it: the
same facets, corners, neighbours and outside points in the same order, the same distances to the last bit
(where SciPy is compiled without fused multiply-add, as its builds for x86-64 are).

The algorithm is quickhull (C. B. Barber, D. P. Dobkin and H. T. Huhdanpaa, The quickhull algorithm for convex
hulls, ACM Transactions on Mathematical Software 22, 1996), its order that of Qhull 2020.2 with the options
`d QJ`, which merges no facets.
"""

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import Marks, Rows, Scalars, Vectors, inlined, step
from numl_polars.objects.qhull.facets import (
    AGAIN,
    COUNT,
    DROPPED,
    FINE,
    FLAGS,
    FURTHEST,
    HEAD,
    HULL,
    LACKING,
    NEW,
    NEWEST,
    NEXT,
    PENDING,
    REPLACEMENT,
    ROUND,
    SEARCH,
    SEARCHES,
    SEEN,
    TOP,
    UNKNOWN,
    VISIBLE,
    append,
    delete,
    distance,
    distance_inside,
    new_facet,
    set_plane,
    unlink,
)
from numl_polars.objects.qhull.outside import share_out
from numl_polars.objects.qhull.simplex import start_hull

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


@inlined
def find_visible(
    points: Float64s, facets: Int32s, planes: Float64s, marks: Int64s, limits: Float64s, p: int, start: int
) -> int:
    """Mark the facets that `p` sees and move them, `start` ahead, to the end of the list."""
    unlink(facets, marks, start)
    append(facets, marks, start)
    marks[SEEN] = start
    marks[SEARCHES] += 1
    search = marks[SEARCHES]
    facets[start, FLAGS] |= VISIBLE
    facets[start, SEARCH] = search
    facets[start, REPLACEMENT] = -1
    num_horizon = 0
    f = start
    while f > 0:
        for k in range(3, 6):
            other = facets[f, k]
            if facets[other, SEARCH] == search:
                continue
            facets[other, SEARCH] = search
            away = distance(points, planes, other, p)
            if away > limits[ROUND]:
                unlink(facets, marks, other)
                append(facets, marks, other)
                facets[other, FLAGS] |= VISIBLE
                facets[other, REPLACEMENT] = -1
            elif away >= -limits[ROUND]:
                return AGAIN
            else:
                num_horizon += 1
        f = facets[f, NEXT]
    return FINE if num_horizon else AGAIN


@inlined
def make_cone(facets: Int32s, links: Int32s, marks: Int64s, p: int) -> int:
    """New facets between `p` and the edges of what it sees, and their neighbours."""
    marks[NEWEST] = 0
    num_open = 0
    seen = marks[SEEN]
    while seen > 0 and facets[seen, FLAGS] & VISIBLE:
        for k in range(3, 6):
            horizon = facets[seen, k]
            if facets[horizon, FLAGS] & VISIBLE:
                continue
            side = 0
            while side < 2 and facets[horizon, 3 + side] != seen:
                side += 1
            new = new_facet(facets, marks)
            facets[new, 0] = p
            facets[new, 1] = facets[horizon, 1 if side == 0 else 0]
            facets[new, 2] = facets[horizon, 1 if side == 2 else 2]
            odd = side == 1
            facets[new, FLAGS] = NEW | (TOP if odd == (facets[horizon, FLAGS] & TOP != 0) else 0)
            facets[new, 3] = horizon
            facets[new, 4] = facets[new, 5] = -1
            facets[horizon, 3 + side] = new
            append(facets, marks, new)
            facets[seen, REPLACEMENT] = new
        seen = facets[seen, NEXT]

    code = FINE
    new = marks[NEWEST]
    while new > 0 and code == FINE:
        for skip in (1, 2):
            corner = facets[new, 3 - skip]
            other = links[corner, LACKING]
            if other < 0:
                links[corner, LACKING] = new
                num_open += 1
                continue
            other_skip = 2 if facets[other, 1] == corner else 1
            alike = skip == other_skip
            turned = (facets[new, FLAGS] ^ facets[other, FLAGS]) & TOP != 0
            same_corners = facets[new, skip] == facets[other, other_skip]
            if alike != turned or same_corners or facets[other, 3 + other_skip] >= 0:
                code = AGAIN
                break
            facets[new, 3 + skip] = other
            facets[other, 3 + other_skip] = new
            num_open -= 1
        new = facets[new, NEXT]
    new = marks[NEWEST]
    while new > 0:
        links[facets[new, 1], LACKING] = links[facets[new, 2], LACKING] = -1
        new = facets[new, NEXT]
    return code if num_open == 0 else AGAIN


@inlined
def add_point(
    points: Float64s,
    facets: Int32s,
    planes: Float64s,
    links: Int32s,
    marks: Int64s,
    limits: Float64s,
    f: int,
) -> int:
    """Add the furthest outside point of a facet to the hull."""
    p = facets[f, FURTHEST]
    facets[f, FURTHEST] = -1
    code: int = find_visible(points, facets, planes, marks, limits, p, f)
    if code == FINE:
        code = make_cone(facets, links, marks, p)
    new = marks[NEWEST]
    while new > 0 and code == FINE:
        code = set_plane(points, facets, planes, limits, new)
        if code == FINE and distance_inside(planes, limits, new) >= -limits[ROUND]:
            code = AGAIN
        new = facets[new, NEXT]
    if code == FINE:
        code = share_out(points, facets, planes, links, marks, limits)
    if code != FINE:
        return code
    seen = marks[SEEN]
    while seen > 0 and facets[seen, FLAGS] & VISIBLE:
        after = facets[seen, NEXT]
        delete(facets, marks, seen)
        seen = after
    new = marks[NEWEST]
    while new > 0:
        facets[new, FLAGS] &= ~NEW
        new = facets[new, NEXT]
    marks[NEWEST] = marks[SEEN] = -1
    return FINE


@step(Vectors, Rows, Vectors, Marks, Scalars)
def is_convex(points: Float64s, facets: Int32s, planes: Float64s, marks: Int64s, limits: Float64s) -> bool:
    """True if each corner is clearly below the facets on the other side of the edge opposite to it."""
    f = marks[HEAD]
    while f > 0:
        for k in range(3):
            if distance(points, planes, facets[f, 3 + k], facets[f, k]) >= -limits[ROUND]:
                return False
        f = facets[f, NEXT]
    return True


@step(*HULL, Marks, Scalars, Marks)
def build_hull(
    points: Float64s,
    facets: Int32s,
    planes: Float64s,
    links: Int32s,
    marks: Int64s,
    limits: Float64s,
    extremes: Int64s,
    scales: Float64s,
    corners: Int64s,
) -> int:
    """Hull of lifted points.

    Parameters
    ----------
    points, facets, planes, links, marks, limits
        As `numl_polars.objects.qhull.facets` has them. Of what is in them before, only ``marks[SMOOTH]`` and
        ``limits[THICKEST]``, kept from attempt to attempt, count.
    extremes, scales
        As `numl_polars.objects.qhull.joggle.joggle` writes them.
    corners
        int64 (4,), scratch.

    Returns
    -------
    ``FINE``, ``AGAIN`` where Qhull joggles anew, or ``UNKNOWN``.
    """
    num = len(points)
    links[:num, LACKING] = -1
    code: int = start_hull(points, facets, planes, links, marks, limits, extremes, scales, corners)
    while code == FINE and marks[PENDING] > 0:
        f = marks[PENDING]
        if facets[f, FURTHEST] >= 0:
            code = add_point(points, facets, planes, links, marks, limits, f)
        else:
            marks[PENDING] = facets[f, NEXT]
    if code != FINE:
        return code
    # a corner that was cut off again
    if marks[COUNT] != 2 * (num - marks[DROPPED]) - 4:
        return UNKNOWN
    return FINE if is_convex(points, facets, planes, marks, limits) else AGAIN
