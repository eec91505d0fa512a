"""Labels of events, as ordered rules over the event table."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from numl_polars.labels.rules import Rule, Scheme, first_rule, root_names


class EventLabels(Scheme):
    """Base of schemes that label events; a subclass gives `classes` and `rules` over the event table."""

    table = "event"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns of the event table that the scheme needs, `event_index` first."""
        return "event_index", *sorted(root_names(self.rules()) - {"event_index"})

    def label(self, events: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
        """Labels of events, row for row.

        Parameters
        ----------
        events
            One row an event, with `columns`.

        Returns
        -------
        `event_index`, `event_label` (Int64, position in `classes`, null where no rule holds).

        Raises
        ------
        LabelError
            A column is missing, a rule names an unknown class.
        """
        table = events.lazy()
        self.check_columns(table.collect_schema().names())
        rules = self.rules()
        codes = dict(enumerate(self.class_codes(rules)))
        label = first_rule(rules).replace_strict(codes, default=None, return_dtype=pl.Int64)
        return table.with_columns(event_label=label).select("event_index", "event_label")


@dataclass(frozen=True, kw_only=True)
class FlavorLabels(EventLabels):
    """Charged-current interactions by neutrino flavour, and neutral-current ones."""

    classes = ("cc_nue", "cc_numu", "cc_nutau", "nc")

    def rules(self) -> Sequence[Rule]:
        """Whether the current is charged, then the flavour; the sign of `nu_pdg` does not matter."""
        is_cc = pl.col("is_cc").cast(pl.Boolean)
        flavor = pl.col("nu_pdg").abs()
        return (
            Rule("nc", when=~is_cc),
            Rule("cc_nue", when=is_cc & (flavor == 12)),
            Rule("cc_numu", when=is_cc & (flavor == 14)),
            Rule("cc_nutau", when=is_cc & (flavor == 16)),
        )
