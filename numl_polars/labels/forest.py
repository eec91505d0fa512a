"""The particles of a batch with their parents found: what context and labels are computed from."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import LabelError

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

IDENTIFIERS = ("event_index", "g4_id", "parent_id")


@dataclass(frozen=True, eq=False)
class Forest:
    """Particles whose events are contiguous, and the walk over them.

    Parameters
    ----------
    particles
        One row a particle, with the columns of `IDENTIFIERS`.
    offsets
        int64 (events + 1,): event e owns rows ``[offsets[e], offsets[e + 1])``.
    parent_rows
        int64 (particles,): row of the parent; -1 for a primary, or if the parent is not in the table.
    is_primary
        bool (particles,): `parent_id` is 0.
    order
        int64 (reached,): rows that a primary reaches, depth first.
    given_rows
        int64 (particles,): where each row stood in the table as given; None if it stood there.
    """

    particles: pl.DataFrame
    offsets: Int64s
    parent_rows: Int64s
    is_primary: Bools
    order: Int64s
    given_rows: Int64s | None

    @classmethod
    def of(cls, particles: pl.DataFrame) -> "Forest":
        """Forest of particles in any order of rows.

        Raises
        ------
        LabelError
            An identifier is null.
        """
        from numl_polars.events.matching import match_rows
        from numl_polars.labels.ancestry import walk_order

        for name in IDENTIFIERS:
            if nulls := particles[name].null_count():
                raise LabelError(f"{nulls} of {particles.height} particles have no {name}")
        given_rows = None
        if not particles["event_index"].is_sorted():
            given_rows = np.argsort(particles["event_index"].to_numpy(), kind="stable").astype(np.int64)
            particles = particles[given_rows]
        event_index, g4_id, parent_id = (_int64s(particles[name]) for name in IDENTIFIERS)
        starts = np.flatnonzero(np.diff(event_index, prepend=event_index[:1] - 1))
        offsets = np.append(starts, event_index.size).astype(np.int64)
        is_primary = parent_id == 0
        parent_rows = match_rows(offsets, g4_id, offsets, parent_id)
        parent_rows[is_primary] = -1
        order = walk_order(parent_rows, is_primary)
        return cls(particles, offsets, parent_rows, is_primary, order, given_rows)

    @property
    def num_particles(self) -> int:
        """Rows of `particles`."""
        return self.particles.height

    @property
    def event_of_row(self) -> Int64s:
        """Number of each row's event within the batch, int64 (particles,)."""
        return np.repeat(np.arange(self.offsets.size - 1), np.diff(self.offsets))

    def repeats(self) -> Bools:
        """Whether the row's event has a repeated `g4_id`, bool (particles,)."""
        from numl_polars.labels.ancestry import has_repeats

        repeats = has_repeats(self.offsets, _int64s(self.particles["g4_id"]))
        return np.repeat(repeats, np.diff(self.offsets))

    def as_given(self, table: pl.DataFrame) -> pl.DataFrame:
        """Rows of `table`, one a particle of the forest, in the order in which the particles were given."""
        if self.given_rows is None:
            return table
        rows = np.empty_like(self.given_rows)
        rows[self.given_rows] = np.arange(rows.size)
        return table[rows]


def _int64s(ids: pl.Series) -> Int64s:
    return ids.cast(pl.Int64).to_numpy()
