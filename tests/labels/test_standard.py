import math
import pickle
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.errors import OptionError
from numl_polars.labels.standard import StandardLabels
from tests.labels.particles import SCHEMA, SHARED, needs_shared, particles, read_particles
from tests.labels.walk_oracle import label_event

FILES = ["real/r7010_sr1705_evt85251", "synthetic/uboone", "synthetic/uboone_gaps", "synthetic/dune"]
PROCESSES = [
    "primary", "conv", "compt", "muIoni", "hIoni", "eIoni", "eBrem", "phot", "photonNuclear", "Decay",
    "muMinusCaptureAtRest", "muPlusCaptureAtRest", "CoupledTransportation", "StepLimiter", "annihil",
    "FastScintillation", "hBertiniCaptureAtRest", "muPairProd", "msc", None,
]  # fmt: skip
CODES = [
    11, -11, 22, 13, -13, 15, 211, -211, 221, 331, 223, 321, 411, 111, 311, 310, 130, 113, 2212, -2212, 2112,
    3112, 3122, 1000180400, 1000010020, 12, 0, 99999999,
]  # fmt: skip
MOMENTA = [0.0, 0.0015, 0.02, 0.2, 0.05, 1.0, math.nan, math.inf, None]


def label_one(*row: Any) -> str | None:
    labels = StandardLabels().apply(particles((0, 1, 0, *row)))
    code = labels["semantic_label"].item()
    return None if code is None else StandardLabels.classes[code]


@needs_shared
@pytest.mark.parametrize("name", FILES)
def test_standard__equals_the_reference_on_files(name: str) -> None:
    wanted = pl.read_parquet(SHARED / "data" / f"{name}.labels.parquet").select(
        "event_index", "g4_id", semantic_label="standard_semantic", instance_label="standard_instance"
    )
    table = read_particles(SHARED / "data" / f"{name}.evt.h5")
    labels = StandardLabels().label(table).collect()
    joined = labels.join(wanted, on=["event_index", "g4_id"], how="full", suffix="_wanted", nulls_equal=True)
    assert joined.height == wanted.height == table.height
    assert joined["semantic_label"].equals(joined["semantic_label_wanted"].rename("semantic_label"))
    assert joined["instance_label"].equals(joined["instance_label_wanted"].rename("instance_label"))


@needs_shared
def test_standard__equals_the_reference_on_the_corpus() -> None:
    corpus = pl.read_parquet(SHARED / "data" / "synthetic" / "label_corpus.parquet")
    labels = pl.concat([corpus, StandardLabels().apply(corpus)], how="horizontal")
    whole = labels.filter(pl.col("standard_error") == 0)
    assert whole["event_index"].n_unique() > 500
    for kind in ("semantic", "instance"):
        wanted = whole[f"standard_{kind}"].cast(pl.Int64).rename(f"{kind}_label")
        assert whole[f"{kind}_label"].equals(wanted)
    unlabelled = pl.col("fault") == "unlabelled"
    by_event = labels.group_by("event_index").agg(unlabelled.any(), pl.col("standard_error").first() == 1)
    assert by_event["fault"].equals(by_event["standard_error"].rename("fault"))


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """Particles of up to three events, rows in any order: gaps, orphans, circles and repeated ids occur."""
    rows = []
    for event in draw(st.lists(st.integers(0, 9), unique=True, max_size=3)):
        ids = draw(st.lists(st.integers(1, 40), max_size=10, unique=draw(st.integers(0, 9)) > 0))
        for g4_id in ids:
            parent = draw(st.sampled_from([0, 41, *ids, *ids, *ids]))
            code = draw(st.one_of(st.sampled_from([11, 22]), st.sampled_from(CODES)))
            processes = draw(st.sampled_from(PROCESSES)), draw(st.sampled_from(PROCESSES))
            rows.append((event, g4_id, parent, code, *processes, draw(st.sampled_from(MOMENTA))))
    return pl.DataFrame(draw(st.permutations(rows)), schema=SCHEMA, orient="row")


@given(table=tables())
@settings(deadline=None, max_examples=300)
def test_standard__equals_a_recursive_walk(table: pl.DataFrame) -> None:
    wanted: list[Any] = [None] * table.height
    rows = table.with_row_index("row").to_dicts()
    for event in {row["event_index"] for row in rows}:
        own = [row for row in rows if row["event_index"] == event]
        for row, labels in zip(own, label_event(own), strict=True):
            wanted[row["row"]] = labels
    assert StandardLabels().apply(table).rows() == wanted


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum([name for name in PROCESSES if name])])
@given(table=tables())
@settings(deadline=None, max_examples=30)
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
    assert label_one(*row) == wanted


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


def test_standard__thresholds_are_parameters() -> None:
    table = particles((0, 1, 0, 22, "conv", "conv", 0.05), (0, 2, 0, 2212, "none", "none", 0.05))
    assert StandardLabels().apply(table)["semantic_label"].to_list() == [4, 6]
    raised = StandardLabels(gamma_threshold=0.1, hadron_threshold=0)
    assert raised.apply(table)["semantic_label"].to_list() == [6, 3]


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1, True, "0.02", None])
@pytest.mark.parametrize("name", ["gamma_threshold", "hadron_threshold"])
def test_standard__threshold_without_meaning_is_an_error(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"{name} is .*; it must be a finite momentum in GeV/c, 0 or more"):
        StandardLabels(**{name: value})


def test_standard__is_a_value_that_describes_itself() -> None:
    scheme = StandardLabels(hadron_threshold=1)
    assert repr(scheme) == "StandardLabels(gamma_threshold=0.02, hadron_threshold=1.0)"
    assert pickle.loads(pickle.dumps(scheme)) == scheme
    assert hash(scheme) == hash(StandardLabels(hadron_threshold=1.0))
    assert scheme.parameters == {"gamma_threshold": 0.02, "hadron_threshold": 1.0}
    assert scheme.trained_classes == ("pion", "muon", "kaon", "hadron", "shower", "michel", "diffuse")
    assert scheme.columns == (*tuple(SCHEMA)[:3], "end_process", "momentum", "start_process", "type")
