"""One HDF5 file as tables of scalar columns: what is there, and rows of it as Arrow arrays.

A column is read straight into the buffer that Arrow and Polars then use: one dataset of width 1 costs one
read and no copy. Wide datasets are read once and split. Strings of either storage become dictionaries.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pyarrow as pa

from numl_polars.errors import InputError
from numl_polars.schema import EVENT_ID, KEY_COLUMNS, scalar_names
from numl_polars.tables.strings import dictionary_array, string_width

_CHUNK_SLOTS = 7
_LARGEST_CACHED_CHUNK = 64 << 20

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
    """

    def __init__(self, group: h5py.Group, where: str) -> None:
        self.name = group.name.strip("/")
        self.where = where
        self._group = group

    @cached_property
    def _datasets(self) -> dict[str, h5py.Dataset]:
        found = {name: self._group.get(name) for name in self._group}
        return {
            name: _with_chunk_cache(member)
            for name, member in found.items()
            if isinstance(member, h5py.Dataset)
        }

    @cached_property
    def keys(self) -> dict[str, h5py.Dataset]:
        """The sequence keys that the table carries."""
        return {name: self._datasets[name] for name in KEY_COLUMNS if name in self._datasets}

    @property
    def event_id(self) -> h5py.Dataset | None:
        """The dataset of (run, subrun, event), None where the table has none of that shape."""
        dataset = self._datasets.get(EVENT_ID)
        return dataset if dataset is not None and dataset.ndim == 2 and dataset.shape[1] == 3 else None

    @cached_property
    def columns(self) -> dict[str, ScalarColumn]:
        """Scalar columns by name, in the file's order; columns of no readable type are left out."""
        found: dict[str, ScalarColumn] = {}
        for name, dataset in self._datasets.items():
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
        lengths = {c.dataset: int(self._datasets[c.dataset].shape[0]) for c in self.columns.values()}
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
        return usual

    def require(self, names: Iterable[str]) -> None:
        """Raise an InputError that lists what is there, if any of the scalar columns is missing."""
        missing = [name for name in names if name not in self.columns]
        for name in missing:
            if name in self._datasets:
                dataset = self._datasets[name]
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
            shape, chunk = self._datasets[name].shape, self._datasets[name].chunks
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
        arrays: dict[str, pa.Array] = {}
        for dataset, columns in wanted.items():
            try:
                block = read_rows(self._datasets[dataset], start, stop)
            except (OSError, RuntimeError, ValueError, MemoryError) as error:
                raise InputError(
                    f"{self.where}: column '{dataset}' rows [{start}, {stop}) cannot be read: {error}"
                ) from error
            for column in columns:
                arrays[column.name] = _arrow(block, column)
        return {name: arrays[name] for name in names}


def read_rows(dataset: h5py.Dataset, start: int, stop: int) -> np.ndarray:
    """Rows ``[start, stop)`` as (rows, width), C order, native byte order; strings as null-padded bytes."""
    width = dataset.shape[1] if dataset.ndim == 2 else 1
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return _read_strings(dataset, start, stop, width)
    native = np.dtype(dataset.dtype).newbyteorder("=")
    block = np.empty((stop - start, width), native)
    if block.size:
        _read_into(dataset, start, block, h5py.h5t.py_create(native))
    return block


def _read_strings(dataset: h5py.Dataset, start: int, stop: int, width: int) -> np.ndarray:
    """HDF5 converts variable to fixed length itself; a value that fills its place may be cut, so grow."""
    length = string_width(dataset)
    while True:
        block = np.zeros((stop - start, width), f"S{length}")
        if not block.size:
            return block
        stored = dataset.id.get_type()
        memory = h5py.h5t.C_S1.copy()
        memory.set_size(length)
        memory.set_strpad(h5py.h5t.STR_NULLPAD)
        memory.set_cset(stored.get_cset())
        _read_into(dataset, start, block, memory)
        if not stored.is_variable_str() or not block.view(np.uint8).reshape(-1, length)[:, -1].any():
            return block
        length *= 4


def _read_into(dataset: h5py.Dataset, start: int, block: np.ndarray, memory_type: h5py.h5t.TypeID) -> None:
    file_space = dataset.id.get_space()
    shape = block.shape if dataset.ndim == 2 else block.shape[:1]
    file_space.select_hyperslab((start, 0)[: dataset.ndim], shape)
    dataset.id.read(h5py.h5s.create_simple(shape), file_space, block, memory_type)


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


def _arrow(block: np.ndarray, column: ScalarColumn) -> pa.Array:
    values = np.ascontiguousarray(block[:, column.component])
    if column.dtype == pl.Categorical:
        return dictionary_array(values)
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


def open_hdf5(path: Path) -> h5py.File:
    """The file, open for reading.

    Raises
    ------
    InputError
        There is no such file, it may not be read, is no HDF5 file, or is truncated.
    """
    if not path.exists():
        raise InputError(f"no such file: {path}")
    if path.is_dir():
        raise InputError(f"{path} is a folder; an HDF5 file is wanted")
    try:
        with path.open("rb"):
            pass
        return h5py.File(path, "r", locking=False)
    except PermissionError as error:
        raise InputError(f"no permission to read {path}") from error
    except OSError as error:
        if "truncated" in str(error):
            raise InputError(f"{path} is truncated: it was not written or copied to its end") from error
        if not h5py.is_hdf5(path):
            raise InputError(f"{path} is not an HDF5 file") from error
        raise InputError(f"{path} cannot be read: {error}") from error
