"""The objects of a batch as HDF5 keeps them: one record each, its type and the pieces of memory it has.

A record is packed in the order of the attributes. HDF5 has no array of length zero, so an empty array is a
scalar 0 of its dtype.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import OutputError
from numl_polars.objects.batch import Array, Attribute, ObjectBatch
from numl_polars.output.compounds import MAX_RECORD_BYTES, CompoundForm, Member
from numl_polars.output.extents import Pieces
from numl_polars.output.layout import check_attribute_name

Int64s = NDArray[np.int64]


def record_types(objects: ObjectBatch) -> list[bytes]:
    """Encoded compound type of each object of a batch.

    Raises
    ------
    OutputError
        An object has more bytes than HDF5 can describe.
    ValueError
        An attribute is not named ``store/attribute``, or is no array of integers, floats or booleans.
    """
    attributes = objects.attributes
    for attribute in attributes:
        check_attribute_name(attribute.name)
    if not len(objects):
        return []
    shapes = [_shapes(attribute, len(objects)) for attribute in attributes]
    is_empty = np.stack([(shape == 0).any(axis=1) for shape in shapes], axis=1)
    types = [b""] * len(objects)
    # objects in which the same arrays are empty have types of one form
    for pattern in np.unique(is_empty, axis=0):
        rows = np.flatnonzero((is_empty == pattern).all(axis=1))
        members, found = [], []
        for attribute, shape, empty in zip(attributes, shapes, pattern.tolist(), strict=True):
            found.append(shape[rows, :0] if empty else shape[rows])
            members.append(Member.of(attribute.name, attribute.values.dtype, found[-1].shape[1]))
        encoded, sizes = _form(tuple(members)).encode(found)
        for row, type_of_row, size in zip(rows.tolist(), encoded, sizes.tolist(), strict=True):
            if size > MAX_RECORD_BYTES:
                raise OutputError(
                    f"object '{objects.names[row]}' has {size:,} bytes and cannot be written: "
                    f"a record of HDF5 has at most {MAX_RECORD_BYTES:,}"
                )
            types[row] = type_of_row
    return types


def record_pieces(objects: ObjectBatch) -> Iterator[Pieces]:
    """For each object the pieces of memory that are its record, in order; views of the batch's values."""
    columns = [column for attribute in objects.attributes for column in _columns(attribute, len(objects))]
    for i in range(len(objects)):
        found = (values[bounds[i] : bounds[i + 1]] or blank for values, bounds, blank in columns)
        yield [piece for piece in found if piece]


def _shapes(attribute: Attribute, num_objects: int) -> Int64s:
    """int64 (objects, ndim): shape of the attribute's array in each object."""
    if attribute.offsets is None:
        return np.empty((num_objects, 0), np.int64)
    shapes = np.empty((num_objects, attribute.values.ndim), np.int64)
    shapes[:] = attribute.values.shape
    shapes[:, attribute.axis] = np.diff(attribute.offsets)
    return shapes


def _columns(attribute: Attribute, num_objects: int) -> Iterator[tuple[memoryview, list[int], memoryview]]:
    """Bytes of an attribute's rows, the bounds of each object's, and what stands for none.

    What is joined along a later axis than the first has as many rows as the axes before it have places.
    """
    values = np.ascontiguousarray(attribute.values)
    offsets, axis = attribute.offsets, attribute.axis
    if offsets is None:
        offsets, axis = np.arange(num_objects + 1), 0
    num_rows = max(int(np.prod(values.shape[:axis])), 1)
    bounds = (offsets * values.itemsize * int(np.prod(values.shape[axis + 1 :]))).tolist()
    blank: Array = np.zeros(values.itemsize, np.uint8)
    for row in values.reshape(num_rows, values.size // num_rows):
        yield row.view(np.uint8).data, bounds, blank.data
        blank = blank[:0]


@lru_cache
def _form(members: tuple[Member, ...]) -> CompoundForm:
    return CompoundForm(members)
