"""One HDF5 file as tables of scalar columns: what is there, and rows of it as Arrow arrays.

Rows of a dataset come in one block, and a column of width 1 is that block: Arrow and Polars use its memory.
Wide datasets are read once and split. Strings of either storage become dictionaries.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import h5py
import numpy as np
import polars as pl
import pyarrow as pa

from numl_polars.errors import InputError
from numl_polars.schema import EVENT_ID, KEY_COLUMNS, scalar_names
from numl_polars.tables.raw_file import RawFile
from numl_polars.tables.rows import DatasetRows, Reading, run_readings
from numl_polars.tables.strings import Categories, string_width

_CHUNK_SLOTS = 7
_LARGEST_CACHED_CHUNK = 64 << 20
# deflate makes at most 1,032 bytes of one; rows that were never written take none
_MOST_INFLATED = 1100
_FEW_BYTES = 1 << 30

# what h5py raises where it cannot make sense of what HDF5 read
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError)

NUMBERS: dict[str, pl.DataType] = {
    "i1": pl.Int8(),
    "i2": pl.Int16(),
    "i4": pl.Int32(),
    "i8": pl.Int64(),
    "u1": pl.UInt8(),
    "u2": pl.UInt16(),
    "u4": pl.UInt32(),
    "u8": pl.UInt64(),
    "f4": pl.Float32(),
    "f8": pl.Float64(),
}


@dataclass(frozen=True)
class ScalarColumn:
    """Where a scalar column stands in the file: component `component` of `dataset`, `width` wide."""

    name: str
    dataset: str
    component: int
    width: int
    dtype: pl.DataType
    num_bytes: int


class StoredTable:
    """One table of an HDF5 file.

    Parameters
    ----------
    group
        Its HDF5 group.
    where
        Table and file, for messages.
    file
        The file's bytes, to read past HDF5 where that is faster.
    """

    def __init__(self, group: h5py.Group, where: str, file: RawFile | None = None) -> None:
        self.name = group.name.strip("/")
        self.where = where
        self._group = group
        self._file = file
        self._rows: dict[str, DatasetRows] = {}

    @cached_property
    def _members(self) -> tuple[dict[str, h5py.Dataset], dict[str, str]]:
        """Datasets that can be opened; why others cannot."""
        datasets: dict[str, h5py.Dataset] = {}
        damaged: dict[str, str] = {}
        try:
            found = {spelled_out(name): name for name in self._group}
        except DAMAGE as error:
            raise InputError(f"{self.where} is damaged: its columns cannot be listed: {error}") from error
        for name, as_stored in found.items():
            if not isinstance(as_stored, str):
                damaged[name] = "its name is no text"
                continue
            try:
                member = self._group[as_stored]
                if isinstance(member, h5py.Dataset):
                    datasets[name] = _looked_at(_with_chunk_cache(member))
            except DAMAGE as error:
                damaged[name] = str(error).strip("'\"")
        return datasets, damaged

    @property
    def datasets(self) -> dict[str, h5py.Dataset]:
        """The datasets that can be opened, keys and what is no column among them."""
        return self._members[0]

    @property
    def damaged(self) -> dict[str, str]:
        """Columns and other members that cannot be opened, and why."""
        return self._members[1]

    @cached_property
    def keys(self) -> dict[str, h5py.Dataset]:
        """The sequence keys that the table carries."""
        return {name: self.datasets[name] for name in KEY_COLUMNS if name in self.datasets}

    @property
    def event_id(self) -> h5py.Dataset | None:
        """The dataset of (run, subrun, event), None where the table has none of that shape."""
        dataset = self.datasets.get(EVENT_ID)
        return dataset if dataset is not None and dataset.ndim == 2 and dataset.shape[1] == 3 else None

    @cached_property
    def columns(self) -> dict[str, ScalarColumn]:
        """Scalar columns by name, in the file's order; columns of no readable type are left out."""
        found: dict[str, ScalarColumn] = {}
        for name, dataset in self.datasets.items():
            dtype = _polars_dtype(dataset)
            if name in KEY_COLUMNS or dtype is None or dataset.ndim not in (1, 2):
                continue
            width = dataset.shape[1] if dataset.ndim == 2 else 1
            num_bytes = dataset.dtype.itemsize if dtype != pl.Categorical else string_width(dataset)
            for component, scalar in enumerate(scalar_names(self.name, name, width)):
                found[scalar] = ScalarColumn(scalar, name, component, width, dtype, num_bytes)
        return found

    @cached_property
    def num_rows(self) -> int:
        """Number of rows.

        Raises
        ------
        InputError
            The columns differ in length.
        """
        lengths = {c.dataset: int(self.datasets[c.dataset].shape[0]) for c in self.columns.values()}
        if not lengths:
            return 0
        usual = max(set(lengths.values()), key=list(lengths.values()).count)
        odd = {name: length for name, length in lengths.items() if length != usual}
        if odd:
            name, length = next(iter(odd.items()))
            raise InputError(
                f"{self.where}: columns differ in length: {len(odd)} of {len(lengths)} columns have not the "
                f"{usual} rows of the others (first: {name} has {length})"
            )
        for name in lengths:
            if self.is_beyond_file(name):
                raise InputError(
                    f"{self.where} is damaged: column {name!r} has {usual} rows, more than its file can hold"
                )
        return usual

    def is_beyond_file(self, dataset: str) -> bool:
        """Whether a dataset has more values than its file can hold, however well they are compressed."""
        found = self.datasets[dataset]
        if self._file is None or found.is_virtual or found.external:
            return False
        num_bytes = math.prod(found.shape) * found.dtype.itemsize
        return bool(num_bytes > _MOST_INFLATED * self._file.num_bytes + _FEW_BYTES)

    def require(self, names: Iterable[str]) -> None:
        """Raise an InputError that lists what is there, if any of the scalar columns is missing."""
        missing = [name for name in names if name not in self.columns]
        for name in missing:
            if name in self.damaged:
                raise InputError(
                    f"{self.where}: column {name!r} is damaged: it cannot be opened: {self.damaged[name]}"
                )
            if name in self.datasets:
                dataset = self.datasets[name]
                raise InputError(
                    f"{self.where}: column {name!r}, {dataset.dtype} of shape {dataset.shape}, is of no kind "
                    "that can be read (numbers or strings, 1-D or 2-D)"
                )
        if missing:
            raise InputError(
                f"{self.where}: no column {', '.join(map(repr, missing))} (has {', '.join(self.columns)})"
            )

    def num_row_bytes(self, names: Iterable[str]) -> int:
        """Bytes that one row of the scalar columns takes while it is read."""
        return sum(self.columns[name].num_bytes for name in names)

    def chunks(self, names: Iterable[str]) -> dict[int, int]:
        """Values that must be inflated together to read scalar columns, by the rows they span.

        Over all chunked datasets of these columns, those of one chunk length taken together.

        Raises
        ------
        InputError
            A column is missing.
        """
        names = list(names)
        self.require(names)
        found: dict[int, int] = {}
        for name in {self.columns[name].dataset for name in names}:
            shape, chunk = self.datasets[name].shape, self.datasets[name].chunks
            if chunk is not None:
                width = shape[1] if len(shape) == 2 else 1
                found[chunk[0]] = found.get(chunk[0], 0) + chunk[0] * width
        return found

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, pa.Array]:
        """Rows ``[start, stop)`` of scalar columns as Arrow arrays; each dataset is read once.

        Raises
        ------
        InputError
            A column is missing, or HDF5 cannot read it.
        """
        self.require(names)
        wanted: dict[str, list[ScalarColumn]] = {}
        for name in names:
            wanted.setdefault(self.columns[name].dataset, []).append(self.columns[name])
        try:
            readings = {dataset: Reading(self._rows_of(dataset), start, stop) for dataset in wanted}
            run_readings(list(readings.values()))
        except MemoryError as error:
            raise self._unreadable(", ".join(wanted), start, stop, error) from error
        arrays: dict[str, pa.Array] = {}
        for dataset, columns in wanted.items():
            reading = readings[dataset]
            try:
                block = reading.block()
            except (OSError, MemoryError) as error:
                raise self._unreadable(dataset, start, stop, error) from error
            for column in columns:
                arrays[column.name] = _arrow(block, column, reading.categories)
        return {name: arrays[name] for name in names}

    def _unreadable(self, dataset: str, start: int, stop: int, error: Exception) -> InputError:
        return InputError(f"{self.where}: column '{dataset}' rows [{start}, {stop}) cannot be read: {error}")

    def _rows_of(self, dataset: str) -> DatasetRows:
        if dataset not in self._rows:
            self._rows[dataset] = DatasetRows(self.datasets[dataset], self._file)
        return self._rows[dataset]

    def read_rows(self, dataset: str, start: int, stop: int) -> np.ndarray:
        """Rows ``[start, stop)`` of a dataset of numbers, (rows, width), C order, native byte order.

        Raises
        ------
        OSError
            They cannot be read.
        """
        reading = Reading(self._rows_of(dataset), start, stop)
        run_readings([reading])
        return np.ascontiguousarray(reading.block())


