"""Train, validation and test samples: seeded, and the same on every machine.

By ``shuffle``, objects are permuted and cut, so that each split has its exact share. By ``hash``, the split
of an object depends on its run, subrun and event, and the seed, alone: it stays where it is when files are
added. Shares are then met as closely as chance allows.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import OptionError
from numl_polars.output.layout import event_numbers

Int64s = NDArray[np.int64]
SplitBy = Literal["shuffle", "hash"]
SPLIT_BY: tuple[SplitBy, ...] = get_args(SplitBy)
SPLIT_NAMES = ("train", "validation", "test")
_TOLERANCE = 1e-9
_HASH_BITS = 53  # of which a float tells all apart


@dataclass(frozen=True)
class Splits:
    """Fractions of the objects that become train, validation and test samples.

    Parameters
    ----------
    train, validation, test
        Fractions from 0 to 1, whose sum is 1 within 1e-9.
    seed
        Seed of the permutation, or of the hash, not negative.
    by
        ``shuffle`` or ``hash``.

    Raises
    ------
    OptionError
        A fraction is negative or NaN, their sum is not 1, the seed is negative, or `by` is neither.
    """

    train: float = 0.9
    validation: float = 0.05
    test: float = 0.05
    seed: int = 0
    by: SplitBy = "shuffle"

    def __post_init__(self) -> None:
        for name, fraction in zip(SPLIT_NAMES, self.fractions, strict=True):
            if not 0 <= fraction <= 1 + _TOLERANCE:
                raise OptionError(f"{name} fraction {fraction!r} of the splits is not between 0 and 1")
        if abs(math.fsum(self.fractions) - 1) > _TOLERANCE:
            raise OptionError(f"splits {self} add up to {math.fsum(self.fractions):.10g}, not 1")
        if self.seed < 0:
            raise OptionError(f"seed {self.seed} of the splits is negative")
        if self.by not in SPLIT_BY:
            raise OptionError(f"splits by {self.by!r}: only by {' or '.join(SPLIT_BY)}")

    @property
    def fractions(self) -> tuple[float, float, float]:
        """Train, validation and test fraction."""
        return self.train, self.validation, self.test

    @property
    def options(self) -> dict[str, Any]:
        """What a file records of its splits."""
        options = asdict(self)
        if self.by == "shuffle":
            del options["by"]
        return options

    def __str__(self) -> str:
        return "/".join(f"{fraction:.10g}" for fraction in self.fractions)

    @classmethod
    def parse(cls, text: str, *, seed: int = 0, by: SplitBy = "shuffle") -> Self:
        """Splits from ``train/validation/test``, as fractions (``0.9/0.05/0.05``) or percent (``90/5/5``).

        Parameters
        ----------
        text
            Three numbers that add up to 1 or to 100.
        seed, by
            As of the class.

        Raises
        ------
        OptionError
            `text` is not three such numbers, `seed` is negative, or `by` is unknown.
        """
        try:
            train, validation, test = (float(part) for part in text.split("/"))
        except ValueError:
            raise OptionError(
                f"splits {text!r} are not three numbers train/validation/test, as in 90/5/5"
            ) from None
        total = math.fsum((train, validation, test))
        if abs(total - 100) <= 100 * _TOLERANCE:
            train, validation, test = train / 100, validation / 100, test / 100
        elif not abs(total - 1) <= _TOLERANCE:
            raise OptionError(f"splits {text!r} add up to {total:.10g}, neither 1 nor 100")
        return cls(train, validation, test, seed, by)

    def assign(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Names by split; see `rows`.

        Parameters
        ----------
        names
            Object names, in the order of the file.

        Raises
        ------
        InputError
            Splits are by hash, and a name does not say run, subrun and event.
        """
        return {split: [names[row] for row in rows.tolist()] for split, rows in self.rows(names).items()}

    def rows(self, names: Sequence[str]) -> dict[str, Int64s]:
        """Rows of `names` by split.

        By shuffle, each in the order of a seeded permutation (PCG64); validation and test get
        ``floor(fraction * len(names))`` names, train the rest. The outcome depends on the number of names,
        the fractions and the seed alone.

        By hash, each in the order of `event_hashes`, and by row where those are equal: repeated events, whose
        names end in ``_2``, ``_3``, …, have the split of the first. An object's split depends on its run,
        subrun and event, the fractions and the seed alone, and whether it is a test sample on the test
        fraction and the seed.

        Raises
        ------
        InputError
            Splits are by hash, and a name does not say run, subrun and event.
        """
        if self.by == "hash":
            return self._rows_by_hash(names)
        # NumPy keeps the raw stream of a bit generator for good; Generator.permutation may change.
        shuffled = np.argsort(np.random.PCG64(self.seed).random_raw(len(names)), kind="stable")
        num_validation, num_test = (
            math.floor(fraction * len(names) + _TOLERANCE) for fraction in (self.validation, self.test)
        )
        start_validation = max(len(names) - num_validation - num_test, 0)
        start_test = start_validation + num_validation
        return {
            "train": shuffled[:start_validation],
            "validation": shuffled[start_validation:start_test],
            "test": shuffled[start_test:],
        }

    def _rows_by_hash(self, names: Sequence[str]) -> dict[str, Int64s]:
        hashes = event_hashes(event_numbers(names), self.seed)
        order = np.argsort(hashes, kind="stable")
        whole = 1 << _HASH_BITS
        stop_test = whole if self.train == self.validation == 0 else math.ceil(self.test * whole)
        stop_validation = whole if self.train == 0 else math.ceil((self.test + self.validation) * whole)
        # the largest hashes train, the smallest test: that does not depend on how the rest is cut
        bounds = np.array([stop_test, stop_validation], np.uint64)
        stops = np.searchsorted(hashes[order] >> np.uint64(64 - _HASH_BITS), bounds)
        test, validation, train = np.split(order, stops)
        return {"train": train, "validation": validation, "test": test}


def event_hashes(numbers: Int64s, seed: int = 0) -> NDArray[np.uint64]:
    """uint64 (events,): hash of each event, the same on every machine and in every version.

    ``h = mix(seed)``, then for run, subrun and event in turn ``h = mix(h ^ number)``, all modulo 2**64, where
    `mix` is a step of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): add 0x9E3779B97F4A7C15; then
    ``z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9``, ``z = (z ^ z >> 27) * 0x94D049BB133111EB``, ``z ^ z >> 31``.

    Parameters
    ----------
    numbers
        int64 (events, 3): run, subrun, event.
    seed
        Not negative; its lowest 64 bits count.
    """
    found = np.full(len(numbers), seed % 2**64, np.uint64)
    found = _mixed(found)
    for column in numbers.astype(np.int64).T:
        found = _mixed(found ^ column.astype(np.uint64))
    return found


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


DEFAULT_SPLITS = Splits()
