"""Graph files of two programs: what counts as equal, and what as another, equally good triangulation."""

from pathlib import Path
from typing import Any

import equality
import h5py
import numpy as np
import pytest
from equality import CIRCLE, JOINT, LINE, PLANAR, Comparison, compare
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial import Delaunay

Points = NDArray[np.float32]
Pairs = set[tuple[int, int]]

SQUARE = [(0, 0), (1, 0), (0, 1), (1, 1), (-5, -6), (7, -4), (-4, 8), (9, 9)]
DIAGONALS = ((0, 3), (1, 2))
TWINS = "hits at one position"


def delaunay(points: Points, options: str) -> Pairs:
    """Edges of Qhull's triangulation, each once, the smaller number first."""
    triangles = Delaunay(points.astype(np.float64), qhull_options=options).simplices
    pairs = np.sort(np.concatenate([triangles[:, :2], triangles[:, 1:], triangles[:, ::2]]), axis=1)
    return set(map(tuple, pairs.tolist()))


def edge_index(pairs: Pairs) -> NDArray[np.int64]:
    both = sorted({*pairs, *((b, a) for a, b in pairs)})
    return np.array(both, np.int64).reshape(-1, 2).T


def write(path: Path, points: Points, pairs: Pairs, *, plane: list[int] | None = None, evt: int = 0) -> Path:
    """File of one object, whose joint triangulation is `pairs`."""
    edges = edge_index(pairs)
    planes = np.zeros(len(points), np.int64) if plane is None else np.array(plane, np.int64)
    no_edges = np.empty((2, 0), np.int64)
    values: dict[str, NDArray[Any]] = {
        "hit/pos": points,
        "hit/plane": planes,
        JOINT: edges,
        PLANAR: no_edges,
        "evt/y": np.array(evt),
    }
    kept = {name: np.asarray(value) for name, value in values.items() if np.size(value)}
    dtype = np.dtype([(name, value.dtype, value.shape) for name, value in kept.items()])
    record = np.zeros((), dtype)
    for name, value in kept.items():
        record[name] = value
    with h5py.File(path, "w") as file:
        file.create_group("dataset")["1_2_3"] = record
    return path


def compared(tmp_path: Path, points: Points, expected: Pairs, actual: Pairs) -> Comparison:
    return compare(
        write(tmp_path / "expected.h5", points, expected), write(tmp_path / "actual.h5", points, actual)
    )


def reasons(points: Points, expected: Pairs, actual: Pairs) -> set[str | None]:
    """Why two triangulations of points differ, without files."""
    rows = np.arange(len(points))
    return set(equality._reasons(points, rows, edge_index(expected), edge_index(actual)))


def square(corner: tuple[float, float] = (1, 1), shift: float = 0) -> Points:
    points = np.array(SQUARE, np.float64)
    points[3] = corner
    return (points + shift).astype(np.float32)


def other_diagonal(pairs: Pairs) -> Pairs:
    """The triangulation with the other diagonal of the square."""
    (one,) = pairs & set(DIAGONALS)
    (other,) = set(DIAGONALS) - {one}
    return (pairs - {one}) | {other}


def test_compare__equal_files(tmp_path: Path) -> None:
    pairs = delaunay(square(), "QJ")
    found = compared(tmp_path, square(), pairs, pairs)
    assert (found.num_objects, found.differences, found.other_triangulations) == (1, [], {})


def test_compare__another_value_is_a_difference(tmp_path: Path) -> None:
    pairs = delaunay(square(), "QJ")
    left = write(tmp_path / "left.h5", square(), pairs)
    right = write(tmp_path / "right.h5", square(), pairs, evt=1)
    assert compare(left, right).differences == ["1_2_3: evt/y"]


@pytest.mark.parametrize("shift", [0, 1000])
def test_compare__either_diagonal_of_a_square(tmp_path: Path, shift: float) -> None:
    pairs = delaunay(square(shift=shift), "QJ")
    found = compared(tmp_path, square(shift=shift), pairs, other_diagonal(pairs))
    assert found.differences == []
    assert found.other_triangulations == {"1_2_3": CIRCLE}


def test_compare__both_diagonals_or_none_are_a_difference(tmp_path: Path) -> None:
    pairs = delaunay(square(), "QJ")
    for wrong in (pairs | set(DIAGONALS), pairs - set(DIAGONALS)):
        assert compared(tmp_path, square(), pairs, wrong).differences == [f"1_2_3: {JOINT}"]


@pytest.mark.parametrize("off", [1e-3, 1e-5, 1e-6])
def test_compare__wrong_diagonal_of_a_crooked_square(tmp_path: Path, off: float) -> None:
    points = square(corner=(1 - off, 1 - off))
    pairs = delaunay(points, "Qt")
    assert compared(tmp_path, points, pairs, other_diagonal(pairs)).differences == [f"1_2_3: {JOINT}"]


