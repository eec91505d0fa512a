"""Seconds spent in the stages of a run, and how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

Progress = Callable[[str, int, int], None]
"""Told on rank 0: what is going on, how much of it is done, how much there is."""


class Stages:
    """Adds up wall time by stage: ``with stages("read"): …``; `seconds` holds the sums."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the block to `stage`."""
        begin = perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + perf_counter() - begin
