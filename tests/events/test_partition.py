"""Ranges of events: ordered, disjoint, complete, balanced."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from numl_polars.events.partition import balanced_ranges, batch_ranges

weights = st.lists(st.integers(0, 10**6), max_size=60).map(lambda rows: np.array(rows, np.int64))


@given(weights=weights, parts=st.integers(1, 80))
def test_balanced_ranges__ordered_disjoint_complete(weights: np.ndarray, parts: int) -> None:
    ranges = balanced_ranges(weights, parts)
    assert len(ranges) == parts
    assert ranges[0][0] == 0
    assert ranges[-1][1] == len(weights)
    assert all(start <= stop for start, stop in ranges)
    assert all(left[1] == right[0] for left, right in pairwise(ranges))


@given(weights=weights, parts=st.integers(1, 80))
def test_balanced_ranges__no_range_exceeds_its_share_by_more_than_one_event(
    weights: np.ndarray, parts: int
) -> None:
    heaviest = int(weights.max(initial=0)) + 1
    share = (weights + 1).sum() / parts
    for start, stop in balanced_ranges(weights, parts):
        assert (weights[start:stop] + 1).sum() <= share + heaviest


def test_balanced_ranges__equal_events_are_shared_equally() -> None:
    assert balanced_ranges(np.full(12, 7), 4) == [(0, 3), (3, 6), (6, 9), (9, 12)]


def test_balanced_ranges__one_heavy_event() -> None:
    assert balanced_ranges(np.array([1, 1, 1000, 1, 1]), 2) in ([(0, 2), (2, 5)], [(0, 3), (3, 5)])


@given(weights=weights, budget=st.integers(1, 10**6), data=st.data())
def test_batch_ranges__cover_the_range_within_the_budget(
    weights: np.ndarray, budget: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(weights)))
    stop = data.draw(st.integers(start, len(weights)))
    ranges = batch_ranges(weights, budget, start, stop)
    assert [event for low, high in ranges for event in range(low, high)] == list(range(start, stop))
    for low, high in ranges:
        assert high == low + 1 or weights[low:high].sum() <= budget
    for (low, _), (_, high) in pairwise(ranges):
        assert weights[low:high].sum() > budget
