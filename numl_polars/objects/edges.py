"""Kernels that make edge lists for a whole batch."""

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import kernel

Int64s = NDArray[np.int64]


@kernel(kernels.Int64s, kernels.Int64)
def counting_order(keys: Int64s, num_keys: int) -> Int64s:
    """Order that sorts `keys`, int64 in ``[0, num_keys)``, and keeps equal ones as they stand."""
    free = np.zeros(num_keys + 1, np.int64)
    for key in keys:
        free[key + 1] += 1
    for key in range(num_keys):
        free[key + 1] += free[key]
    order = np.empty(keys.size, np.int64)
    for place in range(keys.size):
        order[free[keys[place]]] = place
        free[keys[place]] += 1
    return order


@kernel(kernels.Int64s2D, kernels.Int64)
def undirected_edges(segments: Int64s, num_points: int) -> Int64s:
    """Both directions of each segment, without repeats, sorted by source, then target.

    Parameters
    ----------
    segments
        int64 (S, 2), pairs of points in either direction, repeats allowed.
    num_points
        All points are in ``[0, num_points)``.

    Returns
    -------
    int64 (2, E).

    Notes
    -----
    Counting sorts by target, then by source: linear in points and segments.
    """
    num = segments.shape[0]
    source = np.concatenate((segments[:, 0], segments[:, 1]))
    target = np.concatenate((segments[:, 1], segments[:, 0]))
    by_target = counting_order(target, num_points)
    order = by_target[counting_order(source[by_target], num_points)]
    edges = np.empty((2, 2 * num), np.int64)
    e = 0
    for place in order:
        a, b = source[place], target[place]
        if e == 0 or edges[0, e - 1] != a or edges[1, e - 1] != b:
            edges[0, e] = a
            edges[1, e] = b
            e += 1
    return edges[:, :e].copy()
