"""Kernel that chooses where to cut a sequence of events, of many cuts that balance it equally well."""

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import kernel

Int64s = NDArray[np.int64]


@kernel(
    kernels.Int64s,
    kernels.Int64s,
    kernels.Int64s,
    kernels.Int64s,
    kernels.Int64s,
    kernels.Int64s,
    kernels.Int64,
    kernels.Int64,
)
def cheapest_cuts(
    starts: Int64s,
    stops: Int64s,
    cost: Int64s,
    first: Int64s,
    last: Int64s,
    near: Int64s,
    limit: int,
    unit: int,
) -> Int64s:
    """Ascending cuts of least cost such that no range between two of them is heavier than `limit`.

    Parameters
    ----------
    starts, stops
        int64 (events + 1,), ascending: the range ``[a, b)`` weighs ``stops[b] - starts[a]``, an empty one
        nothing.
    cost
        int64 (events + 1,): what a cut at each border costs.
    first, last
        int64 (cuts,): cut k lies in ``[first[k], last[k]]``; both ascend.
    near
        int64 (cuts,): cuts that keep the limit. Weight between a cut and that of `near` costs 1 a `unit`.
    limit
        Most weight of a range.

    Returns
    -------
    int64 (cuts,): borders; of equally cheap ones those of the latest predecessors.

    Notes
    -----
    Dynamic programming over the windows, with the least cost of a sliding range of predecessors in a queue:
    linear in the sum of the windows' widths, in time and memory.
    """
    num_cuts = first.size
    window = np.zeros(num_cuts + 1, np.int64)
    widest = 0
    for k in range(num_cuts):
        width = last[k] - first[k] + 1
        window[k + 1] = window[k] + width
        widest = max(widest, width)
    best = np.full(window[-1], -1, np.int64)
    came_from = np.full(window[-1], -1, np.int64)
    queue = np.empty(widest, np.int64)

    for border in range(first[0], last[0] + 1):
        best[border - first[0]] = cost[border] + abs(starts[border] - starts[near[0]]) // unit
    for k in range(1, num_cuts):
        before = window[k - 1] - first[k - 1]
        head, tail = 0, 0
        new = first[k - 1]
        for border in range(first[k], last[k] + 1):
            while new <= min(border, last[k - 1]):
                if best[before + new] >= 0:
                    while tail > head and best[before + queue[tail - 1]] >= best[before + new]:
                        tail -= 1
                    queue[tail] = new
                    tail += 1
                new += 1
            while head < tail and queue[head] < border and stops[border] - starts[queue[head]] > limit:
                head += 1
            if head < tail:
                place = window[k] + border - first[k]
                own = cost[border] + abs(starts[border] - starts[near[k]]) // unit
                best[place] = best[before + queue[head]] + own
                came_from[place] = queue[head]

    cuts = np.empty(num_cuts, np.int64)
    k = num_cuts - 1
    chosen = -1
    for place in range(window[k], window[k + 1]):
        if best[place] >= 0 and (chosen < 0 or best[place] < best[chosen]):
            chosen = place
    cuts[k] = chosen - window[k] + first[k]
    while k > 0:
        cuts[k - 1] = came_from[window[k] + cuts[k] - first[k]]
        k -= 1
    return cuts
