"""Light: nodes and edges against an oracle, over identifiers of every kind, and in the real file."""

import math
import statistics
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numl_polars as nl
from numl_polars import parts
from numl_polars.detectors import DETECTORS
from numl_polars.objects.batch import ObjectBatch
from numl_polars.objects.optical_kernels import follow_in_time, nearest_of_others
from numl_polars.objects.training_object import Built
from tests.builder import Event, simple_event, without_rows, write_events
from tests.objects.light import OF_FLASH, OF_PULSE, light

CLOCK: dict[str, Any] = {"tick": 0.5, "trigger_tick": 800.0, "drift_time": 1000.0}
TWO_CRYOSTATS = nl.Detector(cryostats=2, tpcs=1, pmts=4)
PLACED = nl.Detector(pmts=3, pmt_positions=((1.0, 2.0), (-1.0, 2.0), (0.5, 0.0)))


def optical_event(rng: np.random.Generator, *, hits: int = 3, **options: Any) -> Event:
    """An event with light, spacepoints that name hits that are not there, and hits without time."""
    event = simple_event(hits, seed=int(rng.integers(1 << 30)))
    missing = rng.random(event["spacepoint_table"]["hit_id"].shape) < 0.4
    event["spacepoint_table"]["hit_id"][missing] = rng.choice([-1, 999], int(missing.sum()))
    event["hit_table"]["local_time"][rng.random(3 * hits) < 0.1] = np.nan
    event["hit_table"]["Cryostat"] = rng.integers(-1, 3, 3 * hits).astype(np.int32)
    return event | light(rng, **options)


def build(path: Path, events: list[Event], detector: nl.Detector | None = None, **options: Any) -> Built:
    """Objects of the events, with spacepoints."""
    with nl.open(write_events(path, events)) as file:
        scheme = nl.TrainingObject(
            lower_bound=0, detector=detector, parts=[parts.SpacepointNodes(), parts.Optical(**options)]
        )
        return scheme.build(nl.Batch(file, 0, len(events)))


# ---- the oracle: what an event's tables say, in plain Python


def flashes_of_sums(event: Event) -> list[int]:
    """Row of the flash of each sum, -1 for none."""
    own = event["opflash_table"]["flash_id"].tolist()
    return [
        own.index(name) if name != -1 and name in own else -1
        for name in event["opflashsumpe_table"]["flash_id"].tolist()
    ]


def sums_of_pulses(event: Event) -> list[int]:
    """Row of the sum of each optical hit, -1 for none: of several with that identifier, of the brightest."""
    flash, light = flashes_of_sums(event), event["opflash_table"]["totalpe"].tolist()
    found = []
    for name in event["ophit_table"]["sumpe_id"].tolist():
        best, most = -1, -math.inf
        for row, own in enumerate(event["opflashsumpe_table"]["sumpe_id"].tolist()):
            bright = light[flash[row]] if flash[row] >= 0 else -math.inf
            if name != -1 and own == name and (best < 0 or bright > most):
                best, most = row, bright
        found.append(best)
    return found


def edges(rows: list[int]) -> list[tuple[int, int]]:
    return [(source, target) for source, target in enumerate(rows) if target >= 0]


def cryostats(event: Event, detector: nl.Detector | None) -> tuple[list[int], ...]:
    """Cryostat of each flash, sum and spacepoint, -1 where it is not known."""
    sums, flash = event["opflashsumpe_table"], flashes_of_sums(event)
    points = event["spacepoint_table"]["hit_id"].tolist()
    of_sum, of_flash = [-1] * len(flash), [-1] * len(event["opflash_table"]["time"])
    if detector is None or detector.cryostats == 1 or detector.pmts is None:
        return of_flash, of_sum, [-1] * len(points)
    for row, channel in enumerate(sums["pmt_channel"].tolist()):
        if 0 <= channel < detector.pmts:
            of_sum[row] = channel // (detector.pmts // detector.cryostats)
    for row in range(len(of_flash)):
        own = [(-pe, of_sum[number]) for number, pe in enumerate(sums["sumpe"].tolist())
               if flash[number] == row and of_sum[number] >= 0]  # fmt: skip
        of_flash[row] = min(own, default=(0.0, -1), key=lambda one: one[0])[1]
    ids, of_hit = event["hit_table"]["hit_id"].tolist(), event["hit_table"]["Cryostat"].tolist()
    of_point = []
    for named in points:
        known = [of_hit[ids.index(one)] for one in named if one in ids]
        of_point.append(next((one for one in known if 0 <= one < detector.cryostats), -1))
    return of_flash, of_sum, of_point


