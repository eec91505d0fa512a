"""Plane, wire and time of hits, by detector and coordinates."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numl_polars as nl
from numl_polars.detectors import Detector
from numl_polars.errors import InputError
from numl_polars.events.file import EventFile
from tests.builder import Event, simple_event, write_events


def two_coordinates(seed: int = 0) -> Event:
    """An event with local and stitched coordinates, of two cryostats of two TPCs."""
    event = simple_event(30, seed=seed)
    hits = event["hit_table"]
    rng = np.random.default_rng(seed)
    number = len(hits["hit_id"])
    hits["tpc"] = rng.integers(0, 2, number).astype(np.int32)
    hits["Cryostat"] = rng.integers(0, 2, number).astype(np.int32)
    hits["global_plane"] = hits["local_plane"].copy()
    hits["global_wire"] = (hits["local_wire"] + 5000).astype(np.int32)
    hits["global_time"] = hits["local_time"] + 100
    return event


FOUR = Detector(name="four", cryostats=2, tpcs=2)


def graph_of(path: Path, **options: Any) -> dict[str, np.ndarray]:
    """Arrays of the first event's graph."""
    detector = options.get("detector")
    with EventFile(path, detector=detector) as events:
        built = nl.HitGraph(**options).build(events[0])
    assert len(built.objects) == 1, built.ledger
    return dict(built.objects.arrays(0))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_events(tmp_path / "e.h5", [two_coordinates()])


def test_coordinates__local_or_stitched(path: Path) -> None:
    hits = two_coordinates()["hit_table"]
    for options, columns in (
        ({}, ("local_wire", "local_time")),
        ({"coordinates": "local"}, ("local_wire", "local_time")),
        ({"coordinates": "global"}, ("global_wire", "global_time")),
        ({"detector": "icarus"}, ("global_wire", "global_time")),
        ({"detector": "icarus", "coordinates": "local"}, ("local_wire", "local_time")),
        ({"coordinates": ("tpc", "rms", "integral")}, ("rms", "integral")),
    ):
        expected = np.stack([hits[name].astype(np.float32) for name in columns], axis=1)
        assert np.array_equal(graph_of(path, **options, lower_bound=0)["hit/pos"], expected)


def test_planes_per_tpc__number_each_chamber(path: Path) -> None:
    hits = two_coordinates()["hit_table"]
    arrays = graph_of(path, detector=FOUR, planes_per_tpc=True)
    chamber = hits["tpc"] + 2 * hits["Cryostat"]
    assert np.array_equal(arrays["hit/plane"], hits["local_plane"] + 3 * chamber)
    assert np.array_equal(arrays["hit/x"][:, 2], chamber)
    source, target = arrays["hit_delaunay-planar_hit/edge_index"]
    assert source.size
    assert np.array_equal(arrays["hit/plane"][source], arrays["hit/plane"][target])
    assert nl.HitGraph(detector=FOUR, planes_per_tpc=True).plane_names[:4] == ("u0", "v0", "y0", "u1")


def test_planes_per_tpc__limits_go_by_view(path: Path) -> None:
    """30 hits a view over four chambers are enough, though no chamber has 20."""
    assert len(graph_of(path, detector=FOUR, planes_per_tpc=True, lower_bound=30)["hit/id"]) == 90
    with EventFile(path) as events:
        built = nl.HitGraph(detector=FOUR, planes_per_tpc=True, lower_bound=31).build(events[0])
    assert built.ledger["reason"].to_list() == ["few_hits"]


def test_planes_per_tpc__unknown_chambers_are_unknown_planes(tmp_path: Path) -> None:
    event = two_coordinates()
    event["hit_table"]["tpc"][7] = 2
    with EventFile(write_events(tmp_path / "e.h5", [event])) as events:
        built = nl.HitGraph(detector=FOUR, planes_per_tpc=True).build(events[0])
    assert built.ledger["reason"].to_list() == ["unknown_plane"]


