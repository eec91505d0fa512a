"""The CCQE scheme, and the label of edges that goes with it."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from numl_polars.labels.schemes.ccqe import CCQEEdgeLabels, CCQELabels
from numl_polars.labels.schemes.standard import StandardLabels
from tests.labels.particles import (
    REFERENCE_FILES,
    class_names,
    forests,
    labels_and_corpus,
    labels_and_reference,
    needs_shared,
    particles,
)
from tests.labels.walk_oracle import label_ccqe, label_table

NAMES = CCQELabels.classes


@needs_shared
@pytest.mark.parametrize("name", REFERENCE_FILES)
def test_ccqe__equals_the_reference_on_files(name: str) -> None:
    labels, wanted = labels_and_reference(CCQELabels(), name, "ccqe")
    assert labels["g4_id"].cast(pl.Int64).equals(wanted["g4_id"])
    assert labels["semantic_label"].equals(wanted["semantic_label"])
    assert (labels["instance_label"] == -1).all()


@needs_shared
def test_ccqe__equals_the_reference_on_the_corpus() -> None:
    labels, wanted, faults = labels_and_corpus(CCQELabels(), "ccqe")
    assert labels.equals(wanted)
    assert faults["fault"].unique().drop_nulls().to_list() == ["orphan"]
    assert labels["semantic_label"].unique().sort().to_list() == [0, 1, 2]


@given(table=forests(repeats=True))
@settings(deadline=None, max_examples=40)
def test_ccqe__is_the_class_of_the_primary(table: pl.DataFrame) -> None:
    assert CCQELabels().apply(table).rows() == label_table(table, label_ccqe)


def test_ccqe__orphans_are_hadronic_unless_said_otherwise() -> None:
    table = particles(
        (0, 1, 0, -11), (0, 2, 1, 2212), (0, 3, 9, 11), (0, 4, 4, 13), (1, 1, 0, -13), (1, 3, 0, 22)
    )
    assert class_names(CCQELabels(), table) == [
        "electron", "electron", "hadronic", "hadronic", "muon", "hadronic"
    ]  # fmt: skip
    assert CCQELabels().apply(table)["fault"].to_list() == [None, None, "orphan", "circle", None, None]
    assert class_names(CCQELabels(orphans="reject"), table)[2:4] == [None, None]


def test_ccqe__reads_codes_and_nothing_else() -> None:
    assert CCQELabels().columns == {"particle_table": ("event_index", "g4_id", "parent_id", "type")}
    assert CCQELabels().edge_labels == CCQEEdgeLabels()
    assert StandardLabels().edge_labels is None


def edge_label(first: tuple[int, int], second: tuple[int, int]) -> int:
    """Label of an edge from (class, particle) of both hits, as the specification has it."""
    if first[0] == second[0] == 0:
        return 1
    if first[0] == second[0] in (1, 2) and first[1] == second[1]:
        return first[0] + 1
    return 0


@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_edge_labels__are_those_of_the_specification(data: st.DataObject) -> None:
    # a hit without particle has no class either
    hit = st.one_of(st.just((-1, -1)), st.tuples(st.integers(-1, 2), st.integers(0, 3)))
    hits = data.draw(st.lists(hit, min_size=1, max_size=8))
    row = st.integers(0, len(hits) - 1)
    edges = data.draw(st.lists(st.tuples(row, row), max_size=20))
    labels = CCQEEdgeLabels().label(
        np.array(edges, np.int64).reshape(-1, 2).T,
        np.array([semantic for semantic, _ in hits], np.int64),
        np.array([g4_id for _, g4_id in hits], np.int64),
        NAMES,
    )
    assert labels.tolist() == [edge_label(hits[source], hits[target]) for source, target in edges]


@pytest.mark.parametrize("num_hits", [0, 3])
def test_edge_labels__without_edges(num_hits: int) -> None:
    none: NDArray[np.int64] = np.empty((2, 0), np.int64)
    hits = np.zeros(num_hits, np.int64)
    assert CCQEEdgeLabels().label(none, hits, hits, NAMES).tolist() == []
