"""Kernel: sorted edges of the Delaunay triangulations of many point sets."""

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import ReadVectors, kernel, step
from numl_polars.objects.delaunay.arcs import CCW, FREE, NONE, ONE, ORIGIN, USED, merge, triangulate_few
from numl_polars.objects.delaunay.distinct import gather_distinct
from numl_polars.objects.delaunay.halves import halve, sort_few
from numl_polars.objects.delaunay.predicates import NUM_TERMS

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
UInt32s = NDArray[np.uint32]
UInt64s = NDArray[np.uint64]

_FEW = 28  # points that are sorted along one axis instead of halved along both
_DEEPEST = 80  # open ranges: two for each halving
_ACROSS, _ALONG, _SORTED = range(3)


@step
def _subdivide(
    points: Float64s,
    rows: Int64s,
    num: int,
    arcs: UInt32s,
    store: UInt64s,
    ranges: Int64s,
    rims: UInt64s,
    terms: Float64s,
) -> None:
    """Triangulate `num` distinct points, which are reordered with their `rows`.

    `ranges`, of start, stop, axis and whether its halves are done, and `rims`, of the triangulations that
    wait to be merged, are the stacks of the recursion.
    """
    ranges[0, 0], ranges[0, 1], ranges[0, 2], ranges[0, 3] = 0, num, _ACROSS, 0
    num_ranges, num_rims = 1, 0
    while num_ranges:
        top = num_ranges - 1
        start, stop, axis, is_halved = ranges[top, 0], ranges[top, 1], ranges[top, 2], ranges[top, 3]
        if stop - start <= 3:
            rims[num_rims] = triangulate_few(points, arcs, store, start, stop, terms)
            num_rims += 1
            num_ranges -= 1
        elif is_halved:
            num_rims -= 1
            left, right = rims[num_rims - 1], rims[num_rims]
            rims[num_rims - 1] = merge(points, arcs, store, left, right, axis & 1, terms)
            num_ranges -= 1
        else:
            middle = (start + stop) >> 1
            if axis != _SORTED and stop - start <= _FEW:
                sort_few(points, rows, start, stop)
                axis = _SORTED
            elif axis != _SORTED:
                halve(points, rows, start, stop, middle, axis)
            ranges[top, 2], ranges[top, 3] = axis, 1
            next_axis = axis if axis == _SORTED else 1 - axis
            for begin, end in ((middle, stop), (start, middle)):
                ranges[num_ranges, 0], ranges[num_ranges, 1] = begin, end
                ranges[num_ranges, 2], ranges[num_ranges, 3] = next_axis, 0
                num_ranges += 1


@step
def _write_edges(
    arcs: UInt32s,
    store: UInt64s,
    rows: Int64s,
    num: int,
    labels: Int64s,
    start: int,
    stop: int,
    edges: Int64s,
    num_edges: int,
    free: Int64s,
    leaving: UInt64s,
) -> int:
    """Write the arcs of one set by source, then target; the number of columns of `edges` then in use.

    Targets come out sorted because sources are taken in order, each written to the lists of its neighbours.
    `free`, where each list goes on, and `leaving`, an arc of each point, are scratch.
    """
    arc = store[FREE]
    while arc != NONE:
        behind = np.uint64(arcs[arc, ORIGIN])
        arcs[arc, ORIGIN] = arcs[arc ^ ONE, ORIGIN] = NONE
        arc = behind
    free[: stop - start] = 0
    leaving[: stop - start] = NONE
    for used in range(np.int64(store[USED])):
        origin = arcs[used, ORIGIN]
        if origin != NONE:
            leaving[rows[origin]] = used
            free[rows[origin]] += 1
    for row in range(stop - start):
        degree = free[row]
        free[row] = num_edges
        for e in range(num_edges, num_edges + degree):
            edges[0, e] = labels[start + row]
        num_edges += degree
    for row in range(stop - start):
        arc = first = leaving[row]
        while arc != NONE:
            target = rows[arcs[arc ^ ONE, ORIGIN]]
            edges[1, free[target]] = labels[start + row]
            free[target] += 1
            arc = np.uint64(arcs[arc, CCW])
            if arc == first:
                break
    return num_edges


@kernel(ReadVectors, kernels.Int64s, kernels.Int64s)
def triangulate(points: Float64s, offsets: Int64s, labels: Int64s) -> tuple[Int64s, Int64s]:
    """Edges of the Delaunay triangulation of each set of points.

    Parameters
    ----------
    points
        float64 (N, 2), finite.
    offsets
        int64 (sets + 1,): set s is the points ``[offsets[s], offsets[s + 1])``, at most 700 million.
    labels
        int64 (N,), ascending in each set: what the edges call the points.

    Returns
    -------
    edges
        int64 (2, E): labels of source and target, both directions of each edge, without repeats, by set,
        source, target.
    edge_offsets
        int64 (sets + 1,): set s has the edges ``[edge_offsets[s], edge_offsets[s + 1])``.

    Notes
    -----
    Exact: no circle through a triangle holds a point inside. Of points on one circle the same triangulation
    comes out each time. Of points at one position the first takes part and the others have no edges; points
    on one line are joined to their neighbours along it. Time n log n in the points of a set, memory about 200
    bytes a point of the largest and 100 a point of all.
    """
    largest = 1
    for s in range(len(offsets) - 1):
        largest = max(largest, offsets[s + 1] - offsets[s])
    own, rows = np.empty((largest, 2), np.float64), np.empty(largest, np.int64)
    table = np.empty(4 * largest, np.int64)
    arcs, store = np.empty((6 * largest, 3), np.uint32), np.empty(2, np.uint64)
    ranges, rims = np.empty((_DEEPEST, 4), np.int64), np.empty(_DEEPEST, np.uint64)
    free, leaving = np.empty(largest, np.int64), np.empty(largest, np.uint64)
    terms = np.empty(NUM_TERMS, np.float64)
    edges = np.empty((2, 6 * len(points)), np.int64)
    edge_offsets = np.zeros(len(offsets), np.int64)
    num_edges = 0
    for s in range(len(offsets) - 1):
        start, stop = offsets[s], offsets[s + 1]
        num = gather_distinct(points, start, stop, own, rows, table)
        if num > 1:
            store[USED], store[FREE] = np.uint64(0), NONE
            _subdivide(own, rows, num, arcs, store, ranges, rims, terms)
            num_edges = _write_edges(
                arcs, store, rows, num, labels, start, stop, edges, num_edges, free, leaving
            )
        edge_offsets[s + 1] = num_edges
    return edges[:, :num_edges], edge_offsets
