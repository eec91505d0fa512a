"""Events of a range without those whose rows cannot be read: one bad chunk does not end a run of many."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from numl_polars.errors import UnreadableError
from numl_polars.events.batch import Batch, TableSource


@dataclass(frozen=True)
class UnreadableEvent:
    """An event whose rows cannot be read.

    Parameters
    ----------
    event_index
        Position in the event table.
    why
        Table, file, column and rows, and what is wrong with them.
    """

    event_index: int
    why: str


def readable_batches(
    source: TableSource, columns: Mapping[str, Sequence[str]], start: int, stop: int
) -> Iterator[Batch | UnreadableEvent]:
    """Events ``[start, stop)`` in order, with their `columns` read: one batch, unless rows cannot be read.

    Such events are found by halving the range until they stand alone. What is between them is read again, at
    most as often as the range can be halved.

    Raises
    ------
    InputError
        A column is missing, or none of its rows can be read.
    """
    batch = Batch(source, start, stop)
    try:
        for table, names in columns.items():
            batch.select(table, names)
    except UnreadableError as error:
        if stop - start == 1:
            yield UnreadableEvent(start, str(error))
            return
        middle = (start + stop) // 2
        yield from readable_batches(source, columns, start, middle)
        yield from readable_batches(source, columns, middle, stop)
    else:
        yield batch
