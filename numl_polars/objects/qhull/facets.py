"""Facets of a convex hull in three dimensions while it grows: store, order, planes, outside points.

A hull is six arrays, the first arguments of what works on it, `HULL`:

- `points`, float64 (N, 3).
- `facets`, int32 (F, `NUM_COLUMNS`), a facet a row: corners in columns 0..2, neighbours opposite to them in
  3..5, then the columns named below. Row 0 is the end of the list that links the facets. -1 is no facet, no
  point.
- `planes`, float64 (F, `NUM_PLANE_COLUMNS`): unit normal, outward, and offset, so that
  ``normal . p + offset`` is the distance of a point p; then the distance of the furthest outside point.
- `links`, int32 (F, `NUM_LINKS`): for each point the next outside point of its facet, and the new facet that
  has it as a corner and lacks a neighbour there (-1 but while neighbours are made); then a stack of facets.
- `marks`, int64 (`NUM_MARKS`,): places in the list, and counts.
- `limits`, float64 (`NUM_LIMITS`,): thresholds.

F = 4 * N + 16 is enough: a hull of N points has fewer than 2 * N facets, and the visible ones stay until
those that replace them are made.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import Int64, Marks, Rows, Scalars, Vectors, inlined, step
from numl_polars.objects.qhull.joggle import EPSILON

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]

HULL = (Vectors, Rows, Vectors, Rows, Marks, Scalars)

# columns of `facets`: list, flags, last search that met the facet, new facet that took the place of a visible
# one, and its outside points: the furthest, then first and last of the others
PREVIOUS, NEXT, FLAGS, SEARCH, REPLACEMENT, FURTHEST, FIRST, LAST = range(6, 14)
NUM_COLUMNS = 16
# columns of `planes`
OFFSET, FURTHEST_DISTANCE = 3, 4
NUM_PLANE_COLUMNS = 5
# columns of `links`
FOLLOWING, LACKING, STACK = range(3)
NUM_LINKS = 4
# flags
VISIBLE, NEW, UPPER, TOP = 1, 2, 4, 8
# `marks`: first facet, next one to look at for outside points, first new one, first visible one; number of
# the search; first row given back, first row never used, number of facets; number of points left out; 1 if
# the new facets are known to turn sharply, and if they are known not to (which outlives a hull given up)
HEAD, PENDING, NEWEST, SEEN, SEARCHES, RETURNED, UNUSED, COUNT, DROPPED, SHARP, SMOOTH = range(11)
NUM_MARKS = 11
# `limits`: error of a distance, least distance of a point outside, largest distance of a corner from its own
# plane in this and in all attempts, least pivots for x and y, a point inside the hull
ROUND, OUTSIDE, THICKNESS, THICKEST, NEAR_ZERO = range(5)
INSIDE = NEAR_ZERO + 2
NUM_LIMITS = INSIDE + 3

# what became of a step: Qhull goes on, starts again with another joggle, or leaves the paths known here
FINE, AGAIN, UNKNOWN = range(3)

# a facet is of the upper hull from this component of its normal on
_UPRIGHT = 2 * (1.01 * 3 * EPSILON)
# lengths below which Qhull divides with care
_SHORT = 1e-260
_TINY = 1e-100


@step(Rows, Marks)
def empty_hull(facets: Int32s, marks: Int64s) -> None:
    """Forget all facets."""
    facets[0, PREVIOUS] = facets[0, NEXT] = -1
    facets[0, FLAGS] = NEW
    marks[:SMOOTH] = 0
    marks[RETURNED] = -1
    marks[UNUSED] = 1


@inlined
def new_facet(facets: Int32s, marks: Int64s) -> int:
    """A row for a facet, without outside points, not in the list."""
    f: int = marks[RETURNED]
    if f >= 0:
        marks[RETURNED] = facets[f, NEXT]
    else:
        f = marks[UNUSED]
        marks[UNUSED] += 1
    facets[f, SEARCH] = 0
    facets[f, REPLACEMENT] = facets[f, FURTHEST] = facets[f, FIRST] = facets[f, LAST] = -1
    return f


@inlined
def unlink(facets: Int32s, marks: Int64s, f: int) -> None:
    """Take a facet out of the list; marks on it go to the next one."""
    before, after = facets[f, PREVIOUS], facets[f, NEXT]
    if marks[NEWEST] == f:
        marks[NEWEST] = after
    if marks[PENDING] == f:
        marks[PENDING] = after
    if marks[SEEN] == f:
        marks[SEEN] = after
    if before >= 0:
        facets[before, NEXT] = after
    else:
        marks[HEAD] = after
    facets[after, PREVIOUS] = before
    marks[COUNT] -= 1


@inlined
def append(facets: Int32s, marks: Int64s, f: int) -> None:
    """Put a facet at the end of the list; marks on the end go to it."""
    if marks[NEWEST] == 0:
        marks[NEWEST] = f
        if marks[SEEN] == 0:
            marks[SEEN] = f
    if marks[PENDING] == 0:
        marks[PENDING] = f
    before = facets[0, PREVIOUS]
    facets[f, PREVIOUS] = before
    facets[f, NEXT] = 0
    if before >= 0:
        facets[before, NEXT] = f
    else:
        marks[HEAD] = f
    facets[0, PREVIOUS] = f
    marks[COUNT] += 1


@inlined
def delete(facets: Int32s, marks: Int64s, f: int) -> None:
    """Take a facet out of the list and give its row back."""
    unlink(facets, marks, f)
    facets[f, NEXT] = marks[RETURNED]
    marks[RETURNED] = f


@inlined
def add_outside(facets: Int32s, links: Int32s, f: int, p: int) -> None:
    """Put `p` behind the outside points of a facet other than the furthest."""
    links[p, FOLLOWING] = -1
    last = facets[f, LAST]
    if last >= 0:
        links[last, FOLLOWING] = p
    else:
        facets[f, FIRST] = p
    facets[f, LAST] = p


@inlined
def distance(points: Float64s, planes: Float64s, f: int, p: int) -> float:
    """Distance of a point from the plane of a facet, positive outside."""
    away: float = planes[f, OFFSET] + points[p, 0] * planes[f, 0] + points[p, 1] * planes[f, 1]
    return away + float(points[p, 2] * planes[f, 2])


@inlined
def distance_inside(planes: Float64s, limits: Float64s, f: int) -> float:
    """Distance of the point inside the hull from the plane of a facet."""
    away: float = planes[f, OFFSET] + limits[INSIDE] * planes[f, 0] + limits[INSIDE + 1] * planes[f, 1]
    return away + float(limits[INSIDE + 2] * planes[f, 2])


@step(Vectors, Rows, Vectors, Scalars, Int64)
def eliminate_plane(points: Float64s, facets: Int32s, planes: Float64s, limits: Float64s, f: int) -> int:
    """Plane of a facet by Gaussian elimination, for corners near a line."""
    a, b, c = facets[f, 0], facets[f, 1], facets[f, 2]
    x1, y1, z1 = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    x2, y2, z2 = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    downward = facets[f, FLAGS] & TOP != 0
    if abs(x2) > abs(x1):
        x1, y1, z1, x2, y2, z2 = x2, y2, z2, x1, y1, z1
        downward = not downward
    if x1 == 0.0:
        return AGAIN
    share = x2 / x1
    y2 -= share * y1
    z2 -= share * z1
    if y2 == 0.0:
        return AGAIN
    if abs(x1) < _TINY or abs(y2) < _TINY:
        return UNKNOWN
    nz = -1.0 if downward ^ (x1 < 0) ^ (y2 < 0) else 1.0
    ny = (0.0 - z2 * nz) / y2
    nx = ((0.0 - y1 * ny) - z1 * nz) / x1
    length = sqrt(nx * nx + ny * ny + nz * nz)
    nx /= length
    ny /= length
    nz /= length
    offset = -(points[a, 0] * nx)
    offset -= points[a, 1] * ny
    offset -= points[a, 2] * nz
    planes[f, 0], planes[f, 1], planes[f, 2], planes[f, OFFSET] = nx, ny, nz, offset
    # the signs above are not to be trusted
    unsure = abs(x1) <= limits[NEAR_ZERO] or abs(y2) <= limits[NEAR_ZERO + 1]
    if unsure and distance_inside(planes, limits, f) > 0:
        for k in range(4):
            planes[f, k] = -planes[f, k]
    return FINE


@step(Vectors, Rows, Vectors, Scalars, Int64)
def set_plane(points: Float64s, facets: Int32s, planes: Float64s, limits: Float64s, f: int) -> int:
    """Plane of a facet from its corners, and whether it is of the upper hull.

    Returns
    -------
    ``FINE``, ``AGAIN`` or ``UNKNOWN``.
    """
    a, b, c = facets[f, 0], facets[f, 1], facets[f, 2]
    x1, y1, z1 = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    x2, y2, z2 = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    nx = y2 * z1 - z2 * y1
    ny = x1 * z2 - z1 * x2
    nz = x2 * y1 - y2 * x1
    length = sqrt(nx * nx + ny * ny + nz * nz)
    if length > _SHORT:
        if not facets[f, FLAGS] & TOP:
            length = -length
        nx /= length
        ny /= length
        nz /= length
    elif length == 0.0:
        nx = ny = nz = sqrt(1.0 / 3.0)
    else:
        return UNKNOWN
    offset = -(points[a, 0] * nx + points[a, 1] * ny + points[a, 2] * nz)
    planes[f, 0], planes[f, 1], planes[f, 2], planes[f, OFFSET] = nx, ny, nz, offset
    for p in (c, b):
        away = abs(offset + (points[p, 0] * nx + points[p, 1] * ny + points[p, 2] * nz))
        if away > limits[ROUND]:
            code: int = eliminate_plane(points, facets, planes, limits, f)
            if code != FINE:
                return code
            break
    if planes[f, 2] > -_UPRIGHT:
        facets[f, FLAGS] |= UPPER
    else:
        facets[f, FLAGS] &= ~UPPER
    for p in (b, c):
        away = abs(distance(points, planes, f, p))
        if away > limits[THICKEST]:
            limits[THICKEST] = away
            limits[THICKNESS] = max(limits[THICKNESS], away)
    return FINE
