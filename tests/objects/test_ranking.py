"""Orders and ranks: those of NumPy, for many events at once."""

from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numl_polars.objects.ranking import counting_order, dense_ranks


@given(keys=st.lists(st.integers(0, 6), max_size=30))
@pytest.mark.parametrize("run", [counting_order, counting_order.py_func], ids=["compiled", "python"])
def test_counting_order__is_a_stable_sort(run, keys: list[int]) -> None:  # type: ignore[no-untyped-def]
    assert run(np.array(keys, np.int64), 7).tolist() == np.argsort(keys, kind="stable").tolist()


@given(events=st.lists(st.lists(st.integers(-3, 9), max_size=12), max_size=6))
@pytest.mark.parametrize("run", [dense_ranks, dense_ranks.py_func], ids=["compiled", "python"])
def test_dense_ranks__number_the_values_of_each_event(run, events: list[list[int]]) -> None:  # type: ignore[no-untyped-def]
    offsets = np.concatenate([[0], np.cumsum([len(values) for values in events], dtype=np.int64)])
    ranks, num_values = run(np.array([*chain(*events)], np.int64), offsets.astype(np.int64))
    for values, (start, stop), num in zip(events, pairwise(offsets.tolist()), num_values, strict=True):
        assert ranks[start:stop].tolist() == [sorted(set(values)).index(value) for value in values]
        assert num == len(set(values))