def apart(one: int, other: int) -> bool:
    return one >= 0 and other >= 0 and one != other


def pmt_positions(event: Event, detector: nl.Detector | None = None) -> list[tuple[float, float]]:
    sums, pulses = event["opflashsumpe_table"], event["ophit_table"]
    known = () if detector is None or detector.pmt_positions is None else detector.pmt_positions
    if "yz_pos" in sums:
        return [tuple(row) for row in sums["yz_pos"].tolist()]
    channels = pulses["hit_channel"].tolist()
    return [
        tuple(pulses["yz_pos"][channels.index(channel)].tolist())
        if "yz_pos" in pulses and channel in channels
        else known[channel]
        if channel < len(known)
        else (np.nan, np.nan)
        for channel in sums["pmt_channel"].tolist()
    ]


def spacepoint_times(event: Event) -> list[float]:
    ids = event["hit_table"]["hit_id"].tolist()
    found = []
    for named in event["spacepoint_table"]["hit_id"].tolist():
        ticks = [float(event["hit_table"]["local_time"][ids.index(one)]) for one in named if one in ids]
        ticks = [tick for tick in ticks if np.isfinite(tick)]
        found.append((float(np.mean(ticks)) - 800) * 0.5 if ticks else np.nan)
    return found


def expected(
    event: Event, nearest: int, tolerance: float, detector: nl.Detector | None = None
) -> dict[str, Any]:
    flashes, sums, pulses = (event[name] for name in ("opflash_table", "opflashsumpe_table", "ophit_table"))
    positions = pmt_positions(event, detector)
    times = spacepoint_times(event)
    of_flash, of_sum, of_point = cryostats(event, detector)
    points = event["spacepoint_table"]["position"][:, 1:].astype(float).tolist()
    near = []
    for row, point in enumerate(points):
        distances = [
            ((point[0] - p[0]) ** 2 + (point[1] - p[1]) ** 2, pmt)
            for pmt, p in enumerate(positions)
            if np.isfinite(p).all() and not apart(of_sum[pmt], of_point[row])
        ]
        near += [(row, pmt) for pmt in sorted(pmt for _, pmt in sorted(distances)[:nearest])]
    return {
        "ophit/pos": pulses["wire_pos"],
        "ophit/x": np.column_stack([pulses["wire_pos"], *(pulses[name] for name in OF_PULSE)]),
        "pmt/pos": np.reshape(positions, (-1, 2)),
        "pmt/x": np.column_stack([np.reshape(positions, (-1, 2)), sums["pmt_channel"], sums["sumpe"]]),
        "flash/pos": flashes["wire_pos"],
        "flash/x": np.column_stack([flashes["wire_pos"], *(flashes[name] for name in OF_FLASH)]),
        "ophit_in_pmt/edge_index": edges(sums_of_pulses(event)),
        "pmt_in_flash/edge_index": edges(flashes_of_sums(event)),
        "flash_in_evt/edge_index": [(row, 0) for row in range(len(flashes["time"]))],
        "flash_time_sp/edge_index": [
            (row, point)
            for row, time in enumerate(flashes["time"].astype(float).tolist())
            for point in range(len(times))
            if -tolerance <= times[point] - time <= 1000 + tolerance
            and not apart(of_flash[row], of_point[point])
        ],
        "sp_knn_pmt/edge_index": near,
    }


