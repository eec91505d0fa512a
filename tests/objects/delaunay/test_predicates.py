"""Predicates: the signs of rational arithmetic, for any points."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.objects.delaunay.predicates import NUM_TERMS, in_circle, orientation
from tests.objects.delaunay.shapes import exact, power, turn

TERMS = np.empty(NUM_TERMS)
small = st.integers(-8, 8).map(float)
single = st.floats(-(2.0**100), 2.0**100, width=32)
wide = st.floats(allow_nan=False, allow_infinity=False, width=32)
# as after a joggle
double = st.tuples(st.integers(0, 6000), st.floats(-1e-6, 1e-6)).map(sum)


def points(coordinate: Any, num: int) -> Any:
    return st.lists(st.tuples(coordinate, coordinate), min_size=num, max_size=num).map(
        lambda rows: np.array(rows, np.float64)
    )


KINDS = {"small": small, "single": single, "wide": wide, "double": double}
kinds = pytest.mark.parametrize("coordinate", KINDS.values(), ids=KINDS)


def sign(value: Any) -> int:
    return int(value > 0) - int(value < 0)


@kinds
@settings(deadline=None)
@given(data=st.data())
def test_orientation__is_exact(coordinate: Any, data: st.DataObject) -> None:
    abc = data.draw(points(coordinate, 3))
    expected = sign(turn(*exact(abc)))
    assert sign(orientation(abc, 0, 1, 2, TERMS)) == expected
    assert sign(orientation(abc, 1, 2, 0, TERMS)) == expected
    assert sign(orientation(abc, 1, 0, 2, TERMS)) == -expected


@kinds
@settings(deadline=None)
@given(data=st.data())
def test_in_circle__is_exact(coordinate: Any, data: st.DataObject) -> None:
    abcd = data.draw(points(coordinate, 4))
    expected = power(*exact(abcd)) > 0
    assert in_circle(abcd, 0, 1, 2, 3, TERMS) == expected
    assert in_circle(abcd, 2, 0, 1, 3, TERMS) == expected


@settings(deadline=None)
@given(
    corner=st.tuples(single, single),
    step=st.floats(2.0**-10, 2.0**10, width=32),
    nudge=st.sampled_from([-1, 0, 1]),
)
def test_in_circle__tells_a_last_bit(corner: tuple[float, float], step: float, nudge: int) -> None:
    x, y = corner
    square = np.array([(x, y), (x + step, y), (x + step, y + step), (x, y + step)], np.float64)
    square[3, 1] = np.nextafter(square[3, 1], nudge * np.inf) if nudge else square[3, 1]
    assert in_circle(square, 0, 1, 2, 3, TERMS) == (power(*exact(square)) > 0)


@settings(deadline=None)
@given(data=st.data())
def test_orientation__tells_points_almost_on_a_line(data: st.DataObject) -> None:
    a, b = data.draw(points(single, 2))
    share = data.draw(st.floats(-2, 2))
    abc = np.array([a, b, a + share * (b - a)])
    assert sign(orientation(abc, 0, 1, 2, TERMS)) == sign(turn(*exact(abc)))
