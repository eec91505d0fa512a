"""Event offsets from either key, from none, and from wrong ones."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars import EventFile, EventFileWarning, InputError
from numl_polars.tables.event_runs import Runs
from tests.builder import Event, Table, join, simple_event, without_rows, write_tables

SIZES = (25, 0, 3, 0, 40)


def some_events() -> list[Event]:
    return [simple_event(size, seed=size) if size else without_rows(simple_event()) for size in SIZES]


def offsets_of(path: Path) -> dict[str, list[int]]:
    with EventFile(path) as events:
        return {table: events.offsets(table).tolist() for table in events.tables}


@pytest.fixture
def tables() -> dict[str, Table]:
    return join(some_events())


@pytest.fixture
def right(tmp_path: Path, tables: dict[str, Table]) -> dict[str, list[int]]:
    return offsets_of(write_tables(tmp_path / "right.h5", tables))


def test_event_offsets__both_keys(right: dict[str, list[int]]) -> None:
    assert right["hit_table"] == [0, 75, 75, 84, 84, 204]
    assert right["spacepoint_table"] == [0, 25, 25, 28, 28, 68]
    assert right["event_table"] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "dropped",
    [("event_id.seq",), ("event_id.seq_cnt",), ("event_id.seq", "event_id.seq_cnt"), ("event_id",)],
    ids=["seq_cnt", "seq", "neither", "no event_id"],
)
def test_event_offsets__any_key_suffices(
    tmp_path: Path, tables: dict[str, Table], right: dict[str, list[int]], dropped: tuple[str, ...]
) -> None:
    for name, table in tables.items():
        for column in dropped:
            if not (name == "event_table" and column == "event_id"):
                del table[column]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert offsets_of(write_tables(tmp_path / "one.h5", tables)) == right


def lines_per_row(table: Table) -> None:
    table["event_id.seq_cnt"] = np.stack([table["event_id.seq"], np.ones_like(table["event_id.seq"])], axis=1)


def wrong_sum(table: Table) -> None:
    table["event_id.seq_cnt"][1, 1] += 2


def out_of_range(table: Table) -> None:
    table["event_id.seq_cnt"][-1, 0] = 5


def swapped_counts(table: Table) -> None:
    table["event_id.seq_cnt"][:, 1] = table["event_id.seq_cnt"][::-1, 1]


def shifted_events(table: Table) -> None:
    table["event_id.seq_cnt"][1, 0] = 1


def negative_count(table: Table) -> None:
    table["event_id.seq_cnt"][0, 1] = -1


def flat(table: Table) -> None:
    table["event_id.seq_cnt"] = table["event_id.seq_cnt"].reshape(-1)


FAULTS: dict[Callable[[Table], None], str] = {
    lines_per_row: "event indices do not increase: .*one line a row",
    wrong_sum: "counts add up to 206, the table has 204 rows",
    out_of_range: "1 event indices out of range, first 5 of 5 events",
    swapped_counts: r"it gives row 75 to event 0|it gives row \d+ to event \d",
    shifted_events: r"it gives row 75 to event 1, \(1, 0, 1\), but the row's event_id is \(1, 0, 2\)",
    negative_count: "negative counts, first -1",
    flat: r"shape \(6, 1\) of int64, not \(events, 2\)",
}


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("other_key", [True, False], ids=["seq left", "event_id left"])
def test_event_offsets__wrong_key_is_named_and_rebuilt(
    tmp_path: Path,
    tables: dict[str, Table],
    right: dict[str, list[int]],
    spoil: Callable[[Table], None],
    other_key: bool,
) -> None:
    spoil(tables["hit_table"])
    if not other_key:
        del tables["hit_table"]["event_id.seq"]
    path = write_tables(tmp_path / "wrong.h5", tables)
    remedy = "used 'event_id.seq' instead" if other_key else "rebuilt from 'event_id'"
    with pytest.warns(EventFileWarning, match=f"hit_table of .*{FAULTS[spoil]}.*{remedy}"):
        assert offsets_of(path) == right


@pytest.mark.parametrize("fault", ["falls", "range", "short"])
def test_event_offsets__wrong_seq_is_rebuilt(
    tmp_path: Path, tables: dict[str, Table], right: dict[str, list[int]], fault: str
) -> None:
    hits = tables["hit_table"]
    del hits["event_id.seq_cnt"]
    if fault == "falls":
        hits["event_id.seq"][10] = 2
    elif fault == "range":
        hits["event_id.seq"][-1] = 9
    else:
        hits["event_id.seq"] = hits["event_id.seq"][:-1]
    path = write_tables(tmp_path / "wrong.h5", tables)
    with pytest.warns(EventFileWarning, match=r"'event_id.seq' is wrong"):
        assert offsets_of(path) == right


def test_event_offsets__key_of_more_lines_than_there_is_memory_for(
    tmp_path: Path, tables: dict[str, Table], right: dict[str, list[int]]
) -> None:
    path = write_tables(tmp_path / "wrong.h5", tables)
    with h5py.File(path, "r+") as file:
        del file["hit_table/event_id.seq_cnt"]
        file.create_dataset(
            "hit_table/event_id.seq_cnt", (1 << 45, 2), np.int64, chunks=(1024, 2), maxshape=(None, 2)
        )
    with pytest.warns(EventFileWarning, match="'event_id.seq_cnt' is wrong: 35184372088832 lines, more than"):
        assert offsets_of(path) == right


def test_read_ids__more_events_than_there_is_memory_for(tmp_path: Path, tables: dict[str, Table]) -> None:
    path = write_tables(tmp_path / "wrong.h5", tables)
    with h5py.File(path, "r+") as file:
        del file["event_table/event_id"]
        storage = {"chunks": (1024, 3), "maxshape": (None, 3)}
        file.create_dataset("event_table/event_id", (1 << 27, 3), np.int32, **storage)
    with pytest.raises(InputError, match=r"event_table of .* is damaged: 134217728 events are more than"):
        EventFile(path)


def test_event_offsets__wrong_key_without_event_id_is_an_error(
    tmp_path: Path, tables: dict[str, Table]
) -> None:
    wrong_sum(tables["hit_table"])
    del tables["hit_table"]["event_id.seq"], tables["hit_table"]["event_id"]
    path = write_tables(tmp_path / "wrong.h5", tables)
    with pytest.raises(
        InputError, match=r"counts add up to 206.*cannot be rebuilt: there is no column 'event_id'"
    ):
        offsets_of(path)


def test_event_offsets__split_event_is_an_error(tmp_path: Path, tables: dict[str, Table]) -> None:
    hits = tables["hit_table"]
    del hits["event_id.seq"], hits["event_id.seq_cnt"]
    hits["event_id"][100] = (1, 0, 0)
    with pytest.raises(InputError, match=r"4 runs of rows are of split events, first \(1, 0, 0\)"):
        offsets_of(write_tables(tmp_path / "split.h5", tables))


def test_event_offsets__foreign_event_is_an_error(tmp_path: Path, tables: dict[str, Table]) -> None:
    hits = tables["hit_table"]
    del hits["event_id.seq"], hits["event_id.seq_cnt"]
    hits["event_id"][-1] = (9, 9, 9)
    with pytest.raises(
        InputError, match=r"1 runs of its rows are of events not in the event table, first \(9, 9, 9\)"
    ):
        offsets_of(write_tables(tmp_path / "foreign.h5", tables))


def test_event_offsets__repeated_triples_are_told_apart_by_position(tmp_path: Path) -> None:
    ids = [(1, 0, 0), (1, 0, 1), (1, 0, 0)]
    tables = join([simple_event(20), simple_event(21), simple_event(22)], ids)
    for keys in (True, False):
        if not keys:
            for table in tables.values():
                del table["event_id.seq"], table["event_id.seq_cnt"]
        path = write_tables(tmp_path / f"repeats{keys}.h5", tables)
        with pytest.warns(EventFileWarning, match=r"1 of 3 events repeat a \(run, subrun, event\)"):
            events = EventFile(path)
        assert events.offsets("hit_table").tolist() == [0, 60, 123, 189]
        assert [events.object_name(i) for i in range(3)] == ["r1_sr0_evt0", "r1_sr0_evt1", "r1_sr0_evt0_2"]


@pytest.mark.parametrize("ids", [[(1, 0, 0), (1, 0, 0)], [(1, 0, 0), (1, 0, 1), (1, 0, 0)]])
def test_event_offsets__repeated_triples_without_keys_are_not_guessed(
    tmp_path: Path, ids: list[tuple[int, int, int]]
) -> None:
    made = [simple_event(20), without_rows(simple_event()), without_rows(simple_event())][: len(ids)]
    tables = join(made, ids)
    for table in tables.values():
        del table["event_id.seq"], table["event_id.seq_cnt"]
    message = r"2 events repeat a \(run, subrun, event\), and without keys it cannot be told.*\(1, 0, 0\)"
    with pytest.warns(EventFileWarning), pytest.raises(InputError, match=message):
        offsets_of(write_tables(tmp_path / "repeats.h5", tables))


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    keys=st.sampled_from(["seq", "seq_cnt", "none"]),
    chunked=st.booleans(),
)
def test_event_offsets__equal_counts_by_any_key(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], keys: str, chunked: bool
) -> None:
    ids = np.array([(1, number // 3, number) for number in range(len(counts))], np.int32)
    path = tmp_path_factory.mktemp("keys") / "counts.h5"
    with h5py.File(path, "w") as file:
        file["event_table/event_id"] = ids
        table = file.create_group("hit_table")
        rows = np.repeat(np.arange(len(counts)), counts)
        storage = {"chunks": (min(3, len(rows)), 3), "compression": "gzip"} if chunked and len(rows) else {}
        table.create_dataset("event_id", data=ids[rows], **storage)
        if keys == "seq":
            table["event_id.seq"] = rows.reshape(-1, 1)
        if keys == "seq_cnt":
            lines = [(number, count) for number, count in enumerate(counts) if count]
            table["event_id.seq_cnt"] = np.array(lines, np.int64).reshape(-1, 2)
    with EventFile(path) as events:
        assert np.diff(events.offsets("hit_table")).tolist() == counts


@pytest.mark.parametrize("order", ["C", "F"])
def test_runs__as_many_events_as_components(order: Literal["C", "F"]) -> None:
    ids = np.array([(0, 0, 0), (0, 0, 1), (1, 0, 0)], np.int32, order=order)
    for event in range(3):
        runs = Runs(ids[[event]], np.zeros(1, np.int64), 4, ids)
        assert np.diff(runs.offsets()).tolist() == [4 * (number == event) for number in range(3)]
