"""One HDF5 file as tables of scalar columns: what is there, and rows of it as Arrow arrays.

Rows of a dataset come in one block, and a column of width 1 is that block: Arrow and Polars use its memory.
Wide datasets are read once and split. Strings of either storage become dictionaries.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import h5py
import numpy as np
import polars as pl
import pyarrow as pa

from numl_polars.errors import InputError, UnreadableError
from numl_polars.schema import EVENT_ID, read_as, scalar_names
from numl_polars.tables.damage import DAMAGE
from numl_polars.tables.filters import MOST_INFLATED
from numl_polars.tables.index_layout import NUML, IndexLayout
from numl_polars.tables.raw_file import RawFile
from numl_polars.tables.rows import DatasetRows, Reading, read_numbers, run_readings
from numl_polars.tables.strings import Categories, string_width

_LARGEST_CACHED_CHUNK = 64 << 20
_FEW_BYTES = 1 << 20
# rows that were never written take no bytes
_MUCH = 1 << 30


def _keeping_one_chunk() -> h5py.h5p.PropDAID:
    """Access to a dataset that keeps the chunk it read last: the next batch most often starts in it."""
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    # what a chunk takes is not known before the dataset is open; of one slot, a chunk drives out the other
    access.set_chunk_cache(1, _LARGEST_CACHED_CHUNK, 1.0)
    return access


_LAST_CHUNK = _keeping_one_chunk()

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
    """Where a scalar column stands in the file: component `component` of `dataset`, `width` wide.

    Parameters
    ----------
    num_bytes
        What a value takes while it is read.
    """

    name: str
    dataset: str
    component: int
    width: int
    dtype: pl.DataType
    num_bytes: int


@dataclass(frozen=True)
class TableDescription:
    """What a table of a file holds, known without reading any of it.

    Parameters
    ----------
    where
        Table and file, for messages.
    columns
        Scalar columns by name, in the file's order; columns of no readable type are left out.
    lengths
        Number of rows of each dataset of the columns.
    others
        Datasets that are no columns: what they are.
    damaged
        Members that cannot be opened, and why.
    beyond_file
        Datasets of columns that have more values than the file can hold, however well they are compressed.
    """

    where: str
    columns: Mapping[str, ScalarColumn]
    lengths: Mapping[str, int]
    others: Mapping[str, str]
    damaged: Mapping[str, str]
    beyond_file: frozenset[str]

    @cached_property
    def num_rows(self) -> int:
        """Number of rows.

        Raises
        ------
        InputError
            The columns differ in length.
        """
        if not self.lengths:
            return 0
        usual, _ = Counter(self.lengths.values()).most_common(1)[0]
        odd = {name: length for name, length in self.lengths.items() if length != usual}
        if odd:
            name, length = next(iter(odd.items()))
            raise InputError(
                f"{self.where}: columns differ in length: {len(odd)} of {len(self.lengths)} columns have not "
                f"the {usual} rows of the others (first: {name} has {length})"
            )
        for name in self.beyond_file:
            raise InputError(
                f"{self.where} is damaged: column {name!r} has {usual} rows, more than its file can hold"
            )
        return usual

    def missing(self, names: Iterable[str]) -> list[str]:
        """Why there are no columns of these names, those that have a reason of their own apart."""
        absent, faults = [], []
        for name in names:
            called = [column for column, stored in self.columns.items() if stored.dataset == name]
            if name in self.columns:
                continue
            if name in self.damaged:
                faults.append(f"column {name!r} is damaged: it cannot be opened: {self.damaged[name]}")
            elif name in self.others:
                faults.append(f"column {name!r}, {self.others[name]}")
            elif called:
                faults.append(f"column {name!r} is read as {', '.join(map(repr, called))}")
            else:
                absent.append(name)
        if absent:
            faults.append(f"no column {', '.join(map(repr, absent))} (has {', '.join(self.columns)})")
        return faults


class StoredTable:
    """One table of an HDF5 file.

    Parameters
    ----------
    file
        The open file.
    name
        Its group.
    where
        Table and file, for messages.
    raw
        The file's bytes, to read past HDF5 where that is faster.
    renamed
        Names under which columns are read, by what this file calls them; beside those of the schema.
    description
        What is known of it, if the file was open before.
    layout
        What says which event a row is of.
    datasets
        Those to look at, where not all are wanted: opening one takes as long as reading many rows.
    """

    def __init__(
        self,
        file: h5py.File,
        name: str,
        where: str,
        raw: RawFile | None = None,
        renamed: Mapping[str, str] | None = None,
        description: TableDescription | None = None,
        layout: IndexLayout = NUML,
        datasets: Collection[str] | None = None,
    ) -> None:
        self.name = name
        self.where = where
        self.layout = layout
        self._hdf5 = file
        self._wanted = datasets
        self._file = raw
        self._renamed = renamed or {}
        self._rows: dict[str, DatasetRows] = {}
        self._opened: dict[str, h5py.Dataset | None] = {}
        if description is not None:
            self.description = description

    @cached_property
    def _group(self) -> h5py.Group:
        return self._hdf5[self.name]

    @cached_property
    def keys(self) -> dict[str, h5py.Dataset]:
        """The sequence keys that the table carries."""
        found = {name: self._dataset(name) for name in self.layout.keys}
        return {name: dataset for name, dataset in found.items() if dataset is not None}

    def _dataset(self, name: str) -> h5py.Dataset | None:
        """A dataset, None where there is none that can be opened."""
        if name not in self._opened:
            try:
                found = dataset_id(self._group, name)
            except DAMAGE:
                found = None
            self._opened[name] = None if found is None else h5py.Dataset(found, readonly=True)
        return self._opened[name]

    @cached_property
    def event_id(self) -> h5py.Dataset | None:
        """The dataset of (run, subrun, event), None where the table has none of that shape."""
        dataset = self._dataset(EVENT_ID)
        return dataset if dataset is not None and dataset.ndim == 2 and dataset.shape[1] == 3 else None

    @property
    def has_ids(self) -> bool:
        """Whether its rows say which event they are of: all columns of the layout, of numbers, are there."""
        if self.layout == NUML:
            return self.event_id is not None
        found = [self._dataset(name) for name in self.layout.columns]
        return all(one is not None and one.ndim in (1, 2) and one.dtype.kind in "iu" for one in found)

    def read_ids(self, start: int, stop: int) -> np.ndarray:
        """What names the event of each row, integers (rows, components); errors as of `read_rows`."""
        blocks = [self._read_block(name, start, stop) for name in self.layout.columns]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)

    @property
    def columns(self) -> Mapping[str, ScalarColumn]:
        """See `TableDescription.columns`."""
        return self.description.columns

    @property
    def num_rows(self) -> int:
        """See `TableDescription.num_rows`."""
        return self.description.num_rows

    @cached_property
    def description(self) -> TableDescription:
        """What the table holds.

        Raises
        ------
        InputError
            Its members cannot be listed.
        """
        columns: dict[str, ScalarColumn] = {}
        lengths: dict[str, int] = {}
        others: dict[str, str] = {}
        damaged: dict[str, str] = {}
        beyond = set()
        names = self._names
        present = [name for name in names if self._wanted is None or name in self._wanted]
        taken = {self._renamed[name] for name in present if name in self._renamed}
        for name in present:
            try:
                if not isinstance(names[name], str):
                    damaged[name] = "its name is no text"
                    continue
                dataset = dataset_id(self._group, name)
                if dataset is None:
                    continue
                shape, dtype = dataset.shape, dataset.dtype
                kind = _polars_dtype(dtype)
                is_beyond = shape is not None and self._is_beyond_file(dataset, math.prod(shape))
            except DAMAGE as error:
                damaged[name] = str(error).strip("'\"")
                continue
            if name in self.layout.keys or (name in taken and name not in self._renamed):
                continue
            if shape is None or kind is None or len(shape) not in (1, 2):
                others[name] = (
                    f"{dtype} of shape {shape}, is of no kind that can be read (numbers or strings, "
                    "1-D or 2-D)"
                )
                continue
            if is_beyond:
                beyond.add(name)
            lengths[name] = int(shape[0])
            width = shape[1] if len(shape) == 2 else 1
            num_bytes = dtype.itemsize if kind != pl.Categorical else string_width(dtype)
            called = self._renamed.get(name) or read_as(self.name, name, present)
            for component, scalar in enumerate(scalar_names(self.name, called, width)):
                scalar = self._renamed.get(scalar, scalar)
                columns[scalar] = _column(scalar, name, component, width, kind, num_bytes)
        return TableDescription(self.where, columns, lengths, others, damaged, frozenset(beyond))

    @cached_property
    def _names(self) -> dict[str, str | bytes]:
        """Members, as h5py gives their names, by how messages do."""
        try:
            return {spelled_out(name): name for name in self._group}
        except DAMAGE as error:
            raise InputError(f"{self.where} is damaged: its columns cannot be listed: {error}") from error

    def _is_beyond_file(self, dataset: h5py.h5d.DatasetID, num_values: int) -> bool:
        num_bytes = num_values * dataset.dtype.itemsize
        if self._file is None or num_bytes <= MOST_INFLATED * self._file.num_bytes + _MUCH:
            return False
        stored = dataset.get_create_plist()
        return bool(stored.get_layout() != h5py.h5d.VIRTUAL and not stored.get_external_count())

    @cached_property
    def datasets(self) -> dict[str, h5py.Dataset]:
        """The datasets that can be opened, keys and what is no column among them."""
        found = {name: self._dataset(name) for name in self._names if name not in self.damaged}
        return {name: dataset for name, dataset in found.items() if dataset is not None}

    @property
    def damaged(self) -> Mapping[str, str]:
        """See `TableDescription.damaged`."""
        return self.description.damaged

    def require(self, names: Iterable[str]) -> None:
        """Raise an InputError that lists what is there, if any of the scalar columns is missing."""
        missing = self.description.missing(names)
        if missing:
            raise InputError(f"{self.where}: {'; '.join(missing)}")

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
        for column in {self.columns[name].dataset: self.columns[name] for name in names}.values():
            chunk = self._group[column.dataset].chunks
            if chunk is not None:
                found[chunk[0]] = found.get(chunk[0], 0) + chunk[0] * column.width
        return found

    def read(self, names: Sequence[str], start: int, stop: int) -> dict[str, pa.Array]:
        """Rows ``[start, stop)`` of scalar columns as Arrow arrays; each dataset is read once.

        Raises
        ------
        InputError
            A column is missing, or cannot be read; an UnreadableError where others of its rows may be.
        """
        self.require(names)
        wanted: dict[str, list[ScalarColumn]] = {}
        for name in names:
            wanted.setdefault(self.columns[name].dataset, []).append(self.columns[name])
        readings: dict[str, Reading] = {}
        for dataset in wanted:
            try:
                readings[dataset] = Reading(self._rows_of(dataset), start, stop)
            except (*DAMAGE, MemoryError) as error:
                raise InputError(self._unreadable(dataset, start, stop, error)) from error
        try:
            run_readings(list(readings.values()))
        except MemoryError as error:
            raise InputError(self._unreadable(", ".join(wanted), start, stop, error)) from error
        arrays: dict[str, pa.Array] = {}
        for dataset, columns in wanted.items():
            reading = readings[dataset]
            try:
                block = reading.block()
            except (OSError, MemoryError) as error:
                raise UnreadableError(self._unreadable(dataset, start, stop, error)) from error
            for column in columns:
                arrays[column.name] = _arrow(block, column, reading.categories)
        return {name: arrays[name] for name in names}

    def _unreadable(self, dataset: str, start: int, stop: int, error: Exception) -> str:
        return f"{self.where}: column '{dataset}' rows [{start}, {stop}) cannot be read: {error}"

    def _rows_of(self, dataset: str) -> DatasetRows:
        if dataset not in self._rows:
            stored = self._dataset(dataset)
            if stored is None:
                raise OSError("it can no longer be opened")
            self._rows[dataset] = DatasetRows(stored, self._file)
        return self._rows[dataset]

    def read_rows(self, dataset: str, start: int, stop: int) -> np.ndarray:
        """Rows ``[start, stop)`` of a dataset of numbers, (rows, width), C order, native byte order.

        Raises
        ------
        OSError
            They cannot be read.
        """
        return np.ascontiguousarray(self._read_block(dataset, start, stop))

    def _read_block(self, dataset: str, start: int, stop: int) -> np.ndarray:
        rows = self._rows_of(dataset)
        if rows.dataset.chunks is None and rows.dataset.nbytes <= _FEW_BYTES:
            # HDF5 is told less than is looked up to read past it
            return read_numbers(rows.dataset, start, stop)
        reading = Reading(rows, start, stop)
        run_readings([reading])
        return reading.block()


@cache
def _column(
    name: str, dataset: str, component: int, width: int, dtype: pl.DataType, num_bytes: int
) -> ScalarColumn:
    """The column, one and the same for all of many files that have it."""
    return ScalarColumn(name, dataset, component, width, dtype, num_bytes)


def spelled_out(name: str | bytes) -> str:
    """The name of a member, whose bytes h5py gives where they are no text."""
    return name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")


def dataset_id(group: h5py.Group, name: str) -> h5py.h5d.DatasetID | None:
    """A dataset, None for another member or a link that leads nowhere; raises one of `DAMAGE` otherwise."""
    encoded = name.encode()
    try:
        return h5py.h5d.open(group.id, encoded, _LAST_CHUNK)
    except DAMAGE:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            return None
        if h5py.h5o.get_info(group.id, encoded).type == h5py.h5o.TYPE_GROUP:
            return None
        raise


def is_group(file: h5py.File, name: str | bytes) -> bool:
    """Whether a member is a group; one of `DAMAGE` where it cannot be told."""
    encoded = name.encode() if isinstance(name, str) else name
    try:
        return bool(h5py.h5o.get_info(file.id, encoded).type == h5py.h5o.TYPE_GROUP)
    except DAMAGE:
        if file.id.links.get_info(encoded).type == h5py.h5l.TYPE_HARD:
            raise
        # it leads nowhere
        return False


def _arrow(block: np.ndarray, column: ScalarColumn, categories: Categories) -> pa.Array:
    values = np.ascontiguousarray(block[:, column.component])
    if column.dtype == pl.Categorical:
        return categories.array(values)
    if column.dtype == pl.Boolean:
        return pa.array(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def _polars_dtype(dtype: np.dtype[Any]) -> pl.DataType | None:
    """Polars dtype of a stored one, None where it is of no kind that a column can have."""
    if dtype.kind in "OS" and h5py.check_string_dtype(dtype) is not None:
        return pl.Categorical()
    if dtype.kind == "b":
        return pl.Boolean()
    return NUMBERS.get(dtype.kind + str(dtype.itemsize))
