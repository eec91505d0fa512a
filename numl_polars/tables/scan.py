"""A table as a Polars LazyFrame whose projection, row limit and event range reach HDF5."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from numl_polars.schema import EVENT_INDEX
from numl_polars.tables.keys import event_of_rows

if TYPE_CHECKING:
    from numl_polars.tables.joined import JoinedTable

Int64s = NDArray[np.int64]

_CHUNK_ROWS = 1 << 20


def scan_table(
    table: "JoinedTable", offsets: Int64s, start: int, stop: int, rows: tuple[int, int] | None = None
) -> pl.LazyFrame:
    """LazyFrame of the rows of events ``[start, stop)``, `event_index` first.

    Parameters
    ----------
    table
        Where the columns are read.
    offsets
        int64 (events + 1,), rows of every event of the file.
    start, stop
        Range of events.
    rows
        Keep only this range ``[start, stop)`` of the table's rows.

    Notes
    -----
    Conditions on `event_index` alone, joined by ``&``, are evaluated once per event, and only the rows of
    events that pass are read. `head` and `limit` read no more rows than they keep.
    """
    schema: dict[str, pl.DataType] = {EVENT_INDEX: pl.Int64()}
    schema.update((name, column.dtype) for name, column in table.columns.items())
    first, last = int(offsets[start]), int(offsets[stop])
    if rows is not None:
        first, last = max(first, rows[0]), min(last, rows[1])

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        names = list(schema) if with_columns is None else with_columns
        left = n_rows
        for low, high in _row_ranges(offsets, start, stop, predicate):
            for begin in range(max(low, first), min(high, last), _CHUNK_ROWS):
                end = min(begin + _CHUNK_ROWS, high, last)
                if left is not None:
                    end = min(end, begin + left)
                    left -= end - begin
                frame = read_frame(table, offsets, names, begin, end)
                yield frame if predicate is None else frame.filter(predicate)
                if left == 0:
                    return

    return register_io_source(
        source, schema=schema, is_pure=True, explain_name="NuML", explain_detail=table.where
    )


def read_frame(table: "JoinedTable", offsets: Int64s, names: list[str], begin: int, end: int) -> pl.DataFrame:
    """Rows ``[begin, end)`` of columns, `event_index` among them or not, in the buffers they were read to."""
    stored = table.read([name for name in names if name != EVENT_INDEX], begin, end)
    columns: dict[str, pl.Series] = {}
    for name in names:
        if name == EVENT_INDEX:
            columns[name] = pl.Series(name, event_of_rows(offsets, begin, end))
        else:
            columns[name] = _series(name, stored[name])
    return pl.DataFrame(columns)


@dataclass(frozen=True)
class _Exported:
    """An Arrow array as any library that keeps to Arrow's C interface shows one."""

    array: pa.Array

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        return self.array.__arrow_c_array__(requested_schema)  # type: ignore[no-any-return]


def _series(name: str, array: pa.Array) -> pl.Series:
    """The array's buffers as a series; given to Polars as what it is, it would import pyarrow.compute."""
    return pl.Series(_Exported(array)).alias(name)


def _row_ranges(offsets: Int64s, start: int, stop: int, predicate: pl.Expr | None) -> list[tuple[int, int]]:
    """Ranges of rows of the events that can pass the predicate, adjoining ones joined."""
    events = pl.DataFrame({EVENT_INDEX: np.arange(start, stop, dtype=np.int64)})
    for condition in _conjuncts(predicate):
        if condition.meta.root_names() == [EVENT_INDEX] and condition.meta.is_row_separable():
            events = events.filter(condition)
    passing = events[EVENT_INDEX].to_numpy()
    if not passing.size:
        return []
    breaks = np.flatnonzero(np.diff(passing) != 1)
    firsts = passing[np.append(0, breaks + 1)]
    lasts = passing[np.append(breaks, len(passing) - 1)]
    return list(zip(offsets[firsts].tolist(), offsets[lasts + 1].tolist(), strict=True))


def _conjuncts(predicate: pl.Expr | None) -> list[pl.Expr]:
    """The conditions that `predicate` joins by ``&``; the predicate itself where its form is not known."""
    if predicate is None:
        return []
    conditions, pending = [], [json.loads(predicate.meta.serialize(format="json"))]
    while pending:
        node = pending.pop()
        match node:
            case {"BinaryExpr": {"op": "And", "left": left, "right": right}}:
                pending += [right, left]
            case _:
                conditions.append(pl.Expr.deserialize(io.StringIO(json.dumps(node)), format="json"))
    return conditions
