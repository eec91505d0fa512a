import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numl_polars.errors import OptionError
from numl_polars.training import BalancedSampler


@given(
    number=st.integers(0, 60),
    batch_size=st.integers(1, 12),
    balance_frac=st.floats(0, 1),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 3),
)
def test_balanced_sampler__every_object_once(
    number: int, batch_size: int, balance_frac: float, seed: int, epoch: int
) -> None:
    sizes = np.random.default_rng(seed).integers(1, 1000, number)
    sampler = BalancedSampler(sizes, batch_size, balance_frac=balance_frac, seed=seed)
    order = sampler.order(epoch)
    assert len(sampler) == number
    assert sorted(order.tolist()) == list(range(number))
    dropped = BalancedSampler(sizes, batch_size, balance_frac=balance_frac, seed=seed, drop_last=True)
    whole = number // batch_size * batch_size
    assert len(dropped) == whole
    np.testing.assert_array_equal(dropped.order(epoch), order[:whole])


def test_balanced_sampler__largest_are_spread() -> None:
    sizes = np.concatenate([np.full(90, 10), np.full(10, 10_000)])
    order = BalancedSampler(sizes, 10).order(0).reshape(-1, 10)
    assert (sizes[order] > 10).sum(axis=1).tolist() == [1] * 10
    where = (sizes[order] > 10).argmax(axis=1)
    assert len(set(where.tolist())) > 2  # not at one place in all batches
    random = np.random.default_rng(2)
    sizes = (1000 * random.lognormal(0, 1, 6400)).astype(np.int64)
    totals = [
        sizes[BalancedSampler(sizes, 64, balance_frac=frac).order(0)].reshape(-1, 64).sum(axis=1).std()
        for frac in (0, 0.1, 1)
    ]
    assert totals[0] > totals[1] > totals[2]


def test_balanced_sampler__epochs() -> None:
    sampler = BalancedSampler(np.arange(30), 4, seed=3)
    first, second = list(sampler), list(sampler)
    assert first != second
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert list(sampler) == second
    assert list(BalancedSampler(np.arange(30), 4, seed=4)) != first


def test_balanced_sampler__options() -> None:
    with pytest.raises(OptionError, match="batch size 0 is below 1"):
        BalancedSampler([1], 0)
    with pytest.raises(OptionError, match=r"balance fraction 1.5 is not between 0 and 1"):
        BalancedSampler([1], 1, balance_frac=1.5)
    with pytest.raises(OptionError, match="seed -1 of the sampler is negative"):
        BalancedSampler([1], 1, seed=-1)
