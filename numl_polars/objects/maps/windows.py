"""Windows of a batch: where the map of each set lies, by the mode that the grid says.

A set is a plane of an event for pixels, an event for voxels. Edges are rounded to float32, as objects keep
them, before anything is binned: whoever has a map and its window finds every bin anew.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numl_polars.objects.maps.grid import MAX_BINS, Grid

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]

_FAR = 2.0**20
"""Bins from the origin beyond which the densest window is not looked for."""


@dataclass(frozen=True, eq=False)
class Points:
    """What windows are found by.

    Parameters
    ----------
    position
        float64 (points, axes).
    owner
        int64 (points,): set of each point, -1 for one that does not count.
    charge
        float64 (points,): what centroids are weighted with, and what the densest window holds most of; what
        is below 0 counts as 0.
    """

    position: Float64s
    owner: Int64s
    charge: Float64s


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of all sets.

    Parameters
    ----------
    lower, width
        float64 (sets, axes): where bins begin, and how wide they are.
    shape
        int64 (sets, axes): number of bins; 0 in the tight window of a set without points.
    undefined
        bool (sets,): there is no window, as its centre is not known.
    too_large
        bool (sets,): the tight window would have more bins than can be.
    """

    lower: Float64s
    width: Float64s
    shape: Int64s
    undefined: Bools
    too_large: Bools

    @property
    def upper(self) -> Float64s:
        """float64 (sets, axes): where bins end."""
        return self.lower + self.width * self.shape

    def outside(self, extent: Float64s) -> Bools:
        """Whether each window, bool (sets,), lies wholly outside the `extent`, float64 (sets, axes, 2)."""
        apart: Bools = np.logical_or(self.upper <= extent[..., 0], self.lower >= extent[..., 1]).any(axis=1)
        return apart


def place_windows(
    grid: Grid, points: Points, extent: Float64s | None, centre: Float64s | None, num_sets: int
) -> Windows:
    """Windows of all sets.

    Parameters
    ----------
    points
        For the modes that go by them.
    extent
        float64 (sets, axes, 2): of the detector; None if it is not known, which only ``whole`` cannot do
        without.
    centre
        float64 (sets, axes): vertices, for the mode ``vertex``.
    """
    undefined = np.zeros(num_sets, np.bool_)
    too_large = undefined
    origin = np.zeros((num_sets, len(grid.axes))) if extent is None else extent[..., 0]
    if grid.window == "whole":
        assert extent is not None
        lower, width, shape = _divided(grid, extent[..., 0], extent[..., 1])
    elif grid.window == "tight":
        lower, width, shape, too_large = _tight(grid, points, origin)
    else:
        if grid.window == "densest":
            lower = _densest(grid, points, origin)
        elif grid.window == "centroid":
            lower = _centroids(points, num_sets) - np.array(grid.size) / 2
        else:
            assert centre is not None
            lower = centre - np.array(grid.size) / 2
        undefined = np.logical_not(np.isfinite(lower).all(axis=1))
        if grid.window != "vertex":
            # a set without points has no window, and no need of one: it is put where nothing is NaN
            lower, undefined = np.where(undefined[:, None], origin, lower), np.zeros(num_sets, np.bool_)
        width = np.broadcast_to(np.array(grid.bin_size), lower.shape)
        shape = np.broadcast_to(np.array(grid.bins, np.int64), lower.shape)
    lower = np.where(undefined[:, None], origin, lower)
    return Windows(
        lower=_float32(lower),
        width=_float32(width),
        shape=np.ascontiguousarray(shape, np.int64),
        undefined=undefined,
        too_large=too_large,
    )


def _float32(values: Float64s) -> Float64s:
    """The values as float32 can hold them."""
    return np.ascontiguousarray(values.astype(np.float32).astype(np.float64))


def _divided(grid: Grid, lower: Float64s, upper: Float64s) -> tuple[Float64s, Float64s, Int64s]:
    """Lower edges, widths and numbers of bins of the whole extent; the last bin may reach beyond it."""
    if grid.bins is not None:
        shape = np.broadcast_to(np.array(grid.bins, np.int64), lower.shape)
        return lower, (upper - lower) / shape, shape
    width = np.broadcast_to(np.array(grid.bin_size), lower.shape)
    return lower, width, np.ceil((upper - lower) / width - 1e-6).astype(np.int64)