def assert_expected(
    objects: ObjectBatch,
    events: list[Event],
    nearest: int,
    tolerance: float,
    detector: nl.Detector | None = None,
) -> None:
    for arrays, number in zip(objects, objects.event_index.tolist(), strict=True):
        for name, wanted in expected(events[number], nearest, tolerance, detector).items():
            if name.endswith("edge_index"):
                if name not in arrays:
                    assert not nearest
                    continue
                assert arrays[name].shape[0] == 2
                assert arrays[name].dtype == np.int64
                assert [tuple(edge) for edge in arrays[name].T.tolist()] == wanted, name
            else:
                assert arrays[name].dtype == np.float32
                np.testing.assert_array_equal(arrays[name], np.asarray(wanted, np.float32), name)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1 << 20),
    sizes=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 7), st.integers(0, 12), st.integers(0, 4)),
        min_size=1, max_size=4,
    ),
    positions=st.sampled_from(["ophit_table", "opflashsumpe_table", ""]),
    nearest=st.integers(0, 3),
    tolerance=st.sampled_from([0.0, 10.0]),
    detector=st.sampled_from([None, TWO_CRYOSTATS, PLACED]),
)  # fmt: skip
def test_optical__equals_the_oracle(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    sizes: list[tuple[int, int, int, int]],
    positions: str,
    nearest: int,
    tolerance: float,
    detector: nl.Detector | None,
) -> None:
    rng = np.random.default_rng(seed)
    events = [
        optical_event(rng, flashes=flashes, sums=sums, pulses=pulses, hits=hits, positions=positions)
        for flashes, sums, pulses, hits in sizes
    ]
    path = tmp_path_factory.mktemp("o") / "e.h5"
    built = build(path, events, detector, nearest_pmts=nearest, tolerance=tolerance, **CLOCK)
    with_hits = [number for number, (*_, hits) in enumerate(sizes) if hits]
    assert built.objects.event_index.tolist() == with_hits
    assert_expected(built.objects, events, nearest, tolerance, detector)
    found = built.ledger.filter(built.ledger["reason"] != "no_hits")
    assert remarks(events, detector) == {
        (row["event_index"], row["reason"]): int(row["detail"].split()[0])
        for row in found.to_dicts()
        if row["reason"] not in ("no_spacepoints", "no_light")
    }
    dark = found.filter(found["reason"] == "no_light")["event_index"].to_list()
    assert dark == [number for number in with_hits if 0 in sizes[number][:3]]


def remarks(events: list[Event], detector: nl.Detector | None) -> dict[tuple[int, str], int]:
    """Number of rows of each remark, by event and reason."""
    counts: dict[tuple[int, str], int] = {}
    for number, event in enumerate(events):
        flash_id = event["opflash_table"]["flash_id"].tolist()
        sum_id, of_flash = (event["opflashsumpe_table"][name].tolist() for name in ("sumpe_id", "flash_id"))
        of_sum = event["ophit_table"]["sumpe_id"].tolist()
        counts |= {
            (number, "repeated_flash_id"): len(flash_id) - len(set(flash_id)),
            (number, "repeated_sumpe_id"): len(sum_id) - len(set(zip(sum_id, of_flash, strict=True))),
            (number, "sum_without_flash"): sum(one not in (-1, *flash_id) for one in of_flash),
            (number, "optical_hit_without_sum"): sum(one not in (-1, *sum_id) for one in of_sum),
            (number, "pmt_without_position"): int(np.isnan(pmt_positions(event, detector)).any(axis=-1).sum())
            if sum_id
            else 0,
        }
    return {key: count for key, count in counts.items() if count}


def test_optical__event_without_light_keeps_empty_stores(tmp_path: Path) -> None:
    events = [optical_event(np.random.default_rng(number)) for number in range(3)]
    for table in ("opflash_table", "opflashsumpe_table", "ophit_table"):
        events[1][table] = without_rows(events[0])[table]
    built = build(tmp_path / "e.h5", events, nearest_pmts=2, **CLOCK)
    assert len(built.objects) == 3
    empty = built.objects.arrays(1)
    shapes = {
        name: array.shape for name, array in empty.items() if "pmt" in name or "flash" in name or "op" in name
    }
    assert shapes == {
        "ophit/pos": (0, 3), "ophit/x": (0, 8), "pmt/pos": (0, 2), "pmt/x": (0, 4), "flash/pos": (0, 3),
        "flash/x": (0, 10), "ophit_in_pmt/edge_index": (2, 0), "pmt_in_flash/edge_index": (2, 0),
        "flash_in_evt/edge_index": (2, 0), "flash_time_sp/edge_index": (2, 0),
        "sp_knn_pmt/edge_index": (2, 0),
    }  # fmt: skip
    assert built.ledger.filter(built.ledger["reason"] == "no_light")["event_index"].to_list() == [1]


