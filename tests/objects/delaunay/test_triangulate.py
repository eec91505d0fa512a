"""The triangulation kernel: exactly Delaunay, SciPy's edges where they are unique, and never without end."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from numl_polars.objects.delaunay.distinct import repeats_of_position
from numl_polars.objects.delaunay.triangulate import triangulate
from tests.objects.delaunay.shapes import SHAPES, Pairs, assert_delaunay, widened


def edges_of_sets(sets: list[np.ndarray], *, compiled: bool = True) -> list[Pairs]:
    """Edges of each set, each in one direction, after a check of their form."""
    offsets = np.concatenate([[0], np.cumsum([len(points) for points in sets])])
    labels = np.concatenate([np.arange(len(points)) for points in sets])
    with np.errstate(over="ignore"):
        run = triangulate if compiled else triangulate.py_func
        edges, edge_offsets = run(np.concatenate(sets), offsets, labels)
    assert edge_offsets[0] == 0
    assert edge_offsets[-1] == edges.shape[1]
    found = []
    for start, stop in pairwise(edge_offsets.tolist()):
        pairs = list(map(tuple, edges[:, start:stop].T.tolist()))
        assert pairs == sorted(set(pairs))
        assert {(b, a) for a, b in pairs} == set(pairs)
        found.append({(a, b) for a, b in pairs if a < b})
    return found


def edges_of(points: object) -> Pairs:
    return edges_of_sets([widened(points)])[0]


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "python"])
@pytest.mark.parametrize("shape", SHAPES)
def test_triangulate__every_shape_is_delaunay(shape: str, compiled: bool) -> None:
    rng = np.random.default_rng(len(shape))
    sizes = [1, 2, 3, 4, 5, 6, 9, 17, 18, 30, 40] if compiled else [3, 7, 20]
    sets = [widened(SHAPES[shape](rng, num)) for num in sizes]
    for points, edges in zip(sets, edges_of_sets(sets, compiled=compiled), strict=True):
        assert_delaunay(points, edges)


coordinate = st.one_of(st.integers(0, 5), st.integers(0, 40), st.floats(-100, 100, width=32))


@settings(deadline=None, max_examples=150)
@given(points=st.lists(st.tuples(coordinate, coordinate), max_size=24))
def test_triangulate__any_small_set_is_delaunay(points: list[tuple[float, float]]) -> None:
    assert_delaunay(widened(points), edges_of(points))


@settings(deadline=None, max_examples=100)
@given(
    points=st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False, width=32)] * 2), max_size=12)
)
def test_triangulate__any_finite_set_is_delaunay(points: list[tuple[float, float]]) -> None:
    assert_delaunay(widened(points), edges_of(points))


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**32),
    num=st.integers(4, 400),
    shape=st.sampled_from(["uniform", "wires", "tracks", "far away"]),
)
def test_triangulate__unique_edges_equal_scipy(seed: int, num: int, shape: str) -> None:
    points = widened(SHAPES[shape](np.random.default_rng(seed), num))
    points = np.unique(points, axis=0)
    # far from any tie: a smooth move of less than a float32 can tell
    points = points + 1e-3 * np.random.default_rng(seed).normal(size=points.shape)
    indptr, indices = Delaunay(points).vertex_neighbor_vertices
    expected = {(a, int(b)) for a in range(len(points)) for b in indices[indptr[a] : indptr[a + 1]] if a < b}
    assert edges_of_sets([points])[0] == expected


@pytest.mark.parametrize(
    "points, expected",
    [
        ([], set()),
        ([(0, 0)], set()),
        ([(0, 0), (1, 1)], {(0, 1)}),
        ([(0, 0), (0, 0)], set()),
        ([(0, 0), (1, 0), (0, 1)], {(0, 1), (0, 2), (1, 2)}),
        ([(0, 0), (2, 2), (1, 1)], {(0, 2), (1, 2)}),
        ([(5, 3), (5, 1), (5, 2), (5, 9)], {(1, 2), (0, 2), (0, 3)}),
        ([(0.0, 1), (-0.0, 1), (3, 3)], {(0, 2)}),
    ],
)
def test_triangulate__few_or_collinear_points(points: list[tuple[float, float]], expected: Pairs) -> None:
    assert edges_of(points) == expected


@pytest.mark.parametrize("columns, rows", [(300, 100), (3000, 100)], ids=["30,000", "300,000"])
def test_triangulate__grid_has_all_sides_and_one_diagonal_a_cell(columns: int, rows: int) -> None:
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    points = widened(np.stack([x, y], axis=-1))
    edges, _ = triangulate(points, np.array([0, len(points)]), np.arange(len(points)))
    ends = np.sort(edges, axis=0)[:, edges[0] < edges[1]]
    across, along = np.abs(points[ends[1]] - points[ends[0]]).T
    assert (np.maximum(across, along) == 1).all()
    diagonals = ends[:, (across == 1) & (along == 1)]
    assert ends.shape[1] - diagonals.shape[1] == rows * (columns - 1) + columns * (rows - 1)
    cells = np.minimum(points[diagonals[0]], points[diagonals[1]])
    assert len(np.unique(cells, axis=0)) == len(cells) == (columns - 1) * (rows - 1)


def test_triangulate__a_million_points() -> None:
    points = widened(np.random.default_rng(0).uniform(0, 6000, (1_000_000, 2)))
    edges, _ = triangulate(points, np.array([0, len(points)]), np.arange(len(points)))
    assert not repeats_of_position(points, np.array([0, len(points)])).any()
    indptr, indices = Delaunay(points[:20_000]).vertex_neighbor_vertices
    assert edges.shape[1] / 2 == pytest.approx(3 * len(points), rel=1e-3)
    some, _ = triangulate(points[:20_000], np.array([0, 20_000]), np.arange(20_000))
    assert set(map(tuple, some.T.tolist())) == {
        (a, int(b)) for a in range(20_000) for b in indices[indptr[a] : indptr[a + 1]]
    }


def test_triangulate__sets_do_not_mix() -> None:
    rng = np.random.default_rng(0)
    sets = [widened(SHAPES["integers"](rng, num)) for num in (0, 15, 1, 0, 24, 300, 2)]
    assert edges_of_sets(sets) == [edges_of_sets([points])[0] for points in sets]


def test_triangulate__edges_bear_the_labels() -> None:
    points = widened([(0, 0), (1, 0), (0, 1)])
    edges, offsets = triangulate(points, np.array([0, 0, 3]), np.array([10, 20, 40]))
    assert edges.tolist() == [[10, 10, 20, 20, 40, 40], [20, 40, 10, 40, 10, 20]]
    assert offsets.tolist() == [0, 0, 6]


@given(
    points=st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), max_size=30), cut=st.integers(0, 30)
)
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "python"])
def test_repeats_of_position__all_but_the_first_of_a_set(
    points: list[tuple[int, int]], cut: int, compiled: bool
) -> None:
    offsets = [0, min(cut, len(points)), len(points)]
    expected = [points[i] in points[start:i] for start, stop in pairwise(offsets) for i in range(start, stop)]
    with np.errstate(over="ignore"):
        run = repeats_of_position if compiled else repeats_of_position.py_func
        assert run(widened(points), np.array(offsets)).tolist() == expected
