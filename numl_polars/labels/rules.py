"""Ordered rules: the first that holds gives the class, and says which object a particle is part of.

All conditions of a scheme are evaluated together, once a batch; a null condition is false.
"""

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import LabelError
from numl_polars.labels.expressions import Relation, itself, parent, primary

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

REJECT = "reject"
STOP = "stop"
BY_NAME = {"self": itself, "parent": parent, "primary": primary}


@dataclass(frozen=True, eq=False)
class Rule:
    """Gives a class to the particles, or events, for which `when` holds.

    Parameters
    ----------
    label
        Name of the class.
    when
        Boolean expression; True holds for all.
    spreads
        All descendants take the class too, and their own rules are not consulted. Not for events.
    instance
        Which object the particle is part of, named by one of its particles: ``"self"``, ``"parent"`` (all
        primaries of an event share one), ``"primary"``, or ``ancestor(where)``; None for no object. Of
        descendants that took the class it is read at themselves. Not for events.
    instance_spreads
        All descendants are part of that object too, whatever their own rules say; as `spreads`, if None.
    about
        What the rule means, in words, for tables of rules.
    """

    label: str
    _: KW_ONLY
    when: pl.Expr | bool = True
    spreads: bool = False
    instance: Relation | Literal["self", "parent", "primary"] | None = None
    instance_spreads: bool | None = None
    about: str = ""

    @property
    def relation(self) -> Relation | None:
        """`instance` as a relation."""
        return BY_NAME[self.instance] if isinstance(self.instance, str) else self.instance


@dataclass(frozen=True, eq=False)
class Applied:
    """What the rules of a scheme said of a table, by themselves.

    Parameters
    ----------
    number
        int64 (rows,): the first rule that holds, -1 where none does.
    table
        The table, with a column of places for each relation that `RuleList.relations` names.
    holds
        int64 (rules, rules): for how many rows rule i holds and rule j is the first that does. Off the
        diagonal it is counted only for a rule that is never the first.
    """

    number: Int64s
    table: pl.DataFrame
    holds: Int64s


