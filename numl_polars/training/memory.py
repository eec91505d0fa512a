"""Memory for batches, used again when a batch is no more."""

import sys
from threading import Lock

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
_UNUSED = 3  # references: the list's, the loop's, and that of the call which counts them


class ReusedMemory:
    """Pieces of memory; one that nothing refers to any more is given out again.

    The system clears new memory page by page, which takes longer than to fill it.

    Parameters
    ----------
    num_pieces
        How many are remembered.
    """

    def __init__(self, num_pieces: int = 4) -> None:
        self._num_pieces = num_pieces
        self._pieces: list[Bytes] = []
        self._lock = Lock()

    def __call__(self, num_bytes: int) -> Bytes:
        """uint8 (num_bytes,), not cleared."""
        with self._lock:
            for piece in self._pieces:
                if len(piece) >= num_bytes and sys.getrefcount(piece) == _UNUSED:
                    return piece[:num_bytes]
            made = np.empty(num_bytes + num_bytes // 4, np.uint8)
            self._pieces = [*self._pieces[1 - self._num_pieces :], made]
        return made[:num_bytes]
