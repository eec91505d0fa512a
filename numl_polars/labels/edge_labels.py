"""Labels of edges between two hits, as ordered rules over the labels of both."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import LabelError
from numl_polars.labels.rules import Rule, RuleList
from numl_polars.labels.scheme import Scheme

Int64s = NDArray[np.int64]

ENDS = ("source", "target")

same_particle = pl.col("same_particle")
"""Whether the two hits are of one particle; hits without particle are not."""


def both(label: str) -> pl.Expr:
    """Whether both hits have the class `label`."""
    return pl.all_horizontal(f"{end}.{label}" for end in ENDS)


class EdgeLabels(Scheme):
    """Base of schemes that label edges; a subclass gives `classes` and `rules` over both hits' labels."""

    @abstractmethod
    def rules(self) -> Sequence[Rule]:
        """Rules in order; the first that holds gives the class."""

    @cached_property
    def rule_list(self) -> RuleList:
        """The rules, checked."""
        return RuleList.of(self.name, self.classes, self.rules())

    def check(self) -> None:
        """Raise LabelError where the scheme contradicts itself."""
        super().check()
        self.rule_list.check_flat("an edge")

    def check_hit_classes(self, names: Sequence[str]) -> None:
        """Raise LabelError if a rule reads something that hits of these classes do not have."""
        known = {"same_particle", *(f"{end}.{name}" for end in ENDS for name in names)}
        if unknown := sorted(self.rule_list.root_names - known):
            raise LabelError(
                f"{self.name}: its rules read {', '.join(map(repr, unknown))}; there are same_particle, and "
                f"both(…) of {', '.join(names)}"
            )

    def label(
        self, edges: NDArray[np.int64], semantic: Int64s, g4_id: Int64s, names: Sequence[str]
    ) -> Int64s:
        """Label of each edge, int64 (edges,), position in `classes`; -1 where no rule holds.

        Parameters
        ----------
        edges
            int64 (2, edges): rows of hits.
        semantic, g4_id
            int64 (hits,): class and particle of each hit, -1 for none.
        names
            Classes of hits, in the order of their codes.

        Raises
        ------
        LabelError
            A rule reads a class that hits do not have.
        """
        self.check_hit_classes(names)
        source, target = edges
        table = {"same_particle": (g4_id[source] == g4_id[target]) & (g4_id[source] >= 0)}
        for end, rows in zip(ENDS, edges, strict=True):
            for code, name in enumerate(names):
                if (column := f"{end}.{name}") in self.rule_list.root_names:
                    table[column] = semantic[rows] == code
        codes: Int64s = self.rule_list.codes[self.rule_list.apply(pl.DataFrame(table)).number]
        return codes
