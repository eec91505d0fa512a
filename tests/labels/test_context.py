from numl_polars.labels.context import needed_columns, with_context
from numl_polars.labels.forest import Forest
from tests.labels.particles import particles


def test_parent_type__is_zero_for_a_primary_and_null_for_an_orphan() -> None:
    forest = Forest.of(particles((0, 1, 0, 13), (0, 2, 1, 11), (0, 3, 2, 22), (0, 4, 77, 22)))
    assert with_context(forest, {"parent_type"})["parent_type"].to_list() == [0, 13, 11, None]


def test_with_context__computes_nothing_that_is_not_mentioned() -> None:
    table = particles((0, 1, 0), (0, 2, 1))
    assert with_context(Forest.of(table), {"type", "momentum"}).columns == table.columns


def test_needed_columns__are_those_behind_the_context() -> None:
    assert needed_columns({"parent_type", "momentum"}) == {"type", "momentum"}
