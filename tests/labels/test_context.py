from typing import Any

import polars as pl
import pytest

from numl_polars.errors import LabelError
from numl_polars.labels import context
from numl_polars.labels.context import CONTEXT, check_tables, needed_columns, with_context
from numl_polars.labels.expressions import (
    deposited_energy,
    depth,
    event,
    has_ancestor,
    has_descendant,
    is_primary,
    momentum,
    num_children,
    num_deposits,
    num_descendants,
    parent,
    primary,
)
from numl_polars.labels.forest import Forest
from numl_polars.labels.particle_codes import is_muon
from numl_polars.labels.rules import Rule
from tests.labels.particles import particles, scheme_of

TABLE = particles((0, 1, 0, 13), (0, 2, 1, 11), (5, 1, 0, 22), (0, 3, 77))
DEPOSITS = pl.DataFrame({"event_index": [0, 0, 5], "g4_id": [1, 1, 1], "energy": [1.0, 2.0, 4.0]})
EVENTS = pl.DataFrame({"event_index": [0, 5], "nu_pdg": [14, 12]})


@pytest.mark.parametrize(
    "condition, mentioned",
    [
        (momentum > 1, []),
        (is_primary, ["tree.parent"]),
        (parent(momentum) > 1, ["tree.parent"]),
        (has_ancestor(is_muon), ["tree.parent"]),
        (has_descendant(is_muon), ["tree.parent"]),
        (primary(is_muon), ["tree.primary"]),
        (depth > 2, ["tree.depth"]),
        (parent(num_children) > 2, ["tree.num_children", "tree.parent"]),
        (num_descendants == 0, ["tree.num_descendants"]),
        (deposited_energy > 2, ["deposits.energy"]),
        (num_deposits > 2, ["deposits.number"]),
        (primary(deposited_energy > 2) | (depth > 1), ["deposits.energy", "tree.depth", "tree.primary"]),
        (event("nu_pdg") == 12, ["event.nu_pdg"]),
        (parent(event("nu_pdg")) == 12, ["event.nu_pdg", "tree.parent"]),
    ],
    ids=str,
)
def test_scheme__computes_the_context_that_its_rules_mention_and_no_other(
    monkeypatch: pytest.MonkeyPatch, condition: pl.Expr, mentioned: list[str]
) -> None:
    computed: list[str] = []

    def noted(name: str, compute: Any) -> Any:
        def noting(*arguments: Any) -> Any:
            computed.append(name)
            return compute(*arguments)

        return noting

    for name, column in list(CONTEXT.items()):
        spied = context.ContextColumn(noted(name, column.compute), column.reads)
        monkeypatch.setitem(context.CONTEXT, name, spied)
    event_columns = vars(context)["_event_columns"]

    def noting_names(forest: Forest, names: list[str]) -> Any:
        computed.extend(names)
        return event_columns(forest, names)

    monkeypatch.setattr(context, "_event_columns", noting_names)
    scheme_of(Rule("some", when=condition), Rule("others")).apply(TABLE, events=EVENTS, deposits=DEPOSITS)
    assert sorted(computed) == mentioned


def test_with_context__has_what_is_mentioned_and_no_more() -> None:
    forest = Forest.of(TABLE, events=EVENTS, deposits=DEPOSITS)
    table = with_context(forest, {"type", "tree.depth", "event.nu_pdg", "deposits.energy"})
    assert set(table.columns) == {"event_index", "type", "tree.depth", "event.nu_pdg", "deposits.energy"}
    rows = table.select("event_index", "type", "tree.depth", "event.nu_pdg", "deposits.energy").rows()
    assert rows == [(0, 13, 0, 14, 3.0), (0, 11, 1, 14, 0.0), (5, 22, 0, 12, 4.0)]


def test_needed_columns__are_those_behind_the_context() -> None:
    assert needed_columns([]) == {"particle_table": ("event_index", "g4_id", "parent_id")}
    assert needed_columns(
        {"tree.depth", "deposits.energy", "deposits.number", "event.nu_pdg", "momentum"}
    ) == {
        "particle_table": ("event_index", "g4_id", "parent_id", "momentum"),
        "edep_table": ("event_index", "energy", "g4_id"),
        "event_table": ("event_index", "nu_pdg"),
    }


