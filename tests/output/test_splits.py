import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numl_polars.errors import InputError, OptionError
from numl_polars.output.splits import SplitBy, Splits, event_hashes

EVENTS = [f"r1_sr0_evt{event}" for event in range(100)]
PINNED_TEST = ["r1_sr0_evt97", "r1_sr0_evt27", "r1_sr0_evt94", "r1_sr0_evt77", "r1_sr0_evt26"]
KNOWN_HASHES = ["2130748aaac80268", "a28f127db61dc71b", "81043c173795e682", "705780f2b13ff431"]
KNOWN_OF_SEED_1 = "6d08ac1ebcd4c06c"


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


@pytest.mark.parametrize("by", ["shuffle", "hash"])
def test_assign__none(by: SplitBy) -> None:
    assert Splits(by=by).assign([]) == {"train": [], "validation": [], "test": []}


def mixed(word: int) -> int:
    """A step of SplitMix64 in Python's integers."""
    word = (word + 0x9E3779B97F4A7C15) % 2**64
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
    return word ^ word >> 31


@given(
    numbers=st.lists(st.tuples(*[st.integers(-(2**63), 2**63 - 1)] * 3), max_size=5),
    seed=st.integers(0, 2**70),
)
def test_event_hashes__as_defined(numbers: list[tuple[int, int, int]], seed: int) -> None:
    expected = []
    for triple in numbers:
        word = mixed(seed % 2**64)
        for number in triple:
            word = mixed(word ^ number % 2**64)
        expected.append(word)
    assert event_hashes(np.array(numbers, np.int64).reshape(-1, 3), seed).tolist() == expected


def test_event_hashes__known_answers() -> None:
    # the first output of SplitMix64 from the state 0, then three steps on
    assert mixed(0) == 0xE220A8397B1DCDAF
    numbers = np.array([[0, 0, 0], [1, 0, 5], [7010, 1705, 85251], [-1, 2, -3]])
    assert [f"{word:016x}" for word in event_hashes(numbers).tolist()] == KNOWN_HASHES
    assert f"{event_hashes(numbers, seed=1)[2]:016x}" == KNOWN_OF_SEED_1


@given(
    events=st.lists(st.tuples(*[st.integers(0, 50)] * 3), unique=True, max_size=60),
    percent=st.integers(0, 100).flatmap(lambda test: st.tuples(st.integers(0, 100 - test), st.just(test))),
    seed=st.integers(0, 5),
    data=st.data(),
)
def test_assign_by_hash__of_the_event_and_seed_alone(
    events: list[tuple[int, int, int]], percent: tuple[int, int], seed: int, data: st.DataObject
) -> None:
    validation, test = percent
    splits = Splits((100 - validation - test) / 100, validation / 100, test / 100, seed, "hash")
    names = [f"r{run}_sr{subrun}_evt{event}" for run, subrun, event in events]
    assigned = splits.assign(names)
    assert sorted(name for split in assigned.values() for name in split) == sorted(names)
    fewer = data.draw(st.lists(st.sampled_from(names), unique=True) if names else st.just([]))
    for split, found in splits.assign(fewer).items():
        assert found == [name for name in assigned[split] if name in fewer]
    empty = [
        split for split, share in zip(assigned, (100 - validation - test, *percent), strict=True) if not share
    ]
    assert [assigned[split] for split in empty] == [[] for _ in empty]
    other = Splits(1 - test / 100, 0, test / 100, seed, "hash")
    assert other.assign(names)["test"] == assigned["test"]


def test_assign_by_hash__shares() -> None:
    names = [f"r{event // 1000}_sr{event // 50}_evt{event}" for event in range(20_000)]
    sizes = {split: len(found) for split, found in Splits(0.8, 0.15, 0.05, by="hash").assign(names).items()}
    for split, share in {"train": 0.8, "validation": 0.15, "test": 0.05}.items():
        assert abs(sizes[split] - share * len(names)) < 5 * math.sqrt(share * (1 - share) * len(names))


def test_assign_by_hash__repeated_events_stay_together() -> None:
    names = [f"r1_sr0_evt{event}{end}" for event in range(40) for end in ("", "_2", "_3")]
    for found in Splits(0.5, 0.25, 0.25, by="hash").assign(names).values():
        for place in range(0, len(found), 3):
            assert found[place + 1 : place + 3] == [f"{found[place]}_2", f"{found[place]}_3"]


def test_assign_by_hash__other_names() -> None:
    with pytest.raises(InputError, match=r"object 'mine' is not named r\{run\}_sr\{subrun\}_evt\{event\}"):
        Splits(by="hash").assign(["r1_sr2_evt3", "mine"])


def test_splits__unknown_by() -> None:
    with pytest.raises(OptionError, match="splits by 'name': only by shuffle or hash"):
        Splits(by="name")  # type: ignore[arg-type]


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
