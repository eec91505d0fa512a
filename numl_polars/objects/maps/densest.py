"""Kernels that find the window of a given size that holds the most charge.

A line sweeps along one axis; a tree over the window starts of the next one holds the charge of each, to which
a bin that enters adds, and from which one that leaves takes. Charges are whole numbers here, so that sums are
exact, and what is equal is known to be.
"""

from math import frexp, ldexp

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import kernel, step

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]

_BITS = 52


@step
def _raise(tree: Int64s, pending: Int64s, leaves: int, start: int, stop: int, charge: int) -> None:
    """Add `charge` to the leaves ``[start, stop)``; a node holds the most of its leaves, `pending` added."""
    low, high = start + leaves, stop + leaves
    left, right = low, high - 1
    while low < high:
        if low & 1:
            tree[low] += charge
            pending[low] += charge
            low += 1
        if high & 1:
            high -= 1
            tree[high] += charge
            pending[high] += charge
        low >>= 1
        high >>= 1
    for leaf in (left, right):
        node = leaf >> 1
        while node:
            tree[node] = max(tree[2 * node], tree[2 * node + 1]) + pending[node]
            node >>= 1


@step
def _best_pair(
    rows: Int64s,
    num: int,
    bins: Int64s,
    charge: Int64s,
    firsts: Int64s,
    seconds: Int64s,
    size: Int64s,
    tree: Int64s,
    pending: Int64s,
    found: Int64s,
) -> int:
    """Most charge in a window of axes 1 and 2, whose starts go to `found`; `rows` ascend along axis 1."""
    leaves = tree.size // 2
    tree[:] = 0
    pending[:] = 0
    best, entered, left = -1, 0, 0
    for first in firsts:
        while entered < num and bins[rows[entered], 1] < first + size[1]:
            row = rows[entered]
            start = np.searchsorted(seconds, bins[row, 2] - size[2] + 1)
            stop = np.searchsorted(seconds, bins[row, 2]) + 1
            _raise(tree, pending, leaves, start, stop, charge[row])
            entered += 1
        while left < num and bins[rows[left], 1] < first:
            row = rows[left]
            start = np.searchsorted(seconds, bins[row, 2] - size[2] + 1)
            stop = np.searchsorted(seconds, bins[row, 2]) + 1
            _raise(tree, pending, leaves, start, stop, -charge[row])
            left += 1
        if tree[1] > best:
            best = tree[1]
            node = 1
            while node < leaves:
                node = 2 * node if tree[2 * node] >= tree[2 * node + 1] else 2 * node + 1
            found[0], found[1] = first, seconds[node - leaves]
    return best


@kernel(kernels.ReadPairs, kernels.Float64s, kernels.Int64s, kernels.Int64s)
def densest_windows(bins: Int64s, charge: Float64s, offsets: Int64s, size: Int64s) -> Int64s:
    """First bins of the window that holds the most charge, of each set.

    Parameters
    ----------
    bins
        int64 (points, 3): of equal numbers on the first axis where there are but two.
    charge
        float64 (points,): not negative; compared to 2**-52 of the set's sum.
    offsets
        int64 (sets + 1,): points of each set.
    size
        int64 (3,): bins of the window.

    Returns
    -------
    int64 (sets, 3): windows start at bins that have points, axis by axis; of those with the same charge the
    first is taken, by first axis, then second, then third, and moved down until what it holds stands in the
    middle. 0 for a set without points.

    Notes
    -----
    n log n for two axes; for three as many times that as the first axis has bins with points, but for slices
    that hold less than the best window so far.
    """
    num_sets = offsets.size - 1
    starts = np.zeros((num_sets, 3), np.int64)
    found = np.zeros(2, np.int64)
    for own in range(num_sets):
        begin, end = offsets[own], offsets[own + 1]
        if begin == end:
            continue
        points, weights = bins[begin:end], charge[begin:end]
        total = weights.sum()
        units = np.zeros(end - begin, np.int64)
        if total > 0:
            # by a power of two, which is exact for charges that are not too far apart
            _, exponent = frexp(total)
            for row in range(end - begin):
                units[row] = np.int64(ldexp(weights[row], _BITS - exponent))
        slices = np.unique(points[:, 0])
        firsts, seconds = np.unique(points[:, 1]), np.unique(points[:, 2])
        leaves = 1
        while leaves < seconds.size:
            leaves *= 2
        tree, pending = np.zeros(2 * leaves, np.int64), np.zeros(2 * leaves, np.int64)
        order = np.argsort(points[:, 1], kind="mergesort")
        rows = np.empty(end - begin, np.int64)
        # slices that hold the most come first: most others then hold less than the best window so far
        held = np.zeros(slices.size, np.int64)
        for row in range(end - begin):
            first = np.searchsorted(slices, points[row, 0] - size[0] + 1)
            for place in range(first, np.searchsorted(slices, points[row, 0]) + 1):
                held[place] += units[row]
        best = -1
        for place in np.argsort(-held, kind="mergesort"):
            low = slices[place]
            if held[place] < best or (held[place] == best and low > starts[own, 0]):
                continue
            num = 0
            for row in order:
                if low <= points[row, 0] < low + size[0]:
                    rows[num] = row
                    num += 1
            most = _best_pair(rows, num, points, units, firsts, seconds, size, tree, pending, found)
            if most > best or (most == best and low < starts[own, 0]):
                best = most
                starts[own, 0], starts[own, 1], starts[own, 2] = low, found[0], found[1]
        last = starts[own].copy()
        for row in range(end - begin):
            inside = True
            for axis in range(3):
                place = points[row, axis] - starts[own, axis]
                inside = inside and 0 <= place < size[axis]
            if inside:
                last = np.maximum(last, points[row])
        for axis in range(3):
            starts[own, axis] -= (starts[own, axis] + size[axis] - 1 - last[axis]) // 2
    return starts
