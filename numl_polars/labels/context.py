"""What a rule may read: expressions over columns of the particle and over columns computed from the forest.

A context column is an ordinary `pl.col` whose name stands in `CONTEXT`; for each batch those that a rule of
the scheme mentions are computed, and no other.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from numl_polars.labels.forest import Forest

start_process = pl.col("start_process")
end_process = pl.col("end_process")

momentum = pl.col("momentum").cast(pl.Float64).fill_nan(None)
"""GeV/c, widened before it is compared; NaN is null, for which every comparison is false."""

parent_type = pl.col("parent_type")
"""PDG code of the parent, 0 for a primary."""

semantic_class = pl.col("semantic_class")
"""Name of the particle's final class, after spreading; for instance rules only."""


@dataclass(frozen=True)
class ContextColumn:
    """How a context column is computed.

    Parameters
    ----------
    columns
        Columns of the particle table that it needs, beside the identifiers.
    compute
        Series of one value a particle of the forest.
    """

    columns: tuple[str, ...]
    compute: Callable[[Forest], pl.Series]


def _parent_type(forest: Forest) -> pl.Series:
    types = forest.particles["type"]
    if types.is_empty():
        return types
    # Row 0 stands in for the parent that is not there, until it is replaced.
    codes = types.gather(np.maximum(forest.parent_rows, 0))
    has_parent = pl.Series(forest.parent_rows >= 0)
    absent = pl.Series(forest.is_primary).replace_strict({True: 0, False: None}, return_dtype=types.dtype)
    return codes.zip_with(has_parent, absent)


CONTEXT: Mapping[str, ContextColumn] = {"parent_type": ContextColumn(("type",), _parent_type)}


def needed_columns(names: Iterable[str]) -> set[str]:
    """Columns of the particle table that stand behind `names`, which may be of context columns."""
    return {column for name in names for column in (CONTEXT[name].columns if name in CONTEXT else (name,))}


def with_context(forest: Forest, names: Iterable[str]) -> pl.DataFrame:
    """Particles of the forest, and those of the context columns that are among `names`."""
    return forest.particles.with_columns(
        **{name: CONTEXT[name].compute(forest) for name in names if name in CONTEXT}
    )
