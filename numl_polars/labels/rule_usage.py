"""How often each rule of a scheme gave a class, and which rules never do since earlier ones take all."""

from copy import copy
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import LabelError
from numl_polars.labels.particle_scheme import Frame, ParticleScheme
from numl_polars.labels.rules import RuleList

if TYPE_CHECKING:
    from numl_polars.events.batch import Batch
    from numl_polars.events.file import EventFile

Int64s = NDArray[np.int64]


class RuleUsage:
    """Counts how often the rules of a scheme held; those of several batches, or ranks, add up.

    A rule is **shadowed** if it holds for particles and an earlier rule holds for each of them. A rule that
    holds nowhere is unused: there was no such particle, or there never can be one.

    Parameters
    ----------
    rule_list
        Rules of the scheme, of which only names and words are kept.
    holds
        What has been counted so far; see `add`.

    Raises
    ------
    LabelError
        The counts are not those of so many rules.
    """

    def __init__(self, rule_list: RuleList, holds: Int64s | None = None) -> None:
        self.scheme = rule_list.scheme
        self.labels = tuple(rule.label for rule in rule_list.rules)
        self.abouts = tuple(rule.about for rule in rule_list.rules)
        self._holds = np.zeros((len(self.labels), len(self.labels)), np.int64)
        if holds is not None:
            self.add(holds)

    def add(self, holds: Int64s) -> None:
        """Count a batch.

        Parameters
        ----------
        holds
            int64 (rules, rules): for how many particles rule i holds and rule j is the first that does. Of
            rules that decide somewhere in the batch only the diagonal is read.

        Raises
        ------
        LabelError
            There is another number of rules.
        """
        if holds.shape != self._holds.shape:
            raise LabelError(
                f"{self.scheme} has {len(self.labels)} rules: the counts have shape {holds.shape}, not "
                f"{self._holds.shape}"
            )
        self._holds = self._holds + holds

    def __add__(self, other: "RuleUsage") -> "RuleUsage":
        if (self.scheme, self.labels, self.abouts) != (other.scheme, other.labels, other.abouts):
            raise LabelError(
                f"the rules of {self.scheme} and {other.scheme} differ: their counts do not add up"
            )
        total = copy(self)
        total.add(other._holds)
        return total

    def table(self) -> pl.DataFrame:
        """One row a rule.

        Returns
        -------
        `rule` (its number), `label`, `about`, `decides` (for how many particles it is the first rule that
        holds, whatever came down to them), `holds` (for how many it holds; null where it decides), and
        `shadowed_by` (the earlier rule that most often decides where it holds; null where there is none).
        A rule with 0 in both counts is unused.
        """
        shadowed_by = np.full(len(self.labels), -1, np.int64)
        for rule in np.flatnonzero(self._shadowed):
            shadowed_by[rule] = self._holds[rule].argmax()
        return pl.DataFrame(
            {
                "rule": np.arange(len(self.labels)),
                "label": pl.Series(self.labels, dtype=pl.String),
                "about": pl.Series(self.abouts, dtype=pl.String),
                "decides": self._decides,
                "holds": self._holds.sum(axis=1),
                "shadowed_by": shadowed_by,
            }
        ).with_columns(pl.when(decides=0).then("holds"), pl.col("shadowed_by").replace(-1, None))

    def remarks(self) -> list[str]:
        """A sentence for each rule that is shadowed."""
        return [self._remark(rule) for rule in np.flatnonzero(self._shadowed).tolist()]

    @property
    def _decides(self) -> Int64s:
        decides: Int64s = self._holds.diagonal()
        return decides

    @property
    def _shadowed(self) -> NDArray[np.bool_]:
        # where a rule decides nothing in all batches, its row is filled in all of them
        shadowed: NDArray[np.bool_] = (self._decides == 0) & (self._holds.sum(axis=1) > 0)
        return shadowed

    def _remark(self, rule: int) -> str:
        by = self._holds[rule]
        number, earlier = int(by.sum()), int(by.argmax())
        where = f"wherever it holds ({number:,} {'particle' if number == 1 else 'particles'})"
        name = f"rule {earlier} ({self.labels[earlier]})"
        who = f"{name} does too" if by[earlier] == number else f"an earlier rule does too, most often {name}"
        return f"rule {rule} ({self.labels[rule]}) of {self.scheme} never applies: {where}, {who}"


def rule_usage(
    scheme: ParticleScheme,
    particles: "Batch | EventFile | Frame",
    *,
    events: Frame | None = None,
    deposits: Frame | None = None,
) -> pl.DataFrame:
    """How often each rule gives a class among particles, as `RuleUsage.table` has it.

    Parameters
    ----------
    particles, events, deposits
        As `event`, `events`, `deposits` of `ParticleScheme.explain`.

    Raises
    ------
    LabelError
        The scheme has no rules.
    LabelError, InputError
        As `ParticleScheme.explain`.
    """
    from numl_polars.labels.explain import read_forest

    rules = scheme.rule_list
    if rules is None:
        raise LabelError(f"{scheme.name} has no rules whose use could be counted")
    forest = read_forest(scheme, particles, events=events, deposits=deposits)
    return RuleUsage(rules, scheme.decide(forest).holds).table()
