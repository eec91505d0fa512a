"""What all arrays of one attribute have in common, which an empty one in a file does not tell by itself."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numl_polars.errors import InputError
from numl_polars.objects.batch import Array, Attribute, ObjectBatch
from numl_polars.output.layout import empty_shape


@dataclass(frozen=True)
class AttributeKind:
    """An attribute apart from its values.

    Parameters
    ----------
    dtype
        Of its values.
    shape
        Lengths of the axes other than that along which objects are joined, as in ``(6,)`` for hits with six
        features; None: one scalar an object.
    axis
        The axis along which objects are joined.
    compact, by_source
        As of the `Attribute`.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...] | None
    axis: int = 0
    compact: np.dtype[Any] | None = None
    by_source: bool = False

    @classmethod
    def of(cls, attribute: Attribute) -> "AttributeKind":
        """Kind of an attribute of a batch."""
        dtype = attribute.values.dtype
        compact = None if attribute.compact == dtype else attribute.compact
        if attribute.offsets is None:
            return cls(dtype, None, compact=compact)
        shape = _without(attribute.values.shape, attribute.axis)
        return cls(dtype, shape, attribute.axis, compact, attribute.by_source)

    @classmethod
    def like(cls, name: str, array: Array) -> "AttributeKind":
        """Kind of an attribute of which one array is known; edges are joined along their second axis."""
        if array.ndim == 0:
            return cls(array.dtype, None)
        axis = 1 if name.endswith("/edge_index") and array.ndim > 1 else 0
        return cls(array.dtype, _without(array.shape, axis), axis)

    @property
    def empty_shape(self) -> tuple[int, ...]:
        """Shape of an array without rows."""
        shape = self.shape or ()
        return (*shape[: self.axis], 0, *shape[self.axis :])

    def holds(self, array: Array) -> bool:
        """Whether an array of one object is of this kind."""
        if self.shape is None or array.ndim <= self.axis:
            return array.dtype == self.dtype and array.ndim == 0 and self.shape is None
        return array.dtype == self.dtype and _without(array.shape, self.axis) == self.shape

    def joins(self, other: "AttributeKind") -> bool:
        """Whether arrays of both can be joined: they differ in no more than how they are stored."""
        return (self.dtype, self.shape, self.axis) == (other.dtype, other.shape, other.axis)

    def join(self, name: str, arrays: Sequence[Array]) -> Attribute:
        """Attribute of a batch, from its array in each object, all of this kind."""
        if self.shape is None:
            values = np.array([array.item() for array in arrays], self.dtype)
            return Attribute(name, values, compact=self.compact)
        lengths = [array.shape[self.axis] for array in arrays]
        offsets = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        values = np.concatenate(arrays, axis=self.axis) if arrays else np.empty(self.empty_shape, self.dtype)
        return Attribute(name, values, offsets, self.axis, self.compact, self.by_source)


Kinds = Mapping[str, AttributeKind]


def kinds_of(objects: ObjectBatch) -> dict[str, AttributeKind]:
    """Kinds of the attributes of a batch, by name."""
    return {attribute.name: AttributeKind.of(attribute) for attribute in objects.attributes}


def check_joined(first: Kinds, second: Kinds, where: tuple[str, str]) -> None:
    """Nothing, if objects have the same attributes in the same order, and their arrays can be joined.

    Parameters
    ----------
    where
        What to say of where the first ones are, and the second.

    Raises
    ------
    InputError
        They have not.
    """
    odd = [
        name
        for name in {**first, **second}
        if name not in first or name not in second or not first[name].joins(second[name])
    ]
    if odd or list(first) != list(second):
        told = ", ".join(odd) or "their order"
        raise InputError(f"objects differ in their attributes ({told}): {where[1]}, {where[0]}")


def agreed_kinds(found: Iterable[Kinds]) -> dict[str, AttributeKind]:
    """What all agree on: attributes of which dtype, shape or axis differ are left out."""
    agreed: dict[str, AttributeKind] = {}
    differing: set[str] = set()
    for kinds in found:
        for name, kind in kinds.items():
            first = agreed.setdefault(name, kind)
            if not first.joins(kind):
                differing.add(name)
            elif first != kind:
                agreed[name] = replace(
                    first, compact=_wider(first, kind), by_source=first.by_source and kind.by_source
                )
    return {name: kind for name, kind in agreed.items() if name not in differing}


def to_json(kinds: Kinds) -> str:
    """Kinds as text, from which `from_json` gets them back."""
    return json.dumps({name: _as_dict(kind) for name, kind in kinds.items()}, separators=(",", ":"))


def from_json(text: str) -> dict[str, AttributeKind]:
    """Kinds from text.

    Raises
    ------
    ValueError
        The text is none that `to_json` makes.
    """
    try:
        return {
            name: AttributeKind(
                np.dtype(facts["dtype"]),
                tuple(map(int, facts["shape"])) if "shape" in facts else None,
                int(facts.get("axis", 0)),
                np.dtype(facts["compact"]) if "compact" in facts else None,
                bool(facts.get("by_source", False)),
            )
            for name, facts in json.loads(text).items()
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{text[:40]!r} does not describe attributes") from error


def guessed(name: str, dtype: np.dtype[Any]) -> AttributeKind:
    """Kind of an attribute of which only empty arrays are known."""
    return AttributeKind.like(name, np.empty(empty_shape(name), dtype))


def _as_dict(kind: AttributeKind) -> dict[str, object]:
    facts: dict[str, object] = {"dtype": kind.dtype.name}
    if kind.shape is not None:
        facts["shape"] = list(kind.shape)
    if kind.axis:
        facts["axis"] = kind.axis
    if kind.compact is not None:
        facts["compact"] = kind.compact.name
    if kind.by_source:
        facts["by_source"] = True
    return facts


def _wider(left: AttributeKind, right: AttributeKind) -> np.dtype[Any] | None:
    if left.compact is None or right.compact is None:
        return None
    return np.promote_types(left.compact, right.compact)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]
