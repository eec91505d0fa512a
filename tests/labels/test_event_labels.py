import pickle
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.errors import LabelError
from numl_polars.labels.event_labels import EventLabels
from numl_polars.labels.expressions import flavor, nu_pdg, parent
from numl_polars.labels.rules import Rule
from numl_polars.labels.schemes.events import FlavorLabels, ProtonDecayLabels

EVENTS = pl.DataFrame(
    {
        "event_index": [4, 5, 6, 7, 8, 9, 10],
        "is_cc": [1, 1, 1, 0, 1, None, 0],
        "nu_pdg": [12, -14, 16, -14, 22, 12, None],
    },
    schema={"event_index": pl.Int64(), "is_cc": pl.Int32(), "nu_pdg": pl.Int32()},
)


class Energetic(EventLabels):
    """What a user writes."""

    threshold: float = 1.0

    classes = ("low", "high", "numu")

    def rules(self) -> Sequence[Rule]:
        return [
            Rule("numu", when=flavor == 14),
            Rule("high", when=pl.col("nu_energy") >= self.threshold),
            Rule("low", when=pl.col("nu_energy") < self.threshold),
        ]


def labels_of(scheme: EventLabels, events: pl.DataFrame) -> list[str | None]:
    codes = scheme.label(events).collect()["event_label"].to_list()
    return [None if code is None else scheme.classes[code] for code in codes]


def event_scheme(*rules: Rule, classes: tuple[str, ...] = ("a", "b")) -> EventLabels:
    scheme: EventLabels = type("Literal", (EventLabels,), {"classes": classes, "rules": lambda self: rules})()
    return scheme


@pytest.mark.parametrize("cc_dtype", [pl.Int32(), pl.Boolean(), pl.Float32()])
def test_flavor__neutral_current_first_then_flavour(cc_dtype: pl.DataType) -> None:
    labels = FlavorLabels().label(EVENTS.lazy().with_columns(pl.col("is_cc").cast(cc_dtype)))
    assert isinstance(labels, pl.LazyFrame)
    assert labels.collect_schema() == {"event_index": pl.Int64(), "event_label": pl.Int64()}
    collected = labels.collect()
    assert collected["event_index"].equals(EVENTS["event_index"])
    assert collected["event_label"].to_list() == [0, 1, 2, 3, None, None, 3]


@given(
    rows=st.lists(
        st.tuples(st.sampled_from([0, 1, None]), st.one_of(st.integers(-18, 18), st.none())), max_size=12
    )
)
@settings(deadline=None, max_examples=40)
def test_event_labels__are_those_of_the_specification(rows: list[tuple[int | None, int | None]]) -> None:
    events = pl.DataFrame(rows, schema={"is_cc": pl.Int32(), "nu_pdg": pl.Int32()}, orient="row")
    events = events.with_row_index("event_index")
    of_flavor = {12: "cc_nue", 14: "cc_numu", 16: "cc_nutau"}
    wanted = [
        "nc" if is_cc == 0 else of_flavor.get(abs(code)) if is_cc and code is not None else None
        for is_cc, code in rows
    ]
    assert labels_of(FlavorLabels(), events) == wanted
    wanted = ["nu" if code is not None and 12 <= abs(code) <= 16 else "pdk" for _, code in rows]
    assert labels_of(ProtonDecayLabels(), events) == wanted


@pytest.mark.parametrize(
    "code, wanted",
    [
        *((12, "nu"), (-12, "nu"), (16, "nu"), (-16, "nu"), (13, "nu")),
        *((11, "pdk"), (-17, "pdk"), (0, "pdk"), (2212, "pdk")),
    ],
)  # fmt: skip
def test_proton_decay__where_no_neutrino_comes_in(code: int, wanted: str) -> None:
    assert labels_of(ProtonDecayLabels(), pl.DataFrame({"event_index": [3], "nu_pdg": [code]})) == [wanted]


def test_proton_decay__reads_one_column() -> None:
    assert ProtonDecayLabels().columns == {"event_table": ("event_index", "nu_pdg")}
    assert FlavorLabels().columns == {"event_table": ("event_index", "is_cc", "nu_pdg")}


def test_flavor__needs_neutrino_columns() -> None:
    with pytest.raises(
        LabelError, match="event_table has no column 'is_cc', 'nu_pdg', which FlavorLabels needs"
    ):
        FlavorLabels().label(EVENTS.select("event_index"))


