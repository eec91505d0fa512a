"""Triangulations of the hits of a batch: of each event together, and of each of its planes.

The edges are those of Delaunay's triangulation; where several are right, that of Qhull with joggled input, as
in pynuml (see `numl_polars.objects.delaunay.joggle`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numl_polars.objects.delaunay.distinct import repeats_of_position
from numl_polars.objects.delaunay.joggle import joggle
from numl_polars.objects.delaunay.triangulate import triangulate
from numl_polars.objects.ranking import counting_order
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
        event together, and of each plane's, planes ascending. Both directions of each edge, by source, then
        target.
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
    label = np.arange(len(event)) - offsets[event]
    finite = np.logical_and.reduce(np.isfinite(position), axis=1)
    points = position.astype(np.float64)

    # by (event, plane): events keep their ranges of rows
    num_planes = int(plane.max(initial=0)) + 1
    num_cells = (len(offsets) - 1) * num_planes
    cell = event * num_planes + plane
    order = counting_order(cell, num_cells)
    order = order[finite[order]]
    cells = np.searchsorted(cell[order], np.arange(num_cells + 1))
    repeats = repeats_of_position(points[order], cells)
    repeated = np.zeros(len(event), np.bool_)
    repeated[order[repeats]] = True
    order = order[~repeats]
    cells = np.searchsorted(cell[order], np.arange(num_cells + 1))
    planar, planar_offsets = triangulate(joggle(points[order], cells), cells, label[order])

    rows = np.flatnonzero(finite & ~repeated)
    bounds = np.searchsorted(rows, offsets)
    return HitEdges(
        joint=_joint_edges(points[rows], bounds, label[rows]),
        planar=(planar, planar_offsets[::num_planes]),
        nonfinite=~finite,
        repeated=repeated,
    )


def _joint_edges(points: NDArray[np.float64], offsets: Int64s, labels: Int64s) -> tuple[Int64s, Int64s]:
    """Edges of sets in which hits of several planes may share a position; see `triangulate`.

    Those hits are all triangulated, as the joggle moves them apart. But Qhull then often finds that its
    joggle was too small, and draws another, so such sets (one of 30) are left to Qhull.
    """
    which = event_rows(offsets)
    by_qhull = {}
    for s in np.unique(which[repeats_of_position(points, offsets)]).tolist():
        own = slice(offsets[s], offsets[s + 1])
        found = _qhull_edges(points[own])
        if found is not None:
            by_qhull[s] = labels[own][found]
    rows = np.flatnonzero(~np.isin(which, list(by_qhull)))
    bounds = np.searchsorted(rows, offsets)
    edges, edge_offsets = triangulate(joggle(points[rows], bounds), bounds, labels[rows])
    counts = np.diff(edge_offsets)
    pieces, done = [], 0
    for s, found in by_qhull.items():
        pieces += [edges[:, done : edge_offsets[s]], found]
        done, counts[s] = edge_offsets[s], found.shape[1]
    whole = np.concatenate([*pieces, edges[:, done:]], axis=1)
    return whole, np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def _qhull_edges(points: NDArray[np.float64]) -> Int64s | None:
    """Edges of one set as Qhull gives them, both directions, sorted; None where it finds no triangle."""
    from scipy.spatial import Delaunay, QhullError

    try:
        simplices = Delaunay(points, qhull_options="QJ").simplices.astype(np.int64)
    except (QhullError, ValueError):
        return None
    # triangles are of either orientation, so that an edge of two may come up twice in one direction
    sources, targets = simplices[:, [0, 1, 2, 1, 2, 0]].T.ravel(), simplices[:, [1, 2, 0, 0, 1, 2]].T.ravel()
    by_target = counting_order(targets, len(points))
    order = by_target[counting_order(sources[by_target], len(points))]
    edges = np.stack([sources[order], targets[order]])
    is_new = np.ones(edges.shape[1], np.bool_)
    is_new[1:] = (edges[:, 1:] != edges[:, :-1]).any(axis=0)
    return edges[:, is_new]