@dataclass(frozen=True, eq=False)
class RuleList:
    """Checked rules of one scheme.

    Parameters
    ----------
    scheme
        Name of the scheme, for messages.
    classes
        Names of the classes, in the order of their codes.
    rules
        The rules, in order.

    Raises
    ------
    LabelError
        A class is named twice, or none; a rule names one that is not there, or has no condition.
    """

    scheme: str
    classes: tuple[str, ...]
    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, scheme: str, classes: Sequence[str], rules: Iterable[Rule]) -> "RuleList":
        """Rules as a scheme gives them."""
        if isinstance(classes, str):
            raise LabelError(f"{scheme}: classes is {classes!r}; it must be a list of names")
        if isinstance(rules, str | type) or not isinstance(rules, Iterable):
            raise LabelError(f"{scheme}: rules() returns {rules!r}, not a list of rules")
        return cls(scheme, tuple(classes), tuple(rules))

    def __post_init__(self) -> None:
        if not self.classes:
            raise LabelError(f"{self.scheme} names no classes")
        if taken := {REJECT, STOP}.intersection(self.classes):
            raise LabelError(f"{self.scheme}: no class can be named {taken.pop()!r}, which names a policy")
        if len(set(self.classes)) < len(self.classes):
            twice = next(name for name in self.classes if self.classes.count(name) > 1)
            raise LabelError(f"{self.scheme} names class {twice!r} twice: {', '.join(self.classes)}")
        for number, rule in enumerate(self.rules):
            self._check(number, rule)

    def _check(self, number: int, rule: Rule) -> None:
        if not isinstance(rule, Rule):
            raise LabelError(f"{self.scheme}: rule {number} is {rule!r}, not a Rule")
        if not isinstance(rule.spreads, bool) or not isinstance(rule.instance_spreads, bool | None):
            raise LabelError(
                f"{self.scheme}: rule {number} spreads {rule.spreads!r}, and its object "
                f"{rule.instance_spreads!r}; both may be True or False"
            )
        if not isinstance(rule.label, str) or rule.label not in self.classes:
            raise LabelError(
                f"{self.scheme}: rule {number} gives class {rule.label!r}, which is not one of its classes "
                f"({', '.join(self.classes)})"
            )
        if isinstance(rule.when, pl.Expr) and rule.when.meta.has_multiple_outputs():
            raise LabelError(f"{self.named(number)}: its condition has several columns; name each by itself")
        if callable(rule.when):
            raise LabelError(
                f"{self.named(number)}: its condition is {rule.when!r}; call it, as in parent(is_muon)"
            )
        if not isinstance(rule.when, pl.Expr | bool):
            raise LabelError(
                f"{self.named(number)}: its condition is {rule.when!r}, not an expression (`and`, `or`, "
                f"`not` and chained comparisons make none: use &, |, ~)"
            )
        if rule.when is False:
            raise LabelError(
                f"{self.named(number)}: its condition is False, so that it never holds; a comparison of "
                f"something that is no expression gives that"
            )
        named = isinstance(rule.instance, str) and rule.instance in BY_NAME
        if not (rule.instance is None or named or isinstance(rule.instance, Relation)):
            raise LabelError(
                f"{self.named(number)}: its instance is {rule.instance!r}; it may be {', '.join(BY_NAME)}, "
                f"ancestor(…) or None"
            )

    def check_flat(self, what: str) -> None:
        """Raise LabelError if a rule says something that only particles have."""
        for number, rule in enumerate(self.rules):
            if rule.spreads or rule.instance_spreads or rule.instance is not None:
                raise LabelError(f"{self.named(number)}: {what} has neither descendants nor instances")

    def named(self, number: int) -> str:
        """What to call a rule in messages."""
        return f"{self.scheme}: rule {number} ({self.rules[number].label})"

    @cached_property
    def codes(self) -> Int64s:
        """Code of the class that each rule gives; -1 last, for the rule number -1."""
        return np.array([*(self.classes.index(rule.label) for rule in self.rules), -1])

    @cached_property
    def spreads(self) -> Bools:
        """Whether each rule's class spreads; False last."""
        return np.array([*(rule.spreads for rule in self.rules), False])

    @cached_property
    def instance_spreads(self) -> Bools:
        """Whether each rule's object spreads; False last."""
        own = (
            rule.spreads if rule.instance_spreads is None else rule.instance_spreads for rule in self.rules
        )
        return np.array([*own, False])

    @cached_property
    def relations(self) -> dict[str, Relation]:
        """The relations that name objects, by the column of `Applied.table` that has their places."""
        found = {id(r): r for r in (rule.relation for rule in self.rules) if r is not None}
        return {f"instance {i}": relation for i, relation in enumerate(found.values())}

    @cached_property
    def root_names(self) -> frozenset[str]:
        """Names of the columns, and context columns, that the rules mention."""
        conditions = (rule.when for rule in self.rules if isinstance(rule.when, pl.Expr))
        places = (relation.places for relation in self.relations.values())
        return frozenset(name for expr in (*conditions, *places) for name in expr.meta.root_names())

    @cached_property
    def _conditions(self) -> dict[str, pl.Expr]:
        """Condition of each rule, by the column that it becomes."""
        return {
            f"rule {i}": rule.when if isinstance(rule.when, pl.Expr) else pl.lit(rule.when)
            for i, rule in enumerate(self.rules)
        }

    @cached_property
    def _first(self) -> pl.Expr:
        """Number of the first rule that holds, from the columns of `_conditions`; -1 where none does."""
        first = pl.lit(-1, pl.Int64)
        for number, column in reversed(list(enumerate(self._conditions))):
            first = pl.when(pl.col(column)).then(pl.lit(number, pl.Int64)).otherwise(first)
        return first.alias("rule")

    def apply(self, table: pl.DataFrame) -> Applied:
        """What the rules say of each row of a table that has the columns `root_names`.

        Raises
        ------
        LabelError
            A condition cannot be evaluated, or gives something else than true and false.
        """
        places = {name: relation.places for name, relation in self.relations.items()}
        try:
            # with_columns, not select: a rule that mentions no column holds for every row;
            # this engine evaluates what several rules share once, also where it calls Python
            result = table.lazy().with_columns(**self._conditions, **places).collect(engine="in-memory")
        except Exception as error:  # a function of the user's may raise anything
            raise self._explained(table, error) from error
        for rule, column in enumerate(self._conditions):
            if result[column].dtype != pl.Boolean:
                raise LabelError(
                    f"{self.named(rule)}: its condition gives {result[column].dtype}, not true or false"
                )
        number = result.with_columns(self._first)["rule"].to_numpy()
        return Applied(number, result, self._count(number, result))

    def _count(self, number: Int64s, result: pl.DataFrame) -> Int64s:
        """`Applied.holds`."""
        num_rules = len(self.rules)
        first = np.bincount(number + 1, minlength=num_rules + 1)[1:]
        holds = np.diag(first)
        for rule, column in enumerate(self._conditions):
            if not first[rule] and result[column].any():
                rows = result[column].fill_null(False).to_numpy()
                holds[rule] = np.bincount(number[rows], minlength=num_rules)
        return holds

    def _explained(self, table: pl.DataFrame, error: Exception) -> LabelError:
        """The error with the first rule that causes it."""
        for number, rule in enumerate(self.rules):
            relation = rule.relation
            exprs = [rule.when, *([relation.places] if relation is not None else [])]
            for expr in exprs:
                try:
                    table.lazy().with_columns(found=expr).collect()
                except Exception as cause:
                    hint = (
                        " (comparisons need brackets: (a == b) & c)" if "bool" in str(cause).lower() else ""
                    )
                    return LabelError(f"{self.named(number)} cannot be evaluated: {_first_line(cause)}{hint}")
        return LabelError(f"{self.scheme}: the rules cannot be evaluated: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
