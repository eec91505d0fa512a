"""Kernels that put points into the bins of windows, spread them along an axis, and number the bins they fill.

A set is what has a window of its own: a plane of an event for pixels, an event for voxels. A point belongs to
the set `owner`, -1 to none. Bin b of an axis is ``[lower + b width, lower + (b + 1) width)``.
"""

from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import inlined, kernel

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]

SPREAD = 3.0
"""A hit is spread over so many times its width to both sides."""


@kernel(kernels.ReadVectors, kernels.Int64s, kernels.ReadVectors, kernels.ReadVectors, kernels.ReadPairs)
def bin_points(
    position: Float64s, owner: Int64s, lower: Float64s, width: Float64s, shape: Int64s
) -> NDArray[np.int64]:
    """Bins of each point on every axis, all -1 for a point outside its window, or without set.

    Parameters
    ----------
    position
        float64 (points, axes): a point that is not finite is outside.
    owner
        int64 (points,).
    lower, width
        float64 (sets, axes).
    shape
        int64 (sets, axes): number of bins.

    Returns
    -------
    int64 (points, axes).
    """
    num, axes = position.shape
    bins = np.full((num, axes), -1, np.int64)
    for point in range(num):
        own = owner[point]
        if own < 0:
            continue
        inside = True
        for axis in range(axes):
            place = np.floor((position[point, axis] - lower[own, axis]) / width[own, axis])
            # NaN is not inside either
            inside = inside and place >= 0 and place < shape[own, axis]
        if inside:
            for axis in range(axes):
                place = np.floor((position[point, axis] - lower[own, axis]) / width[own, axis])
                bins[point, axis] = np.int64(place)
    return bins


@kernel(kernels.ReadVectors, kernels.Int64s, kernels.Int64)
def bounds(position: Float64s, owner: Int64s, num_sets: int) -> tuple[Float64s, Float64s]:
    """Least and largest coordinates of each set's points, float64 (sets, axes); inf and -inf of no point."""
    axes = position.shape[1]
    least = np.full((num_sets, axes), np.inf)
    most = np.full((num_sets, axes), -np.inf)
    for point in range(position.shape[0]):
        own = owner[point]
        if own >= 0:
            for axis in range(axes):
                least[own, axis] = min(least[own, axis], position[point, axis])
                most[own, axis] = max(most[own, axis], position[point, axis])
    return least, most


@inlined
def _below(edge: float, centre: float, sigma: float) -> float:
    """Twice the share of a Gaussian below `edge`, which is moved to where the Gaussian is cut; less one."""
    reach = SPREAD * sigma
    return erf(min(max(edge - centre, -reach), reach) / (sqrt(2.0) * sigma))


@inlined
def _span(
    centre: float, sigma: float, place: int, lower: float, width: float, shape: int
) -> tuple[np.int64, np.int64]:
    """Bins ``[first, last]`` of the window over which a point in bin `place` is spread."""
    if not (sigma > 0 and sigma < np.inf):
        return np.int64(place), np.int64(place)
    first = np.floor((centre - SPREAD * sigma - lower) / width)
    last = np.floor((centre + SPREAD * sigma - lower) / width)
    return np.int64(max(first, 0.0)), np.int64(min(last, shape - 1.0))


