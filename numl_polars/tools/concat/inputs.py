"""The files that are joined, opened when rows of them are asked for; not all at once."""

import resource
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import h5py

from numl_polars.errors import InputError
from numl_polars.tables.chunks import ChunkedRows, ContiguousRows, check_chunks, raw_rows
from numl_polars.tables.opening import open_hdf5
from numl_polars.tables.raw_file import RawFile
from numl_polars.tools.concat.datatypes import TypeBytes

_MOST_OPEN = 512
# a file has two
_DESCRIPTORS_A_FILE, _OTHER_DESCRIPTORS = 2, 64
_SMALL_CHUNK_BYTES = 1 << 16
# what HDF5 may keep of the structure of one file
_CACHE_BYTES = 1 << 18


class InputColumn:
    """A column of an input: its dataset, and how to read it past HDF5.

    Attributes
    ----------
    dataset
        Open for reading.
    file
        The file's bytes.
    raw
        None where only HDF5 can read it.
    type
        Its datatype.
    """

    def __init__(self, dataset: h5py.Dataset, file: RawFile) -> None:
        self.dataset = dataset
        self.file = file
        self.type: TypeBytes = bytes(dataset.id.get_type().encode())
        self.raw = raw_rows(dataset, file) if dataset.ndim <= 2 else None
        if isinstance(self.raw, ChunkedRows):
            self.raw.locate()

    def check(self, start: int, stop: int) -> None:
        """See `check_chunks`."""
        check_chunks(self.dataset, self.file, start, stop)

    @property
    def chunked(self) -> ChunkedRows | None:
        """How to read its chunks past HDF5."""
        return self.raw if isinstance(self.raw, ChunkedRows) else None

    @property
    def has_small_chunks(self) -> bool:
        """Whether inflating a chunk takes about as long as calling for it."""
        return self.chunked is not None and self.chunked.slab_bytes < _SMALL_CHUNK_BYTES

    @property
    def contiguous(self) -> ContiguousRows | None:
        """How to read its rows past HDF5 where they stand in one piece."""
        return self.raw if isinstance(self.raw, ContiguousRows) else None


class _OpenFile:
    def __init__(self, path: Path) -> None:
        self.file = open_hdf5(path)
        config = self.file.id.get_mdc_config()
        config.set_initial_size = True
        config.initial_size = config.min_size = config.max_size = _CACHE_BYTES
        self.file.id.set_mdc_config(config)
        self.raw = RawFile(self.file)
        self.columns: dict[tuple[str, str], InputColumn] = {}
        self.users = 0

    def column(self, table: str, name: str) -> InputColumn:
        if (table, name) not in self.columns:
            dataset = h5py.h5d.open(self.file.id, f"{table}/{name}".encode())
            self.columns[table, name] = InputColumn(h5py.Dataset(dataset), self.raw)
        return self.columns[table, name]

    def close(self) -> None:
        self.columns.clear()
        self.raw.close()
        self.file.close()


class Inputs:
    """The files, for several threads; those last used stay open.

    Parameters
    ----------
    paths
        The files, in their order.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._open: OrderedDict[int, _OpenFile] = OrderedDict()
        self._lock = Lock()
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._most_open = max(1, min(_MOST_OPEN, (allowed - _OTHER_DESCRIPTORS) // _DESCRIPTORS_A_FILE))

    @contextmanager
    def column(self, number: int, table: str, name: str, *, is_last: bool) -> Iterator[InputColumn]:
        """A column of file `number`, open meanwhile.

        Parameters
        ----------
        is_last
            Whether it is not going to be asked for again.

        Raises
        ------
        InputError
            The file or the column cannot be opened any more.
        """
        with self._lock:
            opened = self._opened(number)
            try:
                column = opened.column(table, name)
            except (OSError, RuntimeError, KeyError) as error:
                raise InputError(
                    f"{table} of {self._paths[number]}: column '{name}' cannot be opened: {error}"
                ) from error
            opened.users += 1
        try:
            yield column
        finally:
            with self._lock:
                opened.users -= 1
                if is_last:
                    opened.columns.pop((table, name), None)

    def _opened(self, number: int) -> _OpenFile:
        if number not in self._open:
            unused = [other for other, opened in self._open.items() if not opened.users]
            for other in unused[: max(0, len(self._open) + 1 - self._most_open)]:
                self._open.pop(other).close()
            self._open[number] = _OpenFile(self._paths[number])
        self._open.move_to_end(number)
        return self._open[number]

    def close(self) -> None:
        """Close all."""
        with self._lock:
            for opened in self._open.values():
                opened.close()
            self._open.clear()
