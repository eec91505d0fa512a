"""The particles of a batch as trees: what context and labels are computed from."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import LabelError
from numl_polars.schema import EVENT_INDEX

Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]
Bools = NDArray[np.bool_]

T = TypeVar("T", bound=np.generic)

IDENTIFIERS = (EVENT_INDEX, "g4_id", "parent_id")


@dataclass(frozen=True, eq=False)
class Forest:
    """Particles of whole events, and the walk over them from the primaries down.

    Everything but `particles`, `parent_rows` and `scatter` is in the order of the walk, and leaves out what
    no primary reaches: a parent stands before its children, a particle's descendants right behind it.

    Parameters
    ----------
    particles
        One row a particle, as given, with the columns of `IDENTIFIERS`.
    events, deposits
        Rows of the event table and of the deposits, of at least the same events; None: not given.
    event_index
        int64 (events,): the events, ascending.
    order
        int64 (reached,): row in `particles` at each place of the walk.
    parents
        int64 (reached,): place of the parent, -1 for a primary.
    offsets
        int64 (events + 1,): event e owns the places ``[offsets[e], offsets[e + 1])``.
    parent_rows
        int64 (particles,): row of the parent; -1 for a primary, or if the parent is not in the table.
    """

    particles: pl.DataFrame
    events: pl.DataFrame | None
    deposits: pl.DataFrame | None
    event_index: Int64s
    order: Int64s
    parents: Int64s
    offsets: Int64s
    parent_rows: Int64s
    _rows: "_SortedRows"

    @classmethod
    def of(
        cls,
        particles: pl.DataFrame,
        *,
        events: pl.DataFrame | None = None,
        deposits: pl.DataFrame | None = None,
    ) -> "Forest":
        """Forest of particles in any order of rows.

        Raises
        ------
        LabelError
            An identifier is null, or no integer.
        """
        from numl_polars.events.matching import match_rows
        from numl_polars.labels.ancestry import walk_order, walk_parents

        _check_identifiers(particles, IDENTIFIERS, "particles")
        rows = _SortedRows(particles[EVENT_INDEX])
        g4_id, parent_id = (rows.sorted(particles[name]) for name in IDENTIFIERS[1:])
        is_primary = parent_id == 0
        parent_rows = match_rows(rows.offsets, g4_id, rows.offsets, parent_id)
        parent_rows[is_primary] = -1
        order = walk_order(parent_rows, is_primary)
        return cls(
            particles=particles,
            events=events,
            deposits=deposits,
            event_index=rows.event_index,
            order=rows.given(order),
            parents=walk_parents(parent_rows, order),
            offsets=_num_before(order, rows.offsets),
            parent_rows=rows.as_given(rows.given(parent_rows)),
            _rows=rows,
        )

    @property
    def num_particles(self) -> int:
        """Rows of `particles`."""
        return self.particles.height

    @property
    def num_reached(self) -> int:
        """Particles that a primary reaches."""
        return self.order.size

    @cached_property
    def event_number(self) -> Int64s:
        """Number of each particle's event within the batch, int64 (reached,)."""
        return np.repeat(np.arange(self.event_index.size), np.diff(self.offsets))

    def columns(self, names: Iterable[str]) -> pl.DataFrame:
        """Columns of the particle table in the order of the walk; text as categories, as files give it."""
        table = self.particles.select(names).with_columns(pl.col(pl.String).cast(pl.Categorical))
        in_order = self.num_reached == table.height and bool((np.diff(self.order) == 1).all())
        return table if in_order else table[self.order]

    def scatter(self, values: NDArray[np.int64], missing: int = -1) -> Int64s:
        """Values of the walk by row of `particles`, int64 (particles,); `missing` for what is not reached."""
        scattered = np.full(self.num_particles, missing, np.int64)
        scattered[self.order] = values
        return scattered

    @cached_property
    def unreached(self) -> Int8s:
        """Why no primary reaches a particle: the codes of `ancestry.unreached_faults`, int8 (particles,)."""
        from numl_polars.labels.ancestry import unreached_faults

        if self.num_reached == self.num_particles:
            return np.full(self.num_particles, -1, np.int8)
        faults: Int8s = unreached_faults(self.parent_rows, self.order)
        return faults

    @cached_property
    def repeats(self) -> Bools:
        """Whether a particle's event has some `g4_id` more than once, bool (particles,)."""
        from numl_polars.labels.ancestry import has_repeats

        of_event = has_repeats(self._rows.offsets, self._rows.sorted(self.particles["g4_id"]))
        repeats: Bools = np.repeat(of_event, np.diff(self._rows.offsets))
        return self._rows.as_given(repeats)

    @cached_property
    def deposit_places(self) -> Int64s:
        """Place in the walk of the particle of each row of `deposits`, int64 (deposits,), -1 for none."""
        from numl_polars.events.matching import match_rows

        assert self.deposits is not None
        _check_identifiers(self.deposits, (EVENT_INDEX, "g4_id"), "deposits")
        rows = _SortedRows(self.deposits[EVENT_INDEX])
        # offsets of the deposits by the events of the particles, of which other events have none
        starts = np.searchsorted(rows.sorted(self.deposits[EVENT_INDEX]), self.event_index)
        stops = np.searchsorted(rows.sorted(self.deposits[EVENT_INDEX]), self.event_index, side="right")
        g4_id = self.particles["g4_id"].cast(pl.Int64).to_numpy()[self.order]
        places = np.full(self.deposits.height, -1, np.int64)
        wanted = _ranges(starts, stops)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(stops - starts)])
        deposit_g4 = rows.sorted(self.deposits["g4_id"])[wanted]
        places[wanted] = match_rows(self.offsets, g4_id, offsets, deposit_g4)
        return rows.as_given(places)