def test_compare__near_tie_within_the_joggle(tmp_path: Path) -> None:
    # the corner at the origin is so near to it that only the joggle of its coordinates decides
    points = square()
    points[0] = (1e-10, 1e-10)
    pairs = delaunay(points, "QJ")
    found = compared(tmp_path, points, pairs, other_diagonal(pairs))
    assert (found.differences, found.other_triangulations) == ([], {"1_2_3": CIRCLE})


def test_compare__edges_along_a_straight_rim() -> None:
    points = np.array([(x, 0) for x in range(5)] + [(1.7, 3), (2.6, 4)], np.float32)
    rim = {(a, a + 1) for a in range(4)}
    pairs = delaunay(points, "Qt") | rim
    assert reasons(points, pairs, pairs | {(0, 2)}) == {LINE}
    # no other edge runs along it: each of these must be there
    for needed in rim | {(0, 5)}:
        assert None in reasons(points, pairs, pairs - {needed})


def test_compare__missing_edge_of_the_hull_is_a_difference() -> None:
    points = np.random.default_rng(4).normal(size=(40, 2)).astype(np.float32)
    pairs = delaunay(points, "QJ")
    hull = {tuple(sorted(pair)) for pair in Delaunay(points).convex_hull.tolist()}
    for edge in hull:
        assert None in reasons(points, pairs, pairs - {edge})


def test_compare__edge_to_another_hit_at_the_position(tmp_path: Path) -> None:
    points = np.concatenate([square((1.3, 1.2)), square((1.3, 1.2))[:1]])
    twin = len(points) - 1
    alone = delaunay(points[:-1], "QJ")
    moved = {(b, twin) if a == 0 else (a, b) for a, b in alone} | {(0, twin)}
    found = compared(tmp_path, points, alone, moved)
    assert (found.differences, found.other_triangulations) == ([], {"1_2_3": TWINS})
    wrong = moved | {next((a, twin) for a in range(1, twin) if (0, a) not in alone)}
    assert compared(tmp_path, points, alone, wrong).differences == [f"1_2_3: {JOINT}"]


def test_compare__one_way_or_unsorted_edges_are_a_difference(tmp_path: Path) -> None:
    points = square()
    pairs = delaunay(points, "QJ")
    for damage in (np.s_[:, 1:], np.s_[:, ::-1]):
        left = write(tmp_path / "left.h5", points, pairs)
        right = write(tmp_path / "right.h5", points, pairs)
        with h5py.File(right, "a") as file:
            record = file["dataset/1_2_3"][()]
            edges = record[JOINT][damage]
            dtype = np.dtype(
                [(name, *((edges.dtype, edges.shape) if name == JOINT else (record.dtype[name],)))
                 for name in record.dtype.names]
            )  # fmt: skip
            other = np.zeros((), dtype)
            for name in dtype.names or ():
                other[name] = edges if name == JOINT else record[name]
            del file["dataset/1_2_3"]
            file["dataset/1_2_3"] = other
        assert compare(left, right).differences == [f"1_2_3: {JOINT}"]


coordinates = st.integers(0, 12)


@settings(deadline=None, max_examples=200)
@given(
    places=st.lists(st.tuples(coordinates, coordinates), min_size=4, max_size=40, unique=True),
    scale=st.sampled_from([(1, 1), (0.3, 0.0625), (0.001, 500)]),
    shift=st.sampled_from([0, 100, 5000]),
)
def test_compare__joggled_and_plain_triangulations_of_a_grid(
    places: list[tuple[int, int]], scale: tuple[float, float], shift: float
) -> None:
    whole = np.array(places)
    assume(np.linalg.matrix_rank(whole - whole[0]) == 2)
    points = (whole * scale + shift).astype(np.float32)
    # those that Qhull leaves out without a joggle are none of ours
    assume(not Delaunay(points.astype(np.float64)).coplanar.size)
    assert None not in reasons(points, delaunay(points, "QJ"), delaunay(points, "Qbb Qc Qz Q12"))


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10**6), chosen=st.integers(0, 10**6))
def test_compare__flipped_edge_is_a_difference(seed: int, chosen: int) -> None:
    points = np.random.default_rng(seed).normal(size=(30, 2)).astype(np.float32)
    triangulation = Delaunay(points.astype(np.float64))
    pairs = delaunay(points, "QJ")
    flips = []
    for t, neighbours in enumerate(triangulation.neighbors):
        for corner, other in enumerate(neighbours):
            if other > t:
                a = triangulation.simplices[t][corner]
                ends = sorted(set(triangulation.simplices[t]) - {a})
                (b,) = set(triangulation.simplices[other]) - set(ends)
                flips.append((tuple(map(int, ends)), tuple(sorted((int(a), int(b))))))
    gone, new = flips[chosen % len(flips)]
    assert None in reasons(points, pairs, (pairs - {gone}) | {new})  # type: ignore[arg-type]
