"""Objects from several files as columns, in the order that was asked for."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.objects.batch import Attribute, ObjectBatch

Int64s = NDArray[np.int64]


def joined(parts: Sequence[tuple[ObjectBatch, Int64s]]) -> ObjectBatch:
    """All objects of some batches in one.

    Parameters
    ----------
    parts
        Batches, and the places of their objects in the result; at least one.

    Raises
    ------
    InputError
        They have different attributes.
    """
    first, places = parts[0]
    if len(parts) == 1 and np.array_equal(places, np.arange(len(first))):
        return first
    layout = [_layout(attribute) for attribute in first.attributes]
    for other, _ in parts[1:]:
        odd = set(layout) ^ {_layout(attribute) for attribute in other.attributes}
        if odd:
            named = ", ".join(sorted({name for name, *_ in odd}))
            raise InputError(
                f"objects differ in their attributes ({named}): '{other.names[0]}' and '{first.names[0]}'"
            )
    owner = np.empty(sum(len(batch) for batch, _ in parts), np.int64)
    row = np.empty_like(owner)
    for number, (batch, places) in enumerate(parts):
        owner[places], row[places] = number, np.arange(len(batch))
    found = list(zip(owner.tolist(), row.tolist(), strict=True))
    return ObjectBatch(
        tuple(parts[number][0].names[i] for number, i in found),
        np.array([parts[number][0].event_index[i] for number, i in found], np.int64),
        tuple(
            _joined([(parts[number][0].attributes[column], i) for number, i in found])
            for column in range(len(layout))
        ),
    )


def _layout(attribute: Attribute) -> tuple[Any, ...]:
    shape = attribute.values.shape
    return (
        attribute.name,
        attribute.values.dtype,
        attribute.offsets is None,
        shape[: attribute.axis],
        shape[attribute.axis + 1 :],
    )


def _joined(objects: Sequence[tuple[Attribute, int]]) -> Attribute:
    """One attribute of objects, each a row of a column."""
    like = objects[0][0]
    arrays = [attribute.of(row) for attribute, row in objects]
    if like.offsets is None:
        return Attribute(like.name, np.array(arrays, like.values.dtype))
    offsets = np.cumsum([0, *(array.shape[like.axis] for array in arrays)], dtype=np.int64)
    shape = list(like.values.shape)
    shape[like.axis] = int(offsets[-1])
    values = np.empty(shape, like.values.dtype)
    for array, (start, stop) in zip(arrays, pairwise(offsets.tolist()), strict=True):
        (values[:, start:stop] if like.axis else values[start:stop])[...] = array
    return Attribute(like.name, values, offsets, like.axis)
