"""Memory for batches, used again when a batch is no more."""

import weakref

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


class ReusedMemory:
    """Pieces of memory; one that came back is given out again, by any thread.

    The system clears new memory page by page, which takes longer than to fill it. A piece comes back when the
    array that was given out dies. Views of that array and tensors of them keep it alive: the piece behind it
    is no array, at which NumPy would look for the base of a view.

    Parameters
    ----------
    num_pieces
        How many that came back are kept.
    """

    def __init__(self, num_pieces: int = 4) -> None:
        self._num_pieces = num_pieces
        self._free: list[memoryview] = []

    def __call__(self, num_bytes: int) -> Bytes:
        """uint8 (num_bytes,), not cleared."""
        # no lock, as a piece may come back in the middle of anything: lists are safe by themselves
        try:
            piece = self._free.pop()
        except IndexError:
            piece = memoryview(b"")
        if len(piece) < num_bytes or piece.readonly:
            piece = np.empty(num_bytes + num_bytes // 4 + 1, np.uint8).data
        given = np.frombuffer(piece, np.uint8, num_bytes)
        weakref.finalize(given, self._take_back, piece).atexit = False
        return given

    def _take_back(self, piece: memoryview) -> None:
        if len(self._free) < self._num_pieces:
            self._free.append(piece)
