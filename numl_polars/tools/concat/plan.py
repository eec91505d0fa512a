"""What the output is going to be: its columns, how they are stored, and the pieces of work that make them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import h5py
import numpy as np

from numl_polars.errors import InputError
from numl_polars.tables.index_layout import IndexLayout
from numl_polars.tools.concat import datatypes
from numl_polars.tools.concat.agreement import JoinedTable, agree, files_in_words
from numl_polars.tools.concat.datatypes import TypeBytes
from numl_polars.tools.concat.options import GZIP_LEVEL, ConcatOptions
from numl_polars.tools.concat.scan import FileContent, Storage, TableContent

CHUNK_VALUES = 262_144
CHUNK_BYTES = 2 << 20
# items under way, and what each needs beside its rows
_ITEM_COPIES = 2
_STRETCHES_A_RANK = 8

KeyKind = Literal["seq", "seq_cnt"]


@dataclass(frozen=True)
class OutputColumn:
    """A column of the output, and how it is stored.

    Parameters
    ----------
    table, name
        Where it is.
    type, row_shape, num_rows
        Datatype, shape of a row, number of rows.
    chunk_rows
        Rows of a chunk, None for no chunks.
    gzip
        Level, 0 for none.
    key
        Which key it is, None for columns of the inputs.
    copied
        Files whose whole chunks are chunks of the output.
    """

    table: str
    name: str
    type: TypeBytes
    row_shape: tuple[int, ...]
    num_rows: int
    chunk_rows: int | None
    gzip: int
    key: KeyKind | None = None
    copied: frozenset[int] = frozenset()

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in the file; of variable strings, of the references to them."""
        return math.prod(self.row_shape) * datatypes.item_bytes(self.type)

    @property
    def is_variable(self) -> bool:
        """Whether it has strings of variable length, which HDF5 alone can write."""
        return datatypes.is_variable(self.type)


class Item(NamedTuple):
    """A piece of work: rows ``[start, stop)`` of a column, whole chunks but for the last."""

    column: int
    start: int
    stop: int


@dataclass(frozen=True)
class Plan:
    """All that the ranks must know.

    Parameters
    ----------
    paths
        The files, in the order in which they are joined.
    layout
        What says which event a row is of.
    num_events
        Events of all files.
    tables, columns
        Those of the output.
    shares
        The items of each rank.
    warnings
        What the user is to know.
    """

    paths: list[Path]
    layout: IndexLayout
    num_events: int
    tables: dict[str, JoinedTable]
    columns: list[OutputColumn]
    shares: list[list[Item]]
    warnings: list[str]

    def num_bytes(self, item: Item) -> int:
        """Bytes of the rows of an item."""
        return (item.stop - item.start) * self.columns[item.column].row_bytes


