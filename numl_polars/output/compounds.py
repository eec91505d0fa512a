"""Compound types of many objects at once, as HDF5 encodes them.

Objects of one run differ in the sizes of their arrays, so each has a compound type of its own. Made member
by member, a type costs HDF5 more than all else of a small object. Encoded, the types differ in a few numbers
only: a `CompoundForm` holds the bytes that they share, fills in the numbers of a whole batch, and finds them
again in the type of an object that is read.

The encoding is that of datatype messages of version 2 (HDF5 File Format Specification, IV.A.2.d), which every
HDF5 since 1.4 reads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

import numpy as np
from h5py import h5t
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
MAX_RECORD_BYTES = 2**32 - 1  # sizes in the encoding have 4 bytes

_COMPOUND = 0x26  # class 6 and version 2
_ARRAY = 0x2A
_NUMBER_BYTES = 4
_PADDED_TO = 8


@dataclass(frozen=True)
class Member:
    """One field of a compound.

    Parameters
    ----------
    name
        ``store/attribute``.
    base
        Encoded type of one element.
    item_size
        Bytes of one element.
    ndim
        Dimensions of its array; 0 for a scalar.
    """

    name: str
    base: bytes
    item_size: int
    ndim: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of one element, in the byte order of the file."""
        return _decoded(self.base)

    @classmethod
    def of(cls, name: str, dtype: np.dtype[Any], ndim: int) -> "Member":
        """Field for an array of that dtype.

        Raises
        ------
        ValueError
            The dtype is none of integers, floats and booleans.
        """
        return cls(name, _encoded(dtype), dtype.itemsize, ndim)


class CompoundForm:
    """What the compound types of objects with the same fields share: everything but sizes and places.

    Parameters
    ----------
    members
        The fields in order, packed one behind the other.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        encoded = bytearray(_prefix())
        places: list[int] = []

        def number() -> None:
            places.append(len(encoded))
            encoded.extend(bytes(_NUMBER_BYTES))

        encoded += bytes([_COMPOUND]) + len(self.members).to_bytes(3, "little")
        number()
        for member in self.members:
            name = member.name.encode()
            encoded += name + bytes(_PADDED_TO - len(name) % _PADDED_TO)
            number()
            if member.ndim:
                encoded += bytes([_ARRAY, 0, 0, 0])
                number()
                encoded += member.ndim.to_bytes(4, "little")
                for _ in range(member.ndim):
                    number()
                encoded += np.arange(member.ndim, dtype="<u4").tobytes()  # an order of dimensions, unused
            encoded += member.base
        self._blank = bytes(encoded)
        self._byte_places = np.add.outer(places, np.arange(_NUMBER_BYTES)).ravel()

    def encode(self, shapes: Sequence[Int64s]) -> tuple[list[bytes], Int64s]:
        """Encoded types of a number of objects, and int64 (objects,): the bytes of their records.

        Parameters
        ----------
        shapes
            For each field int64 (objects, ndim): the shape that its array has in each object.

        A type whose record is larger than `MAX_RECORD_BYTES` is wrong: its caller looks at the bytes.
        """
        num_bytes = [
            member.item_size * shape.prod(axis=1) for member, shape in zip(self.members, shapes, strict=True)
        ]
        stops = np.cumsum(num_bytes, axis=0)
        totals = stops[-1]
        columns = [totals]
        for member, shape, size, stop in zip(self.members, shapes, num_bytes, stops, strict=True):
            columns.append(stop - size)
            if member.ndim:
                columns += [size, *shape.T]
        encoded = np.empty((len(totals), len(self._blank)), np.uint8)
        encoded[:] = np.frombuffer(self._blank, np.uint8)
        encoded[:, self._byte_places] = np.stack(columns, axis=1).astype("<u4").view(np.uint8)
        return [row.tobytes() for row in encoded], totals

    def matches(self, encoded: bytes) -> bool:
        """Whether an encoded type is one of this form, apart from the values of its numbers."""
        if len(encoded) != len(self._blank):
            return False
        rest = np.frombuffer(encoded, np.uint8).copy()
        rest[self._byte_places] = 0
        return rest.tobytes() == self._blank

    def of_message(self, message: bytes) -> bytes | None:
        """Encoded type from a datatype message, which has padding; None: it is not of this form."""
        encoded = (_prefix() + message)[: len(self._blank)]
        is_padded = len(message) - (len(self._blank) - len(_prefix())) < _PADDED_TO
        return encoded if is_padded and self.matches(encoded) else None

    def num_bytes(self, encoded: bytes) -> int:
        """Bytes of the record of an encoded type of this form."""
        return int.from_bytes(encoded[self._byte_places[0] :][:_NUMBER_BYTES], "little")

    def fields(self, encoded: bytes) -> Iterator[tuple[Member, int, tuple[int, ...]]]:
        """Each field, its place in the record, and its array's shape, from an encoded type of this form."""
        numbers = iter(np.frombuffer(encoded, np.uint8)[self._byte_places].view("<u4").tolist())
        next(numbers)
        for member in self.members:
            place = next(numbers)
            if member.ndim:
                next(numbers)
            yield member, place, tuple(islice(numbers, member.ndim))

    def scalar_places(self, encoded: bytes) -> Int64s:
        """int64 (scalars,): where each scalar field stands in the record of an encoded type of this form."""
        numbers = np.frombuffer(encoded, np.uint8)[self._byte_places].view("<u4").astype(np.int64)
        return np.asarray(numbers[self._scalar_numbers])

    @cached_property
    def scalars(self) -> tuple[Member, ...]:
        """The fields that are scalars."""
        return tuple(member for member in self.members if not member.ndim)

    @cached_property
    def _scalar_numbers(self) -> Int64s:
        """Which of the form's numbers are the places of scalars."""
        first = np.cumsum([1, *(2 + member.ndim if member.ndim else 1 for member in self.members)])[:-1]
        is_scalar = np.array([not member.ndim for member in self.members], bool)
        return np.asarray(first[is_scalar])


def form_of(compound: h5t.TypeCompoundID) -> CompoundForm:
    """Form of a compound type of numbers and of arrays of numbers.

    Raises
    ------
    ValueError
        A field is neither.
    """
    members = []
    for i in range(compound.get_nmembers()):
        name, kind = compound.get_member_name(i).decode(), compound.get_member_type(i)
        ndim = 0
        if isinstance(kind, h5t.TypeArrayID):
            ndim, kind = kind.get_array_ndims(), kind.get_super()
        if kind.get_class() not in (h5t.INTEGER, h5t.FLOAT, h5t.ENUM):
            raise ValueError(f"field '{name}' is neither a number nor an array of numbers")
        members.append(Member(name, kind.encode()[len(_prefix()) :], kind.get_size(), ndim))
    return CompoundForm(members)


@lru_cache
def _encoded(dtype: np.dtype[Any]) -> bytes:
    if dtype.kind not in "biuf":
        raise ValueError(
            f"an attribute of dtype {dtype} cannot be written, only integers, floats and booleans"
        )
    return bytes(h5t.py_create(dtype).encode()[len(_prefix()) :])


@lru_cache
def _decoded(base: bytes) -> np.dtype[Any]:
    dtype: np.dtype[Any] = h5t.decode(_prefix() + base).dtype
    return dtype


@lru_cache
def _prefix() -> bytes:
    """What HDF5 puts before an encoded type: the code of datatype messages, and its version of `encode`."""
    return bytes(h5t.NATIVE_INT8.encode()[:2])
