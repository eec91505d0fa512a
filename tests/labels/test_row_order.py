"""Tables of particles as they come: rows in any order, any names, repeated names, LazyFrames."""

from typing import Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.errors import LabelError
from numl_polars.labels.expressions import deposited_energy, event
from numl_polars.labels.particle_codes import is_electron, is_muon
from numl_polars.labels.rules import Rule
from numl_polars.labels.schemes.standard import StandardLabels
from tests.labels.particles import forests, particles, scheme_of

few = settings(deadline=None, max_examples=25)
TRACKS = scheme_of(
    Rule("shower", when=is_electron & (pl.col("momentum") > 0.1), spreads=True, instance="self"),
    Rule("track", when=is_muon | (pl.col("type") == 2212), instance="self"),
    names=["track", "shower"],
)


# a muon, its electron, the electron's photon, that photon's electron
LINE = particles((0, 1, 0, 13), (0, 2, 1, 11), (0, 3, 2, 22), (0, 4, 3, 11), (0, 9, 0, 22))


@given(table=forests(repeats=True), data=st.data())
@few
def test_apply__order_of_rows_decides_nothing_but_the_numbers_of_objects(
    table: pl.DataFrame, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(table.height)))
    labels = StandardLabels().apply(table)
    shuffled = StandardLabels().apply(table[order])
    assert shuffled.drop("instance_label").equals(labels.drop("instance_label")[order])
    objects = table.select("event_index")[order].with_columns(
        labels["instance_label"][order].alias("before"), shuffled["instance_label"].alias("after")
    )
    # none stays none, and one object stays one object; they count from 0 either way
    pairs = objects.unique().filter(pl.col("before").is_not_null())
    assert pairs.filter((pl.col("before") < 0) != (pl.col("after") < 0)).is_empty()
    pairs = pairs.filter(pl.col("before") >= 0)
    for one, other in (("before", "after"), ("after", "before")):
        by_one = pairs.group_by("event_index", one).agg(pl.col(other).n_unique())
        assert by_one.filter(pl.col(other) > 1).is_empty()
        numbers = (
            pairs.select("event_index", one).unique().group_by("event_index").agg(pl.len(), pl.col(one).max())
        )
        assert numbers.filter(pl.col("len") != pl.col(one) + 1).is_empty()


@given(table=forests(repeats=True))
@few
def test_apply__interleaving_of_events_decides_nothing(table: pl.DataFrame) -> None:
    rows = table.with_row_index("row").sort("event_index", maintain_order=True)["row"]
    assert StandardLabels().apply(table[rows]).equals(StandardLabels().apply(table)[rows])


@given(table=forests(), data=st.data())
@few
def test_apply__names_of_particles_and_events_decide_nothing(
    table: pl.DataFrame, data: st.DataObject
) -> None:
    names = sorted({*table["g4_id"], *table["parent_id"]} - {0})
    others = st.integers(-(2**31), 2**31 - 1).filter(bool)
    new = data.draw(st.lists(others, min_size=len(names), max_size=len(names), unique=True))
    renamed = table.with_columns(
        pl.col("g4_id", "parent_id").replace(dict(zip(names, new, strict=True))),
        event_index=pl.col("event_index") * 1_000_003 - 2_000_000,
    )
    assert StandardLabels().apply(renamed).equals(StandardLabels().apply(table))


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_label__repeated_id_is_an_error_naming_it(engine: Literal["in-memory", "streaming"]) -> None:
    table = particles((4, 1, 0), (4, 6, 1), (4, 6, 1), (9, 2, 0), (9, 2, 0), (9, 2, 0), (7, 1, 0))
    with pytest.raises(LabelError, match=r"2 events have .* event_index 4 has g4_id 6 on 2 particles"):
        TRACKS.label(table).collect(engine=engine)
    with pytest.raises(
        LabelError, match=r"1 event has a repeated .* event_index 9 has g4_id 2 on 3 particles"
    ):
        TRACKS.label(table.filter(pl.col("event_index") > 4)).collect(engine=engine)
    assert TRACKS.apply(table)["fault"].to_list() == ["repeated_g4_id"] * 6 + [None]


def test_apply__repeated_id_harms_no_other_event() -> None:
    good = particles((1, 1, 0, 13), (1, 2, 1, 11, "Decay"), (3, 1, 0, 2212, "", "", 1.0))
    bad = particles((2, 5, 0, 13), (2, 5, 0, 11), (2, 6, 5, 13), (2, 7, 8, 13), (2, 8, 7, 13))
    both = pl.concat([good[:2], bad, good[2:]])
    labels = StandardLabels().apply(both)
    assert labels[[0, 1, 7]].equals(StandardLabels().apply(good))
    assert labels[2:7].rows() == [(None, None, "repeated_g4_id")] * 5


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_label__is_row_for_row_in_any_order(engine: Literal["in-memory", "streaming"]) -> None:
    table = particles((5, 2, 1, 13), (3, 7, 0, 11, "", "", 1.0), (5, 1, 0, 13), (3, 8, 7, 13), (5, 3, 9))
    for given_table in (table, table.lazy()):
        labels = TRACKS.label(given_table)
        assert isinstance(labels, pl.LazyFrame)
        collected = labels.collect(engine=engine)
        assert collected.schema == labels.collect_schema()
        assert collected.schema == {
            "event_index": pl.Int64(), "g4_id": pl.Int32(),
            "semantic_label": pl.Int64(), "instance_label": pl.Int64(),
        }  # fmt: skip
        assert collected.rows() == [
            (5, 2, 0, 1),
            (3, 7, 1, 0),
            (5, 1, 0, 0),
            (3, 8, 1, 0),
            (5, 3, None, None),
        ]
        assert labels.tail(2).collect(engine=engine).row(0) == (3, 8, 1, 0)
        assert labels.filter(pl.col("g4_id") == 8).select("semantic_label").collect(engine=engine).item() == 1


def test_label__collects_nothing_until_it_is_collected() -> None:
    read: list[str] = []

    def source(name: str, table: pl.DataFrame) -> pl.LazyFrame:
        def reading(rows: pl.DataFrame) -> pl.DataFrame:
            read.append(name)
            return rows

        return table.lazy().map_batches(reading, schema=table.schema)

    events = pl.DataFrame({"event_index": [0], "nu_pdg": [14]})
    deposits = pl.DataFrame({"event_index": [0], "g4_id": [1], "energy": [2.0]})
    scheme = scheme_of(Rule("lit", when=deposited_energy > 1), Rule("numu", when=event("nu_pdg") == 14))
    labels = scheme.label(
        source("particles", LINE), events=source("events", events), deposits=source("deposits", deposits)
    )
    labels = labels.filter(pl.col("semantic_label") == 0).select("g4_id")
    assert labels.collect_schema().names() == ["g4_id"]
    assert read == []
    assert labels.collect()["g4_id"].to_list() == [1]
    assert sorted(read) == ["deposits", "events", "particles"]


def test_label__reads_no_table_and_no_column_but_those_it_needs() -> None:
    assert TRACKS.columns == {"particle_table": ("event_index", "g4_id", "parent_id", "momentum", "type")}
    unread = pl.LazyFrame({"event_index": [1]}).map_batches(lambda rows: pytest.fail("was read"))
    table = LINE.with_columns(other=1).select("other", *reversed(TRACKS.columns["particle_table"]))
    labels = TRACKS.label(table, events=unread, deposits=unread).collect()
    assert labels.equals(TRACKS.label(LINE).collect())
