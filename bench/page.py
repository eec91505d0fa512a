"""The results page: what must hold first, then each measure, then what the time goes to."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from harness import BENCH, ROOT, measures_table
from results import Results, Table

PROFILE = "profile"
"""The measure that has a part of the page to itself."""
TRIED = BENCH / "tried.md"
"""What was tried where a figure is missed: written by hand, and put on the page."""


@dataclass
class Outcome:
    """What became of one measure.

    Parameters
    ----------
    results
        What its script found; None if it ended with a fault or is not there.
    fault
        What went wrong; empty if nothing.
    day
        When it was measured, as an ISO date.
    machine
        On what, and how busy that was when it began.
    settings
        The options that the script was run with.
    """

    results: Results | None
    fault: str = ""
    day: str = field(default_factory=lambda: date.today().isoformat())
    machine: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""

    @property
    def is_met(self) -> bool:
        """True if it was measured and all that must hold holds."""
        return self.results is not None and self.results.is_met


def must_hold(outcomes: Mapping[str, Outcome], required: Mapping[str, str]) -> Table:
    """All figures of which something is required; a measure that has one and did not end shows as missed.

    Parameters
    ----------
    required
        By measure, what is required of it at the least.
    """
    table = Table("", ("measure", "required", "median", "least, most", "met"))
    for name, outcome in outcomes.items():
        figures = (
            [one for one in outcome.results.measures if one.limit] if outcome.results is not None else []
        )
        if outcome.results is not None and outcome.results.differences:
            table.rows.append((f"{name}: equal outputs", "equal", "different", "", "**no**"))
        for one in figures:
            met = "yes" if one.is_met else "**no**"
            table.rows.append((one.name, one.limit, one.shown(one.figure), one.shown_spread, met))
        if not figures and name in required:
            table.rows.append((name, required[name], "not measured", "", "**no**"))
    return table


def all_hold(table: Table) -> bool:
    """Whether every row of `must_hold` is met."""
    return all(row[-1] == "yes" for row in table.rows)


def render(outcomes: Mapping[str, Outcome], required: Mapping[str, str], *, quick: bool = False) -> str:
    """The page, in Markdown."""
    parts = [
        "# Results\n",
        "Written by `make bench`; [README](README.md) says what is measured and how. Every figure is a "
        "median over runs that took turns, or the ratio of two. *Least, most* are those of single runs, or "
        "of successive pairs of runs.\n",
    ]
    if quick:
        parts.append("**A quick run, which tests the scripts: its figures mean nothing.**\n")
    parts += ["## What must hold\n", must_hold(outcomes, required).markdown()]
    parts += ["## Machine and versions\n", *_machines(outcomes), *_versions(outcomes)]
    parts.append("## Measure by measure\n")
    for name, outcome in outcomes.items():
        if name != PROFILE:
            parts += [f"### {name}\n", *_details(outcome)]
    if PROFILE in outcomes:
        parts += ["## What the time goes to\n", *_details(outcomes[PROFILE])]
    if TRIED.exists():
        parts += ["## What was tried\n", TRIED.read_text(encoding="utf-8").strip() + "\n"]
    return "\n".join(parts)


def write(path: Path, text: str) -> None:
    """Write the page whole."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _machines(outcomes: Mapping[str, Outcome]) -> list[str]:
    """What the measures ran on; the load stands for each, the rest once."""
    measured = {name: outcome for name, outcome in outcomes.items() if outcome.machine}
    facts = Table("", ("", ""))
    for key in next((outcome.machine for outcome in measured.values()), {}):
        values = dict.fromkeys(outcome.machine.get(key, "") for outcome in measured.values())
        if key != "code" and not key.startswith("load"):
            facts.rows.append((key, "; ".join(values)))
    days = Table("", ("measure", "date", "code", "load before (1, 5, 15 minutes)"))
    for name, outcome in measured.items():
        load = next((value for key, value in outcome.machine.items() if key.startswith("load")), "")
        days.rows.append((name, outcome.day, outcome.machine.get("code", ""), load))
    return [facts.markdown(), days.markdown()] if measured else []


def _versions(outcomes: Mapping[str, Outcome]) -> list[str]:
    found: dict[str, dict[str, str]] = {}
    for outcome in outcomes.values():
        for program, versions in (outcome.results.versions if outcome.results is not None else {}).items():
            found.setdefault(program, {}).update(versions)
    return [
        f"- {program}: {', '.join(f'{name} {version}' for name, version in versions.items())}\n"
        for program, versions in found.items()
    ]


def _details(outcome: Outcome) -> list[str]:
    parts = [f"`{outcome.settings}`\n"] if outcome.settings else []
    if outcome.fault:
        fault = outcome.fault.strip().replace(f"{ROOT}{os.sep}", "")
        parts.append(f"**Fault:**\n\n```\n{fault}\n```\n")
    results = outcome.results
    if results is None:
        return parts
    if results.measures:
        parts.append(measures_table(results).markdown())
    parts += [table.markdown() for table in results.tables]
    if results.differences:
        shown = "\n".join(f"- {line}" for line in results.differences[:20])
        parts.append(f"**{len(results.differences)} differences of outputs**\n\n{shown}\n")
    if results.notes:
        parts.append("\n".join(f"- {note}" for note in results.notes) + "\n")
    return parts
