"""Labels of tables: any scheme against a plain walk, any order of rows, faults, policies, laziness, size."""

from functools import partial
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.errors import LabelError
from numl_polars.labels.expressions import (
    ancestor,
    deposited_energy,
    depth,
    event,
    has_ancestor,
    num_descendants,
    parent,
    primary,
    sum_over_descendants,
)
from numl_polars.labels.forest import Forest
from numl_polars.labels.particle_codes import is_electron, is_muon, is_photon
from numl_polars.labels.particle_labels import ParticleLabels
from numl_polars.labels.particle_scheme import FAULTS
from numl_polars.labels.rules import Rule
from numl_polars.labels.schemes.standard import StandardLabels
from tests.labels.particles import class_names, forests, particles, scheme_of
from tests.labels.walk_oracle import Tree, label_table, label_tree

few = settings(deadline=None, max_examples=60)
INSTANCES = ["self", "parent", "primary", "marked", None]
RULES = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.booleans(),
        st.sampled_from(INSTANCES),
        st.sampled_from([None, True, False]),
    ),
    min_size=1,
    max_size=4,
)
MARK = pl.col("marked")

TRACKS = scheme_of(
    Rule("shower", when=is_electron & (pl.col("momentum") > 0.1), spreads=True, instance="self"),
    Rule("track", when=is_muon | (pl.col("type") == 2212), instance="self"),
    names=["track", "shower"],
)


def label_by_hand(tree: Tree, rules: list[tuple[str, bool, str | None, bool | None]]) -> list[Any]:
    """Labels of an event by rules, of which rule i holds where column ``rule i`` is true."""

    def own(row: int) -> tuple[int | None, bool]:
        first = next((i for i in range(len(rules)) if tree.rows[row][f"rule {i}"]), None)
        return first, first is not None and rules[first][1]

    def object_of(row: int, said: int) -> tuple[Any, bool]:
        _, spreads, instance, instance_spreads = rules[said]
        above = tree.parent(row)
        found = {
            "self": row,
            "parent": "event" if above is None else above,
            "primary": tree.primary(row),
            "marked": next((a for a in tree.ancestors(row) if tree.rows[a]["marked"]), None),
            None: None,
        }[instance]
        return found, spreads if instance_spreads is None else instance_spreads

    return label_tree(tree, own, object_of, code=lambda said: "abc".index(rules[said][0]))


@given(table=forests(repeats=True), rules=RULES, data=st.data())
@few
def test_apply__any_rules_equal_a_recursive_walk(
    table: pl.DataFrame, rules: Any, data: st.DataObject
) -> None:
    flag = st.sampled_from([True, True, False, None])
    flags = st.lists(flag, min_size=table.height, max_size=table.height)
    for name in ["marked", *(f"rule {i}" for i in range(len(rules)))]:
        table = table.with_columns(pl.Series(name, data.draw(flags), pl.Boolean))
    # columns are named as the core names its own
    scheme = scheme_of(
        *(
            Rule(
                label,
                when=pl.col(f"rule {i}"),
                spreads=spreads,
                instance=ancestor(MARK) if instance == "marked" else instance,
                instance_spreads=instance_spreads,
            )
            for i, (label, spreads, instance, instance_spreads) in enumerate(rules)
        ),
        names="abc",
    )
    assert scheme.apply(table).rows() == label_table(table, partial(label_by_hand, rules=rules))


def test_apply__class_spreads_over_the_rules_of_descendants() -> None:
    table = particles((0, 1, 0, 11, "", "", 1.0), (0, 2, 1, 13), (0, 3, 2, 22), (0, 4, 0, 13))
    assert TRACKS.apply(table).rows() == [(1, 0, None), (1, 0, None), (1, 0, None), (0, 1, None)]


# a muon, its electron, the electron's photon, that photon's electron
LINE = particles((0, 1, 0, 13), (0, 2, 1, 11), (0, 3, 2, 22), (0, 4, 3, 11), (0, 9, 0, 22))


