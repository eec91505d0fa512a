"""Kernel over energy deposits."""

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import kernel


@kernel(kernels.Int64s, kernels.Float64s, kernels.Int64)
def largest_deposit(
    hit_row: NDArray[np.int64], weight: NDArray[np.float64], num_hits: int
) -> NDArray[np.int64]:
    """Row of each hit's largest deposit, -1 without one.

    Parameters
    ----------
    hit_row
        int64 (deposits,): row of the hit that each deposit belongs to, -1 for none.
    weight
        float64 (deposits,): NaN counts as less than any number.

    Returns
    -------
    int64 (num_hits,): of equal weights the first deposit.
    """
    largest = np.full(num_hits, -1, np.int64)
    for deposit in range(hit_row.size):
        hit = hit_row[deposit]
        if hit < 0:
            continue
        best = largest[hit]
        if (
            best < 0
            or weight[deposit] > weight[best]
            or (np.isnan(weight[best]) and not np.isnan(weight[deposit]))
        ):
            largest[hit] = deposit
    return largest