def test_optical__edges_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    path = write_events(tmp_path / "e.h5", [optical_event(rng) for _ in range(6)])
    scheme = nl.TrainingObject(
        lower_bound=0, parts=[parts.SpacepointNodes(), parts.Optical(nearest_pmts=2, **CLOCK)]
    )
    with nl.open(path) as events:
        whole = scheme.build(nl.Batch(events, 0, 6)).objects
        for number in range(6):
            alone = scheme.build(nl.Batch(events, number, number + 1)).objects.arrays(0)
            for name, array in whole.arrays(number).items():
                np.testing.assert_array_equal(alone[name], array, name)


def test_optical__of_left_out_events_makes_no_edges(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    events = [optical_event(rng, hits=hits, flashes=3) for hits in (6, 2, 6)]
    path = write_events(tmp_path / "e.h5", events)
    scheme = nl.TrainingObject(
        lower_bound=5, parts=[parts.SpacepointNodes(), parts.Optical(nearest_pmts=1, **CLOCK)]
    )
    with nl.open(path) as file:
        objects = scheme.build(nl.Batch(file, 0, 3)).objects
    assert objects.event_index.tolist() == [0, 2]
    assert_expected(objects, events, 1, 10.0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tick": 0.0}, "tick is 0.0; it must be a number above 0"),
        ({"drift_time": float("nan")}, "drift_time is nan; it must be a number above 0"),
        ({"trigger_tick": float("inf")}, "trigger_tick is inf; it must be a finite number"),
        ({"tolerance": -1.0}, "tolerance is -1.0; it must be a number, 0 or above"),
        ({"nearest_pmts": -1}, "nearest_pmts is -1; it must be 0 or above"),
        ({"spacepoints": "no"}, "spacepoints is 'no'; it must be True or False"),
    ],
)
def test_optical__option_without_meaning_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(nl.OptionError, match=told):
        parts.Optical(**options)


def test_optical__file_without_light_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        nl.InputError,
        match=r"has no ophit_table, opflashsumpe_table, opflash_table: .* has edep_table, event_table, hit_t",
    ):
        build(tmp_path / "e.h5", [simple_event()])


def test_optical__missing_column_is_told(tmp_path: Path) -> None:
    event = optical_event(np.random.default_rng(0))
    del event["opflash_table"]["totalpe"]
    with pytest.raises(nl.InputError, match=r"opflash_table of .*: no column 'totalpe' \(has "):
        build(tmp_path / "e.h5", [event], **CLOCK)


def test_optical__file_of_unknown_detector_is_told(tmp_path: Path) -> None:
    event = optical_event(np.random.default_rng(0))
    with pytest.raises(
        nl.OptionError, match="does not tell its detector: give tick, trigger_tick and drift_time"
    ):
        build(tmp_path / "e.h5", [event], tick=0.4)
    assert len(build(tmp_path / "e2.h5", [event], spacepoints=False).objects) == 1


def test_optical__hits_without_ticks_are_told(tmp_path: Path) -> None:
    event = optical_event(np.random.default_rng(0))
    hits = event["hit_table"]
    for name, other in (("local_plane", "view"), ("local_wire", "proj"), ("local_time", "drift")):
        hits[other] = hits.pop(name)
    with pytest.raises(
        nl.InputError,
        match=r"no hit time in ticks: looked for \(local_time\) or \(time\); .*spacepoints=False",
    ):
        build(tmp_path / "e.h5", [event], **CLOCK)


