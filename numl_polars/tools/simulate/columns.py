"""Rows of a table for a block of events, and values in the shapes and dtypes that files have."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numl_polars.tools.simulate.species import Bools, Floats, Ints

Column = NDArray[np.int32] | NDArray[np.float32] | NDArray[np.uint8]


@dataclass(frozen=True)
class Table:
    """Rows of one table for a block of events.

    Attributes
    ----------
    event
        int64 (rows,), ascending: the event's position in the block.
    columns
        Arrays of shape (rows, width): int32, float32, or uint8 codes of `PROCESSES`.
    """

    event: Ints
    columns: dict[str, Column]

    def before(self, event: int) -> "Table":
        """The rows of the events that precede `event`."""
        stop = int(np.searchsorted(self.event, event))
        return Table(self.event[:stop], {name: column[:stop] for name, column in self.columns.items()})


def int32(values: Ints | Bools | Floats) -> NDArray[np.int32]:
    """The values as an int32 column; what follows the point is left out."""
    return _wide(values).astype(np.int32)


def float32(values: Floats | Ints) -> NDArray[np.float32]:
    """The values as a float32 column."""
    return _wide(values).astype(np.float32)


def codes(values: Ints) -> NDArray[np.uint8]:
    """Codes of processes as a column, which is written as their names."""
    return _wide(values).astype(np.uint8)


def _wide(values: Floats | Ints | Bools) -> Floats | Ints | Bools:
    """The values as a column of a file: (rows, width), with width 1 where there is one a row."""
    return values if values.ndim > 1 else values[:, None]
