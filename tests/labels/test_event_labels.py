import pickle
from collections.abc import Sequence

import polars as pl
import pytest

from numl_polars.errors import LabelError
from numl_polars.labels.event_labels import EventLabels, FlavorLabels
from numl_polars.labels.rules import Rule

EVENTS = pl.DataFrame(
    {
        "event_index": [4, 5, 6, 7, 8, 9, 10],
        "is_cc": [1, 1, 1, 0, 1, None, 0],
        "nu_pdg": [12, -14, 16, -14, 22, 12, None],
    },
    schema={"event_index": pl.Int64(), "is_cc": pl.Int32(), "nu_pdg": pl.Int32()},
)


class Unknown(EventLabels):
    classes = ("signal",)

    def rules(self) -> Sequence[Rule]:
        return [Rule("background")]


class AllSignal(EventLabels):
    classes = ("signal",)

    def rules(self) -> Sequence[Rule]:
        return [Rule("signal")]


@pytest.mark.parametrize("cc_dtype", [pl.Int32(), pl.Boolean(), pl.Float32()])
def test_flavor__neutral_current_first_then_flavour(cc_dtype: pl.DataType) -> None:
    labels = FlavorLabels().label(EVENTS.lazy().with_columns(pl.col("is_cc").cast(cc_dtype)))
    assert isinstance(labels, pl.LazyFrame)
    assert labels.collect_schema() == {"event_index": pl.Int64(), "event_label": pl.Int64()}
    collected = labels.collect()
    assert collected["event_index"].equals(EVENTS["event_index"])
    assert collected["event_label"].to_list() == [0, 1, 2, 3, None, None, 3]


def test_flavor__needs_neutrino_columns() -> None:
    assert FlavorLabels().columns == ("event_index", "is_cc", "nu_pdg")
    with pytest.raises(
        LabelError, match="event table has no column 'is_cc', 'nu_pdg', which FlavorLabels needs"
    ):
        FlavorLabels().label(EVENTS.select("event_index"))


def test_flavor__is_a_value() -> None:
    assert pickle.loads(pickle.dumps(FlavorLabels())) == FlavorLabels()
    assert hash(FlavorLabels()) == hash(FlavorLabels())
    assert FlavorLabels().describe() == {
        "scheme": "FlavorLabels", "classes": ["cc_nue", "cc_numu", "cc_nutau", "nc"], "parameters": {}
    }  # fmt: skip


def test_event_labels__rule_without_condition_holds_for_all() -> None:
    assert AllSignal().label(EVENTS).collect()["event_label"].to_list() == [0] * EVENTS.height
    assert AllSignal().label(EVENTS.clear()).collect().height == 0


def test_event_labels__unknown_class_is_an_error() -> None:
    with pytest.raises(LabelError, match="Unknown: rule 0 gives class 'background'"):
        Unknown().label(EVENTS)
