"""One column of one record batch, as NumPy sees it: objects as views, or copied to where they belong."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from numl_polars.objects.batch import Array
from numl_polars.output.arrow_schema import ColumnForm

Int64s = NDArray[np.int64]


class StoredColumn(ABC):
    """An attribute of the objects of one record batch.

    Attributes
    ----------
    form
        How it is stored.
    """

    form: ColumnForm

    @abstractmethod
    def size(self, row: int) -> int:
        """Length of an object's array, along the axis along which objects are joined."""

    @abstractmethod
    def of(self, row: int) -> Array:
        """Array of an object; a view of the file where it is stored as it is."""

    @abstractmethod
    def copy(self, row: int, place: Array, shift: Array | None = None) -> None:
        """Copy an object's array to `place`, an array of its shape.

        `shift`, (2, 1), is added to edges.
        """


class _Scalars(StoredColumn):
    """One value an object."""

    def __init__(self, form: ColumnForm, column: pa.Array) -> None:
        self.form = form
        self._values = _values(column)

    def size(self, row: int) -> int:
        return 1

    def of(self, row: int) -> Array:
        return self._values[row : row + 1].astype(self.form.dtype, copy=False).reshape(())

    def copy(self, row: int, place: Array, shift: Array | None = None) -> None:
        place[0] = self._values[row]


class _Rows(StoredColumn):
    """Arrays along their first axis."""

    def __init__(self, form: ColumnForm, column: pa.ListArray) -> None:
        self.form = form
        self._offsets = _values(column.offsets)
        inner, shape = column.values, (len(column.values), *form.row_shape)
        if 0 in form.row_shape:
            self._rows: Array = np.empty(shape, form.dtype)
            return
        for _ in form.row_shape:
            inner = inner.values
        self._rows = _values(inner).reshape(shape)

    def size(self, row: int) -> int:
        return int(self._offsets[row + 1] - self._offsets[row])

    def of(self, row: int) -> Array:
        rows = self._rows[self._offsets[row] : self._offsets[row + 1]]
        return rows.astype(self.form.dtype, copy=False)

    def copy(self, row: int, place: Array, shift: Array | None = None) -> None:
        place[...] = self._rows[self._offsets[row] : self._offsets[row + 1]]


class _Edges(StoredColumn):
    """Edges, which are put together from where sources and targets are."""

    def __init__(self, form: ColumnForm) -> None:
        self.form = form
        self._has_kernels = form.stored == np.int32 and form.dtype == np.int64

    def of(self, row: int) -> Array:
        place = np.empty((2, self.size(row)), self.form.dtype)
        self.copy(row, place)
        return place


class _Pairs(_Edges):
    """Edges as pairs of source and target."""

    def __init__(self, form: ColumnForm, column: pa.ListArray) -> None:
        super().__init__(form)
        self._offsets = _values(column.offsets)
        self._ends = [_values(column.values.field(i)) for i in range(2)]

    def size(self, row: int) -> int:
        return int(self._offsets[row + 1] - self._offsets[row])

    def copy(self, row: int, place: Array, shift: Array | None = None) -> None:
        start, stop = self._offsets[row], self._offsets[row + 1]
        if shift is not None and self._has_kernels:
            from numl_polars.output.arrow_kernels import copy_shifted

            for i, ends in enumerate(self._ends):
                copy_shifted(ends[start:stop], shift[i, 0], place[i])
            return
        for i, ends in enumerate(self._ends):
            place[i] = ends[start:stop]
        if shift is not None:
            place += shift


class _BySource(_Edges):
    """Edges as runs of edges with one source: it, and the targets."""

    def __init__(self, form: ColumnForm, column: pa.ListArray) -> None:
        super().__init__(form)
        self._runs = _values(column.offsets)
        self._sources = _values(column.values.field(0))
        self._offsets = _values(column.values.field(1).offsets)
        self._targets = _values(column.values.field(1).values)

    def size(self, row: int) -> int:
        return int(self._offsets[self._runs[row + 1]] - self._offsets[self._runs[row]])

    def copy(self, row: int, place: Array, shift: Array | None = None) -> None:
        start, stop = self._runs[row], self._runs[row + 1]
        sources, edges = self._sources[start:stop], self._offsets[start : stop + 1]
        targets = self._targets[edges[0] : edges[-1]]
        if shift is not None and self._has_kernels:
            from numl_polars.output.arrow_kernels import copy_repeated, copy_shifted

            copy_repeated(sources, edges, shift[0, 0], place[0])
            copy_shifted(targets, shift[1, 0], place[1])
            return
        place[0] = np.repeat(sources, np.diff(edges))
        place[1] = targets
        if shift is not None:
            place += shift


def stored_column(form: ColumnForm, column: pa.Array) -> StoredColumn:
    """Column of a record batch that has the form."""
    kinds: dict[str, type[Any]] = {
        "scalar": _Scalars,
        "rows": _Rows,
        "pairs": _Pairs,
        "by_source": _BySource,
    }
    found: StoredColumn = kinds[form.form](form, column)
    return found


def _values(column: pa.Array) -> Array:
    """Values of an array without nulls: a view, but of booleans, which Arrow keeps as bits."""
    values: Array = column.to_numpy(zero_copy_only=not pa.types.is_boolean(column.type))
    return values
