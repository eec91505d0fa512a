"""Tables of an HDF5 file replaced in one step: whenever the program ends, the file is the old or the new one.

HDF5 changes a file in many places, one after the other. Here it writes only behind the end of the file, to
where nothing refers: new columns, a new group for each table that gets some, which refers to the other ones
of the table where they stand, and a new root group, which refers to the new groups and the unchanged ones.
When all that is on the disk, the superblock is written, which says where the root group stands: 100 bytes at
most, within one sector. Nothing else that belongs to the file is overwritten, so that programs which have it
open for reading go on reading what it was.

Columns that were left out, earlier groups and the earlier root group keep their place in the file, unused.
"""

import fcntl
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from numl_polars.errors import InputError, OutputError
from numl_polars.output.files import reason
from numl_polars.tools.index.superblock import Superblock
from numl_polars.tools.index.tail_file import TailFile

Link = tuple[int, Any]
"""Kind of a link, and the address of the object or what the link says."""
Links = dict[bytes, Link]

_ROOT = b"root"


class Replacement:
    """New groups for some of those at the root of a file, until they are committed.

    If it is closed without `commit`, the file is as it was.

    Parameters
    ----------
    path
        The file.
    read_only
        The same file, open for reading.
    as_read
        What the system said of it before it was opened for reading.

    Raises
    ------
    OutputError
        It may not be written, another program has it open, or it was changed since.
    InputError
        HDF5 cannot open it, or it is of a kind that cannot be changed so.
    """

    def __init__(self, path: Path, read_only: h5py.File, as_read: os.stat_result) -> None:
        self.path = path
        self._read_only = read_only
        self._is_committed = False
        self._groups: dict[bytes, Links] = {}
        try:
            self._descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise OutputError(f"cannot write {path}: {reason(error)}") from error
        try:
            self._size = os.fstat(self._descriptor).st_size
            self._lock()
            self._check_unchanged(as_read)
            self._open()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _lock(self) -> None:
        """Lock the file as HDF5 does, so that no two programs write it."""
        if os.environ.get("HDF5_USE_FILE_LOCKING", "").upper() in ("FALSE", "0"):
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"cannot write {self.path}: another program has it open") from error
        except OSError:
            # file systems without locks
            return

    def _check_unchanged(self, as_read: os.stat_result) -> None:
        now = os.fstat(self._descriptor)
        if any(
            getattr(now, field) != getattr(as_read, field)
            for field in ("st_dev", "st_ino", "st_size", "st_mtime_ns")
        ):
            raise OutputError(f"cannot write {self.path}: another program has changed it meanwhile")

    def _open(self) -> None:
        creation = self._read_only.id.get_create_plist()
        start = int(creation.get_userblock())
        strategy, keeps_free_space, _ = creation.get_file_space_strategy()
        self._before = Superblock.read(self._descriptor, start, self.path)
        if keeps_free_space or strategy == h5py.h5f.FSPACE_STRATEGY_PAGE:
            raise InputError(
                f"{self.path} keeps a list of its free space, or is made of pages; such files cannot be "
                "changed in one step (h5repack -S FSM_AGGR -P 0 makes a usual one)"
            )
        self._tail = TailFile(self._descriptor, self._before.end)
        try:
            self._file = h5py.File(self._tail, "r+")
        except (OSError, RuntimeError) as error:
            raise InputError(f"{self.path} cannot be opened for writing: {error}") from error
        try:
            self._links = _links(self._file.id)
            # what is new must hang on something, or HDF5 removes it, and what is old must not be touched, or
            # HDF5 uses again what becomes free there; so it hangs on a group that hangs on itself
            self._holder = h5py.h5g.create(self._file.id, None)
            self._holder.links.create_hard(b"itself", self._holder, b".")
        except BaseException:
            # now: later, the number of the descriptor may be that of another file
            self._close_file()
            raise

    def replace(self, name: str, without: tuple[str, ...]) -> h5py.Group:
        """A new group with all that the group `name` has, but some columns; open for new ones."""
        table = name.encode()
        old = h5py.h5g.open(self._file.id, table)
        new = _create_like(old, self._holder, _place(table))
        left_out = {column.encode() for column in without}
        links = {link: target for link, target in _links(old).items() if link not in left_out}
        for link, target in links.items():
            _link_again(old, new, link, target)
        _copy_attributes(h5py.h5g.open(self._read_only.id, table), new)
        self._groups[table] = links
        return h5py.Group(new)

    def check(self) -> None:
        """Raise an OutputError, if something could not be written."""
        if self._tail.fault is not None:
            raise OutputError(f"cannot write {self.path}: {reason(self._tail.fault)}") from self._tail.fault

    def commit(self) -> int:
        """Have the new groups take the place of the old ones; returns the bytes that the file grew by.

        Raises
        ------
        OutputError
            What was written cannot be brought to the disk, or is not what it should be.
        """
        root = self._new_root()
        self._file.close()
        self.check()
        start = self._before.start
        self._tail.seek(start)
        written = Superblock.of(start, self._tail.read(len(self._before.content)), self.path)
        after = written.with_root(root)
        try:
            # what an earlier run left behind the end
            os.ftruncate(self._descriptor, after.end)
            os.fsync(self._descriptor)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {reason(error)}") from error
        self._verify(after)
        try:
            # from here on it may be the new file that the disk has
            self._is_committed = True
            os.pwrite(self._descriptor, after.content, start)
            os.fsync(self._descriptor)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {reason(error)}") from error
        return after.end - self._before.end

    def _new_root(self) -> int:
        """Address of a root group with the new groups in the place of the old ones."""
        old = h5py.h5g.open(self._file.id, b"/")
        new = _create_like(old, self._holder, _ROOT)
        for name, link in self._links.items():
            if name in self._groups:
                new.links.create_hard(name, self._holder, _place(name))
                self._holder.unlink(_place(name))
            else:
                _link_again(old, new, name, link)
        _copy_attributes(h5py.h5g.open(self._read_only.id, b"/"), new)
        return int(self._holder.links.get_info(_ROOT).u)

    def _verify(self, after: Superblock) -> None:
        """Open the file as it will be, and look whether all that was there is where it was."""
        view = TailFile(self._descriptor, self._before.end)
        view.seek(after.start)
        view.write(after.content)
        try:
            with h5py.File(view, "r") as file:
                found = _links(file.id)
                is_right = found.keys() == self._links.keys() and all(
                    found[name] == link for name, link in self._links.items() if name not in self._groups
                )
                for name, links in self._groups.items():
                    group = h5py.h5g.open(file.id, name)
                    members = _links(group)
                    is_right = is_right and all(members.get(link) == target for link, target in links.items())
                    is_right = is_right and all(
                        _first_byte(h5py.h5d.open(group, column)) >= self._before.end
                        for column in members.keys() - links.keys()
                    )
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise self._refused(error) from error
        if not is_right:
            raise self._refused("columns are not where they were")

    def _refused(self, why: object) -> OutputError:
        return OutputError(f"cannot write {self.path}: its new tables cannot be read back ({why})")

    def close(self) -> None:
        """Close the file; if nothing was committed, it is as it was."""
        try:
            self._close_file()
        finally:
            os.close(self._descriptor)

    def _close_file(self) -> None:
        try:
            self._file.close()
        finally:
            if not self._is_committed:
                with suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)


