"""The output while it is written: its tables and columns are made first, then chunks come in any order."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5o, h5p, h5s

from numl_polars.output.files import writing
from numl_polars.output.hdf5 import create_file
from numl_polars.tables.opening import open_hdf5
from numl_polars.tools.concat import datatypes
from numl_polars.tools.concat.encoding import Encoded
from numl_polars.tools.concat.plan import OutputColumn, Plan
from numl_polars.tools.concat.scan import FileContent

_MOST_OPEN = 16


class Target:
    """The file, open for writing.

    Parameters
    ----------
    file
        Empty.
    target
        What messages call it.
    columns
        Those of the plan.
    """

    def __init__(self, file: h5py.File, target: Path, columns: Sequence[OutputColumn]) -> None:
        self.file = file
        self._target = target
        self._columns = columns
        self._open: OrderedDict[int, h5py.Dataset] = OrderedDict()

    def write(self, encoded: Encoded) -> None:
        """Write an item.

        Raises
        ------
        OutputError
            The disk is full, or fails.
        """
        item = encoded.item
        column = self._columns[item.column]
        with writing(self._target):
            dataset = self._dataset(item.column)
            rest = (0,) * len(column.row_shape)
            for chunk in encoded.chunks:
                dataset.id.write_direct_chunk((chunk.row, *rest), chunk.stored, chunk.skipped)
            if column.is_variable:
                dataset[item.start : item.stop] = encoded.rows
            elif encoded.rows is not None:
                shape = (item.stop - item.start, *column.row_shape)
                space = dataset.id.get_space()
                space.select_hyperslab((item.start, *rest), shape)
                kind = datatypes.decoded(column.type)
                rows = np.ascontiguousarray(encoded.rows)
                dataset.id.write(h5s.create_simple(shape), space, rows, kind)

    def _dataset(self, number: int) -> h5py.Dataset:
        if number not in self._open:
            if len(self._open) >= _MOST_OPEN:
                self._open.popitem(last=False)
            column = self._columns[number]
            dataset = h5d.open(self.file.id, f"{column.table}/{column.name}".encode())
            self._open[number] = h5py.Dataset(dataset)
        self._open.move_to_end(number)
        return self._open[number]


@contextmanager
def new_target(part: Path, target: Path, plan: Plan) -> Iterator[Target]:
    """The output at `part` with all its tables and columns, and the attributes of the first files.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    with create_file(part, target) as file:
        with writing(target):
            for table in plan.tables:
                file.create_group(table)
            for column in plan.columns:
                _create(file[column.table], column)
        yield Target(file, target, plan.columns)


def _create(group: h5py.Group, column: OutputColumn) -> None:
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)  # equal input gives equal files
    shape = (column.num_rows, *column.row_shape)
    largest: tuple[int, ...] = shape
    if column.chunk_rows is not None:
        creation.set_chunk((column.chunk_rows, *column.row_shape))
        if column.gzip:
            creation.set_deflate(column.gzip)
        largest = (h5s.UNLIMITED, *column.row_shape)
    if not column.is_variable:
        # every byte is going to be written
        creation.set_fill_time(h5d.FILL_TIME_NEVER)
    space = h5s.create_simple(shape, largest)
    h5d.create(group.id, column.name.encode(), datatypes.decoded(column.type), space, creation)


def copy_attributes(file: h5py.File, contents: Sequence[FileContent]) -> list[str]:
    """Copy the attributes of the first file that has each table and column; those that could not be.

    Parameters
    ----------
    file
        The output.
    contents
        The inputs, in their order.
    """
    places: dict[int, list[tuple[str, str]]] = {0: [("/", "/")]}
    seen: set[str] = set()
    for number, content in enumerate(contents):
        for table, found in content.tables.items():
            names = ((found.called.get(name, name), name) for name in found.columns)
            columns = ((f"{table}/{called}", f"{table}/{name}") for called, name in names)
            for in_file, place in ((table, table), *columns):
                if place not in seen:
                    seen.add(place)
                    places.setdefault(number, []).append((in_file, place))
    failed = []
    for number, pairs in places.items():
        with open_hdf5(contents[number].path) as source:
            for in_file, place in pairs:
                # h5py's objects for all columns would take longer than most files
                if h5a.get_num_attrs(h5o.open(source.id, in_file.encode())):
                    where = f"{in_file} of {contents[number].path}"
                    failed += _copy(source[in_file].attrs, file[place].attrs, where)
    return failed


def _copy(source: Any, target: Any, where: str) -> list[str]:
    failed = []
    for name in source:
        try:
            target.create(name, source[name], dtype=source.get_id(name).dtype)
        except (OSError, RuntimeError, TypeError, ValueError, KeyError) as error:
            failed.append(f"attribute '{name}' of {where}: {error}")
    return failed
