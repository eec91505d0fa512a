"""Objects made of parts: included ones, and the user's own."""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import numl_polars as nl
from numl_polars import parts
from numl_polars.labels.hits import hit_truth
from numl_polars.objects.assembly import build_objects
from numl_polars.objects.batch import Attribute
from numl_polars.objects.formation import Formation
from numl_polars.objects.neighbours import nearest, neighbour_edges, within
from numl_polars.timing import Stages
from tests.builder import simple_event, without_rows, write_events


@pytest.fixture
def events(tmp_path: Path) -> Iterable[nl.EventFile]:
    """Three events, of which the second has no rows."""
    path = write_events(
        tmp_path / "e.h5", [simple_event(), without_rows(simple_event()), simple_event(30, seed=1)]
    )
    with nl.open(path) as file:
        yield file


def build(events: nl.EventFile, *some: Any, **options: Any) -> Any:
    return nl.TrainingObject(parts=some, **options).build(nl.Batch(events, 0, len(events))).objects


def test_object__has_its_parts_only(events: nl.EventFile) -> None:
    objects = build(events, parts.RadiusEdges(radius=300.0), parts.HitNodes(features=("rms",)))
    assert [attribute.name for attribute in objects.attributes] == [
        "metadata/run", "metadata/subrun", "metadata/event", "evt/num_nodes", "hit/plane", "hit/pos", "hit/x",
        "hit_radius-planar_hit/edge_index",
    ]  # fmt: skip
    assert objects.names == ("r1_sr0_evt0", "r1_sr0_evt2")
    assert [arrays["hit/x"].shape for arrays in objects] == [(75, 4), (90, 4)]


def test_object__reads_what_its_parts_need(events: nl.EventFile) -> None:
    bare = nl.TrainingObject().columns(events)
    assert bare == {"hit_table": ["hit_id", "integral", "local_plane", "local_wire", "local_time"]}
    assert nl.TrainingObject(parts=[parts.Vertex()]).columns(events).keys() == {"hit_table", "event_table"}


def test_hit_graph__takes_further_parts(events: nl.EventFile) -> None:
    graph = nl.HitGraph(parts=[parts.NearestEdges(k=3)])
    plain = nl.HitGraph().build(nl.Batch(events, 0, 3)).objects
    more = graph.build(nl.Batch(events, 0, 3)).objects
    assert [one.name for one in more.attributes] == [
        *(one.name for one in plain.attributes),
        "hit_nearest-planar_hit/edge_index",
    ]


def test_object__what_parts_remark_alike_is_one_remark(tmp_path: Path) -> None:
    event = simple_event()
    event["hit_table"]["local_time"][3] = np.nan
    with nl.open(write_events(tmp_path / "e.h5", [event])) as events:
        graph = nl.HitGraph(parts=[parts.NearestEdges(k=3), parts.RadiusEdges(radius=2.0)])
        ledger = graph.build(nl.Batch(events, 0, 1)).ledger
    assert ledger["reason"].to_list() == ["nonfinite_position"]


def test_object__attribute_of_two_parts_is_told(events: nl.EventFile) -> None:
    with pytest.raises(nl.OptionError, match="two parts of the object add the attribute 'hit/plane'"):
        build(events, parts.HitNodes(), parts.HitNodes(features=()))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: parts.NearestEdges(k=0), "k is 0; a node has at least 1 neighbour"),
        (lambda: parts.NearestEdges(k=cast(int, 2.5)), "NearestEdges: k is 2.5; it must be a whole number"),
        (lambda: parts.NearestEdges(k=True), "k is True; it must be a whole number"),
        (lambda: parts.NearestEdges(planar=cast(bool, "no")), "planar is 'no'; it must be True or False"),
        (lambda: parts.NearestEdges(scale=cast(Any, 0)), "scale is 0; it must be a list or None"),
        (lambda: parts.HitNodes(features="rms"), "HitNodes: features is 'rms'; it must be a list"),
        (lambda: nl.HitGraph(lower_bound=cast(int, "x")), "HitGraph: lower_bound is 'x'; it must be a whole"),
        (lambda: parts.NearestEdges(of="wires"), "of is 'wires'; it may be 'hits' or 'spacepoints'"),
        (lambda: parts.RadiusEdges(radius=float("nan")), "radius is nan; it must be a number above 0"),
        (lambda: parts.RadiusEdges(radius=1.0, scale=(1.0,)), "scale is .1.0,.; it has 2 numbers above 0"),
        (
            lambda: nl.TrainingObject(parts=[cast(nl.Part, parts.Vertex)]),
            "part Vertex is a class; write Vertex()",
        ),
        (
            lambda: nl.TrainingObject(parts=[cast(nl.Part, len)]),
            "a function becomes one by the decorator @part",
        ),
    ],
)
def test_part__option_without_meaning_is_told(wrong: Any, told: str) -> None:
    with pytest.raises(nl.OptionError, match=told.replace("()", r"\(\)")):
        wrong()


