"""The standard scheme: equal to the reference, and to its specification walked by hand."""

import math
import pickle
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.errors import OptionError
from numl_polars.labels.schemes.standard import DeltaRayLabels, SimpleLabels, StandardLabels
from tests.labels.particles import (
    PROCESSES,
    REFERENCE_FILES,
    class_names,
    forests,
    labels_and_corpus,
    labels_and_reference,
    needs_shared,
    particles,
)
from tests.labels.walk_oracle import SIMPLE, STANDARD, Tree, label_standard, label_table

PARITY = pytest.mark.parametrize(
    "scheme, prefix", [(StandardLabels(), "standard"), (SimpleLabels(), "simple")], ids=["standard", "simple"]
)


@needs_shared
@PARITY
@pytest.mark.parametrize("name", REFERENCE_FILES)
def test_standard__equals_the_reference_on_files(name: str, scheme: StandardLabels, prefix: str) -> None:
    labels, wanted = labels_and_reference(scheme, name, prefix)
    assert labels["event_index"].equals(wanted["event_index"])
    assert labels["g4_id"].cast(pl.Int64).equals(wanted["g4_id"])
    assert labels["semantic_label"].equals(wanted["semantic_label"])
    assert labels["instance_label"].equals(wanted["instance_label"])


@needs_shared
@PARITY
def test_standard__equals_the_reference_on_the_corpus(scheme: StandardLabels, prefix: str) -> None:
    labels, wanted, faults = labels_and_corpus(scheme, prefix)
    assert labels["event_index"].n_unique() > 500
    assert labels.equals(wanted)
    assert labels["semantic_label"].n_unique() == len(scheme.classes) + 1
    # the reference raises at events in which a particle that is reached has no label, and at no others
    by_event = faults.group_by("event_index").agg(
        (pl.col("fault") == "unlabelled").any(), pl.col("error").first()
    )
    assert by_event["fault"].equals(by_event["error"].rename("fault"))
    assert 0 < by_event["error"].sum() < by_event.height


@PARITY
@given(table=forests(repeats=True))
@settings(deadline=None, max_examples=60)
def test_standard__equals_a_recursive_walk(scheme: StandardLabels, prefix: str, table: pl.DataFrame) -> None:
    merged = {"standard": STANDARD, "simple": SIMPLE}[prefix]
    wanted = label_table(table, lambda tree: label_standard(tree, merged=merged))
    assert scheme.apply(table).rows() == wanted


@given(table=forests(), gamma=st.sampled_from([0.0, 0.05, 2.0]), hadron=st.sampled_from([0.0, 0.05, 2.0]))
@settings(deadline=None, max_examples=25)
def test_standard__thresholds_are_parameters_of_the_walk(
    table: pl.DataFrame, gamma: float, hadron: float
) -> None:
    def by_hand(tree: Tree) -> Any:
        return label_standard(tree, gamma=gamma, hadron=hadron)

    scheme = StandardLabels(gamma_threshold=gamma, hadron_threshold=hadron)
    assert scheme.apply(table).rows() == label_table(table, by_hand)


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum([name for name in PROCESSES if name])])
@given(table=forests())
@settings(deadline=None, max_examples=15)
def test_standard__storage_of_processes_does_not_matter(dtype: pl.DataType, table: pl.DataFrame) -> None:
    stored = table.with_columns(pl.col("start_process", "end_process").cast(dtype))
    assert StandardLabels().apply(stored).equals(StandardLabels().apply(table))


def test_standard__enum_that_lacks_the_processes_of_rules() -> None:
    table = particles((0, 1, 0, 11, "primary", "msc"))
    stored = table.with_columns(pl.col("start_process", "end_process").cast(pl.Enum(["primary", "msc"])))
    assert StandardLabels().apply(stored)["semantic_label"].to_list() == [4]


