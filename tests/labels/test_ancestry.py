"""Each kernel, compiled and as plain Python, against a slow twin on random forests."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from numl_polars.labels import ancestry
from tests.labels.walk_oracle import Tree

Int64s = NDArray[np.int64]
Kernel = Callable[..., Any]
few = settings(deadline=None, max_examples=40)


def both(name: str) -> pytest.MarkDecorator:
    compiled = getattr(ancestry, name)
    return pytest.mark.parametrize("kernel", [compiled, compiled.py_func], ids=["compiled", "plain"])


def int64s(*values: int) -> Int64s:
    return np.array(values, np.int64)


@st.composite
def parent_rows(draw: st.DrawFn) -> Tree:
    """One event by rows, in any order: orphans, circles, own parents."""
    num_rows = draw(st.integers(0, 14))
    parents = st.sampled_from([0, -1, *range(1, num_rows + 1)])
    drawn = draw(st.lists(parents, min_size=num_rows, max_size=num_rows))
    return Tree([{"g4_id": row + 1, "parent_id": parent} for row, parent in enumerate(drawn)])


@st.composite
def walks(draw: st.DrawFn) -> Tree:
    """One event in the order of a walk, all of it reached."""
    forest: list[int] = []
    for place in range(draw(st.integers(0, 14))):
        # the parent is the particle before, one of its ancestors, or none
        line = [0, *([place, *(a + 1 for a in _line(forest, place - 1))] if place else [])]
        forest.append(draw(st.sampled_from(line)))
    return Tree([{"g4_id": place + 1, "parent_id": parent} for place, parent in enumerate(forest)])


def _line(forest: list[int], place: int) -> list[int]:
    above = forest[place] - 1
    return [] if above < 0 else [above, *_line(forest, above)]


def rows_of(tree: Tree) -> tuple[Int64s, NDArray[np.bool_]]:
    """Row of each particle's parent, -1 for none, and whether it is a primary."""
    parents = [tree.parent(row) for row in range(len(tree.rows))]
    return (
        int64s(*(-1 if parent is None else parent for parent in parents)),
        np.array([tree.is_primary(row) for row in range(len(tree.rows))], np.bool_),
    )


@both("walk_order")
@given(tree=parent_rows())
@few
def test_walk_order__is_depth_first_in_table_order(kernel: Kernel, tree: Tree) -> None:
    assert kernel(*rows_of(tree)).tolist() == tree.walk()


@both("walk_order")
def test_walk_order__descends_a_chain_of_ten_thousand(kernel: Kernel) -> None:
    rows = np.arange(1, 10_001)
    rows[-1] = -1
    assert np.array_equal(kernel(rows, rows == -1), np.arange(9_999, -1, -1))


@both("walk_parents")
@given(tree=parent_rows())
@few
def test_walk_parents__are_places_in_the_walk(kernel: Kernel, tree: Tree) -> None:
    order = tree.walk()
    rows, _ = rows_of(tree)
    parents = (tree.parent(row) for row in order)
    assert kernel(rows, int64s(*order)).tolist() == [-1 if p is None else order.index(p) for p in parents]


@both("unreached_faults")
@given(tree=parent_rows())
@few
def test_unreached_faults__follow_parents_to_their_end(kernel: Kernel, tree: Tree) -> None:
    codes = {None: -1, "orphan": ancestry.ORPHAN, "circle": ancestry.CIRCLE}
    wanted = [codes[tree.fault(row)] for row in range(len(tree.rows))]
    assert kernel(rows_of(tree)[0], int64s(*tree.walk())).tolist() == wanted


@both("unreached_faults")
def test_unreached_faults__below_a_circle_is_circle_and_below_an_orphan_is_orphan(kernel: Kernel) -> None:
    rows = int64s(1, 0, 0, 2, -1, 4, 5, 7, -1)
    faults = kernel(rows, int64s(8))
    assert faults.tolist() == [ancestry.CIRCLE] * 4 + [ancestry.ORPHAN] * 3 + [ancestry.CIRCLE, -1]