def test_build__of_a_file_is_told(events: nl.EventFile) -> None:
    with pytest.raises(nl.OptionError, match=r"a batch of them, .* this is of type EventFile"):
        nl.HitGraph().build(cast(nl.Batch, events))


@pytest.mark.parametrize(
    ("some", "told"),
    [
        ([parts.NearestEdges()], "'hit_nearest-planar_hit' join nodes 'hit', .* makes them, hit-nodes"),
        ([parts.HitNodes(), parts.NexusEdges()], "join nodes 'sp', .* makes them, spacepoint-nodes"),
    ],
)
def test_object__edges_without_nodes_are_told(events: nl.EventFile, some: Any, told: str) -> None:
    with pytest.raises(nl.OptionError, match=told):
        build(events, *some)


@pytest.mark.parametrize(
    "part", [parts.SemanticTruth(), parts.InstanceTruth(), parts.DetailedTruth(), parts.EdgeTruth()]
)
def test_truth__without_labels_is_told(events: nl.EventFile, part: nl.Part) -> None:
    with pytest.raises(nl.OptionError, match="truth needs particle labels"):
        build(events, parts.HitNodes(), part)


def test_neighbours__of_spacepoints(events: nl.EventFile) -> None:
    arrays = build(events, parts.NearestEdges(of="spacepoints", k=2), parts.SpacepointNodes()).arrays(0)
    edges, position = arrays["sp_nearest_sp/edge_index"], arrays["sp/pos"]
    assert edges.shape == (2, 50)
    distance = np.linalg.norm(position[:, None] - position[None], axis=2)
    for node in range(25):
        own = set(edges[0, edges[1] == node].tolist())
        assert own == set(np.argsort(distance[node])[1:3].tolist())


points = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda point: (float(point[0]), float(point[1]))),
    max_size=12,
)


Sets = list[list[tuple[float, float]]]


