"""What is in a file: its tables and columns, and how they are stored."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import h5py
import numpy as np

from numl_polars.schema import KEY_COLUMNS
from numl_polars.tables.damage import DAMAGE
from numl_polars.tables.store import StoredTable
from numl_polars.tools.validate.findings import Finding

_FILTERS = {
    h5py.h5z.FILTER_DEFLATE: "gzip",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
    h5py.h5z.FILTER_SZIP: "szip",
    h5py.h5z.FILTER_NBIT: "nbit",
    h5py.h5z.FILTER_SCALEOFFSET: "scale-offset",
    h5py.h5z.FILTER_LZF: "lzf",
}
_LAYOUTS = {
    h5py.h5d.COMPACT: "compact",
    h5py.h5d.CONTIGUOUS: "contiguous",
    h5py.h5d.CHUNKED: "chunked",
    h5py.h5d.VIRTUAL: "virtual",
}

Span = tuple[int, int, str, str]


@dataclass(frozen=True)
class ColumnContents:
    """A dataset of a table.

    Parameters
    ----------
    name, dtype
        As in the file; ``string`` for strings of variable length, ``string 64`` for those of 64 bytes.
    rows, width
        Its shape.
    layout, chunk_rows, compression
        How it is stored; no chunk rows without chunks, no compression where there is none.
    stored_bytes, num_bytes
        What it takes in the file, without heaps of variable strings, and what its values take.
    """

    name: str
    dtype: str
    rows: int
    width: int
    layout: str
    chunk_rows: int | None
    compression: str | None
    stored_bytes: int
    num_bytes: int


@dataclass(frozen=True)
class TableContents:
    """A table: its rows, columns and keys."""

    name: str
    rows: int
    columns: tuple[ColumnContents, ...]
    keys: tuple[str, ...]

    @property
    def stored_bytes(self) -> int:
        """Bytes that its columns and keys take in the file."""
        return sum(column.stored_bytes for column in self.columns)

    @property
    def num_bytes(self) -> int:
        """Bytes that their values take."""
        return sum(column.num_bytes for column in self.columns)


def table_contents(table: StoredTable) -> TableContents:
    """What a table holds; its rows are those of most of its columns."""
    columns = tuple(_column(name, dataset) for name, dataset in table.datasets.items())
    return TableContents(table.name, usual_rows(table), columns, tuple(table.keys))


def usual_rows(table: StoredTable) -> int:
    """Rows that most columns of a table have."""
    lengths = list(column_lengths(table).values())
    return max(set(lengths), key=lambda length: (lengths.count(length), length)) if lengths else 0


def column_lengths(table: StoredTable) -> dict[str, int]:
    """Rows of each dataset that is a column."""
    names = dict.fromkeys(column.dataset for column in table.columns.values())
    return {name: int(table.datasets[name].shape[0]) for name in names}


def _column(name: str, dataset: h5py.Dataset) -> ColumnContents:
    shape = dataset.shape or ()
    text = h5py.check_string_dtype(dataset.dtype)
    dtype = str(dataset.dtype)
    if text is not None:
        dtype = "string" if text.length is None else f"string {text.length}"
    try:
        creation = dataset.id.get_create_plist()
        layout, compression = _LAYOUTS.get(creation.get_layout(), "unknown"), " ".join(_filters(creation))
        stored_bytes = int(dataset.id.get_storage_size())
    except DAMAGE:
        # that its rows cannot be read is told elsewhere
        layout, compression, stored_bytes = "damaged", "", 0
    return ColumnContents(
        name,
        dtype,
        rows=int(shape[0]) if shape else 0,
        width=math.prod(shape[1:]),
        layout=layout,
        chunk_rows=None if dataset.chunks is None else int(dataset.chunks[0]),
        compression=compression or None,
        stored_bytes=stored_bytes,
        num_bytes=math.prod(shape) * dataset.dtype.itemsize if shape else 0,
    )


def _filters(creation: h5py.h5p.PropDCID) -> Iterator[str]:
    for place in range(creation.get_nfilters()):
        code, _, values, _ = creation.get_filter(place)
        name = _FILTERS.get(code, f"filter {code}")
        yield f"{name} {values[0]}" if code == h5py.h5z.FILTER_DEFLATE and values else name


def storage_faults(tables: dict[str, StoredTable]) -> Iterator[Finding]:
    """Columns whose bytes are those of another, and rows that were never written."""
    spans: list[Span] = []
    for name, table in tables.items():
        for column, dataset in table.datasets.items():
            try:
                own = list(_spans(dataset, name, column))
            except DAMAGE as error:
                yield Finding("unreadable-rows", name, column, _num_rows(dataset), row=0, detail=str(error))
                continue
            spans += own
            if missing := _unwritten(dataset, len(own)):
                yield Finding("unwritten-rows", name, column, missing)
    spans.sort()
    for (_, stop, *one), (start, _, *other) in pairwise(spans):
        if start < stop:
            table_name, column = other
            yield Finding("overlapping-storage", table_name, column, detail=f"with {'/'.join(one)}")


def _spans(dataset: h5py.Dataset, table: str, column: str) -> Iterator[Span]:
    """Where in the file the values are, each with table and column."""
    if dataset.chunks is not None:
        found: list[h5py.h5d.StoreInfo] = []
        if hasattr(dataset.id, "chunk_iter") and dataset.size:
            dataset.id.chunk_iter(found.append)
        for chunk in found:
            yield chunk.byte_offset, chunk.byte_offset + chunk.size, table, column
        return
    offset = dataset.id.get_offset()
    if offset is not None and dataset.size:
        yield offset, offset + int(dataset.id.get_storage_size()), table, column


def _unwritten(dataset: h5py.Dataset, num_spans: int) -> int:
    """Rows that no bytes were given to, about; of chunks that are there in part, none."""
    if not dataset.size or dataset.is_virtual:
        return 0
    if dataset.chunks is None:
        layout = dataset.id.get_create_plist().get_layout()
        is_usual = layout == h5py.h5d.CONTIGUOUS and not dataset.external
        return len(dataset) if is_usual and not num_spans else 0
    if not hasattr(dataset.id, "chunk_iter"):
        return 0
    per_axis = [-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True)]
    missing = int(np.prod(per_axis, dtype=np.int64)) - num_spans
    return min(missing * int(dataset.chunks[0]), len(dataset)) if missing > 0 else 0


def _num_rows(dataset: h5py.Dataset) -> int:
    return int(dataset.shape[0]) if dataset.shape else 0


def string_storage(contents: list[TableContents]) -> tuple[str, ...]:
    """The kinds of strings that the file has."""
    kinds = (column.dtype for table in contents for column in table.columns)
    return tuple(sorted({kind for kind in kinds if kind.startswith("string")}))


def is_key(name: str) -> bool:
    """Whether a dataset is a sequence key."""
    return name in KEY_COLUMNS
