"""Kernels: edges copied from where they are stored to where they belong, in one pass over memory.

In NumPy, widening and numbering are a pass each, and repeated sources need room of their own: that takes
almost three times as long, and edges are most of a graph.
"""

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import Int32s, Int64, Marks, kernel

Int32Array = NDArray[np.int32]


@kernel(Int32s, Int64, Marks)
def copy_shifted(stored: Int32Array, shift: int, place: NDArray[np.int64]) -> None:
    """Copy numbers, with `shift` added, to the int64 `place` of as many."""
    for i in range(len(place)):
        place[i] = stored[i] + shift


@kernel(Int32s, Int32s, Int64, Marks)
def copy_repeated(stored: Int32Array, offsets: Int32Array, shift: int, place: NDArray[np.int64]) -> None:
    """Copy numbers, with `shift` added, each as often as the next of `offsets` is larger than its own.

    Parameters
    ----------
    stored
        int32 (n,).
    offsets
        int32 (n + 1,).
    shift
        What is added to each.
    place
        int64 (``offsets[-1] - offsets[0]``,): where to.
    """
    edge = 0
    for i in range(len(stored)):
        shifted = stored[i] + shift
        for _ in range(offsets[i + 1] - offsets[i]):
            place[edge] = shifted
            edge += 1
