"""The joggle: Qhull's, so that ties are decided as it decides them."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from numl_polars.objects.delaunay.joggle import joggle
from numl_polars.objects.delaunay.triangulate import triangulate
from tests.objects.delaunay.shapes import SHAPES, Pairs, widened


def qhull_edges(points: np.ndarray) -> Pairs:
    simplices = Delaunay(points, qhull_options="QJ").simplices.tolist()
    return {(min(pair), max(pair)) for corners in simplices for pair in combinations(corners, 2)}


def joggled_edges(points: np.ndarray) -> Pairs:
    offsets = np.array([0, len(points)])
    edges, _ = triangulate(joggle(points, offsets), offsets, np.arange(len(points)))
    return {(a, b) for a, b in edges.T.tolist() if a < b}


@pytest.mark.parametrize(
    "shape, share",
    [("uniform", 1), ("wires", 1), ("tracks", 0.9), ("integers", 0.9), ("circle", 0.9), ("rounded", 0.9)],
)
def test_joggle__decides_ties_as_qhull(shape: str, share: float) -> None:
    rng = np.random.default_rng(0)
    sets = [np.unique(widened(SHAPES[shape](rng, num)), axis=0) for num in [5, 8, 12, 30, 60, 100] * 10]
    equal = [joggled_edges(points) == qhull_edges(points) for points in sets]
    assert np.mean(equal) >= share


def test_joggle__only_ties_depend_on_it() -> None:
    square = widened([(0, 0), (1, 0), (1, 1), (0, 1)])
    offsets = np.array([0, 4])
    moved = joggle(square, offsets)
    assert 0 < np.abs(moved - square).max() < 1e-10
    assert joggled_edges(square) == qhull_edges(square)


@pytest.mark.parametrize(
    "points",
    [
        [(0, 0), (1, 0), (0, 1)],
        [(0, 0), (3, 3), (1, 1), (2, 2)],
        [(5, 0), (5, 1), (5, 7), (5, 3)],
        np.random.default_rng(0).normal(size=(9, 2)) * (1e-9, 1e6),
    ],
    ids=["few", "on a line", "on a wire", "very narrow"],
)
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "python"])
def test_joggle__leaves_what_it_would_spoil(points: object, compiled: bool) -> None:
    own = widened(points)
    run = joggle if compiled else joggle.py_func
    assert np.array_equal(run(own, np.array([0, len(own)])), own)


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=5), seed=st.integers(0, 99))
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "python"])
def test_joggle__each_set_by_itself(sizes: list[int], seed: int, compiled: bool) -> None:
    rng = np.random.default_rng(seed)
    sets = [widened(SHAPES["integers"](rng, num)) for num in sizes]
    run = joggle if compiled else joggle.py_func
    together = run(np.concatenate(sets), np.concatenate([[0], np.cumsum(sizes)]))
    alone = [joggle(points, np.array([0, len(points)])) for points in sets]
    assert np.array_equal(together, np.concatenate(alone))
