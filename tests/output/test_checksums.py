from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from numl_polars.output.checksums import xxh64

KNOWN = ["ef46db3751d8e999", "34c96acdcadb1bbb", "73f859a04f669e6d", "b2f4abc732ed8302"]
RUNS = [pytest.param(xxh64, id="compiled"), pytest.param(xxh64.py_func, id="python")]


def bounds(sizes: list[int]) -> Any:
    return np.cumsum([0, *sizes])


@pytest.mark.parametrize("run", RUNS)
@given(sizes=st.lists(st.integers(0, 40), max_size=6), data=st.data())
def test_xxh64__equals_the_reference(run: Callable[..., Any], sizes: list[int], data: st.DataObject) -> None:
    reference = pytest.importorskip("xxhash")
    words = data.draw(npst.arrays("<u8", sum(sizes)))
    with np.errstate(over="ignore"):
        found = run(words, bounds(sizes))
    records = np.split(words, bounds(sizes)[1:-1]) if sizes else []
    assert found.tolist() == [reference.xxh64(record.tobytes()).intdigest() for record in records]


@pytest.mark.parametrize("run", RUNS)
def test_xxh64__known_values(run: Callable[..., Any]) -> None:
    words = np.arange(40, dtype=np.uint64)
    with np.errstate(over="ignore"):
        found = run(words, bounds([0, 1, 4, 35]))
    assert [f"{value:016x}" for value in found.tolist()] == KNOWN


@given(words=npst.arrays("<u8", 20), place=st.integers(0, 19), change=st.integers(1, 2**64 - 1))
def test_xxh64__sees_any_change_of_a_word(words: Any, place: int, change: int) -> None:
    other = words.copy()
    other[place] ^= np.uint64(change)
    assert xxh64(words, bounds([20])) != xxh64(other, bounds([20]))
