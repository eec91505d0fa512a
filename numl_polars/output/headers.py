"""Objects of a graph file found by their headers, read beside HDF5.

HDF5 takes a type apart when it opens an object, and again when it is asked for it: that is most of the time,
and of the memory, of finding an object. What this program and pynuml write is a header of version 1 (HDF5
File Format Specification, IV.A.1.a), whose type message is compared as it stands. Whatever else is met is
left to HDF5.
"""

import os
import struct
from collections.abc import Iterator

import h5py
import numpy as np
from h5py import h5g, h5l

from numl_polars.output.compounds import CompoundForm
from numl_polars.output.hdf5_objects import Record, open_record

_DATASPACE, _TYPE, _EXTERNAL, _LAYOUT, _FILTERS, _CONTINUATION = 0x01, 0x03, 0x07, 0x08, 0x0B, 0x10
_SHARED = 0x02
_SCALARS = (b"\1\0", b"\2\0\0\0")  # as dataspaces of either version begin; version 2 knows empty ones too
_CONTIGUOUS = (b"\3\1", b"\4\1")  # layouts of versions 3 and 4 with one place
_UNDEFINED = 2**64 - 1
_PREFIX_BYTES = 16
_READ_BYTES = 4096
_NO_VALUES = np.empty(0, np.uint8)


class ObjectReader:
    """Records of the objects of a file.

    Parameters
    ----------
    file
        A graph file.
    descriptor
        The same file, open for reading.
    forms
        Types of these forms are known; the list may grow meanwhile.
    """

    def __init__(self, file: h5py.File, descriptor: int, forms: list[CompoundForm]) -> None:
        self.group: h5g.GroupID = file["dataset"].id
        self._descriptor = descriptor
        self._forms = forms
        creation = file.id.get_create_plist()
        self._is_usual = creation.get_sizes() == (8, 8) and creation.get_userblock() == 0

    def record(self, name: str) -> Record:
        """One object, of which only what is no value is read.

        Raises
        ------
        InputError
            ``dataset/{name}`` is not a scalar of compound type.
        KeyError, OSError, RuntimeError
            It cannot be read; see `hdf5.reading`.
        """
        return (self._usual_record(name) if self._is_usual else None) or open_record(self.group, name)

    def _usual_record(self, name: str) -> Record | None:
        link = self.group.links.get_info(name.encode())
        if link.type != h5l.TYPE_HARD or not self._forms:
            return None
        messages: dict[int, bytes] = {}
        try:
            for kind, flags, body in self._messages(link.u):
                if kind in (_EXTERNAL, _FILTERS) or (kind == _TYPE and flags & _SHARED):
                    return None
                messages[kind] = body
            dataspace, layout = messages[_DATASPACE], messages[_LAYOUT]
            place, num_bytes = struct.unpack_from("<QQ", layout, 2)
        except (KeyError, struct.error):
            return None
        if not dataspace.startswith(_SCALARS) or layout[:2] not in _CONTIGUOUS or place == _UNDEFINED:
            return None
        for form in self._forms:
            encoded = form.of_message(messages.get(_TYPE, b""))
            if encoded is not None and form.num_bytes(encoded) == num_bytes:
                return Record(name, encoded, num_bytes, place, _NO_VALUES)
        return None

    def _messages(self, address: int) -> Iterator[tuple[int, int, bytes]]:
        """Kind, flags and body of each message of a header of version 1; none of another's."""
        head = os.pread(self._descriptor, _READ_BYTES, address)
        version, _, _, _, num_bytes = struct.unpack_from("<BBHII", head)
        if version != 1:
            return
        if len(head) < _PREFIX_BYTES + num_bytes:
            head = os.pread(self._descriptor, _PREFIX_BYTES + num_bytes, address)
        blocks = [head[_PREFIX_BYTES : _PREFIX_BYTES + num_bytes]]
        for block in blocks:
            start = 0
            while start + 8 <= len(block):
                kind, size, flags = struct.unpack_from("<HHB", block, start)
                body = block[start + 8 : start + 8 + size]
                if kind == _CONTINUATION:
                    place, length = struct.unpack("<QQ", body)
                    blocks.append(os.pread(self._descriptor, length, place))
                else:
                    yield kind, flags, body
                start += 8 + size
