"""Labels of events: what schemes that give them have in common, and ordered rules over the event table."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
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
    def decide(self, events: pl.DataFrame) -> Int64s:
        """Class of each event, int64 (events,), position in `classes`, -1 for none."""

    def label_rows(self, events: pl.DataFrame) -> tuple[Int64s, Bools]:
        """Class of each event, int64 (events,), -1 for none, and whether only the policy could give it one.

        Raises
        ------
        LabelError
            An event has no label, and the scheme says to stop.
        """
        codes = self.decide(events)
        missing = codes < 0
        if self.unlabelled == STOP and missing.any():
            row = events.row(int(missing.argmax()), named=True)
            event = ", ".join(f"{name} {value}" for name, value in row.items())
            raise LabelError(f"{self.name} stops at an event for which no rule holds: {event}")
        code = self.policy_code("unlabelled")
        return (codes if code is None else np.where(missing, code, codes)), missing

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
            codes, _ = self.label_rows(rows)
            given = pl.Series("event_label", codes)
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

    def decide(self, events: pl.DataFrame) -> Int64s:
        """Class of each event, int64 (events,), position in `classes`, -1 where no rule holds."""
        codes: Int64s = self.rule_list.codes[self.rule_list.apply(events).number]
        return codes
