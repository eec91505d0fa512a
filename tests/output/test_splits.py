import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numl_polars.errors import OptionError
from numl_polars.output.splits import Splits

EVENTS = [f"r1_sr0_evt{event}" for event in range(100)]
PINNED_TEST = ["r1_sr0_evt97", "r1_sr0_evt27", "r1_sr0_evt94", "r1_sr0_evt77", "r1_sr0_evt26"]


@given(
    num_names=st.integers(0, 300),
    percent=st.integers(0, 100).flatmap(lambda test: st.tuples(st.integers(0, 100 - test), st.just(test))),
    seed=st.integers(0, 2**32),
)
def test_assign__disjoint_complete_sized(num_names: int, percent: tuple[int, int], seed: int) -> None:
    validation, test = percent
    splits = Splits((100 - validation - test) / 100, validation / 100, test / 100, seed)
    names = [str(name) for name in range(num_names)]
    assigned = splits.assign(names)
    assert sorted(name for split in assigned.values() for name in split) == sorted(names)
    assert len(assigned["validation"]) == validation * num_names // 100
    assert len(assigned["test"]) == test * num_names // 100


def test_assign__repeatable() -> None:
    assert Splits().assign(EVENTS) == Splits().assign(tuple(EVENTS))
    assert Splits(seed=1).assign(EVENTS) != Splits().assign(EVENTS)
    assert list(Splits().assign(EVENTS)) == ["train", "validation", "test"]


def test_assign__pinned() -> None:
    assigned = Splits().assign(EVENTS)
    assert {split: len(names) for split, names in assigned.items()} == {
        "train": 90,
        "validation": 5,
        "test": 5,
    }
    assert assigned["test"] == PINNED_TEST


def test_assign__none() -> None:
    assert Splits().assign([]) == {"train": [], "validation": [], "test": []}


@pytest.mark.parametrize("text", ["90/5/5", "0.9/0.05/0.05", " 90 / 5 / 5 "])
def test_parse(text: str) -> None:
    assert Splits.parse(text, seed=4) == Splits(0.9, 0.05, 0.05, 4)


def test_parse__str_is_its_inverse() -> None:
    splits = Splits.parse("70/20/10")
    assert str(splits) == "0.7/0.2/0.1"
    assert Splits.parse(str(splits)) == splits
    assert Splits.parse("1/0/0") == Splits(1, 0, 0)


@pytest.mark.parametrize(
    "text, message",
    [
        ("90/5", "'90/5' are not three numbers"),
        ("90/5/x", "are not three numbers train/validation/test"),
        ("", "are not three numbers"),
        ("90/5/6", "'90/5/6' add up to 101, neither 1 nor 100"),
        ("nan/5/5", "add up to nan"),
        ("110/-5/-5", "train fraction 1.1 of the splits is not between 0 and 1"),
        ("1.5/-0.5/0", "train fraction 1.5"),
    ],
)
def test_parse__refused(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Splits.parse(text)


@pytest.mark.parametrize(
    "fractions, message",
    [
        ((0.9, 0.1, 0.1), "splits 0.9/0.1/0.1 add up to 1.1, not 1"),
        ((0.9, 0.05, 0.0), "add up to 0.95, not 1"),
        ((1.1, -0.1, 0.0), "train fraction 1.1"),
        ((1.0, 0.1, -0.1), "test fraction -0.1"),
        ((0.9, math.nan, 0.05), "validation fraction nan"),
        ((math.inf, 0.0, 0.0), "train fraction inf"),
    ],
)
def test_splits__refused(fractions: tuple[float, float, float], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Splits(*fractions)


def test_splits__negative_seed() -> None:
    with pytest.raises(OptionError, match="seed -1 of the splits is negative"):
        Splits(seed=-1)
