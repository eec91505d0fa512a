"""The simulator: what its files must hold, and that every label rule has something to bite on."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from particle import pdgid

from numl_polars.errors import OptionError, OutputError
from numl_polars.tools.simulate import simulate

EVENTS = 300
SEED = 0
DETECTORS = ("uboone", "dune")
LAYOUTS = ("fresh", "merged", "contiguous")
KEYS = ("event_id.seq", "event_id.seq_cnt")

Array = NDArray[Any]
Tables = dict[str, dict[str, Array]]

COMMON_COLUMNS = {
    "particle_table": {
        "g4_id": ("i4", 1),
        "parent_id": ("i4", 1),
        "type": ("i4", 1),
        "momentum": ("f4", 1),
        "start_process": ("S64", 1),
        "end_process": ("S64", 1),
        "start_position": ("f4", 3),
        "end_position": ("f4", 3),
    },
    "spacepoint_table": {"spacepoint_id": ("i4", 1), "position": ("f4", 3), "hit_id": ("i4", 3)},
    "hit_table": {"hit_id": ("i4", 1), "integral": ("f4", 1), "rms": ("f4", 1), "tpc": ("i4", 1)},
    "edep_table": {"hit_id": ("i4", 1), "g4_id": ("i4", 1), "energy": ("f4", 1)},
    "event_table": {
        "is_cc": ("i4", 1),
        "nu_pdg": ("i4", 1),
        "nu_energy": ("f4", 1),
        "lep_energy": ("f4", 1),
        "nu_dir": ("f4", 3),
    },
}
OWN_COLUMNS = {
    "uboone": {
        "hit_table": {"local_plane": ("i4", 1), "local_wire": ("i4", 1), "local_time": ("f4", 1)},
        "edep_table": {"energy_fraction": ("f4", 1)},
        "event_table": {
            "nu_vtx": ("f4", 3),
            "nu_vtx_corr": ("f4", 3),
            "nu_vtx_wire_pos": ("i4", 3),
            "nu_vtx_wire_time": ("f4", 1),
        },
    },
    "dune": {
        "hit_table": {
            "plane": ("i4", 1),
            "view": ("i4", 1),
            "wire": ("f4", 1),
            "time": ("f4", 1),
            "proj": ("f4", 1),
            "drift": ("f4", 1),
        },
        "edep_table": {"x_position": ("f4", 1), "y_position": ("f4", 1), "z_position": ("f4", 1)},
        "event_table": {},
    },
}
MEAN_ROWS = {
    "uboone": {"hit_table": 1000, "particle_table": 150},
    "dune": {"hit_table": 950, "particle_table": 520, "edep_table": 2450},
}


def read(path: Path) -> Tables:
    """All columns of all tables, strings as 64 bytes."""
    tables: Tables = {}
    with h5py.File(path) as file:
        for table, group in file.items():
            tables[table] = {name: column[:] for name, column in group.items()}
            for name, column in tables[table].items():
                if column.dtype.kind in "OS":
                    tables[table][name] = column.astype("S64")
    return tables


def event_index(table: dict[str, Array]) -> Array:
    """For each row of a table the position of its event; events are numbered from 0 in these files."""
    result: Array = table["event_id"][:, 2].astype(np.int64)
    return result


def column(table: dict[str, Array], name: str) -> Array:
    """A column of width 1, in one dimension, integers as int64."""
    values = table[name][:, 0]
    return values.astype(np.int64) if values.dtype.kind == "i" else values


def key_of(event: Array, local_id: Array) -> Array:
    """One number for an identifier that is local to its event."""
    result: Array = event * (1 << 32) + local_id
    return result


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tables]:
    folder = tmp_path_factory.mktemp("samples")
    for detector in DETECTORS:
        path = folder / f"{detector}.h5"
        simulate(path, events=EVENTS, detector=detector, seed=SEED, layout="contiguous")  # type: ignore[arg-type]
    return {detector: read(folder / f"{detector}.h5") for detector in DETECTORS}


@pytest.fixture(params=DETECTORS)
def sample(request: pytest.FixtureRequest, samples: dict[str, Tables]) -> Tables:
    return samples[request.param]


def write(path: Path, **options: Any) -> Tables:
    simulate(path, **options)
    return read(path)


def assert_equal(left: Tables, right: Tables) -> None:
    """Both have the same tables, columns, dtypes and values, keys apart."""
    assert left.keys() == right.keys()
    for table in left:
        names = left[table].keys() - set(KEYS)
        assert names == right[table].keys() - set(KEYS)
        for name in names:
            assert left[table][name].dtype == right[table][name].dtype, name
            np.testing.assert_array_equal(left[table][name], right[table][name], f"{table}/{name}")


def before(tables: Tables, event: int) -> Tables:
    """The rows of the events that precede `event`."""
    return {
        name: {key: values[event_index(table) < event] for key, values in table.items() if key not in KEYS}
        for name, table in tables.items()
    }


@pytest.mark.parametrize("detector", DETECTORS)
def test_simulate__columns_have_the_dtypes_and_widths_of_their_generation(
    samples: dict[str, Tables], detector: str
) -> None:
    tables = samples[detector]
    assert tables.keys() == COMMON_COLUMNS.keys()
    for table, common in COMMON_COLUMNS.items():
        expected = {
            **common,
            **OWN_COLUMNS[detector].get(table, {}),
            "event_id": ("i4", 3),
            "event_id.seq": ("i8", 1),
            "event_id.seq_cnt": ("i8", 2),
        }
        found = {name: (values.dtype, values.shape[1]) for name, values in tables[table].items()}
        assert found == {name: (np.dtype(dtype), width) for name, (dtype, width) in expected.items()}


def test_simulate__keys_agree_with_event_id(sample: Tables) -> None:
    event_ids = sample["event_table"]["event_id"]
    assert len(np.unique(event_ids, axis=0)) == EVENTS
    for table in sample.values():
        index = column(table, "event_id.seq")
        np.testing.assert_array_equal(table["event_id"], event_ids[index])
        present, number = table["event_id.seq_cnt"].T
        assert (np.diff(present) > 0).all()
        assert (number > 0).all()
        np.testing.assert_array_equal(np.repeat(present, number), index)


def test_simulate__floats_are_finite(sample: Tables) -> None:
    for table in sample.values():
        for name, values in table.items():
            if values.dtype.kind == "f":
                assert np.isfinite(values).all(), name


def test_simulate__event_with_hits_has_rows_in_all_tables(sample: Tables) -> None:
    present = [set(event_index(table).tolist()) for name, table in sample.items() if name != "event_table"]
    assert all(events == present[0] for events in present)


def test_simulate__identifiers_ascend_with_gaps_and_parents_precede(sample: Tables) -> None:
    particles = sample["particle_table"]
    event, g4_id, parent_id = (
        event_index(particles),
        column(particles, "g4_id"),
        column(particles, "parent_id"),
    )
    same_event = np.diff(event) == 0
    assert (g4_id > 0).all()
    assert (np.diff(g4_id)[same_event] > 0).all()
    assert (np.diff(g4_id)[same_event] > 1).any()
    daughter = parent_id > 0
    assert np.isin(key_of(event, parent_id)[daughter], key_of(event, g4_id)).all()
    assert (parent_id < g4_id).all()
    primary = column(particles, "start_process") == b"primary"
    np.testing.assert_array_equal(primary, ~daughter)


def test_simulate__deposits_name_hits_and_particles(sample: Tables) -> None:
    deposits, hits, particles = sample["edep_table"], sample["hit_table"], sample["particle_table"]
    event = event_index(deposits)
    hit_keys = key_of(event_index(hits), column(hits, "hit_id"))
    named = key_of(event, column(deposits, "hit_id"))
    assert np.isin(named, hit_keys).all()
    particle_keys = key_of(event_index(particles), column(particles, "g4_id"))
    deposit_particles = key_of(event, column(deposits, "g4_id"))
    assert np.isin(deposit_particles, particle_keys).all()
    assert (column(deposits, "energy") > 0).all()
    without = ~np.isin(hit_keys, named)
    assert 0.01 < without.mean() < 0.15
    hit_row, particle_row = (
        np.searchsorted(hit_keys, named),
        np.searchsorted(particle_keys, deposit_particles),
    )
    pairs = np.unique(hit_row * particle_keys.size + particle_row)
    particles_in_hit = np.unique(pairs // particle_keys.size, return_counts=True)[1]
    assert (particles_in_hit > 1).mean() > 0.05


def test_simulate__spacepoints_name_hits_on_their_plane(sample: Tables) -> None:
    hits, spacepoints = sample["hit_table"], sample["spacepoint_table"]
    view = column(hits, "local_plane" if "local_plane" in hits else "view")
    keys = key_of(event_index(hits), column(hits, "hit_id"))
    hit_id = spacepoints["hit_id"].astype(np.int64)
    assert ((hit_id >= 0).sum(axis=1) >= 2).all()
    for number in range(3):
        named = hit_id[:, number] >= 0
        assert 0.01 < (~named).mean() < 0.2
        wanted = key_of(event_index(spacepoints), hit_id[:, number])[named]
        row = np.searchsorted(keys, wanted)
        np.testing.assert_array_equal(keys[row], wanted)
        assert (view[row] == number).all()


def test_simulate__hits_are_numbered_from_the_last_view_to_the_first(sample: Tables) -> None:
    hits = sample["hit_table"]
    view = column(hits, "local_plane" if "local_plane" in hits else "view")
    same_event = np.diff(event_index(hits)) == 0
    assert (np.diff(view)[same_event] <= 0).all()
    assert (np.diff(column(hits, "hit_id"))[same_event] == 1).all()
    assert (column(hits, "hit_id")[1:][~same_event] == 0).all()


def test_simulate__plane_differs_from_view_in_some_volumes_of_dune(samples: dict[str, Tables]) -> None:
    hits = samples["dune"]["hit_table"]
    plane, view, odd = column(hits, "plane"), column(hits, "view"), column(hits, "tpc") % 2 == 1
    np.testing.assert_array_equal(plane, np.where(odd & (view < 2), 1 - view, view))
    assert (plane != view).any()


def test_simulate__fractions_of_a_hit_add_up_to_one(samples: dict[str, Tables]) -> None:
    deposits = samples["uboone"]["edep_table"]
    hit = np.unique(key_of(event_index(deposits), column(deposits, "hit_id")), return_inverse=True)[1]
    np.testing.assert_allclose(np.bincount(hit, column(deposits, "energy_fraction")), 1, rtol=1e-5)
    energy = column(deposits, "energy").astype(np.float64)
    share = energy / np.bincount(hit, energy)[hit]
    np.testing.assert_allclose(share, column(deposits, "energy_fraction"), rtol=1e-5)


@pytest.mark.parametrize("detector", DETECTORS)
def test_simulate__sizes_are_those_of_real_files(samples: dict[str, Tables], detector: str) -> None:
    tables = samples[detector]
    for table, mean in MEAN_ROWS[detector].items():
        assert len(tables[table]["event_id"]) / EVENTS == pytest.approx(mean, rel=0.25), table
    hits = np.bincount(event_index(tables["hit_table"]), minlength=EVENTS)
    assert 6 < hits.max() / hits.mean() < 20
    assert 0.02 < (hits == 0).mean() < 0.15
    assert 0.03 < ((hits > 0) & (hits < 60)).mean() < 0.3


@pytest.mark.parametrize(
    ("detector", "names"), [("uboone", ("local_wire", "local_time")), ("dune", ("proj", "drift"))]
)
def test_simulate__positions_are_rarely_repeated(
    samples: dict[str, Tables], detector: str, names: tuple[str, str]
) -> None:
    hits = samples[detector]["hit_table"]
    positions = np.stack([column(hits, name).astype(np.float32) for name in names], axis=1)
    assert len(np.unique(positions.view(np.int64))) > 0.995 * len(positions)


def test_simulate__all_flavours_occur(sample: Tables) -> None:
    events = sample["event_table"]
    is_cc = column(events, "is_cc") == 1
    assert set(np.abs(column(events, "nu_pdg"))[is_cc].tolist()) == {12, 14, 16}
    assert 0.1 < (~is_cc).mean() < 0.5


@pytest.mark.parametrize("detector", DETECTORS)
def test_simulate__layouts_hold_equal_tables(tmp_path: Path, detector: str) -> None:
    tables = [
        write(tmp_path / f"{layout}.h5", events=40, detector=detector, layout=layout) for layout in LAYOUTS
    ]
    for other in tables[1:]:
        assert_equal(tables[0], other)
    for name, table in tables[0].items():
        assert "event_id.seq" not in table
        for other in tables[1:]:
            assert "event_id.seq" in other[name]
            np.testing.assert_array_equal(table["event_id.seq_cnt"], other[name]["event_id.seq_cnt"])


@pytest.mark.parametrize(
    ("layout", "events", "chunk_rows", "compression", "length"),
    [
        ("fresh", 1, 128, "gzip", None),
        ("merged", 128, 262_144 // 3, "gzip", 64),
        ("contiguous", 1, None, None, 64),
    ],
)
def test_simulate__layouts_are_stored_as_named(
    tmp_path: Path,
    layout: str,
    events: int,
    chunk_rows: int | None,
    compression: str | None,
    length: int | None,
) -> None:
    simulate(tmp_path / "a.h5", events=events, layout=layout)  # type: ignore[arg-type]
    with h5py.File(tmp_path / "a.h5") as file:
        event_id = file["edep_table/event_id"]
        assert event_id.chunks == (chunk_rows and (chunk_rows, 3))
        assert (event_id.compression, event_id.compression_opts) == (compression, compression and 6)
        process = file["particle_table/end_process"]
        assert process.ndim == 2
        assert h5py.check_string_dtype(process.dtype) == h5py.h5t.string_info("ascii", length)


@pytest.mark.parametrize("detector", DETECTORS)
def test_simulate__fewer_events_are_the_first_of_more(tmp_path: Path, detector: str) -> None:
    more = write(tmp_path / "more.h5", events=40, detector=detector, seed=5)
    for events in (1, 33):
        fewer = write(tmp_path / f"{events}.h5", events=events, detector=detector, seed=5)
        assert_equal(fewer, before(more, events))


def test_simulate__seed_decides(tmp_path: Path) -> None:
    first, again, other = (
        write(tmp_path / f"{name}.h5", events=20, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert_equal(first, again)
    assert not np.array_equal(first["event_table"]["nu_energy"], other["event_table"]["nu_energy"])


def test_simulate__summary_and_progress_count_what_is_written(tmp_path: Path) -> None:
    done: list[int] = []
    summary = simulate(str(tmp_path / "a.h5"), events=70, progress=done.append)
    tables = read(tmp_path / "a.h5")
    assert sum(done) == summary.events == 70
    assert summary.rows == {name: len(table["event_id"]) for name, table in tables.items()}
    assert summary.bytes == (tmp_path / "a.h5").stat().st_size
    assert summary.path == tmp_path / "a.h5"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"events": 0}, "events is 0; allowed are 1 and more"),
        ({"seed": -1}, "seed is -1; allowed are 0 and more"),
        ({"detector": "lar"}, "detector is 'lar'; allowed are 'uboone', 'uboone-optical', 'uboone-open', 'd"),
        ({"layout": "zip"}, "layout is 'zip'; allowed are 'fresh', 'merged', 'contiguous'"),
    ],
)
def test_simulate__options_without_meaning_are_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        simulate(tmp_path / "a.h5", **{"events": 1, **options})
    assert not list(tmp_path.iterdir())


def test_simulate__existing_file_is_kept_unless_overwrite(tmp_path: Path) -> None:
    target = tmp_path / "a.h5"
    target.write_text("mine")
    with pytest.raises(OutputError, match=r"a\.h5 exists already"):
        simulate(target, events=1)
    assert target.read_text() == "mine"
    simulate(target, events=1, overwrite=True)
    assert h5py.is_hdf5(target)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_simulate__missing_or_wrong_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"folder .*nowhere does not exist"):
        simulate(tmp_path / "nowhere" / "a.h5", events=1)
    with pytest.raises(OutputError, match="it is a folder"):
        simulate(tmp_path, events=1, overwrite=True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_simulate__failure_leaves_nothing_behind(tmp_path: Path, layout: str) -> None:
    def fail(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "a.h5", events=1, layout=layout, progress=fail)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_simulate__import_does_not_load_numba() -> None:
    code = "import sys, numl_polars.tools.simulate; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The rules of the standard scheme, as data: each alternative of a row by its own name, so that a test can ask
# whether each was met by a particle on which it decided.


@dataclass(frozen=True)
class Truth:
    """What the rules read of a particle."""

    pdg: int
    parent: int
    momentum: float
    start: str
    end: str


@dataclass(frozen=True)
class Row:
    """One row of a rule table: names and conditions of its alternatives, its label, whether it spreads."""

    alternatives: dict[str, Callable[[Truth], bool]]
    label: Callable[[Truth], str]
    spreads: bool = False


def starts(*names: str) -> dict[str, Callable[[Truth], bool]]:
    return {f"start {name}": lambda p, name=name: p.start == name for name in names}  # type: ignore[misc]


def ends(*names: str) -> dict[str, Callable[[Truth], bool]]:
    return {f"end {name}": lambda p, name=name: p.end == name for name in names}  # type: ignore[misc]


def born_of(
    parent: Callable[[int], bool], rows: dict[str, Callable[[Truth], bool]]
) -> dict[str, Callable[[Truth], bool]]:
    return {
        name: lambda p, condition=condition: parent(abs(p.parent)) and condition(p)  # type: ignore[misc]
        for name, condition in rows.items()
    }


def always(label: str) -> Callable[[Truth], str]:
    return lambda _: label


GAMMA_THRESHOLD, HADRON_THRESHOLD, DELTA_THRESHOLD = 0.02, 0.2, 0.0015


def by_gamma_threshold(p: Truth) -> str:
    return "shower" if p.momentum >= GAMMA_THRESHOLD else "diffuse"


CONVERSIONS = {**starts("conv", "compt"), **ends("conv", "compt")}
ELECTRON_ROWS = {
    1: Row(starts("primary"), always("shower"), True),
    2: Row(
        born_of(lambda code: code == 13, starts("muMinusCaptureAtRest", "muPlusCaptureAtRest", "Decay")),
        always("michel"),
        True,
    ),
    3: Row(CONVERSIONS, by_gamma_threshold, True),
    4: Row(starts("muIoni"), always("muon")),
    5: Row(
        born_of(lambda code: code == 2212, starts("hIoni")),
        lambda p: "diffuse" if p.momentum <= DELTA_THRESHOLD else "hadron",
    ),
    6: Row(born_of(lambda code: code != 2212, starts("hIoni")), always("pion")),
    7: Row(starts("eIoni"), always("diffuse")),
    8: Row({**starts("eBrem"), **ends("phot", "photonNuclear", "eIoni")}, always("diffuse")),
    9: Row(
        {
            **ends("StepLimiter", "annihil", "eBrem", "FastScintillation"),
            **starts("hBertiniCaptureAtRest", "muPairProd", "phot"),
        },
        always("diffuse"),
        True,
    ),
}
PHOTON_ROWS = {
    1: Row(CONVERSIONS, by_gamma_threshold, True),
    2: Row({**starts("eBrem"), **ends("phot", "photonNuclear")}, always("diffuse")),
}
LABEL_OF_CODE = {
    **dict.fromkeys((211, 221, 331, 223), "pion"),
    13: "muon",
    **dict.fromkeys((321, 411), "kaon"),
    **dict.fromkeys((111, 311, 310, 130, 113), "invisible"),
}
CLASSES = {"pion", "muon", "kaon", "hadron", "shower", "michel", "diffuse", "invisible"}


NEVER_DECIDES = {"electron 3 start conv", "photon 1 start conv", "photon 1 start compt"}
"""What a photon makes as it ends so has the photon's label, which has spread."""


