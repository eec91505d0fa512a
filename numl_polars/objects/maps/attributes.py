"""Cells to the attributes of objects: as lists of the cells that hold something, or as dense arrays."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numl_polars.objects.batch import INT8, INT32, Attribute, compact_codes
from numl_polars.objects.maps.cells import Cells
from numl_polars.objects.maps.truth import CellTruth
from numl_polars.objects.rows import KeptRows, event_rows

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]
Array = NDArray[Any]
INT16 = np.dtype(np.int16)


@dataclass(frozen=True, eq=False)
class Layout:
    """How the cells of kept events become attributes.

    Parameters
    ----------
    store
        Name of the nodes that cells are, or of the dense arrays.
    cells
        Cells of all events of the batch.
    kept
        bool (events,).
    dense
        Shape of a dense map; None for lists of cells.
    num_planes
        Number of planes, each a set of its own in a dense map; None where an event is one set.
    prefix
        What the names of instances and windows begin with.
    """

    store: str
    cells: Cells
    kept: Bools
    dense: tuple[int, ...] | None
    num_planes: int | None
    prefix: str = ""

    @cached_property
    def rows(self) -> KeptRows:
        """Rows of the kept events' cells."""
        return KeptRows(self.kept, self.cells.offsets)

    def attribute(
        self, name: str, values: Array, *, empty: float = 0, compact: np.dtype[Any] | None = None
    ) -> Attribute:
        """An attribute of cells, ``values`` (cells,) or (cells, n).

        A dense one is (1, planes, …) or (1, …), of n values (1, planes, n, …) or (1, n, …), and `empty`
        where there is no cell.
        """
        rows = self.rows
        values = self._kept(values)
        if self.dense is None:
            return Attribute(f"{self.store}/{name}", values, rows.offsets, compact=compact)
        coordinates = self._kept(self.cells.coordinates)
        place: list[Any] = [event_rows(rows.offsets)]
        shape = [int(self.kept.sum())]
        if self.num_planes is not None:
            place.append(self._kept(self.cells.owner) % self.num_planes)
            shape.append(self.num_planes)
        if values.ndim == 2:
            place.append(slice(None))
            shape.append(values.shape[1])
        array = np.full([*shape, *self.dense], empty, values.dtype)
        array[(*place, *coordinates.T)] = values
        return Attribute(f"{self.store}/{name}", array, np.arange(shape[0] + 1), compact=compact)

    def _kept(self, values: Array) -> Array:
        """Values of the kept events' cells; events that are left out often have none."""
        return values if len(self.rows) == len(self.cells) else values[self.rows.rows]

    def places(self) -> Iterator[Attribute]:
        """Plane and bins of listed cells; a dense array says them by itself."""
        if self.dense is None:
            if self.num_planes is not None:
                yield self.attribute("plane", self.cells.owner % self.num_planes, compact=INT8)
            yield self.attribute("coordinates", self.cells.coordinates, compact=INT16)

    def windows(self, *, varying: bool) -> Iterator[Attribute]:
        """Lower edges and widths of bins, (1, planes, 2) or (1, 3), and the number of bins if it varies."""
        windows = self.cells.windows
        planes = [] if self.num_planes is None else [self.num_planes]
        offsets = np.arange(int(self.kept.sum()) + 1)

        def by_event(values: Array) -> Array:
            return values.reshape(len(self.kept), *planes, values.shape[1])[self.kept]

        yield Attribute(f"{self.prefix}window/lower", by_event(windows.lower.astype(np.float32)), offsets)
        yield Attribute(f"{self.prefix}window/bin", by_event(windows.width.astype(np.float32)), offsets)
        if varying:
            yield Attribute(f"{self.prefix}window/shape", by_event(windows.shape), offsets, compact=INT32)

    def truth(self, layer: str, truth: CellTruth) -> Iterator[Attribute]:
        """Class, fractions of energy by class, and instance of cells."""
        from numl_polars.objects.parts.truth import instance_store

        codes = compact_codes(truth.fraction.shape[1])
        yield self.attribute(f"y_{layer}", truth.semantic, empty=-1, compact=codes)
        yield self.attribute(f"y_{layer}_fraction", truth.fraction)
        yield self.attribute(f"y_{layer}_instance", truth.instance, empty=-1, compact=INT32)
        store = f"{self.prefix}{instance_store(layer)}"
        yield Attribute(f"{store}/num_nodes", truth.num_instances[self.kept], compact=INT32)
