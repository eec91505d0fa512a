"""The objects of one batch as columns: what object formation hands to the writers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Attribute:
    """One attribute of every object of a batch, as one array with offsets.

    Parameters
    ----------
    name
        ``store/attribute``, for edges the three names joined by ``_``: ``hit/x``,
        ``hit_delaunay_hit/edge_index``. Store names hold no underscore of their own.
    values
        The objects' arrays, joined along `axis`.
    offsets
        int64 (objects + 1,): object i owns ``[offsets[i], offsets[i + 1])`` along `axis`. None: `values` has
        one scalar an object.
    axis
        0 for nodes, 1 for ``edge_index``, whose arrays are (2, E).
    compact
        Smallest dtype that holds every value the attribute can have, for formats that store it so and give
        it back as it was; None: that of `values`.
    by_source
        Edges are sorted by source: formats may keep the targets of each source instead of pairs.
    """

    name: str
    values: Array
    offsets: NDArray[np.int64] | None = None
    axis: int = 0
    compact: np.dtype[Any] | None = None
    by_source: bool = False

    def of(self, i: int) -> Array:
        """Array of object `i`, a view of `values`; 0-dimensional for a scalar attribute."""
        if self.offsets is None:
            return self.values[i : i + 1].reshape(())
        start, stop = self.offsets[i], self.offsets[i + 1]
        return self.values[start:stop] if self.axis == 0 else self.values[:, start:stop]


@dataclass(frozen=True)
class ObjectBatch:
    """Named objects with the same attributes, in the order in which they are written.

    Parameters
    ----------
    names
        One unique name an object, as in ``r1_sr0_evt5``.
    event_index
        int64 (objects,): position of each object's event in the event table.
    attributes
        In the order of the file layout.
    """

    names: tuple[str, ...]
    event_index: NDArray[np.int64]
    attributes: tuple[Attribute, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[dict[str, Array]]:
        return (self.arrays(i) for i in range(len(self)))

    def arrays(self, i: int) -> dict[str, Array]:
        """Attributes of object `i` by name, as views."""
        return {attribute.name: attribute.of(i) for attribute in self.attributes}


INT8, INT32 = np.dtype(np.int8), np.dtype(np.int32)


def compact_of(column: Any) -> np.dtype[Any]:
    """Dtype of a Polars column of numbers, which holds all the values that objects have of it."""
    dtype: np.dtype[Any] = column.to_numpy().dtype
    return dtype


def compact_codes(num_classes: int) -> np.dtype[Any]:
    """Smallest dtype that holds the codes of so many classes, and -1."""
    return INT8 if num_classes <= np.iinfo(np.int8).max else INT32
