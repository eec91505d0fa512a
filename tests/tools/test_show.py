"""``numl-polars show``: which event is meant, and what is shown of it."""

import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from numl_polars.errors import InputError, OptionError
from numl_polars.events.file import EventFile
from numl_polars.labels.schemes.standard import StandardLabels
from numl_polars.tools.show import find_event, show
from tests.builder import simple_event, without_rows, write_events
from tests.tools.test_validate import command

IDS = [(1, 0, 5), (1, 0, 6), (1, 2, 5), (4, 0, 1)]


@pytest.fixture
def events(tmp_path: Path) -> EventFile:
    own = [simple_event(4), without_rows(simple_event()), simple_event(5), simple_event(6)]
    return EventFile(write_events(tmp_path / "e.h5", own, IDS))


def shown(events: EventFile, index: int, **options: object) -> str:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(show(events, index, scheme=StandardLabels(), **options))  # type: ignore[arg-type]
    return captured.get()


@pytest.mark.parametrize(
    ("text", "index"),
    [("0", 0), ("3", 3), ("-1", 3), ("-4", 0), ("1/0/6", 1), (" 1/2/5 ", 2), ("r4_sr0_evt1", 3)],
)
def test_find_event(events: EventFile, text: str, index: int) -> None:
    assert find_event(events, text) == index


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("4", "no event 4: .*e.h5 has 4 events, 0 to 3"),
        ("-5", "no event -5"),
        ("1/2/9", "no event 1/2/9 in .*the nearest is 1/2/5, event 2"),
        ("r3_sr0_evt1", "the nearest is 4/0/1, event 3"),
        ("99999999999999999999/0/0", "the nearest is 4/0/1"),
        ("r1_sr0_evt5_2", "which has it 1 time"),
    ],
)
def test_find_event__that_is_not_there(events: EventFile, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        find_event(events, text)


@pytest.mark.parametrize("text", ["", "first", "1/2", "r1_evt5", "1.5"])
def test_find_event__that_is_no_event(events: EventFile, text: str) -> None:
    with pytest.raises(OptionError, match="names no event: give an index"):
        find_event(events, text)


def test_find_event__repeated(tmp_path: Path) -> None:
    path = write_events(tmp_path / "e.h5", [simple_event(4)] * 3, [(1, 0, 5), (1, 0, 6), (1, 0, 5)])
    with pytest.warns(UserWarning, match="repeat"), EventFile(path) as events:
        assert [find_event(events, text) for text in ("1/0/5", "r1_sr0_evt5", "r1_sr0_evt5_2")] == [0, 0, 2]


def test_show__tables_and_tree(events: EventFile) -> None:
    text = shown(events, 2)
    assert "r1_sr2_evt5: event 2 of" in text
    assert "hit_table: 15 rows" in text
    assert "… 12 more" in text
    assert "mu- 13 (g4_id 1)" in text
    assert max(map(len, text.splitlines()[1:])) <= 80


def test_show__one_table_alone(events: EventFile) -> None:
    text = shown(events, 0, table="particle_table", rows=9)
    assert "start_process" in text
    assert "Decay" in text
    assert "hit_table" not in text
    with pytest.raises(InputError, match="no table 'hits'"):
        shown(events, 0, table="hits")


def test_show__known_columns_first_then_others(tmp_path: Path) -> None:
    event = simple_event(2)
    event["hit_table"]["angle"] = np.arange(6, dtype=np.float32)
    points = event["spacepoint_table"]
    points["hit_id"] = points["hit_id"][:, :2]
    with EventFile(write_events(tmp_path / "e.h5", [event])) as events:
        text = shown(events, 0)
        alone = shown(events, 0, table="hit_table")
    assert "hit_id  integral" in alone
    assert re.search(r"local_time +angle", alone)
    assert "position_z  hit_id_0  hit_id_1" in text


def test_show__event_of_several_files(tmp_path: Path) -> None:
    for name, run in (("a.h5", 1), ("b.h5", 2)):
        write_events(tmp_path / name, [simple_event(2)] * 3, [(run, 0, n) for n in range(3)])
    result = command("show", tmp_path / "a.h5", tmp_path / "b.h5", "2/0/1", "--rows", "0")
    assert result.stdout.splitlines()[0].endswith(f"event 1 of {tmp_path / 'b.h5'}, run 2, subrun 0, event 1")
    assert "r2_sr0_evt1: event 4 of" in result.stdout
    assert result.returncode == 0


def test_show__names_of_the_detector(tmp_path: Path) -> None:
    event = simple_event(2)
    event["particle_table"]["pdg_code"] = event["particle_table"].pop("type")
    write_events(tmp_path / "e.h5", [event])
    (tmp_path / "mine.toml").write_text('[columns.particle_table]\ntype = "pdg_code"\n')
    result = command("show", tmp_path / "e.h5", "-1", "--detector", tmp_path / "mine.toml")
    assert "mu- 13 (g4_id 1)" in result.stdout
    assert command("show", tmp_path / "e.h5", "-1", "--dept", "3").returncode == 2


def test_show__event_without_rows(events: EventFile) -> None:
    text = shown(events, 1)
    assert "hit_table: 0 rows" in text
    assert "no particles" in text