def spelled_out(name: str | bytes) -> str:
    """The name of a member, whose bytes h5py gives where they are no text."""
    return name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")


def _looked_at(dataset: h5py.Dataset) -> h5py.Dataset:
    """The dataset, whose shape, dtype and storage could be read."""
    _ = dataset.shape, dataset.dtype, dataset.chunks, _polars_dtype(dataset)
    return dataset


def _with_chunk_cache(dataset: h5py.Dataset) -> h5py.Dataset:
    """The dataset, keeping the last chunk it read: the next batch most often starts in it."""
    if dataset.chunks is None:
        return dataset
    num_bytes = math.prod(dataset.chunks) * dataset.dtype.itemsize
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(_CHUNK_SLOTS, min(num_bytes, _LARGEST_CACHED_CHUNK), 1.0)
    file, name = dataset.file.id, dataset.name.encode()
    # HDF5 gives a dataset that is open already the cache it has
    dataset.id.close()
    return h5py.Dataset(h5py.h5d.open(file, name, access))


def _arrow(block: np.ndarray, column: ScalarColumn, categories: Categories) -> pa.Array:
    values = np.ascontiguousarray(block[:, column.component])
    if column.dtype == pl.Categorical:
        return categories.array(values)
    if column.dtype == pl.Boolean:
        return pa.array(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def _polars_dtype(dataset: h5py.Dataset) -> pl.DataType | None:
    """Polars dtype of a dataset, None where it is of no kind that a column can have."""
    if dataset.shape is None:
        return None
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return pl.Categorical()
    if dataset.dtype.kind == "b":
        return pl.Boolean()
    return NUMBERS.get(dataset.dtype.kind + str(dataset.dtype.itemsize))
