"""The simulator's files of each generation: their columns, and what these must agree on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numl_polars.commands.simulate import DETECTORS as CHOICES
from numl_polars.schema import TABLES
from numl_polars.tools.simulate import simulate
from numl_polars.tools.simulate.detectors import DETECTORS, ICARUS, SBND
from tests.tools.test_simulate import Tables, assert_equal, column, event_index, key_of, read

EVENTS = 64
OPTICAL = ("uboone-optical", "uboone-open", "icarus", "sbnd")
OPTICAL_TABLES = {"opflash_table", "opflashsumpe_table", "ophit_table"}
LOCAL = {"local_plane", "local_wire", "local_time"}
GLOBAL = {"global_plane", "global_wire", "global_time"}
HITS = {"hit_id", "integral", "rms", "tpc"}
POSITIONS = {"x_position", "y_position", "z_position"}
KEYS = {"event_id", "event_id.seq", "event_id.seq_cnt"}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tables]:
    folder = tmp_path_factory.mktemp("generations")
    found = {}
    for name in DETECTORS:
        path = folder / f"{name}.h5"
        simulate(path, events=EVENTS, detector=name, seed=2, layout="contiguous")  # type: ignore[arg-type]
        found[name] = read(path)
    return found


def names(tables: Tables, table: str) -> set[str]:
    return tables[table].keys() - KEYS


def test_command__knows_all_of_them() -> None:
    assert tuple(DETECTORS) == CHOICES


@pytest.mark.parametrize(
    ("name", "hits", "deposits"),
    [
        ("uboone-optical", LOCAL, {"energy", "energy_fraction"}),
        ("uboone-open", LOCAL, {"energy", "energy_fraction"}),
        ("dune-2024", LOCAL | GLOBAL, {"energy"} | POSITIONS),
        ("dune-2023", LOCAL | GLOBAL, {"energy_fraction"}),
        ("icarus", LOCAL | GLOBAL | {"Cryostat"}, {"energy"} | POSITIONS),
        ("sbnd", LOCAL | GLOBAL | {"Cryostat"}, {"energy"} | POSITIONS),
        ("two-views", LOCAL, {"energy"} | POSITIONS),
    ],
)
def test_generation__has_its_columns(
    samples: dict[str, Tables], name: str, hits: set[str], deposits: set[str]
) -> None:
    tables = samples[name]
    assert names(tables, "hit_table") == HITS | hits
    assert names(tables, "edep_table") == {"hit_id", "g4_id"} | deposits
    assert ("type" in tables["particle_table"]) != (name == "uboone-open")
    assert ("g4_pdg" in tables["particle_table"]) == (name == "uboone-open")
    assert ("spacepoint_table" not in tables) == (name == "uboone-open")
    assert (tables.keys() >= OPTICAL_TABLES) == (name in OPTICAL)
    if name != "uboone-open":
        assert ("Chi_squared" in tables["spacepoint_table"]) == (name in ("icarus", "sbnd"))
    for table, columns in tables.items():
        known = {one.name: one for one in TABLES[table].columns}
        for column_name in columns.keys() - KEYS:
            one = known["type" if column_name == "g4_pdg" else column_name]
            expected = ("S64",) if one.dtype == "string" else one.dtype.split(", ")
            assert columns[column_name].dtype in [np.dtype(dtype) for dtype in expected]
            assert columns[column_name].shape[1] in (
                max(len(one.components), 1),
                2 if name == "two-views" else 0,
            )


def test_generation__dtypes_of_wires(samples: dict[str, Tables]) -> None:
    for name, dtype in (("uboone-open", "i4"), ("dune-2024", "f4"), ("icarus", "i4")):
        assert samples[name]["hit_table"]["local_wire"].dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("uboone-optical", "uboone"),
        ("uboone-open", "uboone"),
        ("dune-2024", "dune"),
        ("dune-2023", "dune-2024"),
    ],
)
def test_generation__holds_the_events_of_its_detector(samples: dict[str, Tables], name: str, of: str) -> None:
    renamed = {"g4_pdg": "type"}
    for table, columns in samples[name].items():
        if table == "edep_table" and name == "dune-2023":
            continue
        for column_name, values in columns.items():
            other = samples[of].get(table, {}).get(renamed.get(column_name, column_name))
            if other is not None:
                np.testing.assert_array_equal(values, other)


def test_dune_2024__local_columns_are_plane_wire_and_time(samples: dict[str, Tables]) -> None:
    old, new = samples["dune-2024"]["hit_table"], samples["dune"]["hit_table"]
    for one, other in (("plane", "plane"), ("wire", "wire"), ("time", "time")):
        np.testing.assert_array_equal(old[f"local_{one}"], new[other])
    np.testing.assert_array_equal(old["global_plane"], new["view"])


@pytest.mark.parametrize("name", ["dune-2024", "icarus", "sbnd"])
def test_stitched__wires_and_times_run_through(samples: dict[str, Tables], name: str) -> None:
    detector = DETECTORS[name]
    deposits, hits = samples[name]["edep_table"], samples[name]["hit_table"]
    keys = key_of(event_index(hits), column(hits, "hit_id"))
    row = np.searchsorted(keys, key_of(event_index(deposits), column(deposits, "hit_id")))
    position = np.stack([column(deposits, axis) for axis in sorted(POSITIONS)], axis=1).astype(np.float64)
    assert (column(hits, "global_wire") >= 0).all()
    for view in range(3):
        own = column(hits, "global_plane")[row] == view
        across = detector.across(view, position[own]) / detector.pitches[view]
        off = column(hits, "global_wire")[row][own] - across
        assert np.ptp(off) < 2  # wires of neighbouring TPCs do not meet in one line
    ticks = (position[:, 0] - detector.lower[0]) / detector.tick_cm
    off = column(hits, "global_time")[row] - ticks - detector.trigger_tick
    assert abs(np.median(off)) < 1
    assert np.abs(off).max() < 100


def test_icarus__hits_lie_in_two_cryostats_of_four_tpcs(samples: dict[str, Tables]) -> None:
    hits, deposits = samples["icarus"]["hit_table"], samples["icarus"]["edep_table"]
    cryostat, tpc = column(hits, "Cryostat"), column(hits, "tpc")
    assert set(zip(cryostat.tolist(), tpc.tolist(), strict=True)) == {
        (c, t) for c in (0, 1) for t in range(4)
    }
    keys = key_of(event_index(hits), column(hits, "hit_id"))
    row = np.searchsorted(keys, key_of(event_index(deposits), column(deposits, "hit_id")))
    x, z = column(deposits, "x_position"), column(deposits, "z_position")
    assert ((np.abs(x) > 62) & (np.abs(x) < 358)).all()
    np.testing.assert_array_equal(cryostat[row], (x > 0).astype(np.int64))
    expected = 2 * ((np.abs(x) < 210) == (x < 0)) + (z >= 0)
    np.testing.assert_array_equal(tpc[row], expected)
    ticks = ICARUS.tick_of(x.astype(np.float64), np.searchsorted([-210, 0, 210], x))
    assert abs(np.median(column(hits, "local_time")[row] - ticks)) < 1


def test_planes__change_places_in_every_other_drift_volume(samples: dict[str, Tables]) -> None:
    hits = samples["icarus"]["hit_table"]
    local, stitched = column(hits, "local_plane"), column(hits, "global_plane")
    odd = column(hits, "tpc") >= 2
    np.testing.assert_array_equal(local, np.where(odd & (stitched > 0), 3 - stitched, stitched))
    assert (local != stitched).any()


def test_two_views__spacepoints_name_hits_on_both_planes(samples: dict[str, Tables]) -> None:
    hits, spacepoints = samples["two-views"]["hit_table"], samples["two-views"]["spacepoint_table"]
    assert set(column(hits, "local_plane").tolist()) == {0, 1}
    keys = key_of(event_index(hits), column(hits, "hit_id"))
    for view in range(2):
        wanted = key_of(event_index(spacepoints), spacepoints["hit_id"][:, view].astype(np.int64))
        row = np.searchsorted(keys, wanted)
        np.testing.assert_array_equal(keys[row], wanted)
        assert (column(hits, "local_plane")[row] == view).all()


Ids = NDArray[np.int64]


def is_brightest(tables: Tables) -> NDArray[np.bool_]:
    """Whether each sum is in the flash with the most photoelectrons of its event."""
    flash, of_sum = rows_of(tables, "opflash_table", "flash_id", "opflashsumpe_table")
    event, light = event_index(tables["opflash_table"]), column(tables["opflash_table"], "totalpe")
    most = [flash[np.flatnonzero(event == one)[light[event == one].argmax()]] for one in np.unique(event)]
    return np.isin(of_sum, most)


def rows_of(tables: Tables, table: str, name: str, of: str) -> tuple[Ids, Ids]:
    """Keys of the identifiers `name` of a table, and of those by which the table `of` names them."""
    own, other = tables[table], tables[of]
    return key_of(event_index(own), column(own, name)), key_of(event_index(other), column(other, name))


@pytest.mark.parametrize("name", OPTICAL)
def test_optical__identifiers_name_rows_of_the_event(samples: dict[str, Tables], name: str) -> None:
    tables = samples[name]
    flash, named = rows_of(tables, "opflash_table", "flash_id", "opflashsumpe_table")
    assert len(np.unique(flash)) == len(flash)
    assert set(named) == set(flash)
    sums, named = rows_of(tables, "opflashsumpe_table", "sumpe_id", "ophit_table")
    ordered = ["opflash_table/flash_id", "opflashsumpe_table/sumpe_id"]
    if name.startswith("uboone"):
        of_flash = column(tables["opflashsumpe_table"], "flash_id")
        assert len(np.unique(sums)) < len(sums) == len(set(zip(sums, of_flash, strict=True)))
        sums = sums[is_brightest(tables)]
        del ordered[1]
    assert len(np.unique(sums)) == len(sums)
    used = column(tables["ophit_table"], "sumpe_id") >= 0
    assert set(named[used]) == set(sums)
    assert 0.05 < (~used).mean() < 0.9
    hits = key_of(event_index(tables["ophit_table"]), column(tables["ophit_table"], "hit_id"))
    assert (np.diff(hits) > 0).all()
    # neither by rows of the event, nor in their order
    for table, of in (one.split("/") for one in ordered):
        same_event = np.diff(event_index(tables[table])) == 0
        step = np.diff(column(tables[table], of))[same_event]
        assert (step < 0).any()
        assert (np.abs(step) > 1).any()


@pytest.mark.parametrize("name", OPTICAL)
def test_optical__sums_and_times_agree(samples: dict[str, Tables], name: str) -> None:
    tables = samples[name]
    flashes, sums, hits = (tables[table] for table in ("opflash_table", "opflashsumpe_table", "ophit_table"))
    number = np.bincount(event_index(flashes), minlength=EVENTS)
    with_hits = np.bincount(event_index(tables["hit_table"]), minlength=EVENTS) > 0
    assert (number[with_hits] == 0).any()
    assert (number > 1).any()
    assert not number[~with_hits].any()
    flash, named = rows_of(tables, "opflash_table", "flash_id", "opflashsumpe_table")
    order = np.argsort(flash)
    row = order[np.searchsorted(flash[order], named)]
    np.testing.assert_allclose(np.bincount(row, column(sums, "sumpe")), column(flashes, "totalpe"), rtol=1e-4)
    sum_keys, named = rows_of(tables, "opflashsumpe_table", "sumpe_id", "ophit_table")
    used = column(hits, "sumpe_id") >= 0
    brightest = is_brightest(tables) if name.startswith("uboone") else np.ones(len(sum_keys), np.bool_)
    order = np.flatnonzero(brightest)[np.argsort(sum_keys[brightest])]
    of_sum = order[np.searchsorted(sum_keys[order], named[used])]
    seen = np.bincount(of_sum, column(hits, "pe")[used], len(brightest))
    np.testing.assert_allclose(seen[brightest], column(sums, "sumpe")[brightest], rtol=1e-4)
    np.testing.assert_array_equal(column(hits, "hit_channel")[used], column(sums, "pmt_channel")[of_sum])
    late = column(hits, "peaktime")[used] - column(flashes, "time")[row][of_sum]
    assert late.min() > -1e-3
    assert late.max() <= 8.001
    has = {table for table in OPTICAL_TABLES if "yz_pos" in tables[table]}
    where = {"uboone-optical": {"ophit_table"}, "uboone-open": set()}
    assert has == where.get(name, {"opflashsumpe_table"})


@pytest.mark.parametrize("name", ["uboone-open", "sbnd", "two-views"])
def test_generation__fewer_events_are_the_first_of_more(
    samples: dict[str, Tables], tmp_path: Path, name: str
) -> None:
    simulate(tmp_path / "few.h5", events=33, detector=name, seed=2)  # type: ignore[arg-type]
    first: Any = {
        table: {
            key: rows[event_index(columns) < 33]
            for key, rows in columns.items()
            if key not in KEYS - {"event_id"}
        }
        for table, columns in samples[name].items()
    }
    assert_equal(read(tmp_path / "few.h5"), first)


def test_sbnd__charge_drifts_to_the_outer_wires() -> None:
    x = np.array([-199.0, -1.0, 1.0, 199.0])
    tick = SBND.tick_of(x, SBND.drift_of(x))
    np.testing.assert_allclose(tick, 400 + np.array([1.0, 199.0, 199.0, 1.0]) / SBND.tick_cm)
