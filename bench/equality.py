"""Whether two graph files hold the same objects, attribute by attribute.

Triangulations are compared as sets of edges between positions. Where a set of points has no single Delaunay
triangulation, the peer's depends on the joggle that Qhull gives the points, and ours need not be the same.
So an edge that one file has and the other has not is accepted if points that are moved by no more than the
joggle may have it, and may lack it; any other is a difference. Every object accepted in this way is listed,
with the reason.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

RTOL = 1e-5
JOGGLE = 10 * 30000 * float(np.finfo(np.float64).eps) * (3 * 1.01 * 3**0.5 + 1)
"""Distance by which Qhull's option QJ moves a coordinate, as a share of the largest one: 30,000 times its
bound for the error of a distance, and ten times that at the third attempt."""

CIRCLE, LINE = "points on one circle", "points on one line at the rim"
METADATA = ("planes", "semantic_classes", "event_classes", "gen")
JOINT, PLANAR = "hit_delaunay_hit/edge_index", "hit_delaunay-planar_hit/edge_index"


@dataclass
class Comparison:
    """What two files have in common.

    Parameters
    ----------
    num_objects
        Objects of the expected file.
    differences
        One line each; equal files have none.
    other_triangulations
        Objects with another, equally good triangulation, and why there is more than one.
    """

    num_objects: int = 0
    differences: list[str] = field(default_factory=list)
    other_triangulations: dict[str, str] = field(default_factory=dict)


def compare(expected: Path, actual: Path) -> Comparison:
    """Comparison of two graph files: integers equal, floats within `RTOL`, NaN equal to NaN."""
    found = Comparison()
    with h5py.File(expected, "r") as left, h5py.File(actual, "r") as right:
        for key in METADATA:
            if (key in left) != (key in right) or (
                key in left and not np.array_equal(left[key][()], right[key][()])
            ):
                found.differences.append(f"{key} of the file")
        a, b = left["dataset"], right["dataset"]
        found.num_objects = len(a)
        found.differences += [f"{name}: in one file only" for name in sorted(set(a) ^ set(b))]
        for name in sorted(set(a) & set(b)):
            _compare_objects(name, a[name][()], b[name][()], found)
    return found


def _compare_objects(name: str, a: Array, b: Array, found: Comparison) -> None:
    if a.dtype.names != b.dtype.names:
        found.differences.append(f"{name}: attributes {a.dtype.names} and {b.dtype.names}")
        return
    for attribute in a.dtype.names or ():
        x, y = np.asarray(a[attribute]), np.asarray(b[attribute])
        if x.dtype == y.dtype and _equal(x, y):
            continue
        position, number = np.asarray(a["hit/pos"]), np.asarray(a["hit/plane"])
        if attribute == JOINT:
            number = np.zeros_like(number)
        if attribute not in (JOINT, PLANAR) or x.dtype != y.dtype or not _is_undirected(y, number):
            found.differences.append(f"{name}: {attribute}")
            continue
        sets = [np.flatnonzero(number == n) for n in np.unique(number)]
        reasons = {reason for rows in sets for reason in _reasons(position, rows, x, y)}
        if None in reasons:
            found.differences.append(f"{name}: {attribute}")
        else:
            before = found.other_triangulations.get(name, "").split(", ")
            found.other_triangulations[name] = ", ".join(sorted({str(r) for r in reasons} | {*before} - {""}))


def _equal(x: Array, y: Array) -> bool:
    if x.shape != y.shape:
        return False
    if x.dtype.kind == "f":
        return bool(np.allclose(x, y, rtol=RTOL, atol=0, equal_nan=True))
    return np.array_equal(x, y)


def _reasons(position: Array, rows: Array, left: Array, right: Array) -> Iterator[str | None]:
    """Why two triangulations of the points `rows` differ; None where one of them is wrong."""
    finite = rows[np.isfinite(position[rows]).all(axis=1)]
    hit_of = np.full(len(position), -1, np.int64)
    hit_of[finite] = finite
    if _edges(hit_of, left) == _edges(hit_of, right):
        return
    points, place = np.unique(position[finite].astype(np.float64), axis=0, return_inverse=True)
    place_of = np.full(len(position), -1, np.int64)
    place_of[finite] = place.reshape(-1)
    if len(points) < len(finite):
        yield "hits at one position"
    expected, actual = (_edges(place_of, side) for side in (left, right))
    missing = Counter(_ambiguity(points, a, b) for a, b in expected - actual)
    added = Counter(_ambiguity(points, a, b) for a, b in actual - expected)
    yield from missing | added
    # triangulations of the same points have as many edges, but for those along the rim and what they cross
    if abs(missing[CIRCLE] - added[CIRCLE]) > missing[LINE] + added[LINE]:
        yield None


def _is_undirected(edge_index: Array, number: Array) -> bool:
    """Whether edges are sorted by the number of their set, source and target, once in each direction."""
    pairs = list(zip(*edge_index.tolist(), strict=True)) if edge_index.ndim else []
    there, of = set(pairs), number.tolist()
    in_order = sorted(there, key=lambda pair: (of[pair[0]], pair))
    return pairs == in_order and all(a != b and of[a] == of[b] and (b, a) in there for a, b in pairs)


def _edges(place_of: Array, edge_index: Array) -> set[tuple[int, int]]:
    """Edges between different places, each once."""
    if not edge_index.ndim:  # an empty array is stored as a scalar
        return set()
    ends = np.sort(place_of[edge_index], axis=0).T
    ends = ends[(ends[:, 0] >= 0) & (ends[:, 0] != ends[:, 1])]
    return {(a, b) for a, b in ends.tolist()}


def _ambiguity(points: Array, a: int, b: int) -> str | None:
    """Why joggled points may have the edge between the points `a` and `b`, and may lack it; None if not both.

    An edge is there if some circle through its ends has no point inside. Let its centre be `t` off the middle
    of the edge, and a point be `side` off the line through the edge: it is outside where
    ``2 * t * side <= power``, with power the square of its distance from the middle less that of the ends.
    `side` and `power` are known but for the joggle, so that each point allows some `t` surely, and others
    perhaps.
    """
    moved = 2**0.5 * JOGGLE * max(np.abs(points).max(), np.ptp(points, axis=0).max())
    along = points[b] - points[a]
    length = float(np.hypot(*along))
    others = np.delete(points, [a, b], axis=0) - (points[a] + points[b]) / 2
    distance = np.hypot(*others.T)
    side = others @ np.array([-along[1], along[0]]) / length
    power = distance**2 - length**2 / 4
    # the middle moves as far as the ends, and the line turns by twice as much over its length
    side_error = 2 * moved * (1 + distance / length)
    power_error = moved * (4 * distance + length + 4 * moved)
    above, below = side > side_error, side < -side_error
    between = ~(above | below)
    near, far = np.abs(side) - side_error, np.abs(side) + side_error

    def bounds(power: Array, positive: Array, negative: Array) -> tuple[float, float]:
        """Least and largest `t` that points off the line allow, `side` one of two by sign of `power`."""
        limit = np.full(len(power), np.inf)
        np.divide(power, 2 * np.where(power >= 0, positive, negative), out=limit, where=~between)
        return -float(limit[below].min(initial=np.inf)), float(limit[above].min(initial=np.inf))

    lowest, highest = bounds(power + power_error, near, far)
    # a point on the line between the ends is outside of large circles only
    within = between & (power + power_error < 0)
    wide = float((-(power + power_error)[within] / (2 * far[within])).max(initial=0))
    may_have = lowest <= highest and (not within.any() or highest >= wide or lowest <= -wide)

    lowest, highest = bounds(power - power_error, far, near)
    narrow = float(((power - power_error)[between] / (2 * far[between])).min(initial=np.inf))
    must_have = narrow > 0 and max(lowest, -narrow) < min(highest, narrow)
    if not may_have or must_have:
        return None
    return CIRCLE if above.any() and below.any() else LINE
