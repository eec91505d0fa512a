"""Schemes that label particles by ordered rules."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from numl_polars.labels.context import needed_columns, with_context
from numl_polars.labels.expressions import parent
from numl_polars.labels.forest import Forest
from numl_polars.labels.particle_scheme import Decision, ParticleScheme
from numl_polars.labels.rules import Applied, Rule, RuleList

Int64s = NDArray[np.int64]


class ParticleLabels(ParticleScheme):
    """Base of schemes made of rules; a subclass gives `classes` and `rules`.

    Rules read columns of the particle table and the expressions of `numl_polars.labels`.
    """

    @abstractmethod
    def rules(self) -> Sequence[Rule]:
        """Rules in order; the first that holds gives the class."""

    @cached_property
    def rule_list(self) -> RuleList:
        """The rules, checked."""
        return RuleList.of(self.name, self.classes, self.rules())

    @cached_property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """Columns that the scheme needs, by table, the identifiers first."""
        return needed_columns(self.rule_list.root_names)

    def check(self) -> None:
        """Raise LabelError where the scheme contradicts itself."""
        super().check()
        _ = self.rule_list

    def decide(self, forest: Forest) -> Decision:
        """Labels of the particles that a primary reaches."""
        from numl_polars.labels.ancestry import number_objects, spread_down

        rules = self.rule_list
        applied = rules.apply(with_context(forest, rules.root_names))
        giver = spread_down(forest.parents, rules.spreads[applied.number])
        number = applied.number[giver]
        objects = self._objects(forest, applied, number)
        source = spread_down(forest.parents, rules.instance_spreads[number])
        return Decision(
            semantic=rules.codes[number],
            instance=number_objects(forest.offsets, objects[source]),
            rule=number,
            giver=giver,
            holds=applied.holds,
        )

    def _objects(self, forest: Forest, applied: Applied, number: Int64s) -> Int64s:
        """Object of each particle by the rule that gave its class, in the form of `number_objects`."""
        objects = np.full(number.size, -1, np.int64)
        for column, relation in self.rule_list.relations.items():
            places = applied.table[column].to_numpy()
            if relation is parent:
                # the event itself is the parent of its primaries
                places = np.where(places >= 0, places, forest.num_reached + forest.event_number)
            mine = np.array([*(rule.relation is relation for rule in self.rule_list.rules), False])
            np.copyto(objects, places, where=mine[number])
        return objects
