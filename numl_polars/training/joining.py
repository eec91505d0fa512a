"""Objects from several files as columns, in the order that was asked for."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from numl_polars.objects.batch import ObjectBatch
from numl_polars.output.attribute_kinds import check_joined, kinds_of

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
    kinds = kinds_of(first)
    for other, _ in parts[1:]:
        check_joined(kinds, kinds_of(other), (f"'{first.names[0]}'", f"'{other.names[0]}'"))
    owner = np.empty(sum(len(batch) for batch, _ in parts), np.int64)
    row = np.empty_like(owner)
    for number, (batch, places) in enumerate(parts):
        owner[places], row[places] = number, np.arange(len(batch))
    found = list(zip(owner.tolist(), row.tolist(), strict=True))
    return ObjectBatch(
        tuple(parts[number][0].names[i] for number, i in found),
        np.array([parts[number][0].event_index[i] for number, i in found], np.int64),
        tuple(
            kind.join(name, [parts[number][0].attributes[column].of(i) for number, i in found])
            for column, (name, kind) in enumerate(kinds.items())
        ),
    )
