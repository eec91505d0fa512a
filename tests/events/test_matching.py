"""Rows by identifiers: the kernel, compiled and as plain Python, against a dictionary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numl_polars.events.matching import match_rows

ids = st.lists(st.integers(-3, 8), max_size=8)
gapless = st.integers(0, 8).map(lambda size: list(range(size)))
far = st.lists(st.sampled_from([-(2**62), -1000, 0, 1, 1000, 2**62]), max_size=8)
ascending = st.sets(st.integers(-50, 50), max_size=8).map(sorted)


def first_rows(keys: list[list[int]], queries: list[list[int]]) -> list[int]:
    rows, start = [], 0
    for own, wanted in zip(keys, queries, strict=True):
        first = {key: start + row for row, key in reversed(list(enumerate(own)))}
        rows += [first.get(query, -1) for query in wanted]
        start += len(own)
    return rows


def columns(lists: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    return offsets, np.array([value for values in lists for value in values], np.int64)


@pytest.mark.parametrize("run", [match_rows, match_rows.py_func], ids=["compiled", "python"])
@given(events=st.lists(st.tuples(ids | gapless | ascending | far, ids | far), max_size=5))
def test_match_rows__equals_a_dictionary(run, events: list[tuple[list[int], list[int]]]) -> None:  # type: ignore[no-untyped-def]
    keys, queries = [event[0] for event in events], [event[1] for event in events]
    found = run(*columns(keys), *columns(queries))
    assert found.tolist() == first_rows(keys, queries)
