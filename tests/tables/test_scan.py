"""Lazy frames: what reaches HDF5, and what comes back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars import EventFile
from numl_polars.tables import store
from numl_polars.tables.rows import DatasetRows, Reading
from tests.builder import simple_event, without_rows, write_events

SIZES = (25, 0, 3, 0, 40)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> EventFile:
    made = [simple_event(size, seed=size) if size else without_rows(simple_event()) for size in SIZES]
    return EventFile(write_events(tmp_path_factory.mktemp("scan") / "events.h5", made))


@contextmanager
def reads() -> Iterator[list[tuple[str, int, int]]]:
    """Datasets and rows that are read meanwhile, but for those that tell events."""
    seen: list[tuple[str, int, int]] = []

    class Spy(Reading):
        def __init__(self, rows: DatasetRows, start: int, stop: int) -> None:
            name = rows.dataset.name.rpartition("/")[2]
            if not name.startswith("event_id"):
                seen.append((name, start, stop))
            super().__init__(rows, start, stop)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "Reading", Spy)
        yield seen


def test_scan__two_columns_read_two_datasets(events: EventFile) -> None:
    with reads() as seen:
        frame = events.scan("hit_table").select("integral", "rms").collect()
    assert [name for name, _, _ in seen] == ["integral", "rms"]
    assert frame.shape == (204, 2)


@pytest.mark.parametrize(
    "condition, rows",
    [
        (pl.col("event_index") == 2, [(75, 84)]),
        (pl.col("event_index").is_between(1, 3), [(75, 84)]),
        ((pl.col("event_index") >= 2) & (pl.col("event_index") < 4), [(75, 84)]),
        (pl.col("event_index").is_in([0, 4]), [(0, 75), (84, 204)]),
        (pl.col("event_index") > 99, []),
        ((pl.lit(3) > pl.col("event_index")) & (pl.col("rms") > 4), [(0, 84)]),
        ((pl.col("event_index") == 0) | (pl.col("rms") > 4), [(0, 204)]),
    ],
)
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_scan__event_conditions_choose_rows(
    events: EventFile, condition: pl.Expr, rows: list[tuple[int, int]], engine: str
) -> None:
    whole = events.scan("hit_table").collect()
    with reads() as seen:
        frame = events.scan("hit_table").filter(condition).collect(engine=engine)  # type: ignore[call-overload]
    assert sorted({(start, stop) for _, start, stop in seen if stop > start}) == rows
    assert frame.equals(whole.filter(condition))


def test_scan__head_reads_no_more(events: EventFile) -> None:
    with reads() as seen:
        assert events.scan("hit_table").select("rms").head(7).collect().height == 7
    assert seen == [("rms", 0, 7)]


def test_scan__rows_reach_hdf5(events: EventFile) -> None:
    whole = events.scan("hit_table").collect()
    with reads() as seen:
        frame = events.scan("hit_table", rows=(70, 90)).select("rms", "event_index").collect()
    assert seen == [("rms", 70, 90)]
    assert frame.equals(whole[70:90].select("rms", "event_index"))


def test_scan__is_lazy(events: EventFile) -> None:
    with reads() as seen:
        frame = events.scan("hit_table")
    assert isinstance(frame, pl.LazyFrame)
    assert not seen
    assert "NuML" in frame.explain()


def test_scan__range_of_events_keeps_their_index(events: EventFile) -> None:
    frame = events[2:4].scan("hit_table").collect()
    assert frame["event_index"].to_list() == [2] * 9
    assert events[1:2].scan("hit_table").collect().is_empty()


def test_scan__wide_columns_are_named_by_the_table(events: EventFile) -> None:
    assert events.column_names("spacepoint_table") == (
        "run", "subrun", "event", "hit_id_u", "hit_id_v", "hit_id_y",
        "position_x", "position_y", "position_z", "spacepoint_id",
    )  # fmt: skip
    first = events.scan("spacepoint_table").head(1).collect()
    assert first.select("hit_id_u", "hit_id_v", "hit_id_y").row(0) == (50, 25, 0)


@settings(max_examples=50, deadline=None)
@given(
    low=st.integers(-1, 6), high=st.integers(-1, 6), columns=st.sets(st.sampled_from(["rms", "tpc", "event"]))
)
def test_scan__equals_reading_all_and_filtering(
    events: EventFile, low: int, high: int, columns: set[str]
) -> None:
    names = ["event_index", *sorted(columns)]
    condition = pl.col("event_index").is_between(low, high)
    pushed = events.scan("hit_table").filter(condition).select(names).collect()
    assert pushed.equals(events.scan("hit_table").collect().filter(condition).select(names))


def test_scan__table_of_another_kind(tmp_path: Path) -> None:
    event = simple_event()
    event["opflash_table"] = {
        "time": np.array([5.5], np.float32),
        "wire_pos": np.array([[1, 2, 3]], np.int32),
    }
    event["my_table"] = {"vector": np.array([[1.0, 2.0]]), "flag": np.array([True])}
    with EventFile(write_events(tmp_path / "more.h5", [event])) as more:
        flash = more.scan("opflash_table").select("time", "wire_pos_2").collect()
        mine = more.scan("my_table").select("vector_0", "vector_1", "flag").collect()
    assert flash.row(0) == (5.5, 3)
    assert mine.row(0) == (1.0, 2.0, True)