def _first_byte(dataset: h5py.h5d.DatasetID) -> float:
    """First byte of the file that values of a dataset take, infinite where they take none."""
    if not dataset.get_storage_size():
        return math.inf
    if dataset.get_create_plist().get_layout() != h5py.h5d.CHUNKED:
        return float(dataset.get_offset())
    chunks: list[Any] = []
    dataset.chunk_iter(chunks.append)
    return float(min(chunk.byte_offset for chunk in chunks))


def _place(name: bytes) -> bytes:
    """Where a new group hangs until it has its name."""
    return b"new " + name


def _create_like(old: h5py.h5g.GroupID, place: h5py.h5g.GroupID, name: bytes) -> h5py.h5g.GroupID:
    """An empty group, which keeps the order of its links if the `old` one does."""
    creation = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    # not all that HDF5 says of the old one: that may include where its links stand
    creation.set_link_creation_order(old.get_create_plist().get_link_creation_order())
    return h5py.h5g.create(place, name, gcpl=creation)


def _links(group: h5py.h5g.GroupID) -> Links:
    """Links of a group, in the order in which they were made, where the group knows it."""
    names: list[bytes] = []
    is_ordered = group.get_create_plist().get_link_creation_order() & h5py.h5p.CRT_ORDER_TRACKED
    group.links.iterate(names.append, idx_type=h5py.h5.INDEX_CRT_ORDER if is_ordered else h5py.h5.INDEX_NAME)
    found: Links = {}
    for name in names:
        info = group.links.get_info(name)
        is_hard = info.type == h5py.h5l.TYPE_HARD
        found[name] = (info.type, int(info.u) if is_hard else group.links.get_val(name))
    return found


def _link_again(old: h5py.h5g.GroupID, new: h5py.h5g.GroupID, name: bytes, link: Link) -> None:
    """Give the group `new` a link that `old` has."""
    kind, target = link
    if kind == h5py.h5l.TYPE_HARD:
        new.links.create_hard(name, old, name)
    elif kind == h5py.h5l.TYPE_SOFT:
        new.links.create_soft(name, target)
    else:
        new.links.create_external(name, *target)


def _copy_attributes(read_only: h5py.h5g.GroupID, new: h5py.h5g.GroupID) -> None:
    """Give `new` the attributes of a group of the file as it is opened for reading.

    Were they read from the file that is changed, HDF5 would add what varies in length to heaps there.
    """
    for attribute in _attributes(read_only):
        stored, space = attribute.get_type(), attribute.get_space()
        copy = h5py.h5a.create(new, attribute.name, stored, space)
        if space.get_simple_extent_type() == h5py.h5s.NULL:
            continue
        if _varies_in_length(stored):
            values = np.empty(attribute.shape, attribute.dtype)
            attribute.read(values)
            copy.write(values)
        else:
            values = np.empty(attribute.shape, f"V{stored.get_size()}")
            attribute.read(values, mtype=stored)
            copy.write(values, mtype=stored)


def _attributes(group: h5py.h5g.GroupID) -> Iterator[h5py.h5a.AttrID]:
    return (h5py.h5a.open(group, index=number) for number in range(h5py.h5a.get_num_attrs(group)))


def _varies_in_length(stored: h5py.h5t.TypeID) -> bool:
    if stored.get_class() == h5py.h5t.STRING:
        return bool(stored.is_variable_str())
    return bool(stored.detect_class(h5py.h5t.VLEN)) or h5py.check_string_dtype(stored.dtype) is not None
