"""Delaunay triangulations of many point sets, as Qhull's option `QJ` gives them."""

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import Int64, Marks, Pairs, ReadVectors, Rows, kernel, step
from numl_polars.kernels import Int64s as Counts
from numl_polars.objects.qhull.facets import (
    AGAIN,
    FINE,
    FLAGS,
    HEAD,
    NEXT,
    NUM_COLUMNS,
    NUM_LIMITS,
    NUM_LINKS,
    NUM_MARKS,
    NUM_PLANE_COLUMNS,
    SMOOTH,
    THICKEST,
    UPPER,
)
from numl_polars.objects.qhull.joggle import (
    NUM_SCALES,
    SEED,
    first_amplitude,
    joggle,
    next_amplitude,
)
from numl_polars.objects.qhull.quickhull import build_hull

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]

# what became of a set: it has fewer than two points, lies on a line, is triangulated, is left to Qhull itself
NOTHING, LINE, TRIANGLES, LEFT = range(4)

_MOST_ATTEMPTS = 30


@step(ReadVectors)
def on_one_line(points: Float64s) -> bool:
    """True if the points are exactly on one line; float32 coordinates make the comparison nearly exact."""
    far_x = far_y = farthest = 0.0
    for p in range(1, len(points)):
        x, y = points[p, 0] - points[0, 0], points[p, 1] - points[0, 1]
        if abs(x) + abs(y) > farthest:
            far_x, far_y, farthest = x, y, abs(x) + abs(y)
    for p in range(1, len(points)):
        if (points[p, 0] - points[0, 0]) * far_y != (points[p, 1] - points[0, 1]) * far_x:
            return False
    return True


@step(Rows, Marks, Int64, Pairs, Int64)
def lower_edges(facets: Int32s, marks: Int64s, first: int, segments: Int64s, num: int) -> int:
    """Write the edges of the facets of the lower hull, each once, their points counted from `first`.

    Returns
    -------
    Number of rows of `segments` in use, `num` before.
    """
    f = marks[HEAD]
    while f > 0:
        if not facets[f, FLAGS] & UPPER:
            for k in range(3):
                other = facets[f, 3 + k]
                if f < other or facets[other, FLAGS] & UPPER:
                    segments[num, 0] = first + facets[f, (k + 1) % 3]
                    segments[num, 1] = first + facets[f, (k + 2) % 3]
                    num += 1
        f = facets[f, NEXT]
    return num


@kernel(ReadVectors, Counts)
def triangulate(points: Float64s, offsets: Int64s) -> tuple[Int64s, Int64s]:
    """Edges of the Delaunay triangulations of sets.

    Parameters
    ----------
    points
        float64 (N, 2), finite.
    offsets
        int64 (sets + 1,): set s is the points ``[offsets[s], offsets[s + 1])``.

    Returns
    -------
    segments
        int64 (E, 2), rows of `points`: each edge of the sets that are ``TRIANGLES`` once.
    kinds
        int64 (sets,): ``NOTHING``, ``LINE``, ``TRIANGLES`` or ``LEFT``.
    """
    num_sets = len(offsets) - 1
    largest = 4
    for s in range(num_sets):
        largest = max(largest, offsets[s + 1] - offsets[s])
    num_rows = 4 * largest + 16
    joggled = np.empty((largest, 3), np.float64)
    facets = np.empty((num_rows, NUM_COLUMNS), np.int32)
    planes = np.empty((num_rows, NUM_PLANE_COLUMNS), np.float64)
    links = np.empty((num_rows, NUM_LINKS), np.int32)
    marks = np.zeros(NUM_MARKS, np.int64)
    limits = np.zeros(NUM_LIMITS, np.float64)
    extremes = np.zeros(6, np.int64)
    corners = np.zeros(4, np.int64)
    scales = np.zeros(NUM_SCALES, np.float64)

    segments = np.empty((3 * len(points), 2), np.int64)
    kinds = np.empty(num_sets, np.int64)
    num = 0
    for s in range(num_sets):
        first, stop = offsets[s], offsets[s + 1]
        own = points[first:stop]
        if len(own) < 2:
            kinds[s] = NOTHING
            continue
        if on_one_line(own):
            kinds[s] = LINE
            continue
        if len(own) == 3:
            kinds[s] = TRIANGLES
            for k in range(3):
                segments[num, 0], segments[num, 1] = first + k, first + (k + 1) % 3
                num += 1
            continue
        kinds[s] = LEFT
        lifted = joggled[: len(own)]
        state = SEED
        marks[SMOOTH] = 0
        limits[THICKEST] = -np.inf
        first_amplitude(own, scales)
        for attempt in range(_MOST_ATTEMPTS):
            if not next_amplitude(attempt, scales):
                break
            state = joggle(own, state, lifted, scales, extremes)
            if state < 0:
                break
            code = build_hull(lifted, facets, planes, links, marks, limits, extremes, scales, corners)
            if code == FINE:
                kinds[s] = TRIANGLES
                num = lower_edges(facets, marks, first, segments, num)
            if code != AGAIN:
                break
    return segments[:num].copy(), kinds