def expected_witnesses() -> set[str]:
    """Everything in the rule tables that some particle must have been decided by."""
    wanted = {f"code {code}" for code in LABEL_OF_CODE}
    wanted |= {
        "neutral leaves",
        "neutral baryon",
        "nucleus",
        "proton fast",
        "proton slow",
        "other charged baryon",
    }
    wanted |= {"tau", "electron 5 hadron", "electron 5 diffuse"}
    for kind, rows in (("electron", ELECTRON_ROWS), ("photon", PHOTON_ROWS)):
        wanted |= {f"{kind} {number} {name}" for number, row in rows.items() for name in row.alternatives}
    wanted |= {
        f"{kind} {number} {label}"
        for kind, number in (("electron", 3), ("photon", 1))
        for label in ("shower", "diffuse")
    }
    return wanted - NEVER_DECIDES


@cache
def charge(code: int) -> float:
    return float(pdgid.charge(code) or 0.0)


@cache
def is_baryon(code: int) -> bool:
    return bool(pdgid.is_baryon(code))


@cache
def is_nucleus(code: int) -> bool:
    return bool(pdgid.is_nucleus(code))


def decide(p: Truth) -> tuple[str | None, bool, list[str]]:
    """Label of a particle on which none has spread, whether it spreads, and what decided."""
    label: str | None = None
    spreads, witnesses = False, list[str]()
    code = abs(p.pdg)
    if charge(p.pdg) == 0 and p.end == "CoupledTransportation":
        label, witnesses = "invisible", ["neutral leaves"]
    elif code in LABEL_OF_CODE:
        label, witnesses = LABEL_OF_CODE[code], [f"code {code}"]
    elif code in (11, 22):
        kind, rows = ("electron", ELECTRON_ROWS) if code == 11 else ("photon", PHOTON_ROWS)
        for number, row in rows.items():
            holding = [name for name, condition in row.alternatives.items() if condition(p)]
            if holding:
                label, spreads = row.label(p), row.spreads
                witnesses = [f"{kind} {number} {name}" for name in (*holding, label)]
                break
    if (is_baryon(p.pdg) and charge(p.pdg) == 0) or is_nucleus(p.pdg):
        label, witnesses = "diffuse", ["neutral baryon" if code < 10**9 else "nucleus"]
    if is_baryon(p.pdg) and charge(p.pdg) != 0 and code < 10**9:
        fast = code == 2212 and p.momentum >= HADRON_THRESHOLD
        label = "hadron" if fast else "diffuse"
        proton = "proton fast" if fast else "proton slow"
        witnesses = [proton if code == 2212 else "other charged baryon"]
    if code == 15:
        label, witnesses = "hadron", ["tau"]
    return label, spreads, witnesses


