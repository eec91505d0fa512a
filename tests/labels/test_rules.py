"""Lists of rules: which holds first, and what is said of rules that make no sense."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest

from numl_polars.errors import LabelError
from numl_polars.labels.expressions import (
    Relation,
    ancestor,
    has_ancestor,
    has_child,
    has_descendant,
    itself,
    momentum,
    parent,
    primary,
    start_process,
    sum_over_children,
)
from numl_polars.labels.particle_codes import is_electron, is_muon, is_photon
from numl_polars.labels.particle_labels import ParticleLabels
from numl_polars.labels.rules import Rule, RuleList
from tests.labels.particles import class_names, particles, scheme_of

# a rule that type checkers refuse
Wrong: Any = Rule
pdg = pl.col("type")
TABLE = particles((0, 1, 0, 13, "primary", "", 1.0), (0, 2, 1, 11, "", "", None), (0, 3, 2, 22, "", "", 2.0))


def rule_list(*rules: Rule, classes: Sequence[str] = ("track", "shower")) -> RuleList:
    return RuleList("Some", tuple(classes), rules)


def test_rules__first_that_holds_gives_the_class() -> None:
    applied = rule_list(
        Rule("shower", when=pdg > 12), Rule("track", when=pdg > 10), Rule("shower", when=pdg > 0)
    ).apply(pl.DataFrame({"type": [13, 11, 5, -1, None]}))
    assert applied.number.tolist() == [0, 1, 2, -1, -1]


def test_rules__codes_and_spreads_end_with_those_of_no_rule() -> None:
    rules = rule_list(
        Rule("shower", spreads=True),
        Rule("track"),
        Rule("shower", instance_spreads=True),
        Rule("track", spreads=True, instance_spreads=False),
    )
    assert rules.codes.tolist() == [1, 0, 1, 0, -1]
    assert rules.spreads.tolist() == [True, False, False, True, False]
    assert rules.instance_spreads.tolist() == [True, False, True, False, False]


def test_rules__null_condition_is_false() -> None:
    scheme = scheme_of(
        Rule("slow", when=~(momentum >= 0.5)), Rule("fast", when=momentum >= 0.5), Rule("neither")
    )
    table = particles(*((0, i, 0, 13, "", "", p) for i, p in enumerate([0.1, 0.9, None, np.nan], 1)))
    assert class_names(scheme, table) == ["slow", "fast", "neither", "neither"]


@pytest.mark.parametrize("nothing", [pl.lit(False), pl.lit(None, pl.Boolean)])
def test_rules__that_mention_no_column_hold_for_all_or_for_none(nothing: pl.Expr) -> None:
    scheme = scheme_of(Rule("never", when=nothing), Rule("all"))
    assert class_names(scheme, TABLE) == ["all"] * 3
    assert class_names(scheme_of(Rule("never", when=nothing)), TABLE) == [None] * 3
    assert scheme.columns == {"particle_table": ("event_index", "g4_id", "parent_id")}


def test_rules__over_the_whole_batch() -> None:
    assert class_names(scheme_of(Rule("some", when=momentum == momentum.max()), Rule("rest")), TABLE) == [
        "rest", "rest", "some"
    ]  # fmt: skip


def test_rules__none_at_all_label_nothing() -> None:
    assert class_names(scheme_of(names=["some"]), TABLE) == [None] * 3


@pytest.mark.parametrize("num_rules", [1, 300])
def test_rules__of_any_number(num_rules: int) -> None:
    table = particles(*((0, i, 0, code) for i, code in enumerate([5, 299, 2212], 1)))
    rules = [Rule("some", when=pdg == code) for code in range(num_rules)]
    labels = class_names(scheme_of(*rules, Rule("last")), table)
    assert labels == (["some", "some", "last"] if num_rules == 300 else ["last"] * 3)


def test_rules__may_be_a_generator() -> None:
    class Generated(ParticleLabels):
        classes = ("all",)

        def rules(self) -> Any:
            yield Rule("all")

    assert class_names(Generated(), TABLE) == ["all"] * 3


@pytest.mark.parametrize("given", ["start_process", "momentum"])
def test_rules__take_a_column_of_one_dtype_and_then_of_another(given: str) -> None:
    condition = parent(start_process) == "primary" if given == "start_process" else parent("momentum") == 1
    scheme = scheme_of(Rule("below", when=condition), Rule("others"))
    dtypes: dict[str, list[pl.DataType]] = {
        "start_process": [pl.String(), pl.Categorical(), pl.Enum(["", "primary"]), pl.String()],
        "momentum": [pl.Float32(), pl.Float64(), pl.Float32()],
    }
    for dtype in dtypes[given]:
        table = TABLE.with_columns(pl.col(given).cast(dtype))
        assert class_names(scheme, table) == ["others", "below", "others"]


def test_rules__condition_on_deposits_where_there_are_none() -> None:
    energy = pl.col("deposits.energy")
    scheme = scheme_of(Rule("more", when=energy > parent(energy)), Rule("less"))
    deposits = pl.DataFrame({"event_index": [0, 0], "g4_id": [1, 2], "energy": [1.0, 2.0]})
    for given, wanted in ((deposits, ["less", "more", "less"]), (deposits.clear(), ["less"] * 3)) * 2:
        assert class_names(scheme, TABLE, deposits=given) == wanted


def test_relations__are_named_once_each() -> None:
    muon = ancestor(is_muon)
    rules = rule_list(
        Rule("track", instance="self"),
        Rule("track", instance=itself),
        Rule("track", instance=muon),
        Rule("shower", instance=muon),
        Rule("shower"),
        Rule("shower", instance="primary"),
    )
    assert list(rules.relations.values()) == [itself, muon, primary]


def test_applied__counts_where_a_shadowed_rule_holds() -> None:
    rules = rule_list(
        Rule("track", when=pdg > 12), Rule("shower", when=pdg > 11), Rule("track", when=pdg == 22)
    )
    applied = rules.apply(pl.DataFrame({"type": [13, 22, 12, 11]}))
    assert applied.holds.diagonal().tolist() == [2, 1, 0]
    assert applied.holds[2].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    "rules, classes, message",
    [
        ([Wrong("track"), Wrong("shwer")], None, r"Some: rule 1 gives class 'shwer', .* \(track, shower\)"),
        ([Wrong("track")], (), "Some names no classes"),
        ([Wrong("b")], ("a", "b", "c", "b"), "Some names class 'b' twice: a, b, c, b"),
        ([Wrong("track"), ("track", True)], None, r"Some: rule 1 is \('track', True\), not a Rule"),
        (
            [Wrong("track", when=None)],
            None,
            r"Some: rule 0 \(track\): its condition is None, not an expression",
        ),
        (
            [Wrong("track", when=False)],
            None,
            r"rule 0 \(track\): its condition is False, so that it never holds",
        ),
        ([Wrong("track", when="type")], None, "its condition is 'type', not an expression .* use &, |, ~"),
        (
            [Wrong("track", instance="mother")],
            None,
            r"Some: rule 0 .*: its instance is 'mother'; it may be self, parent, primary, ancestor\(…\)",
        ),
        ([Wrong("track", instance=ancestor)], None, "its instance is <function ancestor .*; it may be self"),
        ([Wrong("track", instance=is_muon)], None, r"rule 0 \(track\): its instance is .*; it may be self"),
        ([Wrong(is_muon)], None, "Some: rule 0 gives class .*, which is not one of its classes"),
    ],
)
def test_rule_list__says_what_is_wrong(rules: Any, classes: Any, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        rule_list(*rules, classes=("track", "shower") if classes is None else classes)


def _fails(codes: pl.Series) -> pl.Series:
    raise ValueError(f"cannot make sense of {codes[0]}")


@pytest.mark.parametrize(
    "condition, message",
    [
        (pdg, "its condition gives Int32, not true or false"),
        (parent(pdg), "its condition gives Int32, not true or false"),
        (pl.lit(None), "its condition gives Null, not true or false"),
        (start_process > 3, "cannot be evaluated: cannot compare (string|categorical) with"),
        (start_process.is_in([1, 2]), "cannot be evaluated: .*is_in"),
        (
            sum_over_children("start_process") > 0,
            "cannot be evaluated: (conversion from `str`|cannot cast categorical)",
        ),
        (pdg.filter(pdg > 12) > 0, "cannot be evaluated: .*length"),
        (has_ancestor(pdg), r"cannot be evaluated: .*ancestor\(…\) gives Int32, not true or false"),
        (has_child(pdg), r"cannot be evaluated: .*has_child\(…\) gives Int32, not true or false"),
        (has_descendant(pdg), r"cannot be evaluated: .*has_descendant\(…\) gives Int32"),
        (pdg.map_batches(_fails, return_dtype=pl.Boolean), "cannot be evaluated: .*cannot make sense of 13"),
    ],
)
def test_rules__condition_that_cannot_be_evaluated_is_named_with_its_rule(
    condition: pl.Expr, message: str
) -> None:
    scheme = scheme_of(Rule("photon", when=is_photon), Rule("some", when=condition), Rule("rest"))
    with pytest.raises(LabelError, match=rf"Literal: rule 1 \(some\):? {message}"):
        scheme.apply(TABLE)


def test_rules__instance_that_cannot_be_evaluated_is_named_with_its_rule() -> None:
    wrong = ancestor(start_process > 3)
    scheme = scheme_of(Rule("photon", when=is_photon), Rule("electron", when=is_electron, instance=wrong))
    with pytest.raises(LabelError, match=r"Literal: rule 1 \(electron\) cannot be evaluated: cannot compare"):
        scheme.apply(TABLE)


def test_rules__unknown_column_is_named_before_anything_is_evaluated() -> None:
    scheme = scheme_of(Rule("some", when=parent("momentm") > 1))
    with pytest.raises(
        LabelError, match=r"particle_table has no column 'momentm', which Literal needs \(has"
    ):
        scheme.label(TABLE)


@pytest.mark.parametrize(
    "columns", [pl.col("type", "momentum"), pl.col("^t.*$"), pl.all().exclude("momentum"), cs.by_name("type")]
)
def test_rules__selection_of_columns_is_an_error(columns: pl.Expr) -> None:
    # which columns are read is known by their names
    scheme = scheme_of(Rule("photon", when=is_photon), Rule("some", when=pl.any_horizontal(columns > 12)))
    with pytest.raises(LabelError, match=r"Literal: rule 1 \(some\).*column"):
        scheme.apply(TABLE)


def test_rule__keeps_its_relation() -> None:
    near = ancestor(is_muon)
    assert [Rule("a", instance=name).relation for name in ("self", "parent", "primary")] == [
        itself, parent, primary
    ]  # fmt: skip
    assert Rule("a", instance=near).relation is near
    assert Rule("a").relation is None
    assert isinstance(near, Relation)
    assert [repr(relation) for relation in (itself, parent, primary, near)] == [
        "self", "parent", "primary", "ancestor"
    ]  # fmt: skip
