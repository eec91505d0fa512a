"""Results of scripts: read, judged, and put on the page."""

import json
from pathlib import Path
from typing import Any

import pytest
from page import Outcome, all_hold, must_hold, render
from profiling import PROCESS, stacks
from results import (
    Measure,
    Results,
    Table,
    compared,
    duration,
    limited,
    measure_from,
    memory,
    number,
    read_results,
)

LEAST = {
    "measures": [
        {
            "name": "inflate",
            "ours_s": 1.0,
            "peer_s": 2.0,
            "ratio": 2.0,
            "required": 1.7,
            "spread": [1.9, 2.1],
        },
        {
            "name": "write",
            "ours_s": 3.0,
            "floor_s": 2.0,
            "ratio": 0.7,
            "required": None,
            "spread": [0.6, 0.8],
        },
    ]
}


def test_read_results__least_form(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    path.write_text(json.dumps(LEAST))
    first, second = read_results(path).measures
    assert (first.figure, first.limit, first.is_met) == (2.0, "at least 1.7x", True)
    assert (second.floor_s, second.limit, second.is_met) == (2.0, "", True)


def test_read_results__what_is_written_is_read(tmp_path: Path) -> None:
    results = Results(
        [limited("start", [2.0, 1.0, 4.0], at_most=2.5), memory("run", [2**30, 2**20])],
        [Table("t", ("a", "b"), [["1", "2"]])],
        ["note"],
        ["x differs"],
        {"python": {"numpy": "2"}},
    )
    results.write(tmp_path / "found.json")
    read = read_results(tmp_path / "found.json")
    assert [one.figure for one in read.measures] == [2.0, 1024.0]
    assert (read.tables[0].markdown(), read.notes) == (results.tables[0].markdown(), ["note"])
    assert not read.is_met


@pytest.mark.parametrize(
    "content, figure, limit, spread",
    [
        ({"value": 1.8, "unit": "x", "required": 1.7, "spread": [1, 2]}, 1.8, "at least 1.7x", [1, 2]),
        ({"value": 1.5, "unit": "ms", "required": 2, "ratio": None}, 1.5, "at most 2 ms", ()),
        ({"value": 1.5, "unit": "s", "required": None, "at_most": 2.0}, 1.5, "at most 2 s", ()),
        ({"ratio": 3.0, "spread": {"ours": [0, 1], "ratio": [2, 4]}}, 3.0, "", [2, 4]),
    ],
)
def test_measure_from__forms(content: dict[str, Any], figure: float, limit: str, spread: list[int]) -> None:
    measure = measure_from({"name": "a", **content})
    assert (measure.figure, measure.limit, measure.spread) == (figure, limit, spread)


@pytest.mark.parametrize("content", ['{"other": []}', "[]", "no JSON", '{"measures": [{"ours_s": 1}]}'])
def test_read_results__another_form_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "found.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"found\.json has not the form of results"):
        read_results(path)


@pytest.mark.parametrize(
    "measure, is_met",
    [
        (Measure("a", ratio=2.0, required=2.0), True),
        (Measure("a", ratio=1.99, required=2.0), False),
        (Measure("a", ratio=float("nan"), required=2.0), False),
        (Measure("a", required=2.0), False),
        (Measure("a", value=2.0, unit="s", at_most=2.0), True),
        (Measure("a", value=2.1, unit="s", at_most=2.0), False),
        (Measure("a", ratio=0.1), True),
    ],
)
def test_measure__is_met(measure: Measure, is_met: bool) -> None:
    assert measure.is_met is is_met


def test_compared__ratio_of_medians_and_spread_of_pairs() -> None:
    measure = compared("a", [1.0, 2.0, 4.0], [10.0, 40.0, 20.0])
    assert (measure.ratio, list(measure.spread)) == (10.0, [5.0, 20.0])


def test_page__missed_missing_and_different_do_not_hold() -> None:
    fast = Results([Measure("fast", ratio=9.0, required=5.0, spread=(8.0, 10.0))])
    outcomes = {
        "good": Outcome(fast),
        "crashed": Outcome(None, fault="ended with status 1"),
        "differs": Outcome(Results(differences=["1_2_3: evt/y"])),
        "without need": Outcome(None, fault="not there"),
    }
    required = {"good": "at least 5x", "crashed": "at least 2x"}
    table = must_hold(outcomes, required)
    assert [(row[0], row[-1]) for row in table.rows] == [
        ("fast", "yes"),
        ("crashed", "**no**"),
        ("differs: equal outputs", "**no**"),
    ]
    assert not all_hold(table)
    assert all_hold(must_hold({"good": outcomes["good"]}, required))
    text = render(outcomes, required)
    assert "| fast | at least 5x | 9x | 8, 10 | yes |" in text
    assert "ended with status 1" in text
    assert "1_2_3: evt/y" in text


def test_table__markdown_escapes_bars() -> None:
    assert Table("", ("a", "b"), [["x|y", "1"]]).markdown() == "| a | b |\n|---|---:|\n| x\\|y | 1 |\n"


def test_stacks__only_what_is_within_process_or_another_thread() -> None:
    text = "\n".join(
        [
            f"thread (1): MainThread;<module> (ours.py);main (ours.py);{PROCESS};read (a.py) 3",
            "thread (1): MainThread;<module> (ours.py);main (ours.py) 5",
            f"thread (1): MainThread;{PROCESS};_find_and_load (<frozen importlib._bootstrap>) 7",
            "thread (2): writer;run (threading.py);write (b.py) 2",
            "thread (3) 9",
        ]
    )
    found = [(functions[-1], count) for functions, count in stacks(text)]
    assert found == [("read (a.py)", 3), ("write (b.py), another thread", 2)]


@pytest.mark.parametrize(
    "value, text",
    [(0.0, "0"), (1234.5, "1,234"), (123.4, "123"), (1.8, "1.8"), (0.01234, "0.0123"), (1e-9, "1.00e-09")],
)
def test_number__three_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    "seconds, text",
    [(None, ""), (0.0, "0 s"), (2.5, "2.5 s"), (0.002, "2 ms"), (3e-6, "3 µs"), (4e-8, "40 ns")],
)
def test_duration__unit_that_reads_well(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