@both("spread_down")
@given(tree=walks(), data=st.data())
@few
def test_spread_down__gives_what_a_recursive_walk_gives(
    kernel: Kernel, tree: Tree, data: st.DataObject
) -> None:
    size = len(tree.rows)
    spreads = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    wanted = list(range(size))
    for row in range(size):
        # the ancestor farthest up that spreads wins: what it replaces spreads no more
        wanted[row] = next((above for above in reversed(tree.ancestors(row)) if spreads[above]), row)
    assert kernel(rows_of(tree)[0], np.array(spreads, np.bool_)).tolist() == wanted


@both("spread_down")
def test_spread_down__closed_parent_fixes_descendants(kernel: Kernel) -> None:
    spreads = np.array([False, True, False, True, False])
    assert kernel(int64s(-1, 0, 1, 2, 0), spreads).tolist() == [0, 1, 1, 1, 4]


@both("primaries")
@given(tree=walks())
@few
def test_primaries__are_the_last_ancestors(kernel: Kernel, tree: Tree) -> None:
    assert kernel(rows_of(tree)[0]).tolist() == [tree.primary(row) for row in range(len(tree.rows))]


@both("depths")
@given(tree=walks())
@few
def test_depths__count_ancestors(kernel: Kernel, tree: Tree) -> None:
    assert kernel(rows_of(tree)[0]).tolist() == [len(tree.ancestors(row)) for row in range(len(tree.rows))]


@both("nearest_ancestors")
@given(tree=walks(), data=st.data())
@few
def test_nearest_ancestors__leave_out_the_particle_itself(
    kernel: Kernel, tree: Tree, data: st.DataObject
) -> None:
    size = len(tree.rows)
    holds = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    wanted = [next((above for above in tree.ancestors(row) if holds[above]), -1) for row in range(size)]
    assert kernel(rows_of(tree)[0], np.array(holds, np.bool_)).tolist() == wanted


@pytest.mark.parametrize("plain", [False, True], ids=["compiled", "plain"])
@pytest.mark.parametrize("over", ["children", "descendants"])
@given(tree=walks(), data=st.data())
@few
def test_sums__count_nan_as_nothing(over: str, plain: bool, tree: Tree, data: st.DataObject) -> None:
    size = len(tree.rows)
    value = st.one_of(st.just(math.nan), st.integers(-8, 8).map(float))
    values = np.array(data.draw(st.lists(value, min_size=size, max_size=size)), np.float64)
    wanted = [float(np.nansum(values[getattr(tree, over)(row)])) for row in range(size)]
    kernel = getattr(ancestry, f"sums_over_{over}")
    assert (kernel.py_func if plain else kernel)(rows_of(tree)[0], values).tolist() == wanted


@both("number_objects")
@given(data=st.data())
@few
def test_number_objects__counts_by_first_appearance_in_each_event(
    kernel: Kernel, data: st.DataObject
) -> None:
    sizes = data.draw(st.lists(st.integers(0, 5), max_size=4))
    offsets = np.cumsum([0, *sizes])
    num_reached = int(offsets[-1])
    objects: list[int] = []
    wanted: list[int] = []
    for event, (start, stop) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        candidates = st.sampled_from([-1, num_reached + event, *range(start, stop)])
        mine = data.draw(st.lists(candidates, min_size=stop - start, max_size=stop - start))
        numbers: dict[int, int] = {}
        objects += mine
        wanted += [-1 if one < 0 else numbers.setdefault(one, len(numbers)) for one in mine]
    assert kernel(offsets, int64s(*objects)).tolist() == wanted


@both("has_repeats")
@given(events=st.lists(st.lists(st.integers(-3, 8), min_size=1, max_size=6), max_size=4))
@few
def test_has_repeats__looks_within_events_only(kernel: Kernel, events: list[list[int]]) -> None:
    offsets = np.cumsum([0, *(len(event) for event in events)])
    ids = int64s(*(g4_id for event in events for g4_id in event))
    assert kernel(offsets, ids).tolist() == [len(set(event)) < len(event) for event in events]
