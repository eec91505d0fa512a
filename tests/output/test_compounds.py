from typing import Any

import numpy as np
import pytest
from h5py import h5t
from hypothesis import given
from hypothesis import strategies as st

from numl_polars.output.compounds import CompoundForm, Member, form_of

DTYPES = [np.dtype(code) for code in ("i4", "f4", "i8", "?", "u1", ">i2", "f2", "f8", ">f4")]
Fields = list[tuple[str, np.dtype[Any], tuple[int, ...]]]


def made_by_member(fields: Fields) -> h5t.TypeCompoundID:
    """The type as HDF5 makes it, the oracle of the encoding."""
    sizes = [int(np.prod(shape)) * dtype.itemsize for _, dtype, shape in fields]
    compound = h5t.create(h5t.COMPOUND, sum(sizes))
    start = 0
    for (name, dtype, shape), size in zip(fields, sizes, strict=True):
        kind = h5t.py_create(dtype)
        compound.insert(name.encode(), start, h5t.array_create(kind, shape) if shape else kind)
        start += size
    return compound


def form(fields: Fields) -> CompoundForm:
    return CompoundForm([Member.of(name, dtype, len(shape)) for name, dtype, shape in fields])


def shapes(fields: Fields) -> list[Any]:
    return [np.array([shape], np.int64).reshape(1, len(shape)) for _, _, shape in fields]


field_lists: st.SearchStrategy[Fields] = st.lists(
    st.tuples(
        st.text("abcé/_-", min_size=1, max_size=20),
        st.sampled_from(DTYPES),
        st.lists(st.integers(1, 70_000), max_size=3).map(tuple).filter(lambda shape: np.prod(shape) < 2**25),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda field: field[0],
)


@given(fields=field_lists)
def test_encode__equals_hdf5(fields: Fields) -> None:
    expected = made_by_member(fields)
    (encoded,), sizes = form(fields).encode(shapes(fields))
    assert h5t.decode(encoded).equal(expected)
    assert sizes.tolist() == [expected.get_size()]
    # versions differ where all are scalars, and for what stands for booleans
    if any(shape for _, _, shape in fields) and not any(dtype.kind == "b" for _, dtype, _ in fields):
        assert encoded == expected.encode()


@given(fields=field_lists)
def test_form_of__finds_the_fields(fields: Fields) -> None:
    (encoded,), _ = form(fields).encode(shapes(fields))
    compound = h5t.decode(encoded)
    found = form_of(compound)
    assert found.members == form(fields).members
    assert found.matches(encoded)
    scalars = [i for i, (_, _, shape) in enumerate(fields) if not shape]
    assert [member.name for member in found.scalars] == [fields[i][0] for i in scalars]
    assert found.scalar_places(encoded).tolist() == [compound.get_member_offset(i) for i in scalars]


def test_encode__many_objects() -> None:
    kind = np.dtype(np.float32)
    objects: list[Fields] = [
        [("evt/y", np.dtype(np.int64), ()), ("hit/x", kind, (rows, 6)), ("hit/id", np.dtype("i8"), (rows,))]
        for rows in (3, 1, 70_000)
    ]
    stacked = [np.concatenate(column) for column in zip(*map(shapes, objects), strict=True)]
    encoded, sizes = form(objects[0]).encode(stacked)
    assert encoded == [made_by_member(fields).encode() for fields in objects]
    assert sizes.tolist() == [8 + 32 * rows for rows in (3, 1, 70_000)]


@pytest.mark.parametrize(
    "changed",
    [
        [("hit/y", np.dtype("f4"), (3,)), ("evt/y", np.dtype("i8"), ())],
        [("hit/x", np.dtype("f8"), (3,)), ("evt/y", np.dtype("i8"), ())],
        [("hit/x", np.dtype("f4"), (3, 1)), ("evt/y", np.dtype("i8"), ())],
        [("hit/x", np.dtype("f4"), (3,))],
    ],
)
def test_matches__other_fields(changed: Fields) -> None:
    fields: Fields = [("hit/x", np.dtype("f4"), (3,)), ("evt/y", np.dtype("i8"), ())]
    assert form(fields).matches(made_by_member(fields).encode())
    assert not form(fields).matches(made_by_member(changed).encode())


def test_form_of__fields_that_are_no_numbers() -> None:
    text = h5t.py_create(np.dtype("S4"))
    pair = made_by_member([("a", np.dtype("i4"), ())])
    for kind in (text, h5t.array_create(text, (2,)), pair):
        compound = h5t.create(h5t.COMPOUND, 64)
        compound.insert(b"hit/name", 0, kind)
        with pytest.raises(ValueError, match="field 'hit/name' is neither a number nor an array of numbers"):
            form_of(compound)
