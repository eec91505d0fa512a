"""Every word of rules against a plain twin that goes from particle to particle, on random events."""

import math
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars import labels
from numl_polars.errors import LabelError
from numl_polars.labels.context import needed_columns, with_context
from numl_polars.labels.expressions import Relation, momentum, parent, pdg, start_process
from numl_polars.labels.forest import Forest
from numl_polars.labels.particle_codes import is_muon
from tests.labels.particles import forests, particles
from tests.labels.walk_oracle import trees
from tests.labels.word_oracle import Seen, words

few = settings(deadline=None, max_examples=40)


WORDS = list(words())


def evaluate(
    words: dict[str, pl.Expr], table: pl.DataFrame, **tables: pl.DataFrame
) -> dict[int, dict[str, Any]]:
    """Values by row of the table, of what a primary reaches; null conditions are False."""
    forest = Forest.of(table, **tables)
    names = [name for word in words.values() for name in word.meta.root_names()]
    needed = needed_columns(names)
    forest = Forest.of(
        table.select(needed["particle_table"]),
        **{
            name: frame.select(needed[_TABLES[name]])
            for name, frame in tables.items()
            if _TABLES[name] in needed
        },
    )
    found = with_context(forest, names).with_columns(**words).select(*words)
    found = found.with_columns(pl.col(pl.Boolean).fill_null(False))
    return dict(zip(forest.order.tolist(), found.to_dicts(), strict=True))


_TABLES = {"events": "event_table", "deposits": "edep_table"}


@st.composite
def whole_tables(draw: st.DrawFn) -> dict[str, pl.DataFrame]:
    """Particles with positions, deposits and events, rows in any order.

    Deposits of no particle and of no event, particles without deposit, events without row all occur. Energies
    are whole numbers, whose sums do not depend on their order.
    """
    table = draw(forests())
    position = st.one_of(st.integers(-9, 9).map(float), st.sampled_from([None, math.nan]))
    points = st.lists(position, min_size=table.height, max_size=table.height)
    for end in ("start", "end"):
        for x in "xyz":
            table = table.with_columns(pl.Series(f"{end}_position_{x}", draw(points), pl.Float32()))
    named = st.sampled_from([*table.select("event_index", "g4_id").rows(), (3, 99), (77, 1), (-1, 5)])
    energy = st.one_of(st.integers(0, 9).map(float), st.sampled_from([None, math.nan]))
    deposits = draw(st.lists(st.tuples(named, energy), max_size=15))
    events = draw(st.lists(st.integers(0, 9), unique=True, max_size=6))
    codes = st.lists(st.sampled_from([12, -14, None]), min_size=len(events), max_size=len(events))
    return {
        "particles": table,
        "deposits": pl.DataFrame(
            [(*name, energy) for name, energy in deposits],
            schema={"event_index": pl.Int64(), "g4_id": pl.Int32(), "energy": pl.Float32()},
            orient="row",
        ),
        "events": pl.DataFrame(
            {"event_index": events, "nu_pdg": draw(codes)},
            schema={"event_index": pl.UInt32(), "nu_pdg": pl.Int32()},
        ),
    }


@given(tables=whole_tables())
@few
def test_words__say_what_going_from_particle_to_particle_finds(tables: dict[str, pl.DataFrame]) -> None:
    table, deposits, events = tables["particles"], tables["deposits"], tables["events"]
    found = evaluate(
        {name: word for name, (word, _) in words().items()}, table, events=events, deposits=deposits
    )
    num_reached = 0
    for rows, tree in trees(table):
        event_index = table["event_index"][rows[0]]
        mine: dict[int, list[float | None]] = {}
        for _, g4_id, energy in deposits.filter(pl.col("event_index") == event_index).rows():
            mine.setdefault(g4_id, []).append(energy)
        event_row = events.filter(pl.col("event_index") == event_index).to_dicts()
        for row in tree.walk():
            seen = Seen(tree, row, mine, event_row[0] if event_row else {})
            wanted = {name: twin(seen) for name, (_, twin) in words().items()}
            assert found[rows[row]] == wanted
            num_reached += 1
    assert len(found) == num_reached