def make_plan(files: Sequence[FileContent], options: ConcatOptions, *, num_ranks: int, cores: int) -> Plan:
    """The plan for these files, joined in this order; of an append, the first is the earlier output.

    Parameters
    ----------
    cores
        Cores that a rank has.

    Raises
    ------
    InputError
        The files differ in what may not differ.
    """
    tables, told = agree(files, options)
    _check_index(files, tables)
    columns = [column for table in tables.values() for column in _columns(table, files, options)]
    items = _items(columns, options.buffer_bytes // (_ITEM_COPIES * (cores + 2)))
    return Plan(
        [file.path for file in files],
        files[0].layout,
        sum(file.num_events for file in files),
        tables,
        columns,
        _shares(columns, items, num_ranks),
        [*_warnings(files), *told],
    )


def _check_index(files: Sequence[FileContent], tables: dict[str, JoinedTable]) -> None:
    for name, table in tables.items():
        without = [
            file
            for file in files
            if name in file.tables and file.tables[name].lines is None and file.tables[name].num_rows
        ]
        if without and table.lines is not None:
            raise InputError(
                f"{name}: rows in {files_in_words(without)} do not say which event they are of, those of "
                "other files do"
            )


def _columns(table: JoinedTable, files: Sequence[FileContent], options: ConcatOptions) -> list[OutputColumn]:
    """Columns of a table, keys included, in the order of their names."""
    stored = [file.tables.get(table.name) for file in files]
    first = stored[0] if options.append else None
    found = []
    for name, (type_bytes, row_shape) in table.columns.items():
        column = OutputColumn(table.name, name, type_bytes, row_shape, table.num_rows, None, 0)
        column = _with_storage(column, options, first, first.num_rows if first else 0)
        copied = frozenset(
            number
            for number, content in enumerate(stored)
            if content is not None
            and column.chunk_rows
            and content.storage.get(name) == Storage(column.chunk_rows, column.gzip)
            and table.bounds[number] % column.chunk_rows == 0
            and datatypes.same(content.columns[name].type, type_bytes)
        )
        found.append(replace(column, copied=copied))
    if table.lines is not None:
        layout, int64 = files[0].layout, bytes(h5py.h5t.STD_I64LE.encode())
        if options.keys in ("both", "seq"):
            key = OutputColumn(table.name, layout.seq, int64, (1,), table.num_rows, None, 0, "seq")
            found.append(_with_storage(key, options, first, first.num_rows if first else 0))
        if options.keys in ("both", "seq-cnt"):
            num_lines = 0 if first is None or first.lines is None else len(first.lines)
            key = OutputColumn(table.name, layout.seq_cnt, int64, (2,), len(table.lines), None, 0, "seq_cnt")
            found.append(_with_storage(key, options, first, num_lines))
    return sorted(found, key=lambda column: column.name)


def _with_storage(
    column: OutputColumn, options: ConcatOptions, earlier: TableContent | None, num_earlier: int
) -> OutputColumn:
    """The column with its storage: what is asked for, else what it has in the earlier output.

    Chunks of a column of `num_earlier` rows that has but one are no choice of its writer.
    """
    has = earlier.storage.get(column.name) if earlier is not None else None
    is_asked = options.gzip is not None or options.chunk_rows is not None
    if options.contiguous or (has and has.chunk_rows is None and not is_asked) or not column.row_bytes:
        return column
    values = max(1, math.prod(column.row_shape))
    rows = max(1, min(CHUNK_VALUES // values, CHUNK_BYTES // column.row_bytes))
    if has and has.chunk_rows and has.chunk_rows < num_earlier:
        rows = has.chunk_rows
    level = has.gzip if has and has.chunk_rows else GZIP_LEVEL
    return replace(
        column,
        chunk_rows=min(options.chunk_rows or rows, max(column.num_rows, 1)),
        gzip=level if options.gzip is None else options.gzip,
    )


def _items(columns: Sequence[OutputColumn], num_bytes: int) -> list[Item]:
    """Pieces of about `num_bytes` bytes, at least a chunk."""
    items = []
    for number, column in enumerate(columns):
        unit = column.chunk_rows or 1
        step = unit * max(1, num_bytes // max(1, unit * column.row_bytes))
        if column.row_bytes:
            items += [
                Item(number, start, min(start + step, column.num_rows))
                for start in range(0, column.num_rows, step)
            ]
    return items


def _shares(columns: Sequence[OutputColumn], items: Sequence[Item], num_ranks: int) -> list[list[Item]]:
    """Items by rank: stretches that follow each other, so that a rank opens few columns, dealt in turns."""
    sizes = [(item.stop - item.start) * columns[item.column].row_bytes for item in items]
    ends = np.cumsum(sizes)
    stretches = num_ranks * _STRETCHES_A_RANK
    shares: list[list[Item]] = [[] for _ in range(num_ranks)]
    for item, size, end in zip(items, sizes, ends.tolist(), strict=True):
        turn = (end - size) * stretches // int(ends[-1])
        # variable strings go through HDF5, which rank 0 has open
        shares[0 if columns[item.column].is_variable else turn % num_ranks].append(item)
    return shares


def _warnings(files: Sequence[FileContent]) -> list[str]:
    """What was found on the way, a sentence for all files that have it."""
    found = []
    wrong = [warning for file in files for warning in file.warnings]
    if wrong:
        found.append(f"{len(wrong)} keys were wrong, and are made anew: {wrong[0]}")
    left_out: dict[str, list[FileContent]] = {}
    for file in files:
        for name in file.left_out:
            left_out.setdefault(name, []).append(file)
    if left_out:
        name, having = next(iter(left_out.items()))
        more = f", and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        found.append(f"left out, neither table nor column: {name} of {files_in_words(having)}{more}")
    return found