@pytest.mark.parametrize(
    "row, wanted",
    [
        ((22, "none", "conv", 0.02), "diffuse"),
        ((22, "none", "conv", np.nextafter(np.float32(0.02), np.float32(1))), "shower"),
        ((22, "none", "conv", math.nan), "diffuse"),
        ((22, "none", "conv", None), "diffuse"),
        ((2212, "none", "none", math.nan), "diffuse"),
        ((2212, "none", "none", None), "diffuse"),
        ((2212, "none", "none", math.inf), "hadron"),
        ((2212, "none", "none", 0.2), "hadron"),
        ((22, "conv", "CoupledTransportation", 1.0), "invisible"),
        ((2112, "none", "CoupledTransportation", 1.0), "diffuse"),
        ((11, "conv", "CoupledTransportation", 1.0), "shower"),
        ((15, "none", "none", 0.0), "hadron"),
        ((99999999, "none", "CoupledTransportation", 1.0), None),
        ((11, "none", "msc", 1.0), None),
    ],
)
def test_standard__class_of_one_primary(row: tuple[Any, ...], wanted: str | None) -> None:
    assert class_names(StandardLabels(), particles((0, 1, 0, *row))) == [wanted]


def test_standard__ionisation_electron_of_a_proton_with_nan_momentum_is_hadron() -> None:
    table = particles(
        (0, 1, 0), *((0, i, 1, 11, "hIoni", "", p) for i, p in enumerate([0.001, 0.1, math.nan, None], 2))
    )
    assert StandardLabels().apply(table)["semantic_label"].to_list() == [6, 6, 3, 3, 3]


def test_standard__instances_count_in_walk_order_not_in_table_order() -> None:
    table = particles(
        (0, 9, 4, 13, "Decay"), (0, 4, 0, 211, "primary"), (0, 6, 0, 13, "primary"), (0, 7, 6, 11, "muIoni"),
        (0, 2, 4, 11, "hIoni"), (0, 8, 6, 11, "Decay"), (0, 3, 8, 22, "eBrem"), (0, 5, 0, 111, "primary"),
    )  # fmt: skip
    labels = StandardLabels().apply(table)
    assert labels["semantic_label"].to_list() == [1, 0, 1, 1, 0, 5, 5, 7]
    assert labels["instance_label"].to_list() == [1, 0, 2, 2, 0, 3, 3, -1]


def test_standard__children_of_an_unlabelled_particle_have_their_own_labels() -> None:
    table = particles((0, 1, 0, 13, "primary"), (0, 2, 1, 12, "Decay"), (0, 3, 2, 11, "hIoni"))
    labels = StandardLabels().apply(table)
    assert labels["fault"].to_list() == [None, "unlabelled", None]
    assert labels["semantic_label"].to_list() == [1, None, 0]
    # The pion's object is its parent, which has no class and no object of its own.
    assert labels["instance_label"].to_list() == [0, None, 1]


def test_simple__merges_classes_and_the_conditions_of_instances() -> None:
    table = particles(
        (0, 1, 0, 13), (0, 2, 1, 11, "muIoni"), (0, 3, 0, 211), (0, 4, 3, 11, "hIoni"),
        (0, 5, 0, 321, "hIoni"), (0, 6, 0, 13, "hIoni"), (0, 7, 0, 211, "muIoni"),
        (0, 8, 0, 2212, "", "", 1.0), (0, 9, 8, 15, "hIoni"), (0, 10, 0, 11, "primary"), (0, 11, 10, 22),
        (0, 12, 1, 11, "Decay"), (0, 13, 0, 111), (0, 14, 0, 2112),
    )  # fmt: skip
    assert class_names(SimpleLabels(), table) == [
        *("MIP", "MIP", "MIP", "MIP", "HIP", "MIP", "MIP", "HIP", "HIP"),
        *("shower", "shower", "michel", "invisible", "diffuse"),
    ]
    # primaries started by muIoni or hIoni are part of their parent, which is the event
    merged = SimpleLabels().apply(table)["instance_label"].to_list()
    assert merged == [0, 0, 2, 2, 3, 3, 3, 4, 4, 5, 5, 1, -1, -1]
    unmerged = StandardLabels().apply(table)["instance_label"].to_list()
    assert unmerged == [0, 0, 2, 2, 3, 4, 5, 6, 6, 7, 7, 1, -1, -1]
    assert SimpleLabels().trained_classes == ("MIP", "HIP", "shower", "michel", "diffuse")


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1, True, "0.02", None])
@pytest.mark.parametrize(
    "scheme, name",
    [
        (StandardLabels, "gamma_threshold"),
        (SimpleLabels, "hadron_threshold"),
        (DeltaRayLabels, "delta_threshold"),
    ],
)
def test_standard__threshold_without_meaning_is_an_error(scheme: Any, name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"{name} is .*; it must be a finite momentum in GeV/c, 0 or more"):
        scheme(**{name: value})