def _check_identifiers(table: pl.DataFrame, names: Iterable[str], what: str) -> None:
    for name in names:
        if not table[name].dtype.is_integer():
            raise LabelError(f"{name} of the {what} holds {table[name].dtype}, not integers")
        if nulls := table[name].null_count():
            raise LabelError(f"{nulls} of {table.height} {what} have no {name}")


class _SortedRows:
    """Rows of a table by event: whether they stand in that order, and how to get there and back."""

    def __init__(self, event_index: pl.Series) -> None:
        self._to_given: Int64s | None = None
        values = event_index.cast(pl.Int64).to_numpy()
        if not event_index.is_sorted():
            self._to_given = np.argsort(values, kind="stable").astype(np.int64)
            values = values[self._to_given]
        starts = np.flatnonzero(np.diff(values, prepend=values[:1] - 1))
        self.event_index: Int64s = values[starts]
        self.offsets: Int64s = np.append(starts, values.size).astype(np.int64)

    def sorted(self, column: pl.Series) -> Int64s:
        """The column as int64, by event."""
        values: Int64s = column.cast(pl.Int64).to_numpy()
        return values if self._to_given is None else values[self._to_given]

    def given(self, rows: Int64s) -> Int64s:
        """Rows of the table as given for rows by event; -1 stays."""
        if self._to_given is None:
            return rows
        return np.append(self._to_given, -1)[rows]

    def as_given(self, values: NDArray[T]) -> NDArray[T]:
        """Values, one a row, from the order by event to that given."""
        if self._to_given is None:
            return values
        given = np.empty_like(values)
        given[self._to_given] = values
        return given


def _num_before(rows: Int64s, bounds: Int64s) -> Int64s:
    """How many of the distinct `rows` lie before each of `bounds`."""
    marks = np.zeros(bounds[-1] + 1, np.int64)
    marks[rows + 1] = 1
    return np.cumsum(marks)[bounds]


def _ranges(starts: Int64s, stops: Int64s) -> Int64s:
    """Numbers of the ranges ``[start, stop)``, one after the other."""
    counts = stops - starts
    return np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
