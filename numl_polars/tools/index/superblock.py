"""The first bytes of an HDF5 file: where its root group stands, and where it ends.

After the File Format Specification of HDF5, "Disk Format: Level 0A". Of all that a file holds, only the
superblock says where the root group is, so that a file changes from one tree of groups to another by the
write of these bytes alone: 100 at most, which stand within one sector.
"""

import os
import struct
from dataclasses import dataclass
from typing import Self

from numl_polars.errors import InputError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_WORD = (1 << 32) - 1


@dataclass(frozen=True)
class _Version:
    """Length of a superblock, and where in it are the sizes of addresses and lengths, and two addresses."""

    num_bytes: int
    sizes: int
    end: int
    root: int
    cache: slice | None
    """What the entry of the root group keeps of the group, in superblocks that have such an entry."""


_VERSIONS = {
    0: _Version(96, 13, 40, 64, slice(72, 96)),
    1: _Version(100, 13, 44, 68, slice(76, 100)),
    2: _Version(48, 9, 28, 36, None),
    3: _Version(48, 9, 28, 36, None),
}


@dataclass(frozen=True)
class Superblock:
    """A superblock, as it stands in the file from `start` on."""

    start: int
    content: bytes

    @classmethod
    def read(cls, descriptor: int, start: int, where: object) -> Self:
        """The superblock of an open file.

        Parameters
        ----------
        descriptor
            The file.
        start
            Where it begins: behind the user block.
        where
            What messages call the file.

        Raises
        ------
        InputError
            It is of no version that is known, or addresses do not take 8 bytes.
        """
        return cls.of(start, os.pread(descriptor, max(v.num_bytes for v in _VERSIONS.values()), start), where)

    @classmethod
    def of(cls, start: int, found: bytes, where: object) -> Self:
        """The superblock that bytes begin with; errors as of `read`."""
        if len(found) < 9 or not found.startswith(_SIGNATURE):
            raise InputError(f"{where} has no HDF5 superblock at byte {start}")
        version = _VERSIONS.get(found[8])
        if version is None:
            raise InputError(f"{where} has an HDF5 superblock of version {found[8]}; 0 to 3 can be changed")
        sizes = found[version.sizes : version.sizes + 2]
        if sizes != b"\x08\x08":
            raise InputError(
                f"{where} has addresses and lengths of {sizes[0]} and {sizes[1]} bytes; "
                "only files with 8 bytes can be changed"
            )
        return cls(start, found[: version.num_bytes])

    @property
    def end(self) -> int:
        """First byte behind all that belongs to the file."""
        return self._address(self._version.end)

    @property
    def root(self) -> int:
        """Address of the root group, counted from `start`."""
        return self._address(self._version.root)

    def with_root(self, root: int) -> Self:
        """The superblock with another root group."""
        content = bytearray(self.content)
        struct.pack_into("<Q", content, self._version.root, root)
        if self._version.cache is not None:
            # kind 0: nothing is kept of the group
            content[self._version.cache] = bytes(24)
        else:
            struct.pack_into("<I", content, len(content) - 4, lookup3(bytes(content[:-4])))
        return type(self)(self.start, bytes(content))

    @property
    def _version(self) -> _Version:
        return _VERSIONS[self.content[8]]

    def _address(self, place: int) -> int:
        return int(struct.unpack_from("<Q", self.content, place)[0])


def lookup3(content: bytes) -> int:
    """Checksum of metadata in HDF5: Bob Jenkins' lookup3, ``hashlittle`` with the initial value 0.

    Source: burtleburtle.net/bob/c/lookup3.c, in the public domain.
    """
    a = b = c = (0xDEADBEEF + len(content)) & _WORD
    blocks = [content[start : start + 12] for start in range(0, len(content), 12)]
    for block in blocks[:-1]:
        a, b, c = (add(x, y) for x, y in zip((a, b, c), struct.unpack("<3I", block), strict=True))
        a, c = add(a, -c) ^ rotated(c, 4), add(c, b)
        b, a = add(b, -a) ^ rotated(a, 6), add(a, c)
        c, b = add(c, -b) ^ rotated(b, 8), add(b, a)
        a, c = add(a, -c) ^ rotated(c, 16), add(c, b)
        b, a = add(b, -a) ^ rotated(a, 19), add(a, c)
        c, b = add(c, -b) ^ rotated(b, 4), add(b, a)
    if not blocks:
        return c
    last = struct.unpack("<3I", blocks[-1].ljust(12, b"\0"))
    a, b, c = (add(x, y) for x, y in zip((a, b, c), last, strict=True))
    c = add(c ^ b, -rotated(b, 14))
    a = add(a ^ c, -rotated(c, 11))
    b = add(b ^ a, -rotated(a, 25))
    c = add(c ^ b, -rotated(b, 16))
    a = add(a ^ c, -rotated(c, 4))
    b = add(b ^ a, -rotated(a, 14))
    return add(c ^ b, -rotated(b, 24))


def add(x: int, y: int) -> int:
    """Sum of 32-bit words."""
    return (x + y) & _WORD


def rotated(x: int, bits: int) -> int:
    """A 32-bit word, turned left."""
    return ((x << bits) | (x >> (32 - bits))) & _WORD