@pytest.mark.parametrize(
    "spreads, instance, instance_spreads, classes, objects",
    [
        (False, "self", None, "abcbc", [0, 1, -1, 2, -1]),
        (True, "self", None, "abbbc", [0, 1, 1, 1, -1]),
        (True, "self", False, "abbbc", [0, 1, 2, 3, -1]),
        (False, "self", True, "abcbc", [0, 1, 1, 1, -1]),
        (False, "parent", None, "abcbc", [0, 0, -1, 1, -1]),
        (True, "parent", None, "abbbc", [0, 0, 0, 0, -1]),
        (True, "parent", False, "abbbc", [0, 0, 1, 2, -1]),
        (False, "primary", None, "abcbc", [0, 0, -1, 0, -1]),
        (True, "primary", True, "abbbc", [0, 0, 0, 0, -1]),
        (True, None, None, "abbbc", [0, -1, -1, -1, -1]),
        (False, None, True, "abcbc", [0, -1, -1, -1, -1]),
        (False, ancestor(is_photon), None, "abcbc", [0, -1, -1, 1, -1]),
        (True, ancestor(is_electron), False, "abbbc", [0, -1, 1, 1, -1]),
        (True, ancestor(is_electron, or_self=True), False, "abbbc", [0, 1, 1, 2, -1]),
    ],
    ids=str,
)
def test_apply__class_and_object_spread_separately(
    spreads: bool, instance: Any, instance_spreads: bool | None, classes: str, objects: list[int]
) -> None:
    scheme = scheme_of(
        Rule("a", when=is_muon, instance="self"),
        Rule("b", when=is_electron, spreads=spreads, instance=instance, instance_spreads=instance_spreads),
        Rule("c"),
    )
    assert class_names(scheme, LINE) == list(classes)
    assert scheme.apply(LINE)["instance_label"].to_list() == objects


def test_apply__primaries_of_an_event_share_their_parent_and_events_share_nothing() -> None:
    scheme = scheme_of(Rule("all", instance="parent"))
    table = particles((0, 1, 0), (0, 2, 0), (0, 3, 1), (4, 1, 0), (4, 2, 0))
    assert scheme.apply(table)["instance_label"].to_list() == [0, 0, 1, 0, 0]


def test_apply__object_spreads_past_a_particle_without_class() -> None:
    scheme = scheme_of(
        Rule("track", when=is_muon, instance="self", instance_spreads=True), Rule("rest", when=~is_photon)
    )
    assert scheme.apply(LINE).rows() == [
        (0, 0, None), (1, 0, None), (None, None, "unlabelled"), (1, 0, None), (None, None, "unlabelled")
    ]  # fmt: skip


def test_apply__says_why_a_particle_has_no_label() -> None:
    table = particles(
        (0, 1, 0, 13), (0, 2, 1, 22), (0, 3, 2, 13), (0, 4, 9, 13), (0, 5, 4, 13),
        (1, 1, 0, 13), (1, 1, 0, 13), (1, 2, 1, 13), (1, 3, 99, 13), (1, 4, 4, 13), (1, 5, 0, 22),
        (2, 1, 2, 13), (2, 2, 1, 13), (2, 3, 2, 13), (2, 4, 4, 13), (2, 5, 0, 13),
    )  # fmt: skip
    labels = TRACKS.apply(table)
    assert labels["fault"].dtype == pl.Enum(["orphan", "circle", "unlabelled", "repeated_g4_id"])
    assert labels["fault"].to_list() == [
        *(None, "unlabelled", None, "orphan", "orphan"),
        *["repeated_g4_id"] * 6,
        *["circle"] * 4,
        None,
    ]
    assert labels["semantic_label"].to_list() == [0, None, 0] + [None] * 12 + [0]
    assert labels["instance_label"].to_list() == [0, None, 1] + [None] * 12 + [0]


FAULTY = particles(
    (0, 1, 0, 13), (0, 2, 1, 22), (0, 3, 2, 13), (0, 4, 9, 22), (0, 5, 4, 13), (0, 6, 6, 22),
    (1, 1, 0, 22), (1, 1, 0, 13),
)  # fmt: skip


@pytest.mark.parametrize(
    "policies, classes",
    [
        ({}, [0, None, 0, None, None, None, None, None]),
        ({"unlabelled": "shower"}, [0, 1, 0, None, None, None, None, None]),
        ({"orphans": "shower"}, [0, None, 0, 1, 1, 1, None, None]),
        ({"unlabelled": "track", "orphans": "shower"}, [0, 0, 0, 1, 1, 1, None, None]),
    ],
)
def test_policies__give_a_class_and_keep_the_fault(
    policies: dict[str, str], classes: list[int | None]
) -> None:
    scheme = scheme_of(Rule("track", when=is_muon, instance="self"), names=["track", "shower"], **policies)
    labels = scheme.apply(FAULTY)
    assert labels["semantic_label"].to_list() == classes
    assert labels["fault"].to_list() == [
        None, "unlabelled", None, "orphan", "orphan", "circle", "repeated_g4_id", "repeated_g4_id"
    ]  # fmt: skip
    # such a particle is part of no object, and its class does not spread
    wanted = [None if code is None else -1 for code in classes]
    wanted[0], wanted[2] = 0, 1
    assert labels["instance_label"].to_list() == wanted


