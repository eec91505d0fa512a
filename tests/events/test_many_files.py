"""Several event files read as one."""

import resource
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import numl_polars as nl
from numl_polars.errors import InputError
from numl_polars.events.file import EventFile
from numl_polars.tables import opened
from tests.builder import (
    Event,
    join,
    particles,
    simple_event,
    without_rows,
    write_events,
    write_tables,
)

TABLES = ("event_table", "hit_table", "particle_table", "edep_table", "spacepoint_table")


def some_events(number: int) -> list[Event]:
    made = [simple_event(hits=3 + i, seed=i) for i in range(number)]
    return [without_rows(event) if i % 4 == 2 else event for i, event in enumerate(made)]


def split(folder: Path, events: Sequence[Event], cuts: Sequence[int]) -> list[Path]:
    """Files with the events between cuts, which keep the numbers that they have in one file."""
    bounds = [0, *cuts, len(events)]
    paths = []
    for number, (start, stop) in enumerate(pairwise(bounds)):
        path = folder / f"part{number:02d}.h5"
        tables = join(events, [(1, 0, event) for event in range(len(events))])
        for table in tables.values():
            del table["event_id.seq_cnt"]
            mine = (table["event_id.seq"] >= start) & (table["event_id.seq"] < stop)
            table.update({name: rows[mine] for name, rows in table.items()})
            table["event_id.seq"] -= start
        paths.append(write_tables(path, tables))
    return paths


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_many__equal_one_file(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("many")
    events = some_events(data.draw(st.integers(1, 9), "events"))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=4), "cuts"))
    whole = write_events(folder / "whole.h5", events, ids=[(1, 0, event) for event in range(len(events))])
    with EventFile(whole) as one, EventFile(split(folder, events, cuts)) as many:
        assert many.ids.tolist() == one.ids.tolist()
        for table in TABLES:
            assert many.offsets(table).tolist() == one.offsets(table).tolist()
            assert many.columns(table) == one.columns(table)
            assert_frame_equal(many.scan(table).collect(), one.scan(table).collect(), categorical_as_str=True)
        start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(events))] * 2), "range"))
        for table in TABLES:
            found = many[start:stop].scan(table).collect()
            assert_frame_equal(found, one[start:stop].scan(table).collect(), categorical_as_str=True)


def test_many__process_equals_that_of_one_file(tmp_path: Path) -> None:
    events = [simple_event(seed=seed) for seed in range(6)]
    whole = write_events(tmp_path / "whole.h5", events, ids=[(1, 0, event) for event in range(6)])
    split(tmp_path, events, [2, 2, 5])
    graph = nl.HitGraph(particle_labels=nl.StandardLabels(), event_labels=nl.FlavorLabels())
    nl.process(whole, graph, tmp_path / "one")
    report = nl.process(str(tmp_path / "part*.h5"), graph, tmp_path / "many")
    with h5py.File(tmp_path / "one.h5") as one, h5py.File(tmp_path / "many.h5") as many:
        assert list(one["dataset"]) == list(many["dataset"])
        assert len(one["dataset"]) == 6
        for name in one["dataset"]:
            assert one["dataset"][name][()].tobytes() == many["dataset"][name][()].tobytes()
    assert [file["first_event"] for file in report.input["files"]] == [0, 2, 2, 5]


def shared_event(seed: int) -> Event:
    """An event whose hits have deposits of two particles."""
    event = simple_event(seed=seed)
    event["particle_table"] = particles(
        [(1, 0, 13, 0.5, "primary", "Decay"), (2, 0, 211, 0.4, "primary", "x")]
    )
    again = {name: rows.copy() for name, rows in event["edep_table"].items()}
    again["g4_id"][:] = 2
    again["energy"] = (
        np.random.default_rng(seed + 100).uniform(0.1, 3, len(again["hit_id"])).astype(np.float32)
    )
    event["edep_table"] = {
        name: np.concatenate([rows, again[name]]) for name, rows in event["edep_table"].items()
    }
    return event


