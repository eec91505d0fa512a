"""The densest window, against trying every one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from numl_polars.objects.maps.densest import densest_windows
from tests.objects.maps.oracles import densest


@settings(max_examples=200)
@given(st.lists(st.integers(0, 14), min_size=1, max_size=3), st.data())
def test_densest_windows__trying_all(counts: list[int], data) -> None:  # type: ignore[no-untyped-def]
    num, span = sum(counts), data.draw(st.sampled_from([3, 12]))
    bins = data.draw(arrays.arrays(np.int64, (num, 3), elements=st.integers(-span, span)))
    charge = data.draw(arrays.arrays(np.int64, num, elements=st.integers(0, 4))).astype(np.float64)
    size = data.draw(arrays.arrays(np.int64, 3, elements=st.integers(1, 9)))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    found = densest_windows(bins, charge, offsets, size)
    for own, count in enumerate(counts):
        rows = slice(offsets[own], offsets[own + 1])
        if not count:
            assert found[own].tolist() == [0, 0, 0]
            continue
        expected = densest(bins[rows].tolist(), charge[rows].tolist(), size.tolist())
        assert found[own].tolist() == expected


def test_densest_windows__contents_stand_in_the_middle() -> None:
    bins = np.array([[0, 10, 100], [0, 12, 100]])
    found = densest_windows(bins, np.array([1.0, 1.0]), np.array([0, 2]), np.array([1, 11, 4]))
    assert found.tolist() == [[0, 6, 99]]


def test_densest_windows__of_equal_ones_the_first() -> None:
    bins = np.array([[0, 9, 2], [0, 3, 8], [0, 3, 4], [0, 1, 90]])
    found = densest_windows(bins, np.array([2.0, 2.0, 2.0, 2.0]), np.array([0, 4]), np.array([1, 1, 1]))
    assert found.tolist() == [[0, 1, 90]]


def test_densest_windows__as_plain_python() -> None:
    rng = np.random.default_rng(0)
    bins = np.column_stack([np.zeros(60, np.int64), rng.integers(0, 40, (60, 2))])
    offsets, size = np.array([0, 25, 60]), np.array([1, 8, 8])
    charge = rng.uniform(0, 5, 60)
    compiled = densest_windows(bins, charge, offsets, size)
    from unittest.mock import patch

    from numl_polars.objects.maps import densest as module

    with (
        patch.object(module, "_raise", module._raise.py_func),
        patch.object(module, "_best_pair", module._best_pair.py_func),
    ):
        assert np.array_equal(densest_windows.py_func(bins, charge, offsets, size), compiled)


@pytest.mark.parametrize("charge", [0.0, 1.0])
def test_densest_windows__one_point(charge: float) -> None:
    found = densest_windows(np.array([[5, 6, 7]]), np.array([charge]), np.array([0, 1]), np.array([1, 3, 4]))
    assert found.tolist() == [[5, 5, 6]]
