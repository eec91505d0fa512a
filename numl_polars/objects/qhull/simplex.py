"""The four points a hull starts from, as Qhull chooses them, and the facets between them."""

from math import inf

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import Int64, Marks, Rows, Scalars, Vectors, step
from numl_polars.objects.qhull.facets import (
    AGAIN,
    COUNT,
    DROPPED,
    FINE,
    FLAGS,
    FURTHEST,
    FURTHEST_DISTANCE,
    HEAD,
    HULL,
    INSIDE,
    NEAR_ZERO,
    NEWEST,
    NEXT,
    OUTSIDE,
    PENDING,
    PREVIOUS,
    ROUND,
    SEEN,
    STACK,
    THICKNESS,
    TOP,
    UNKNOWN,
    add_outside,
    append,
    distance,
    distance_inside,
    empty_hull,
    new_facet,
    set_plane,
    unlink,
)
from numl_polars.objects.qhull.joggle import EPSILON, ROUNDOFF, SUM_1, WIDTH

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]

# a simplex of less than this part of the size to expect is looked at again, among all points
_SMALL_PART = 1.0e-3


@step(Marks, Int64, Int64)
def among(chosen: Int64s, num: int, p: int) -> bool:
    """True if `p` is one of the first `num` of `chosen`."""
    found = False
    for k in range(num):
        found |= chosen[k] == p
    return found


@step(Vectors, Marks, Int64, Int64)
def spread(points: Float64s, corners: Int64s, num: int, p: int) -> float:
    """Twice the area, or six times the volume, that `p` spans with the first two or three corners."""
    a, b = corners[0], corners[1]
    ax, ay = points[a, 0] - points[p, 0], points[a, 1] - points[p, 1]
    bx, by = points[b, 0] - points[p, 0], points[b, 1] - points[p, 1]
    if num == 2:
        area: float = abs(ax * by - ay * bx)
        return area
    c = corners[2]
    cx, cy, cz = points[c, 0] - points[p, 0], points[c, 1] - points[p, 1], points[c, 2] - points[p, 2]
    az, bz = points[a, 2] - points[p, 2], points[b, 2] - points[p, 2]
    volume: float = abs(ax * (by * cz - bz * cy) - bx * (ay * cz - az * cy) + cx * (ay * bz - az * by))
    return volume


@step(Vectors, Marks, Scalars, Marks)
def choose_corners(points: Float64s, extremes: Int64s, scales: Float64s, corners: Int64s) -> int:
    """Four points far apart, the extremes of the coordinates where they do.

    Parameters
    ----------
    corners
        int64 (4,), written.
    """
    low, high = inf, -inf
    for p in extremes:
        if points[p, 0] > high:
            high = points[p, 0]
            corners[1] = p
        if points[p, 0] < low:
            low = points[p, 0]
            corners[0] = p
    if corners[0] == corners[1]:
        return AGAIN
    best = high - low
    for size in range(2, 4):
        flat = 10 * (80 * scales[SUM_1 + size - 1] * EPSILON)
        expected = best * scales[WIDTH]
        enough = 10 * _SMALL_PART * expected
        chosen, best = -1, -1.0
        for p in extremes:
            if p == chosen or among(corners, size, p):
                continue
            found = spread(points, corners, size, p)
            if found > best:
                chosen, best = p, found
        if chosen < 0 or best < flat or (best > 0.0 and best / expected < _SMALL_PART):
            for p in range(len(points)):
                if among(extremes, 6, p) or among(corners, size, p):
                    continue
                found = spread(points, corners, size, p)
                if found > best:
                    chosen, best = p, found
                    if best >= flat and best > enough:
                        break
        if chosen < 0:
            return UNKNOWN
        corners[size] = chosen
    return FINE


@step(Vectors, Rows, Vectors, Marks, Scalars, Marks)
def make_simplex(
    points: Float64s,
    facets: Int32s,
    planes: Float64s,
    marks: Int64s,
    limits: Float64s,
    corners: Int64s,
) -> int:
    """Four facets, the last corner chosen ahead, and the point inside the hull."""
    for k in range(4):
        f = new_facet(facets, marks)
        side = 0
        for other in range(4):
            if other != k:
                facets[f, side] = corners[3 - other]
                facets[f, 3 + side] = other + 1
                side += 1
        facets[f, FLAGS] = TOP if k % 2 == 0 else 0
        append(facets, marks, f)
    for axis in range(3):
        middle = 0.0
        for k in range(4):
            middle += points[corners[3 - k], axis]
        limits[INSIDE + axis] = middle / 4
    code: int = set_plane(points, facets, planes, limits, 1)
    if code != FINE:
        return code
    if distance_inside(planes, limits, 1) > limits[ROUND]:
        for f in range(1, 5):
            facets[f, FLAGS] ^= TOP
        code = set_plane(points, facets, planes, limits, 1)
        if code != FINE:
            return code
    for f in range(2, 5):
        code = set_plane(points, facets, planes, limits, f)
        if code != FINE:
            return code
    for f in range(1, 5):
        if distance_inside(planes, limits, f) > limits[ROUND]:
            return UNKNOWN
    for f in range(1, 5):
        if distance_inside(planes, limits, f) >= -limits[ROUND]:
            return AGAIN
    for f in range(1, 5):
        for k in range(3):
            if distance(points, planes, facets[f, 3 + k], facets[f, k]) >= -limits[ROUND]:
                return AGAIN
    return FINE


@step(*HULL, Marks, Scalars, Marks)
def start_hull(
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
    """The first four facets and their outside points, the one with the furthest of all first in the list.

    Parameters
    ----------
    extremes, scales
        As `numl_polars.objects.qhull.joggle.joggle` writes them.
    corners
        int64 (4,), scratch.
    """
    limits[ROUND] = scales[ROUNDOFF]
    limits[OUTSIDE] = 2 * scales[ROUNDOFF]
    limits[THICKNESS] = 0.0
    for k in range(2):
        limits[NEAR_ZERO + k] = 80 * scales[SUM_1 + k] * EPSILON
    empty_hull(facets, marks)
    code: int = choose_corners(points, extremes, scales, corners)
    if code == FINE:
        code = make_simplex(points, facets, planes, marks, limits, corners)
    if code != FINE:
        return code
    # what is left of the points, on the stack
    num_left = 0
    for p in range(len(points)):
        if not among(corners, 4, p):
            links[num_left, STACK] = p
            num_left += 1
    clearly = max(limits[OUTSIDE], limits[THICKNESS])
    first, first_distance = -1, -inf
    for f in range(1, 5):
        best, best_distance = -1, -inf
        num_kept = 0
        for i in range(num_left):
            p = links[i, STACK]
            away = distance(points, planes, f, p)
            if away < clearly:
                links[num_kept, STACK] = p
                num_kept += 1
            elif away > best_distance:
                if best >= 0:
                    add_outside(facets, links, f, best)
                best, best_distance = p, away
            else:
                add_outside(facets, links, f, p)
        num_left = num_kept
        facets[f, FURTHEST] = best
        planes[f, FURTHEST_DISTANCE] = best_distance
        if best_distance > first_distance:
            first, first_distance = f, best_distance
    marks[DROPPED] = num_left
    if first > 1:
        unlink(facets, marks, first)
        head = marks[HEAD]
        facets[first, PREVIOUS], facets[first, NEXT] = -1, head
        facets[head, PREVIOUS] = first
        marks[HEAD] = first
        marks[COUNT] += 1
    marks[PENDING] = marks[HEAD]
    marks[NEWEST] = marks[SEEN] = -1
    return FINE
