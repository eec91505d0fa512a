import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl
import pytest

from numl_polars.errors import LabelError
from numl_polars.labels.context import parent_type, semantic_class
from numl_polars.labels.pdg import is_baryon, is_electron, is_muon, is_photon
from numl_polars.labels.rules import FAULTS, InstanceRule, ParticleLabels, Rule
from tests.labels.particles import chain, particles


@dataclass(frozen=True, kw_only=True)
class TrackShower(ParticleLabels):
    threshold: float = 0.1
    classes = ("track", "shower")

    def rules(self) -> Sequence[Rule]:
        return [
            Rule("shower", when=is_electron & (pl.col("momentum") > self.threshold), spreads=True),
            Rule("track", when=is_muon | is_baryon),
        ]


class OneObject(ParticleLabels):
    classes = ("all",)

    def rules(self) -> Sequence[Rule]:
        return [Rule("all", when=~is_photon)]

    def instance_rules(self) -> Sequence[InstanceRule]:
        return [
            InstanceRule("self", when=is_muon, spreads=True),
            InstanceRule("parent", when=parent_type == 2212),
            InstanceRule("self", when=semantic_class == "all"),
        ]


class Everything(ParticleLabels):
    classes = ("all",)

    def rules(self) -> Sequence[Rule]:
        return [Rule("all")]


class Misspelt(ParticleLabels):
    classes = ("track", "shower")

    def rules(self) -> Sequence[Rule]:
        return [Rule("track", when=is_muon), Rule("shwer")]


class Doubled(ParticleLabels):
    classes = ("track", "track")

    def rules(self) -> Sequence[Rule]:
        return [Rule("track")]


class ManyRules(ParticleLabels):
    classes = ("some", "last")

    def rules(self) -> Sequence[Rule]:
        return [*(Rule("some", when=pl.col("type") == code) for code in range(300)), Rule("last")]


def test_rules__first_that_holds_gives_the_class() -> None:
    table = particles((0, 1, 0, 5), (0, 2, 0, 299), (0, 3, 0, 2212))
    assert ManyRules().apply(table)["semantic_label"].to_list() == [0, 0, 1]


def test_rules__null_condition_is_false() -> None:
    table = particles((0, 1, 0, 11, "none", "none", None), (0, 2, 0, None), (0, 3, 0, 13))
    assert TrackShower().apply(table)["semantic_label"].to_list() == [None, None, 0]


def test_rules__that_mention_no_column_hold_for_all() -> None:
    assert Everything().apply(particles((0, 1, 0), (0, 2, 1)))["semantic_label"].to_list() == [0, 0]
    assert Everything().columns == ("event_index", "g4_id", "parent_id")


def test_apply__class_spreads_over_the_rules_of_descendants() -> None:
    table = particles((0, 1, 0, 11, "", "", 1.0), (0, 2, 1, 13), (0, 3, 2, 22), (0, 4, 0, 13))
    assert TrackShower().apply(table)["semantic_label"].to_list() == [1, 1, 1, 0]


def test_apply__without_instance_rules_there_are_no_instances() -> None:
    labels = TrackShower().apply(particles((0, 1, 0), (0, 2, 9)))
    assert labels["instance_label"].to_list() == [-1, None]


def test_apply__instance_spreads_past_a_particle_without_class() -> None:
    table = particles((0, 1, 0, 13), (0, 2, 1, 22), (0, 3, 2, 11), (0, 4, 0, 11))
    labels = OneObject().apply(table)
    assert labels["instance_label"].to_list() == [0, None, 0, 1]
    assert labels["fault"].to_list() == [None, "unlabelled", None, None]


def test_apply__instance_of_the_parent_is_shared_with_the_parent() -> None:
    table = particles((0, 1, 0, 11), (0, 2, 0, 2212), (0, 3, 2, 11), (0, 4, 2, 11))
    assert OneObject().apply(table)["instance_label"].to_list() == [0, 1, 1, 1]


def test_apply__says_why_a_particle_has_no_label() -> None:
    table = particles(
        (0, 1, 0, 13), (0, 2, 1, 22), (0, 3, 2, 13), (0, 4, 9, 13), (0, 5, 4, 13),
        (1, 1, 0, 13), (1, 1, 0, 13), (1, 2, 1, 13),
        (2, 1, 2, 13), (2, 2, 1, 13), (2, 3, 2, 13), (2, 4, 4, 13), (2, 5, 0, 13),
    )  # fmt: skip
    labels = TrackShower().apply(table)
    assert labels["fault"].dtype == pl.Enum(["orphan", "circle", "unlabelled", "repeated_g4_id"])
    assert labels["fault"].to_list() == [
        *(None, "unlabelled", None, "orphan", "orphan"),
        *["repeated_g4_id"] * 3,
        *["circle"] * 4,
        None,
    ]
    assert labels["semantic_label"].to_list() == [0, None, 0] + [None] * 9 + [0]
    assert labels["instance_label"].to_list() == [-1, None, -1] + [None] * 9 + [-1]


