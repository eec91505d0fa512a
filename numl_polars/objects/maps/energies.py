"""Kernels that add the energy of deposits up in cells, by class and by instance.

A deposit is carried by what has cells: a hit, which may have shares in several, or a point of its own.
Carrier c has the shares ``[starts[c], starts[c + 1])``, each of them a cell and a weight.
"""

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import kernel

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


@kernel(
    kernels.Int64s, kernels.Int64s, kernels.Float64s, kernels.Int64s, kernels.Float64s, kernels.Int64s,
    kernels.Int64, kernels.Int64,
)  # fmt: skip
def energy_by_code(
    starts: Int64s,
    cell: Int64s,
    weight: Float64s,
    carrier: Int64s,
    energy: Float64s,
    code: Int64s,
    num_codes: int,
    num_cells: int,
) -> Float64s:
    """Energy of each cell by code, float64 (cells, codes).

    Parameters
    ----------
    starts, cell, weight
        Shares of the carriers.
    carrier
        int64 (deposits,): -1 for a deposit that no carrier has.
    energy
        float64 (deposits,).
    code
        int64 (deposits,): in ``[0, num_codes)``.
    """
    sums = np.zeros((num_cells, num_codes))
    for deposit in range(carrier.size):
        if carrier[deposit] >= 0:
            for share in range(starts[carrier[deposit]], starts[carrier[deposit] + 1]):
                sums[cell[share], code[deposit]] += energy[deposit] * weight[share]
    return sums


@kernel(
    kernels.Int64s, kernels.Int64s, kernels.Float64s, kernels.Int64s, kernels.Float64s, kernels.Int64s,
    kernels.Int64s, kernels.Int64s,
)  # fmt: skip
def largest_rank(
    starts: Int64s,
    cell: Int64s,
    weight: Float64s,
    carrier: Int64s,
    energy: Float64s,
    rank: Int64s,
    deposit_offsets: Int64s,
    cell_offsets: Int64s,
) -> Int64s:
    """Rank that has the most energy of each cell, of equal ones the least; -1 for a cell without energy.

    Parameters
    ----------
    starts, cell, weight
        Shares of the carriers, in cells of their own event.
    carrier, energy
        As in `energy_by_code`.
    rank
        int64 (deposits,): small numbers from 0 on, within each event.
    deposit_offsets, cell_offsets
        int64 (events + 1,): deposits and cells of each event.

    Returns
    -------
    int64 (cells,).

    Notes
    -----
    Linear in the shares of deposits, ranks and cells.
    """
    best = np.full(cell_offsets[-1], -1, np.int64)
    for event in range(deposit_offsets.size - 1):
        begin, end = deposit_offsets[event], deposit_offsets[event + 1]
        low = cell_offsets[event]
        num_cells = cell_offsets[event + 1] - low
        num, num_ranks = 0, 0
        for deposit in range(begin, end):
            if carrier[deposit] >= 0:
                num += starts[carrier[deposit] + 1] - starts[carrier[deposit]]
                num_ranks = max(num_ranks, rank[deposit] + 1)
        if not num:
            continue
        # by rank, then by cell: equal pairs come to stand together
        free = np.zeros(num_ranks + 1, np.int64)
        for deposit in range(begin, end):
            if carrier[deposit] >= 0:
                free[rank[deposit] + 1] += starts[carrier[deposit] + 1] - starts[carrier[deposit]]
        for value in range(num_ranks):
            free[value + 1] += free[value]
        where, ranked, energies = np.empty(num, np.int64), np.empty(num, np.int64), np.empty(num)
        for deposit in range(begin, end):
            if carrier[deposit] >= 0:
                for share in range(starts[carrier[deposit]], starts[carrier[deposit] + 1]):
                    place = free[rank[deposit]]
                    free[rank[deposit]] += 1
                    where[place] = cell[share] - low
                    ranked[place] = rank[deposit]
                    energies[place] = energy[deposit] * weight[share]
        # what arrives at a cell has ascending ranks: one open sum a cell will do
        open_rank = np.full(num_cells, -1, np.int64)
        open_sum, most = np.zeros(num_cells), np.zeros(num_cells)
        for place in range(num):
            own = where[place]
            if open_rank[own] != ranked[place]:
                if open_sum[own] > most[own]:
                    most[own] = open_sum[own]
                    best[low + own] = open_rank[own]
                open_rank[own] = ranked[place]
                open_sum[own] = 0.0
            open_sum[own] += energies[place]
        for own in range(num_cells):
            if open_sum[own] > most[own]:
                best[low + own] = open_rank[own]
    return best
