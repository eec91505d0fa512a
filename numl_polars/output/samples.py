"""Which objects may be samples, how large they are, and samples by row and by name."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.objects.batch import Attribute, ObjectBatch
from numl_polars.output.layout import may_be_empty

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]
Samples = Mapping[str, Int64s]


def tensor_bytes(objects: ObjectBatch) -> Int64s:
    """int64 (objects,): bytes of each object's values, as ``datasize`` has them."""
    total = np.zeros(len(objects), np.int64)
    for attribute in objects.attributes:
        total += _num_values(attribute, len(objects)) * attribute.values.itemsize
    return total


def has_all_nodes(objects: ObjectBatch) -> Bools:
    """Bool (objects,): whether no array of nodes is empty; no reader of the HDF5 layout can batch the others.

    Edges may be none. An object without nodes of a kind (an event without spacepoints) is in no sample, in
    any format, so that all formats have the same samples.
    """
    found = np.ones(len(objects), bool)
    for attribute in objects.attributes:
        if may_be_empty(attribute.name) and not attribute.name.endswith("/edge_index"):
            found &= _num_values(attribute, len(objects)) > 0
    return found


def named(samples: Samples, names: Sequence[str]) -> dict[str, list[str]]:
    """Names of each split's objects, from their rows."""
    return {split: [names[row] for row in rows] for split, rows in samples.items()}


def sample_rows(samples: Mapping[str, Sequence[str]], names: Sequence[str], where: str) -> dict[str, Int64s]:
    """Rows of each split's objects, from their names.

    Raises
    ------
    InputError
        A sample is no object of the file; `where` names it.
    """
    rows = {name: row for row, name in enumerate(names)}
    for split, members in samples.items():
        missing = [name for name in members if name not in rows]
        if missing:
            raise InputError(
                f"{len(missing)} of the {split} samples are no object of {where}, first '{missing[0]}'"
            )
    return {split: np.array([rows[name] for name in members], np.int64) for split, members in samples.items()}


class Tally:
    """Names and sizes of the objects that a writer has written.

    Attributes
    ----------
    names
        In the order in which they were written.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._bytes: list[Int64s] = [np.empty(0, np.int64)]
        self._has_all_nodes: list[Bools] = [np.empty(0, bool)]

    def add(self, objects: ObjectBatch) -> None:
        """Note the objects of a batch."""
        self.names += objects.names
        self._bytes.append(tensor_bytes(objects))
        self._has_all_nodes.append(has_all_nodes(objects))

    @property
    def tensor_bytes(self) -> Int64s:
        """int64 (objects,): see `tensor_bytes`."""
        return np.concatenate(self._bytes)

    @property
    def has_all_nodes(self) -> Bools:
        """Bool (objects,): see `has_all_nodes`."""
        return np.concatenate(self._has_all_nodes)


def _num_values(attribute: Attribute, num_objects: int) -> Int64s:
    """int64 (objects,): number of values that each object has of an attribute."""
    if attribute.offsets is None:
        return np.ones(num_objects, np.int64)
    shape = attribute.values.shape
    width = int(np.prod(shape[: attribute.axis] + shape[attribute.axis + 1 :]))
    return np.diff(attribute.offsets) * width
