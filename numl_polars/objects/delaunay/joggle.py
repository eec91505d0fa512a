"""Points where Qhull has them under its option `QJ`, with which pynuml triangulates.

Where points are on one circle several triangulations are right, and Qhull's joggle decides; in hits of
several planes together that is common, for planes share times. Qhull 2020.2, the version inside SciPy, adds
to every coordinate a number of its own generator (Lehmer's, multiplier 16807, modulus 2^31 - 1, as Park and
Miller proposed it, Communications of the ACM 31, 1988), which SciPy leaves at its seed. One number is drawn
ahead, then three for each point, of which the third is without effect. So the same points always get the same
joggle, at most about 4e-11 of their extent. In about one set of a hundred Qhull finds its own joggle too
small and draws another, which is not followed here.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import Int64s, ReadVectors, inlined, kernel, step
from numl_polars.objects.delaunay.predicates import NUM_TERMS, orientation

Float64s = NDArray[np.float64]
Offsets = NDArray[np.int64]

_EPSILON = float(np.finfo(np.float64).eps)
_MULTIPLIER = 16807
_MODULUS = 2147483647
_SEED = 1
_AMPLITUDE_ROUNDOFFS = 30000.0
_FEWEST = 4
_NARROWEST = 1000.0
"""Extent, in amplitudes, that points must have along both axes to be joggled: it must not drown them."""


@inlined
def _amplitude(points: Float64s) -> float:
    """How far Qhull moves the points along each axis; 0 if that were too far."""
    largest = largest_sum = width = 0.0
    narrow = np.inf
    for k in range(2):
        low = high = points[0, k]
        for p in range(1, len(points)):
            low = min(low, points[p, k])
            high = max(high, points[p, k])
        reach = max(high, -low)
        largest = reach if k == 0 else max(largest, reach)
        largest_sum += reach
        width = max(width, high - low)
        narrow = min(narrow, high - low)
    # Qhull's bound for the error of a distance in three dimensions, the third as wide as the widest
    largest = max(largest, width)
    roundoff = _EPSILON * (3 * min(sqrt(3.0) * largest, largest_sum + width) * 1.01 + largest)
    amplitude = max(roundoff, _EPSILON) * _AMPLITUDE_ROUNDOFFS
    return amplitude if narrow > _NARROWEST * amplitude else 0.0


@step
def _on_one_line(points: Float64s, terms: Float64s) -> bool:
    other = 0
    for p in range(1, len(points)):
        if points[p, 0] != points[0, 0] or points[p, 1] != points[0, 1]:
            if other == 0:
                other = p
            elif orientation(points, 0, other, p, terms) != 0.0:
                return False
    return True


@kernel(ReadVectors, Int64s)
def joggle(points: Float64s, offsets: Offsets) -> Float64s:
    """Points moved as Qhull moves them at its first attempt.

    Parameters
    ----------
    points
        float64 (N, 2), finite.
    offsets
        int64 (sets + 1,): set s is the points ``[offsets[s], offsets[s + 1])``.

    Returns
    -------
    float64 (N, 2). Sets of fewer than four points, on one line, or so narrow that the joggle would drown
    them, are as they were.
    """
    joggled = points.copy()
    terms = np.empty(NUM_TERMS, np.float64)
    for s in range(len(offsets) - 1):
        own = points[offsets[s] : offsets[s + 1]]
        if len(own) < _FEWEST or _on_one_line(own, terms):
            continue
        amplitude = _amplitude(own)
        if amplitude == 0.0:
            continue
        factor = 2.0 * amplitude / (_MODULUS - 1.0)
        state = _SEED * _MULTIPLIER % _MODULUS
        for p in range(offsets[s], offsets[s + 1]):
            for k in range(2):
                state = state * _MULTIPLIER % _MODULUS
                joggled[p, k] += state * factor + -amplitude
            state = state * _MULTIPLIER % _MODULUS
    return joggled