def test_tpc_offsets__move_hits_of_each_chamber(path: Path) -> None:
    hits = two_coordinates()["hit_table"]
    offsets = ((0.0, 0.0), (1000.0, 0.0), (0.0, 7000.0), (-10.0, 10.0))
    detector = Detector(name="four", cryostats=2, tpcs=2, tpc_offsets=offsets)
    chamber = hits["tpc"] + 2 * hits["Cryostat"]
    plain = np.stack([hits["local_wire"].astype(np.float32), hits["local_time"]], axis=1)
    expected = plain + np.array(offsets, np.float32)[chamber]
    assert np.array_equal(graph_of(path, detector=detector)["hit/pos"], expected)


def test_planes__by_name_in_the_file(tmp_path: Path) -> None:
    event = simple_event()
    plane = event["hit_table"]["local_plane"]
    event["hit_table"]["local_plane"] = np.array([b"U", b"V", b"Y"])[plane]
    arrays = graph_of(write_events(tmp_path / "e.h5", [event]))
    assert np.array_equal(arrays["hit/plane"], plane)


def test_planes__by_number_in_the_file(tmp_path: Path) -> None:
    event = simple_event()
    hits, points = event["hit_table"], event["spacepoint_table"]
    hits["local_plane"][hits["local_plane"] == 1] = 0
    points["hit_id"][:, 1] = -1
    arrays = graph_of(write_events(tmp_path / "e.h5", [event]), planes=("u", "y"), plane_numbers=(0, 2))
    assert np.array_equal(arrays["hit/plane"], np.minimum(hits["local_plane"], 1))
    # the collection plane stands first in the file, but second here
    assert arrays["hit_nexus_sp/edge_index"].shape == (2, 50)


def test_planes__numbered_from_one(tmp_path: Path) -> None:
    event = simple_event()
    event["spacepoint_table"]["hit_id"][::2, 1] = -1
    expected = graph_of(write_events(tmp_path / "e.h5", [event]))
    event["hit_table"]["local_plane"] += 1
    arrays = graph_of(write_events(tmp_path / "from1.h5", [event]), plane_numbers=(1, 2, 3))
    for name in ("hit/plane", "hit_nexus_sp/edge_index", "hit_delaunay-planar_hit/edge_index"):
        assert np.array_equal(arrays[name], expected[name])


def test_planes__two_views(tmp_path: Path) -> None:
    event = simple_event()
    hits, points = event["hit_table"], event["spacepoint_table"]
    hits["local_plane"][hits["local_plane"] == 2] = 1
    points["hit_id"] = points["hit_id"][:, :2]
    arrays = graph_of(write_events(tmp_path / "e.h5", [event]), detector="argoneut")
    assert set(arrays["hit/plane"].tolist()) == {0, 1}
    assert arrays["hit_nexus_sp/edge_index"].shape == (2, 50)


def test_detector__says_what_files_call_their_columns(tmp_path: Path) -> None:
    event = simple_event()
    event["particle_table"]["pdg_code"] = event["particle_table"].pop("type")
    event["hit_table"]["charge"] = event["hit_table"].pop("integral")
    path = write_events(tmp_path / "e.h5", [event])
    toml = tmp_path / "mine.toml"
    toml.write_text("[columns]\nparticle_table.type = 'pdg_code'\nhit_table.integral = 'charge'\n")
    with EventFile(path, detector=toml) as events:
        assert "type" in events.column_names("particle_table")
        with pytest.raises(InputError, match="column 'charge' is read as 'integral'"):
            events.require("hit_table", ["charge"])
    arrays = graph_of(path, detector=toml, particle_labels=nl.StandardLabels())
    assert set(arrays["hit/y_semantic"].tolist()) == {nl.StandardLabels().classes.index("muon")}


def test_coordinates__unknown_layouts_say_what_was_looked_for(tmp_path: Path) -> None:
    event = simple_event()
    event["hit_table"]["channel"] = event["hit_table"].pop("local_wire")
    message = r"hit_table of .*e\.h5 has no hit plane, wire and time: looked for \(local_plane, .*channel"
    with EventFile(write_events(tmp_path / "e.h5", [event])) as events:
        with pytest.raises(InputError, match=message):
            nl.HitGraph().build(events[0])
        with pytest.raises(InputError, match=r"no global hit plane.*looked for \(global_plane"):
            nl.HitGraph(coordinates="global").build(events[0])
