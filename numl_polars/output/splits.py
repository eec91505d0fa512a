"""Train, validation and test samples: seeded, and the same on every machine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np

from numl_polars.errors import OptionError

T = TypeVar("T")
SPLIT_NAMES = ("train", "validation", "test")
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Splits:
    """Fractions of the objects that become train, validation and test samples.

    Parameters
    ----------
    train, validation, test
        Fractions from 0 to 1, whose sum is 1 within 1e-9.
    seed
        Seed of the permutation, not negative.

    Raises
    ------
    OptionError
        A fraction is negative or NaN, their sum is not 1, or the seed is negative.
    """

    train: float = 0.9
    validation: float = 0.05
    test: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        for name, fraction in zip(SPLIT_NAMES, self.fractions, strict=True):
            if not 0 <= fraction <= 1 + _TOLERANCE:
                raise OptionError(f"{name} fraction {fraction!r} of the splits is not between 0 and 1")
        if abs(math.fsum(self.fractions) - 1) > _TOLERANCE:
            raise OptionError(f"splits {self} add up to {math.fsum(self.fractions):.10g}, not 1")
        if self.seed < 0:
            raise OptionError(f"seed {self.seed} of the splits is negative")

    @property
    def fractions(self) -> tuple[float, float, float]:
        """Train, validation and test fraction."""
        return self.train, self.validation, self.test

    def __str__(self) -> str:
        return "/".join(f"{fraction:.10g}" for fraction in self.fractions)

    @classmethod
    def parse(cls, text: str, *, seed: int = 0) -> Self:
        """Splits from ``train/validation/test``, as fractions (``0.9/0.05/0.05``) or percent (``90/5/5``).

        Parameters
        ----------
        text
            Three numbers that add up to 1 or to 100.
        seed
            Seed of the permutation.

        Raises
        ------
        OptionError
            `text` is not three such numbers, or `seed` is negative.
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
        return cls(train, validation, test, seed)

    def assign(self, names: Sequence[T]) -> dict[str, list[T]]:
        """Names by split, each in the order of a seeded permutation (PCG64) of `names`.

        Validation and test get ``floor(fraction * len(names))`` names, train the rest. The outcome depends
        on the names, their order, the fractions and the seed alone.

        Parameters
        ----------
        names
            Object names, or whatever stands for them, in the order of the file.
        """
        # NumPy keeps the raw stream of a bit generator for good; Generator.permutation may change.
        order = np.argsort(np.random.PCG64(self.seed).random_raw(len(names)), kind="stable")
        shuffled = [names[row] for row in order.tolist()]
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


DEFAULT_SPLITS = Splits()
