"""The words of rules: a particle, its relatives, its deposits and its event as Polars expressions.

They combine with ``&``, ``|``, ``~`` and everything that Polars offers. A condition that is null is false.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from numl_polars.errors import LabelError
from numl_polars.schema import kind

pdg = pl.col("type")
"""PDG code."""

start_process = pl.col("start_process")
"""Geant4 process that made the particle."""

end_process = pl.col("end_process")
"""Geant4 process that ended it."""

momentum = pl.col("momentum").cast(pl.Float64).fill_nan(None)
"""Momentum at the start, GeV/c, widened before it is compared; NaN is null."""

_steps = (
    (pl.col(f"end_position_{axis}") - pl.col(f"start_position_{axis}")).cast(pl.Float64) for axis in "xyz"
)

extent = pl.sum_horizontal((step.pow(2) for step in _steps), ignore_nulls=False).sqrt().fill_nan(None)
extent = extent.alias("extent")
"""Distance from the particle's start to its end, cm; NaN is null."""

depth = pl.col("tree.depth")
"""Number of ancestors; 0 for a primary."""

num_children = pl.col("tree.num_children")
"""Number of particles whose parent this one is."""

num_descendants = pl.col("tree.num_descendants")
"""Number of particles below this one, however far."""

is_primary = pl.col("tree.parent") < 0
"""Whether the particle has no parent."""

num_deposits = pl.col("deposits.number")
"""Number of the particle's own energy deposits."""

has_deposits = num_deposits > 0
"""Whether the particle itself deposits energy in the detector."""

deposited_energy = pl.col("deposits.energy")
"""Sum of the particle's own deposits, MeV; 0 without one. Reads column `energy`."""

nu_pdg = pl.col("nu_pdg")
"""PDG code of the neutrino; for schemes of events."""

flavor = nu_pdg.abs().alias("flavor")
"""PDG code of the neutrino without its sign; for schemes of events."""

is_cc = pl.col("is_cc").cast(pl.Boolean)
"""Whether the current is charged; for schemes of events."""


@dataclass(frozen=True, eq=False, repr=False)
class Relation:
    """Which other particle of its event stands in some relation to each particle: its parent, say.

    Calling it reads an expression there: ``parent(is_muon)``, ``primary(momentum) > 1``. Where there is no
    such particle a condition is false, so that ``~parent(is_muon)`` holds for a primary; all else is null.

    Parameters
    ----------
    name
        What it is called.
    places
        Place of the other particle in the walk, Int64, -1 for none.
    """

    name: str
    places: pl.Expr

    def __call__(self, what: pl.Expr | str) -> pl.Expr:
        """Value of an expression, or of a column, at the other particle."""
        value = _expression(what)
        if value.meta.root_names():
            there = value.gather(self.places.cast(pl.UInt32, strict=False))
        else:
            there = pl.when(self.exists).then(value)
        return there.fill_null(False) if _is_condition(value) else there

    @property
    def exists(self) -> pl.Expr:
        """Whether there is such a particle."""
        return self.places >= 0

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Relation):
            return self is other
        raise LabelError(f"{self.name} is compared with {other!r}; read a value there: {self.name}(pdg) == …")

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return self.name


itself = Relation("self", pl.int_range(pl.len(), dtype=pl.Int64))
"""The particle itself."""

parent = Relation("parent", pl.col("tree.parent"))
"""The parent; a primary has none."""

primary = Relation("primary", pl.col("tree.primary"))
"""The primary that the particle descends from; of a primary itself."""


def ancestor(where: pl.Expr, *, or_self: bool = False) -> Relation:
    """Nearest ancestor for which a condition holds.

    Parameters
    ----------
    where
        The condition, at the ancestor.
    or_self
        The particle itself comes first.
    """
    places = pl.map_batches([where, parent.places], _nearest, return_dtype=pl.Int64)
    if or_self:
        places = pl.when(where).then(itself.places).otherwise(places)
    return Relation("ancestor", places)


def has_ancestor(where: pl.Expr) -> pl.Expr:
    """Whether a condition holds for some ancestor."""
    return ancestor(where).exists


def sum_over_children(what: pl.Expr | str) -> pl.Expr:
    """Sum over the children, Float64; null and NaN count as 0, true as 1."""
    return _sum("sums_over_children", what)


def sum_over_descendants(what: pl.Expr | str) -> pl.Expr:
    """Sum over all particles below this one, Float64; null and NaN count as 0, true as 1."""
    return _sum("sums_over_descendants", what)


def has_child(where: pl.Expr) -> pl.Expr:
    """Whether a condition holds for some child."""
    return _sum("sums_over_children", where, of_condition="has_child") > 0


def has_descendant(where: pl.Expr) -> pl.Expr:
    """Whether a condition holds for some particle below this one."""
    return _sum("sums_over_descendants", where, of_condition="has_descendant") > 0


def event(column: str) -> pl.Expr:
    """Column of the event table, for every particle of the event: ``event("nu_pdg")``."""
    return pl.col(f"event.{column}")


def _is_condition(value: pl.Expr) -> bool:
    """Whether an expression is true or false, taking columns that the schema does not know for numbers."""
    names = value.meta.root_names()
    kinds = {
        name: pl.Categorical() if kind("particle_table", name) == "strings" else pl.Float64()
        for name in names
    }
    try:
        schema = pl.LazyFrame(schema=kinds).select(value).collect_schema()
    except PolarsError:
        return False
    return list(schema.dtypes()) == [pl.Boolean()]


def _nearest(columns: Sequence[pl.Series]) -> pl.Series:
    from numl_polars.labels.ancestry import nearest_ancestors

    where, parents = columns
    _require_condition(where, "ancestor")
    holds = np.broadcast_to(where.fill_null(False).to_numpy(), len(parents))
    return pl.Series(nearest_ancestors(parents.to_numpy(), np.ascontiguousarray(holds)))


def _sum(kernel: str, what: pl.Expr | str, of_condition: str = "") -> pl.Expr:
    def add_up(columns: Sequence[pl.Series]) -> pl.Series:
        from numl_polars.labels import ancestry

        values, parents = columns
        if of_condition:
            _require_condition(values, of_condition)
        numbers = values.cast(pl.Float64).fill_null(0.0).to_numpy()
        numbers = np.ascontiguousarray(np.broadcast_to(numbers, len(parents)))
        return pl.Series(getattr(ancestry, kernel)(parents.to_numpy(), numbers))

    return pl.map_batches([_expression(what), parent.places], add_up, return_dtype=pl.Float64)


def _expression(what: pl.Expr | str) -> pl.Expr:
    if not isinstance(what, pl.Expr | str):
        raise LabelError(f"{what!r} is neither an expression nor the name of a column")
    return pl.col(what) if isinstance(what, str) else what


def _require_condition(values: pl.Series, word: str) -> None:
    if values.dtype != pl.Boolean:
        raise ValueError(f"the condition of {word}(…) gives {values.dtype}, not true or false")
