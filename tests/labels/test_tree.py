"""Particles as printable trees."""

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numl_polars as nl
from numl_polars.labels import is_muon
from tests.builder import simple_event, without_rows, write_events
from tests.labels.particles import SCHEMA, chain, forests, particles, scheme_of

STANDARD = nl.StandardLabels()


def test_tree__lines() -> None:
    table = particles(
        (12, 1, 0, 13, "primary", "Decay", 0.8),
        (12, 5, 4, 22, "eBrem", "phot", 0.01234),
        (12, 4, 1, -11, "Decay", "annihil", 0.03),
        (12, 9, 0, 99999999, "primary", None, None),
        (12, 10, 0, 22, "primary", "nCapture", 0.00001),
    )
    assert (
        STANDARD.tree(table)
        == """\
event 12: 5 particles, 2 with a fault
├── mu- 13 (g4_id 1)  0.80 GeV/c  primary → Decay   muon #0
│   └── e+ -11 (g4_id 4)  30 MeV/c  Decay → annihil   michel #1
│       └── gamma 22 (g4_id 5)  12.3 MeV/c  eBrem → phot   michel #1 ↓
├── 99999999 (g4_id 9)  primary → ?   no label: unlabelled
└── gamma 22 (g4_id 10)  0.01 MeV/c  primary → nCapture   no label: unlabelled"""
    )


def test_tree__only_identifiers() -> None:
    table = particles((0, 1, 0), (0, 2, 1)).select("event_index", "g4_id", "parent_id")
    assert (
        scheme_of(nl.Rule("any")).tree(table)
        == """\
event 0: 2 particles
└── (g4_id 1)   any
    └── (g4_id 2)   any"""
    )


def test_tree__events_in_order() -> None:
    table = particles((5, 1), (2, 1), (5, 2, 1), (2, 2))
    lines = STANDARD.tree(table).splitlines()
    assert [line for line in lines if line.startswith("event")] == [
        "event 2: 2 particles",
        "event 5: 2 particles",
    ]
    assert [int(found) for found in re.findall(r"g4_id (\d+)", "\n".join(lines))] == [1, 2, 1, 2]


def test_tree__what_no_primary_reaches_has_headings() -> None:
    table = particles(
        (0, 7, 99),  # an orphan, and one below it
        (0, 8, 7),
        (0, 20, 21),  # leads into a circle of two
        (0, 21, 22),
        (0, 22, 21),
        (0, 23, 22),
        (0, 30, 30),  # its own parent
        (0, 1, 0),
    ).select("event_index", "g4_id", "parent_id")
    scheme = scheme_of(nl.Rule("any"), orphans="any")
    assert (
        scheme.tree(table)
        == """\
event 0: 8 particles, 7 with a fault
├── (g4_id 1)   any
├── 2 particles whose parent, or that of an ancestor, is not in the table
│   └── (g4_id 7, parent_id 99)   any (orphan)
│       └── (g4_id 8)   any (orphan)
└── 5 particles in or below a circle of parents
    ├── (g4_id 21, parent_id 22)   any (circle)
    │   ├── (g4_id 20)   any (circle)
    │   └── (g4_id 22)   any (circle)
    │       └── (g4_id 23)   any (circle)
    └── (g4_id 30, parent_id 30)   any (circle)"""
    )


def test_tree__repeated_id_is_shown() -> None:
    text = STANDARD.tree(particles((0, 1, 0, 13), (0, 2, 1, 13), (0, 2, 1, 13)))
    assert text.startswith("event 0: 3 particles, 3 with a fault\n")
    assert text.count("g4_id 2)") == 2
    assert text.count("no label: repeated_g4_id") == 3


def test_tree__limits_say_what_is_hidden() -> None:
    rows = [(0, 1, 0, 13), (0, 2, 0, 13), (0, 3, 0, 13)]
    rows += [(0, 10 + i, 1, 13) for i in range(4)]
    rows += [(0, 20, 10, 13), (0, 21, 20, 13), (0, 22, 12, 22), (0, 23, 3, 13)]
    table = particles(*rows).select("event_index", "g4_id", "parent_id", "type")
    scheme = scheme_of(nl.Rule("muon", when=is_muon))
    assert (
        scheme.tree(table, max_depth=1, max_children=2)
        == """\
event 0: 11 particles, 1 with a fault
├── mu- 13 (g4_id 1)   muon
│   ├── mu- 13 (g4_id 10)   muon
│   │   └── … and 2 more below
│   ├── mu- 13 (g4_id 11)   muon
│   └── … and 3 more below, 1 with a fault
├── mu- 13 (g4_id 2)   muon
└── … and 2 more below"""
    )


@given(forests(), st.integers(0, 3), st.integers(1, 3))
def test_tree__every_particle_is_shown_or_counted(table: pl.DataFrame, depth: int, children: int) -> None:
    whole = STANDARD.tree(table, max_depth=None, max_children=None)
    assert "more below" not in whole
    ids = sorted(int(found) for found in re.findall(r"\(g4_id (-?\d+)", whole))
    assert ids == sorted(table["g4_id"].to_list())

    cut = STANDARD.tree(table, max_depth=depth, max_children=children)
    hidden = sum(int(found) for found in re.findall(r"and (\d+) more below", cut))
    assert cut.count("(g4_id") + hidden == table.height
    hidden_faults = sum(int(found) for found in re.findall(r"more below, (\d+) with a fault", cut))
    shown_faults = cut.count("no label:")
    assert shown_faults + hidden_faults == STANDARD.apply(table)["fault"].is_not_null().sum()


def test_tree__defaults_bound_a_big_event() -> None:
    deep = STANDARD.tree(chain(10_000))
    assert len(deep.splitlines()) == 13
    assert deep.endswith("… and 9,989 more below")
    wide = STANDARD.tree(particles((0, 1, 0), *((0, row, 1) for row in range(2, 20_000))))
    assert len(wide.splitlines()) == 23
    assert wide.endswith("… and 19,978 more below")


def test_tree__deep_chain_without_limit() -> None:
    lines = STANDARD.tree(chain(1_500), max_depth=None).splitlines()
    assert len(lines) == 1_501
    assert "(g4_id 1500)" in lines[-1]


def test_tree__plain_text_of_any_width(monkeypatch: pytest.MonkeyPatch) -> None:
    table = particles((0, 1, 0, 13, "a process [bold]of[/bold] a :long: name " * 5, "Decay"))
    plain = STANDARD.tree(table)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert STANDARD.tree(table) == plain
    assert len(plain.splitlines()) == 2
    assert "\x1b" not in plain
    assert "a process [bold]of[/bold] a :long: name a process" in plain


def test_tree__no_particles(tmp_path: Path) -> None:
    assert STANDARD.tree(pl.DataFrame(schema=SCHEMA)) == "no particles"
    events = nl.open(write_events(tmp_path / "e.h5", [simple_event(), without_rows(simple_event())]))
    assert STANDARD.tree(events[1]) == "no particles"
    assert STANDARD.tree(events[0]).startswith("event 0: 1 particle\n└── mu- 13 (g4_id 1)  0.50 GeV/c")


@pytest.mark.parametrize(
    "limits, message",
    [
        ({"max_depth": -1}, "max_depth is -1; it must be 0 or more, or None for no limit"),
        ({"max_children": 0}, "max_children is 0; it must be 1 or more, or None for no limit"),
    ],
)
def test_tree__limit_out_of_range(limits: dict[str, int], message: str) -> None:
    with pytest.raises(nl.OptionError, match=message):
        STANDARD.tree(chain(2), **limits)  # type: ignore[arg-type]
