"""EventFile as a sequence of events."""

import polars as pl
import pytest

from numl_polars import Batch, Event, EventFile
from tests.builder import simple_event, without_rows, write_events


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> EventFile:
    made = [simple_event(20 + number, seed=number) for number in range(6)] + [without_rows(simple_event())]
    return EventFile(write_events(tmp_path_factory.mktemp("file") / "events.h5", made))


def test_len_and_iteration(events: EventFile) -> None:
    assert len(events) == 7
    assert [event.event_index for event in events] == list(range(7))
    assert [event.event_id for event in events][-1] == (1, 0, 6)


def test_getitem__event(events: EventFile) -> None:
    event = events[2]
    assert isinstance(event, Event)
    assert event["hit_table"].height == 66
    assert event["hit_table"]["event_index"].unique().to_list() == [2]
    assert event["event_table"].select("run", "event").row(0) == (1, 2)
    assert events[-1].event_index == 6
    assert events[-1]["hit_table"].is_empty()
    assert event.name == events.name
    assert "run 1, subrun 0, event 2; rows: edep_table 66, event_table 1, hit_table 66" in repr(event)


def test_getitem__equals_scan(events: EventFile) -> None:
    for table in events.tables:
        whole = events.scan(table).collect()
        for event in events:
            assert event[table].equals(whole.filter(pl.col("event_index") == event.event_index))


@pytest.mark.parametrize("bounds", [(2, 5), (None, 3), (-2, None), (5, 2), (0, 99)])
def test_getitem__slice_is_an_event_file(events: EventFile, bounds: tuple[int | None, int | None]) -> None:
    part = events[slice(*bounds)]
    assert isinstance(part, EventFile)
    assert [event.event_index for event in part] == list(range(7))[slice(*bounds)]
    assert part.num_rows("hit_table") == sum(event["hit_table"].height for event in part)
    assert len(part.scan("hit_table").collect()) == part.num_rows("hit_table")


def test_getitem__slice_of_a_slice(events: EventFile) -> None:
    assert [event.event_index for event in events[1:6][1:3]] == [2, 3]


def test_getitem__errors(events: EventFile) -> None:
    with pytest.raises(IndexError, match="event 7 of 7 in"):
        events[7]
    with pytest.raises(ValueError, match="contiguous range: step 2"):
        events[::2]
    with pytest.raises(KeyError, match=r"no table 'nope' in .* \(has edep_table, event_table"):
        events[0]["nope"]


def test_repr__names_tables_and_columns(events: EventFile) -> None:
    text = repr(events)
    assert "7 events" in text
    assert "hit_table" in text
    assert "hit_id" in text
    assert "[2, 4) of 7" in repr(events[2:4])


def test_batches__hold_every_event_once(events: EventFile) -> None:
    for budget in (1, 10_000, 1 << 30):
        batches = list(events.batches(budget))
        assert [event for batch in batches for event in range(batch.start, batch.stop)] == list(range(7))
    assert len(list(events.batches(1))) == 7


def test_batch__offsets_count_from_its_first_event(events: EventFile) -> None:
    batch = Batch(events, 2, 4)
    assert batch.offsets("hit_table").tolist() == [0, 66, 135]
    assert batch["hit_table"].height == 135
    assert batch.select("hit_table", ["rms"]).columns == ["event_index", "rms"]


def test_scan__iteration_over_a_million_rows_is_lazy(events: EventFile) -> None:
    # an Event reads nothing until a table of it is asked for
    assert events[3]._read == {}
