"""Objects of an Arrow shard by row: views of the mapped file, or columns of many put together."""

import mmap
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.objects.batch import Array, Attribute, ObjectBatch
from numl_polars.output.arrow_schema import OWN_NAMES, ColumnForm, read_schema, schema_fact
from numl_polars.output.arrow_values import StoredColumn, stored_column
from numl_polars.output.files import reason

Int64s = NDArray[np.int64]
Shift = Callable[[str, Mapping[str, Attribute]], Int64s]

Allocate = Callable[[int], Array]

DECOMPRESSED_BYTES = 1 << 28
_ALIGNED_TO = 64
_MAGIC = b"ARROW1"


def _new_bytes(num_bytes: int) -> Array:
    return np.empty(num_bytes, np.uint8)


class ArrowReader:
    """Objects of an Arrow file that this program wrote; see `numl_polars.output.protocols.ObjectReader`.

    The file is mapped; record batches are opened when an object of theirs is first asked for, and kept: those
    of an uncompressed file are views, of a compressed one some are kept, up to `DECOMPRESSED_BYTES`.

    Parameters
    ----------
    path
        File to read.

    Raises
    ------
    InputError
        It cannot be read, was cut short, is no Arrow file, or none of training objects.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._pages = map_file(self.path)
        self._map = pa.py_buffer(self._pages)
        self._file = open_arrow(self._map, self.path)
        self.forms, self.metadata = read_schema(self._file.schema, self.path)
        self._opened: OrderedDict[int, list[StoredColumn]] = OrderedDict()
        self._memory: dict[int, int] = {}

    def __reduce__(self) -> tuple[type["ArrowReader"], tuple[Path]]:
        return type(self), (self.path,)

    def __len__(self) -> int:
        return self._starts[-1]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the objects, in the order of the file."""
        return tuple(self._own.column("name").to_pylist())

    @cached_property
    def samples(self) -> Mapping[str, Int64s]:
        """Rows of each split's objects, in the split's order; empty for a file that was not merged."""
        splits = schema_fact(self._file.schema, "splits")
        if splits is None:
            return {}
        split = np.array(self._own.column("split").fill_null("").to_pylist(), np.str_)
        sample = self._own.column("sample").fill_null(-1).to_numpy()
        rows = {name: np.flatnonzero(split == name) for name in splits}
        return {name: found[np.argsort(sample[found], kind="stable")] for name, found in rows.items()}

    @cached_property
    def sizes(self) -> Int64s:
        """int64 (objects,): bytes of each object's tensors."""
        return np.asarray(self._own.column("num_bytes").to_numpy(), np.int64)

    @property
    def compression(self) -> str | None:
        """``zstd`` or ``lz4``; None for a file that is not compressed."""
        found: str | None = schema_fact(self._file.schema, "compression")
        return found

    @cached_property
    def has_all_nodes(self) -> NDArray[np.bool_]:
        """Whether no array of an object is empty, but for edges: bool (objects,)."""
        return np.asarray(self._own.column("has_all_nodes").to_numpy(), np.bool_)

    def arrays(self, row: int) -> dict[str, Array]:
        """Attributes of one object by name; read-only views of the file where it holds them as they are.

        Others are stored in another dtype, as edges, or compressed.

        Raises
        ------
        IndexError
            There is no such row.
        InputError
            The file is damaged.
        """
        columns, place = self._find(row)
        return {column.form.name: column.of(place) for column in columns}

    def batch(
        self, rows: Sequence[int] | NDArray[Any], shift: Shift | None = None, allocate: Allocate = _new_bytes
    ) -> ObjectBatch:
        """Attributes of some objects as columns, in the order of `rows`; see `arrays` for errors.

        Parameters
        ----------
        rows
            int (objects,).
        shift
            What to add to edges while they are copied: called with the name of each edge attribute, and all
            attributes that are none by name, it returns int64 (2, objects).
        allocate
            Memory for the values of all attributes, uint8 of so many bytes.
        """
        numbers = np.asarray(rows, np.int64)
        found = [self._find(row) for row in numbers.tolist()]
        empty = _allocated(self.forms, found, allocate)
        attributes: dict[str, Attribute] = {}
        for edges in (False, True):
            for i, (form, attribute) in enumerate(zip(self.forms, empty, strict=True)):
                if form.is_edge == edges:
                    added = shift(form.name, attributes) if edges and shift is not None else None
                    _fill(attribute, [(columns[i], place) for columns, place in found], added)
                    attributes[form.name] = attribute
        return ObjectBatch(tuple(self.names[row] for row in numbers.tolist()), numbers, tuple(empty))

    @property
    def row_ranges(self) -> list[range]:
        """Rows of each record batch."""
        return [range(start, stop) for start, stop in pairwise(self._starts)]

    def record_batch(self, number: int) -> pa.RecordBatch:
        """A record batch as it is in the file; InputError where it is damaged."""
        return read_batch(self._file, number, self.path)

    def forget(self) -> None:
        """Let go of what was read so far, whose pages count as memory of this process; it stays valid."""
        self._opened.clear()
        self._memory.clear()
        if hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Let go of the file; what was read stays valid."""
        self._opened.clear()

    @cached_property
    def _own(self) -> pa.Table:
        """What there is to know of each object but its attributes."""
        # IpcReadOptions.included_fields would copy the whole file, see the test of its memory
        own = range(len(OWN_NAMES))
        batches = [read_batch(self._file, i, self.path, own) for i in range(self._file.num_record_batches)]
        return pa.Table.from_batches(batches, pa.schema([self._file.schema.field(i) for i in own]))

    @cached_property
    def _starts(self) -> list[int]:
        """First row of each record batch, and the number of rows."""
        return [0, *accumulate(len(chunk) for chunk in self._own.column("name").chunks)]

    def _find(self, row: int) -> tuple[list[StoredColumn], int]:
        """Columns of the record batch that holds a row, and its place there."""
        if not 0 <= row < len(self):
            raise IndexError(f"no object {row} in {self.path}, which has {len(self):,}")
        batch = bisect_right(self._starts, row) - 1
        columns = self._opened.get(batch)
        if columns is None:
            columns = self._open(batch)
        elif batch in self._memory:
            self._opened.move_to_end(batch)
        return columns, row - self._starts[batch]

    def _open(self, batch: int) -> list[StoredColumn]:
        record = self.record_batch(batch)
        columns = [
            stored_column(form, column)
            for form, column in zip(self.forms, record.columns[len(OWN_NAMES) :], strict=True)
        ]
        if is_copy(record, self._map):
            self._memory[batch] = record.nbytes
            while self._memory and sum(self._memory.values()) > DECOMPRESSED_BYTES and len(self._memory) > 1:
                oldest = next(number for number in self._opened if number in self._memory)
                del self._opened[oldest], self._memory[oldest]
        self._opened[batch] = columns
        return columns


def map_file(path: Path) -> mmap.mmap:
    """Bytes of a file, mapped into memory.

    Raises
    ------
    InputError
        It cannot be opened, or is no Arrow file, or was cut short.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, not an Arrow file")
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise InputError(f"{path} is not an Arrow IPC file")
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise InputError(f"no such file: {path}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from error
    if len(content) < 2 * len(_MAGIC) or content[-len(_MAGIC) :] != _MAGIC:
        raise InputError(f"{path} is truncated: it was not written or copied to its end")
    return content


def open_arrow(content: pa.Buffer, path: Path) -> pa.RecordBatchFileReader:
    """Reader of record batches of a mapped file; InputError where it is damaged."""
    try:
        return pa.ipc.open_file(content, options=pa.ipc.IpcReadOptions(use_threads=False))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{path} is damaged: {reason(error)}") from error


def read_batch(
    file: pa.RecordBatchFileReader, number: int, path: Path, columns: Sequence[int] | None = None
) -> pa.RecordBatch:
    """One record batch, or some columns of it, whose offsets were checked; InputError where it is damaged."""
    try:
        record = file.get_batch(number)
        if columns is not None:
            record = record.select(list(columns))
        record.validate(full=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"record batch {number} of {path} is damaged: {reason(error)}") from error
    return record


def is_copy(record: pa.RecordBatch, content: pa.Buffer) -> bool:
    """Whether the values of a record batch are no views of the mapped file: it is compressed."""
    last = next((buffer for buffer in record.column("num_bytes").buffers() if buffer is not None), None)
    return last is not None and not content.address <= last.address < content.address + content.size


def _allocated(
    forms: Sequence[ColumnForm], objects: Sequence[tuple[list[StoredColumn], int]], allocate: Allocate
) -> list[Attribute]:
    """Attributes of some objects whose values are still to be filled in, all in one piece of memory.

    Memory that is new is dear, as the system clears it page by page: one large piece is used again for the
    next batch, where many small ones are given back.
    """
    offsets, shapes, places = [], [], [0]
    for i, form in enumerate(forms):
        stops = np.zeros(len(objects) + 1, np.int64)
        np.cumsum([columns[i].size(place) for columns, place in objects], out=stops[1:])
        length = int(stops[-1])
        shape = (2, length) if form.is_edge else (length, *form.row_shape)
        num_bytes = form.dtype.itemsize * int(np.prod(shape))
        offsets.append(None if form.form == "scalar" else stops)
        shapes.append(shape)
        places.append(places[-1] + -(-num_bytes // _ALIGNED_TO) * _ALIGNED_TO)
    memory = allocate(places[-1])
    return [
        Attribute(
            form.name,
            np.ndarray(shape, form.dtype, memory.data, place),
            stops,
            int(form.is_edge),
            compact=None if form.stored == form.dtype else form.stored,
            by_source=form.form == "by_source",
        )
        for form, shape, stops, place in zip(forms, shapes, offsets, places, strict=False)
    ]


def _fill(attribute: Attribute, objects: Sequence[tuple[StoredColumn, int]], shift: Array | None) -> None:
    """Copy an attribute of each object to where it belongs."""
    values = attribute.values
    stops = range(len(objects) + 1) if attribute.offsets is None else attribute.offsets.tolist()
    for i, ((start, stop), (column, place)) in enumerate(zip(pairwise(stops), objects, strict=True)):
        if attribute.axis == 0:
            column.copy(place, values[start:stop])
        else:
            column.copy(place, values[:, start:stop], None if shift is None else shift[:, i : i + 1])