@pytest.mark.parametrize("without", ["spacepoint_table", "ticks of dune"])
def test_optical__spacepoints_or_names_of_their_hits_may_differ(tmp_path: Path, without: str) -> None:
    event = optical_event(np.random.default_rng(0))
    if without == "spacepoint_table":
        del event["spacepoint_table"]
        arrays = build(tmp_path / "e.h5", [event], nearest_pmts=2, **CLOCK).objects.arrays(0)
        assert arrays["flash_time_sp/edge_index"].shape == arrays["sp_knn_pmt/edge_index"].shape == (2, 0)
        return
    wanted = expected(event, 0, 10.0)["flash_time_sp/edge_index"]
    hits = event["hit_table"]
    hits |= {"view": hits["local_plane"], "proj": hits["local_wire"], "drift": hits["local_time"] * 0.08}
    hits |= {"plane": hits.pop("local_plane"), "wire": hits.pop("local_wire"), "time": hits.pop("local_time")}
    arrays = build(tmp_path / "e.h5", [event], **CLOCK).objects.arrays(0)
    assert [tuple(edge) for edge in arrays["flash_time_sp/edge_index"].T.tolist()] == wanted


def test_optical__of_the_real_file(shared: Path) -> None:
    path = shared / "data" / "real" / "r7010_sr1705_evt85251.evt.h5"
    known = DETECTORS["uboone"].pmt_positions
    with nl.open(path) as events:
        scheme = nl.HitGraph(parts=[parts.Optical(nearest_pmts=2)])
        built = scheme.build(events[0])
    arrays = built.objects.arrays(0)
    assert "optical" not in " ".join(built.ledger["reason"].to_list())
    with h5py.File(path) as file:
        named = file["ophit_table/sumpe_id"][:, 0]
        channel = file["opflashsumpe_table/pmt_channel"][:, 0]
        places = dict(
            zip(
                file["ophit_table/hit_channel"][:, 0].tolist(),
                file["ophit_table/yz_pos"][:].tolist(),
                strict=True,
            )
        )
        np.testing.assert_allclose([places[channel] for channel in range(32)], known or (), atol=1e-3)
        # identifiers of this event happen to be rows
        np.testing.assert_array_equal(file["opflashsumpe_table/sumpe_id"][:, 0], np.arange(27))
        used = np.flatnonzero(named >= 0)
        np.testing.assert_array_equal(arrays["ophit_in_pmt/edge_index"], [used, named[used]])
        np.testing.assert_array_equal(
            arrays["pmt/pos"], np.array([places[one] for one in channel.tolist()], np.float32)
        )
        np.testing.assert_array_equal(arrays["ophit/x"][:, 6], file["ophit_table/peaktime"][:, 0])
        ticks = dict(
            zip(
                file["hit_table/hit_id"][:, 0].tolist(),
                file["hit_table/local_time"][:, 0].tolist(),
                strict=True,
            )
        )
        times = [
            (statistics.fmean(ticks[hit] for hit in hits if hit >= 0) - 800) / 2
            for hits in file["spacepoint_table/hit_id"][:].tolist()
        ]
    assert arrays["ophit/pos"].shape == (411, 3)
    assert len(used) == 205
    np.testing.assert_array_equal(arrays["pmt_in_flash/edge_index"], [np.arange(27), np.zeros(27)])
    assert arrays["flash_in_evt/edge_index"].tolist() == [[0], [0]]
    assert arrays["flash/x"][0].tolist() == pytest.approx(
        [963, 751, 1042, 5.071875, 3.99, 1271.8759, -35.737732, 36.327663, 312.7363, 83.95075]
    )
    within = [row for row, time in enumerate(times) if -10 <= time - 5.071875 <= 2350]
    assert arrays["flash_time_sp/edge_index"][1].tolist() == within
    assert arrays["sp_knn_pmt/edge_index"].shape == (2, 2 * 72)


# ---- the kernels, compiled and as plain Python


