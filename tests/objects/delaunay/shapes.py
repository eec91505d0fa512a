"""Point sets of all kinds, and what makes a triangulation of them Delaunay's, in exact arithmetic."""

from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np

Pairs = set[tuple[int, int]]
Point = tuple[Fraction, Fraction]


def widened(points: object) -> np.ndarray:
    """Points as the file has them, float32, and as kernels take them, float64."""
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


def line(rng: np.random.Generator, num: int) -> np.ndarray:
    return rng.integers(-30, 30, (num, 1)) * rng.integers(-3, 4, 2) + rng.integers(-9, 9, 2)


SHAPES: dict[str, Any] = {
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
    "very narrow": lambda rng, num: rng.normal(size=(num, 2)) * (1e-30, 1e30),
    "far away": lambda rng, num: rng.normal(size=(num, 2)) + 10 ** rng.uniform(0, 4),
    "rounded": lambda rng, num: rng.integers(0, 40, (num, 2)) * np.float32(0.3) + 500,
    "tracks": tracks,
    "grid": grid,
    "circle": circle,
    "line": line,
}


def turn(a: Point, b: Point, c: Point) -> Fraction:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def power(a: Point, b: Point, c: Point, d: Point) -> Fraction:
    """Above 0 if d is inside the circle through a, b, c in counterclockwise order."""
    u, v, w = [(p[0] - d[0], p[1] - d[1]) for p in (a, b, c)]
    return sum(
        (
            (p[0] ** 2 + p[1] ** 2) * turn((Fraction(), Fraction()), q, r)
            for p, q, r in ((u, v, w), (v, w, u), (w, u, v))
        ),
        Fraction(),
    )


def exact(points: np.ndarray) -> list[Point]:
    return [(Fraction(x), Fraction(y)) for x, y in points.tolist()]


def assert_delaunay(points: np.ndarray, edges: Pairs) -> None:
    """Each edge has a circle without points inside, no two cross, and there is place for no other."""
    places = exact(points)
    used = sorted({places[i]: i for i in range(len(places) - 1, -1, -1)}.values())
    assert {i for pair in edges for i in pair} == (set(used) if len(used) > 1 else set())
    for a, b in edges:
        assert has_empty_circle(places, used, a, b), f"the circle of edge {a} {b} is not empty"
    for (a, b), (c, d) in combinations(edges, 2):
        if len({a, b, c, d}) == 4:
            p, q, r, s = (places[i] for i in (a, b, c, d))
            assert not (turn(p, q, r) * turn(p, q, s) < 0 and turn(r, s, p) * turn(r, s, q) < 0)
    assert len(edges) == num_edges(places, used)


def has_empty_circle(places: list[Point], used: list[int], a: int, b: int) -> bool:
    """Whether a circle through a and b has no point inside; its centre may be anywhere on their bisector."""
    p, q = places[a], places[b]
    along = (q[0] - p[0], q[1] - p[1])
    lowest, highest = None, None
    for i in used:
        if i in (a, b):
            continue
        x, y = places[i][0] - p[0], places[i][1] - p[1]
        side = along[0] * y - along[1] * x
        # inside if x² + y² < x * along + 2 t * side, for a centre t off the middle
        rest = x * x + y * y - (x * along[0] + y * along[1])
        if side == 0:
            if rest < 0:
                return False
        elif side > 0:
            highest = rest / side if highest is None else min(highest, rest / side)
        else:
            lowest = rest / side if lowest is None else max(lowest, rest / side)
    return lowest is None or highest is None or lowest <= highest


def num_edges(places: list[Point], used: list[int]) -> int:
    """Number of edges of any triangulation: 3 n - 3 - points on the rim; of points on a line n - 1."""
    if len(used) < 2:
        return 0
    first, second = places[used[0]], places[used[1]]
    if all(turn(first, second, places[i]) == 0 for i in used):
        return len(used) - 1
    on_rim = 0
    for a in used:
        others = [places[i] for i in used if i != a]
        # on the rim if all others are within half a turn
        on_rim += any(
            all(turn(places[a], p, q) >= 0 for q in others) or all(turn(places[a], p, q) <= 0 for q in others)
            for p in others
        )
    return 3 * len(used) - 3 - on_rim
