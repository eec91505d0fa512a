import polars as pl
import pytest

from numl_polars.errors import LabelError
from numl_polars.labels.forest import Forest
from tests.labels.particles import particles


def test_forest__finds_parents_within_their_event_only() -> None:
    forest = Forest.of(particles((0, 1, 0), (0, 2, 1), (3, 2, 0), (3, 5, 1), (3, 6, 2)))
    assert forest.offsets.tolist() == [0, 2, 5]
    assert forest.parent_rows.tolist() == [-1, 0, -1, -1, 2]
    assert forest.is_primary.tolist() == [True, False, True, False, False]
    assert forest.order.tolist() == [0, 1, 2, 4]


def test_forest__brings_events_together_and_keeps_their_order_of_rows() -> None:
    table = particles((7, 2, 1), (1, 9, 0), (7, 1, 0), (1, 3, 9))
    forest = Forest.of(table)
    assert forest.particles.select("event_index", "g4_id").rows() == [(1, 9), (1, 3), (7, 2), (7, 1)]
    assert forest.as_given(forest.particles).equals(table)


@pytest.mark.parametrize("column", ["event_index", "g4_id", "parent_id"])
def test_forest__null_identifier_is_an_error(column: str) -> None:
    table = particles((0, 1, 0), (0, 2, 1)).with_columns(
        pl.when(pl.col("g4_id") == 1).then(pl.col(column)).alias(column)
    )
    with pytest.raises(LabelError, match=f"1 of 2 particles have no {column}"):
        Forest.of(table)
