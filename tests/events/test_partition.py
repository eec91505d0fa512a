"""Ranges of events: ordered, disjoint, complete, balanced; cut where least is read twice."""

from collections.abc import Callable
from itertools import combinations_with_replacement, pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from numl_polars.events.cuts import cheapest_cuts
from numl_polars.events.partition import (
    TOLERANCE,
    ReadTwice,
    balanced_ranges,
    batch_ranges,
    least_bottleneck,
    read_twice,
)

Int64s = NDArray[np.int64]


def int64s(values: list[int]) -> Int64s:
    return np.array(values, np.int64)


events = st.integers(0, 10) | st.integers(0, 10**6) | st.just(0) | st.integers(10**12, 10**13)
weights = st.lists(events, max_size=60).map(int64s)
few_weights = st.lists(st.integers(0, 30) | st.just(1000), max_size=9).map(int64s)


def total_of(weights: Int64s) -> Int64s:
    return np.concatenate([int64s([0]), np.cumsum(weights, dtype=np.int64)])


def heaviest(weights: Int64s, ranges: list[tuple[int, int]]) -> int:
    return max(int(weights[start:stop].sum()) for start, stop in ranges)


Cost = Callable[[int, int], int]


def cost_of(weights: Int64s, twice: ReadTwice | None = None) -> Cost:
    """What the range [start, stop) costs a rank."""
    total = total_of(weights).tolist()
    zeros = np.zeros(len(total), np.int64)
    before, after = (twice.before, twice.after) if twice is not None else (zeros, zeros)

    def cost(start: int, stop: int) -> int:
        return total[stop] - total[start] + int(before[start] + after[stop]) if stop > start else 0

    return cost


def bottleneck_by_table(cost: Cost, num_events: int, parts: int) -> int:
    """Dynamic programming over the number of ranges and the events in them."""
    most = [cost(0, stop) for stop in range(num_events + 1)]
    for _ in range(parts - 1):
        most = [
            min(max(most[cut], cost(cut, stop)) for cut in range(stop + 1)) for stop in range(num_events + 1)
        ]
    return most[-1]


# ---- balance


@given(weights=weights, parts=st.integers(1, 80))
def test_balanced_ranges__ordered_disjoint_complete(weights: Int64s, parts: int) -> None:
    ranges = balanced_ranges(weights, parts)
    assert len(ranges) == parts
    assert ranges[0][0] == 0
    assert ranges[-1][1] == len(weights)
    assert all(start <= stop for start, stop in ranges)
    assert all(left[1] == right[0] for left, right in pairwise(ranges))


@given(weights=weights, parts=st.integers(1, 80))
def test_balanced_ranges__no_range_exceeds_its_share_by_more_than_one_event(
    weights: Int64s, parts: int
) -> None:
    assert heaviest(weights, balanced_ranges(weights, parts)) <= weights.sum() / parts + weights.max(
        initial=0
    )


@given(weights=few_weights | weights.map(lambda rows: rows[:14]), parts=st.integers(1, 7))
def test_balanced_ranges__heaviest_is_as_light_as_can_be(weights: Int64s, parts: int) -> None:
    assume(weights.any())
    total = total_of(weights)
    best = bottleneck_by_table(cost_of(weights), len(weights), parts)
    assert least_bottleneck(total, total, parts) == best
    assert heaviest(weights, balanced_ranges(weights, parts)) == best


@given(weights=weights, parts=st.integers(1, 80))
def test_balanced_ranges__the_same_again(weights: Int64s, parts: int) -> None:
    assert balanced_ranges(weights, parts) == balanced_ranges(weights.copy(), parts)


def test_balanced_ranges__equal_events_are_shared_equally() -> None:
    assert balanced_ranges(np.full(12, 7), 4) == [(0, 3), (3, 6), (6, 9), (9, 12)]
    sizes = [stop - start for start, stop in balanced_ranges(np.full(14, 7), 4)]
    assert sorted(sizes) == [3, 3, 4, 4]


def test_balanced_ranges__events_without_weight_are_shared_equally() -> None:
    assert balanced_ranges(np.zeros(6, np.int64), 3) == [(0, 2), (2, 4), (4, 6)]


def test_balanced_ranges__no_events() -> None:
    assert balanced_ranges(np.zeros(0, np.int64), 3) == [(0, 0)] * 3


