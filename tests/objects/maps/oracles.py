"""The slow, plain twins of the kernels of maps: loops over dictionaries."""

from collections import defaultdict
from collections.abc import Sequence
from math import erf, floor, inf, sqrt

import numpy as np

Box = Sequence[tuple[float, float, int]]  # (lower, width, bins) of each axis


def bin_of(position: Sequence[float], box: Box) -> tuple[int, ...] | None:
    """Bins of a point, None if it is outside."""
    found = []
    for value, (lower, width, bins) in zip(position, box, strict=True):
        if not np.isfinite(value):
            return None
        place = floor((float(value) - lower) / width)
        if not 0 <= place < bins:
            return None
        found.append(place)
    return tuple(found)


def shares(centre: float, sigma: float, own: int, lower: float, width: float, bins: int) -> dict[int, float]:
    """Share of a point in each bin of the axis along which it is spread."""
    if not (0 < sigma < inf):
        return {own: 1.0}

    def below(edge: float) -> float:
        cut = min(max(edge, centre - 3 * sigma), centre + 3 * sigma)
        return erf((cut - centre) / sigma / sqrt(2))

    found = {}
    for place in range(bins):
        start, stop = lower + place * width, lower + (place + 1) * width
        if stop > centre - 3 * sigma and start <= centre + 3 * sigma:
            found[place] = below(stop) - below(start)
    total = sum(found.values())
    return {place: share / total for place, share in found.items()} if total > 0 else {own: 1.0}


def winner(energies: dict[int, float]) -> int:
    """Label of the most energy; of equal ones the least, -1 last; -1 if there is none."""
    most = max(energies.values(), default=0.0)
    if most <= 0:
        return -1
    tied = [label for label, energy in energies.items() if energy == most]
    return min(tied, key=lambda label: (label < 0, label))


def densest(points: Sequence[Sequence[int]], charge: Sequence[float], size: Sequence[int]) -> list[int]:
    """First bins of the densest window, by trying all."""
    axes = range(len(size))
    found: dict[tuple[int, ...], float] = {}
    starts = [sorted({point[axis] for point in points}) for axis in axes]

    def within(start: Sequence[int]) -> list[int]:
        return [
            row
            for row, point in enumerate(points)
            if all(0 <= point[axis] - start[axis] < size[axis] for axis in axes)
        ]

    corners: list[tuple[int, ...]] = [()]
    for axis in axes:
        corners = [(*corner, start) for corner in corners for start in starts[axis]]
    for corner in corners:
        found[corner] = sum(charge[row] for row in within(corner))
    best = max(found.values())
    corner = next(corner for corner in corners if found[corner] == best)
    inside = within(corner)
    result = []
    for axis in axes:
        last = max([points[row][axis] for row in inside], default=corner[axis])
        result.append(corner[axis] - (size[axis] - 1 - (last - corner[axis])) // 2)
    return result


def by_cell(entries: Sequence[tuple[tuple[int, ...], int, float]]) -> dict[tuple[int, ...], dict[int, float]]:
    """Sums of values by cell and code, of entries (cell, code, value)."""
    sums: dict[tuple[int, ...], dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for cell, code, value in entries:
        sums[cell][code] += value
    return sums
