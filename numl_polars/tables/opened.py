"""Event files while they are open: their tables, and a pool that keeps some of many open."""

import os
import resource
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.schema import EVENT_ID, EVENT_TABLE, TABLES
from numl_polars.tables.damage import DAMAGE
from numl_polars.tables.filters import MOST_INFLATED
from numl_polars.tables.opening import open_hdf5
from numl_polars.tables.raw_file import KEPT_BYTES, RawFile
from numl_polars.tables.store import StoredTable, TableDescription, is_group, spelled_out

Renamed = Mapping[str, Mapping[str, str]]

MOST_OPEN = 32
"""Files that are open at a time; a process may have some hundreds of descriptors only."""
_DESCRIPTORS_OF_A_FILE = 2
_OTHER_DESCRIPTORS = 16


def most_open() -> int:
    """Files to have open at a time, fewer than `MOST_OPEN` where this process may have few descriptors."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return MOST_OPEN
    try:
        used = len(list(Path("/dev/fd").iterdir()))
    except OSError:
        used = _OTHER_DESCRIPTORS
    left = allowed - used - _OTHER_DESCRIPTORS
    return max(1, min(MOST_OPEN, left // _DESCRIPTORS_OF_A_FILE))


@dataclass(frozen=True)
class FileState:
    """Size of a file, and when it was last written to, ns: another file, or other content, has others."""

    num_bytes: int
    written_ns: int


class OpenedFile:
    """An open HDF5 file as tables.

    Parameters
    ----------
    path
        Where it is.
    renamed
        By table, names under which columns are read, by what the file calls them.
    known
        What is known of its tables, if it was open before.
    kept_bytes
        Memory for decoded chunks that reading may come back to.

    Attributes
    ----------
    state
        By which it is seen whether the file is changed, or another one is in its place.
    tables
        The groups at its root, by name.
    damaged
        Members of the root that cannot be opened, and why.
    strays
        Other members of the root.

    Raises
    ------
    InputError
        The file is missing, may not be read, is no HDF5 file, is truncated, or its tables cannot be listed.
    """

    def __init__(
        self,
        path: Path,
        renamed: Renamed = MappingProxyType({}),
        known: Mapping[str, TableDescription] = MappingProxyType({}),
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self.path = path
        self._file = open_hdf5(path)
        self.state = self._state_now()
        try:
            names = {spelled_out(name): name for name in self._file}
        except DAMAGE as error:
            self._file.close()
            raise InputError(f"{path} is damaged: its tables cannot be listed: {error}") from error
        self.raw = RawFile(self._file, kept_bytes)
        self.tables: dict[str, StoredTable] = {}
        self.damaged: dict[str, str] = {}
        strays = []
        for name, as_stored in names.items():
            try:
                if not is_group(self._file, as_stored):
                    strays.append(name)
                    continue
            except DAMAGE as error:
                self.damaged[name] = str(error).strip("'\"")
                continue
            where = f"{name} of {path}"
            self.tables[name] = StoredTable(
                self._file, name, where, self.raw, renamed.get(name), known.get(name)
            )
        self.strays = tuple(strays)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read_ids(self) -> NDArray[np.int32]:
        """Run, subrun, event of every event, int32 (events, 3).

        Raises
        ------
        InputError
            There is no event table, or its `event_id` cannot be used.
        """
        for name, why in self.damaged.items():
            # without it, events would become something else
            if name in TABLES:
                raise InputError(f"{self.path} is damaged: {name} cannot be opened: {why}")
        if EVENT_TABLE not in self.tables:
            found = ", ".join(self.tables) or "no table"
            raise InputError(f"{self.path} has no event_table (has {found})")
        table = self.tables[EVENT_TABLE]
        if table.event_id is None:
            if EVENT_ID in table.damaged:
                raise InputError(f"{table.where}: column 'event_id' is damaged: {table.damaged[EVENT_ID]}")
            raise InputError(f"{table.where} has no column 'event_id' of shape (events, 3)")
        if table.event_id.nbytes > MOST_INFLATED * self.raw.num_bytes:
            raise InputError(
                f"{table.where} is damaged: {len(table.event_id)} events are more than its file can hold"
            )
        try:
            ids: NDArray[Any] = table.read_rows(EVENT_ID, 0, len(table.event_id))
        except (*DAMAGE, MemoryError) as error:
            raise InputError(f"{table.where}: column 'event_id' cannot be read: {error}") from error
        if ids.dtype == np.int32:
            return ids
        wide = np.flatnonzero((ids != ids.astype(np.int32)).any(axis=1))
        if wide.size:
            raise InputError(
                f"{table.where}: event {wide[0]} is {tuple(ids[wide[0]].tolist())}, more than the 32 bits "
                "that graph files have for run, subrun and event"
            )
        return ids.astype(np.int32)

    @property
    def is_changed(self) -> bool:
        """Whether the file was written to since it was opened."""
        return self._state_now() != self.state

    def _state_now(self) -> FileState:
        # of the file that HDF5 has opened, whatever stands at its path now
        found = os.fstat(self._file.id.get_vfd_handle())
        return FileState(found.st_size, found.st_mtime_ns)

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
        Files that stay open; by default as many as the process has descriptors for, `MOST_OPEN` at most.

    Attributes
    ----------
    known
        What is known of the tables of each file, so that it is not looked at again.
    states
        How each file was when it was first opened, None if it was not yet: no other will do.
    """

    def __init__(self, paths: Sequence[Path], renamed: Renamed, most: int | None = None) -> None:
        self.paths = tuple(paths)
        self.known: tuple[dict[str, TableDescription], ...] = tuple({} for _ in self.paths)
        self.states: list[FileState | None] = [None] * len(self.paths)
        self._renamed = renamed
        self._most = most_open() if most is None else most
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
            As of `OpenedFile`; the file is not the one that was opened before, or was changed meanwhile; or
            the pool is closed.
        """
        with self._lock:
            if self._is_closed:
                raise InputError(f"{self.paths[number]} is closed")
            if number not in self._open:
                self._close_unused(self._most - 1)
                self._open[number] = self._open_file(number)
            self._open.move_to_end(number)
            self._users[number] = self._users.get(number, 0) + 1
            file = self._open[number]
        try:
            yield file
        except InputError as error:
            self._check_unchanged(file, error)
            raise
        else:
            self._check_unchanged(file)
        finally:
            with self._lock:
                self._users[number] -= 1
                self._close_unused(0 if self._is_closed else self._most)

    def _open_file(self, number: int) -> OpenedFile:
        path, known = self.paths[number], self.known[number]
        before = self.states[number]
        try:
            file = OpenedFile(path, self._renamed, known, KEPT_BYTES // min(len(self.paths), self._most))
        except InputError as error:
            if before is not None:
                raise InputError(f"{_CHANGED.format(path)}: {error}") from error
            raise
        if before not in (None, file.state):
            file.close()
            raise InputError(f"{_CHANGED.format(path)}: another file is in its place, or it was written to")
        self.states[number] = file.state
        return file

    def _check_unchanged(self, file: OpenedFile, error: InputError | None = None) -> None:
        if file.is_changed:
            raise InputError(f"{_CHANGED.format(file.path)}: it was written to") from error

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


_CHANGED = "{} was changed while it was in use"
