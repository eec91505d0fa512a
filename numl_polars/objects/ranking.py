"""Kernels that put rows in order by small numbers, or number them anew."""

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


@kernel(kernels.Int64s, kernels.Int64s)
def dense_ranks(values: Int64s, offsets: Int64s) -> tuple[Int64s, Int64s]:
    """Rank of each value among the different values of its event, from 0, and their number.

    Parameters
    ----------
    values
        int64 (rows,).
    offsets
        int64 (events + 1,): event e owns the rows ``[offsets[e], offsets[e + 1])``.

    Returns
    -------
    ranks
        int64 (rows,).
    num_values
        int64 (events,).
    """
    ranks = np.empty(values.size, np.int64)
    num_values = np.zeros(offsets.size - 1, np.int64)
    for event in range(offsets.size - 1):
        start, stop = offsets[event], offsets[event + 1]
        order = np.argsort(values[start:stop])
        rank = -1
        for place in range(stop - start):
            row = start + order[place]
            if place == 0 or values[row] != values[start + order[place - 1]]:
                rank += 1
            ranks[row] = rank
        num_values[event] = rank + 1
    return ranks, num_values
