"""Edges between neighbouring points, found by SciPy's k-d trees, one for each set of points."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from numl_polars.objects.rows import event_rows

Int64s = NDArray[np.int64]
Points = NDArray[np.float64]


def neighbour_edges(
    points: Points, plane: Int64s, offsets: Int64s, pairs: Callable[[Points], Int64s]
) -> tuple[Int64s, Int64s]:
    """Edges int64 (2, E), rows within the event, by source, then target; and their offsets by event.

    Parameters
    ----------
    points
        float64 (points, axes); one that is not finite has no edges.
    plane
        int64 (points,): only points of one event and plane are neighbours.
    offsets
        int64 (events + 1,).
    pairs
        Edges of one set of points, in any order.
    """
    event = event_rows(offsets)
    rows = np.flatnonzero(np.isfinite(points).all(axis=1))
    rows = rows[np.lexsort((plane[rows], event[rows]))]
    changes = np.flatnonzero((np.diff(event[rows]) != 0) | (np.diff(plane[rows]) != 0)) + 1
    found = [own[pairs(points[own])] for own in np.split(rows, changes) if len(own) > 1]
    edges = np.concatenate([np.empty((2, 0), np.int64), *found], axis=1)
    edges = edges[:, np.lexsort((edges[1], edges[0]))]
    starts = np.searchsorted(event[edges[0]], np.arange(len(offsets)))
    return edges - offsets[event_rows(starts)], starts


def nearest(points: Points, k: int) -> Int64s:
    """Edges int64 (2, E) to each of at least two points from the `k` nearest others."""
    num_points = len(points)
    number = min(k, num_points - 1)
    found = KDTree(points).query(points, k=number + 1)[1].astype(np.int64)
    itself = np.arange(num_points)[:, None]
    # among repeated points the point itself need not come first, or at all
    is_other = found != itself
    is_other[is_other.all(axis=1), -1] = False
    return np.stack([found[is_other], np.broadcast_to(itself, found.shape)[is_other]])


def within(points: Points, radius: float) -> Int64s:
    """Edges int64 (2, E), both directions, between points no farther apart than `radius`."""
    found = KDTree(points).query_pairs(radius, output_type="ndarray").astype(np.int64).T
    return np.concatenate([found, found[::-1]], axis=1)
