"""How often each rule of a scheme gave a class, and which rules never do since earlier ones take all."""

from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class RuleUsage:
    """How often the rules of a scheme held.

    A rule is **shadowed** where it holds for particles and an earlier rule holds for each of them; a rule
    that decides for one particle is not. A rule that holds nowhere is unused, which its data may explain.

    Parameters
    ----------
    rule_list
        The rules.
    holds
        int64 (rules, rules): for how many particles rule i holds and rule j is the first that does, as
        `numl_polars.labels.rules.Applied` has it; those of several batches add up.
    counted
        What is counted: ``particles`` or ``events``.
    """

    rule_list: RuleList
    holds: Int64s
    counted: str = "particles"

    def table(self) -> pl.DataFrame:
        """One row a rule.

        Returns
        -------
        `rule` (its number), `label`, `about`, `decides` (for how many particles it is the first rule that
        holds, whatever came down to them), `holds` (for how many it holds; null where it decides), and
        `shadowed_by` (the earlier rule that most often decides where it holds; null where there is none).
        A rule with 0 in both counts is unused.
        """
        rules = self.rule_list.rules
        shadowed_by = np.full(len(rules), -1, np.int64)
        for rule in np.flatnonzero(self._shadowed):
            shadowed_by[rule] = self.holds[rule].argmax()
        return pl.DataFrame(
            {
                "rule": np.arange(len(rules)),
                "label": pl.Series([rule.label for rule in rules], dtype=pl.String),
                "about": pl.Series([rule.about for rule in rules], dtype=pl.String),
                "decides": self._decides,
                "holds": self.holds.sum(axis=1),
                "shadowed_by": shadowed_by,
            }
        ).with_columns(pl.when(decides=0).then("holds"), pl.col("shadowed_by").replace(-1, None))

    def remarks(self) -> list[str]:
        """A sentence for each rule that is shadowed, unless it takes what is left, and for the unused."""
        rules = self.rule_list.rules
        shadowed = np.flatnonzero(self._shadowed).tolist()
        unused = np.flatnonzero(self.holds.sum(axis=1) == 0).tolist()
        remarks = [self._remark(rule) for rule in shadowed if rules[rule].when is not True]
        # an event has one flavour, so that a file often has none of another
        if unused and self.holds.any() and self.counted == "particles":
            names = ", ".join(f"{rule} ({rules[rule].label})" for rule in unused)
            remarks.append(
                f"rules of {self.rule_list.scheme} that hold for none of the {self.counted}: {names}"
            )
        return remarks

    @property
    def _decides(self) -> Int64s:
        decides: Int64s = self.holds.diagonal()
        return decides

    @property
    def _shadowed(self) -> NDArray[np.bool_]:
        # where a rule decides nothing in all batches, its row is filled in all of them
        shadowed: NDArray[np.bool_] = (self._decides == 0) & (self.holds.sum(axis=1) > 0)
        return shadowed

    def _remark(self, rule: int) -> str:
        by = self.holds[rule]
        number, earlier = int(by.sum()), int(by.argmax())
        where = f"wherever it holds ({number:,} {self.counted if number > 1 else self.counted[:-1]})"
        labels = [one.label for one in self.rule_list.rules]
        name = f"rule {earlier} ({labels[earlier]})"
        who = f"{name} does too" if by[earlier] == number else f"an earlier rule does too, most often {name}"
        return f"rule {rule} ({labels[rule]}) of {self.rule_list.scheme} never applies: {where}, {who}"


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
