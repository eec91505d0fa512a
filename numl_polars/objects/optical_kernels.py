"""Kernels of edges between light and charge: spacepoints by time of flashes, and nearest photomultipliers."""

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import inlined, kernel

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


@inlined
def _apart(cryostat: int, other: int) -> bool:
    """Whether two are known to be in different cryostats; -1 is not known."""
    return cryostat != other and cryostat >= 0 and other >= 0


@kernel(
    kernels.Int64s, kernels.Float64s, kernels.Int64s,
    kernels.Int64s, kernels.Float64s, kernels.Int64s,
    kernels.Float64, kernels.Float64,
)  # fmt: skip
def follow_in_time(
    offsets: Int64s,
    times: Float64s,
    cryostats: Int64s,
    later_offsets: Int64s,
    later: Float64s,
    later_cryostats: Int64s,
    least: float,
    most: float,
) -> Int64s:
    """Pairs, int64 (2, E), of which the second comes `least` to `most` after the first, in one event.

    Parameters
    ----------
    offsets, later_offsets
        int64 (events + 1,), rows of both by event.
    times, later
        float64; one that is NaN is in no pair.
    cryostats, later_cryostats
        int64, -1 where not known; no pair is of two that are known and differ.

    Notes
    -----
    Rows of the whole batch, sorted by the first, then the second. Compares each two of an event.
    """
    number = 0
    for event in range(offsets.size - 1):
        for row in range(offsets[event], offsets[event + 1]):
            for other in range(later_offsets[event], later_offsets[event + 1]):
                if _apart(cryostats[row], later_cryostats[other]):
                    continue
                if least <= later[other] - times[row] <= most:
                    number += 1
    pairs = np.empty((2, number), np.int64)
    number = 0
    for event in range(offsets.size - 1):
        for row in range(offsets[event], offsets[event + 1]):
            for other in range(later_offsets[event], later_offsets[event + 1]):
                if _apart(cryostats[row], later_cryostats[other]):
                    continue
                if least <= later[other] - times[row] <= most:
                    pairs[0, number], pairs[1, number] = row, other
                    number += 1
    return pairs


@kernel(
    kernels.Int64s, kernels.ReadVectors, kernels.Int64s,
    kernels.Int64s, kernels.ReadVectors, kernels.Int64s,
    kernels.Int64,
)  # fmt: skip
def nearest_of_others(
    offsets: Int64s,
    points: Float64s,
    cryostats: Int64s,
    other_offsets: Int64s,
    others: Float64s,
    other_cryostats: Int64s,
    k: int,
) -> Int64s:
    """Pairs, int64 (2, E), of each point and the `k` of the others of its event that are nearest to it.

    Parameters
    ----------
    offsets, other_offsets
        int64 (events + 1,), rows of both by event.
    points, others
        float64 (n, 2), (m, 2); one that is not finite is in no pair.
    cryostats, other_cryostats
        int64, -1 where not known; no pair is of two that are known and differ.

    Notes
    -----
    Rows of the whole batch, sorted by point, then the other. Of others at equal distance the first are taken.
    Compares each two of an event.
    """
    room = most = 0
    for event in range(offsets.size - 1):
        own = min(k, other_offsets[event + 1] - other_offsets[event])
        room += own * (offsets[event + 1] - offsets[event])
        most = max(most, own)
    pairs = np.empty((2, room), np.int64)
    number, k = 0, most
    near = np.empty(k, np.int64)
    distances = np.empty(k, np.float64)
    for event in range(offsets.size - 1):
        for row in range(offsets[event], offsets[event + 1]):
            found = 0
            for other in range(other_offsets[event], other_offsets[event + 1]):
                if _apart(cryostats[row], other_cryostats[other]):
                    continue
                across = points[row, 0] - others[other, 0]
                along = points[row, 1] - others[other, 1]
                distance = across * across + along * along
                if not np.isfinite(distance) or (found == k and distance >= distances[k - 1]):
                    continue
                place = min(found, k - 1)
                while place > 0 and distances[place - 1] > distance:
                    distances[place], near[place] = distances[place - 1], near[place - 1]
                    place -= 1
                distances[place], near[place] = distance, other
                found = min(found + 1, k)
            pairs[0, number : number + found] = row
            pairs[1, number : number + found] = np.sort(near[:found])
            number += found
    return pairs[:, :number].copy()
