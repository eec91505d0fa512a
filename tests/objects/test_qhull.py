"""The triangulation kernel: the same edges as Qhull, and by itself Delaunay."""

from fractions import Fraction
from itertools import combinations
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay, QhullError

from numl_polars.objects.delaunay import hit_edges
from numl_polars.objects.qhull import facets as hull
from numl_polars.objects.qhull.joggle import NUM_SCALES, SEED, first_amplitude, joggle, next_amplitude
from numl_polars.objects.qhull.quickhull import build_hull
from numl_polars.objects.qhull.triangulate import LEFT, LINE, NOTHING, TRIANGLES, triangulate

Pairs = set[tuple[int, int]]


def qhull_edges(points: np.ndarray) -> Pairs | None:
    try:
        simplices = Delaunay(points, qhull_options="QJ").simplices.tolist()
    except (QhullError, ValueError):
        return None
    return {(min(pair), max(pair)) for corners in simplices for pair in combinations(corners, 2)}


def kernel_edges(sets: list[np.ndarray]) -> tuple[list[Pairs], list[int]]:
    offsets = np.concatenate([[0], np.cumsum([len(points) for points in sets])])
    segments, kinds = triangulate(np.concatenate(sets), offsets)
    edges: list[Pairs] = [set() for _ in sets]
    owner = np.searchsorted(offsets, segments[:, 0], side="right") - 1
    for s, (a, b) in zip(owner.tolist(), (segments - offsets[owner][:, None]).tolist(), strict=True):
        pair = (min(a, b), max(a, b))
        assert pair not in edges[s]
        edges[s].add(pair)
    return edges, kinds.tolist()


def widened(points: object) -> np.ndarray:
    return np.asarray(points, np.float32).astype(np.float64).reshape(-1, 2)


def tracks(rng: np.random.Generator, num: int) -> np.ndarray:
    lines = []
    for _ in range(3):
        wire = rng.integers(0, 2000) + np.arange(num // 3 + 1)
        time = rng.uniform(0, 6000) + 5 * rng.normal() * np.arange(len(wire))
        lines.append(np.column_stack([wire, time + rng.choice([0, 0.1, 3]) * rng.normal(size=len(wire))]))
    return np.concatenate(lines)[:num]


def grid(rng: np.random.Generator, num: int) -> np.ndarray:
    side = np.arange(max(2, int(np.sqrt(num))))
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2) + rng.integers(-50, 50, 2)


def circle(rng: np.random.Generator, num: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, num, endpoint=False)
    return np.column_stack([np.cos(angle), np.sin(angle)]) * 10 ** rng.uniform(-2, 3)


SHAPES = {
    "uniform": lambda rng, num: rng.uniform(-1000, 1000, (num, 2)),
    "wires": lambda rng, num: np.column_stack(
        [np.rint(rng.uniform(0, 3000, num)), rng.uniform(0, 6000, num)]
    ),
    "integers": lambda rng, num: np.rint(rng.uniform(0, 300, (num, 2))),
    "few places": lambda rng, num: np.rint(rng.uniform(0, 20, (num, 2))),
    "pairs": lambda rng, num: np.repeat(rng.uniform(0, 1000, (num, 2)), 2, axis=0),
    "two lines": lambda rng, num: np.column_stack([100 * rng.integers(0, 2, num), rng.uniform(0, 100, num)]),
    "clusters": lambda rng, num: rng.normal(size=(num, 2)) * 10 ** rng.uniform(-4, 2, (num, 1)),
    "narrow": lambda rng, num: rng.normal(size=(num, 2)) * (1, 10 ** rng.uniform(-6, 6)),
    "far away": lambda rng, num: rng.normal(size=(num, 2)) + 10 ** rng.uniform(0, 4),
    "tracks": tracks,
    "grid": grid,
    "circle": circle,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_triangulate__equals_qhull(shape: str) -> None:
    rng = np.random.default_rng(len(shape))
    sizes = [4] * 60 + [5, 6, 8, 12] * 15 + [30] * 20 + [100] * 10 + [400] * 3 + [1500]
    sets = [widened(SHAPES[shape](rng, num)) for num in sizes]
    edges, kinds = kernel_edges(sets)
    for points, found, kind in zip(sets, edges, kinds, strict=True):
        expected = qhull_edges(points)
        if kind == TRIANGLES:
            assert found == expected
        else:
            # all that is not settled is what Qhull does not take either
            assert kind == LINE or expected is None
    assert kinds.count(TRIANGLES) > 0.9 * len(sets)


coordinate = st.one_of(st.integers(0, 12), st.floats(-100, 100, width=32))


@settings(deadline=None, derandomize=True, max_examples=300)
@given(points=st.lists(st.tuples(coordinate, coordinate), min_size=4, max_size=24))
def test_triangulate__any_small_set_equals_qhull(points: list[tuple[float, float]]) -> None:
    edges, kinds = kernel_edges([widened(points)])
    if kinds == [TRIANGLES]:
        assert edges == [qhull_edges(widened(points))]


@settings(deadline=None, derandomize=True, max_examples=100)
@given(
    points=st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False, width=32)] * 2), max_size=12)
)
def test_triangulate__any_finite_set_ends(points: list[tuple[float, float]]) -> None:
    edges, kinds = kernel_edges([widened(points)])
    if kinds == [TRIANGLES]:
        assert edges == [qhull_edges(widened(points))] or len(points) == 3
    else:
        assert edges == [set()]