def _sets(sets: Sets) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Points and planes of each event: planes alternate over all points."""
    first = 0
    for one in sets:
        yield np.array(one, np.float64).reshape(-1, 2), np.arange(first, first + len(one)) % 2
        first += len(one)


def _edges(sets: Sets, pairs: Callable[[NDArray[np.float64]], NDArray[np.int64]]) -> list[list[list[int]]]:
    """Edges of each event."""
    points, plane = (np.concatenate(found) for found in zip(*_sets(sets), strict=True))
    offsets = np.cumsum([0, *map(len, sets)])
    edges, starts = neighbour_edges(points, plane, offsets, pairs)
    return [edges[:, a:b].T.tolist() for a, b in pairwise(starts)]


@settings(max_examples=60, deadline=None)
@given(sets=st.lists(points, min_size=1, max_size=5), radius=st.sampled_from([0.5, 1.0, 2.3]))
def test_radius__edges_equal_an_oracle(sets: Sets, radius: float) -> None:
    for found, (own, plane) in zip(_edges(sets, lambda one: within(one, radius)), _sets(sets), strict=True):
        every = range(len(own))
        assert found == [
            [i, j]
            for i in every
            for j in every
            if i != j and plane[i] == plane[j] and np.linalg.norm(own[i] - own[j]) <= radius
        ]


@settings(max_examples=60, deadline=None)
@given(sets=st.lists(points, min_size=1, max_size=5), k=st.integers(1, 5))
def test_nearest__edges_are_the_shortest(sets: Sets, k: int) -> None:
    for found, (own, plane) in zip(_edges(sets, lambda one: nearest(one, k)), _sets(sets), strict=True):
        assert found == sorted(found)
        for i in range(len(own)):
            near = [j for j, target in found if target == i]
            others = [j for j in range(len(own)) if j != i and plane[j] == plane[i]]
            assert len(set(near)) == len(near)
            assert set(near) <= set(others)
            shortest = sorted(np.linalg.norm(own[others] - own[i], axis=1))[:k]
            assert np.allclose(sorted(np.linalg.norm(own[near] - own[i], axis=1)), shortest)


@nl.part(hit_table=["integral", "rms"])
def density(hits: pl.LazyFrame, *, scale: float = 1.0) -> dict[str, pl.LazyFrame]:
    per_hit = hits.select("event_index", scale * pl.col("integral") / pl.col("rms"))
    charge = hits.group_by("event_index", maintain_order=True).agg(
        pl.col("integral").sum(), pl.col("rms").max()
    )
    chain = hits.select(
        "event_index",
        source=pl.int_range(pl.len()).over("event_index"),
        target=(pl.int_range(pl.len()).over("event_index") + 1) % pl.len().over("event_index"),
    )
    return {"hit/density": per_hit, "evt/charge": charge, "hit_next_hit/edge_index": chain}


def test_function__becomes_a_part(events: nl.EventFile) -> None:
    objects = build(events, density, parts.HitNodes())
    scaled = build(events, density(scale=2.0))
    for arrays, twice in zip(objects, scaled, strict=True):
        assert np.allclose(arrays["hit/density"], arrays["hit/x"][:, 0] / arrays["hit/x"][:, 1])
        assert np.array_equal(twice["hit/density"], 2 * arrays["hit/density"])
        assert arrays["evt/charge"].shape == (1, 2)
        assert arrays["evt/charge"][0, 0] == pytest.approx(arrays["hit/x"][:, 0].sum(), rel=1e-5)
        assert arrays["hit_next_hit/edge_index"][1, -1] == 0
    assert density(scale=2.0).describe()["parameters"] == {"scale": 2.0}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("no mapping", "str, not a mapping of names to frames"),
        ({"hit/a": 1}, "for 'hit/a' int, not a LazyFrame or DataFrame"),
        ({"hit/a": pl.DataFrame({"a": [1]})}, r"no event_index and column of values \(has a\)"),
        ({"hit/a": pl.DataFrame({"event_index": [1], "a": [1]})}, "rows of event 1, which is not among"),
        ({"hit/a": pl.DataFrame({"event_index": [2, 0], "a": [1, 1]})}, "not in the order of event_index"),
        ({"hit/a": pl.DataFrame({"event_index": [0], "a": ["x"]})}, "column 'a' of String, not of numbers"),
        ({"hit/a": pl.DataFrame({"event_index": [0], "a": [None]})}, "column 'a' of 1 nulls"),
        ({"hit_a_hit/edge_index": pl.DataFrame({"event_index": [0], "a": [1]})}, "not source and target"),
        ({"new/num_nodes": pl.DataFrame({"event_index": [0], "a": [1]})}, "1 rows, not one of one column"),
    ],
)
def test_function__wrong_result_is_told(events: nl.EventFile, value: Any, told: str) -> None:
    @nl.part(hit_table=["integral"])
    def mine(hits: pl.LazyFrame) -> Any:
        return value

    with pytest.raises(nl.PartError, match="mine returns.*" + told):
        build(events, mine)


def test_function__what_it_raises_is_told(events: nl.EventFile) -> None:
    @nl.part(hit_table=["integral"])
    def mine(hits: pl.LazyFrame) -> Any:
        raise KeyError("gone")

    with pytest.raises(nl.PartError, match="mine raises KeyError: 'gone'"):
        build(events, mine)


def test_function__missing_column_is_told(events: nl.EventFile) -> None:
    @nl.part(hit_table=["charge"])
    def mine(hits: pl.LazyFrame) -> Any:
        return {}

    with pytest.raises(nl.InputError, match=r"no column 'charge' \(has .*; mine reads it"):
        build(events, mine)


def test_class__becomes_a_part(events: nl.EventFile) -> None:
    class Wires(nl.Part):
        least: float = 0.0

        def columns(self, events: Any, scheme: nl.TrainingObject) -> dict[str, list[str]]:
            return {"hit_table": ["rms"]}

        def select(self, formation: Formation) -> None:
            broad = formation.tables["hit_table"]["rms"].to_numpy() > 7.99
            formation.remark("nonfinite_position", "hit_table", broad, ("rms",), "{rows} broad, {rms}")

        def attributes(self, formation: Formation) -> Iterable[Attribute]:
            hits = formation.hits
            values = hits.take(formation.tables["hit_table"]["rms"], np.float32)
            yield Attribute("hit/broad", values > self.least, hits.offsets)

    objects = build(events, Wires(least=4.0), parts.HitNodes(features=("rms",)))
    for arrays in objects:
        assert arrays["hit/broad"].tolist() == (arrays["hit/x"][:, 0] > 4).tolist()


def test_several__objects_share_reading_and_labels(
    events: nl.EventFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def spied(*given: Any) -> Any:
        calls.append(given)
        return hit_truth(*given)

    monkeypatch.setattr("numl_polars.objects.formation.hit_truth", spied)
    labels = nl.StandardLabels()
    kinds = {
        "graph": nl.HitGraph(particle_labels=labels),
        "nodes": nl.TrainingObject(particle_labels=labels, parts=[parts.SemanticTruth()]),
    }
    built = build_objects(kinds, nl.Batch(events, 0, 3), Stages())
    assert len(calls) == 1
    for graph, nodes in zip(built["graph"].objects, built["nodes"].objects, strict=True):
        assert np.array_equal(graph["hit/y_semantic"], nodes["hit/y_semantic"])