@pytest.mark.parametrize("parts", [5, 6, 100])
def test_balanced_ranges__more_ranks_than_events(parts: int) -> None:
    ranges = balanced_ranges(int64s([3, 1, 4, 1, 5]), parts)
    assert [stop - start for start, stop in ranges if stop > start] == [1] * 5


def test_balanced_ranges__others_share_what_one_giant_leaves() -> None:
    weights = np.full(101, 10)
    weights[0] = 10_000
    ranges = balanced_ranges(weights, 11)
    assert ranges == [(0, 1), *((start, start + 10) for start in range(1, 101, 10))]


def test_balanced_ranges__giant_in_the_middle_leaves_no_rank_without_work() -> None:
    weights = np.full(201, 10)
    weights[100] = 1000
    ranges = balanced_ranges(weights, 11)
    assert heaviest(weights, ranges) == 1000
    assert all(stop > start for start, stop in ranges)


# ---- cuts where chunks end


@st.composite
def chunked(draw: st.DrawFn, max_events: int = 8) -> tuple[Int64s, ReadTwice]:
    """Costs of events with rows in two tables of chunks, and what is read twice at each border."""
    num = draw(st.integers(1, max_events))
    weights = draw(st.lists(st.integers(0, 5000), min_size=num, max_size=num).map(int64s))
    tables = []
    for _ in range(2):
        counts = draw(st.lists(st.integers(0, 6), min_size=num, max_size=num).map(int64s))
        chunk_rows, row_cost = draw(st.integers(1, 20)), draw(st.integers(0, 500))
        weights += counts * row_cost
        tables.append((total_of(counts), chunk_rows, chunk_rows * row_cost))
    twice = read_twice(tables)
    assert twice is not None
    return weights, twice


@given(case=chunked(), parts=st.integers(1, 6))
def test_balanced_ranges__heaviest_with_its_chunks_is_as_light_as_can_be(
    case: tuple[Int64s, ReadTwice], parts: int
) -> None:
    weights, twice = case
    assume(weights.any())
    cost = cost_of(weights, twice)
    total = total_of(weights)
    limit = least_bottleneck(total - twice.before, total + twice.after, parts)
    best = bottleneck_by_table(cost, len(weights), parts)
    assert limit == best
    ranges = balanced_ranges(weights, parts, twice)
    assert max(cost(*one) for one in ranges) <= best + best // TOLERANCE


@given(case=chunked(40), parts=st.integers(1, 60))
def test_balanced_ranges__with_chunks_ordered_disjoint_complete(
    case: tuple[Int64s, ReadTwice], parts: int
) -> None:
    ranges = balanced_ranges(case[0], parts, case[1])
    assert len(ranges) == parts
    assert ranges[0][0] == 0
    assert ranges[-1][1] == len(case[0])
    assert all(start <= stop for start, stop in ranges)
    assert all(left[1] == right[0] for left, right in pairwise(ranges))


def least_by_trial(weights: Int64s, parts: int, twice: ReadTwice, limit: int) -> int:
    """Least cost of what is read twice, of all cuts whose ranges keep the limit."""
    cost, both, end = cost_of(weights, twice), twice.before + twice.after, len(weights)
    found = []
    for inner in combinations_with_replacement(range(end + 1), parts - 1):
        if all(cost(start, stop) <= limit for start, stop in pairwise([0, *inner, end])):
            found.append(int(both[list(inner)].sum()))
    return min(found)


@given(case=chunked(), parts=st.integers(1, 5), slack=st.integers(0, 8000))
def test_cheapest_cuts__no_other_cuts_read_less_twice(
    case: tuple[Int64s, ReadTwice], parts: int, slack: int
) -> None:
    weights, twice = case
    assume(weights.any())
    total, end = total_of(weights), len(weights)
    starts, stops = total - twice.before, total + twice.after
    limit = least_bottleneck(starts, stops, parts) + slack
    near = int64s([0, *(stop for _, stop in balanced_ranges(weights, parts, twice))])
    first, last = np.zeros(parts + 1, np.int64), np.full(parts + 1, end)
    last[0], first[-1] = 0, end
    both, cost = twice.before + twice.after, cost_of(weights, twice)
    for kernel in (cheapest_cuts, cheapest_cuts.py_func):
        cuts = kernel(starts, stops, both, first, last, near, limit, 10**12)
        assert (np.diff(cuts) >= 0).all()
        assert max(cost(start, stop) for start, stop in pairwise(cuts.tolist())) <= limit
        assert both[cuts[1:-1]].sum() == least_by_trial(weights, parts, twice, limit)


