"""Overlapping steps: the same results in the same order, bounded, and faults where they belong."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numl_polars.overlap import overlapped

both = pytest.mark.parametrize("spare_core", [True, False], ids=["thread", "inline"])


@both
@given(items=st.lists(st.integers()))
def test_overlapped__results_in_order(spare_core: bool, items: list[int]) -> None:
    assert list(overlapped(lambda item: 2 * item, items, spare_core=spare_core)) == [2 * i for i in items]


@both
def test_overlapped__steps_form_a_chain(spare_core: bool) -> None:
    read = overlapped(str, range(50), spare_core=spare_core)
    written = overlapped(len, (text * 2 for text in read), spare_core=spare_core)
    assert list(written) == [2] * 10 + [4] * 40


def test_overlapped__next_item_is_done_while_this_one_is_used() -> None:
    second = threading.Event()

    def prepare(item: int) -> int:
        if item == 1:
            second.set()
        return item

    results = overlapped(prepare, range(3), spare_core=True)
    assert next(results) == 0
    assert second.wait(10)
    assert list(results) == [1, 2]


@both
def test_overlapped__no_more_than_one_item_in_advance(spare_core: bool) -> None:
    taken = []

    def source() -> Iterator[int]:
        for item in range(10):
            taken.append(item)
            yield item

    for used, _ in enumerate(overlapped(lambda item: item, source(), spare_core=spare_core)):
        assert len(taken) <= used + 2


@both
@pytest.mark.parametrize("faulty", [0, 3, 9])
def test_overlapped__fault_comes_at_its_item_and_ends_the_rest(spare_core: bool, faulty: int) -> None:
    begun: list[int] = []
    seen: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == faulty:
            raise ValueError(f"item {item}")
        return item

    with pytest.raises(ValueError, match=f"item {faulty}"):
        seen.extend(overlapped(work, range(10), spare_core=spare_core))
    assert seen == list(range(faulty))
    assert max(begun) <= faulty + 1


@both
def test_overlapped__fault_of_the_source_or_the_user_leaves_no_thread(spare_core: bool) -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("no more")

    before = threading.active_count()
    with pytest.raises(OSError, match="no more"):
        list(overlapped(lambda item: item, source(), spare_core=spare_core))
    results = overlapped(lambda item: item, range(10), spare_core=spare_core)
    next(results)
    results.close()
    assert threading.active_count() == before


def test_overlapped__closing_waits_for_what_runs() -> None:
    has_begun, may_end, ended = threading.Event(), threading.Event(), []

    def work(item: int) -> None:
        if item == 1:
            has_begun.set()
            may_end.wait(10)
            ended.append(True)

    results = overlapped(work, range(3), spare_core=True)
    next(results)
    assert has_begun.wait(10)
    threading.Timer(0.05, may_end.set).start()
    results.close()
    assert ended == [True]
