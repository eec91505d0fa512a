"""A file's tables, opened one by one, so that what is damaged does not hide what is not."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from numl_polars.errors import InputError
from numl_polars.schema import EVENT_INDEX
from numl_polars.tables.damage import DAMAGE
from numl_polars.tables.opened import OpenedFile, Renamed
from numl_polars.tables.store import StoredTable


def open_tables(path: Path, renamed: Renamed) -> OpenedFile:
    """The file with those tables whose columns can be listed; others are among its damaged members.

    `renamed` is as of `OpenedFile`.

    Raises
    ------
    InputError
        It cannot be opened, or its members cannot be listed.
    """
    file = OpenedFile(path, renamed)
    for name, table in list(file.tables.items()):
        try:
            _ = table.datasets
        except (InputError, *DAMAGE) as error:
            file.damaged[name] = str(error).strip("'\"")
            del file.tables[name]
    return file


class Listing:
    """What tables and columns there are, for what asks an event file for that."""

    def __init__(self, path: Path, tables: Mapping[str, StoredTable]) -> None:
        self._tables = tables
        self.name = str(path)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""
        return tuple(self._tables)

    @property
    def all_columns(self) -> dict[str, tuple[str, ...]]:
        """Datasets of each table, as the file names them."""
        return {name: tuple(table.datasets) for name, table in self._tables.items()}

    def columns(self, table: str) -> Mapping[str, pl.DataType]:
        """Columns of a table and their dtypes, `event_index` among them."""
        stored = self._table(table).columns
        return {EVENT_INDEX: pl.Int64(), **{name: column.dtype for name, column in stored.items()}}

    def column_names(self, table: str) -> tuple[str, ...]:
        """Columns of a table, without `event_index`."""
        return tuple(self._table(table).columns)

    def require(self, table: str, columns: Sequence[str]) -> None:
        """Raise an InputError if the table or a column is missing."""
        self._table(table).require(columns)

    def _table(self, name: str) -> StoredTable:
        if name not in self._tables:
            raise InputError(f"{self.name} has no table {name!r} (has {', '.join(self._tables)})")
        return self._tables[name]
