"""Triangulations of the hits of a batch: of each event together, and of each of its planes.

The edges are those of Delaunay's triangulation; where several are right, that of Qhull with joggled input, as
in pynuml (see `numl_polars.objects.delaunay.joggle`).

Hits of several planes at one position are all triangulated, as the joggle moves them apart. But Qhull then
often finds that its joggle was too small, and draws another: such events (one of 30 in simulated samples,
next to none in real ones) are left to Qhull, on a spare core if there is one.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from numl_polars.jobs import run_jobs
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
    rows = np.flatnonzero(finite & ~repeated)
    bounds = np.searchsorted(rows, offsets)
    planar, joint = _triangulated(points, label, (order, cells), (rows, bounds))
    return HitEdges(
        joint=joint, planar=(planar[0], planar[1][::num_planes]), nonfinite=~finite, repeated=repeated
    )


def _triangulated(
    points: NDArray[np.float64], label: Int64s, planar: tuple[Int64s, Int64s], joint: tuple[Int64s, Int64s]
) -> tuple[tuple[Int64s, Int64s], tuple[Int64s, Int64s]]:
    """Edges and their offsets, of the planar and of the joint sets, each given as rows and their offsets."""
    rows, offsets = joint
    event = event_rows(offsets)
    is_shared = repeats_of_position(points[rows], offsets)
    left = np.unique(event[is_shared]).tolist()
    others = rows[~np.isin(event, left)]
    edges: dict[str | int, tuple[Int64s, Int64s]] = {}

    def find(key: str | int, members: Int64s, sets: Int64s) -> None:
        edges[key] = triangulate(joggle(points[members], sets), sets, label[members])

    def find_by_kernel() -> None:
        find("planar", *planar)
        find("joint", others, np.searchsorted(others, np.append(rows, len(points))[offsets]))

    def find_by_qhull(event: int) -> None:
        members = rows[offsets[event] : offsets[event + 1]]
        found = _qhull_edges(points[members])
        if found is None:
            find(event, members, np.array([0, len(members)]))
        else:
            edges[event] = label[members][found], np.array([0, found.shape[1]])

    run_jobs([find_by_kernel, *(partial(find_by_qhull, event) for event in left)])
    return edges["planar"], _with_others(*edges["joint"], {event: edges[event][0] for event in left})


def _with_others(edges: Int64s, offsets: Int64s, others: dict[int, Int64s]) -> tuple[Int64s, Int64s]:
    """Edges and offsets of events, with those of `others`, which have none yet, in their places."""
    counts, pieces, done = np.diff(offsets), [], 0
    for event, found in others.items():
        pieces += [edges[:, done : offsets[event]], found]
        done, counts[event] = offsets[event], found.shape[1]
    if not pieces:
        return edges, offsets
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
