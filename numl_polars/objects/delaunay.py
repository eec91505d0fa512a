"""Delaunay triangulation of many point sets.

Those of Qhull with joggled input (`QJ`), as in pynuml: its joggle is seeded, so that the same points always
give the same edges, on points of one circle and where hits of two planes share a position as well. A kernel
does what Qhull does, for all sets at once; the few sets it does not settle go to Qhull itself, in SciPy. What
Qhull does not take is defined here.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.objects.edges import counting_order, undirected_edges
from numl_polars.objects.qhull.triangulate import LEFT, LINE, triangulate
from numl_polars.objects.rows import event_rows

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class HitEdges:
    """Triangulations of the hits of a batch.

    Parameters
    ----------
    joint, planar
        Edges int64 (2, E), as hit rows within the event, and offsets int64 (events + 1,): of all hits of the
        event together, and of each plane's, planes ascending.
    nonfinite, repeated
        bool (hits,): hits without edges, since their position is NaN or infinite, or that of an earlier hit
        of the same plane.
    """

    joint: tuple[Int64s, Int64s]
    planar: tuple[Int64s, Int64s]
    nonfinite: Bools
    repeated: Bools


def hit_edges(plane: Int64s, position: NDArray[np.float32], offsets: Int64s) -> HitEdges:
    """Joint and planar triangulation of the hits of every event.

    Parameters
    ----------
    plane
        int64 (hits,), from 0.
    position
        float32 (hits, 2).
    offsets
        int64 (events + 1,).
    """
    event = event_rows(offsets)
    nonfinite = np.logical_not(np.isfinite(position).all(axis=1))
    # + 0.0 makes -0.0 equal to 0.0
    places = pl.DataFrame(
        {"event": event, "plane": plane, "x": position[:, 0] + 0.0, "y": position[:, 1] + 0.0}
    )
    repeated = ~places.to_struct().is_first_distinct().to_numpy() & ~nonfinite
    usable = ~(nonfinite | repeated)
    joint = triangulation_edges(position, usable, offsets)

    # in the order of (event, plane) events keep their ranges of rows
    num_planes = int(plane.max(initial=0)) + 1
    num_cells = (len(offsets) - 1) * num_planes
    cell = event * num_planes + plane
    order = counting_order(cell, num_cells)
    cell_offsets = np.searchsorted(cell[order], np.arange(num_cells + 1))
    planar = triangulation_edges(position[order], usable[order], cell_offsets)
    planar_starts = np.searchsorted(planar[0], offsets)
    return HitEdges(
        joint=_within_events(joint, np.searchsorted(joint[0], offsets), offsets),
        planar=_within_events(order[planar], planar_starts, offsets),
        nonfinite=nonfinite,
        repeated=repeated,
    )


def _within_events(edges: Int64s, starts: Int64s, offsets: Int64s) -> tuple[Int64s, Int64s]:
    """Edges counted from the first hit of their event, and the events' offsets into them."""
    return edges - np.repeat(offsets[:-1], np.diff(starts)), starts


def triangulation_edges(points: NDArray[np.float32], usable: NDArray[np.bool_], offsets: Int64s) -> Int64s:
    """Undirected edges of the Delaunay triangulation of each set.

    Parameters
    ----------
    points
        float32 (N, 2).
    usable
        bool (N,): points that take part; the others have no edges.
    offsets
        int64 (sets + 1,): set s is the points ``[offsets[s], offsets[s + 1])``.

    Returns
    -------
    int64 (2, E): rows of `points`, both directions of each edge, without repeats, sorted by source, then
    target. Two points are joined; points on one line are joined to their neighbours along it.
    """
    rows = np.flatnonzero(usable)
    own = points[rows].astype(np.float64)
    bounds = np.searchsorted(rows, offsets)
    segments, kinds = triangulate(own, bounds)
    pieces = [segments, _chains(own, bounds, kinds == LINE)]
    for s in np.flatnonzero(kinds == LEFT).tolist():
        pieces.append(bounds[s] + _segments(own[bounds[s] : bounds[s + 1]]))
    edges: Int64s = undirected_edges(rows[np.concatenate(pieces)], len(points))
    return edges


def _chains(points: NDArray[np.float64], offsets: Int64s, chosen: Bools) -> Int64s:
    """Segments (n, 2) that join the points of each chosen set along the first axis, then the second."""
    which = event_rows(offsets)
    members = np.flatnonzero(chosen[which])
    along = members[np.lexsort((points[members, 1], points[members, 0], which[members]))]
    steps: Int64s = np.column_stack([along[:-1], along[1:]])
    chain: Int64s = steps[which[along[:-1]] == which[along[1:]]]
    return chain


def _segments(points: NDArray[np.float64]) -> Int64s:
    """Edges (n, 2) of one set of four or more points not on one line, each at least once in one direction."""
    simplices = _simplices(points)
    if simplices is None:
        # one axis is so much wider than the other that the joggle drowns it
        centred = points - points.mean(axis=0)
        simplices = _simplices(centred / np.abs(centred).max(axis=0))
    if simplices is None:
        return _chains(points, np.array([0, len(points)]), np.array([True]))
    return np.concatenate([simplices[:, :2], simplices[:, 1:], simplices[:, ::2]]).astype(np.int64)


def _simplices(points: NDArray[np.float64]) -> NDArray[np.int32] | None:
    """Triangles (n, 3), None where Qhull finds none."""
    from scipy.spatial import Delaunay, QhullError

    try:
        triangles: NDArray[np.int32] = Delaunay(points, qhull_options="QJ").simplices
    except (QhullError, ValueError):
        return None
    return triangles
