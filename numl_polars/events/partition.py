"""Cutting the events of a file into contiguous ranges: one a rank, and batches within it."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]


def balanced_ranges(weights: Int64s, parts: int) -> list[tuple[int, int]]:
    """`parts` contiguous ranges ``[start, stop)`` of events with about equal weight.

    Parameters
    ----------
    weights
        int64 (events,), 0 or more: the rows of each event over the tables that are read.
    parts
        Number of ranges; more than there are events leaves some of them empty.

    Returns
    -------
    Ranges that are ordered, disjoint and cover every event. Each cut lies at the event border nearest to
    its share of the sum, so that no range exceeds its share by more than the heaviest event.
    """
    # an event without rows still costs something
    total = np.concatenate([np.zeros(1, np.int64), np.cumsum(weights + 1, dtype=np.int64)])
    shares = total[-1] * np.arange(1, parts) / parts
    below = np.searchsorted(total, shares, side="right") - 1
    above = np.minimum(below + 1, len(weights))
    cuts = np.where(shares - total[below] < total[above] - shares, below, above)
    return list(pairwise([0, *cuts.tolist(), len(weights)]))


def batch_ranges(num_bytes: Int64s, budget: int, start: int, stop: int) -> list[tuple[int, int]]:
    """Consecutive ranges of events in ``[start, stop)`` of at most `budget` bytes each.

    Parameters
    ----------
    num_bytes
        int64 (events,), bytes of each event of the file.
    budget
        An event that is larger is a batch of its own.
    """
    ranges = []
    total = np.cumsum(num_bytes[start:stop])
    begin, spent = start, 0
    while begin < stop:
        end = start + int(np.searchsorted(total, spent + budget, side="right"))
        end = max(end, begin + 1)
        ranges.append((begin, end))
        begin, spent = end, int(total[end - 1 - start])
    return ranges
