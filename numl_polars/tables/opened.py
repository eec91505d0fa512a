"""Event files while they are open: their tables, and a pool that keeps some of many open."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

import h5py
import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.schema import EVENT_ID, EVENT_TABLE
from numl_polars.tables.opening import open_hdf5
from numl_polars.tables.raw_file import KEPT_BYTES, RawFile
from numl_polars.tables.store import StoredTable

Renamed = Mapping[str, Mapping[str, str]]

MOST_OPEN = 32
"""Files that are open at a time; a process may have some hundreds of descriptors only."""


class OpenedFile:
    """An open HDF5 file as tables.

    Parameters
    ----------
    path
        Where it is.
    renamed
        By table, names under which columns are read, by what the file calls them.
    kept_bytes
        Memory for decoded chunks that reading may come back to.

    Attributes
    ----------
    tables
        The groups at its root, by name.
    strays
        Other members of the root.

    Raises
    ------
    InputError
        The file is missing, may not be read, is no HDF5 file, is truncated, or its tables cannot be listed.
    """

    def __init__(self, path: Path, renamed: Renamed, kept_bytes: int = KEPT_BYTES) -> None:
        self.path = path
        self._file = open_hdf5(path)
        try:
            groups = {name: self._file.get(name) for name in self._file}
        except (RuntimeError, OSError, KeyError) as error:
            raise InputError(f"{path} is damaged: its tables cannot be listed: {error}") from error
        self.raw = RawFile(self._file, path, kept_bytes)
        self.tables = {
            name: StoredTable(group, f"{name} of {path}", self.raw, renamed.get(name))
            for name, group in groups.items()
            if isinstance(group, h5py.Group)
        }
        self.strays = tuple(name for name in groups if name not in self.tables)

    def read_ids(self) -> NDArray[np.int32]:
        """Run, subrun, event of every event, int32 (events, 3).

        Raises
        ------
        InputError
            There is no event table, or its `event_id` cannot be used.
        """
        if EVENT_TABLE not in self.tables:
            found = ", ".join(self.tables) or "no table"
            raise InputError(f"{self.path} has no event_table (has {found})")
        table = self.tables[EVENT_TABLE]
        if table.event_id is None:
            raise InputError(f"{table.where} has no column 'event_id' of shape (events, 3)")
        try:
            ids = table.read_rows(EVENT_ID, 0, len(table.event_id))
        except (OSError, RuntimeError) as error:
            raise InputError(f"{table.where}: column 'event_id' cannot be read: {error}") from error
        wide = np.flatnonzero((ids != ids.astype(np.int32)).any(axis=1))
        if wide.size:
            raise InputError(
                f"{table.where}: event {wide[0]} is {tuple(ids[wide[0]].tolist())}, more than the 32 bits "
                "that graph files have for run, subrun and event"
            )
        return ids.astype(np.int32, copy=False)

    def close(self) -> None:
        """Close the file."""
        self.raw.close()
        self._file.close()


class FilePool:
    """Files that are opened when they are needed; of many, those used last stay open.

    Parameters
    ----------
    paths
        Where they are.
    renamed
        As of `OpenedFile`.
    most
        Files that stay open.
    """

    def __init__(self, paths: Sequence[Path], renamed: Renamed, most: int = MOST_OPEN) -> None:
        self.paths = tuple(paths)
        self._renamed = renamed
        self._most = most
        self._open: OrderedDict[int, OpenedFile] = OrderedDict()
        self._users: dict[int, int] = {}
        self._is_closed = False
        self._lock = RLock()

    @contextmanager
    def opened(self, number: int) -> Iterator[OpenedFile]:
        """File `number`, which stays open for the block at least.

        Raises
        ------
        InputError
            As of `OpenedFile`; or the pool is closed.
        """
        with self._lock:
            if self._is_closed:
                raise InputError(f"{self.paths[number]} is closed")
            if number not in self._open:
                kept = KEPT_BYTES // min(len(self.paths), self._most)
                self._open[number] = OpenedFile(self.paths[number], self._renamed, kept)
            self._open.move_to_end(number)
            self._users[number] = self._users.get(number, 0) + 1
            file = self._open[number]
            self._close_unused(self._most)
        try:
            yield file
        finally:
            with self._lock:
                self._users[number] -= 1
                self._close_unused(0 if self._is_closed else self._most)

    def close(self) -> None:
        """Close all files, those in use when they no longer are."""
        with self._lock:
            self._is_closed = True
            self._close_unused(0)

    def _close_unused(self, most: int) -> None:
        for number in [number for number in self._open if not self._users.get(number)]:
            if len(self._open) <= most:
                return
            self._open.pop(number).close()
