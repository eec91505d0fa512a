"""Records of graph files in windows of some megabytes, whose values are moved together."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from numl_polars.output.extents import read_extents
from numl_polars.output.hdf5_objects import Record

WINDOW_BYTES = 1 << 23
WINDOW_RECORDS = 1000  # of small objects what is known takes more room than their values
_WORD_BYTES = 8


def windows(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Runs of records of no more than `WINDOW_BYTES` together, or of a single one that is larger.

    None has more than `WINDOW_RECORDS`.
    """
    window: list[Record] = []
    num_bytes = 0
    for record in records:
        if window and (num_bytes + record.num_bytes > WINDOW_BYTES or len(window) == WINDOW_RECORDS):
            yield window
            window, num_bytes = [], 0
        window.append(record)
        num_bytes += record.num_bytes
    if window:
        yield window


class WindowBuffer:
    """Memory for the records of one window at a time, which grows to the largest."""

    def __init__(self) -> None:
        self._words = np.empty(0, np.uint64)
        self._bounds = np.zeros(1, np.int64)

    def read(self, descriptor: int, window: Sequence[Record]) -> list[memoryview]:
        """Values of each record, views of the buffer, until it is filled again.

        Parameters
        ----------
        descriptor
            The file that the records are of, open for reading.
        window
            What to read.

        Raises
        ------
        OSError
            The file cannot be read, or ends within a record.
        """
        num_bytes = np.array([record.num_bytes for record in window])
        stops = np.cumsum(-(-num_bytes // _WORD_BYTES))
        self._bounds = np.concatenate(([0], stops))
        if stops[-1] > len(self._words):
            self._words = np.empty(stops[-1], np.uint64)
        self._words[stops - 1] = 0  # what pads the last word
        memory = self._words.view(np.uint8).data
        values = [
            memory[start : start + record.num_bytes]
            for record, start in zip(window, (_WORD_BYTES * self._bounds[:-1]).tolist(), strict=True)
        ]
        places, pieces = [], []
        for record, piece in zip(window, values, strict=True):
            if record.place is None:
                piece[:] = record.values.data
            else:
                places.append(record.place)
                pieces.append([piece])
        read_extents(descriptor, places, pieces)
        return values

    def checksums(self) -> NDArray[np.uint64]:
        """uint64 (records,): checksum of each record that was read last."""
        # importing it compiles it, which is for the one rank that merges
        from numl_polars.output.checksums import xxh64

        found: NDArray[np.uint64] = xxh64(self._words, self._bounds)
        return found