def test_standard__is_a_value_that_describes_itself() -> None:
    scheme = StandardLabels(hadron_threshold=1)
    assert pickle.loads(pickle.dumps(scheme)) == scheme != SimpleLabels(hadron_threshold=1)
    assert hash(scheme) == hash(StandardLabels(hadron_threshold=1.0))
    assert scheme.parameters == {
        "unlabelled": "reject", "orphans": "reject", "gamma_threshold": 0.02, "hadron_threshold": 1.0
    }  # fmt: skip
    assert scheme.trained_classes == ("pion", "muon", "kaon", "hadron", "shower", "michel", "diffuse")
    assert scheme.columns == {
        "particle_table": (
            "event_index", "g4_id", "parent_id", "end_process", "momentum", "start_process", "type"
        )
    }  # fmt: skip


@pytest.mark.parametrize("scheme", [StandardLabels(), SimpleLabels(), DeltaRayLabels()], ids=str)
def test_standard__each_rule_says_in_words_what_it_means(scheme: StandardLabels) -> None:
    assert all(rule.about for rule in scheme.rules())
    scheme.check()


DELTA = np.nextafter(np.float32(0.005), np.float32(1))


@pytest.mark.parametrize(
    "row, wanted, unmixed",
    [
        ((11, "muIoni", "", DELTA), "delta", "muon"),
        ((-11, "hIoni", "", DELTA), "delta", "pion"),
        ((11, "muIoni", "", 0.005), "muon", "muon"),
        ((11, "hIoni", "", 0.001), "pion", "pion"),
        ((11, "muIoni", "", None), "muon", "muon"),
        ((11, "eIoni", "", 1.0), "diffuse", "diffuse"),
        ((11, "muIoni", "conv", 1.0), "delta", "shower"),
        ((13, "muIoni", "", 1.0), "muon", "muon"),
        ((22, "conv", "", 1.0), "shower", "shower"),
    ],
)
def test_delta_rays__class_of_one_particle(row: tuple[Any, ...], wanted: str, unmixed: str) -> None:
    table = particles((0, 1, 0, *row))
    assert class_names(DeltaRayLabels(), table) == [wanted]
    assert class_names(StandardLabels(), table) == [unmixed]


def test_delta_rays__have_all_below_them() -> None:
    table = particles(
        (0, 1, 0, 13), (0, 2, 1, 11, "muIoni", "", 0.1), (0, 3, 2, 22, "eBrem", "conv", 0.05),
        (0, 4, 3, 11, "conv", "", 0.04), (0, 5, 1, 11, "muIoni", "", 0.001), (0, 6, 1, 11, "Decay", "", 0.04),
    )  # fmt: skip
    assert class_names(DeltaRayLabels(), table) == ["muon", "delta", "delta", "delta", "muon", "michel"]
    assert DeltaRayLabels().apply(table)["instance_label"].to_list() == [0, 1, 1, 1, 0, 2]
    assert class_names(DeltaRayLabels(delta_threshold=0.2), table) == class_names(StandardLabels(), table)
    assert DeltaRayLabels().trained_classes[-2:] == ("delta", "diffuse")
