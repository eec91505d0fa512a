"""``numl-polars validate``: each kind of fault is found, counted, and shown by its first example."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.commands.simulate import DETECTORS as SIMULATED
from numl_polars.detectors import Detector
from numl_polars.generations import generation
from numl_polars.labels.expressions import pdg
from numl_polars.labels.rules import Rule
from numl_polars.labels.schemes.standard import StandardLabels
from numl_polars.tools.simulate import simulate
from numl_polars.tools.validate import FileReport, validate
from numl_polars.tools.validate.findings import Finding
from numl_polars.tools.validate.kinds import KINDS, SEVERITIES
from tests.builder import (
    Event,
    Table,
    join,
    particles,
    simple_event,
    without_rows,
    write_events,
    write_tables,
)
from tests.conftest import Run
from tests.labels.particles import scheme_of

Tables = dict[str, Table]
SIZES = (4, 0, 5, 3, 6)
IDS = [(2, 0, 7), (2, 0, 9), (2, 1, 3), (3, 0, 1), (3, 0, 2)]


def events() -> list[Event]:
    return [simple_event(size, seed=size) if size else without_rows(simple_event(2)) for size in SIZES]


def intact() -> Tables:
    return join([event | light(event) for event in events()], IDS)


def light(event: Event) -> Event:
    """Two flashes, photomultipliers and optical hits, of each of which the second belongs to the first."""
    ids = np.arange(2 if len(event["hit_table"]["hit_id"]) else 0, dtype=np.int32)
    return {
        "opflash_table": {"flash_id": ids},
        "opflashsumpe_table": {"sumpe_id": ids, "flash_id": ids[::-1].copy()},
        "ophit_table": {"hit_id": ids, "sumpe_id": ids[::-1].copy()},
    }


def checked(path: Path, **options: Any) -> FileReport:
    return validate(path, scheme=StandardLabels(), **options)


def kinds(report: FileReport) -> list[str]:
    return [finding.kind for finding in report.findings]


def only(report: FileReport, kind: str) -> Finding:
    (found,) = [finding for finding in report.findings if finding.kind == kind]
    return found


@pytest.mark.parametrize(
    "storage",
    [
        {},
        {"chunks": (4, 1), "compression": "gzip"},
        {"chunks": True, "shuffle": True, "compression": "gzip", "variable_strings": True},
    ],
)
def test_validate__intact_file_has_nothing_wrong(storage: dict[str, Any], tmp_path: Path) -> None:
    path = write_tables(tmp_path / "e.h5", intact(), **storage)
    report = checked(path)
    assert report.findings == []
    assert report.events == 5
    assert {table.name: table.rows for table in report.tables}["hit_table"] == 3 * sum(SIZES)
    assert report.summary == "nothing wrong"


def _set(table: str, column: str, row: int | slice, value: Any) -> Callable[[Tables], None]:
    def edit(tables: Tables) -> None:
        tables[table][column][row] = value

    return edit


def _without(table: str, *columns: str) -> Callable[[Tables], None]:
    def edit(tables: Tables) -> None:
        for column in columns:
            del tables[table][column]

    return edit


def _replace(table: str, column: str, change: Callable[[Any], Any]) -> Callable[[Tables], None]:
    def edit(tables: Tables) -> None:
        tables[table][column] = change(tables[table][column])

    return edit


def _in_turn(*edits: Callable[[Tables], None]) -> Callable[[Tables], None]:
    def edit(tables: Tables) -> None:
        for one in edits:
            one(tables)

    return edit


def _swap_events(tables: Tables) -> None:
    """Rows of the third and the fourth event change places."""
    table = tables["hit_table"]
    cuts = np.cumsum([0, *(3 * size for size in SIZES)])
    order = np.r_[0 : cuts[2], cuts[3] : cuts[4], cuts[2] : cuts[3], cuts[4] : cuts[5]]
    for column in table:
        if not column.startswith("event_id.seq"):
            table[column] = table[column][order]
    for key in ("event_id.seq", "event_id.seq_cnt"):
        del table[key]


def _split_event(tables: Tables) -> None:
    """The last hit of the first event stands at the end."""
    table = tables["hit_table"]
    last = 3 * SIZES[0] - 1
    order = np.r_[0:last, last + 1 : 3 * sum(SIZES), last]
    for column in table:
        if not column.startswith("event_id.seq"):
            table[column] = table[column][order]
    for key in ("event_id.seq", "event_id.seq_cnt"):
        del table[key]


NO_KEYS = ("event_id.seq", "event_id.seq_cnt")
ROWS = 3 * sum(SIZES)
# what is changed, and the finding: kind, table, column, count, event, row, value
FAULTS: dict[str, tuple[Callable[[Tables], None], tuple[Any, ...]]] = {
    "no keys": (_without("hit_table", *NO_KEYS), ("no-keys", "hit_table", None, 1, None, None, None)),
    "a line a row": (
        _replace("hit_table", "event_id.seq_cnt", lambda lines: np.repeat(lines, lines[:, 1], axis=0)),
        ("key-line-a-row", "hit_table", "event_id.seq_cnt", 1, None, 1, None),
    ),
    "key order": (
        _replace("hit_table", "event_id.seq_cnt", lambda lines: lines[::-1]),
        ("key-order", "hit_table", "event_id.seq_cnt", 3, None, 1, None),
    ),
    "key range": (
        _set("hit_table", "event_id.seq_cnt", (3, 0), 5),  # type: ignore[arg-type]
        ("key-range", "hit_table", "event_id.seq_cnt", 1, None, 3, 5),
    ),
    "key sum": (
        _set("hit_table", "event_id.seq_cnt", (3, 1), 99),  # type: ignore[arg-type]
        ("key-sum", "hit_table", "event_id.seq_cnt", 1, None, None, ROWS - 18 + 99),
    ),
    "key counts": (
        _set("hit_table", "event_id.seq_cnt", (3, 1), -1),  # type: ignore[arg-type]
        ("key-counts", "hit_table", "event_id.seq_cnt", 1, None, 3, -1),
    ),
    "key of floats": (
        _replace("hit_table", "event_id.seq_cnt", lambda lines: lines.astype(np.float64)),
        ("key-kind", "hit_table", "event_id.seq_cnt", 1, None, None, None),
    ),
    "short seq": (
        _replace("hit_table", "event_id.seq", lambda seq: seq[:-1]),
        ("key-kind", "hit_table", "event_id.seq", 1, None, None, None),
    ),
    "seq of another event": (
        _set("hit_table", "event_id.seq", 20, 3),
        ("key-disagrees", "hit_table", "event_id.seq", 1, 2, 20, 3),
    ),
    "seq out of range": (
        _set("hit_table", "event_id.seq", slice(20, 22), 9),
        ("key-range", "hit_table", "event_id.seq", 2, 2, 20, 9),
    ),
    "counts of others": (
        _set("hit_table", "event_id.seq_cnt", slice(0, 2), [[0, 11], [2, 16]]),
        ("key-disagrees", "hit_table", "event_id.seq_cnt", 2, None, 0, None),
    ),
    "event_id within an event": (
        _set("hit_table", "event_id", 20, (9, 9, 9)),
        ("event-id-disagrees", "hit_table", "event_id", 1, 2, 20, None),
    ),
    "unequal": (
        _replace("hit_table", "rms", lambda values: values[:-1]),
        ("unequal-lengths", "hit_table", "rms", 1, None, None, None),
    ),
    "order of events": (_swap_events, ("event-order", "hit_table", "event_id", 1, 2, 21, None)),
    "split": (_split_event, ("split-event", "hit_table", "event_id", 1, 0, ROWS - 1, None)),
    "unknown event": (
        _in_turn(_without("hit_table", *NO_KEYS), _set("hit_table", "event_id", slice(0, 12), (9, 9, 9))),
        ("unknown-event", "hit_table", "event_id", 12, None, 0, (9, 9, 9)),
    ),
    "repeated event": (
        _set("event_table", "event_id", 1, IDS[0]),
        ("repeated-event", "event_table", "event_id", 1, 1, 1, None),
    ),
    "wide event": (
        _replace("event_table", "event_id", lambda ids: ids.astype(np.int64) + (1 << 40)),
        ("wide-event-id", "event_table", "event_id", 5, 0, None, tuple(np.add(IDS[0], 1 << 40).tolist())),
    ),
    "no hit coordinates": (
        _without("hit_table", "local_wire"),
        ("not-processable", None, None, 1, None, None, None),
    ),
    "orphan": (
        _set("particle_table", "parent_id", 1, 77),
        ("orphan", "particle_table", "parent_id", 1, 2, 1, 77),
    ),
    "circle": (
        _set("particle_table", "parent_id", 1, 1),
        ("circle", "particle_table", "parent_id", 1, 2, 1, 1),
    ),
    "repeated hit": (
        _set("hit_table", "hit_id", 14, 0),
        ("repeated-hit-id", "hit_table", "hit_id", 1, 2, 14, 0),
    ),
    "deposit without hit": (
        _set("edep_table", "hit_id", slice(14, 16), 999),
        ("deposit-without-hit", "edep_table", "hit_id", 2, 2, 14, 999),
    ),
    "deposit without particle": (
        _set("edep_table", "g4_id", 14, 5),
        ("deposit-without-particle", "edep_table", "g4_id", 1, 2, 14, 5),
    ),
    "spacepoint without hit": (
        _set("spacepoint_table", "hit_id", 5, (-1, -2, 999)),
        ("spacepoint-without-hit", "spacepoint_table", "hit_id_v", 1, 2, 5, -2),
    ),
    "plane": (
        _set("hit_table", "local_plane", slice(30, 32), (3, -1)),
        ("unknown-plane", "hit_table", "local_plane", 2, 3, 30, 3),
    ),
    "no rule": (
        _set("particle_table", "type", 2, 12345678),
        ("unlabelled", "particle_table", None, 1, 3, 2, None),
    ),
    "no PDG code": (
        _set("particle_table", "type", 2, 0),
        ("unknown-pdg", "particle_table", "type", 1, 3, 2, 0),
    ),
    "NaN": (
        _set("hit_table", "integral", slice(1, 4), (np.nan, 1, -np.inf)),
        ("not-finite", "hit_table", "integral", 2, 0, 1, None),
    ),
    "NaN positions": (
        _set("edep_table", "y_position", 3, np.nan),
        ("not-finite-position", "edep_table", "y_position", 1, 0, 3, None),
    ),
    "umlaut": (
        _set("particle_table", "end_process", 1, "Zerfäll".encode()),
        ("not-ascii", "particle_table", "end_process", 1, 2, 1, None),
    ),
    "bytes": (
        _set("particle_table", "end_process", 1, b"Dec\xffay"),
        ("not-ascii", "particle_table", "end_process", 1, 2, 1, None),
    ),
    "table without events": (
        _in_turn(_without("edep_table", *NO_KEYS, "event_id")),
        ("keys-beyond-repair", "edep_table", None, 1, None, None, None),
    ),
    "repeated flash": (
        _set("opflash_table", "flash_id", 5, 0),
        ("repeated-flash-id", "opflash_table", "flash_id", 1, 3, 5, 0),
    ),
    "repeated photomultiplier": (
        _in_turn(
            _set("opflashsumpe_table", "sumpe_id", 5, 0),
            _set("opflashsumpe_table", "flash_id", 5, 1),
        ),
        ("repeated-sumpe-id", "opflashsumpe_table", "sumpe_id", 1, 3, 5, 0),
    ),
    "photomultiplier without flash": (
        _set("opflashsumpe_table", "flash_id", slice(2, 4), (-1, 9)),
        ("sum-without-flash", "opflashsumpe_table", "flash_id", 1, 2, 3, 9),
    ),
    "optical hit without photomultiplier": (
        _set("ophit_table", "sumpe_id", slice(2, 4), (-1, 9)),
        ("optical-hit-without-sum", "ophit_table", "sumpe_id", 1, 2, 3, 9),
    ),
}  # fmt: skip
# what else follows from some of them
FOLLOWS = {
    "a line a row": ["key-sum"],
    "key counts": ["key-sum"],
    "order of events": ["keys-beyond-repair"],
    "split": ["keys-beyond-repair"],
    "unknown event": ["keys-beyond-repair"],
    "repeated hit": ["deposit-without-hit", "spacepoint-without-hit"],
    "spacepoint without hit": ["spacepoint-without-hit"],
    "no rule": ["unknown-pdg"],
    "no PDG code": ["unlabelled"],
    "repeated flash": ["sum-without-flash"],
    "repeated photomultiplier": ["optical-hit-without-sum"],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_validate__fault_is_found(fault: str, tmp_path: Path) -> None:
    edit, expected = FAULTS[fault]
    tables = intact()
    edit(tables)
    path = write_tables(tmp_path / "e.h5", tables)
    before = path.read_bytes()
    report = checked(path, batch_bytes=1)
    kind, table, column, count, event, row, value = expected
    (found,) = [one for one in report.findings if (one.kind, one.column) == (kind, column)]
    assert (found.table, found.count, found.event, found.row, found.value) == (
        table,
        count,
        event,
        row,
        value,
    )
    if event is not None and kind != "wide-event-id":
        assert found.triple == (IDS[event] if kind != "repeated-event" else IDS[0])
    assert sorted(one.kind for one in report.findings if one is not found) == FOLLOWS.get(fault, [])
    order = [SEVERITIES.index(one.about.severity) for one in report.findings]
    assert order == sorted(order)
    assert path.read_bytes() == before


def test_validate__table_of_ones_own_without_events(tmp_path: Path) -> None:
    path = write_tables(tmp_path / "e.h5", intact() | {"pots": {"pot": np.ones(7)}})
    assert kinds(checked(path)) == ["without-events"]


def test_validate__planes_and_names_of_the_detector(tmp_path: Path) -> None:
    tables = intact()
    tables["particle_table"]["pdg_code"] = tables["particle_table"].pop("type")
    tables["particle_table"]["pdg_code"][1] = 0
    path = write_tables(tmp_path / "e.h5", tables)
    assert "not-processable" in kinds(checked(path))
    toml = tmp_path / "mine.toml"
    toml.write_text('planes = {u = 0, y = 2}\n[columns.particle_table]\ntype = "pdg_code"\n')
    report = checked(path, detector=toml)
    assert kinds(report) == ["unknown-plane", "unlabelled", "unknown-pdg"]
    plane, _, code = report.findings
    assert (plane.column, plane.count, plane.row, plane.value) == ("local_plane", sum(SIZES), 4, 1)
    # the column's name in the file
    assert (code.column, code.row, code.value) == ("pdg_code", 1, 0)


def test_validate__which_plane_column_counts(tmp_path: Path) -> None:
    tables = intact()
    hits = tables["hit_table"]
    hits["global_plane"] = np.array([b"u", b"V", b"y"], "S8")[hits["local_plane"]]
    hits["global_plane"][7] = b"w"
    hits["global_wire"], hits["global_time"] = hits["local_wire"], hits["local_time"]
    path = write_tables(tmp_path / "e.h5", tables)
    assert kinds(checked(path)) == []
    found = only(checked(path, detector=Detector(coordinates="global")), "unknown-plane")
    assert (found.column, found.count, found.row, found.value) == ("global_plane", 1, 7, "w")


@pytest.mark.parametrize("name", SIMULATED)
def test_validate__simulated_files_have_nothing_wrong(name: str, tmp_path: Path) -> None:
    layout = ("fresh", "merged", "contiguous")[SIMULATED.index(name) % 3]
    path = tmp_path / "e.h5"
    simulate(path, events=3, detector=name, seed=1, layout=layout)  # type: ignore[arg-type]
    presets = {"two-views": "argoneut", "dune-2023": "dune", "dune-2024": "dune"}
    detector = presets.get(name, name.partition("-")[0])
    assert kinds(checked(path, detector=detector)) == []
    assert kinds(checked(path)) == (["other-planes"] if name == "two-views" else [])


@pytest.mark.parametrize(
    ("detector", "columns", "wrong"),
    [
        (Detector(), ("tpc", "Cryostat"), {}),
        (Detector(tpcs=4), ("tpc", "Cryostat"), {"tpc": (2, 4), "Cryostat": (1, 1)}),
        (Detector(tpcs=2, cryostats=2), ("tpc",), {"tpc": (2, 4)}),
        (Detector(tpcs=2, cryostats=2), ("tpc", "Cryostat"), {"tpc": (3, 2)}),
    ],
)
def test_validate__chambers_of_the_detector(
    detector: Detector, columns: tuple[str, ...], wrong: dict[str, tuple[int, int]], tmp_path: Path
) -> None:
    tables = intact()
    own = {"tpc": np.zeros(ROWS, np.int32), "Cryostat": np.zeros(ROWS, np.int32)}
    own["tpc"][3:7] = (2, 4, 1, -1)
    own["Cryostat"][5] = 1
    del tables["hit_table"]["tpc"]
    tables["hit_table"] |= {name: own[name] for name in columns}
    report = checked(write_tables(tmp_path / "e.h5", tables), detector=detector)
    found = {one.column: (one.count, one.value) for one in report.findings if one.kind == "unknown-chamber"}
    assert found == wrong


def test_validate__two_views(tmp_path: Path) -> None:
    own = [two_views(event) for event in events()]
    path = write_events(tmp_path / "e.h5", own, IDS)
    report = checked(path)
    assert kinds(report) == ["other-planes"]
    assert report.findings[0].count == 2
    assert kinds(checked(path, detector="argoneut")) == []
    own[2]["hit_table"]["local_plane"][3] = 2
    own[2]["spacepoint_table"]["hit_id"][1, 1] = 99
    report = checked(write_events(tmp_path / "f.h5", own, IDS))
    assert kinds(report) == ["spacepoint-without-hit", "unknown-plane", "other-planes"]
    assert report.findings[0].column == "hit_id_1"


def two_views(event: Event) -> Event:
    """The event without its third plane."""
    kept = event["hit_table"]["local_plane"] < 2
    deposits = np.isin(event["edep_table"]["hit_id"], event["hit_table"]["hit_id"][kept])
    points = event["spacepoint_table"]
    return event | {
        "hit_table": {name: values[kept] for name, values in event["hit_table"].items()},
        "edep_table": {name: values[deposits] for name, values in event["edep_table"].items()},
        "spacepoint_table": points | {"hit_id": points["hit_id"][:, :2]},
    }


def test_validate__repeated_particle(tmp_path: Path) -> None:
    own = events()
    own[3]["particle_table"] = particles(
        [(4, 0, 13, 1, "primary", "Decay"), (4, 0, 11, 1, "primary", "eIoni")]
    )
    report = checked(write_events(tmp_path / "e.h5", own, IDS))
    found = only(report, "repeated-g4-id")
    assert (found.count, found.event, found.row, found.value) == (1, 3, 3, 4)


def test_validate__unlabelled_kinds_are_counted(tmp_path: Path) -> None:
    tables = intact()
    tables["particle_table"]["type"][1:3] = 12345678
    report = checked(write_tables(tmp_path / "e.h5", tables), batch_bytes=1)
    assert report.unlabelled.select("type", "particles", "with_hits").rows() == [(12345678, 2, 2)]
    assert only(report, "unlabelled").count == 2
    assert "unlabelled" not in kinds(validate(write_tables(tmp_path / "f.h5", tables)))


def test_validate__scheme_that_cannot_be_applied(tmp_path: Path) -> None:
    odd = scheme_of(Rule("odd", when=pdg.str.starts_with("1")))
    path = write_tables(tmp_path / "e.h5", intact())
    found = only(validate(path, scheme=odd, batch_bytes=1), "scheme-fails")
    assert (found.table, found.count) == ("particle_table", 1)
    assert "rule 0 (odd)" in (found.detail or "")


@pytest.mark.parametrize("batch_bytes", [1, 1 << 20])
def test_validate__unreadable_rows_do_not_hide_others(tmp_path: Path, batch_bytes: int) -> None:
    tables = intact()
    tables["hit_table"]["rms"][3] = np.nan
    path = write_tables(tmp_path / "e.h5", tables, chunks=(4, 1), compression="gzip")
    with h5py.File(path) as file:
        chunk = file["hit_table/integral"].id.get_chunk_info(1)
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)
    report = checked(path, batch_bytes=batch_bytes)
    found = only(report, "unreadable-rows")
    assert (found.table, found.column, found.row, found.count) == ("hit_table", "integral", 4, 4)
    assert "decompressing" in (found.detail or "")
    assert only(report, "not-finite").count == 1


def test_validate__columns_in_the_same_bytes(tmp_path: Path) -> None:
    path = write_tables(tmp_path / "e.h5", intact())
    with h5py.File(path) as file:
        rms, integral = (file[f"hit_table/{name}"].id.get_offset() for name in ("rms", "integral"))
    data = path.read_bytes()
    assert data.count(rms.to_bytes(8, "little")) == 1
    path.write_bytes(data.replace(rms.to_bytes(8, "little"), integral.to_bytes(8, "little")))
    found = only(checked(path), "overlapping-storage")
    assert {found.column, (found.detail or "").rpartition("/")[2]} == {"rms", "integral"}


def test_validate__unwritten_rows_and_strays(tmp_path: Path) -> None:
    path = write_tables(tmp_path / "e.h5", intact())
    with h5py.File(path, "a") as file:
        file["hit_table"].create_dataset("charge", (ROWS, 1), "f4", chunks=(16, 1))
        file["hit_table"].create_dataset("shape", data=np.zeros((ROWS, 2, 2)))
        file["version"] = 3
    report = checked(path)
    assert (only(report, "unwritten-rows").column, only(report, "unwritten-rows").count) == ("charge", ROWS)
    assert only(report, "unreadable-kind").column == "shape"
    assert only(report, "stray").detail == "version"
    assert report.count("error") == 0


def test_validate__quick_reads_keys_alone(tmp_path: Path) -> None:
    tables = intact()
    tables["hit_table"]["rms"][3] = np.nan
    tables["edep_table"]["event_id.seq_cnt"][0, 1] += 1
    report = checked(write_tables(tmp_path / "e.h5", tables), quick=True)
    assert kinds(report) == ["key-sum"]


def test_validate__no_event_table_leaves_values(tmp_path: Path) -> None:
    tables = intact()
    del tables["event_table"]
    tables["hit_table"]["rms"][3] = np.nan
    report = checked(write_tables(tmp_path / "e.h5", tables))
    assert kinds(report)[0] == "no-events"
    assert only(report, "not-finite").row == 3


@settings(max_examples=25)
@given(st.data())
def test_validate__identifiers_as_a_plain_loop_counts_them(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    few = st.integers(-2, 6)
    own = []
    expected = dict.fromkeys(
        ("deposit-without-hit", "deposit-without-particle", "spacepoint-without-hit", "orphan",
         "repeated-hit-id", "repeated-g4-id"), 0,
    )  # fmt: skip
    for size in data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4)):
        event = simple_event(size)
        ids = {
            (table, column): data.draw(st.lists(few, min_size=number, max_size=number))
            for table, column in (("hit_table", "hit_id"), ("edep_table", "hit_id"), ("edep_table", "g4_id"))
            for number in [len(event[table][column])]
        }
        for (table, column), values in ids.items():
            event[table][column][:] = values
        tree = data.draw(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), max_size=4))
        event["particle_table"] = particles([(g4, parent, 13, 1, "primary", "Decay") for g4, parent in tree])
        points = data.draw(st.lists(st.tuples(few, few, few), min_size=size, max_size=size))
        event["spacepoint_table"]["hit_id"][:] = np.array(points, np.int32).reshape(-1, 3)
        hits, g4_ids = set(ids["hit_table", "hit_id"]), {g4 for g4, _ in tree}
        expected["deposit-without-hit"] += sum(hit not in hits for hit in ids["edep_table", "hit_id"])
        expected["deposit-without-particle"] += sum(g4 not in g4_ids for g4 in ids["edep_table", "g4_id"])
        expected["spacepoint-without-hit"] += sum(
            hit != -1 and hit not in hits for point in points for hit in point
        )
        expected["orphan"] += sum(parent != 0 and parent not in g4_ids for _, parent in tree)
        expected["repeated-hit-id"] += len(hits) < len(ids["hit_table", "hit_id"])
        expected["repeated-g4-id"] += len(g4_ids) < len(tree)
        own.append(event)
    path = write_events(tmp_path_factory.mktemp("any") / "e.h5", own)
    report = checked(path, batch_bytes=data.draw(st.sampled_from([1, 500, 1 << 20])))
    counts = dict.fromkeys(expected, 0)
    for finding in report.findings:
        if finding.kind in counts:
            counts[finding.kind] += finding.count
    assert counts == expected


def command(*arguments: object, path: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """The command's end; modules are looked for in `path` first."""
    line = [sys.executable, "-m", "tests.tools.cli", *map(str, arguments)]
    paths = [str(path or ""), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        line, capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )  # fmt: skip


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with errors, warnings and notes in many events."""
    own = [event for _ in range(6) for event in events()]
    tables = join(own, [(1, number, number) for number in range(len(own))])
    for name in ("deposit without hit", "plane", "NaN", "orphan", "no rule", "spacepoint without hit"):
        FAULTS[name][0](tables)
    tables["edep_table"]["g4_id"][::7] = 99
    tables["hit_table"]["local_plane"][::11] = 4
    tables["particle_table"]["type"][::5] = 12345678
    tables["hit_table"]["event_id"][100] = (9, 9, 9)
    tables["spacepoint_table"]["position"] = tables["spacepoint_table"]["position"][:-1]
    return write_tables(
        tmp_path_factory.mktemp("faulty") / "e.h5", tables, chunks=(16, 1), compression="gzip"
    )


def test_validate__command_prints_json_equal_on_three_ranks(faulty: Path, run: Run) -> None:
    arguments = ("validate", faulty, "--json", "--batch-size", "2000")
    alone = run(*arguments, module="tests.tools.cli")
    ranks = run(*arguments, module="tests.tools.cli", ranks=3)
    assert alone.returncode == 3, alone.stderr
    assert json.loads(alone.stdout) == json.loads(ranks.stdout)
    assert ranks.returncode == 3
    (report,) = json.loads(alone.stdout)
    assert set(report) == {
        "file", "bytes", "events", "generation", "strings", "quick", "tables", "findings", "unlabelled",
    }  # fmt: skip
    first = report["findings"][0]
    assert set(first) == {"kind", "severity", "table", "column", "count", "about", "remedy", "example"}
    assert first["severity"] == "error"
    assert set(first["example"]) == {"event", "id", "row", "value", "detail"}


def test_validate__exit_statuses_and_summary(faulty: Path, tmp_path: Path) -> None:
    good = write_tables(tmp_path / "good.h5", intact())
    tables = intact()
    tables["hit_table"]["rms"][3] = np.nan
    warned = write_tables(tmp_path / "warned.h5", tables)
    result = command("validate", good, warned, faulty)
    assert result.returncode == 3
    assert result.stdout.splitlines()[-1] == "3 files: 1 with errors, 1 with warnings, 1 without either"
    assert "hit_table/rms: 1 value that is NaN or infinite" in result.stdout
    # pandas, where it is installed, takes longer to import than all else
    (tmp_path / "modules/pandas").mkdir(parents=True)
    (tmp_path / "modules/pandas/__init__.py").write_text("import sys; sys.stderr.write('pandas')")
    strict = command("validate", warned, "--strict", path=tmp_path / "modules")
    assert strict.returncode == 4
    assert strict.stdout.splitlines()[-1] == "1 warning"
    cut = tmp_path / "cut.h5"
    cut.write_bytes(good.read_bytes()[:-100])
    unreadable = command("validate", cut, good)
    assert unreadable.returncode == 1
    assert "truncated" in unreadable.stdout
    assert result.stderr == strict.stderr == unreadable.stderr == ""


def test_generation__of_columns() -> None:
    assert generation({"hit_table": ["local_plane"], "particle_table": ["g4_pdg"]}) == (
        "MicroBooNE open data release"
    )
    assert generation({"hit_table": ["plane", "view", "proj"]}) == "DUNE, since January 2025"
    assert generation({"hit_table": ["local_plane", "global_plane"]}) == "DUNE, to January 2025"
    assert generation({"hit_table": ["Cryostat", "global_plane"]}) == "ICARUS, SBND"
    assert generation({"hit_table": ["local_plane"], "edep_table": ["energy", "energy_fraction"]}) == (
        "MicroBooNE, with spacepoints"
    )
    assert generation({"hit_table": ["charge"]}) is None


def test_kinds__say_what_to_do() -> None:
    assert all(kind.one and kind.remedy for kind in KINDS.values())
    page = (Path(__file__).parents[2] / "docs/files.md").read_text()
    table = page.partition("| severity | kinds |")[2].partition("\n\n")[0]
    assert re.findall("`(.*?)`", table) == list(KINDS)
    severities = [SEVERITIES.index(kind.severity) for kind in KINDS.values()]
    assert severities == sorted(severities)
