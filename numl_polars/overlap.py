"""Steps of a pipeline that overlap: one goes on in a thread while the others do."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")

_WAITING = 1


def overlapped(
    function: Callable[[T], U], items: Iterable[T], *, spare_core: bool
) -> Generator[U, None, None]:
    """What `function` makes of each item, in order; one item in advance, in a thread of its own.

    Taken from a source, it prepares the next item while this one is used; put behind an iterator, it finishes
    the last item while the iterator makes the next one. At most two items wait between two steps.

    Parameters
    ----------
    function
        Called for one item at a time.
    items
        Taken in the caller's thread.
    spare_core
        Whether there is a core to overlap on; without one, each item is done when it is asked for.

    Raises
    ------
    Whatever `function` raises, at the place of its item; the items after it are not begun.
    """
    if not spare_core:
        yield from map(function, items)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    begun: deque[Future[U]] = deque()
    worker = ThreadPoolExecutor(1)
    try:
        for item in items:
            begun.append(worker.submit(function, item))
            if len(begun) > _WAITING:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        worker.shutdown(cancel_futures=True)