def graphs(files: Sequence[Path], stem: Path) -> dict[str, bytes]:
    graph = nl.HitGraph(
        particle_labels=nl.StandardLabels(),
        event_labels=nl.FlavorLabels(),
        position=True,
        detailed_truth=True,
    )
    nl.process(files, graph, stem, overwrite=True)
    with h5py.File(stem.with_suffix(".h5")) as file:
        return {name: record[()].tobytes() for name, record in file.get("dataset", {}).items()}


def test_many__unlike_files_give_the_objects_of_each(tmp_path: Path) -> None:
    """Numbers and strings of other sizes, weights of deposits under either name, files without events."""
    usual, fraction, wide, empty = (shared_event(seed) for seed in range(4))
    fraction["edep_table"]["energy_fraction"] = fraction["edep_table"].pop("energy")
    wide["hit_table"] |= {
        "hit_id": wide["hit_table"]["hit_id"].astype(np.int64),
        "integral": wide["hit_table"]["integral"].astype(np.float64),
    }
    wide["edep_table"]["energy_fraction"] = wide["edep_table"]["energy"][::-1].astype(np.float64)
    files = [
        write_events(tmp_path / "empty.h5", [empty], ids=[(1, 0, 0)]),
        write_events(tmp_path / "usual.h5", [usual], ids=[(1, 0, 1)], variable_strings=True, chunks=True),
        write_events(tmp_path / "fraction.h5", [fraction], ids=[(1, 0, 2)]),
        write_events(tmp_path / "wide.h5", [wide], ids=[(1, 0, 3)]),
    ]
    with h5py.File(files[0], "r+") as file:
        for table in file.values():
            for name in list(table):
                rows = table[name][:0]
                del table[name]
                table[name] = rows
    expected: dict[str, bytes] = {}
    for file_ in files:
        expected |= graphs([file_], tmp_path / "apart")
    assert list(expected) == [f"r1_sr0_evt{event}" for event in (1, 2, 3)]
    for order in ([0, 1, 2, 3], [2, 1, 0, 3], [3, 2, 1, 0]):
        assert graphs([files[number] for number in order], tmp_path / "together") == expected


def test_many__weights_of_deposits_under_either_name(tmp_path: Path) -> None:
    energy, fraction, both = (simple_event(2, seed=seed) for seed in range(3))
    fraction["edep_table"]["energy_fraction"] = fraction["edep_table"].pop("energy")
    both["edep_table"]["energy_fraction"] = both["edep_table"]["energy"] / 2
    paths = {
        name: write_events(tmp_path / f"{name}.h5", [event], ids=[(1, 0, number)])
        for number, (name, event) in enumerate({"energy": energy, "fraction": fraction, "both": both}.items())
    }
    either = "energy or energy_fraction"
    for names, expected in (
        (["energy", "fraction"], {either}),
        (["fraction", "both"], {"energy_fraction", either}),
        (["both", "energy"], {"energy"}),
        (["fraction", "fraction"], {"energy_fraction"}),
        (["fraction", "energy", "both"], {either}),
    ):
        files = list(dict.fromkeys(paths[name] for name in names))
        with EventFile(files) as events:
            found = events.column_names("edep_table")
            assert {name for name in found if "energy" in name} == expected
    with EventFile([paths["fraction"], paths["both"]]) as events:
        weights = events.scan("edep_table").select(either).collect().to_series().to_list()
    stored = [fraction["edep_table"]["energy_fraction"], both["edep_table"]["energy"]]
    assert weights == np.concatenate(stored).tolist()


def test_many__which_file_an_event_is_in(tmp_path: Path) -> None:
    paths = split(tmp_path, some_events(5), [2, 2])
    with EventFile(paths) as events:
        assert events.file_starts.tolist() == [0, 2, 2, 5]
        assert [events.file_of(event).name for event in range(5)] == ["part00.h5"] * 2 + ["part02.h5"] * 3


