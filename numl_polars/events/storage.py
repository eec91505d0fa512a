"""What all ranges of the same open files share: the tables as one, and which rows are whose."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.schema import EVENT_ID, EVENT_TABLE
from numl_polars.tables.joined import JoinedTable
from numl_polars.tables.keys import event_offsets
from numl_polars.tables.opened import FilePool, Renamed
from numl_polars.tables.store import DAMAGE, StoredTable, TableDescription

Int64s = NDArray[np.int64]


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
    descriptions
        What is in the tables of each file; None if none was asked for.
    offsets
        Rows of every event in the tables that were asked for.
    """

    ids: NDArray[np.int32]
    starts: Int64s
    tables: Sequence[tuple[str, ...]]
    strays: tuple[str, ...]
    num_bytes: Sequence[int]
    descriptions: Sequence[Mapping[str, TableDescription]] | None = None
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
            self.learn(contents)
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
        triples = pl.DataFrame(self.ids, schema=["run", "subrun", "event"], orient="row")
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
            self._describe()
            found = [known.get(name) for known in self.files.known]
            self._joined[name] = JoinedTable(name, self.files, found)
        return self._joined[name]

    def _describe(self) -> None:
        """Have all tables of all files described."""
        if self.contents.descriptions is None:
            for number in range(len(self.paths)):
                with self.files.opened(number) as file:
                    found = {name: table.description for name, table in file.tables.items()}
                    self.files.known[number].update(found)
            self.contents.descriptions = self.files.known

    def learn(self, contents: Contents) -> None:
        """Take what another rank has found."""
        self.contents = contents
        for known, found in zip(self.files.known, contents.descriptions or (), strict=False):
            known.update(found)

    def event_offsets(self, name: str) -> Int64s:
        """Rows of every event in a table, int64 (events + 1,)."""
        self.load_offsets([name])
        return self.contents.offsets[name]

    def load_offsets(self, names: Iterable[str]) -> None:
        """Find the rows of every event in some tables, with one look at each file."""
        missing = [name for name in names if name not in self.contents.offsets]
        if EVENT_TABLE in missing:
            self.contents.offsets[EVENT_TABLE] = np.arange(len(self.ids) + 1)
            missing.remove(EVENT_TABLE)
        if not missing:
            return
        starts, row_starts = self.contents.starts, {name: self.table(name).row_starts for name in missing}
        found = {name: np.empty(len(self.ids) + 1, np.int64) for name in missing}
        faults: dict[str, list[str]] = {name: [] for name in missing}
        for number, tables in enumerate(self.contents.tables):
            own = slice(starts[number], starts[number + 1])
            with self.files.opened(number) as file:
                for name in missing:
                    rows: Int64s = np.zeros(1, np.int64)
                    if name in tables:
                        rows = _offsets(file.tables[name], self.ids[own], faults[name].append)[:-1]
                    found[name][own] = row_starts[name][number] + rows
                # of checks here and there in the table
                file.raw.kept.clear()
        for name in missing:
            found[name][-1] = row_starts[name][-1]
            if len(self.paths) == 1:
                for fault in faults[name]:
                    self._warn(fault)
            elif faults[name]:
                self._warn(f"{faults[name][0]} (such faults in this table: {len(faults[name])})")
        self.contents.offsets.update(found)

    def close(self) -> None:
        """Close all files."""
        self.files.close()

    def _warn(self, message: str) -> None:
        warnings.warn(message, EventFileWarning, stacklevel=2)


def _offsets(table: StoredTable, ids: NDArray[np.int32], warn: Callable[[str], None]) -> Int64s:
    """Rows of every event in a table of one file; `warn` is told of what can be worked around."""
    for column, why in table.damaged.items():
        warn(f"{table.where}: column {column!r} cannot be opened, it is left out: {why}")
    try:
        return event_offsets(table, ids, warn)
    except (*DAMAGE, MemoryError) as error:
        raise InputError(f"{table.where}: its keys and {EVENT_ID} cannot be read: {error}") from error


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