@pytest.mark.parametrize("free, expected", [(501, 501), (502, 500)])
def test_balanced_ranges__cut_moves_to_a_free_border_if_it_is_worth_the_wait(
    free: int, expected: int
) -> None:
    weights = np.full(1000, 10_000)
    costs = np.full(1001, 9_000)
    costs[[0, free, 1000]] = 0
    # saves 18,000 of two ranks; the heavier one takes 1,000 or 11,000 more
    assert balanced_ranges(weights, 2, ReadTwice(costs, costs)) == [(0, expected), (expected, 1000)]


def test_balanced_ranges__slack_adds_up_along_the_cuts() -> None:
    weights = np.full(40_000, 10_000)
    costs = np.full(40_001, 1_000_000)
    costs[[0, 20_060, 40_000]] = 0
    ranges = balanced_ranges(weights, 4, ReadTwice(costs, costs))
    # 60 events from the middle, shared by two ranks
    assert 20_060 in {stop for _, stop in ranges}


def test_balanced_ranges__a_rank_with_two_chunks_takes_fewer_events() -> None:
    # chunks of 90 rows, one row an event: inflating one costs as much as 45 events do beside it
    weights = np.full(180, 15)
    twice = read_twice([(np.arange(181), 90, 450)])
    assert twice is not None
    ranges = balanced_ranges(weights, 5, twice)
    cost = cost_of(weights, twice)
    assert max(cost(*one) for one in ranges) < max(cost(*one) for one in balanced_ranges(weights, 5))


def test_read_twice__where_a_chunk_is_on_both_sides() -> None:
    hits = int64s([0, 3, 4, 8, 8, 10])
    deposits = int64s([0, 0, 6, 6, 12, 12])
    # row 3 cuts a chunk of 4 rows; 4 and 8 are borders of chunks, 10 the end
    assert_twice([(hits, 4, 100)], [0, 75, 0, 0, 0, 0], [0, 25, 0, 0, 0, 0])
    # at rows 0 and 12 one side has none
    assert_twice([(deposits, 5, 10)], [0, 0, 2, 2, 0, 0], [0, 0, 8, 8, 0, 0])
    assert_twice([(hits, 4, 100), (deposits, 5, 10)], [0, 75, 2, 2, 0, 0], [0, 25, 8, 8, 0, 0])
    # of the last chunk, only the rows there are
    assert_twice([(hits, 6, 60)], [0, 30, 40, 20, 20, 0], [0, 30, 20, 20, 20, 0])
    # events that begin and end within a chunk
    assert_twice([(hits + 2, 4, 100)], [0, 25, 50, 50, 50, 0], [0, 75, 50, 50, 50, 0])
    assert read_twice([]) is None


def assert_twice(tables: list[tuple[Int64s, int, int]], before: list[int], after: list[int]) -> None:
    found = read_twice(tables)
    assert found is not None
    assert found.before.tolist() == before
    assert found.after.tolist() == after


@given(counts=st.lists(st.integers(0, 7), min_size=1, max_size=30), rows=st.integers(1, 9), data=st.data())
def test_read_twice__as_counted_chunk_by_chunk(counts: list[int], rows: int, data: st.DataObject) -> None:
    offsets = total_of(int64s(counts))
    cut = data.draw(st.integers(0, len(counts)))
    left, right = ({row // rows for row in side} for side in np.split(np.arange(offsets[-1]), [offsets[cut]]))
    found = read_twice([(offsets, rows, rows)])
    assert found is not None
    of_both = left & right
    shared = [row for row in range(offsets[-1]) if row // rows in of_both]
    assert found.before[cut] == sum(row < offsets[cut] for row in shared)
    assert found.after[cut] == sum(row >= offsets[cut] for row in shared)


# ---- batches


@given(weights=weights, budget=st.integers(1, 10**6), data=st.data())
def test_batch_ranges__cover_the_range_within_the_budget(
    weights: Int64s, budget: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(weights)))
    stop = data.draw(st.integers(start, len(weights)))
    ranges = batch_ranges(weights, budget, start, stop)
    assert [event for low, high in ranges for event in range(low, high)] == list(range(start, stop))
    for low, high in ranges:
        assert high == low + 1 or weights[low:high].sum() <= budget
    for (low, _), (_, high) in pairwise(ranges):
        assert weights[low:high].sum() > budget
