"""Triangulations: Delaunay where the answer is unique, defined where it is not."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from numl_polars.objects.delaunay import hit_edges, triangulation_edges
from numl_polars.objects.edges import counting_order, undirected_edges


def edges_of(points: np.ndarray, usable: np.ndarray | None = None) -> set[tuple[int, int]]:
    points = np.asarray(points, np.float32).reshape(-1, 2)
    usable = np.ones(len(points), np.bool_) if usable is None else usable
    edges = triangulation_edges(points, usable, np.array([0, len(points)]))
    pairs = list(map(tuple, edges.T.tolist()))
    assert pairs == sorted(set(pairs))
    assert {(b, a) for a, b in pairs} == set(pairs)
    return set(pairs)


@pytest.mark.parametrize("num", [4, 10, 300])
def test_triangulation_edges__random_points_equal_scipy(num: int) -> None:
    points = np.random.default_rng(num).normal(size=(num, 2)).astype(np.float32)
    indptr, indices = Delaunay(points.astype(np.float64)).vertex_neighbor_vertices
    expected = {(a, int(b)) for a in range(num) for b in indices[indptr[a] : indptr[a + 1]]}
    assert edges_of(points) == expected


@pytest.mark.parametrize(
    "points, expected",
    [
        ([], set()),
        ([(0, 0)], set()),
        ([(0, 0), (1, 1)], {(0, 1), (1, 0)}),
        ([(0, 0), (1, 0), (0, 1)], {(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)}),
        ([(0, 0), (2, 2), (1, 1)], {(0, 2), (2, 0), (1, 2), (2, 1)}),
        ([(5, 3), (5, 1), (5, 2), (5, 9)], {(1, 2), (2, 1), (2, 0), (0, 2), (0, 3), (3, 0)}),
    ],
)
def test_triangulation_edges__few_or_collinear_points(
    points: list[tuple[float, float]], expected: set[tuple[int, int]]
) -> None:
    assert edges_of(np.array(points)) == expected


@pytest.mark.parametrize(
    "points",
    [
        np.stack(np.meshgrid(np.arange(12), np.arange(9)), axis=-1).reshape(-1, 2),
        [(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 40, endpoint=False)],
        np.random.default_rng(1).normal(size=(50, 2)) * (1e-7, 1e6),
        np.random.default_rng(2).normal(size=(50, 2)) * (1e-30, 1e30),
        np.random.default_rng(3).normal(size=(50, 2)) * 1e-6 + 1e6,
    ],
    ids=["grid", "circle", "narrow", "very narrow", "far away"],
)
def test_triangulation_edges__degenerate_points_are_connected_and_repeatable(points: np.ndarray) -> None:
    edges = edges_of(points)
    assert edges == edges_of(points)
    seen, pending = {0}, [0]
    while pending:
        here = pending.pop()
        near = {b for a, b in edges if a == here} - seen
        seen |= near
        pending += near
    distinct = len(np.unique(np.asarray(points, np.float32), axis=0))
    assert len(seen) >= distinct


def test_triangulation_edges__sets_do_not_mix() -> None:
    points = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    offsets = np.array([0, 15, 15, 16, 40])
    together = triangulation_edges(points, np.ones(40, np.bool_), offsets)
    alone = [
        triangulation_edges(points[a:b], np.ones(b - a, np.bool_), np.array([0, b - a])) + a
        for a, b in pairwise(offsets.tolist())
    ]
    assert np.array_equal(together, np.concatenate(alone, axis=1))


def test_triangulation_edges__unusable_points_have_no_edges() -> None:
    points = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    usable = np.arange(30) % 3 > 0
    edges = edges_of(points, usable)
    rows = np.flatnonzero(usable)
    assert edges == {(int(rows[a]), int(rows[b])) for a, b in edges_of(points[rows])}


def test_hit_edges__repeated_and_nonfinite_hits() -> None:
    rng = np.random.default_rng(0)
    position = rng.uniform(0, 100, (30, 2)).astype(np.float32)
    plane = np.repeat([2, 1, 0], 10)
    position[3] = position[1]  # same plane: a repeat
    position[25] = position[12]  # other plane: a hit of its own
    position[5, 0], position[17, 1] = np.nan, np.inf
    edges = hit_edges(plane, position, np.array([0, 30]))
    assert np.flatnonzero(edges.repeated).tolist() == [3]
    assert np.flatnonzero(edges.nonfinite).tolist() == [5, 17]
    joint, planar = set(edges.joint[0][0].tolist()), set(edges.planar[0][0].tolist())
    assert joint == planar == set(range(30)) - {3, 5, 17}


def test_hit_edges__planes_ascend_within_events() -> None:
    rng = np.random.default_rng(0)
    plane = np.array([2] * 8 + [0] * 8 + [1] * 8 + [1] * 6 + [0] * 6)
    position = rng.uniform(0, 100, (36, 2)).astype(np.float32)
    edges, starts = hit_edges(plane, position, np.array([0, 24, 36])).planar
    assert edges.max() < 24
    for event, (first, hits) in enumerate([(0, 24), (24, 12)]):
        own = edges[:, starts[event] : starts[event + 1]]
        assert own.max() < hits
        planes = plane[first + own]
        assert (planes[0] == planes[1]).all()
        assert (np.diff(planes[0]) >= 0).all()


segments = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40)


@settings(deadline=None)
@given(segments=segments)
@pytest.mark.parametrize("run", [undirected_edges, undirected_edges.py_func], ids=["compiled", "python"])
def test_undirected_edges__sorted_both_ways_once(run, segments: list[tuple[int, int]]) -> None:  # type: ignore[no-untyped-def]
    expected = sorted({pair for a, b in segments for pair in ((a, b), (b, a))})
    edges = run(np.array(segments, np.int64).reshape(-1, 2), 10)
    assert list(map(tuple, edges.T.tolist())) == expected


@given(keys=st.lists(st.integers(0, 6), max_size=30))
@pytest.mark.parametrize("run", [counting_order, counting_order.py_func], ids=["compiled", "python"])
def test_counting_order__is_a_stable_sort(run, keys: list[int]) -> None:  # type: ignore[no-untyped-def]
    assert run(np.array(keys, np.int64), 7).tolist() == np.argsort(keys, kind="stable").tolist()
