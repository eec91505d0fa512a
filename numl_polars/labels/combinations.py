"""Which kinds of particles no rule labels, and how many there are: what a scheme lacks."""

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.labels.particle_scheme import FAULTS, Labelled

COLUMNS = ("type", "start_process", "end_process")
"""Columns of the particle table that tell kinds apart."""

WITHOUT_RULE = ("orphan", "circle", "unlabelled")
"""Faults of single particles; an event with a repeated `g4_id` says nothing of the rules."""

_KIND: dict[str, pl.DataType] = {
    "type": pl.Int64(),
    "parent_type": pl.Int64(),
    "start_process": pl.String(),
    "end_process": pl.String(),
    "fault": pl.Enum(WITHOUT_RULE),
}
_COUNTS: dict[str, pl.DataType] = {"particles": pl.Int64(), "with_hits": pl.Int64()}
NO_COMBINATIONS = pl.DataFrame(schema=_KIND | _COUNTS)
_CODES = np.array([FAULTS.index(name) for name in WITHOUT_RULE], np.int8)


def unlabelled_combinations(
    labelled: Labelled, particles: pl.DataFrame, with_hits: NDArray[np.bool_]
) -> pl.DataFrame:
    """Particles that no rule labels, counted by kind; those that a policy gives a class are among them.

    Parameters
    ----------
    particles
        The particles, row for row as labelled, with those of `COLUMNS` that there are; not read if all have
        a label.
    with_hits
        bool (particles,): whether a hit belongs to the particle.

    Returns
    -------
    `type`, `parent_type` (Int64; 0 for a primary, null if the parent is not in the table), `start_process`,
    `end_process`, `fault` (Enum of `WITHOUT_RULE`), `particles`, `with_hits` (Int64, number of particles, and
    of those with hits); most with hits first, then most particles. Null where `particles` lacks a column.
    """
    rows = np.flatnonzero(labelled.fault >= 0)
    rows = rows[np.isin(labelled.fault[rows], _CODES)]
    if not rows.size:
        return NO_COMBINATIONS
    forest = labelled.forest
    is_primary = forest.particles["parent_id"].gather(rows) == 0
    parent_type = _values(particles, "type", forest.parent_rows[rows])
    found = pl.DataFrame(
        {
            **{name: _values(particles, name, rows) for name in COLUMNS},
            "parent_type": parent_type.set(is_primary, 0),
            "fault": pl.Series(FAULTS, dtype=pl.String).gather(labelled.fault[rows]),
            "particles": np.ones(rows.size, np.int64),
            "with_hits": with_hits[rows],
        }
    )
    return _counted(found.select(pl.col(name).cast(dtype) for name, dtype in (_KIND | _COUNTS).items()))


def concat_combinations(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Counts of several batches together, in the form of `unlabelled_combinations`."""
    return _counted(pl.concat([NO_COMBINATIONS, *frames]))


def _values(particles: pl.DataFrame, column: str, rows: NDArray[np.int64]) -> pl.Series:
    """Values of a column at the rows, null where a row is -1 or there is no such column."""
    dtype = _KIND[column]
    if column not in particles.columns:
        return pl.Series([None], dtype=dtype).new_from_index(0, rows.size)
    return particles[column].gather(pl.Series(rows).cast(pl.UInt32, strict=False)).cast(dtype)


def _counted(found: pl.DataFrame) -> pl.DataFrame:
    # ties are in order of the kind, so that any number of ranks finds the same
    order = ["with_hits", "particles", *_KIND]
    descending = [name in _COUNTS for name in order]
    return (
        found.group_by(*_KIND).agg(pl.col(*_COUNTS).sum()).sort(order, descending=descending, nulls_last=True)
    )
