"""What is wrong with an event is an entry in the ledger: it stops nothing and touches no other event."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from numl_polars.events.batch import Batch
from numl_polars.events.file import EventFile
from numl_polars.labels.schemes.events import FlavorLabels
from numl_polars.labels.schemes.standard import StandardLabels
from numl_polars.objects.hit_graph import Built, HitGraph
from tests.builder import Event, particles, simple_event, without_rows, write_events

GRAPH = HitGraph(
    particle_labels=StandardLabels(),
    event_labels=FlavorLabels(),
    vertex=True,
    position=True,
    detailed_truth=True,
)
IDS = [(3, 1, 40), (3, 1, 41), (3, 1, 39), (2, 0, 7)]
BAD = 2
NAMES = [f"r{run}_sr{subrun}_evt{number}" for run, subrun, number in IDS]
MUON = (1, 0, 13, 0.5, "primary", "Decay")

Object = dict[str, NDArray[Any]]
Fault = Callable[[Event], None]


def good_events() -> list[Event]:
    return [simple_event(22 + i, seed=i) for i in range(len(IDS))]


def build(path: Path, start: int = 0, stop: int | None = None, graph: HitGraph = GRAPH) -> Built:
    with EventFile(path) as events:
        return graph.build(Batch(events, start, len(events) if stop is None else stop))


def objects_of(built: Built) -> dict[str, Object]:
    return dict(zip(built.objects.names, built.objects, strict=True))


def assert_same(found: Object, expected: Object) -> None:
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Object]:
    """Objects of the events as they are without any fault, each built alone."""
    path = write_events(tmp_path_factory.mktemp("right") / "a.h5", good_events(), IDS)
    objects: dict[str, Object] = {}
    for event in range(len(IDS)):
        built = build(path, event, event + 1)
        assert built.ledger.is_empty()
        objects |= objects_of(built)
    assert list(objects) == NAMES
    return objects


@pytest.fixture
def with_fault(tmp_path: Path, right: dict[str, Object]) -> Callable[..., tuple[pl.DataFrame, Object | None]]:
    """Ledger of a batch in which one event has a fault, and what became of that event."""

    def build_with(fault: Fault, graph: HitGraph = GRAPH) -> tuple[pl.DataFrame, Object | None]:
        events = good_events()
        fault(events[BAD])
        path = write_events(tmp_path / "a.h5", events, IDS)
        built = build(path, graph=graph)
        objects = objects_of(built)
        bad = objects.pop(NAMES[BAD], None)
        assert list(objects) == [name for name in NAMES if name != NAMES[BAD]]
        for name, found in objects.items():
            assert_same(found, right[name])
        assert built.objects.event_index.tolist() == [
            i for i in range(len(IDS)) if i != BAD or bad is not None
        ]
        ledger = built.ledger
        assert set(ledger["event_index"]) <= {BAD}
        assert set(ledger.select("run", "subrun", "event").iter_rows()) <= {IDS[BAD]}
        # the same from a batch that starts at the event
        part = build(path, BAD, len(IDS), graph)
        assert part.ledger.equals(ledger)
        assert list(objects_of(part)) == NAMES[BAD + (bad is None) :]
        assert_same(objects_of(part)[NAMES[-1]], right[NAMES[-1]])
        return ledger, bad

    return build_with


WithFault = Callable[..., tuple[pl.DataFrame, Object | None]]


def entries(ledger: pl.DataFrame) -> list[tuple[str, bool]]:
    return list(ledger.select("reason", "rejected").iter_rows())


def no_hits(event: Event) -> None:
    event["hit_table"] = without_rows(event)["hit_table"]


def nothing_at_all(event: Event) -> None:
    event.update(without_rows(event))


def no_particles(event: Event) -> None:
    event["particle_table"] = particles([])


def no_deposits(event: Event) -> None:
    event["edep_table"] = without_rows(event)["edep_table"]


def unlabelled(event: Event) -> None:
    event["particle_table"] = particles([MUON, (7, 1, 11, 0.1, "unheard", "of")])
    event["edep_table"]["g4_id"][4:6] = 7


def orphan(event: Event) -> None:
    event["particle_table"] = particles([MUON, (7, 99, 13, 0.5, "Decay", "Decay")])
    event["edep_table"]["g4_id"][4:6] = 7


def child_of_orphan(event: Event) -> None:
    rows = [MUON, (7, 99, 13, 0.5, "Decay", "Decay"), (8, 7, 211, 0.5, "Decay", "Decay")]
    event["particle_table"] = particles(rows)
    event["edep_table"]["g4_id"][4:6] = 8


def circle(event: Event) -> None:
    rows = [MUON, (7, 8, 13, 0.5, "Decay", "Decay"), (8, 7, 13, 0.5, "Decay", "Decay")]
    event["particle_table"] = particles(rows)
    event["edep_table"]["g4_id"][4:6] = 7


def own_parent(event: Event) -> None:
    event["particle_table"] = particles([MUON, (7, 7, 13, 0.5, "Decay", "Decay")])
    event["edep_table"]["g4_id"][4:6] = 7


def repeated_g4_id(event: Event) -> None:
    event["particle_table"] = particles([MUON, (1, 0, 211, 0.5, "primary", "Decay")])


def missing_particle(event: Event) -> None:
    event["edep_table"]["g4_id"][5] = 77


def large_integral(event: Event) -> None:
    event["hit_table"]["integral"][7] = 1_000_001


def infinite_integral(event: Event) -> None:
    event["hit_table"]["integral"][7] = np.inf


def few_hits(event: Event) -> None:
    _keep_19_of_plane_0(event, "hit_table", "edep_table")


def few_deposits(event: Event) -> None:
    _keep_19_of_plane_0(event, "edep_table")


def _keep_19_of_plane_0(event: Event, *tables: str) -> None:
    # plane 0 is the last third
    last = 2 * len(event["hit_table"]["hit_id"]) // 3 + 19
    for table in tables:
        event[table] = {column: rows[:last] for column, rows in event[table].items()}


def nan_deposits(event: Event) -> None:
    event["edep_table"]["energy"][67:] = np.nan


def unknown_plane(event: Event) -> None:
    event["hit_table"]["local_plane"][0] = 3


def negative_plane(event: Event) -> None:
    event["hit_table"]["local_plane"][0] = -1


def unknown_flavour(event: Event) -> None:
    event["event_table"]["nu_pdg"][0] = 99


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        (no_hits, "no_hits", []),
        (nothing_at_all, "no_hits", []),
        (no_deposits, "few_hits", ["plane u has 0 hits with a deposit", "20"]),
        (no_particles, "missing_particle", ["72 hits", "hit 0", "particle 1"]),
        (unlabelled, "unlabelled", ["2 hits", "hit 4", "particle 7", "type 11", "unheard", "of"]),
        (orphan, "orphan", ["2 hits", "hit 4", "particle 7", "parent_id 99"]),
        (child_of_orphan, "orphan", ["2 hits", "hit 4", "particle 8"]),
        (circle, "circle", ["2 hits", "hit 4", "particle 7", "parent_id 8"]),
        (own_parent, "circle", ["2 hits", "hit 4", "particle 7", "parent_id 7"]),
        (repeated_g4_id, "repeated_g4_id", ["1 particles", "1"]),
        (missing_particle, "missing_particle", ["1 hits", "hit 5", "particle 77"]),
        (large_integral, "large_integral", ["1 hits", "1e+06", "1000001"]),
        (infinite_integral, "large_integral", ["1 hits", "inf"]),
        (few_hits, "few_hits", ["plane u has 19 hits", "20"]),
        (few_deposits, "few_hits", ["plane u has 19 hits", "20"]),
        (nan_deposits, "few_hits", ["plane u has 19 hits", "20"]),
        (unknown_plane, "unknown_plane", ["1 hits", "plane 3"]),
        (negative_plane, "unknown_plane", ["1 hits", "plane -1"]),
        (unknown_flavour, "event_unlabelled", ["is_cc 1", "nu_pdg 99"]),
    ],
)
def test_build__fault_rejects_its_event_alone(
    fault: Fault, reason: str, words: list[str], with_fault: WithFault
) -> None:
    ledger, bad = with_fault(fault)
    assert bad is None
    rejected = ledger.filter("rejected")
    assert entries(rejected) == [(reason, True)]
    for word in words:
        assert word in rejected["detail"][0]


def no_spacepoints(event: Event) -> None:
    event["spacepoint_table"] = without_rows(event)["spacepoint_table"]


def test_build__no_spacepoints_is_a_remark(with_fault: WithFault, right: dict[str, Object]) -> None:
    ledger, bad = with_fault(no_spacepoints)
    assert entries(ledger) == [("no_spacepoints", False)]
    assert bad is not None
    assert bad["sp/pos"].shape == (0, 3)
    assert bad["hit_nexus_sp/edge_index"].shape == bad["sp_in_evt/edge_index"].shape == (2, 0)
    points = {"sp/pos", "hit_nexus_sp/edge_index", "sp_in_evt/edge_index"}
    rest = {name: values for name, values in right[NAMES[BAD]].items() if name not in points}
    assert_same({name: bad[name] for name in rest}, rest)


def test_build__no_spacepoint_table_is_a_remark_on_each_event(
    tmp_path: Path, right: dict[str, Object]
) -> None:
    events = good_events()
    for event in events:
        del event["spacepoint_table"]
    built = build(write_events(tmp_path / "a.h5", events, IDS))
    assert built.ledger["event_index"].to_list() == list(range(len(IDS)))
    assert set(entries(built.ledger)) == {("no_spacepoints", False)}
    for name, found in objects_of(built).items():
        assert found["sp/num_nodes"] == 0
        assert list(found) == ["sp/num_nodes" if key == "sp/pos" else key for key in right[name]]
        np.testing.assert_array_equal(found["hit/x"], right[name]["hit/x"])


def test_build__no_event_has_hits(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.h5", [*good_events()[:1], *map(without_rows, good_events()[1:])], IDS)
    built = build(path, 1)
    assert len(built.objects) == 0
    assert built.ledger["event_index"].to_list() == [1, 2, 3]
    assert entries(built.ledger) == [("no_hits", True)] * 3


def particles_without_hits(event: Event) -> None:
    rows = [
        MUON,
        (5, 1, 11, 0.1, "unheard", "of"),
        (7, 99, 13, 0.5, "Decay", "Decay"),
        (8, 9, 13, 0.5, "Decay", "Decay"),
        (9, 8, 13, 0.5, "Decay", "Decay"),
    ]
    event["particle_table"] = particles(rows)


def test_build__faulty_particles_without_hits_are_remarks(
    with_fault: WithFault, right: dict[str, Object]
) -> None:
    ledger, bad = with_fault(particles_without_hits)
    assert sorted(entries(ledger)) == [("circle", False), ("orphan", False), ("unlabelled", False)]
    details = dict(ledger.select("reason", "detail").iter_rows())
    assert "2 particles" in details["circle"]
    assert "1 particles" in details["orphan"]
    assert "99" in details["orphan"]
    assert "unheard" in details["unlabelled"]
    assert bad is not None
    assert_same(bad, right[NAMES[BAD]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", ["local_wire", "local_time"])
def test_build__nonfinite_position_takes_the_hits_edges_only(
    value: float, column: str, with_fault: WithFault, right: dict[str, Object]
) -> None:
    def nonfinite(event: Event) -> None:
        event["hit_table"][column] = event["hit_table"][column].astype(np.float32)
        event["hit_table"][column][[3, 30]] = value

    # concatenation gives the other events the dtype too
    ledger, bad = with_fault(nonfinite)
    assert entries(ledger) == [("nonfinite_position", False)]
    assert "2 hits, the first is hit 3" in ledger["detail"][0]
    assert bad is not None
    for name in ("hit_delaunay_hit/edge_index", "hit_delaunay-planar_hit/edge_index"):
        edges = bad[name]
        assert set(edges[0]) == set(edges[1]) == set(range(72)) - {3, 30}
    axis = ["local_wire", "local_time"].index(column)
    np.testing.assert_array_equal(bad["hit/pos"][[3, 30], axis], [value, value])
    untouched = [name for name in bad if "delaunay" not in name and name not in ("hit/pos", "hit/x")]
    assert_same(
        {name: bad[name] for name in untouched}, {name: right[NAMES[BAD]][name] for name in untouched}
    )


def test_build__no_position_is_finite(with_fault: WithFault) -> None:
    def nowhere(event: Event) -> None:
        event["hit_table"]["local_time"][:] = np.nan

    ledger, bad = with_fault(nowhere)
    assert entries(ledger) == [("nonfinite_position", False)]
    assert "72 hits" in ledger["detail"][0]
    assert bad is not None
    assert bad["hit_delaunay_hit/edge_index"].shape == (2, 0)
    assert bad["hit_delaunay-planar_hit/edge_index"].shape == (2, 0)


def test_build__deposits_of_no_hit_are_left_out(with_fault: WithFault, right: dict[str, Object]) -> None:
    def of_no_hit(event: Event) -> None:
        deposits = event["edep_table"]
        more = {column: np.concatenate([rows, rows[:3]]) for column, rows in deposits.items()}
        more["hit_id"][-3:] = [9000, -1, 9001]
        event["edep_table"] = more

    ledger, bad = with_fault(of_no_hit)
    assert entries(ledger) == [("deposit_without_hit", False)]
    assert "3 deposits, the first names hit_id 9000" in ledger["detail"][0]
    assert bad is not None
    assert_same(bad, right[NAMES[BAD]])


def test_build__small_deposit_of_no_particle_is_a_remark(
    with_fault: WithFault, right: dict[str, Object]
) -> None:
    def of_no_particle(event: Event) -> None:
        deposits = event["edep_table"]
        more = {column: np.concatenate([rows, rows[:1]]) for column, rows in deposits.items()}
        more["g4_id"][-1] = 77
        more["energy"][-1] = 0.01
        event["edep_table"] = more

    ledger, bad = with_fault(of_no_particle)
    assert entries(ledger) == [("deposit_without_particle", False)]
    assert "1 deposits, the first names g4_id 77" in ledger["detail"][0]
    assert bad is not None
    truth = ["hit/y_semantic", "hit/g4_id", "hit_cluster-truth_particle-truth/edge_index"]
    assert_same({name: bad[name] for name in truth}, {name: right[NAMES[BAD]][name] for name in truth})


def test_build__a_hit_at_the_limit_is_kept(with_fault: WithFault) -> None:
    def at_the_limit(event: Event) -> None:
        event["hit_table"]["integral"][7] = 1_000_000

    ledger, bad = with_fault(at_the_limit)
    assert ledger.is_empty()
    assert bad is not None


def test_build__a_plane_at_the_lower_bound_is_kept(with_fault: WithFault) -> None:
    def at_the_bound(event: Event) -> None:
        for table in ("hit_table", "edep_table"):
            event[table] = {column: rows[:68] for column, rows in event[table].items()}

    ledger, bad = with_fault(at_the_bound)
    assert ledger.is_empty()
    assert bad is not None


def test_build__background_hits_are_no_fault(with_fault: WithFault, right: dict[str, Object]) -> None:
    def background(event: Event) -> None:
        event["edep_table"] = {column: rows[1:] for column, rows in event["edep_table"].items()}

    ledger, bad = with_fault(background)
    assert ledger.is_empty()
    assert bad is not None
    assert [bad[f"hit/{name}"][0] for name in ("y_semantic", "g4_id", "parent_id", "pdg")] == [-1] * 4
    assert np.isnan(bad["hit/y_position"][0]).all()
    assert 0 not in bad["hit_cluster-truth_particle-truth/edge_index"][0]
    np.testing.assert_array_equal(bad["hit/y_position"][1:], right[NAMES[BAD]]["hit/y_position"][1:])


def test_build__true_position_without_energy_harms_one_hit(
    with_fault: WithFault, right: dict[str, Object]
) -> None:
    def without_energy(event: Event) -> None:
        event["edep_table"]["energy"][3] = 0
        event["edep_table"]["y_position"][5] = np.nan

    ledger, bad = with_fault(without_energy)
    assert ledger.is_empty()
    assert bad is not None
    expected = right[NAMES[BAD]]["hit/y_position"].copy()
    expected[[3, 5]] = np.nan
    np.testing.assert_array_equal(bad["hit/y_position"], expected)


def test_build__spacepoint_of_no_hit_has_no_edge(with_fault: WithFault, right: dict[str, Object]) -> None:
    def of_no_hit(event: Event) -> None:
        event["spacepoint_table"]["hit_id"][4] = [9000, -1, 9001]

    _, bad = with_fault(of_no_hit)
    assert bad is not None
    edges = right[NAMES[BAD]]["hit_nexus_sp/edge_index"]
    np.testing.assert_array_equal(bad["hit_nexus_sp/edge_index"], edges[:, edges[1] != 4])


def test_build__first_reason_stands(with_fault: WithFault) -> None:
    def all_at_once(event: Event) -> None:
        for fault in (large_integral, unknown_plane, orphan, unknown_flavour):
            fault(event)

    ledger, bad = with_fault(all_at_once)
    assert bad is None
    assert ledger.filter("rejected")["reason"].to_list() == ["large_integral"]


def test_build__every_event_has_its_own_fault(tmp_path: Path, right: dict[str, Object]) -> None:
    faults: list[Fault | None] = [circle, None, no_hits, unlabelled]
    events = good_events()
    for event, fault in zip(events, faults, strict=True):
        if fault is not None:
            fault(event)
    built = build(write_events(tmp_path / "a.h5", events, IDS))
    assert list(objects_of(built)) == [NAMES[1]]
    assert_same(objects_of(built)[NAMES[1]], right[NAMES[1]])
    rejected = built.ledger.filter("rejected")
    assert list(rejected.select("event_index", "reason").iter_rows()) == [
        (0, "circle"),
        (2, "no_hits"),
        (3, "unlabelled"),
    ]
    assert built.ledger["event_index"].is_sorted()


def test_build__without_labels_truth_is_not_asked_for(tmp_path: Path) -> None:
    events = good_events()
    orphan(events[BAD])
    few_deposits(events[0])
    few_hits(events[1])
    for event in events:
        del event["particle_table"]
    built = build(write_events(tmp_path / "a.h5", events, IDS), graph=HitGraph())
    assert list(objects_of(built)) == [name for i, name in enumerate(NAMES) if i != 1]
    assert entries(built.ledger) == [("few_hits", True)]
