"""Kernels of bins, compiled and as plain Python, against loops over dictionaries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from numl_polars.objects.maps import binning
from tests.objects.maps.oracles import bin_of, shares

COMPILED = [True, False]


def function(name: str, compiled: bool):  # type: ignore[no-untyped-def]
    kernel = getattr(binning, name)
    return kernel if compiled else kernel.py_func


@st.composite
def points_in_windows(draw: st.DrawFn):  # type: ignore[no-untyped-def]
    num, axes, sets = draw(st.integers(0, 30)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    values = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.5]) | st.floats(-20, 20)
    position = draw(arrays.arrays(np.float64, (num, axes), elements=values))
    owner = draw(arrays.arrays(np.int64, num, elements=st.integers(-1, sets - 1)))
    lower = draw(arrays.arrays(np.float64, (sets, axes), elements=st.floats(-10, 5)))
    width = draw(arrays.arrays(np.float64, (sets, axes), elements=st.sampled_from([0.1, 0.5, 1.0, 3.0])))
    shape = draw(arrays.arrays(np.int64, (sets, axes), elements=st.integers(0, 20)))
    return position, owner, lower, width, shape


@pytest.mark.parametrize("compiled", COMPILED)
def test_bin_points__plain_division(compiled: bool) -> None:
    @settings(max_examples=60)
    @given(points_in_windows())
    def check(case) -> None:  # type: ignore[no-untyped-def]
        position, owner, lower, width, shape = case
        bins = function("bin_points", compiled)(position, owner, lower, width, shape)
        for point, own in enumerate(owner):
            box = list(zip(lower[own].tolist(), width[own].tolist(), shape[own].tolist(), strict=True))
            expected = bin_of(position[point].tolist(), box) if own >= 0 else None
            assert tuple(bins[point]) == (expected or (-1,) * position.shape[1])

    check()


@pytest.mark.parametrize("compiled", COMPILED)
def test_spread_points__shares_add_up_and_are_integrals(compiled: bool) -> None:
    @settings(max_examples=60)
    @given(points_in_windows(), st.data())
    def check(case, data) -> None:  # type: ignore[no-untyped-def]
        position, owner, lower, width, shape = case
        widths = st.sampled_from([0.0, -1.0, np.nan, np.inf, 1e-300, 1e-9]) | st.floats(0.01, 30)
        sigma = data.draw(arrays.arrays(np.float64, len(position), elements=widths))
        position, lower, width, shape = (v[:, :1].copy() for v in (position, lower, width, shape))
        place = binning.bin_points(position, owner, lower, width, shape)[:, 0].copy()
        columns = (values[:, 0].copy() for values in (lower, width, shape))
        starts, bins, weight = function("spread_points", compiled)(
            position[:, 0].copy(), sigma, owner, place, *columns
        )
        for point, own in enumerate(owner):
            start, stop = starts[point], starts[point + 1]
            if place[point] < 0:
                assert start == stop
                continue
            found = dict(zip(bins[start:stop].tolist(), weight[start:stop].tolist(), strict=True))
            box = lower[own, 0], width[own, 0], shape[own, 0]
            expected = shares(position[point, 0], sigma[point], place[point], *box)
            assert sum(found.values()) == pytest.approx(1, abs=1e-12)
            for where in found.keys() | expected.keys():
                assert found.get(where, 0) == pytest.approx(expected.get(where, 0), abs=1e-9)

    check()


@pytest.mark.parametrize("compiled", COMPILED)
def test_number_cells__sorted_and_the_same_cell_for_the_same_bins(compiled: bool) -> None:
    @settings(max_examples=60)
    @given(st.integers(0, 40), st.integers(1, 3), st.integers(1, 4), st.data())
    def check(num: int, axes: int, sets: int, data) -> None:  # type: ignore[no-untyped-def]
        largest = data.draw(st.sampled_from([2, 40_000]))
        bins = data.draw(arrays.arrays(np.int64, (num, axes), elements=st.integers(0, largest)))
        bins[data.draw(arrays.arrays(np.bool_, num))] = -1
        owner = data.draw(arrays.arrays(np.int64, num, elements=st.integers(-1, sets - 1)))
        cell, coordinates, offsets = function("number_cells", compiled)(owner, bins, sets)
        there = [
            (own, *row) if own >= 0 and row[0] >= 0 else None
            for own, row in zip(owner.tolist(), bins.tolist(), strict=True)
        ]
        cells = sorted({key for key in there if key is not None})
        owners = np.repeat(np.arange(sets), np.diff(offsets))
        assert [(own, *row) for own, row in zip(owners, coordinates.tolist(), strict=True)] == cells
        assert cell.tolist() == [-1 if key is None else cells.index(key) for key in there]

    check()


def test_bounds__of_sets() -> None:
    position = np.array([[1.0, 5.0], [3.0, 2.0], [9.0, 9.0], [0.0, 0.0]])
    least, most = binning.bounds(position, np.array([0, 0, 2, -1]), 3)
    assert least.tolist() == [[1, 2], [np.inf, np.inf], [9, 9]]
    assert most.tolist() == [[3, 5], [-np.inf, -np.inf], [9, 9]]
