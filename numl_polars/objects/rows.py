"""Rows of a table and the events that own them, before and after events are left out."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Int64s = NDArray[np.int64]


def event_rows(offsets: Int64s) -> Int64s:
    """Event of each row: int64 (rows,), from offsets int64 (events + 1,)."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


class KeptRows:
    """The rows of a table that belong to kept events.

    Parameters
    ----------
    kept
        bool (events,): events of the batch that become objects.
    offsets
        int64 (events + 1,): the table's rows of every event of the batch.
    """

    def __init__(self, kept: NDArray[np.bool_], offsets: Int64s) -> None:
        counts = np.diff(offsets)
        self._whole = bool(kept.all())
        self.rows = np.flatnonzero(np.repeat(kept, counts))
        self.offsets: Int64s = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[kept])])

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The kept rows of a frame; the frame itself where nothing changes."""
        return frame if self._whole else frame[self.rows]

    def pick(self, values: np.ndarray) -> np.ndarray:
        """The kept rows of an array; itself where nothing changes."""
        return values if self._whole else values[self.rows]

    def take(self, column: pl.Series, dtype: type) -> np.ndarray:
        """The kept rows of a column as `dtype`; the column's own buffer where nothing changes."""
        return self.pick(column.to_numpy()).astype(dtype, copy=False)

    def stack(self, frame: pl.DataFrame, names: tuple[str, ...]) -> NDArray[np.float32]:
        """The kept rows of some columns side by side, float32 (rows, len(names))."""
        stacked = np.empty((len(self), len(names)), np.float32)
        for place, name in enumerate(names):
            stacked[:, place] = self.take(frame[name], np.float32)
        return stacked