@kernel(
    kernels.Float64s, kernels.Float64s, kernels.Int64s, kernels.Int64s,
    kernels.Float64s, kernels.Float64s, kernels.Int64s,
)  # fmt: skip
def spread_points(
    centre: Float64s,
    sigma: Float64s,
    owner: Int64s,
    place: Int64s,
    lower: Float64s,
    width: Float64s,
    shape: Int64s,
) -> tuple[Int64s, Int64s, Float64s]:
    """Shares of each point in the bins of one axis, by a Gaussian about it.

    Parameters
    ----------
    centre, sigma
        float64 (points,): where the point is, and how wide; a point whose `sigma` is not above 0, or not
        finite, stays in its bin.
    owner, place
        int64 (points,): set and bin of the point; bin -1 if it is outside.
    lower, width
        float64 (sets,): of this axis.
    shape
        int64 (sets,): bins of this axis.

    Returns
    -------
    starts
        int64 (points + 1,): point p has the shares ``[starts[p], starts[p + 1])``, none if it is outside.
    bins
        int64 (shares,).
    weight
        float64 (shares,): exact integrals within 3 `sigma`, scaled to add up to 1 over the bins of the
        window.
    """
    num = centre.size
    starts = np.zeros(num + 1, np.int64)
    for point in range(num):
        starts[point + 1] = starts[point]
        if place[point] >= 0:
            own = owner[point]
            first, last = _span(centre[point], sigma[point], place[point], lower[own], width[own], shape[own])
            starts[point + 1] += last - first + 1
    bins = np.empty(starts[num], np.int64)
    weight = np.ones(starts[num])
    for point in range(num):
        if place[point] < 0:
            continue
        own, start, stop = owner[point], starts[point], starts[point + 1]
        if stop - start == 1:
            bins[start] = place[point]
            continue
        first, _ = _span(centre[point], sigma[point], place[point], lower[own], width[own], shape[own])
        before = _below(lower[own] + first * width[own], centre[point], sigma[point])
        total = 0.0
        for share in range(start, stop):
            bins[share] = first + share - start
            edge = lower[own] + (bins[share] + 1) * width[own]
            after = _below(edge, centre[point], sigma[point])
            weight[share] = after - before
            total += weight[share]
            before = after
        for share in range(start, stop):
            # a width too small for the numbers leaves no area
            if total > 0:
                weight[share] /= total
            else:
                weight[share] = 1.0 if bins[share] == place[point] else 0.0
    return starts, bins, weight


@kernel(kernels.Int64s, kernels.ReadPairs, kernels.Int64)
def number_cells(owner: Int64s, bins: Int64s, num_sets: int) -> tuple[Int64s, Int64s, Int64s]:
    """Number of the cell that each point is in, cells being counted by set, then by bin, axis after axis.

    Parameters
    ----------
    owner
        int64 (points,): set of each point.
    bins
        int64 (points, axes): a point whose bins are negative is in no cell.

    Returns
    -------
    cell
        int64 (points,): -1 for a point without set or bins.
    coordinates
        int64 (cells, axes).
    offsets
        int64 (sets + 1,): set s has the cells ``[offsets[s], offsets[s + 1])``.

    Notes
    -----
    Linear in points and, for each set, in the bins that its points span on each axis.
    """
    num, axes = bins.shape
    starts = np.zeros(num_sets + 1, np.int64)
    for point in range(num):
        if owner[point] >= 0 and bins[point, 0] >= 0:
            starts[owner[point] + 1] += 1
    for own in range(num_sets):
        starts[own + 1] += starts[own]
    free = starts[:-1].copy()
    order = np.empty(starts[num_sets], np.int64)
    for point in range(num):
        if owner[point] >= 0 and bins[point, 0] >= 0:
            order[free[owner[point]]] = point
            free[owner[point]] += 1

    cell = np.full(num, -1, np.int64)
    coordinates = np.empty((order.size, axes), np.int64)
    offsets = np.zeros(num_sets + 1, np.int64)
    moved = np.empty(order.size, np.int64)
    counts = np.zeros(1, np.int64)
    num_cells = 0
    for own in range(num_sets):
        start, stop = starts[own], starts[own + 1]
        for axis in range(axes - 1, -1, -1):
            least = most = bins[order[start], axis] if stop > start else 0
            for place in range(start, stop):
                least = min(least, bins[order[place], axis])
                most = max(most, bins[order[place], axis])
            span = most - least + 1
            if span + 1 > counts.size:
                counts = np.zeros(2 * span + 1, np.int64)
            counts[: span + 1] = 0
            for place in range(start, stop):
                counts[bins[order[place], axis] - least + 1] += 1
            for value in range(span):
                counts[value + 1] += counts[value]
            for place in range(start, stop):
                value = bins[order[place], axis] - least
                moved[start + counts[value]] = order[place]
                counts[value] += 1
            order[start:stop] = moved[start:stop]
        for place in range(start, stop):
            point = order[place]
            new = place == start
            for axis in range(axes):
                new = new or bins[point, axis] != coordinates[num_cells - 1, axis]
            if new:
                for axis in range(axes):
                    coordinates[num_cells, axis] = bins[point, axis]
                num_cells += 1
            cell[point] = num_cells - 1
        offsets[own + 1] = num_cells
    return cell, coordinates[:num_cells].copy(), offsets
