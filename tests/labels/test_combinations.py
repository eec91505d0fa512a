"""Kinds of particles that no rule labels."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given

import numl_polars as nl
from numl_polars.labels.combinations import COLUMNS, concat_combinations, unlabelled_combinations
from numl_polars.labels.forest import Forest
from numl_polars.labels.particle_scheme import Labelled, ParticleScheme
from tests.labels.particles import forests, particles

STANDARD = nl.StandardLabels()
TABLE = particles(
    (0, 1, 0, 13, "primary", "Decay"),
    (0, 2, 1, 22, "Decay", "nCapture"),
    (0, 3, 1, 22, "Decay", "nCapture"),
    (0, 4, 0, 22, "primary", "nCapture"),
    (0, 5, 99, 11, "primary", "eIoni"),
    (0, 6, 5, 11, "eIoni", "eIoni"),
    (0, 7, 7, 13, "primary", "Decay"),
)
WITH_HITS = np.array([True, False, False, True, False, True, False])


def combinations(
    table: pl.DataFrame, with_hits: np.ndarray, scheme: ParticleScheme = STANDARD
) -> pl.DataFrame:
    return unlabelled_combinations(scheme.label_forest(Forest.of(table)), table, with_hits)


def test_combinations__counted_by_kind_most_with_hits_first() -> None:
    found = combinations(TABLE, WITH_HITS)
    assert found.rows() == [
        (11, 11, "eIoni", "eIoni", "orphan", 1, 1),
        (22, 0, "primary", "nCapture", "unlabelled", 1, 1),
        (22, 13, "Decay", "nCapture", "unlabelled", 2, 0),
        (11, None, "primary", "eIoni", "orphan", 1, 0),
        (13, 13, "primary", "Decay", "circle", 1, 0),
    ]
    assert found.schema == pl.Schema(
        {
            "type": pl.Int64(),
            "parent_type": pl.Int64(),
            "start_process": pl.String(),
            "end_process": pl.String(),
            "fault": pl.Enum(["orphan", "circle", "unlabelled"]),
            "particles": pl.Int64(),
            "with_hits": pl.Int64(),
        }
    )


def test_combinations__also_where_a_policy_gives_a_class() -> None:
    scheme = nl.StandardLabels(unlabelled="diffuse", orphans="diffuse")
    assert combinations(TABLE, WITH_HITS, scheme).equals(combinations(TABLE, WITH_HITS))


def test_combinations__nothing_is_read_where_all_have_labels() -> None:
    table = particles((0, 1, 0, 13), (0, 2, 1, 13))
    labelled = STANDARD.label_forest(Forest.of(table))
    found = unlabelled_combinations(labelled, pl.DataFrame(), np.zeros(2, np.bool_))
    assert found.equals(combinations(TABLE, WITH_HITS).clear())


def test_combinations__repeated_id_is_no_missing_rule() -> None:
    table = particles((0, 1, 0, 22), (0, 1, 0, 22), (1, 1, 0, 22))
    assert combinations(table, np.ones(3, np.bool_))["particles"].to_list() == [1]


@pytest.mark.parametrize("column", COLUMNS)
def test_combinations__missing_column_is_null(column: str) -> None:
    found = unlabelled_combinations(
        STANDARD.label_forest(Forest.of(TABLE)), TABLE.drop(column), np.ones(7, np.bool_)
    )
    assert found[column].null_count() == found.height
    assert found["particles"].sum() == 6
    assert found.schema == combinations(TABLE, WITH_HITS).schema
    assert sorted(found["parent_type"].unique().drop_nulls()) == ([0] if column == "type" else [0, 11, 13])


def test_combinations__processes_may_be_categories() -> None:
    as_read = TABLE.with_columns(pl.col("start_process", "end_process").cast(pl.Categorical))
    assert combinations(as_read, WITH_HITS).equals(combinations(TABLE, WITH_HITS))


def test_concat_combinations__counts_add_up() -> None:
    other = TABLE.with_columns(pl.lit("msc").alias("end_process"))
    parts = [combinations(table, WITH_HITS) for table in (TABLE, other, TABLE)]
    total = concat_combinations(parts)
    assert total.height == 10
    assert total.row(0) == (11, 11, "eIoni", "eIoni", "orphan", 2, 2)
    assert total.equals(concat_combinations(parts[::-1]))
    assert total.equals(concat_combinations([concat_combinations(parts[:2]), parts[2]]))


def test_concat_combinations__of_nothing() -> None:
    assert concat_combinations([]).equals(combinations(TABLE, WITH_HITS).clear())


def counted_one_by_one(
    labelled: Labelled, table: pl.DataFrame, with_hits: np.ndarray
) -> dict[Any, list[int]]:
    """The slow, plain way."""
    rows = table.rows(named=True)
    faults = STANDARD.apply(table)["fault"].to_list()
    types = {(row["event_index"], row["g4_id"]): row["type"] for row in rows}
    counts: dict[Any, list[int]] = {}
    for row, fault, has_hits in zip(rows, faults, with_hits.tolist(), strict=True):
        if fault is not None:
            of_parent = 0 if row["parent_id"] == 0 else types.get((row["event_index"], row["parent_id"]))
            kind = (row["type"], of_parent, row["start_process"], row["end_process"], fault)
            count = counts.setdefault(kind, [0, 0])
            count[0] += 1
            count[1] += has_hits
    return counts


@given(forests())
def test_combinations__equal_those_counted_one_by_one(table: pl.DataFrame) -> None:
    labelled = STANDARD.label_forest(Forest.of(table))
    with_hits = np.arange(table.height) % 3 == 0
    found = unlabelled_combinations(labelled, table, with_hits)
    by_kind = {row[:5]: list(row[5:]) for row in found.rows()}
    assert len(by_kind) == found.height
    assert by_kind == counted_one_by_one(labelled, table, with_hits)
    order = list(zip(found["with_hits"], found["particles"], strict=True))
    assert order == sorted(order, reverse=True)