def labelled(tables: Tables) -> Iterator[tuple[str | None, list[str]]]:
    """Label of each particle and what decided, nothing where a label had spread; parents come first."""
    particles = tables["particle_table"]
    columns = ("g4_id", "parent_id", "type", "momentum")
    numbers = zip(*(column(particles, name).tolist() for name in columns), strict=True)
    texts = zip(
        *(column(particles, f"{side}_process").astype("U64").tolist() for side in ("start", "end")),
        strict=True,
    )
    known: dict[tuple[int, int], tuple[int, str | None]] = {}
    for event, (g4_id, parent_id, pdg, momentum), (start, end) in zip(
        event_index(particles).tolist(), numbers, texts, strict=True
    ):
        parent, spread = known[event, parent_id] if parent_id else (0, None)
        if spread is not None:
            known[event, g4_id] = (pdg, spread)
            yield spread, []
        else:
            label, spreads, witnesses = decide(Truth(pdg, parent, momentum, start, end))
            known[event, g4_id] = (pdg, label if spreads else None)
            yield label, witnesses


def test_simulate__every_rule_and_class_of_the_standard_scheme_occurs(sample: Tables) -> None:
    labels, witnesses = set(), set()
    for label, decided_by in labelled(sample):
        labels.add(label)
        witnesses.update(decided_by)
    assert labels == CLASSES
    assert witnesses >= expected_witnesses()


def test_simulate__processes_of_argon_occur(sample: Tables) -> None:
    particles = sample["particle_table"]
    found = {name.decode() for side in ("start", "end") for name in column(particles, f"{side}_process")}
    assert found >= {
        *("Decay", "muMinusCaptureAtRest", "muPlusCaptureAtRest", "hBertiniCaptureAtRest", "nCapture"),
        *("muIoni", "hIoni", "eIoni", "conv", "compt", "phot", "eBrem", "annihil", "muPairProd", "msc"),
        *("neutronInelastic", "protonInelastic", "pi+Inelastic", "pi-Inelastic", "hadElastic"),
        *("photonNuclear", "CoupledTransportation", "StepLimiter", "FastScintillation", "primary"),
    }