def test_event_labels__are_values_with_parameters() -> None:
    for scheme in (FlavorLabels(), ProtonDecayLabels(unlabelled="nu"), Energetic(threshold=2.0)):
        assert scheme.columns["event_table"]
        assert pickle.loads(pickle.dumps(scheme)) == scheme
        assert hash(pickle.loads(pickle.dumps(scheme))) == hash(scheme)
    assert FlavorLabels() != FlavorLabels(unlabelled="stop")
    assert FlavorLabels().describe() == {
        "scheme": "FlavorLabels",
        "module": "numl_polars.labels.schemes.events",
        "classes": ["cc_nue", "cc_numu", "cc_nutau", "nc"],
        "parameters": {"unlabelled": "reject"},
    }
    assert all(rule.about for scheme in (FlavorLabels(), ProtonDecayLabels()) for rule in scheme.rules())


def test_event_labels__a_scheme_of_ones_own() -> None:
    events = EVENTS.with_columns(nu_energy=pl.Series([0.5, 2.0, 1.0, 0.1, None, float("nan"), -1.0]))
    assert labels_of(Energetic(), events) == ["low", "numu", "high", "numu", None, "high", "low"]
    assert labels_of(Energetic(threshold=0.1), events)[:3] == ["high", "numu", "high"]


def test_event_labels__rule_without_condition_holds_for_all() -> None:
    scheme = event_scheme(Rule("b"))
    assert labels_of(scheme, EVENTS) == ["b"] * EVENTS.height
    assert scheme.columns == {"event_table": ("event_index",)}


@pytest.mark.parametrize("scheme", [FlavorLabels(), ProtonDecayLabels(), event_scheme(Rule("a"))])
def test_event_labels__of_no_events(scheme: EventLabels) -> None:
    labels = scheme.label(EVENTS.clear()).collect()
    assert labels.schema == {"event_index": pl.Int64(), "event_label": pl.Int64()}
    assert labels.height == 0


@pytest.mark.parametrize("policy, wanted", [("reject", [None, None]), ("nc", ["nc", "nc"])])
def test_event_labels__without_rule_follow_the_policy(policy: str, wanted: list[str | None]) -> None:
    labels = labels_of(FlavorLabels(unlabelled=policy), EVENTS)
    assert labels[4:6] == wanted
    assert labels[:4] == ["cc_nue", "cc_numu", "cc_nutau", "nc"]


def test_event_labels__stop_at_the_first_event_without_label() -> None:
    labels = FlavorLabels(unlabelled="stop").label(EVENTS)
    with pytest.raises(
        LabelError, match=r"FlavorLabels stops at an event .* event_index 8, is_cc 1, nu_pdg 22"
    ):
        labels.collect()
    assert FlavorLabels(unlabelled="stop").label(EVENTS[:4]).collect().height == 4


def test_event_labels__policy_that_is_no_class_is_an_error() -> None:
    with pytest.raises(
        LabelError, match="FlavorLabels: unlabelled is 'nue'; it may be 'reject', 'stop' or a cl"
    ):
        FlavorLabels(unlabelled="nue").label(EVENTS)


@pytest.mark.parametrize(
    "rule, message",
    [
        (Rule("background"), r"Literal: rule 0 gives class 'background', which is .* classes \(a, b\)"),
        (Rule("a", spreads=True), r"rule 0 \(a\): an event has neither descendants nor instances"),
        (Rule("a", instance="self"), r"rule 0 \(a\): an event has neither descendants nor instances"),
        (Rule("a", instance_spreads=True), r"rule 0 \(a\): an event has neither descendants nor instances"),
        (Rule("a", when=parent(nu_pdg) == 12), "event_table has no column 'tree.parent', which Lit"),
    ],
)  # fmt: skip
def test_event_labels__wrong_rule_is_an_error_at_once(rule: Any, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        event_scheme(rule).label(EVENTS)


def test_event_labels__condition_that_cannot_be_evaluated_is_named_with_its_rule() -> None:
    scheme = event_scheme(Rule("a", when=nu_pdg == 1), Rule("b", when=nu_pdg.str.contains("x")))
    with pytest.raises(LabelError, match=r"Literal: rule 1 \(b\) cannot be evaluated: expected String type"):
        scheme.label(EVENTS).collect()


def test_event_labels__read_nothing_until_they_are_collected() -> None:
    read: list[int] = []

    def reading(rows: pl.DataFrame) -> pl.DataFrame:
        read.append(rows.height)
        return rows

    labels = FlavorLabels().label(EVENTS.lazy().map_batches(reading, schema=EVENTS.schema))
    assert read == []
    assert labels.filter(pl.col("event_label") == 3).collect()["event_index"].to_list() == [7, 10]
    assert read == [7]
