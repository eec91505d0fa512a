"""Keys added and rebuilt: by an oracle, for layouts, storages and faults of all kinds."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars import EventFile, InputError
from numl_polars.errors import OutputError
from numl_polars.tables.index_layout import NOVA, NUML, IndexLayout
from numl_polars.tools.index import IndexedFile, index_file
from tests.tools.index.builder import (
    SOME_COUNTS,
    SOME_IDS,
    STORAGES,
    assert_keys,
    keys_of,
    others_of,
    write_column,
    write_file,
)

SEQ, SEQ_CNT = NUML.keys


def states(found: IndexedFile) -> dict[str, tuple[str, ...]]:
    return {table.name: tuple(key.state for key in table.keys.values()) for table in found.tables}


def assert_untouched_by_a_second_run(path: Path) -> None:
    content, changed = path.read_bytes(), path.stat().st_mtime_ns
    found = index_file(path)
    assert {state for of_table in states(found).values() for state in of_table} == {"right"}
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (content, changed)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("layout", [NUML, NOVA], ids=["numl", "nova"])
def test_index_file__adds_keys(tmp_path: Path, layout: IndexLayout, storage: str) -> None:
    path = tmp_path / "a.h5"
    expected = write_file(path, layout=layout, storage=storage)
    others = others_of(path, layout)
    found = index_file(path)
    assert found.layout == layout
    assert found.num_events == 5
    assert set(states(found).values()) == {("missing", "missing")}
    assert {table.name: table.num_rows for table in found.tables} == {
        layout.table: 5, "hit_table": 6, "particle_table": 5, "edep_table": 0,
    }  # fmt: skip
    assert_keys(keys_of(path, layout), expected)
    assert others_of(path, layout) == others
    with h5py.File(path) as file:
        like, seq = file["hit_table"][layout.columns[0]], file["hit_table"][layout.seq]
        assert (seq.chunks is None) == (like.chunks is None)
        assert (seq.compression, seq.compression_opts, seq.shuffle, seq.fletcher32) == (
            like.compression, like.compression_opts, like.shuffle, like.fletcher32,
        )  # fmt: skip
        assert seq.maxshape == ((6, 1) if storage == "contiguous" else (None, 1))
    assert_untouched_by_a_second_run(path)


def test_index_file__many_chunks_of_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numl_polars.tools.index.key_datasets.CHUNK_ROWS", 7)
    monkeypatch.setattr("numl_polars.tables.event_runs._BLOCK_ROWS", 10)
    rng = np.random.default_rng(1)
    counts = {"hit_table": rng.integers(0, 9, 60).tolist()}
    for storage in STORAGES:
        path = tmp_path / f"{storage}.h5"
        expected = write_file(path, [(1, 0, number) for number in range(60)], counts, storage=storage)
        index_file(path)
        assert_keys(keys_of(path), expected)
        with h5py.File(path) as file:
            assert file["hit_table"][SEQ].chunks == (None if storage == "contiguous" else (7, 1))


def missing_seq(group: h5py.Group) -> None:
    del group[SEQ]


def missing_both(group: h5py.Group) -> None:
    del group[SEQ], group[SEQ_CNT]


def one_line_a_row(group: h5py.Group) -> None:
    lines = np.stack([group[SEQ][:, 0], np.ones(len(group[SEQ]), int)], axis=1)
    del group[SEQ_CNT]
    write_column(group, SEQ_CNT, lines)


def from_before_a_merge(group: h5py.Group) -> None:
    group[SEQ][:3] = 1
    group[SEQ_CNT][0] = (1, 2)


def wrong_sum(group: h5py.Group) -> None:
    group[SEQ_CNT][0, 1] += 1


def moved_row(group: h5py.Group) -> None:
    group[SEQ][1] = group[SEQ][-1]
    group[SEQ_CNT][0, 1] -= 1
    group[SEQ_CNT][1, 1] += 1


def out_of_range(group: h5py.Group) -> None:
    group[SEQ][-1] = 99
    group[SEQ_CNT][-1, 0] = 99


def short(group: h5py.Group) -> None:
    group[SEQ].resize(2, axis=0)


def narrow(group: h5py.Group) -> None:
    values = group[SEQ][()].astype(np.int32)
    del group[SEQ]
    write_column(group, SEQ, values)


def flat(group: h5py.Group) -> None:
    values = group[SEQ][:, 0]
    del group[SEQ]
    group[SEQ] = values


def no_dataset(group: h5py.Group) -> None:
    del group[SEQ]
    group.create_group(SEQ)


DAMAGES: dict[Callable[[h5py.Group], None], tuple[str, str, str | None]] = {
    missing_seq: ("missing", "right", None),
    missing_both: ("missing", "missing", None),
    one_line_a_row: ("right", "wrong", r"event indices do not increase: .*one line a row"),
    from_before_a_merge: (
        "wrong",
        "wrong",
        r"gives row 0 to event 1, \(1, 0, 5\), but the row is of \(1, 0, 3\)",
    ),
    wrong_sum: ("right", "wrong", "counts add up to 7, the table has 6 rows"),
    moved_row: ("wrong", "wrong", r"event indices fall, first in row 2 \(to 2\)"),
    out_of_range: ("wrong", "wrong", "event index 99 out of range of 5 events"),
    short: ("wrong", "right", r"shape \(2, 1\) of int64, not \(6, 1\) of int64"),
    narrow: ("wrong", "right", r"shape \(6, 1\) of int32, not \(6, 1\) of int64"),
    flat: ("wrong", "right", r"shape \(6,\) of int64, not \(6, 1\) of int64"),
    no_dataset: ("missing", "right", None),
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_index_file__rebuilds_what_is_wrong(tmp_path: Path, damage: Callable[[h5py.Group], None]) -> None:
    path = tmp_path / "a.h5"
    expected = write_file(path, keys=True)
    others = others_of(path)
    with h5py.File(path, "r+") as file:
        damage(file["hit_table"])
    found = index_file(path, dry_run=True)
    seq, seq_cnt, reason = DAMAGES[damage]
    before = path.read_bytes()
    assert states(found)["hit_table"] == (seq, seq_cnt)
    reasons = [key.reason for table in found.tables for key in table.keys.values() if key.reason]
    assert bool(reasons) == (reason is not None)
    if reason is not None:
        assert re.search(reason, reasons[0])
    assert path.read_bytes() == before
    assert states(index_file(path)) == states(found)
    assert_keys(keys_of(path), expected)
    assert others_of(path) == others
    assert_untouched_by_a_second_run(path)


ids_and_counts = st.integers(0, 9).flatmap(
    lambda events: st.tuples(
        st.lists(
            st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 9)),
            min_size=events,
            max_size=events,
            unique=True,
        ),
        st.lists(st.lists(st.integers(0, 4), min_size=events, max_size=events), min_size=1, max_size=3),
    )
)


@settings(max_examples=80)
@given(
    ids_and_counts,
    st.sampled_from(sorted(STORAGES)),
    st.sampled_from([NUML, NOVA]),
    st.sampled_from(["both", "seq", "seq-cnt", "none"]),
    st.sampled_from([{}, {"libver": "latest"}, {"track_order": True}]),
    st.randoms(use_true_random=False),
)
def test_index_file__equals_the_oracle(
    tmp_path_factory: pytest.TempPathFactory,
    events: tuple[list[tuple[int, int, int]], list[list[int]]],
    storage: str,
    layout: IndexLayout,
    left: str,
    options: dict[str, str],
    random: Random,
) -> None:
    path = tmp_path_factory.mktemp("index") / "a.h5"
    ids, counts = events
    by_table = {f"table_{number}": numbers for number, numbers in enumerate(counts)}
    expected = write_file(path, ids, by_table, layout=layout, storage=storage, keys=left != "none", **options)
    dropped = {"seq": layout.seq_cnt, "seq-cnt": layout.seq}.get(left)
    with h5py.File(path, "r+") as file:
        for group in file.values():
            for key in layout.keys:
                if key == dropped:
                    del group[key]
                elif key in group and group[key].size and random.random() < 0.3:
                    group[key][-1] = random.randint(-2, 9)
    others = others_of(path, layout)
    index_file(path)
    assert_keys(keys_of(path, layout), expected)
    assert others_of(path, layout) == others
    if ids:
        assert_untouched_by_a_second_run(path)


def test_index_file__one_key_alone(tmp_path: Path) -> None:
    for keys, present in (("seq", SEQ), ("seq-cnt", SEQ_CNT)):
        path = tmp_path / f"{keys}.h5"
        expected = write_file(path)
        index_file(path, keys=keys)  # type: ignore[arg-type]
        assert_keys(keys_of(path), {name: {present: of[present]} for name, of in expected.items()})
        index_file(path)
        assert_keys(keys_of(path), expected)


def test_index_file__tables_and_force(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    expected = write_file(path)
    found = index_file(path, tables=["hit_table"])
    assert [table.name for table in found.tables] == ["hit_table"]
    assert_keys(keys_of(path), {n: (of if n == "hit_table" else {}) for n, of in expected.items()})
    size = path.stat().st_size
    forced = index_file(path, tables=["hit_table"], force=True)
    assert forced.num_bytes == path.stat().st_size - size > 0
    assert forced.num_unused_bytes > 0
    assert_keys({"hit_table": keys_of(path)["hit_table"]}, {"hit_table": expected["hit_table"]})
    with pytest.raises(InputError, match=r"a.h5 has no table 'hits', 'spills' \(has edep_table, event_table"):
        index_file(path, tables=["hits", "hit_table", "spills"])


def test_index_file__dry_run_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_file(path)
    before = path.read_bytes()
    path.chmod(0o444)
    found = index_file(path, dry_run=True)
    assert all(key.is_written for table in found.tables for key in table.keys.values())
    assert path.read_bytes() == before
    assert found.num_bytes == 0


# ---- what cannot be known


def swap(group: h5py.Group) -> None:
    group["event_id"][()] = group["event_id"][()][::-1]


def split(group: h5py.Group) -> None:
    group["event_id"][-1] = group["event_id"][0]


def foreign(group: h5py.Group) -> None:
    group["event_id"][2] = (7, 7, 7)


def uneven(group: h5py.Group) -> None:
    group["value"].resize(3, axis=0)
    group["other"] = np.zeros((6, 1))


def without_ids(group: h5py.Group) -> None:
    group[SEQ][0] = 9
    del group["event_id"]


OBSTACLES: dict[Callable[[h5py.Group], None], str] = {
    swap: r"events are not in the order of the event table, 2 times, first \(1, 0, 6\)",
    split: r"2 runs of rows are of split events, first \(1, 0, 3\)",
    foreign: r"1 runs of its rows are of events not in the event table, first \(7, 7, 7\)",
    uneven: r"columns differ in length: 1 of 3 columns .*value has 3",
    without_ids: r"there is no column 'event_id'",
}


@pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda obstacle: obstacle.__name__)
def test_index_file__tables_that_cannot_have_keys_stay(
    tmp_path: Path, obstacle: Callable[[h5py.Group], None]
) -> None:
    path = tmp_path / "a.h5"
    expected = write_file(path, keys=True)
    with h5py.File(path, "r+") as file:
        obstacle(file["hit_table"])
        del file["particle_table"][SEQ]
    before, others = keys_of(path)["hit_table"], others_of(path)
    found = index_file(path)
    (fault,) = found.faults
    assert fault.name == "hit_table"
    assert re.search(OBSTACLES[obstacle], fault.obstacle or "")
    assert_keys(keys_of(path), expected | {"hit_table": before})
    assert others_of(path) == others


def test_index_file__tables_that_say_nothing_of_events_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    expected = write_file(path)
    with h5py.File(path, "r+") as file:
        file["metadata/version"] = 3
        file["stray"] = np.arange(4)
        file["alias"] = h5py.SoftLink("/hit_table")
    found = index_file(path)
    assert not found.faults
    assert {table.name: table.obstacle for table in found.tables}["metadata"] is not None
    assert keys_of(path)["metadata"] == {}
    with h5py.File(path) as file:
        assert file.get("alias", getlink=True).path == "/hit_table"
    tables = {name: keys for name, keys in keys_of(path).items() if name not in ("metadata", "alias")}
    assert_keys(tables, expected)


REPEATED = [(1, 0, 0), (1, 0, 1), (1, 0, 0), (1, 0, 0)]


def test_index_file__repeated_events_are_told_apart_by_keys(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    expected = write_file(path, REPEATED, {"hit_table": [2, 0, 1, 3]}, keys=True)
    with h5py.File(path, "r+") as file:
        del file["hit_table"][SEQ]
    found = index_file(path)
    assert states(found)["hit_table"] == ("missing", "right")
    assert_keys(keys_of(path), expected)
    assert_untouched_by_a_second_run(path)


def test_index_file__repeated_events_without_keys_are_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_file(path, REPEATED, {"hit_table": [2, 0, 1, 3]})
    found = index_file(path)
    (fault,) = found.faults
    assert "3 events repeat a (run, subrun, event)" in (fault.obstacle or "")
    assert keys_of(path)["hit_table"] == {}
    assert keys_of(path)["event_table"].keys() == {SEQ, SEQ_CNT}


def test_index_file__keys_that_contradict_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_file(path, REPEATED, {"hit_table": [2, 0, 1, 3]}, keys=True)
    with h5py.File(path, "r+") as file:
        file["hit_table"][SEQ][()] = np.array([[0], [0], [2], [2], [3], [3]])
    before = path.read_bytes()
    found = index_file(path)
    assert len(found.faults) == 1
    assert path.read_bytes() == before


# ---- files that cannot be read or written


def test_index_file__no_events(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    expected = write_file(path, [], {"hit_table": []})
    index_file(path)
    assert_keys(keys_of(path), expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "is not an HDF5 file"),
        (b"no HDF5", "is not an HDF5 file"),
        (slice(0, -3000), "is truncated"),
        (slice(0, 50), "is not an HDF5 file|cannot be read|truncated"),
    ],
)
def test_index_file__files_that_cannot_be_read(
    tmp_path: Path, content: bytes | slice | None, message: str
) -> None:
    path = tmp_path / "a.h5"
    if isinstance(content, slice):
        write_file(path)
        content = path.read_bytes()[content]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        index_file(path)
    assert content is None or path.read_bytes() == content


def test_index_file__no_table_of_events(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_file(path)
    with h5py.File(path, "r+") as file:
        del file["event_table"]
    with pytest.raises(InputError, match=r"a.h5 has neither event_table/event_id nor spill/run"):
        index_file(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_index_file__read_only_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_file(path)
    before = path.read_bytes()
    path.chmod(0o444)
    with pytest.raises(OutputError, match=r"cannot write .*a.h5: Permission denied"):
        index_file(path)
    assert path.read_bytes() == before


def test_index_file__right_keys_of_a_read_only_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_file(path, keys=True)
    path.chmod(0o444)
    with path.open("rb"):
        assert not index_file(path).faults


def test_index_file__symbolic_link(tmp_path: Path) -> None:
    path, link = tmp_path / "a.h5", tmp_path / "b.h5"
    expected = write_file(path)
    link.symlink_to(path)
    index_file(link)
    assert link.is_symlink()
    assert_keys(keys_of(path), expected)


# ---- real and simulated files


@pytest.mark.parametrize("name", ["real/r7010_sr1705_evt85251", "synthetic/uboone_gaps", "synthetic/dune"])
def test_index_file__shared_files_get_their_own_keys(shared: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.h5"
    shutil.copy(shared / "data" / f"{name}.evt.h5", path)
    path.chmod(0o644)
    own = keys_of(path)
    with h5py.File(path, "r+") as file:
        for group in file.values():
            for key in NUML.keys:
                if key in group:
                    del group[key]
    index_file(path)
    found = keys_of(path)
    for table, keys in own.items():
        for key, lines in keys.items():
            np.testing.assert_array_equal(found[table][key], lines, strict=True)
    with EventFile(path) as events:
        assert all(events.offsets(table)[-1] == events.num_rows(table) for table in events.tables)
    assert_untouched_by_a_second_run(path)


def test_builder__some_events_have_rows_and_some_have_none() -> None:
    assert {len(numbers) for numbers in SOME_COUNTS.values()} == {len(SOME_IDS)}
