"""A file's tables, opened one by one, so that what is damaged does not hide what is not."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
import polars as pl

from numl_polars.errors import InputError
from numl_polars.schema import EVENT_INDEX
from numl_polars.tables.opening import open_hdf5
from numl_polars.tables.raw_file import RawFile
from numl_polars.tables.store import DAMAGE, StoredTable, spelled_out


class OpenTables:
    """The tables of an open file.

    Parameters
    ----------
    path
        Where it is.

    Attributes
    ----------
    tables
        Those whose columns can be listed.
    damaged
        Why other members cannot be opened.
    strays
        Members that are no tables.

    Raises
    ------
    InputError
        It cannot be opened, or its members cannot be listed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = open_hdf5(path)
        self.raw = RawFile(self.file, path)
        self.tables: dict[str, StoredTable] = {}
        self.damaged: dict[str, str] = {}
        self.strays: list[str] = []
        try:
            names = list(self.file)
        except DAMAGE as error:
            self.close()
            raise InputError(f"{path} is damaged: its tables cannot be listed: {error}") from error
        for name in names:
            self._open(spelled_out(name), name)

    def _open(self, name: str, as_stored: str | bytes) -> None:
        try:
            member = self.file[as_stored]
            if not isinstance(member, h5py.Group):
                self.strays.append(name)
                return
            table = StoredTable(member, f"{name} of {self.path}", self.raw)
            _ = table.datasets
        except (InputError, *DAMAGE) as error:
            self.damaged[name] = str(error).strip("'\"")
            return
        self.tables[name] = table

    def close(self) -> None:
        """Close the file."""
        self.raw.close()
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
