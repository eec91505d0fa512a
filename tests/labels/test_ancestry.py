from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from numl_polars.labels import ancestry
from tests.labels.walk_oracle import unreached_fault

Int64s = NDArray[np.int64]
Kernel = Callable[..., Any]


def both(name: str) -> pytest.MarkDecorator:
    compiled = getattr(ancestry, name)
    return pytest.mark.parametrize("kernel", [compiled, compiled.py_func], ids=["compiled", "plain"])


def int64s(*values: int) -> Int64s:
    return np.array(values, np.int64)


@st.composite
def forests(draw: st.DrawFn) -> tuple[Int64s, NDArray[np.bool_]]:
    """Parent rows and primaries of one event: any order, orphans, circles, own parents."""
    num_rows = draw(st.integers(0, 14))
    row = st.integers(0, max(num_rows - 1, 0))
    parents = draw(st.lists(st.one_of(row, st.just(-1), st.just(-2)), min_size=num_rows, max_size=num_rows))
    return int64s(*(max(parent, -1) for parent in parents)), np.array([p == -1 for p in parents], np.bool_)


def plain_order(parent_rows: Int64s, is_primary: NDArray[np.bool_]) -> list[int]:
    def below(row: int) -> list[int]:
        children = [child for child, parent in enumerate(parent_rows.tolist()) if parent == row]
        return [row, *(reached for child in children for reached in below(child))]

    return [row for primary in np.flatnonzero(is_primary).tolist() for row in below(primary)]


@both("walk_order")
@given(forest=forests())
@settings(deadline=None)
def test_walk_order__is_depth_first_in_table_order(
    kernel: Kernel, forest: tuple[Int64s, NDArray[np.bool_]]
) -> None:
    assert kernel(*forest).tolist() == plain_order(*forest)


@both("walk_order")
def test_walk_order__descends_a_chain_of_ten_thousand(kernel: Kernel) -> None:
    parent_rows = np.arange(1, 10_001)
    parent_rows[-1] = -1
    assert np.array_equal(kernel(parent_rows, parent_rows == -1), np.arange(9_999, -1, -1))


@both("unreached_faults")
@given(forest=forests())
@settings(deadline=None)
def test_unreached_faults__follow_parents_to_their_end(
    kernel: Kernel, forest: tuple[Int64s, NDArray[np.bool_]]
) -> None:
    parent_rows, is_primary = forest
    order = int64s(*plain_order(*forest))
    parent_of = {
        row + 1: 0 if primary else parent + 1 if parent >= 0 else -1
        for row, (parent, primary) in enumerate(zip(parent_rows.tolist(), is_primary.tolist(), strict=True))
    }
    codes = {None: -1, "orphan": ancestry.ORPHAN, "circle": ancestry.CIRCLE}
    wanted = [codes[unreached_fault(parent_of, g4_id)] for g4_id in parent_of]
    assert kernel(parent_rows, order).tolist() == wanted


@both("unreached_faults")
def test_unreached_faults__below_a_circle_is_circle_and_below_an_orphan_is_orphan(kernel: Kernel) -> None:
    parent_rows = int64s(1, 0, 0, 2, -1, 4, 5, 7, -1)
    faults = kernel(parent_rows, int64s(8))
    assert faults.tolist() == [ancestry.CIRCLE] * 4 + [ancestry.ORPHAN] * 3 + [ancestry.CIRCLE, -1]


@both("spread_down")
@given(forest=forests(), data=st.data())
@settings(deadline=None)
def test_spread_down__gives_what_a_recursive_walk_gives(
    kernel: Kernel, forest: tuple[Int64s, NDArray[np.bool_]], data: st.DataObject
) -> None:
    parent_rows, is_primary = forest
    num_rows = parent_rows.size
    spreads = data.draw(st.lists(st.booleans(), min_size=num_rows, max_size=num_rows))
    wanted = [-1] * num_rows

    def walk(row: int, from_above: int) -> None:
        wanted[row] = from_above if from_above >= 0 else row
        below = wanted[row] if from_above >= 0 or spreads[row] else -1
        for child in np.flatnonzero(parent_rows == row).tolist():
            walk(child, below)

    for primary in np.flatnonzero(is_primary).tolist():
        walk(primary, -1)
    order = int64s(*plain_order(*forest))
    assert kernel(parent_rows, order, np.array(spreads, np.bool_)).tolist() == wanted


@both("spread_down")
def test_spread_down__closed_parent_fixes_descendants(kernel: Kernel) -> None:
    parent_rows, order = int64s(-1, 0, 1, 2, 0), np.arange(5)
    spreads = np.array([False, True, False, True, False])
    assert kernel(parent_rows, order, spreads).tolist() == [0, 1, 1, 1, 4]


@both("spread_down")
def test_spread_down__leaves_what_no_primary_reaches(kernel: Kernel) -> None:
    spreads = np.ones(3, np.bool_)
    assert kernel(int64s(-1, 2, 1), int64s(0), spreads).tolist() == [0, -1, -1]


@both("number_objects")
@given(data=st.data())
@settings(deadline=None)
def test_number_objects__counts_by_first_appearance_in_each_event(
    kernel: Kernel, data: st.DataObject
) -> None:
    sizes = data.draw(st.lists(st.integers(1, 5), max_size=4))
    offsets = np.cumsum([0, *sizes])
    num_rows = int(offsets[-1])
    order: list[int] = []
    objects = [-1] * num_rows
    wanted = [-1] * num_rows
    for event, (start, stop) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        reached = data.draw(st.lists(st.integers(start, stop - 1), unique=True))
        order += reached
        candidates = st.sampled_from([-1, num_rows + event, *range(start, stop)])
        objects[start:stop] = data.draw(st.lists(candidates, min_size=stop - start, max_size=stop - start))
        numbers: dict[int, int] = {}
        for row in reached:
            if objects[row] >= 0:
                wanted[row] = numbers.setdefault(objects[row], len(numbers))
    assert kernel(offsets, int64s(*order), int64s(*objects)).tolist() == wanted


@both("has_repeats")
@given(events=st.lists(st.lists(st.integers(-3, 8), min_size=1, max_size=6), max_size=4))
@settings(deadline=None)
def test_has_repeats__looks_within_events_only(kernel: Kernel, events: list[list[int]]) -> None:
    offsets = np.cumsum([0, *(len(event) for event in events)])
    ids = int64s(*(g4_id for event in events for g4_id in event))
    assert kernel(offsets, ids).tolist() == [len(set(event)) < len(event) for event in events]
