"""Orders in which objects are drawn, such that batches take about as much memory each."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch.utils.data
from numpy.typing import NDArray

from numl_polars.errors import OptionError

Int64s = NDArray[np.int64]


class BalancedSampler(torch.utils.data.Sampler[int]):
    """Shuffled places of objects, the largest spread evenly over the batches.

    The largest `balance_frac` of the objects are dealt out one by one to batches in turn, the rest fill them
    up at random; batches and what is in them are shuffled. So no batch gets several of the few objects that
    are far larger than the others. Every object is drawn once an epoch.

    Parameters
    ----------
    sizes
        int (objects,): size of each object, as `Dataset.sizes`.
    batch_size
        Objects in a batch.
    balance_frac
        Fraction of the objects that are spread, from 0 (a plain shuffle) to 1.
    drop_last
        Whether to leave out an incomplete batch at the end; else it is the last one.
    seed
        Of the order; each epoch has its own.

    Raises
    ------
    OptionError
        An option has no meaning.
    """

    def __init__(
        self,
        sizes: Sequence[int] | Int64s,
        batch_size: int,
        *,
        balance_frac: float = 0.1,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        if batch_size < 1:
            raise OptionError(f"batch size {batch_size} is below 1")
        if not 0 <= balance_frac <= 1:
            raise OptionError(f"balance fraction {balance_frac} is not between 0 and 1")
        if seed < 0:
            raise OptionError(f"seed {seed} of the sampler is negative")
        self.sizes = np.asarray(sizes, np.int64)
        self.batch_size = batch_size
        self.balance_frac = balance_frac
        self.drop_last = drop_last
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch; without it each iteration is the next epoch's."""
        self.epoch = epoch

    def __len__(self) -> int:
        number = len(self.sizes)
        return number - number % self.batch_size if self.drop_last else number

    def __iter__(self) -> Iterator[int]:
        order = self.order(self.epoch)
        self.epoch += 1
        return iter(order.tolist())

    def order(self, epoch: int) -> Int64s:
        """Places of the objects in the order of an epoch: each `batch_size` of them are a batch."""
        random = np.random.default_rng((self.seed, epoch))
        shuffled = random.permutation(len(self.sizes))
        number = len(shuffled) - len(shuffled) % self.batch_size
        # what stays over is drawn first, so that large objects have no other chance to be left out
        batches, rest = shuffled[:number], shuffled[number:]
        largest = batches[np.argsort(-self.sizes[batches], kind="stable")][
            : round(self.balance_frac * number)
        ]
        others = batches[~np.isin(batches, largest)]
        # one row a batch, filled column by column, down and up: each gets one of the largest before any
        # gets a second, and who got the largest first gets the smallest then
        columns = np.concatenate([largest, others]).reshape(self.batch_size, -1)
        columns[1::2] = columns[1::2, ::-1].copy()
        table = columns.T
        table = random.permuted(table[random.permutation(len(table))], axis=1)
        order = table.ravel()
        return order if self.drop_last else np.concatenate([order, rest])