@pytest.mark.parametrize("function", [follow_in_time, follow_in_time.py_func], ids=["compiled", "plain"])
def test_follow_in_time__bounds_count_and_nan_does_not(function: Any) -> None:
    pairs = function(
        np.array([0, 2, 2]), np.array([0.0, np.nan]), np.array([1, 1]),
        np.array([0, 5, 6]), np.array([-1.0, 2.0, np.nan, 2.5, 0.0, 0.0]), np.array([-1, 1, 1, 1, 0, 1]),
        -1.0, 2.0,
    )  # fmt: skip
    assert pairs.tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    "function", [nearest_of_others, nearest_of_others.py_func], ids=["compiled", "plain"]
)
@pytest.mark.parametrize(("k", "expected"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 3]), (1 << 60, [0, 1, 3])])
def test_nearest_of_others__first_of_equal_ones(function: Any, k: int, expected: list[int]) -> None:
    others = np.array([[0.0, 1.0], [1.0, 0.0], [np.nan, 0.0], [0.0, -1.0], [np.inf, 0.0], [0.0, 0.0]])
    points = np.array([[0.0, 0.0], [np.nan, 0.0], [0.0, -np.inf]])
    pairs = function(
        np.array([0, 3]), points, np.array([1, 1, 1]),
        np.array([0, 6]), others, np.array([1, -1, 1, 1, 1, 0]), k,
    )  # fmt: skip
    assert pairs.tolist() == [[0] * len(expected), expected]


@pytest.fixture
def simulated(tmp_path: Path) -> Path:
    path = tmp_path / "s.evt.h5"
    nl.simulate(path, events=20, detector="icarus", seed=1)
    return path


@pytest.mark.parametrize("told", [True, False])
def test_simulated__flash_of_the_beam_has_all_spacepoints_of_its_cryostat(
    simulated: Path, told: bool
) -> None:
    """What the files do not tell of is not known: then it has those of both."""
    options: dict[str, Any] = {"tick": 0.4, "trigger_tick": 850.0, "drift_time": 940.0}
    scheme = nl.HitGraph(
        detector="icarus" if told else None,
        parts=[parts.Optical(nearest_pmts=1, **({} if told else options))],
        lower_bound=0,
    )
    with nl.open(simulated) as events:
        objects = scheme.build(nl.Batch(events, 0, 20)).objects
    beam = stray = crossing = 0
    for arrays in objects:
        time, east = arrays["flash/x"][:, 3], arrays["sp/pos"][:, 0] < 0
        first = dict(arrays["pmt_in_flash/edge_index"].T[::-1, ::-1].tolist())
        for flash in range(len(time)):
            in_east = arrays["pmt/x"][first[flash], 2] < 180
            joined = arrays["flash_time_sp/edge_index"][1][arrays["flash_time_sp/edge_index"][0] == flash]
            wanted = np.flatnonzero(east == in_east) if told else np.arange(len(east))
            if 0 <= time[flash] <= 1.6:
                assert joined.tolist() == wanted.tolist()
                beam += 1
            else:
                stray += len(joined) < len(wanted)
        point, pmt = arrays["sp_knn_pmt/edge_index"]
        crossing += int(((arrays["pmt/x"][pmt, 2] < 180) != east[point]).sum())
    assert beam > 10
    assert stray > 0
    assert (crossing == 0) == told


def test_optical__flash_is_in_the_cryostat_of_its_brightest_photomultiplier(tmp_path: Path) -> None:
    event = optical_event(np.random.default_rng(0), flashes=1, sums=4, hits=1)
    event["opflash_table"] |= {"flash_id": np.array([7]), "time": np.zeros(1, np.float32)}
    event["opflashsumpe_table"] |= {
        "flash_id": np.array([7, 7, 7, -1]),
        "pmt_channel": np.array([0, 3, 1, 1]),
        "sumpe": np.array([5.0, 9.0, np.nan, 99.0], np.float32),
    }
    event["hit_table"] |= {
        "hit_id": np.arange(3), "local_time": np.full(3, 900.0), "Cryostat": np.array([0, 1, 5])
    }  # fmt: skip
    event["spacepoint_table"] = {
        "spacepoint_id": np.arange(4),
        "position": np.zeros((4, 3), np.float32),
        "hit_id": np.array([[-1, -1, 0], [2, 1, -1], [-1, 2, -1], [0, 1, -1]]),
    }
    arrays = build(tmp_path / "e.h5", [event], TWO_CRYOSTATS, **CLOCK).objects.arrays(0)
    assert arrays["flash_time_sp/edge_index"].tolist() == [[0, 0], [1, 2]]


