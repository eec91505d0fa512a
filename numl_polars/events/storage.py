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
from numl_polars.mpi import World, in_shares
from numl_polars.schema import EVENT_ID, EVENT_TABLE
from numl_polars.tables.damage import DAMAGE
from numl_polars.tables.joined import JoinedTable
from numl_polars.tables.keys import event_offsets
from numl_polars.tables.opened import FilePool, FileState, Renamed
from numl_polars.tables.store import StoredTable, TableDescription

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
    states
        How each file was when it was looked at.
    descriptions
        What is in the tables of each file; None if none was asked for.
    offsets
        Rows of every event in the tables that were asked for.
    """

    ids: NDArray[np.int32]
    starts: Int64s
    tables: Sequence[tuple[str, ...]]
    strays: tuple[str, ...]
    states: Sequence[FileState]
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
    ranks
        Ranks that open the same files now: each looks at a share of them, and all tables are described, as
        whoever reads events in shares needs it. By default nobody else does.

    Raises
    ------
    InputError
        Some cannot be used; all of them are looked at before, and the first are named.
    """

    def __init__(self, paths: Sequence[Path], renamed: Renamed, ranks: World | None = None) -> None:
        self.paths = tuple(paths)
        self.files = FilePool(paths, renamed)
        self._joined: dict[str, JoinedTable] = {}
        looking = World() if ranks is None else ranks
        looks = in_shares(
            looking, len(paths), lambda number: _look_at(self.files, number, describe=ranks is not None)
        )
        self.learn(looking.on_first(lambda: _contents(looks)))
        if looking.rank == 0 and self.occurrence is not None:
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
        self.files.states = list(contents.states)
        for known, found in zip(self.files.known, contents.descriptions or (), strict=False):
            known.update(found)

    def event_offsets(self, name: str) -> Int64s:
        """Rows of every event in a table, int64 (events + 1,)."""
        self.load_offsets([name])
        return self.contents.offsets[name]

    def load_offsets(self, names: Iterable[str], ranks: World | None = None) -> None:
        """Find the rows of every event in some tables, with one look at each file.

        Parameters
        ----------
        ranks
            Ranks that call this now, too: each looks at a share of the files, and rank 0 knows all.
        """
        ranks = World() if ranks is None else ranks
        missing = ranks.on_first(lambda: self._without_offsets(names))
        if missing:
            looks = in_shares(ranks, len(self.paths), lambda number: self._look_for_rows(number, missing))
            ranks.on_first(lambda: self._take_offsets(missing, looks))

    def _without_offsets(self, names: Iterable[str]) -> list[str]:
        """Those of the tables whose rows must be looked for; all are there, and as long as they say."""
        missing = [name for name in names if name not in self.contents.offsets]
        if EVENT_TABLE in missing:
            self.contents.offsets[EVENT_TABLE] = np.arange(len(self.ids) + 1)
            missing.remove(EVENT_TABLE)
        for name in missing:
            _ = self.table(name).row_starts
        return missing

    def _look_for_rows(self, number: int, names: Sequence[str]) -> "_RowsLook":
        """Rows of the events of one file in some tables."""
        look = _RowsLook()
        own = self.ids[self.contents.starts[number] : self.contents.starts[number + 1]]
        try:
            with self.files.opened(number) as file:
                for name in names:
                    if name in file.tables:
                        warn = look.faults.setdefault(name, []).append
                        look.offsets[name] = _offsets(file.tables[name], own, warn)
                # of checks here and there in the table
                file.raw.kept.clear()
        except InputError as error:
            look.error = error
        return look

    def _take_offsets(self, names: Sequence[str], looks: "Sequence[_RowsLook]") -> None:
        """Put together what was found in each file; the first error is raised."""
        for look in looks:
            if look.error is not None:
                raise look.error
        for name in names:
            starts, counts = self.table(name).row_starts, np.diff(self.contents.starts)
            parts = [
                start + look.offsets[name][:-1] if name in look.offsets else np.full(count, start)
                for start, count, look in zip(starts[:-1], counts, looks, strict=True)
            ]
            self.contents.offsets[name] = np.concatenate([*parts, starts[-1:]])
            faults = [fault for look in looks for fault in look.faults.get(name, ())]
            if len(self.paths) == 1:
                for fault in faults:
                    self._warn(fault)
            elif faults:
                self._warn(f"{faults[0]} (such faults in this table: {len(faults)})")

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


@dataclass
class _RowsLook:
    """What is found of rows in one file: offsets and faults by table, or why they cannot be found."""

    offsets: dict[str, Int64s] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    error: InputError | None = None


@dataclass
class _Look:
    """What one file holds; see `Contents`."""

    ids: NDArray[np.int32]
    tables: tuple[str, ...]
    strays: tuple[str, ...]
    state: FileState
    descriptions: Mapping[str, TableDescription] | None


def _look_at(files: FilePool, number: int, *, describe: bool) -> _Look | InputError:
    """What a file holds, or why it cannot be used."""
    try:
        with files.opened(number) as file:
            ids = file.read_ids()
            described = {name: table.description for name, table in file.tables.items()} if describe else None
            return _Look(ids, tuple(file.tables), file.strays, file.state, described)
    except InputError as error:
        return error


_SHOWN_FAULTS = 3


def _contents(looks: Sequence[_Look | InputError]) -> Contents:
    """What files hold, if all of them can be used."""
    faults = [look for look in looks if isinstance(look, InputError)]
    if len(faults) == 1:
        raise faults[0]
    if faults:
        shown = "; ".join(map(str, faults[:_SHOWN_FAULTS]))
        more = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        raise InputError(f"{len(faults)} of {len(looks)} files cannot be used: {shown}{more}")
    found = [look for look in looks if isinstance(look, _Look)]
    described = [look.descriptions for look in found if look.descriptions is not None]
    return Contents(
        ids=np.concatenate([look.ids for look in found]),
        starts=np.cumsum([0, *(len(look.ids) for look in found)], dtype=np.int64),
        tables=[look.tables for look in found],
        strays=tuple(dict.fromkeys(name for look in found for name in look.strays)),
        states=[look.state for look in found],
        descriptions=described or None,
    )