@pytest.mark.parametrize("spare", [20, 2 * opened.MOST_OPEN + 20])
def test_many__some_are_open_at_a_time(tmp_path: Path, spare: int) -> None:
    """More files than a process may have open."""
    path = write_events(tmp_path / "a.h5", [simple_event(2)])
    paths = []
    for number in range(80):
        paths.append(tmp_path / f"copy{number:03d}.h5")
        paths[-1].write_bytes(path.read_bytes())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + spare, hard))
    try:
        with pytest.warns(nl.EventFileWarning, match="79 of 80 events repeat"):
            events = EventFile(paths)
        with events:
            hits = events.scan("hit_table").collect()
            last = events[79]["hit_table"]
            first = events[0]["hit_table"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(hits) == 80 * 6
    assert_frame_equal(first.drop("event_index"), last.drop("event_index"))


def test_many__equal_triples_are_different_events(tmp_path: Path) -> None:
    paths = [write_events(tmp_path / name, [simple_event(2)]) for name in ("a.h5", "b.h5")]
    with pytest.warns(nl.EventFileWarning, match="1 of 2 events repeat"), EventFile(paths) as events:
        assert [events.object_name(event) for event in range(2)] == ["r1_sr0_evt0", "r1_sr0_evt0_2"]


def test_many__generations_mix_where_columns_have_some_name(tmp_path: Path) -> None:
    old, new = simple_event(3), simple_event(3)
    for name in ("plane", "wire", "time"):
        new["hit_table"][name] = new["hit_table"].pop(f"local_{name}")
    new["hit_table"]["wire"] = new["hit_table"]["wire"].astype(np.float32)
    new["particle_table"]["g4_pdg"] = new["particle_table"].pop("type")
    del new["spacepoint_table"]
    a = write_events(tmp_path / "a.h5", [old], ids=[(1, 0, 0)])
    b = write_events(tmp_path / "b.h5", [new], ids=[(1, 0, 1)])
    with EventFile([a, b]) as events:
        assert events.columns("hit_table")["local_wire"] == pl.Float64()
        frame = events.scan("hit_table").collect()
        assert frame["local_plane"].to_list() == [2] * 3 + [1] * 3 + [0] * 3 + [2] * 3 + [1] * 3 + [0] * 3
        assert frame["local_time"].to_list() == [*old["hit_table"]["local_time"].tolist()] * 2
        assert events.scan("particle_table").collect()["type"].to_list() == [13, 13]
        assert events.offsets("spacepoint_table").tolist() == [0, 3, 3]
    with EventFile([b, a]) as events:
        assert set(events.column_names("hit_table")) >= {"plane", "wire", "time"}
        assert events.scan("particle_table").collect()["type"].to_list() == [13, 13]


def test_many__a_column_that_one_file_lacks(tmp_path: Path) -> None:
    lacking, odd = simple_event(2), simple_event(2)
    del lacking["hit_table"]["rms"]
    odd["hit_table"]["tpc"] = np.array([b"west"] * 6)
    paths = [
        write_events(tmp_path / name, [event])
        for name, event in (("a.h5", simple_event(2)), ("b.h5", lacking), ("c.h5", odd))
    ]
    with pytest.warns(nl.EventFileWarning):
        events = EventFile(paths)
    with events:
        assert not {"rms", "tpc"} & set(events.column_names("hit_table"))
        with pytest.raises(InputError, match=r"of .*b\.h5: no column 'rms' .*missing in 1 of 3 files"):
            events.require("hit_table", ["rms"])
        with pytest.raises(InputError, match=r"'tpc' cannot be read as one: .*Int32 in .*Categorical in"):
            events.require("hit_table", ["tpc"])


def test_one__a_column_that_has_several_names(tmp_path: Path) -> None:
    event = simple_event(2)
    del event["particle_table"]["type"]
    with EventFile(write_events(tmp_path / "a.h5", [event])) as events:
        message = r"a\.h5: no column 'type' \(has .*\); nor is there 'g4_pdg', as other files call it$"
        with pytest.raises(InputError, match=message):
            events.require("particle_table", ["g4_id", "type"])


def test_many__files_that_cannot_be_used_are_all_named(tmp_path: Path) -> None:
    good = write_events(tmp_path / "a.h5", [simple_event(2)])
    (tmp_path / "b.h5").write_bytes(good.read_bytes()[:5000])
    (tmp_path / "c.h5").write_text("no HDF5")
    with pytest.raises(InputError, match=r"2 of 3 files cannot be used: .*b\.h5 is truncated.*c\.h5 is not"):
        EventFile(str(tmp_path / "*.h5"))
    (tmp_path / "c.h5").unlink()
    with pytest.raises(InputError, match=r"^[^;]*b\.h5 is truncated"):
        EventFile(str(tmp_path / "*.h5"))


def test_many__faults_of_keys_are_told_once(tmp_path: Path) -> None:
    paths = split(tmp_path, [simple_event(2, seed=seed) for seed in range(6)], [2, 4])
    for path in paths:
        with h5py.File(path, "r+") as file:
            for key in ("event_id.seq", "event_id.seq_cnt"):
                if key in file["hit_table"]:
                    file[f"hit_table/{key}"][...] = 7
    with EventFile(paths) as events, pytest.warns(nl.EventFileWarning) as caught:
        assert events.offsets("hit_table").tolist() == [0, 6, 12, 18, 24, 30, 36]
    assert len(caught) == 1
    assert "such faults in this table: " in str(caught[0].message)


def replaced(path: Path, other: Path) -> None:
    other.rename(path)


def rewritten(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def removed(path: Path, _other: Path) -> None:
    path.unlink()


def cut(path: Path, _other: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(4000)


@pytest.mark.parametrize("change", [replaced, rewritten, removed, cut])
def test_many__a_file_that_changes_before_it_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path, Path], None]
) -> None:
    monkeypatch.setattr(opened, "MOST_OPEN", 1)
    paths = split(tmp_path, [simple_event(3, seed=seed) for seed in range(4)], [2])
    other = write_events(tmp_path / "other.h5", [simple_event(5), simple_event(2)])
    with EventFile(paths) as events:
        events.load_offsets(TABLES)
        change(paths[0], other)
        assert len(events[2:].scan("hit_table").collect()) == 18
        with pytest.raises(InputError, match=r"^\S*part00\.h5 was changed while it was in use: "):
            events.read("hit_table", ["hit_id"], 0, 2)


