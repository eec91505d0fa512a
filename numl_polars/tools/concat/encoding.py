"""Rows of the output made from those of the inputs, and packed as the file has them."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from numl_polars.tables.damage import DamageError
from numl_polars.tables.filters import DEFLATE
from numl_polars.tools.concat.inputs import InputColumn, Inputs
from numl_polars.tools.concat.plan import Item, OutputColumn, Plan
from numl_polars.tools.concat.reading import null_rows, read_column, read_objects

_SKIPPED = 1


class Chunk(NamedTuple):
    """A chunk as it is stored: its first row, its bytes, and the mask of filters that were not applied."""

    row: int
    stored: bytes
    skipped: int


class Encoded(NamedTuple):
    """An item, made: chunks, or rows where there are none."""

    item: Item
    chunks: list[Chunk]
    rows: NDArray[Any] | None


class Encoder:
    """Makes items of a plan; several threads may.

    Parameters
    ----------
    plan
        What is made.
    inputs
        The files of the plan.
    """

    def __init__(self, plan: Plan, inputs: Inputs) -> None:
        self._plan = plan
        self._inputs = inputs
        # small chunks take the interpreter's lock one by one: threads would only pass it on
        self._interpreter = Lock()

    def __call__(self, item: Item) -> Encoded:
        """The item, made.

        Raises
        ------
        InputError
            Rows of an input cannot be read.
        """
        column = self._plan.columns[item.column]
        if column.is_variable:
            return Encoded(item, [], self._texts(column, item.start, item.stop))
        if column.chunk_rows is None:
            return Encoded(item, [], self._rows(column, item.start, item.stop))
        chunks = []
        start = item.start
        for first in range(item.start, item.stop, column.chunk_rows):
            copied = self._copied(column, first)
            if copied is not None:
                chunks += [*self._packed(column, start, first), copied]
                start = first + column.chunk_rows
        chunks += self._packed(column, start, item.stop)
        return Encoded(item, chunks, None)

    def _copied(self, column: OutputColumn, first: int) -> Chunk | None:
        """The chunk from row `first` on as an input has it, None where none has just that one."""
        assert column.chunk_rows is not None
        bounds = self._plan.tables[column.table].bounds
        number = int(np.searchsorted(bounds, first, side="right")) - 1
        stop = first + column.chunk_rows
        if number not in column.copied or stop > bounds[number + 1]:
            return None
        is_last = bool(stop == bounds[number + 1])
        with self._input(number, column, is_last=is_last) as found:
            chunked = found.chunked
            wanted = (DEFLATE,) if column.gzip else ()
            if chunked is None or chunked.filters.steps != wanted:
                return None
            try:
                stored = chunked.stored((first - int(bounds[number])) // column.chunk_rows)
            except DamageError:
                # reading its rows will tell
                return None
        return None if stored is None else Chunk(first, *stored)

    def _packed(self, column: OutputColumn, start: int, stop: int) -> list[Chunk]:
        if start >= stop:
            return []
        assert column.chunk_rows is not None
        rows = self._rows(column, start, stop)
        size = column.chunk_rows * column.row_bytes
        chunks = []
        for first in range(start, stop, column.chunk_rows):
            block = rows[first - start : first - start + column.chunk_rows]
            if len(block) < column.chunk_rows:
                whole = np.zeros((column.chunk_rows, column.row_bytes), np.uint8)
                whole[: len(block)] = block
                block = whole
            plain = block.reshape(-1).data
            stored = zlib_ng.compress(plain, column.gzip) if column.gzip else plain.tobytes()
            # HDF5 leaves out a filter that makes more of it
            skipped = _SKIPPED if column.gzip and len(stored) >= size else 0
            chunks.append(Chunk(first, plain.tobytes() if skipped else stored, skipped))
        return chunks

    def _rows(self, column: OutputColumn, start: int, stop: int) -> NDArray[np.uint8]:
        """Rows ``[start, stop)`` as they are stored, uint8 (rows, bytes of a row)."""
        table = self._plan.tables[column.table]
        if column.key is not None:
            assert table.lines is not None
            key = table.lines[start:stop] if column.key == "seq_cnt" else table.events_of_rows(start, stop)
            return np.ascontiguousarray(key, "<i8").view(np.uint8).reshape(stop - start, column.row_bytes)
        rows = np.empty((stop - start, column.row_bytes), np.uint8)
        where = f"{column.table}/{column.name}"
        for number, first, last in self._pieces(column, start, stop):
            begin = int(table.bounds[number])
            block = rows[first - start : last - start]
            if number in table.filled.get(column.name, ()):
                block[...] = null_rows(last - first, column.type, column.row_shape)
                continue
            is_last = bool(last == table.bounds[number + 1])
            path = self._plan.paths[number]
            with (
                self._input(number, column, is_last=is_last) as found,
                self._interpreter if found.has_small_chunks else nullcontext(),
            ):
                block[...] = read_column(
                    found, first - begin, last - begin, column.type, where=where, path=path
                )
        return rows

    def _texts(self, column: OutputColumn, start: int, stop: int) -> NDArray[Any]:
        """Rows ``[start, stop)`` of variable strings, as Python's bytes."""
        table = self._plan.tables[column.table]
        where = f"{column.table}/{column.name}"
        rows = np.empty((stop - start, *column.row_shape), object)
        for number, first, last in self._pieces(column, start, stop):
            begin = int(table.bounds[number])
            block = rows[first - start : last - start]
            if number in table.filled.get(column.name, ()):
                block[...] = b""
                continue
            is_last = bool(last == table.bounds[number + 1])
            path = self._plan.paths[number]
            with self._input(number, column, is_last=is_last) as found:
                texts = read_objects(found, first - begin, last - begin, where=where, path=path)
            block[...] = texts.reshape(block.shape)
        return rows

    def _input(
        self, number: int, column: OutputColumn, *, is_last: bool
    ) -> AbstractContextManager[InputColumn]:
        name = self._plan.tables[column.table].name_in(number, column.name)
        return self._inputs.column(number, column.table, name, is_last=is_last)

    def _pieces(
        self, column: OutputColumn, start: int, stop: int
    ) -> Generator[tuple[int, int, int], None, None]:
        """Files that rows ``[start, stop)`` are of, with the rows of each."""
        bounds = self._plan.tables[column.table].bounds
        first = int(np.searchsorted(bounds, start, side="right")) - 1
        last = int(np.searchsorted(bounds, stop, side="left"))
        for number in range(first, last):
            begin, end = max(start, int(bounds[number])), min(stop, int(bounds[number + 1]))
            if begin < end:
                yield number, begin, end


def encoded(
    encode: Callable[[Item], Encoded], items: Iterable[Item], *, cores: int
) -> Generator[Encoded, None, None]:
    """Items, made, in their order, on all cores; no more under way than cores and two.

    Raises
    ------
    Whatever `encode` raises.
    """
    if cores == 1:
        yield from map(encode, items)
        return
    under_way: deque[Future[Encoded]] = deque()
    pool = ThreadPoolExecutor(cores)
    try:
        for item in items:
            under_way.append(pool.submit(encode, item))
            if len(under_way) >= cores + 2:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