@pytest.mark.parametrize(
    "policy, g4_id, why",
    [
        ("unlabelled", 2, "no rule holds for it"),
        ("orphans", 4, "its parent, or that of an ancestor, is not in the table"),
    ],
)
@pytest.mark.parametrize("method", ["label", "apply"])
def test_policies__stop_names_the_first_such_particle(method: str, policy: str, g4_id: int, why: str) -> None:
    scheme = scheme_of(Rule("track", when=is_muon), **{policy: "stop"})
    found = getattr(scheme, method)
    with pytest.raises(
        LabelError, match=f"Literal stops at a particle without label, {why}: event_index 0, g4_id {g4_id},"
    ):
        found(FAULTY.filter(event_index=0)).lazy().collect()


def test_policies__stop_at_a_circle() -> None:
    with pytest.raises(LabelError, match="its parents form a circle: event_index 0, g4_id 6, parent_id 6"):
        scheme_of(Rule("all"), orphans="stop").apply(FAULTY.filter(pl.col("g4_id") == 6))


def test_policies__stop_is_for_faults_of_its_own() -> None:
    stops = {"unlabelled": "stop", "orphans": "track"}
    labels = scheme_of(Rule("track"), **stops).apply(FAULTY)
    assert labels["semantic_label"].to_list() == [0] * 6 + [None] * 2


@pytest.mark.parametrize(
    "scheme",
    [
        TRACKS,
        StandardLabels(),
        scheme_of(Rule("all", instance="parent")),
        scheme_of(names=["a"]),
        scheme_of(
            Rule("a", when=parent(is_muon) | primary(is_muon) | has_ancestor(pl.lit(True)) | (depth > 1)),
            Rule("b", when=sum_over_descendants(deposited_energy) > num_descendants),
            Rule("c", when=event("nu_pdg") == 12, instance=ancestor(is_muon, or_self=True)),
        ),
    ],
)
def test_labels__of_no_particles(scheme: ParticleLabels) -> None:
    empty = LINE.clear()
    tables = {
        "events": pl.DataFrame({"event_index": [0], "nu_pdg": [12]}),
        "deposits": pl.DataFrame({"event_index": [0], "g4_id": [1], "energy": [2.0]}),
    }
    assert scheme.apply(empty, **tables).schema == {
        "semantic_label": pl.Int64(), "instance_label": pl.Int64(), "fault": pl.Enum(FAULTS)
    }  # fmt: skip
    assert scheme.apply(empty, **tables).height == 0
    assert (
        scheme.label(empty.lazy(), **tables).collect().schema == scheme.label(LINE, **tables).collect_schema()
    )
    no_primary = particles((0, 1, 5, 13), (3, 2, 2, 13))
    assert scheme.apply(no_primary, **tables)["fault"].to_list() == ["orphan", "circle"]


def test_label_forest__of_repeated_ids_labels_nothing() -> None:
    labelled = TRACKS.label_forest(Forest.of(particles((1, 5, 0, 13), (2, 7, 0, 13), (2, 7, 0, 13))))
    assert labelled.semantic.tolist() == labelled.instance.tolist() == [0, -1, -1]
    assert labelled.fault.tolist() == [-1, 3, 3]


def test_label_forest__says_which_rule_and_which_particle_gave_the_class() -> None:
    table = particles((2, 1, 0, 22), (1, 8, 0, 13), (1, 9, 8, 11, "", "", 1.0), (1, 7, 9, 13), (1, 6, 9, 22))
    labelled = TRACKS.label_forest(Forest.of(table))
    assert labelled.semantic.tolist() == [-1, 0, 1, 1, 1]
    assert labelled.instance.tolist() == [-1, 0, 1, 1, 1]
    assert [FAULTS[code] if code >= 0 else None for code in labelled.fault] == ["unlabelled", *[None] * 4]
    assert labelled.forest.order.tolist() == [1, 2, 3, 4, 0]
    assert labelled.decision.rule.tolist() == [1, 0, 0, 0, -1]
    assert labelled.decision.giver.tolist() == [0, 1, 1, 1, 4]
