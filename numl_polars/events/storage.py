"""What all ranges of the same open files share: the tables as one, and which rows are whose."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.schema import EVENT_TABLE
from numl_polars.tables.joined import JoinedTable
from numl_polars.tables.keys import event_offsets
from numl_polars.tables.opened import FilePool, OpenedFile, Renamed
from numl_polars.tables.store import TableDescription

Int64s = NDArray[np.int64]
T = TypeVar("T")


class EventFileWarning(UserWarning):
    """Something is wrong with an event file that could be worked around."""


@dataclass
class Contents:
    """What is known of event files, for other ranks, which then need not look.

    Parameters
    ----------
    ids
        int32 (events, 3): run, subrun, event of each event of all files.
    starts
        int64 (files + 1,): event with which each file begins.
    tables
        Names of the tables of each file.
    strays
        Members of files that are no tables.
    num_bytes
        Size of each file.
    descriptions, offsets
        Of the tables that were asked for: what each file has of them; rows of every event.
    """

    ids: NDArray[np.int32]
    starts: Int64s
    tables: Sequence[tuple[str, ...]]
    strays: tuple[str, ...]
    num_bytes: Sequence[int]
    descriptions: dict[str, Sequence[TableDescription | None]] = field(default_factory=dict)
    offsets: dict[str, Int64s] = field(default_factory=dict)


class Storage:
    """Open event files.

    Parameters
    ----------
    paths
        Where they are.
    renamed
        By table, names under which columns are read, by what files call them.
    contents
        What is known of them; by default they are opened and looked at.

    Raises
    ------
    InputError
        Some cannot be used; all of them are looked at before, and the first are named.
    """

    def __init__(self, paths: Sequence[Path], renamed: Renamed, contents: Contents | None = None) -> None:
        self.paths = tuple(paths)
        self.files = FilePool(paths, renamed)
        self._joined: dict[str, JoinedTable] = {}
        if contents is not None:
            self.contents = contents
            return
        self.contents = _look_at(self.files)
        if self.occurrence is not None:
            self._warn(
                f"{self.name}: {(self.occurrence > 0).sum()} of {len(self.ids)} events repeat a (run, "
                "subrun, event) that came before; they are kept as events of their own, told apart by "
                "position"
            )

    @property
    def name(self) -> str:
        """The files, as messages show them."""
        others = len(self.paths) - 1
        return f"{self.paths[0]}" + (f" and {others} more file{'s' if others > 1 else ''}" if others else "")

    @property
    def ids(self) -> NDArray[np.int32]:
        """Run, subrun, event of every event."""
        return self.contents.ids

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that some file has, in the order of their first sight."""
        return tuple(dict.fromkeys(name for names in self.contents.tables for name in names))

    @cached_property
    def occurrence(self) -> Int64s | None:
        """How many events with the same triple stand before each event; None where no triple repeats."""
        triples = pl.DataFrame(self.ids, schema=["run", "subrun", "event"])
        if not triples.is_duplicated().any():
            return None
        before = triples.select(pl.int_range(pl.len()).over("run", "subrun", "event")).to_series()
        return before.cast(pl.Int64).to_numpy()

    def table(self, name: str) -> JoinedTable:
        """A table of all files.

        Raises
        ------
        InputError
            No file has it.
        """
        if name not in self.tables:
            raise InputError(f"{self.name} has no table {name!r} (has {', '.join(self.tables)})")
        if name not in self._joined:
            known = self.contents.descriptions
            if name not in known:
                known[name] = self._of_each(name, lambda _, file: file.tables[name].description)
            self._joined[name] = JoinedTable(name, self.files, known[name])
        return self._joined[name]

    def event_offsets(self, name: str) -> Int64s:
        """Rows of every event in a table, int64 (events + 1,)."""
        known = self.contents.offsets
        if name not in known:
            known[name] = np.arange(len(self.ids) + 1) if name == EVENT_TABLE else self._read_offsets(name)
        return known[name]

    def _read_offsets(self, name: str) -> Int64s:
        row_starts, starts = self.table(name).row_starts, self.contents.starts
        faults: list[str] = []

        def of_file(number: int, file: OpenedFile) -> Int64s:
            ids = self.ids[starts[number] : starts[number + 1]]
            offsets = event_offsets(file.tables[name], ids, faults.append)
            # of checks here and there in the table
            file.raw.kept.clear()
            return offsets

        offsets = np.empty(len(self.ids) + 1, np.int64)
        offsets[-1] = row_starts[-1]
        for number, found in enumerate(self._of_each(name, of_file)):
            own = slice(starts[number], starts[number + 1])
            offsets[own] = row_starts[number] + (0 if found is None else found[:-1])
        if faults:
            others = len(faults) - 1
            self._warn(faults[0] + (f" (and {others} more such faults in other files)" if others else ""))
        return offsets

    def _of_each(self, name: str, look: Callable[[int, OpenedFile], T]) -> list[T | None]:
        """What `look` says of a table in each file, by number, None for files without it."""
        found: list[T | None] = []
        for number, names in enumerate(self.contents.tables):
            if name not in names:
                found.append(None)
                continue
            with self.files.opened(number) as file:
                found.append(look(number, file))
        return found

    def close(self) -> None:
        """Close all files."""
        self.files.close()

    def _warn(self, message: str) -> None:
        warnings.warn(message, EventFileWarning, stacklevel=2)


_SHOWN_FAULTS = 3


def _look_at(files: FilePool) -> Contents:
    """What files hold, as far as all of them can be used."""
    ids: list[NDArray[np.int32]] = []
    tables: list[tuple[str, ...]] = []
    strays: list[str] = []
    faults: list[InputError] = []
    for number in range(len(files.paths)):
        try:
            with files.opened(number) as file:
                ids.append(file.read_ids())
                tables.append(tuple(file.tables))
                strays += file.strays
        except InputError as error:
            faults.append(error)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        shown = "; ".join(map(str, faults[:_SHOWN_FAULTS]))
        more = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        raise InputError(f"{len(faults)} of {len(files.paths)} files cannot be used: {shown}{more}")
    return Contents(
        ids=np.concatenate(ids),
        starts=np.concatenate([np.zeros(1, np.int64), np.cumsum([len(one) for one in ids], dtype=np.int64)]),
        tables=tables,
        strays=tuple(dict.fromkeys(strays)),
        num_bytes=[path.stat().st_size for path in files.paths],
    )
