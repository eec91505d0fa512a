"""Why each particle has its label, as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given

import numl_polars as nl
from numl_polars.labels import depth, event, has_deposits, is_muon
from numl_polars.labels.forest import Forest
from numl_polars.labels.particle_scheme import Decision, ParticleScheme
from tests.builder import particles as file_particles
from tests.builder import simple_event, write_events
from tests.labels.particles import chain, forests, particles, scheme_of

TABLE = particles(
    (7, 1, 0, 13, "primary", "Decay", 0.8),
    (7, 4, 1, 11, "Decay", "eIoni", 0.03),
    (7, 5, 4, 22, "eBrem", "phot", 0.01),
    (7, 9, 1, 11, "muIoni", "eIoni", 0.01),
    (7, 12, 0, 22, "primary", "nCapture", 0.01),
    (7, 30, 99, 11, "primary", "eIoni", 0.01),
    (7, 40, 41, 13, "primary", "Decay", 0.01),
    (7, 41, 40, 13, "primary", "Decay", 0.01),
)


def explained(scheme: ParticleScheme, table: pl.DataFrame, *columns: str, **tables: Any) -> list[Any]:
    rows = scheme.explain(table, **tables).select(columns).rows()
    return [row[0] for row in rows] if len(columns) == 1 else rows


def test_explain__class_object_rule_and_where_it_came_from() -> None:
    rules = nl.StandardLabels().rule_list.rules
    michel = "electron of a muon, started by muMinusCaptureAtRest, muPlusCaptureAtRest or Decay"
    found = explained(nl.StandardLabels(), TABLE, "label", "instance", "rule", "from_g4_id", "fault")
    assert [(*row[:2], row[2] if row[2] is None else rules[row[2]].about, *row[3:]) for row in found] == [
        ("muon", 0, "muon", None, None),
        ("michel", 1, michel, None, None),
        ("michel", 1, michel, 4, None),
        ("muon", 0, "electron started by muIoni", None, None),
        (None, None, None, None, "unlabelled"),
        (None, None, None, None, "orphan"),
        (None, None, None, None, "circle"),
        (None, None, None, None, "circle"),
    ]


def test_explain__columns_and_dtypes() -> None:
    scheme = nl.StandardLabels()
    assert scheme.explain(TABLE).schema == pl.Schema(
        {
            "event_index": pl.Int64(),
            "g4_id": pl.Int32(),
            "parent_id": pl.Int32(),
            "name": pl.String(),
            "type": pl.Int32(),
            "momentum": pl.Float32(),
            "start_process": pl.String(),
            "end_process": pl.String(),
            "label": pl.Enum(scheme.classes),
            "instance": pl.Int64(),
            "rule": pl.Int64(),
            "about": pl.String(),
            "from_g4_id": pl.Int32(),
            "fault": pl.Enum(["orphan", "circle", "unlabelled", "repeated_g4_id"]),
        }
    )
    assert scheme.explain(TABLE.clear()).schema == scheme.explain(TABLE).schema


def test_explain__about_is_that_of_the_rule_and_null_without_words() -> None:
    scheme = scheme_of(nl.Rule("a", when=is_muon, about="a muon"), nl.Rule("b"))
    assert explained(scheme, TABLE.head(2), "rule", "about") == [(0, "a muon"), (1, None)]


def test_explain__rows_stay_in_order() -> None:
    table = pl.concat([TABLE, TABLE.with_columns(event_index=pl.lit(3, pl.Int64))]).sample(
        fraction=1, shuffle=True, seed=4
    )
    given = nl.StandardLabels().explain(table)
    assert given.select("event_index", "g4_id").equals(table.select("event_index", "g4_id"))
    in_order = nl.StandardLabels().explain(table.sort("event_index", "g4_id"))
    assert given.sort("event_index", "g4_id").equals(in_order)


def test_explain__names_of_particles() -> None:
    codes = [11, -11, 13, 2212, 22, 1000180400, 99999999, 0, None, 13]
    table = particles(*((0, row + 1, 0, code) for row, code in enumerate(codes)))
    names = ["e-", "e+", "mu-", "p", "gamma", "Ar40", "99999999", "0", None, "mu-"]
    assert explained(scheme_of(nl.Rule("a")), table, "name") == names


def test_explain__shows_only_the_columns_that_are_there() -> None:
    scheme = scheme_of(nl.Rule("deep", when=depth > 0), names=("deep",))
    table = TABLE.select("event_index", "g4_id", "parent_id", "momentum")
    columns = scheme.explain(table).columns
    assert columns[:5] == ["event_index", "g4_id", "parent_id", "momentum", "label"]


@pytest.mark.parametrize("policy", ["reject", "stop"])
def test_explain__a_policy_does_not_stop_it(policy: str) -> None:
    scheme = nl.StandardLabels(unlabelled=policy, orphans=policy)
    assert explained(scheme, TABLE, "fault")[4:] == ["unlabelled", "orphan", "circle", "circle"]


def test_explain__class_by_policy_has_fault_but_no_rule() -> None:
    scheme = nl.StandardLabels(unlabelled="diffuse", orphans="invisible")
    found = explained(scheme, TABLE[4:], "label", "instance", "rule", "from_g4_id", "fault")
    assert found == [
        ("diffuse", None, None, None, "unlabelled"),
        ("invisible", None, None, None, "orphan"),
        ("invisible", None, None, None, "circle"),
        ("invisible", None, None, None, "circle"),
    ]


def test_explain__repeated_id_leaves_its_event_without_label() -> None:
    table = particles((0, 1, 0, 13), (0, 2, 1, 13), (0, 2, 1, 13), (1, 1, 0, 13))
    found = explained(nl.StandardLabels(), table, "label", "rule", "from_g4_id", "fault")
    assert found[:3] == [(None, None, None, "repeated_g4_id")] * 3
    assert found[3][0] == "muon"


class Given(ParticleScheme):
    """A scheme without rules: everything is of class b, and one object."""

    classes = ("a", "b")

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        return {"particle_table": ("event_index", "g4_id", "parent_id")}

    def decide(self, forest: Forest) -> Decision:
        ones = np.ones(forest.num_reached, np.int64)
        return Decision(ones, 0 * ones, -ones, np.arange(ones.size), np.zeros((0, 0), np.int64))


def test_explain__scheme_without_rules() -> None:
    found = explained(Given(), TABLE[:2], "label", "instance", "rule", "about", "from_g4_id", "fault")
    assert found == [("b", 0, None, None, None, None)] * 2


def test_explain__chain_of_10_000() -> None:
    scheme = scheme_of(nl.Rule("head", when=depth == 0, spreads=True, instance="self"))
    found = scheme.explain(chain(10_000))
    assert found["from_g4_id"].to_list() == [None, *[1] * 9_999]
    assert found["instance"].unique().to_list() == [0]


@given(forests(repeats=True))
def test_explain__agrees_with_apply_and_with_itself(table: pl.DataFrame) -> None:
    scheme = nl.StandardLabels()
    found = scheme.explain(table)
    labels = scheme.apply(table)
    classes = pl.Series([*scheme.classes, None], dtype=pl.Enum(scheme.classes))
    assert found["label"].equals(classes.gather(labels["semantic_label"].fill_null(-1)), null_equal=True)
    objects = labels["instance_label"].replace(-1, None)
    assert found["instance"].equals(objects, null_equal=True)
    assert found["fault"].equals(labels["fault"], null_equal=True)
    rows = {(row["event_index"], row["g4_id"]): row for row in found.iter_rows(named=True)}
    for row in found.filter(pl.col("rule").is_not_null()).iter_rows(named=True):
        rule = scheme.rule_list.rules[row["rule"]]
        assert row["label"] == rule.label
        if row["from_g4_id"] is not None:
            giver = rows[row["event_index"], row["from_g4_id"]]
            assert rule.spreads
            assert (giver["rule"], giver["from_g4_id"]) == (row["rule"], None)


# ---- events of a file, and what is read of them


@pytest.fixture
def events(tmp_path: Path) -> nl.EventFile:
    muons = [simple_event(), simple_event(), simple_event()]
    muons[1]["particle_table"] = file_particles(
        [(1, 0, 13, 0.5, "primary", "Decay"), (2, 1, 11, 0.03, "Decay", "eIoni")]
    )
    return nl.open(write_events(tmp_path / "e.h5", muons))


def test_explain__event_range_and_batch(events: nl.EventFile) -> None:
    scheme = nl.StandardLabels()
    assert explained(scheme, events[1], "event_index", "label") == [(1, "muon"), (1, "michel")]  # type: ignore[arg-type]
    of_range = scheme.explain(events[1:3])
    assert of_range["event_index"].to_list() == [1, 1, 2]
    (batch,) = events[1:3].batches()
    assert scheme.explain(batch).equals(of_range)
    assert scheme.explain(events.scan("particle_table")).equals(scheme.explain(events))


def test_explain__reads_what_rules_need_and_what_describes(
    events: nl.EventFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: dict[str, Sequence[str]] = {}
    of_file = nl.EventFile.read

    def watched(self: nl.EventFile, table: str, columns: Sequence[str], *rows: int) -> pl.DataFrame:
        read[table] = sorted(columns)
        return of_file(self, table, columns, *rows)

    monkeypatch.setattr(nl.EventFile, "read", watched)
    scheme = scheme_of(
        nl.Rule("seen", when=has_deposits & (event("nu_pdg") == 14)),
        nl.Rule("other"),
        names=("seen", "other"),
    )
    assert scheme.explain(events[1])["label"].to_list() == ["seen", "other"]
    ids = ["event_index", "g4_id", "parent_id"]
    assert read == {
        "particle_table": sorted([*ids, "type", "momentum", "start_process", "end_process"]),
        "edep_table": ["event_index", "g4_id"],
        "event_table": ["event_index", "nu_pdg"],
    }


def test_explain__frame_with_events_and_deposits() -> None:
    scheme = scheme_of(nl.Rule("seen", when=has_deposits & event("is_cc")), nl.Rule("other"))
    tables = {
        "events": pl.LazyFrame({"event_index": [7], "is_cc": [True]}),
        "deposits": pl.DataFrame({"event_index": [7], "g4_id": [4]}),
    }
    assert explained(scheme, TABLE.head(3), "label", **tables) == ["other", "seen", "other"]


def test_explain__other_tables_go_with_a_frame_only(events: nl.EventFile) -> None:
    with pytest.raises(
        nl.LabelError, match=r"events= and deposits= go with a frame of particles; Event\(1: "
    ):
        nl.StandardLabels().explain(events[1], deposits=pl.DataFrame())


def test_explain__what_is_no_event() -> None:
    with pytest.raises(nl.LabelError, match=r"12 is no event: give one \(events\[12\]\), a range of them"):
        nl.StandardLabels().explain(12)  # type: ignore[arg-type]


def test_explain__missing_column_of_a_frame() -> None:
    with pytest.raises(nl.LabelError, match="particle_table has no column 'momentum', which StandardLabels"):
        nl.StandardLabels().explain(TABLE.drop("momentum"))


def test_explain__missing_table_of_a_file(events: nl.EventFile, tmp_path: Path) -> None:
    one = simple_event()
    del one["edep_table"]
    scheme = scheme_of(nl.Rule("seen", when=has_deposits))
    with pytest.raises(nl.InputError, match="no table 'edep_table'"):
        scheme.explain(nl.open(write_events(tmp_path / "none.h5", [one]))[0])


def test_explain__scheme_that_contradicts_itself() -> None:
    with pytest.raises(nl.LabelError, match="unlabelled is 'junk'; it may be 'reject', 'stop' or a class"):
        nl.StandardLabels(unlabelled="junk").explain(TABLE)
