"""Points as Qhull sees them under its option `QJ`: joggled, lifted to a paraboloid, scaled.

Qhull 2020.2, the version inside SciPy, adds to every coordinate of every point a number of its own generator
(Lehmer's, multiplier 16807, modulus 2^31 - 1, as Park and Miller proposed it, Communications of the ACM 31,
1988), which SciPy leaves at its seed. One number is drawn ahead of each attempt, then three for each point,
of which the third is for the lifted coordinate and without effect. So the same points are always joggled
alike.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import Int64, Marks, ReadVectors, Scalars, Vectors, inlined, step

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

EPSILON = float(np.finfo(np.float64).eps)
MULTIPLIER = 16807
MODULUS = 2147483647
SEED = 1

# `scales` of an attempt: how far the joggle goes, and, as Qhull reckons them, the widest extent of the
# joggled points, their largest coordinate, the sums of the largest x, x and y, x, y and lifted coordinate,
# and the error of a distance
AMPLITUDE, WIDTH, LARGEST, SUM_1, SUM_2, SUM_3, ROUNDOFF = range(7)
NUM_SCALES = 7

_AMPLITUDE_ROUNDOFFS = 30000.0
_AMPLITUDE_GROWTH = 10.0
_WIDEST_AMPLITUDE = 1e-2


@inlined
def distance_roundoff(largest: float, largest_sum: float) -> float:
    """Qhull's bound for the error of the distance of a point from a plane in three dimensions."""
    widest = min(sqrt(3.0) * largest, largest_sum)
    return EPSILON * (3 * widest * 1.01 + largest)


@step(ReadVectors, Scalars)
def first_amplitude(points: Float64s, scales: Float64s) -> None:
    """Set the amplitude of the first two attempts.

    Parameters
    ----------
    points
        float64 (N, 2).
    scales
        float64 (`NUM_SCALES`,); its ``AMPLITUDE`` is written.
    """
    largest = largest_sum = width = 0.0
    for k in range(2):
        low = high = points[0, k]
        for p in range(1, len(points)):
            low = min(low, points[p, k])
            high = max(high, points[p, k])
        reach = max(high, -low)
        largest = reach if k == 0 else max(largest, reach)
        largest_sum += reach
        width = max(width, high - low)
    # the lifted coordinate counts with the width it will be scaled to
    roundoff = distance_roundoff(max(largest, width), largest_sum + width)
    scales[AMPLITUDE] = max(roundoff, EPSILON) * _AMPLITUDE_ROUNDOFFS


@step(Int64, Scalars)
def next_amplitude(attempt: int, scales: Float64s) -> bool:
    """Amplitude of the next attempt, larger from the third one (`attempt` 2) on.

    Returns
    -------
    False where Qhull gives up.
    """
    if attempt > 1:
        limit = scales[WIDTH] * _WIDEST_AMPLITUDE
        if scales[AMPLITUDE] < limit:
            scales[AMPLITUDE] = min(scales[AMPLITUDE] * _AMPLITUDE_GROWTH, limit)
    return attempt == 0 or scales[AMPLITUDE] <= max(scales[WIDTH] / 4, 0.1)


@step(ReadVectors, Int64, Vectors, Scalars, Marks)
def joggle(points: Float64s, state: int, joggled: Float64s, scales: Float64s, extremes: Int64s) -> int:
    """Joggle a set, lift it and scale the lifted coordinate.

    Parameters
    ----------
    points
        float64 (N, 2).
    state
        Of the generator: ``SEED``, later what the attempt before returned.
    joggled
        float64 (N, 3), written: x and y with their joggle, and ``x**2 + y**2`` scaled to ``[0, LARGEST]``.
    scales
        float64 (`NUM_SCALES`,): ``AMPLITUDE`` is read, the others are written.
    extremes
        int64 (6,), written: the first points with the least and the largest x, y and lifted coordinate.

    Returns
    -------
    State of the generator, or -1 if the lifted coordinate cannot be scaled.
    """
    amplitude = scales[AMPLITUDE]
    factor = 2.0 * amplitude / (MODULUS - 1.0)
    state = state * MULTIPLIER % MODULUS
    for p in range(len(points)):
        state = state * MULTIPLIER % MODULUS
        x = points[p, 0] + (state * factor + -amplitude)
        state = state * MULTIPLIER % MODULUS
        y = points[p, 1] + (state * factor + -amplitude)
        state = state * MULTIPLIER % MODULUS
        joggled[p, 0], joggled[p, 1], joggled[p, 2] = x, y, x * x + y * y

    for k in range(3):
        least = most = 0
        for p in range(1, len(points)):
            if joggled[p, k] > joggled[most, k]:
                most = p
            elif joggled[p, k] < joggled[least, k]:
                least = p
        extremes[2 * k], extremes[2 * k + 1] = least, most
    largest = width = largest_sum = 0.0
    for k in range(2):
        low, high = joggled[extremes[2 * k], k], joggled[extremes[2 * k + 1], k]
        reach = max(high, -low)
        largest = max(largest, reach)
        largest_sum += reach
        scales[SUM_1 + k] = largest_sum
        width = max(width, high - low)
    scales[WIDTH], scales[LARGEST], scales[SUM_3] = width, largest, largest_sum + largest
    scales[ROUNDOFF] = distance_roundoff(largest, scales[SUM_3])

    lowest, highest = joggled[extremes[4], 2], joggled[extremes[5], 2]
    if not (highest > lowest and largest > 0.0 and width > 0.0):
        return -1
    scale = largest / (highest - lowest)
    shift = 0.0 - lowest * scale
    if not (scale < np.inf and shift > -np.inf):
        return -1
    for p in range(len(points)):
        joggled[p, 2] = joggled[p, 2] * scale + shift
    return state