def test_label__is_lazy_and_row_for_row() -> None:
    table = particles((5, 2, 1, 13), (3, 7, 0, 11, "", "", 1.0), (5, 1, 0, 13), (3, 8, 7, 13))
    for given in (table, table.lazy()):
        labels = TrackShower().label(given)
        assert isinstance(labels, pl.LazyFrame)
        collected = labels.collect()
        assert collected.schema == labels.collect_schema()
        assert collected.select("event_index", "g4_id").equals(table.select("event_index", "g4_id"))
        assert collected["semantic_label"].to_list() == [0, 1, 0, 1]
        assert labels.tail(1).collect().row(0) == (3, 8, 1, -1)
        assert labels.filter(pl.col("g4_id") == 8).select("semantic_label").collect().item() == 1


def test_label__reads_only_the_columns_that_rules_need() -> None:
    table = particles((0, 1, 0, 13))
    assert TrackShower().columns == ("event_index", "g4_id", "parent_id", "momentum", "type")
    assert OneObject().columns == ("event_index", "g4_id", "parent_id", "type")
    assert OneObject().label(table.select(OneObject().columns)).collect().height == 1


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_label__repeated_id_is_an_error_naming_it(engine: Literal["in-memory", "streaming"]) -> None:
    table = particles((4, 1, 0), (4, 6, 1), (4, 6, 1), (9, 2, 0), (9, 2, 0), (9, 2, 0))
    with pytest.raises(LabelError, match=r"2 events have .* event_index 4 has g4_id 6 on 2 particles"):
        TrackShower().label(table).collect(engine=engine)


@pytest.mark.parametrize("method", ["label", "apply"])
def test_missing_column__is_named_with_those_there_are(method: str) -> None:
    table = particles((0, 1, 0)).select("event_index", "g4_id", "parent_id", "type")
    with pytest.raises(
        LabelError,
        match=r"particle table has no column 'momentum', which TrackShower needs \(has 'event_index'",
    ):
        getattr(TrackShower(), method)(table)


@pytest.mark.parametrize("method", ["label", "apply"])
def test_unknown_class__is_an_error_naming_the_rule(method: str) -> None:
    with pytest.raises(LabelError, match=r"Misspelt: rule 1 gives class 'shwer', .* \(track, shower\)"):
        getattr(Misspelt(), method)(particles((0, 1, 0)))


def test_repeated_class__is_an_error() -> None:
    with pytest.raises(LabelError, match="Doubled names a class twice: track, track"):
        Doubled().apply(particles((0, 1, 0)))


def test_empty_table__gives_empty_labels() -> None:
    empty = particles((0, 1, 0)).clear()
    assert TrackShower().apply(empty).schema == {
        "semantic_label": pl.Int64(), "instance_label": pl.Int64(), "fault": pl.Enum(FAULTS)
    }  # fmt: skip
    assert OneObject().apply(empty).height == 0
    assert OneObject().label(empty.lazy()).collect().height == 0


def test_scheme__is_a_value() -> None:
    scheme = TrackShower(threshold=0.5)
    assert scheme == TrackShower(threshold=0.5) != TrackShower()
    assert len({scheme, TrackShower(threshold=0.5)}) == 1
    assert pickle.loads(pickle.dumps(scheme)) == scheme
    assert repr(scheme) == "TrackShower(threshold=0.5)"
    assert OneObject() == OneObject()
    assert scheme.describe() == {
        "scheme": "TrackShower", "classes": ["track", "shower"], "parameters": {"threshold": 0.5}
    }  # fmt: skip
    assert scheme.trained_classes == ("track", "shower")


def test_apply__chain_of_ten_thousand_takes_the_class_from_its_top() -> None:
    table = chain(10_000).with_columns(
        type=pl.when(pl.col("g4_id") == 1).then(11).otherwise(13), momentum=1.0
    )
    for given in (table, table.reverse()):
        assert TrackShower().apply(given)["semantic_label"].unique().to_list() == [1]


def test_apply__event_of_two_hundred_thousand_particles() -> None:
    table = chain(200_000).with_columns(parent_id=pl.col("g4_id") // 2)
    assert OneObject().apply(table)["fault"].null_count() == 200_000
    labels = OneObject().apply(table.sample(fraction=1, shuffle=True, seed=7))
    assert labels["fault"].null_count() == 200_000