@pytest.mark.parametrize("change", [rewritten, cut])
def test_many__a_file_that_changes_while_it_is_open(
    tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    paths = split(tmp_path, [simple_event(3, seed=seed) for seed in range(4)], [2])
    other = write_events(tmp_path / "other.h5", [simple_event(3, seed=7), simple_event(3, seed=8)])
    with EventFile(paths) as events:
        events.load_offsets(TABLES)
        change(paths[0], other)
        with pytest.raises(InputError, match=r"part00\.h5 was changed while it was in use"):
            events.read("hit_table", ["integral"], 0, 2)


@pytest.mark.parametrize("change", [replaced, removed])
def test_many__an_open_file_that_loses_its_name_is_read_on(
    tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    (path,) = split(tmp_path, [simple_event(3, seed=seed) for seed in range(2)], [])
    other = write_events(tmp_path / "other.h5", [simple_event(5), simple_event(2)])
    with EventFile(path) as events:
        before = events.scan("hit_table").collect()
        change(path, other)
        assert_frame_equal(events.scan("hit_table").collect(), before)


def test_many__closed_files_say_so(tmp_path: Path) -> None:
    with EventFile(split(tmp_path, some_events(4), [2])) as events:
        pass
    with pytest.raises(InputError, match=r"part00\.h5 is closed"):
        events.scan("hit_table").collect()