def test_optical__charge_may_come_a_tolerance_too_early_or_too_late(tmp_path: Path) -> None:
    event = optical_event(np.random.default_rng(0), flashes=4, hits=1)
    event["hit_table"]["local_time"] = np.full(3, 900.0)  # 50 us
    event["spacepoint_table"]["hit_id"] = np.zeros_like(event["spacepoint_table"]["hit_id"])
    event["opflash_table"]["time"] = np.array([-965.0, -955.0, 55.0, 65.0], np.float32)
    arrays = build(tmp_path / "e.h5", [event], **CLOCK).objects.arrays(0)
    assert set(arrays["flash_time_sp/edge_index"][0].tolist()) == {1, 2}


def test_optical__sums_may_be_numbered_in_each_flash(tmp_path: Path) -> None:
    """As MicroBooNE's writer does: optical hits then name sums of the brightest flash, here the second."""
    event = optical_event(np.random.default_rng(0), flashes=3, sums=6, pulses=4)
    event["opflash_table"] |= {"flash_id": np.arange(3), "totalpe": np.array([5.0, 30.0, 30.0], np.float32)}
    event["opflashsumpe_table"] |= {
        "flash_id": np.array([0, 0, 1, 1, 2, 2]), "sumpe_id": np.array([0, 1, 0, 1, 0, 1])
    }  # fmt: skip
    event["ophit_table"]["sumpe_id"] = np.array([1, 0, -1, 1])
    built = build(tmp_path / "e.h5", [event], **CLOCK)
    arrays = built.objects.arrays(0)
    assert arrays["ophit_in_pmt/edge_index"].tolist() == [[0, 1, 3], [3, 2, 3]]
    assert arrays["pmt_in_flash/edge_index"].tolist() == [[0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 2, 2]]
    assert "repeated_sumpe_id" not in built.ledger["reason"].to_list()


def test_simulated__open_data_have_photomultipliers_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "open.evt.h5"
    nl.simulate(path, events=5, detector="uboone-open", seed=1)
    with nl.open(path) as events:
        built = nl.HitGraph(parts=[parts.Optical()], lower_bound=0).build(nl.Batch(events, 0, 5))
    assert "pmt_without_position" not in built.ledger["reason"].to_list()
    for arrays in built.objects:
        known = np.array(DETECTORS["uboone"].pmt_positions, np.float32)
        np.testing.assert_array_equal(arrays["pmt/pos"], known[arrays["pmt/x"][:, 2].astype(np.int64)])
        for flash in range(len(arrays["flash/x"])):
            own = arrays["pmt/x"][arrays["pmt_in_flash/edge_index"][1] == flash]
            z = np.average(own[:, 1], weights=own[:, 3])
            assert z == pytest.approx(arrays["flash/x"][flash, 8], abs=0.1)


def test_command__takes_it(simulated: Path, tmp_path: Path, run: Any) -> None:
    options = ("--object", "bare", "--lower-bound", "0", "--detector", "icarus")
    result = run(simulated, tmp_path / "out", *options, "--part", "spacepoint-nodes", "--part", "optical")
    assert result.returncode == 0, result.stderr
    with h5py.File(tmp_path / "out.h5") as file:
        assert len(file["dataset"])
        names = next(iter(file["dataset"].values())).dtype.names
    assert {"flash/x", "pmt_in_flash/edge_index", "flash_time_sp/edge_index"} <= set(names)


def test_command__without_clock_says_what_to_give(simulated: Path, tmp_path: Path, run: Any) -> None:
    result = run(simulated, tmp_path / "out", "--part", "optical")
    assert result.returncode != 0
    assert "give tick, trigger_tick and drift_time" in result.stderr
    assert "Traceback" not in result.stderr
