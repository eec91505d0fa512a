"""HDF5 datatypes of columns: which are one, which hold the values of others, and what stands for no value."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

# integers that a float64 holds exactly
_EXACT_BYTES = 4

TypeBytes = bytes
"""A datatype as HDF5 encodes it, which can be compared and sent to other ranks."""


@cache
def decoded(type_bytes: TypeBytes) -> h5py.h5t.TypeID:
    """The datatype."""
    return h5py.h5t.decode(type_bytes)


@cache
def numpy_dtype(type_bytes: TypeBytes) -> np.dtype[Any]:
    """What NumPy calls the datatype.

    Raises
    ------
    TypeError
        NumPy has none such.
    """
    dtype: np.dtype[Any] = decoded(type_bytes).dtype
    return dtype


@cache
def is_string(type_bytes: TypeBytes) -> bool:
    """Whether values are strings, of either storage."""
    return bool(decoded(type_bytes).get_class() == h5py.h5t.STRING)


@cache
def is_variable(type_bytes: TypeBytes) -> bool:
    """Whether values are strings of variable length."""
    return is_string(type_bytes) and bool(decoded(type_bytes).is_variable_str())


@cache
def is_joinable(type_bytes: TypeBytes) -> bool:
    """Whether values stand for themselves: they refer to nothing else in their file, or are strings."""
    try:
        return is_string(type_bytes) or not numpy_dtype(type_bytes).hasobject
    except TypeError:
        return False


@cache
def item_bytes(type_bytes: TypeBytes) -> int:
    """Bytes of one value in the file."""
    return int(decoded(type_bytes).get_size())


@cache
def described(type_bytes: TypeBytes) -> str:
    """Name of the datatype for messages."""
    if is_variable(type_bytes):
        return "variable strings"
    if is_string(type_bytes):
        return f"strings of {item_bytes(type_bytes)} bytes"
    try:
        return str(numpy_dtype(type_bytes))
    except TypeError:
        return "of a type that NumPy has not"


def same(left: TypeBytes, right: TypeBytes) -> bool:
    """Whether two datatypes are one."""
    return left == right or bool(decoded(left).equal(decoded(right)))


def fixed_string(type_bytes: Sequence[TypeBytes], num_bytes: int) -> TypeBytes:
    """Datatype of null-padded strings for those of all others; variable ones take `num_bytes`."""
    if not any(map(is_variable, type_bytes)) and all(same(type_bytes[0], one) for one in type_bytes):
        return type_bytes[0]
    sizes = [num_bytes if is_variable(one) else item_bytes(one) for one in type_bytes]
    found = h5py.h5t.C_S1.copy()
    found.set_size(max(sizes))
    found.set_strpad(h5py.h5t.STR_NULLPAD)
    found.set_cset(_charset(type_bytes))
    return bytes(found.encode())


def variable_string(type_bytes: Sequence[TypeBytes]) -> TypeBytes:
    """Datatype of strings of variable length for the values of all others."""
    if all(same(type_bytes[0], one) for one in type_bytes) and is_variable(type_bytes[0]):
        return type_bytes[0]
    found = h5py.h5t.C_S1.copy()
    found.set_size(h5py.h5t.VARIABLE)
    found.set_cset(_charset(type_bytes))
    return bytes(found.encode())


def _charset(type_bytes: Sequence[TypeBytes]) -> int:
    """UTF-8 if any of the strings is, which ASCII is as well."""
    return int(max(decoded(one).get_cset() for one in type_bytes))


def promoted(type_bytes: Sequence[TypeBytes]) -> TypeBytes | None:
    """A datatype of numbers that holds all values of all, of one of them if it can; None where none does."""
    try:
        dtypes = [numpy_dtype(one) for one in type_bytes]
    except TypeError:
        return None
    if any(dtype.kind not in "iuf" for dtype in dtypes):
        return None
    whole = np.result_type(*dtypes)
    if whole.kind == "f" and any(dtype.kind in "iu" and dtype.itemsize > _EXACT_BYTES for dtype in dtypes):
        return None
    for one, dtype in zip(type_bytes, dtypes, strict=True):
        if dtype == whole:
            return one
    return bytes(h5py.h5t.py_create(whole.newbyteorder("<")).encode())


def differ_in_byte_order(type_bytes: Sequence[TypeBytes]) -> bool:
    """Whether all that sets these datatypes apart is the order of bytes."""
    try:
        dtypes = {numpy_dtype(one).newbyteorder("=") for one in type_bytes}
    except TypeError:
        return False
    return len(dtypes) == 1 and next(iter(dtypes)).kind in "iuf"


def null_of(type_bytes: TypeBytes) -> NDArray[Any] | None:
    """The value that says there is none, as a scalar array: NaN, -1, or no text; None where none does."""
    if is_string(type_bytes):
        return np.array(b"", "S1")
    try:
        dtype = numpy_dtype(type_bytes)
    except TypeError:
        return None
    null = {"f": np.nan, "i": -1}.get(dtype.kind)
    return None if null is None else np.array(null, dtype)
