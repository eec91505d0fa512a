"""Kernel that sorts rows by small numbers."""

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
