"""Pieces of work that release the interpreter, on the cores that this rank has."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from numl_polars.threads import num_cores

Job = Callable[[], None]


def run_jobs(jobs: Iterable[Job]) -> None:
    """Run the jobs, on spare cores too; returns when all are done.

    Raises
    ------
    Exception
        The first that a job raised; jobs that were not begun then are left undone.
    """
    waiting = deque(jobs)
    spare = min(num_cores(), len(waiting)) - 1
    if spare <= 0:
        for job in waiting:
            job()
        return

    def work() -> None:
        while True:
            try:
                job = waiting.popleft()
            except IndexError:
                return
            try:
                job()
            except BaseException:
                waiting.clear()
                raise

    helpers = [_pool(num_cores() - 1).submit(work) for _ in range(spare)]
    try:
        work()
    finally:
        faults = [helper.exception() for helper in helpers]
    for fault in faults:
        if fault is not None:
            raise fault


@cache
def _pool(num_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(num_threads, "numl-polars-read")
