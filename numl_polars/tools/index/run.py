"""The keys of one file: looked at table by table, written together."""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import h5py

from numl_polars.errors import InputError
from numl_polars.tables.damage import damage_told
from numl_polars.tables.event_runs import Ids, Int64s, quoted
from numl_polars.tables.index_layout import IndexLayout, index_layout
from numl_polars.tables.key_check import check_keys
from numl_polars.tables.opening import open_hdf5
from numl_polars.tables.raw_file import RawFile
from numl_polars.tables.store import StoredTable
from numl_polars.timing import Progress
from numl_polars.tools.index.key_datasets import write_seq, write_seq_cnt
from numl_polars.tools.index.replacing import Replacement

Keys = Literal["both", "seq", "seq-cnt"]
KEYS: tuple[Keys, ...] = get_args(Keys)
State = Literal["right", "missing", "wrong", "unknown"]


@dataclass(frozen=True)
class KeyState:
    """What a key is, why it is wrong, and whether it is written anew."""

    state: State
    reason: str | None = None
    is_written: bool = False


@dataclass(frozen=True)
class IndexedTable:
    """What was found in a table.

    Parameters
    ----------
    name, num_rows
        The table; no rows where they cannot be counted.
    keys
        States by name of the key.
    obstacle
        Why it cannot be known which event its rows are of; its keys are left as they are.
    has_ids
        Whether its rows say which event they are of.
    """

    name: str
    num_rows: int
    keys: Mapping[str, KeyState]
    obstacle: str | None = None
    has_ids: bool = True

    @property
    def is_fault(self) -> bool:
        """Whether the user must act: a table of which nothing says the events, and no key does, is none."""
        return self.obstacle is not None and (
            self.has_ids or any(key.state == "wrong" for key in self.keys.values())
        )


@dataclass
class IndexedFile:
    """What was found in a file, and done with it.

    Attributes
    ----------
    num_events
        Events of the file.
    tables
        Every group at its root.
    num_bytes
        Bytes that the file grew by.
    num_unused_bytes
        Bytes of keys that were replaced, which stay in the file, unused.
    is_dry_run
        Whether what is to be written was not.
    """

    path: Path
    layout: IndexLayout
    num_events: int
    is_dry_run: bool
    tables: list[IndexedTable] = field(default_factory=list)
    num_bytes: int = 0
    num_unused_bytes: int = 0

    @property
    def faults(self) -> list[IndexedTable]:
        """Tables that cannot have keys before the user acts."""
        return [table for table in self.tables if table.is_fault]


def index_file(
    path: Path,
    *,
    keys: Keys = "both",
    tables: Collection[str] | None = None,
    force: bool = False,
    dry_run: bool = False,
    layout: IndexLayout | None = None,
    progress: Progress | None = None,
) -> IndexedFile:
    """Add the sequence keys of a file where they are missing, and make wrong ones anew; in place.

    Every row is looked at. Whenever the program ends, the file has all its old keys or all its new ones; keys
    that are right stay untouched, and a file that has no others is not written.

    Parameters
    ----------
    path
        An event file, of NuML's layout or NOvA's.
    keys
        Keys that the tables are to have; one of the other kind is held against the rows, and made anew if
        it is wrong, but not added.
    tables
        The tables to look at; all, if None.
    force
        Write the keys anew even where they are right.
    dry_run
        Write nothing.
    layout
        The table of events, and the columns that name an event; found out, if None.
    progress
        Told of the tables that are done.

    Raises
    ------
    InputError
        The file cannot be read, has no table of events, or none of a name in `tables`.
    OutputError
        The file cannot be written; it is as it was.
    """
    with damage_told(path), _opened(path, layout) as file:
        found = IndexedFile(path, file.layout, len(file.ids), dry_run)
        names = file.names if tables is None else file.named(tables)
        writing = _Writing(file, found)
        try:
            for number, name in enumerate(names):
                if progress is not None:
                    progress(path.name, number, len(names))
                table, offsets = _looked_at(file, name, keys, force)
                found.tables.append(table)
                if offsets is not None and not dry_run:
                    writing.write(table, offsets)
            if progress is not None:
                progress(path.name, len(names), len(names))
            writing.commit()
        finally:
            writing.close()
    return found


