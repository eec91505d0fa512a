import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.errors import LabelError
from numl_polars.labels.ancestry import CIRCLE, ORPHAN
from numl_polars.labels.forest import Forest
from tests.labels.particles import forests, particles
from tests.labels.walk_oracle import trees

few = settings(deadline=None, max_examples=40)


def test_forest__finds_parents_within_their_event_only() -> None:
    forest = Forest.of(particles((0, 1, 0), (0, 2, 1), (3, 2, 0), (3, 5, 1), (3, 6, 2)))
    assert forest.event_index.tolist() == [0, 3]
    assert forest.order.tolist() == [0, 1, 2, 4]
    assert forest.parents.tolist() == [-1, 0, -1, 2]
    assert forest.offsets.tolist() == [0, 2, 4]
    assert forest.parent_rows.tolist() == [-1, 0, -1, -1, 2]
    assert forest.event_number.tolist() == [0, 0, 1, 1]
    assert (forest.num_particles, forest.num_reached) == (5, 4)


def test_forest__keeps_the_table_and_walks_events_in_ascending_order() -> None:
    table = particles((7, 2, 1), (1, 9, 0), (7, 1, 0), (1, 3, 9))
    forest = Forest.of(table)
    assert forest.particles.equals(table)
    assert forest.event_index.tolist() == [1, 7]
    assert forest.order.tolist() == [1, 3, 2, 0]
    assert forest.parent_rows.tolist() == [2, -1, -1, 1]
    assert forest.columns(["event_index", "g4_id"]).rows() == [(1, 9), (1, 3), (7, 1), (7, 2)]
    assert forest.scatter(np.array([10, 11, 12, 13])).tolist() == [13, 10, 12, 11]


@given(table=forests())
@few
def test_forest__is_what_following_parents_by_hand_gives(table: pl.DataFrame) -> None:
    forest = Forest.of(table)
    order: list[int] = []
    offsets = [0]
    events = {table["event_index"][rows[0]]: (rows, tree) for rows, tree in trees(table)}
    for event in sorted(events):
        rows, tree = events[event]
        order += [rows[row] for row in tree.walk()]
        offsets.append(len(order))
        for row, given_row in enumerate(rows):
            parent = tree.parent(row)
            assert forest.parent_rows[given_row] == (-1 if parent is None else rows[parent])
            wanted = {None: -1, "orphan": ORPHAN, "circle": CIRCLE}[tree.fault(row)]
            assert forest.unreached[given_row] == wanted
    assert forest.event_index.tolist() == sorted(events)
    assert forest.order.tolist() == order
    assert forest.offsets.tolist() == offsets
    parents = forest.parent_rows[forest.order]
    assert np.append(forest.order, -1)[forest.parents].tolist() == parents.tolist()


@given(table=forests(repeats=True))
@few
def test_repeats__are_all_particles_of_an_event_with_a_repeated_identifier(table: pl.DataFrame) -> None:
    wanted = [False] * table.height
    for rows, tree in trees(table):
        for row in rows:
            wanted[row] = len(tree.row_of) < len(rows)
    assert Forest.of(table).repeats.tolist() == wanted


@given(table=forests(), data=st.data())
@few
def test_deposit_places__are_those_of_the_particle_in_the_same_event(
    table: pl.DataFrame, data: st.DataObject
) -> None:
    named = st.sampled_from([*table.select("event_index", "g4_id").rows(), (3, 99), (77, 1), (-1, 5)])
    rows = data.draw(st.lists(named, max_size=12))
    deposits = pl.DataFrame(rows, schema={"event_index": pl.Int64(), "g4_id": pl.Int32()}, orient="row")
    forest = Forest.of(table, deposits=deposits)
    reached = list(zip(*table.select("event_index", "g4_id")[forest.order].get_columns(), strict=True))
    assert forest.deposit_places.tolist() == [reached.index(row) if row in reached else -1 for row in rows]


def test_forest__of_nothing() -> None:
    empty = particles((0, 1, 0)).clear()
    forest = Forest.of(empty, deposits=pl.DataFrame({"event_index": [1], "g4_id": [1]}))
    assert forest.offsets.tolist() == [0]
    assert (forest.num_particles, forest.num_reached) == (0, 0)
    assert forest.deposit_places.tolist() == [-1]
    assert forest.unreached.tolist() == forest.repeats.tolist() == []


@pytest.mark.parametrize("column", ["event_index", "g4_id", "parent_id"])
def test_forest__null_identifier_is_an_error(column: str) -> None:
    table = particles((0, 1, 0), (0, 2, 1)).with_columns(
        pl.when(pl.col("g4_id") == 1).then(pl.col(column)).alias(column)
    )
    with pytest.raises(LabelError, match=f"1 of 2 particles have no {column}"):
        Forest.of(table)


@pytest.mark.parametrize("column", ["event_index", "g4_id", "parent_id"])
@pytest.mark.parametrize("dtype", [pl.Float32(), pl.String()])
def test_forest__identifier_that_is_no_integer_is_an_error(column: str, dtype: pl.DataType) -> None:
    table = particles((0, 1, 0), (0, 2, 1)).with_columns(pl.col(column).cast(dtype))
    with pytest.raises(LabelError, match=f"{column} of the particles holds {dtype}, not integers"):
        Forest.of(table)


def test_forest__deposit_without_identifier_is_an_error() -> None:
    deposits = pl.DataFrame({"event_index": [0, 0], "g4_id": [1, None]})
    with pytest.raises(LabelError, match="1 of 2 deposits have no g4_id"):
        _ = Forest.of(particles((0, 1, 0)), deposits=deposits).deposit_places


@pytest.mark.parametrize("dtype", [pl.Int64(), pl.UInt32(), pl.UInt64(), pl.Int16()])
def test_forest__identifiers_are_of_any_integer_dtype(dtype: pl.DataType) -> None:
    table = particles((2, 9, 7), (2, 7, 0), (1, 4, 0))
    forest = Forest.of(table.with_columns(pl.col("event_index", "g4_id", "parent_id").cast(dtype)))
    assert forest.order.tolist() == [2, 1, 0]
    assert forest.parent_rows.tolist() == [1, -1, -1]