TREE = particles(
    (0, 1, 0, 13, "primary", "Decay", 1.0), (0, 2, 1, 11, "Decay", "eIoni", math.nan), (0, 3, 2, 22, "eBrem"),
    (0, 4, 3, 11, "conv", "", None), (0, 5, 0, 2212, "primary", "", 0.5),
)  # fmt: skip
TREE = TREE.with_columns(**{f"{end}_position_{x}": 0.0 for end in ("start", "end") for x in "xyz"})
SOME = {
    "events": pl.DataFrame({"event_index": [0], "nu_pdg": [12]}),
    "deposits": pl.DataFrame({"event_index": [0, 0], "g4_id": [2, 4], "energy": [3.0, 4.0]}),
}


@pytest.mark.parametrize("name", WORDS)
def test_words__alone_and_together_give_the_same(name: str) -> None:
    together = evaluate({other: word for other, (word, _) in words().items()}, TREE, **SOME)
    alone = evaluate({name: words()[name][0]}, TREE, **SOME)
    assert {row: {name: values[name]} for row, values in together.items()} == alone


@pytest.mark.parametrize("name", WORDS)
def test_words__dtype_does_not_depend_on_the_rows(name: str) -> None:
    word = words()[name][0]
    forest = Forest.of(TREE, **SOME)
    table = with_context(forest, word.meta.root_names())
    empty = with_context(Forest.of(TREE.clear(), **SOME), word.meta.root_names())
    dtype = table.with_columns(found=word)["found"].dtype
    assert table.lazy().with_columns(found=word).collect_schema()["found"] == dtype
    assert empty.with_columns(found=word)["found"].dtype == dtype


def test_momentum__is_widened_before_it_is_compared() -> None:
    assert evaluate({"low": momentum < 0.02}, particles((0, 1, 0, 11, "", "", 0.02)))[0]["low"]


@pytest.mark.parametrize("depth_of_words", [3, 40])
def test_parent__nests_to_any_depth(depth_of_words: int) -> None:
    word = pl.col("g4_id")
    for _ in range(depth_of_words):
        word = parent(word)
    line = particles(*((0, row + 1, row) for row in range(depth_of_words + 2)))
    found = evaluate({"far": word}, line)
    assert [found[row]["far"] for row in range(len(line))] == [None] * depth_of_words + [1, 2]


@pytest.mark.parametrize("process", [pl.Categorical(), pl.Enum(["primary", "Decay", "eBrem", "conv"])])
def test_parent__keeps_the_dtype_of_a_column(process: pl.DataType) -> None:
    forest = Forest.of(TREE.with_columns(pl.col("start_process").cast(process)))
    found = with_context(forest, ["tree.parent", "start_process"]).with_columns(found=parent(start_process))
    assert found["found"].dtype == process
    assert found["found"].to_list() == [None, "primary", "Decay", "eBrem", None]


def test_labels__words_are_expressions_relations_and_functions_of_them() -> None:
    for name in labels.__all__:
        word = getattr(labels, name)
        assert isinstance(word, pl.Expr | Relation) or callable(word), name
        assert not isinstance(word, ModuleType), name


def test_labels__star_import_offers_the_words() -> None:
    found: dict[str, Any] = {}
    exec("from numl_polars.labels import *", found)
    assert found.keys() - {"__builtins__"} == set(labels.__all__)
    assert found["is_muon"] is is_muon
    assert found["pdg"] is pdg


def test_relation__is_no_value_to_compare() -> None:
    parent, primary = labels.parent, labels.primary
    with pytest.raises(LabelError, match=r"parent is compared with 13; read a value there: parent\(pdg\)"):
        _ = parent == 13
    with pytest.raises(LabelError, match="primary is compared with 13"):
        _ = primary != 13