def test_triangulate__kinds_of_sets() -> None:
    sets = [
        widened([]),
        widened([(1, 2)]),
        widened([(1, 2), (3, 4)]),
        widened([(0, 0), (1, 0), (0, 1)]),
        widened([(0, 0), (2, 2), (1, 1), (3, 3)]),
        widened([(0, 0), (1, 0), (0, 1), (5, 5)]),
        widened([(1e9, 1e9), (1e9, 1e9 + 64), (1e9 + 64, 1e9), (1e9 + 64, 1e9 + 64)]),
    ]
    edges, kinds = kernel_edges(sets)
    assert kinds[:6] == [NOTHING, NOTHING, LINE, TRIANGLES, LINE, TRIANGLES]
    assert kinds[6] == (LEFT if qhull_edges(sets[6]) is None else TRIANGLES)
    assert edges[3] == {(0, 1), (1, 2), (0, 2)}


def lower_facets(points: np.ndarray, *, compiled: bool) -> tuple[np.ndarray, set[tuple[int, ...]]]:
    """Joggled points and triangles of the first attempt that holds."""
    num = len(points)
    rows = 4 * num + 16
    facets = np.zeros((rows, hull.NUM_COLUMNS), np.int32)
    planes = np.zeros((rows, hull.NUM_PLANE_COLUMNS))
    links = np.zeros((rows, hull.NUM_LINKS), np.int32)
    marks, limits = np.zeros(hull.NUM_MARKS, np.int64), np.zeros(hull.NUM_LIMITS)
    extremes, corners = np.zeros(6, np.int64), np.zeros(4, np.int64)
    scales, lifted = np.zeros(NUM_SCALES), np.zeros((num, 3))
    limits[hull.THICKEST] = -np.inf
    functions = first_amplitude, next_amplitude, joggle, build_hull
    amplitude, again, move, build = functions if compiled else [function.py_func for function in functions]
    amplitude(points, scales)
    state, code = SEED, hull.AGAIN
    for attempt in range(10):
        if code != hull.AGAIN or not again(attempt, scales):
            break
        state = move(points, state, lifted, scales, extremes)
        code = build(lifted, facets, planes, links, marks, limits, extremes, scales, corners)
    assert code == hull.FINE
    triangles, f = set(), marks[hull.HEAD]
    while f > 0:
        if not facets[f, hull.FLAGS] & hull.UPPER:
            triangles.add(tuple(sorted(facets[f, :3].tolist())))
        f = facets[f, hull.NEXT]
    return lifted, triangles


def empty_circles(points: np.ndarray) -> set[tuple[int, ...]]:
    """Triangles whose circle holds no other point, in exact arithmetic."""
    exact = [(Fraction(x), Fraction(y)) for x, y in points.tolist()]
    found: set[tuple[int, ...]] = set()
    for corners in combinations(range(len(exact)), 3):
        (ax, ay), (bx, by), (cx, cy) = (exact[k] for k in corners)
        turn = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        inside = False
        for px, py in (point for k, point in enumerate(exact) if k not in corners):
            u, v, w = [(x - px, y - py) for x, y in ((ax, ay), (bx, by), (cx, cy))]
            nu, nv, nw = (x * x + y * y for x, y in (u, v, w))
            value = (
                nu * (v[0] * w[1] - v[1] * w[0])
                + nv * (w[0] * u[1] - w[1] * u[0])
                + nw * (u[0] * v[1] - u[1] * v[0])
            )
            inside |= value * turn > 0
        if turn and not inside:
            found.add(corners)
    return found


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "python"])
@pytest.mark.parametrize("shape", ["uniform", "wires", "few places", "pairs", "grid", "circle"])
def test_build_hull__circles_are_empty(shape: str, compiled: bool) -> None:
    points = widened(SHAPES[shape](np.random.default_rng(7), 6 if shape == "pairs" else 12))
    lifted, triangles = lower_facets(points, compiled=compiled)
    assert triangles == empty_circles(lifted[:, :2])


def test_hit_edges__expected_graphs(shared: Path) -> None:
    num_events = 0
    for path in sorted(shared.glob("data/*/*.graphs.h5")):
        with h5py.File(path) as file:
            for name in file["dataset"]:
                graph = file["dataset"][name][()]
                plane, position = graph["hit/plane"], graph["hit/pos"]
                edges = hit_edges(plane, position, np.array([0, len(plane)]))
                assert np.array_equal(edges.joint[0], graph["hit_delaunay_hit/edge_index"])
                assert np.array_equal(edges.planar[0], graph["hit_delaunay-planar_hit/edge_index"])
                num_events += 1
    assert num_events
