"""Labels of events: what schemes that give them have in common, and ordered rules over the event table."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import LabelError
from numl_polars.labels.context import check_tables
from numl_polars.labels.rules import REJECT, STOP, Rule, RuleList
from numl_polars.labels.scheme import Scheme
from numl_polars.schema import EVENT_INDEX, EVENT_TABLE

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EventDecision:
    """Classes of events.

    Parameters
    ----------
    codes
        int64 (events,): position in `classes`, -1 for none.
    holds
        How often the rules held, see `numl_polars.labels.rules.Applied`; None of a scheme without rules.
    """

    codes: Int64s
    holds: Int64s | None = None


@dataclass(frozen=True, eq=False)
class LabelledEvents:
    """Classes of events, the scheme's policy applied.

    Parameters
    ----------
    codes
        int64 (events,): position in `classes`, -1 for none.
    missing
        bool (events,): events to which only the policy could give a class.
    holds
        As in `EventDecision`.
    """

    codes: Int64s
    missing: Bools
    holds: Int64s | None


class EventScheme(Scheme):
    """Gives classes to events; base of all that does.

    Parameters
    ----------
    unlabelled
        What becomes of an event that gets no label: ``reject`` leaves it so, and out of a run; ``stop``
        raises an error; the name of a class gives that class.
    """

    unlabelled: str = REJECT

    @abstractmethod
    def decide(self, events: pl.DataFrame) -> EventDecision:
        """Classes of events, as the scheme gives them without its policy."""

    def label_rows(self, events: pl.DataFrame) -> LabelledEvents:
        """Classes of events, with the policy.

        Raises
        ------
        LabelError
            An event has no label, and the scheme says to stop.
        """
        decision = self.decide(events)
        codes, missing = decision.codes, decision.codes < 0
        if self.unlabelled == STOP and missing.any():
            row = events.row(int(missing.argmax()), named=True)
            event = ", ".join(f"{name} {value}" for name, value in row.items())
            raise LabelError(f"{self.name} stops at an event for which no rule holds: {event}")
        code = self.policy_code("unlabelled")
        codes = codes if code is None else np.where(missing, code, codes)
        return LabelledEvents(codes, missing, decision.holds)

    def check(self) -> None:
        """Raise LabelError where the scheme contradicts itself."""
        super().check()
        self.policy_code("unlabelled")

    def label(self, events: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
        """Labels of events, row for row.

        Parameters
        ----------
        events
            One row an event, with `columns`.

        Returns
        -------
        `event_index`, `event_label` (Int64, position in `classes`, null for an event without label, unless
        the scheme gives such events a class).

        Raises
        ------
        LabelError
            Now: a column is missing, the scheme contradicts itself. When collected: an event has no label,
            and the scheme says to stop.
        """
        table = events.lazy()
        schema = table.collect_schema()
        self.check()
        check_tables(self.name, self.columns, {EVENT_TABLE: schema})

        def label(rows: pl.DataFrame) -> pl.DataFrame:
            given = pl.Series("event_label", self.label_rows(rows).codes)
            return rows.select(EVENT_INDEX).with_columns(given.set(given < 0, None))

        return table.select(self.columns[EVENT_TABLE]).map_batches(
            label,
            schema={EVENT_INDEX: schema[EVENT_INDEX], "event_label": pl.Int64()},
            predicate_pushdown=False,
            projection_pushdown=False,
            slice_pushdown=False,
        )


class EventLabels(EventScheme):
    """Base of schemes made of rules over the event table; a subclass gives `classes` and `rules`."""

    @abstractmethod
    def rules(self) -> Sequence[Rule]:
        """Rules in order; the first that holds gives the class."""

    @cached_property
    def rule_list(self) -> RuleList:
        """The rules, checked."""
        return RuleList.of(self.name, self.classes, self.rules())

    @cached_property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """Columns that the scheme needs, by table, `event_index` first."""
        return {EVENT_TABLE: (EVENT_INDEX, *sorted(self.rule_list.root_names - {EVENT_INDEX}))}

    def check(self) -> None:
        """Raise LabelError where the scheme contradicts itself."""
        super().check()
        self.rule_list.check_flat("an event")

    def decide(self, events: pl.DataFrame) -> EventDecision:
        """Classes of events, -1 where no rule holds."""
        applied = self.rule_list.apply(events)
        return EventDecision(self.rule_list.codes[applied.number], applied.holds)
