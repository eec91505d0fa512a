"""One table of several files, read as if it stood in one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.schema import EITHER, same_quantity
from numl_polars.tables.opened import FilePool
from numl_polars.tables.store import NUMBERS, ScalarColumn, TableDescription

Int64s = NDArray[np.int64]


class JoinedTable:
    """A table whose rows are those of the files, one file behind the other.

    A file without the table has no rows of it. Columns are those that all files with the table have, under
    one name or under those that generations have for the same quantity; they are called as in the first.

    Parameters
    ----------
    name
        Of the table.
    files
        The files.
    descriptions
        The table in each file, None in those that do not have it.
    """

    def __init__(self, name: str, files: FilePool, descriptions: Sequence[TableDescription | None]) -> None:
        self.name = name
        self._files = files
        self._descriptions = descriptions
        self._present = [number for number, one in enumerate(descriptions) if one is not None]

    @property
    def where(self) -> str:
        """Table and files, for messages."""
        first = self._of(self._present[0]).where
        others = len(self._descriptions) - 1
        return first if not others else f"{first} and {others} more file{'s' if others > 1 else ''}"

    def _of(self, number: int) -> TableDescription:
        description = self._descriptions[number]
        assert description is not None
        return description

    @cached_property
    def row_starts(self) -> Int64s:
        """int64 (files + 1,): row where each file begins.

        Raises
        ------
        InputError
            The columns of a file differ in length.
        """
        lengths = [0 if one is None else one.num_rows for one in self._descriptions]
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])

    @property
    def num_rows(self) -> int:
        """Number of rows; errors as of `row_starts`."""
        return int(self.row_starts[-1])

    @cached_property
    def columns(self) -> Mapping[str, ScalarColumn]:
        """Scalar columns by name; of several files dtype and size of a value are such that all fit."""
        first = self._of(self._present[0])
        if len(self._present) == 1:
            return first.columns
        found = {name: self._common(name) for name in first.columns}
        for name, (preferred, *_) in EITHER.get(self.name, {}).items():
            in_files = {self._stored(number, preferred) is not None for number in self._present}
            if in_files == {True, False}:
                found[name] = self._common(name)
        return {name: column for name, column in found.items() if column is not None}

    def _common(self, name: str) -> ScalarColumn | None:
        """A column of a size that fits all files, None if some lack it, or hold something else."""
        stored = [self._stored(number, name) for number in self._present]
        there = [one for one in stored if one is not None]
        dtype = _common_dtype([one.dtype for one in there])
        if len(there) < len(stored) or dtype is None:
            return None
        return replace(there[0], name=name, dtype=dtype, num_bytes=max(one.num_bytes for one in there))

    def _stored(self, number: int, name: str) -> ScalarColumn | None:
        """What a file has for a column, under whichever name."""
        columns = self._of(number).columns
        return next((columns[one] for one in same_quantity(self.name, name) if one in columns), None)

    def require(self, names: Iterable[str]) -> None:
        """Raise an InputError that lists what is there, if any of the scalar columns is missing in a file."""
        missing = [name for name in names if name not in self.columns]
        if not missing:
            return
        if len(self._present) == 1:
            raise InputError(self._why_missing(self._present[0], missing))
        name = missing[0]
        without = [number for number in self._present if self._stored(number, name) is None]
        if without:
            raise InputError(
                f"{self._why_missing(without[0], [name])}; it is missing in {len(without)} of "
                f"{len(self._present)} files"
            )
        kinds: dict[str, TableDescription] = {}
        for number in self._present:
            kinds.setdefault(str(self._of_kind(number, name)), self._of(number))
        found = ", ".join(f"{kind} in {description.where}" for kind, description in kinds.items())
        raise InputError(f"column {name!r} cannot be read as one: it is {found}")

    def _why_missing(self, number: int, names: Sequence[str]) -> str:
        """Why a file has no columns of these names, nor of those that other generations have for them."""
        description = self._of(number)
        faults = description.missing(names)
        also = [other for name in names for other in same_quantity(self.name, name) if other not in names]
        if also:
            faults.append(f"nor is there {' or '.join(map(repr, also))}, as other files call it")
        return f"{description.where}: {'; '.join(faults)}"

    def _of_kind(self, number: int, name: str) -> pl.DataType:
        stored = self._stored(number, name)
        assert stored is not None
        return stored.dtype

    def num_row_bytes(self, names: Iterable[str]) -> int:
        """Bytes that one row of the scalar columns takes while it is read."""
        return sum(self.columns[name].num_bytes for name in names)

    def chunks(self, names: Iterable[str]) -> dict[int, int]:
        """Values that must be inflated together to read scalar columns, by the rows they span.

        Over all chunked datasets of these columns, those of one chunk length taken together. Of several files
        nothing is said: their chunks begin anew with each.

        Raises
        ------
        InputError
            A column is missing.
        """
        if len(self._descriptions) > 1:
            return {}
        with self._files.opened(0) as file:
            return file.tables[self.name].chunks(names)

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, pa.Array]:
        """Rows ``[start, stop)`` of scalar columns as Arrow arrays; each dataset is read once.

        Raises
        ------
        InputError
            A column is missing, or HDF5 cannot read it.
        """
        self.require(names)
        parts = [self._read_file(number, names, *span) for number, span in self._spans(start, stop)]
        if len(parts) == 1 and len(self._present) == 1:
            return parts[0]
        dtypes = {name: self.columns[name].dtype for name in names}
        return {name: _joined([part[name] for part in parts], dtypes[name]) for name in names}

    def _spans(self, start: int, stop: int) -> list[tuple[int, tuple[int, int]]]:
        """Files with rows of a range, and which of theirs; the first file where there are none."""
        starts = self.row_starts
        first = int(np.searchsorted(starts, start, side="right")) - 1
        last = int(np.searchsorted(starts, stop, side="left"))
        spans = []
        for number in range(max(first, 0), last):
            begin, end = max(start, int(starts[number])), min(stop, int(starts[number + 1]))
            if begin < end:
                spans.append((number, (begin - int(starts[number]), end - int(starts[number]))))
        return spans or [(self._present[0], (0, 0))]

    def _read_file(self, number: int, names: Sequence[str], start: int, stop: int) -> dict[str, pa.Array]:
        stored = {}
        for name in names:
            column = self._stored(number, name)
            assert column is not None
            stored[name] = column.name
        with self._files.opened(number) as file:
            arrays = file.tables[self.name].read(list(stored.values()), start, stop)
        return {name: arrays[called] for name, called in stored.items()}


def _common_dtype(dtypes: Sequence[pl.DataType]) -> pl.DataType | None:
    """Dtype that holds the values of all, None if some are numbers and others are not."""
    if len(set(dtypes)) == 1:
        return dtypes[0]
    codes = {dtype: code for code, dtype in NUMBERS.items()}
    if not all(dtype in codes for dtype in dtypes):
        return None
    whole = np.result_type(*(np.dtype(codes[dtype]) for dtype in dtypes))
    return NUMBERS[whole.kind + str(whole.itemsize)]


def _joined(arrays: list[pa.Array], dtype: pl.DataType) -> pa.Array:
    """One array of several, of a dtype that holds them all."""
    if dtype == pl.Categorical:
        if len(arrays) == 1:
            return arrays[0]
        return pa.chunked_array(arrays).unify_dictionaries().combine_chunks()
    wanted = pa.bool_() if dtype == pl.Boolean else pa.from_numpy_dtype(_numpy(dtype))
    arrays = [array if array.type == wanted else array.cast(wanted) for array in arrays]
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


def _numpy(dtype: pl.DataType) -> np.dtype[np.generic]:
    return np.dtype(next(code for code, one in NUMBERS.items() if one == dtype))
