"""How often rules are used, and which never are."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import numl_polars as nl
from numl_polars.labels import deposited_energy, event, is_electron, is_muon, is_proton
from numl_polars.labels.forest import Forest
from numl_polars.labels.particle_labels import ParticleLabels
from numl_polars.labels.rule_usage import RuleUsage, rule_usage
from numl_polars.labels.rules import Rule
from tests.builder import simple_event, write_events
from tests.labels.particles import particles, scheme_of
from tests.labels.test_explain import Given

LEPTONS = scheme_of(
    Rule("muon", when=is_muon, about="a muon"),
    Rule("electron", when=is_electron),
    Rule("lepton", when=is_muon | is_electron, about="any lepton"),
    Rule("proton", when=is_proton),
)
MUONS = particles((0, 1, 0, 13), (0, 2, 0, -13))
ELECTRON = particles((0, 1, 0, 11))
TAU = particles((0, 1, 0, 15))


def used(scheme: ParticleLabels, *batches: pl.DataFrame) -> RuleUsage:
    holds = [scheme.decide(Forest.of(batch)).holds for batch in batches]
    return RuleUsage(scheme.rule_list, sum(holds, np.zeros_like(holds[0])))


def test_rule_usage__one_row_a_rule() -> None:
    table = rule_usage(LEPTONS, pl.concat([MUONS, ELECTRON.with_columns(g4_id=pl.lit(3, pl.Int32))]))
    assert table.rows() == [
        (0, "muon", "a muon", 2, None, None),
        (1, "electron", "", 1, None, None),
        (2, "lepton", "any lepton", 0, 3, 0),
        (3, "proton", "", 0, 0, None),
    ]
    assert table.schema == pl.Schema(
        {
            "rule": pl.Int64(),
            "label": pl.String(),
            "about": pl.String(),
            "decides": pl.Int64(),
            "holds": pl.Int64(),
            "shadowed_by": pl.Int64(),
        }
    )


def test_rule_usage__reads_other_tables() -> None:
    scheme = scheme_of(Rule("seen", when=(deposited_energy > 1) & event("is_cc")), Rule("other"))
    table = rule_usage(
        scheme,
        MUONS.lazy(),
        events=pl.DataFrame({"event_index": [0], "is_cc": [True]}),
        deposits=pl.DataFrame({"event_index": [0], "g4_id": [2], "energy": [3.0]}),
    )
    assert table["decides"].to_list() == [1, 1]


def test_rule_usage__of_a_range_of_events(tmp_path: Path) -> None:
    events = nl.open(write_events(tmp_path / "e.h5", [simple_event()] * 3))
    assert rule_usage(LEPTONS, events[1:])["decides"].to_list() == [2, 0, 0, 0]


def test_rule_usage__scheme_without_rules() -> None:
    with pytest.raises(nl.LabelError, match="Given has no rules whose use could be counted"):
        rule_usage(Given(), MUONS)


def test_rule_usage__no_rules_and_no_particles() -> None:
    assert rule_usage(scheme_of(names=("a",)), MUONS).height == 0
    assert used(scheme_of(names=("a",)), MUONS).remarks() == []
    assert rule_usage(LEPTONS, MUONS.clear())["decides"].to_list() == [0, 0, 0, 0]


def test_remarks__shadowed_rule_and_what_shadows_it() -> None:
    assert used(LEPTONS, MUONS).remarks()[:1] == [
        "rule 2 (lepton) of Literal never applies: wherever it holds (2 particles), rule 0 (muon) does too"
    ]
    assert used(LEPTONS, ELECTRON, *[MUONS] * 700).remarks()[:1] == [
        "rule 2 (lepton) of Literal never applies: wherever it holds (1,401 particles), an earlier rule does "
        "too, most often rule 0 (muon)"
    ]
    assert "(1 particle), rule 1 (electron)" in used(LEPTONS, ELECTRON).remarks()[0]


def test_remarks__rule_that_decides_in_another_batch_is_not_shadowed() -> None:
    scheme = scheme_of(Rule("muon", when=pl.col("type") == 13), Rule("any", when=is_muon))
    muon, antimuon = MUONS.head(1), MUONS.tail(1)
    assert used(scheme, muon).remarks() != []
    for batches in ([muon, antimuon], [antimuon, muon]):
        usage = used(scheme, *batches)
        assert usage.remarks() == []
        assert usage.table().row(1)[3:] == (1, None, None)


def test_remarks__rule_that_takes_what_is_left_may_be_shadowed() -> None:
    assert used(scheme_of(Rule("muon", when=is_muon), Rule("rest")), MUONS).remarks() == []


def test_remarks__rules_that_hold_for_none() -> None:
    unused = "rules of Literal that hold for none of the particles: 1 (electron), 3 (proton)"
    assert used(LEPTONS, MUONS).remarks()[1:] == [unused]


def test_remarks__unused_rule_is_not_shadowed() -> None:
    usage = used(LEPTONS, TAU)
    assert usage.remarks() == []
    assert usage.table()["decides"].to_list() == [0, 0, 0, 0]
    assert usage.table()["holds"].to_list() == [0, 0, 0, 0]


def test_remarks__a_rule_is_counted_by_itself_whatever_spreads() -> None:
    scheme = scheme_of(Rule("muon", when=is_muon, spreads=True), Rule("electron", when=is_electron))
    table = particles((0, 1, 0, 13), (0, 2, 1, 11))
    assert scheme.explain(table)["rule"].to_list() == [0, 0]
    assert rule_usage(scheme, table)["decides"].to_list() == [1, 1]