@dataclass(frozen=True)
class _File:
    path: Path
    handle: h5py.File
    raw: RawFile
    as_read: os.stat_result
    layout: IndexLayout
    ids: Ids

    @cached_property
    def names(self) -> list[str]:
        """Groups at the root that belong to it: those that are linked in other ways are of elsewhere.

        One whose name is no text is left as it is.
        """
        try:
            return [
                name
                for name in self.handle
                if isinstance(name, str)
                and isinstance(self.handle.get(name, getlink=True), h5py.HardLink)
                and self.handle.get(name, getclass=True) is h5py.Group
            ]
        except (RuntimeError, OSError, KeyError) as error:
            raise InputError(f"{self.path} is damaged: its tables cannot be listed: {error}") from error

    def named(self, tables: Collection[str]) -> list[str]:
        missing = [name for name in tables if name not in self.names]
        if missing:
            raise InputError(
                f"{self.path} has no table {quoted(tuple(missing))} (has {', '.join(self.names)})"
            )
        return list(dict.fromkeys(tables))

    def table(self, name: str) -> StoredTable:
        return StoredTable(self.handle, name, f"{name} of {self.path}", self.raw, layout=self.layout)


class _Writing:
    """Keys on their way into a file, which is opened for writing when the first of them is there."""

    def __init__(self, file: _File, found: IndexedFile) -> None:
        self._file = file
        self._found = found
        self._replacement: Replacement | None = None

    def write(self, table: IndexedTable, offsets: Int64s) -> None:
        if self._replacement is None:
            self._replacement = Replacement(self._file.path, self._file.handle, self._file.as_read)
        stored, layout = self._file.handle[table.name], self._file.layout
        written = tuple(name for name, key in table.keys.items() if key.is_written)
        self._found.num_unused_bytes += sum(
            stored[name].id.get_storage_size()
            for name in written
            if isinstance(stored.get(name), h5py.Dataset)
        )
        group = self._replacement.replace(table.name, without=written)
        for name in written:
            write = write_seq if name == layout.seq else write_seq_cnt
            write(group, name, offsets, stored[layout.columns[0]], self._replacement.check)

    def commit(self) -> None:
        if self._replacement is not None:
            self._found.num_bytes = self._replacement.commit()

    def close(self) -> None:
        if self._replacement is not None:
            self._replacement.close()


@contextmanager
def _opened(path: Path, layout: IndexLayout | None) -> Iterator[_File]:
    with open_hdf5(path) as handle:
        # of what was opened, whatever has the path now
        as_read = os.fstat(handle.id.get_vfd_handle())
        raw = RawFile(handle)
        try:
            layout = layout or index_layout(handle, path)
            if not isinstance(handle.get(layout.table), h5py.Group):
                raise InputError(f"{path} has no table '{layout.table}' (has {', '.join(handle)})")
            events = StoredTable(handle, layout.table, f"{layout.table} of {path}", raw, layout=layout)
            if not events.has_ids:
                raise InputError(f"{events.where} has no column {quoted(layout.columns)} of integers")
            try:
                ids = events.read_ids(0, events.num_rows)
            except OSError as error:
                raise InputError(
                    f"{events.where}: {quoted(layout.columns)} cannot be read: {error}"
                ) from error
            yield _File(path, handle, raw, as_read, layout, ids)
        finally:
            raw.close()


def _looked_at(file: _File, name: str, keys: Keys, force: bool) -> tuple[IndexedTable, Int64s | None]:
    """The table, and its row offsets if keys of it are to be written."""
    table = file.table(name)
    check = check_keys(table, file.ids, is_of_events=name == file.layout.table)
    wanted = {"both": file.layout.keys, "seq": (file.layout.seq,), "seq-cnt": (file.layout.seq_cnt,)}[keys]
    states: dict[str, KeyState] = {}
    for key in file.layout.keys:
        if key not in check.faults:
            states[key] = KeyState("missing", is_written=check.offsets is not None and key in wanted)
        elif check.faults[key] is not None:
            states[key] = KeyState("wrong", check.faults[key], is_written=check.offsets is not None)
        elif check.offsets is None:
            states[key] = KeyState("unknown")
        else:
            states[key] = KeyState("right", is_written=force and key in wanted)
    num_rows = 0 if check.offsets is None else int(check.offsets[-1])
    found = IndexedTable(name, num_rows, states, check.obstacle, table.has_ids)
    return found, check.offsets if any(key.is_written for key in states.values()) else None
