"""What the expressions of a rule may read beside the columns of the particle table.

A context column is an ordinary `pl.col` whose name has a dot, ``tree.depth``; for each batch those that some
rule of the scheme mentions are computed, and no other. ``event.NAME`` is column NAME of the event table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from numl_polars.errors import LabelError
from numl_polars.labels.forest import IDENTIFIERS, Forest
from numl_polars.schema import EVENT_INDEX, EVENT_TABLE

PARTICLES = "particle_table"
DEPOSITS = "edep_table"
EVENT_PREFIX = "event."


@dataclass(frozen=True)
class ContextColumn:
    """How a context column is computed.

    Parameters
    ----------
    compute
        Series of one value a particle, in the order of the walk.
    reads
        Columns that it needs, by table, beside the identifiers of particles.
    """

    compute: Callable[[Forest], pl.Series]
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _parent_place(forest: Forest) -> pl.Series:
    return pl.Series(forest.parents)


def _primary_place(forest: Forest) -> pl.Series:
    from numl_polars.labels.ancestry import primaries

    return pl.Series(primaries(forest.parents))


def _depth(forest: Forest) -> pl.Series:
    from numl_polars.labels.ancestry import depths

    return pl.Series(depths(forest.parents))


def _num_children(forest: Forest) -> pl.Series:
    parents = forest.parents[forest.parents >= 0]
    return pl.Series(np.bincount(parents, minlength=forest.num_reached))


def _num_descendants(forest: Forest) -> pl.Series:
    from numl_polars.labels.ancestry import sums_over_descendants

    return pl.Series(sums_over_descendants(forest.parents, np.ones(forest.num_reached))).cast(pl.Int64)


def _deposited_energy(forest: Forest) -> pl.Series:
    assert forest.deposits is not None
    energy = forest.deposits["energy"].cast(pl.Float64).fill_nan(0.0).fill_null(0.0).to_numpy()
    places = forest.deposit_places
    named = places >= 0
    sums = np.bincount(places[named], energy[named], minlength=forest.num_reached)
    return pl.Series(sums.astype(np.float64))  # without deposits NumPy counts integers


def _num_deposits(forest: Forest) -> pl.Series:
    places = forest.deposit_places
    return pl.Series(np.bincount(places[places >= 0], minlength=forest.num_reached))


CONTEXT: Mapping[str, ContextColumn] = {
    "tree.parent": ContextColumn(_parent_place),
    "tree.primary": ContextColumn(_primary_place),
    "tree.depth": ContextColumn(_depth),
    "tree.num_children": ContextColumn(_num_children),
    "tree.num_descendants": ContextColumn(_num_descendants),
    "deposits.energy": ContextColumn(_deposited_energy, {DEPOSITS: ("g4_id", "energy")}),
    "deposits.number": ContextColumn(_num_deposits, {DEPOSITS: ("g4_id",)}),
}


def needed_columns(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Columns that stand behind `names`, by table; `event_index` and the identifiers of particles first."""
    needed: dict[str, set[str]] = {PARTICLES: set()}
    for name in names:
        if name in CONTEXT:
            for table, columns in CONTEXT[name].reads.items():
                needed.setdefault(table, set()).update(columns)
        elif name.startswith(EVENT_PREFIX):
            needed.setdefault(EVENT_TABLE, set()).add(name.removeprefix(EVENT_PREFIX))
        else:
            needed[PARTICLES].add(name)
    first = {PARTICLES: IDENTIFIERS}
    return {
        table: (*(ids := first.get(table, (EVENT_INDEX,))), *sorted(columns.difference(ids)))
        for table, columns in needed.items()
    }


def with_context(forest: Forest, names: Iterable[str]) -> pl.DataFrame:
    """Those columns and context columns of the forest that are among `names`, in the order of the walk."""
    names = set(names)
    own = [name for name in names if name not in CONTEXT and not name.startswith(EVENT_PREFIX)]
    table = forest.columns({EVENT_INDEX, *own})
    context = {name: CONTEXT[name].compute(forest) for name in names if name in CONTEXT}
    of_events = [name for name in names if name.startswith(EVENT_PREFIX)]
    return table.with_columns(**context, **_event_columns(forest, of_events))


def _event_columns(forest: Forest, names: list[str]) -> dict[str, pl.Series]:
    """Columns of the event table, repeated for each particle; null where the event has no row."""
    if not names:
        return {}
    assert forest.events is not None
    events = forest.events.unique(EVENT_INDEX, keep="first").with_columns(pl.col(EVENT_INDEX).cast(pl.Int64))
    own = pl.DataFrame({EVENT_INDEX: forest.event_index}).join(
        events, on=EVENT_INDEX, how="left", maintain_order="left"
    )
    return {name: own[name.removeprefix(EVENT_PREFIX)].gather(forest.event_number) for name in names}


def check_tables(
    scheme: str, needed: Mapping[str, tuple[str, ...]], tables: Mapping[str, Iterable[str] | None]
) -> None:
    """Raise LabelError if a table, or a column of one, that `scheme` needs is not among the `tables`.

    Parameters
    ----------
    tables
        Columns that are there, by table; None for a table that was not given.
    """
    for table, columns in needed.items():
        present = tables.get(table)
        if present is None:
            what = {EVENT_TABLE: "events", DEPOSITS: "deposits"}.get(table, table)
            raise LabelError(f"{scheme} reads {_quoted(columns)} of the {table}: give it as {what}=…")
        has = set(present)
        if missing := [column for column in columns if column not in has]:
            raise LabelError(
                f"the {table} has no column {_quoted(missing)}, which {scheme} needs (has "
                f"{_quoted(sorted(has))})"
            )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