def _centroids(points: Points, num_sets: int) -> Float64s:
    """Mean position of each set's points, weighted by charge, plain where that is 0; NaN of no point."""
    there = (points.owner >= 0) & np.isfinite(points.position).all(axis=1) & np.isfinite(points.charge)
    owner, position = points.owner[there], points.position[there]
    charge = np.maximum(points.charge[there], 0)
    empty = np.bincount(owner, charge, num_sets) <= 0
    charge = np.where(empty[owner], 1.0, charge)
    total = np.bincount(owner, charge, num_sets)
    sums = [np.bincount(owner, charge * column, num_sets) for column in position.T]
    with np.errstate(invalid="ignore"):
        means: Float64s = np.stack(sums, axis=1) / total[:, None]
    return means


def _tight(grid: Grid, points: Points, origin: Float64s) -> tuple[Float64s, Float64s, Int64s, Bools]:
    """Smallest boxes about the points: of a number of bins, or of bins that are counted from the origin."""
    from numl_polars.objects.maps.binning import bounds

    finite = np.isfinite(points.position).all(axis=1)
    least, most = bounds(points.position, np.where(finite, points.owner, -1), len(origin))
    empty = ~np.isfinite(least).all(axis=1)
    least[empty] = most[empty] = origin[empty]
    none = np.zeros(len(origin), np.bool_)
    if grid.bins is not None:
        shape = np.array(grid.bins, np.int64)
        # points on one line get a window of one unit about it, or of what numbers of their size can tell
        half = np.where(least == most, np.maximum(0.5, np.abs(least) * 1e-6), 0.0)
        lower, upper = (least - half).astype(np.float32), most + half
        width = ((upper - lower) / shape).astype(np.float32)
        # the last point is below the upper edge
        width = np.nextafter(width, np.float32(np.inf))
        return lower, width, np.where(empty[:, None], 0, 1) * shape, none
    width = np.broadcast_to(np.array(grid.bin_size), origin.shape).astype(np.float32).astype(np.float64)
    first = np.floor((least - origin) / width)
    lower = (origin + first * width).astype(np.float32).astype(np.float64)
    # rounding must not leave the least point out
    lower = np.where(lower > least, lower - width, lower)
    lower = lower.astype(np.float32).astype(np.float64)
    shape = np.floor((most - lower) / width) + 1
    too_large = (shape > MAX_BINS).any(axis=1)
    unusable = empty | too_large
    return lower, width, np.where(unusable[:, None], 0, shape).astype(np.int64), too_large


def _densest(grid: Grid, points: Points, origin: Float64s) -> Float64s:
    """Lower edges of the windows that hold the most charge, on bins that are counted from the origin."""
    from numl_polars.objects.maps.binning import number_cells
    from numl_polars.objects.maps.densest import densest_windows

    num_sets, axes = origin.shape
    there = np.isfinite(points.position).all(axis=1) & np.isfinite(points.charge) & (points.owner >= 0)
    rows = np.flatnonzero(there)
    owner, width = points.owner[rows], _float32(np.array(grid.bin_size))
    places = np.floor((points.position[rows] - origin[owner]) / width)
    near = (np.abs(places) < _FAR).all(axis=1)
    owner, places, rows = owner[near], places[near] + _FAR, rows[near]
    # points of one bin are one
    cell, bins_of_cells, offsets = number_cells(owner, places.astype(np.int64), num_sets)
    charge = np.bincount(cell, np.maximum(points.charge[rows], 0), len(bins_of_cells))
    bins = np.zeros((len(bins_of_cells), 3), np.int64)
    bins[:, 3 - axes :] = bins_of_cells - int(_FAR)
    assert grid.bins is not None
    size = np.array((1,) * (3 - axes) + grid.bins, np.int64)
    starts = densest_windows(bins, charge.astype(np.float64, copy=False), offsets, size)
    lower: Float64s = origin + starts[:, 3 - axes :] * width
    return lower
