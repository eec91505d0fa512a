"""What one event file has to be joined: tables, columns and their datatypes, and which rows are whose."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.tables.damage import DAMAGE, damage_told
from numl_polars.tables.index_layout import IndexLayout, index_layout
from numl_polars.tables.keys import event_offsets, seq_cnt_lines
from numl_polars.tables.opening import open_hdf5
from numl_polars.tables.raw_file import RawFile
from numl_polars.tables.store import StoredTable, dataset_id, is_group, spelled_out
from numl_polars.tools.concat.datatypes import TypeBytes

Int64s = NDArray[np.int64]


@dataclass(frozen=True)
class ColumnContent:
    """Datatype of a column, and the shape of a row of it."""

    type: TypeBytes
    row_shape: tuple[int, ...]


@dataclass(frozen=True)
class Storage:
    """How a column is stored: rows of a chunk, None for no chunks; level of gzip, 0 for none."""

    chunk_rows: int | None
    gzip: int


@dataclass(frozen=True)
class TableContent:
    """One table of a file.

    Parameters
    ----------
    num_rows
        Number of rows.
    columns
        By name; sequence keys are left out.
    storage
        How columns, and keys, are stored.
    lines
        int64 (events with rows, 2): event within the file, number of its rows; None where rows do not say
        which event they are of.
    called
        What the file calls columns that are to have another name.
    """

    num_rows: int
    columns: dict[str, ColumnContent]
    storage: dict[str, Storage]
    lines: Int64s | None
    called: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileContent:
    """One file.

    Parameters
    ----------
    path
        Where it is.
    layout
        What says which event a row is of.
    num_events, first_event
        Number of events, and what names the first; None where there is none.
    tables
        By name.
    left_out
        Members that are no tables and no columns.
    warnings
        What was wrong, and worked around.
    """

    path: Path
    layout: IndexLayout
    num_events: int
    first_event: tuple[int, ...] | None
    tables: dict[str, TableContent]
    left_out: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def scan_file(path: Path, layout: IndexLayout | None = None) -> FileContent:
    """What the file has, and which of its rows are of which of its events.

    Parameters
    ----------
    path
        The file.
    layout
        What says which event a row is of; found out if not given.

    Raises
    ------
    InputError
        The file cannot be read, has no table of events, or columns of unequal length, or keys that are wrong
        and cannot be rebuilt.
    """
    with open_hdf5(path) as file, damage_told(path):
        raw = RawFile(file)
        try:
            return _scan(file, raw, path, layout)
        finally:
            raw.close()


def _scan(file: h5py.File, raw: RawFile, path: Path, layout: IndexLayout | None) -> FileContent:
    for name in file:
        _check_name(name, f"a table of {path}")
    layout = layout or index_layout(file, path)
    groups = {name: file[name] for name in file if _is_group(file, name, path)}
    left_out = [name for name in file if name not in groups]
    tables = {name: _Scanned(group, left_out, layout, path) for name, group in groups.items()}
    if layout.table not in tables or not layout.is_in(tables[layout.table].columns):
        raise InputError(f"{path} has no {layout} (tables {', '.join(tables) or 'none'})")
    warnings: list[str] = []
    stored = {
        name: StoredTable(
            file,
            name,
            f"{name} of {path}",
            raw,
            layout=layout,
            datasets={*layout.columns, *layout.keys},
        )
        for name, table in tables.items()
        if layout.is_in(table.columns) and (table.num_rows or name == layout.table)
    }
    events = stored[layout.table]
    if not events.has_ids:
        raise InputError(f"{events.where}: {layout} is not of whole numbers of the usual shape")
    ids = events.read_ids(0, events.num_rows)
    contents = {}
    for name, table in tables.items():
        lines = None
        if layout.is_in(table.columns):
            lines = np.empty((0, 2), np.int64)
            if name == layout.table:
                lines = np.stack([np.arange(len(ids)), np.ones(len(ids), np.int64)], axis=1)
            elif table.num_rows:
                lines = _lines(stored[name], ids, warnings)
        contents[name] = TableContent(table.num_rows, table.columns, table.storage, lines)
    first = tuple(ids[0].tolist()) if len(ids) else None
    return FileContent(path, layout, len(ids), first, contents, left_out, warnings)


def _lines(table: StoredTable, ids: NDArray[np.integer], warnings: list[str]) -> Int64s:
    if not table.has_ids or table.read_ids(0, 1).shape[1] != ids.shape[1]:
        raise InputError(
            f"{table.where}: {', '.join(table.layout.columns)} are not as in {table.layout.table}"
        )
    return seq_cnt_lines(event_offsets(table, ids, warnings.append))


class _Scanned:
    """Rows, columns and storage of a group of the file; what is no column is added to `left_out`."""

    def __init__(self, group: h5py.Group, left_out: list[str], layout: IndexLayout, path: Path) -> None:
        name = group.name.strip("/")
        self.columns: dict[str, ColumnContent] = {}
        self.storage: dict[str, Storage] = {}
        lengths: dict[str, int] = {}
        for column in group:
            _check_name(column, f"a column of {name} of {path}")
            # h5py's objects would take longer than all the rest
            dataset = _dataset(group, column, f"{name} of {path}")
            shape = dataset.shape if dataset is not None else ()
            if dataset is None or not shape:
                left_out.append(f"{name}/{column}")
                continue
            self.storage[column] = _storage(dataset)
            if column in layout.keys:
                continue
            lengths[column] = shape[0]
            self.columns[column] = _column_content(bytes(dataset.get_type().encode()), shape[1:])
        self.num_rows = usual_length(lengths.values())
        odd = {column: length for column, length in lengths.items() if length != self.num_rows}
        if odd:
            column, length = next(iter(odd.items()))
            raise InputError(
                f"{name} of {path}: columns differ in length: {len(odd)} of {len(lengths)} columns have not "
                f"the {self.num_rows} rows of the others (first: {column} has {length})"
            )


def usual_length(lengths: Iterable[int]) -> int:
    """The most frequent length, 0 of none."""
    known = list(lengths)
    return max(set(known), key=known.count, default=0)


def _check_name(name: str | bytes, what: str) -> None:
    """Raise an InputError for a name that h5py gives as bytes."""
    if not isinstance(name, str):
        raise InputError(f"the name of {what} is no text: {spelled_out(name)}")


@cache
def _column_content(type_bytes: TypeBytes, row_shape: tuple[int, ...]) -> ColumnContent:
    """The same object for all columns that are alike."""
    return ColumnContent(type_bytes, row_shape)


@cache
def _storage_of(chunk_rows: int | None, gzip: int) -> Storage:
    return Storage(chunk_rows, gzip)


def _is_group(file: h5py.File, name: str, path: Path) -> bool:
    """Whether a member of the file is a table; what is damaged is not left out as something else."""
    try:
        return is_group(file, name)
    except DAMAGE as error:
        raise InputError(f"{path} is damaged: {name} cannot be opened: {error}") from error


def _dataset(group: h5py.Group, name: str, where: str) -> h5py.h5d.DatasetID | None:
    """The dataset of this name, None where it is something else, or a link that leads nowhere."""
    try:
        return dataset_id(group, name)
    except DAMAGE as error:
        raise InputError(f"{where} is damaged: column {name!r} cannot be opened: {error}") from error


def _storage(dataset: h5py.h5d.DatasetID) -> Storage:
    creation = dataset.get_create_plist()
    if creation.get_layout() != h5py.h5d.CHUNKED:
        return _storage_of(None, 0)
    levels = [
        values[0]
        for code, _, values, _ in (creation.get_filter(place) for place in range(creation.get_nfilters()))
        if code == h5py.h5z.FILTER_DEFLATE and values
    ]
    return _storage_of(creation.get_chunk()[0], int(levels[0]) if levels else 0)