def test_needed_columns__name_each_once() -> None:
    needed = needed_columns({"event.event_index", "event_index", "g4_id", "deposits.number"})
    assert needed == {
        "particle_table": ("event_index", "g4_id", "parent_id"),
        "event_table": ("event_index",),
        "edep_table": ("event_index", "g4_id"),
    }


def test_event_columns__of_the_first_row_of_an_event_null_without_one() -> None:
    events = pl.DataFrame({"event_index": [9, 0, 0], "nu_pdg": [16, 14, 12]}).cast(pl.Int32)
    table = with_context(Forest.of(TABLE, events=events), {"event.nu_pdg"})
    assert table["event.nu_pdg"].to_list() == [14, 14, None]


def test_event_columns__keep_their_dtype() -> None:
    events = EVENTS.with_columns(
        name=pl.Series(["a", "b"], dtype=pl.Categorical()), vertex=pl.Series([0.5, None])
    )
    table = with_context(Forest.of(TABLE, events=events), {"event.name", "event.vertex"})
    assert table.schema["event.name"] == pl.Categorical()
    assert table["event.name"].to_list() == ["a", "a", "b"]
    assert table["event.vertex"].to_list() == [0.5, 0.5, None]


def test_deposits__of_absent_particles_and_other_events_count_for_none() -> None:
    strays = pl.DataFrame(
        {"event_index": [0, 7, -3, 5, 0], "g4_id": [99, 1, 1, 2, 3], "energy": [10.0, 20.0, 30.0, 40.0, 50.0]}
    )
    forest = Forest.of(TABLE, deposits=pl.concat([strays, DEPOSITS, strays]).reverse())
    table = with_context(forest, {"deposits.energy", "deposits.number"})
    assert table["deposits.energy"].to_list() == [3.0, 0.0, 4.0]
    assert table["deposits.number"].to_list() == [2, 0, 1]


def test_deposits__without_energy_add_nothing() -> None:
    deposits = DEPOSITS.with_columns(energy=pl.Series([None, 2.0, float("nan")]))
    table = with_context(Forest.of(TABLE, deposits=deposits), {"deposits.energy", "deposits.number"})
    assert table["deposits.energy"].to_list() == [2.0, 0.0, 0.0]
    assert table["deposits.number"].to_list() == [2, 0, 1]


def test_deposits__none_at_all() -> None:
    forest = Forest.of(TABLE, deposits=DEPOSITS.clear())
    table = with_context(forest, {"deposits.energy", "deposits.number"})
    assert table["deposits.energy"].to_list() == [0.0] * 3
    assert table["deposits.number"].to_list() == [0] * 3


@pytest.mark.parametrize(
    "condition, message",
    [
        (event("nu_pdg") == 12, r"reads 'event_index', 'nu_pdg' of the event_table: give it as events=…"),
        (num_deposits > 1, r"reads 'event_index', 'g4_id' of the edep_table: give it as deposits=…"),
    ],
)
@pytest.mark.parametrize("method", ["label", "apply"])
def test_missing_table__is_named_with_the_argument_to_give(
    method: str, condition: pl.Expr, message: str
) -> None:
    scheme = scheme_of(Rule("some", when=condition))
    with pytest.raises(LabelError, match=f"Literal {message}"):
        getattr(scheme, method)(TABLE)


@pytest.mark.parametrize("method", ["label", "apply"])
def test_missing_column__is_named_with_its_table_and_those_there_are(method: str) -> None:
    scheme = scheme_of(Rule("some", when=(event("nu_pdg") == 12) & (num_deposits > 1)))
    with pytest.raises(
        LabelError,
        match=r"the event_table has no column 'nu_pdg', which Literal needs \(has 'event_index'\)",
    ):
        getattr(scheme, method)(TABLE, events=EVENTS.select("event_index"), deposits=DEPOSITS)


def test_check_tables__a_table_that_is_not_needed_may_be_anything() -> None:
    check_tables("Some", {"particle_table": ("g4_id",)}, {"particle_table": ["g4_id"], "edep_table": []})
    with pytest.raises(LabelError, match="the particle_table has no column 'g4_id', which Some needs"):
        check_tables("Some", {"particle_table": ("g4_id",)}, {"particle_table": ["type"]})
