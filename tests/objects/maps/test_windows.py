"""Where windows lie, which events they leave out, and which options mean nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numl_polars as nl
from tests.builder import Event, simple_event, without_rows, write_events

EXTENT = ((0, 2400), (0, 6400))


def hits_at(places: list[tuple[int, float, float, float]]) -> Event:
    """An event with hits (plane, wire, time, charge), without truth."""
    event = simple_event(1)
    plane, wire, time, charge = zip(*places, strict=True)
    event["hit_table"] = {
        "hit_id": np.arange(len(places), dtype=np.int32),
        "local_plane": np.array(plane, np.int32),
        "local_wire": np.array(wire, np.float32),
        "local_time": np.array(time, np.float32),
        "integral": np.array(charge, np.float32),
        "rms": np.ones(len(places), np.float32),
    }
    event["event_table"]["nu_vtx_wire_pos"] = np.array([[1000, 20, 300]], np.int32)
    event["event_table"]["nu_vtx_wire_time"] = np.array([4000], np.float32)
    event["event_table"]["nu_vtx_corr"] = np.array([[54.91, 0, 500]], np.float32)
    for table in ("particle_table", "edep_table", "spacepoint_table"):
        del event[table]
    return event


def built(path: Path, events: list[Event], scheme: Any) -> Any:
    with nl.open(write_events(path / "e.h5", events)) as file:
        return scheme.build(nl.Batch(file, 0, len(file)))


def arrays(path: Path, event: Event, **options: Any) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = built(path, [event], nl.PixelMap(**options)).objects.arrays(0)
    return found


def test_whole__extent_of_the_detector(tmp_path: Path) -> None:
    event = hits_at([(0, 0, 0, 1), (2, 3455, 6399, 2), (0, 2400, 10, 4), (1, 10, 6400, 8), (1, -1, 5, 16)])
    found = arrays(tmp_path, event, bins=(256, 256))
    assert found["window/lower"].tolist() == [[[0, 0]] * 3]
    assert found["window/bin"].tolist() == [[[9.375, 25], [9.375, 25], [13.5, 25]]]
    assert found["pixel/coordinates"].tolist() == [[0, 0], [255, 255]]
    assert found["pixel/x"].tolist() == [[1], [2]]


def test_whole__bins_may_reach_beyond_the_extent(tmp_path: Path) -> None:
    extent = [((0, 10), (0, 7)), ((0, 20), (0, 7)), ((-10, 10), (0, 7))]
    event = hits_at([(0, 9, 6, 1), (0, 11, 6, 2), (0, 12, 6, 4), (1, 19, 8, 8), (2, -10, 0, 16)])
    found = arrays(tmp_path, event, bin_size=4, extent=extent)
    assert found["pixel/coordinates"].tolist() == [[2, 1], [0, 0]]
    assert found["pixel/x"].tolist() == [[3], [16]]
    dense = arrays(tmp_path, event, bin_size=4, extent=extent, dense=True)
    assert dense["image/x"].shape == (1, 3, 5, 2)


def test_vertex__time_is_that_of_the_drift_from_it(tmp_path: Path) -> None:
    event = hits_at([(0, 1000, 1800, 1), (1, 20, 1800, 2), (2, 300, 1800, 4), (2, 300, 4000, 8)])
    found = arrays(tmp_path, event, window="vertex", size=(64, 128), bins=(32, 32))
    assert found["window/lower"][0].tolist() == [[968, 1736], [-12, 1736], [268, 1736]]
    assert found["pixel/coordinates"].tolist() == [[16, 16]] * 3
    del event["event_table"]["nu_vtx_corr"]
    found = arrays(tmp_path, event, window="vertex", size=(64, 128), bins=(32, 32))
    assert found["pixel/plane"].tolist() == [2]
    assert found["pixel/x"].tolist() == [[8]]


def test_centroid__is_weighted_by_charge(tmp_path: Path) -> None:
    event = hits_at([(0, 100, 100, 1), (0, 200, 300, 3), (1, 50, 50, 0), (1, 70, 80, -5), (0, np.nan, 0, 9)])
    found = arrays(tmp_path, event, window="centroid", size=(20, 40), bin_size=2)
    # without charge, all hits count alike; a plane without hits has its window where the detector begins
    assert found["window/lower"][0].tolist() == [[165, 230], [50, 45], [0, 0]]


def test_densest__holds_the_most_in_its_middle(tmp_path: Path) -> None:
    event = hits_at([(0, 100, 100, 5), (0, 104, 108, 5), (0, 500, 500, 9), (1, 3, 3, 1)])
    found = arrays(tmp_path, event, window="densest", size=(20, 40), bins=(20, 10))
    assert found["window/lower"][0].tolist() == [[93, 88], [-6, -16], [0, 0]]
    assert found["pixel/x"].tolist() == [[5], [5], [1]]


@pytest.mark.parametrize("grid", [{"bins": 7}, {"bin_size": (3, 5)}])
def test_tight__holds_all_hits(tmp_path: Path, grid: dict[str, Any]) -> None:
    rng = np.random.default_rng(3)
    places = [(0, *rng.uniform(-50, 5000, 2).tolist(), 1.0) for _ in range(200)] + [(1, 7.0, 8.0, 1.0)]
    found = arrays(tmp_path, hits_at(places), window="tight", **grid)
    assert found["pixel/x"].sum() == 201
    coordinates = found["pixel/coordinates"][found["pixel/plane"] == 0]
    assert coordinates.min(axis=0).tolist() == [0, 0]
    if "window/shape" in found:
        assert (coordinates.max(axis=0) + 1).tolist() == found["window/shape"][0, 0].tolist()
        assert found["window/shape"][0, 1:].tolist() == [[1, 1], [0, 0]]
        assert (found["window/lower"][0, 0] % (3, 5) == 0).all()
    else:
        assert coordinates.max(axis=0).tolist() == [6, 6]


def test_voxels__about_the_vertex(tmp_path: Path) -> None:
    event = simple_event(5)
    event["edep_table"]["x_position"][:] = 1.0
    event["edep_table"]["y_position"][:] = 2.0
    event["edep_table"]["z_position"][:] = np.repeat([3.0, 3.9, 99.0], 5)
    scheme = nl.VoxelMap(window="vertex", size=4, voxel_size=1, box="uboone")
    found = built(tmp_path, [event], scheme).objects.arrays(0)
    assert found["window/lower"].tolist() == [[-1, 0, 1]]
    assert found["voxel/coordinates"].tolist() == [[2, 2, 2]]
    energy = event["edep_table"]["energy"]
    assert found["voxel/x"].tolist() == [
        [0, pytest.approx(energy[5:10].sum()), pytest.approx(energy[:5].sum())]
    ]


def test_spacepoints__share_the_charge_of_a_hit(tmp_path: Path) -> None:
    event = simple_event(1)
    event["hit_table"]["integral"][:] = [8, 4, 2]  # planes 2, 1, 0
    event["spacepoint_table"] = {
        "spacepoint_id": np.arange(4, dtype=np.int32),
        "position": np.array([[1, 1, 1], [5, 5, 5], [1, 1, 1], [900, 0, 0]], np.float32),
        "hit_id": np.array([[2, 1, 0], [-1, 1, 0], [-1, -1, 0], [-1, -1, 0]], np.int32),
    }
    scheme = nl.VoxelMap(source="spacepoints", box=((0, 10), (0, 10), (0, 10)), voxel_size=2)
    found = built(tmp_path, [event], scheme).objects.arrays(0)
    assert found["voxel/coordinates"].tolist() == [[0, 0, 0], [2, 2, 2]]
    assert found["voxel/x"] == pytest.approx(np.array([[2, 2, 16 / 3], [0, 2, 8 / 3]]))


def test_select__reasons_and_remarks(tmp_path: Path) -> None:
    far = hits_at([(0, 100, 100, 1), (0, 1e9, 100, 1)])
    lost = hits_at([(0, 100, 100, 1)])
    lost["event_table"]["nu_vtx_corr"][0, 0] = np.nan
    outside = hits_at([(0, 100, 100, 1)])
    outside["event_table"]["nu_vtx_wire_pos"][:] = 9000
    strange = hits_at([(0, 1000, 1800, 1), (1, np.nan, 5, 1), (1, 5, 5, np.inf)])
    events = [far, lost, outside, strange, without_rows(far)]
    ledger = built(tmp_path, events, nl.PixelMap(window="vertex", size=64, bins=8, max_integral=None)).ledger
    rows = ledger.select("event_index", "reason", "rejected", "detail").rows()
    wires = ", ".join(f"nu_vtx_wire_pos_{plane} {wire}" for plane, wire in enumerate((1000, 20, 300)))
    assert rows == [
        (0, "empty_window", True, "no hit in it"),
        (1, "no_vertex", True, f"{wires}, nu_vtx_corr_x NaN"),
        (2, "outside_window", True, "from (8968, 1768) to (9032, 1832)"),
        (3, "unusable_hit", False, "2 hits, the first has hit_id 1"),
        (4, "no_hits", True, ""),
    ]
    ledger = built(tmp_path, events, nl.PixelMap(window="tight", bin_size=1)).ledger
    assert ledger.filter(event_index=0).select("reason", "detail").rows() == [
        ("large_window", "more than 32,768 bins on an axis")
    ]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"window": "all"}, "window 'all' is none of whole, vertex, centroid, densest, tight"),
        ({"size": 5}, r"window 'whole' has no size of its own \(size 5 is given\)"),
        ({"window": "vertex"}, "window 'vertex' needs a size; vertex, centroid, densest have one"),
        ({"bins": 5, "bin_size": 2}, "give bins or bin_size: both, 5 and 2, of them is given"),
        ({"bins": 0}, "bins 0 of wire is no whole number from 1 to 32,768"),
        ({"bins": (4, 2**16)}, "bins 65536 of time is no whole number"),
        ({"bins": (2.5, 4)}, "bins 2.5 of wire is no whole number"),
        ({"bins": 2.5}, "PixelMap: bins is 2.5; it must be a whole number, a list or None"),
        ({"bins": "many"}, "bins is 'many'; it must be a whole number, a list or None"),
        ({"dense": "no"}, "dense is 'no'; it must be True or False"),
        ({"bins": (4, 4, 4)}, r"bins \(4, 4, 4\): give one number, or one for each of wire, time"),
        ({"bin_size": 0}, "bin_size 0 of wire is not a finite number above 0"),
        ({"bin_size": (1, -2)}, "bin_size -2 of time is not a finite number above 0"),
        ({"bin_size": float("nan")}, "bin_size nan of wire"),
        ({"window": "vertex", "size": (64, float("inf"))}, "size inf of time"),
        ({"window": "vertex", "size": 64, "bin_size": 5}, "size 64 of wire does not divide into bins of"),
        ({"window": "densest", "size": 64, "bin_size": 100}, "does not divide"),
        ({"window": "centroid", "size": 64, "bin_size": 1e-4}, "has 640,000 bins of 0.0001; at most 32,768"),
        ({"window": "tight", "bin_size": 2, "dense": True}, "each event would have another shape"),
        ({"extent": "lariat"}, "extent 'lariat' is no detector of uboone, dune, argoneut"),
        ({"extent": ((0, 5), (7, 7))}, "extent: time from 7 to 7 is no range"),
        ({"extent": ((5, 0), (0, 7))}, "extent: wire from 5 to 0 is no range"),
        ({"extent": ((0, float("nan")), (0, 7))}, "extent: wire from 0 to nan is no range"),
        ({"extent": [((0, 5), (0, 7))] * 2}, "or such pairs for each of 3 planes"),
        ({"extent": (0, 5)}, "give a pair"),
        ({"extent": ((0, 5), (0, 7)), "bin_size": 1e-6}, "wire has 5,000,000 bins"),
    ],
)  # fmt: skip
def test_pixel_map__options_without_meaning(options: dict[str, Any], message: str) -> None:
    with pytest.raises(nl.OptionError, match=message):
        nl.PixelMap(**options)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"source": "hits"}, "source 'hits' is none of deposits, spacepoints"),
        ({"voxel_size": 0}, "voxel_size 0 of x is not a finite number above 0"),
        ({"voxel_size": (1, 1)}, r"voxel_size \(1, 1\): give one number, or one for each of x, y, z"),
        ({"voxel_size": 1, "bins": 3}, "give bins or voxel_size: both"),
        ({"box": ((0, 1), (0, 1), (1, 0))}, "box: z from 1 to 0 is no range"),
        ({"box": "nova"}, "box 'nova' is no detector"),
        ({"box": ((0, 1e9),) * 3, "voxel_size": 1}, "x has 1,000,000,000 bins of 1; at most"),
    ],
)
def test_voxel_map__options_without_meaning(options: dict[str, Any], message: str) -> None:
    with pytest.raises(nl.OptionError, match=message):
        nl.VoxelMap(**options)


def test_maps__files_that_do_not_do(tmp_path: Path) -> None:
    event = simple_event()
    for axis in "xyz":
        del event["edep_table"][f"{axis}_position"]
    del event["spacepoint_table"]
    with nl.open(write_events(tmp_path / "e.h5", [event])) as events:
        for scheme, message in (
            (nl.PixelMap(), "does not tell what its planes span: give extent"),
            (nl.PixelMap(window="vertex", size=8), "has no vertex on the wire planes"),
            (nl.VoxelMap(box="uboone"), "has no deposit position: .*; take the source spacepoints"),
            (nl.VoxelMap(box="uboone", source="spacepoints"), "spacepoint_table.*; take the source deposits"),
            (nl.VoxelMap(source="spacepoints"), "does not tell the size of its detector: give box"),
        ):  # fmt: skip
            with pytest.raises(nl.InputError, match=message):
                scheme.columns(events)
        with pytest.raises(nl.OptionError, match="a dense map of 3 x 9,376 x 25,000 cells is above"):
            nl.PixelMap(extent=((0, 9376), (0, 25000)), bin_size=1, dense=True).columns(events)
        with pytest.raises(nl.OptionError, match="layer 'energy': pixels have their energy"):
            nl.PixelMap(particle_labels={"energy": nl.StandardLabels()}, extent=EXTENT).columns(events)


def test_real_event__vertex_is_where_hits_are(shared: Path) -> None:
    with nl.open(shared / "data/real/r7010_sr1705_evt85251.evt.h5") as events:
        found = nl.PixelMap(window="vertex", size=(20, 100), bin_size=1).build(events[0]).objects.arrays(0)
    assert set(found["pixel/plane"].tolist()) == {0, 1, 2}
