"""Rows of one input's column as the output stores them."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.tables.chunks import REFERENCE
from numl_polars.tables.heap import heap_values
from numl_polars.tables.rows import read_strings
from numl_polars.tools.concat import datatypes
from numl_polars.tools.concat.datatypes import TypeBytes
from numl_polars.tools.concat.inputs import InputColumn

Bytes = NDArray[np.uint8]


def read_column(
    column: InputColumn, start: int, stop: int, type_bytes: TypeBytes, *, where: str, path: Path
) -> Bytes:
    """Rows ``[start, stop)`` of a column as bytes of the output's datatype, uint8 (rows, bytes of a row).

    Parameters
    ----------
    type_bytes
        Datatype of the output, not of variable strings.
    where, path
        Table and column, and the file, for messages.

    Raises
    ------
    InputError
        They cannot be read, or a string is too long.
    """
    try:
        return _read(column, start, stop, type_bytes, where, path)
    except (OSError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise InputError(f"{where} of {path}: rows [{start}, {stop}) cannot be read: {error}") from error


def read_objects(column: InputColumn, start: int, stop: int, *, where: str, path: Path) -> NDArray[Any]:
    """Rows ``[start, stop)`` of a column of strings as Python's bytes; errors as of `read_column`."""
    try:
        stored = _stored(column, start, stop)
        if stored is not None and stored.dtype == REFERENCE:
            return _objects(column, stored)
        column.check(start, stop)
        return np.asarray(column.dataset[start:stop].astype(object))
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        raise InputError(f"{where} of {path}: rows [{start}, {stop}) cannot be read: {error}") from error


def null_rows(num_rows: int, type_bytes: TypeBytes, row_shape: tuple[int, ...]) -> Bytes:
    """Rows of nulls, uint8 (rows, bytes of a row)."""
    null = datatypes.null_of(type_bytes)
    assert null is not None
    dtype = datatypes.numpy_dtype(type_bytes)
    return _as_bytes(np.full((num_rows, int(np.prod(row_shape, dtype=np.int64))), null, dtype))


def _read(column: InputColumn, start: int, stop: int, type_bytes: TypeBytes, where: str, path: Path) -> Bytes:
    stored_type = column.type
    if datatypes.same(stored_type, type_bytes):
        stored = _stored(column, start, stop)
        return _as_bytes(_by_hdf5(column, start, stop, type_bytes) if stored is None else stored)
    if not datatypes.is_string(type_bytes):
        dtype = datatypes.numpy_dtype(type_bytes)
        stored = _stored(column, start, stop)
        found = _by_hdf5(column, start, stop, type_bytes) if stored is None else stored.astype(dtype)
        return _as_bytes(found)
    if not datatypes.is_variable(stored_type):
        # HDF5 knows all paddings, and the output has room for all
        return _as_bytes(_by_hdf5(column, start, stop, type_bytes))
    length = datatypes.item_bytes(type_bytes)
    stored = _stored(column, start, stop)
    if stored is not None and stored.dtype == REFERENCE:
        return _fixed(column, stored, length, where, path, start)
    values = _texts(column, start, stop)
    too_long = np.flatnonzero((np.char.str_len(values) > length).any(axis=1))
    if too_long.size:
        row = int(too_long[0])
        raise _too_long(start + row, int(np.char.str_len(values[row]).max()), length, where, path)
    return _as_bytes(values.astype(f"S{length}"))


def _texts(column: InputColumn, start: int, stop: int) -> NDArray[np.bytes_]:
    """Values of variable strings, ``S`` array (rows, width), through HDF5."""
    column.check(start, stop)
    dataset = column.dataset
    if dataset.ndim <= 2:
        return read_strings(dataset, start, stop, _row_values(dataset))
    return np.asarray(dataset[start:stop]).astype("S").reshape(stop - start, -1)


def _row_values(dataset: h5py.Dataset) -> int:
    """Values of a row."""
    return int(np.prod(dataset.shape[1:], dtype=np.int64))


def _stored(column: InputColumn, start: int, stop: int) -> NDArray[Any] | None:
    """Rows as they are stored, (rows, width), read past HDF5; None where only HDF5 can."""
    if (contiguous := column.contiguous) is not None:
        rows = np.empty((stop - start, contiguous.width), contiguous.dtype)
        contiguous.read_into(start, rows)
        return rows
    if (chunked := column.chunked) is not None:
        first = start // chunked.slab_rows
        rows = chunked.load(first, -(-stop // chunked.slab_rows))
        begin = first * chunked.slab_rows
        return rows[start - begin : stop - begin]
    return None


def _by_hdf5(column: InputColumn, start: int, stop: int, type_bytes: TypeBytes) -> NDArray[Any]:
    column.check(start, stop)
    dataset = column.dataset
    shape = (stop - start, *dataset.shape[1:])
    rows = np.empty(shape, f"V{datatypes.item_bytes(type_bytes)}")
    space = dataset.id.get_space()
    space.select_hyperslab((start,) + (0,) * (dataset.ndim - 1), shape)
    memory = datatypes.decoded(type_bytes)
    if datatypes.is_string(type_bytes):
        # HDF5 does not take ASCII for UTF-8
        memory = memory.copy()
        memory.set_cset(dataset.id.get_type().get_cset())
    dataset.id.read(h5py.h5s.create_simple(shape), space, rows, memory)
    return rows


def _objects(column: InputColumn, references: NDArray[Any]) -> NDArray[Any]:
    """Values of variable strings as Python's bytes; one ends at its first null."""
    values = np.empty(references.size, object)
    for part, words, places, sizes in heap_values(column.file, references.reshape(-1)):
        heaps = words.tobytes()
        spans = zip((8 * places).tolist(), sizes.tolist(), strict=True)
        texts = (heaps[begin : begin + size].partition(b"\0")[0] for begin, size in spans)
        values[part] = np.fromiter(texts, object, len(places))
    return values.reshape(references.shape)


def _fixed(
    column: InputColumn, references: NDArray[Any], length: int, where: str, path: Path, start: int
) -> Bytes:
    """Values of variable strings, padded with nulls."""
    from numl_polars.tables.byte_kernels import place_values

    references = references.reshape(-1)
    num_words = -(-length // 8)
    rows = np.zeros(references.size * num_words, np.int64)
    for part, words, places, sizes in heap_values(column.file, references):
        own = rows[part.start * num_words : part.stop * num_words]
        wrong = place_values(words, places, sizes, length, own)
        if wrong >= 0:
            row = start + (part.start + wrong) // _row_values(column.dataset)
            raise _too_long(row, int(sizes[wrong]), length, where, path)
    values = rows.view(np.uint8).reshape(references.size, 8 * num_words)[:, :length]
    return np.ascontiguousarray(values).reshape(-1, length * _row_values(column.dataset))


def _too_long(row: int, found: int, length: int, where: str, path: Path) -> InputError:
    return InputError(
        f"{where} of {path}: the string of row {row} has {found} bytes, the output room for {length}; "
        "--string-bytes makes more, --strings keep leaves them variable"
    )


def _as_bytes(rows: NDArray[Any]) -> Bytes:
    whole = np.ascontiguousarray(rows)
    num_bytes = whole.dtype.itemsize * int(np.prod(whole.shape[1:], dtype=np.int64))
    return whole.view(np.uint8).reshape(len(whole), num_bytes)
