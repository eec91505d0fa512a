import numpy as np
import pytest
from hypothesis import given, settings

from numl_polars.objects.batch import Attribute
from numl_polars.output.attribute_kinds import (
    AttributeKind,
    agreed_kinds,
    from_json,
    guessed,
    kinds_of,
    to_json,
)
from tests.output.builder import batch_of
from tests.output.strategies import Objects, object_sets

F4, I4, I8 = np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.int64)


@settings(deadline=None)
@given(objects=object_sets())
def test_kinds__json_and_join(objects: Objects) -> None:
    batch = batch_of(objects)
    kinds = kinds_of(batch)
    assert from_json(to_json(kinds)) == kinds
    assert list(from_json(to_json(kinds))) == list(kinds)
    for name, kind in kinds.items():
        arrays = [arrays[name] for arrays in objects.values()]
        assert all(kind.holds(array) for array in arrays)
        assert all(AttributeKind.like(name, array) == kind for array in arrays)
        joined = kind.join(name, arrays)
        for i, array in enumerate(arrays):
            np.testing.assert_array_equal(joined.of(i), array, strict=True)
        nothing = kind.join(name, [])
        assert AttributeKind.of(nothing) == kind


def test_kind__options_of_the_attribute() -> None:
    edges = np.zeros((2, 0), np.int64)
    attribute = Attribute("hit_a_hit/edge_index", edges, np.array([0]), 1, I4, True)
    kind = AttributeKind.of(attribute)
    assert kind == AttributeKind(I8, (2,), 1, I4, True)
    assert kind.empty_shape == (2, 0)
    assert from_json(to_json({"a": kind})) == {"a": kind}
    assert AttributeKind.of(Attribute("a/b", edges[0], np.array([0]), compact=I8)).compact is None


def test_kind__does_not_hold() -> None:
    kind = AttributeKind(F4, (3,))
    assert kind.holds(np.zeros((0, 3), F4))
    for array in (np.zeros((2, 3)), np.zeros((2, 4), F4), np.zeros(3, F4), np.zeros((), F4)):
        assert not kind.holds(array)
    assert not AttributeKind(F4, None).holds(np.zeros(1, F4))


def test_agreed_kinds() -> None:
    narrow, wide, other = (
        AttributeKind(I8, (), 0, I4),
        AttributeKind(I8, (), 0, I8, True),
        AttributeKind(I8, (2,)),
    )
    assert agreed_kinds([{"a": narrow}, {}, {"a": wide, "b": other}]) == {
        "a": AttributeKind(I8, (), 0, I8),
        "b": other,
    }
    assert agreed_kinds([{"a": narrow}, {"a": other}, {"a": narrow}]) == {}
    assert agreed_kinds([{"a": narrow}, {"a": AttributeKind(I8, ())}]) == {"a": AttributeKind(I8, ())}


def test_guessed__by_the_layout() -> None:
    assert guessed("hit_a_hit/edge_index", I8) == AttributeKind(I8, (2,), 1)
    assert guessed("sp/pos", F4) == AttributeKind(F4, (3,))
    assert guessed("mine/x", F4) == AttributeKind(F4, ())


@pytest.mark.parametrize("text", ["", "[]", "3", '{"a": 3}', '{"a": {"dtype": "nothing"}}', '{"a": {}}'])
def test_from_json__refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not describe attributes|Expecting value"):
        from_json(text)
