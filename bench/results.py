"""What a script of the benchmark found: figures, tables and notes, as JSON between processes.

The least form, which every script writes with ``--json FILE``::

    {"measures": [{"name": str, "ours_s": float, "peer_s" or "floor_s": float, "ratio": float,
                   "required": float or null, "spread": [least, most]}]}

A measure may have ``"value"``, ``"unit"`` and ``"at_most"`` instead where it is no ratio of two times, and
the file may have ``"tables"``, ``"notes"``, ``"differences"`` and ``"versions"``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table as RichTable


@dataclass
class Measure:
    """One figure.

    Parameters
    ----------
    name
        What is measured.
    ours_s, peer_s, floor_s
        Medians, in seconds, of whatever unit of work the name states: ours, and what it is compared with,
        another program or the least that the work can take.
    ratio
        How many times as fast ours is as the other.
    value, unit
        The figure where it is no ratio.
    required
        The ratio is to be this at least.
    at_most
        The value is to be this at most.
    spread
        Least and most of the figure over the repeats.
    """

    name: str
    ours_s: float | None = None
    peer_s: float | None = None
    floor_s: float | None = None
    ratio: float | None = None
    value: float | None = None
    unit: str = ""
    required: float | None = None
    at_most: float | None = None
    spread: Sequence[float] = ()

    @property
    def figure(self) -> float | None:
        """The value, or else the ratio; None of neither."""
        return self.value if self.value is not None else self.ratio

    @property
    def limit(self) -> str:
        """What must hold, as text; empty if nothing must."""
        if self.at_most is not None:
            return f"at most {number(self.at_most)} {self.unit}".rstrip()
        return "" if self.required is None else f"at least {number(self.required)}x"

    @property
    def is_met(self) -> bool:
        """True if what must hold holds; a figure that is missing or NaN does not meet anything."""
        if self.at_most is not None:
            return self.figure is not None and self.figure <= self.at_most
        return self.required is None or (self.figure is not None and self.figure >= self.required)

    def shown(self, figure: float | None) -> str:
        """A figure of this measure as text."""
        if figure is None:
            return ""
        return f"{number(figure)} {self.unit}".rstrip() if self.value is not None else f"{number(figure)}x"

    @property
    def shown_spread(self) -> str:
        """Least and most as text; empty where they are not known."""
        return ", ".join(map(number, self.spread))


def compared(
    name: str, ours: Sequence[float], peer: Sequence[float], *, required: float | None = None
) -> Measure:
    """Measure of two programs that ran in turns: the ratio of medians, its spread over successive pairs."""
    pairs = [theirs / own for own, theirs in zip(ours, peer, strict=True)]
    own, theirs = median(ours), median(peer)
    return Measure(name, own, theirs, ratio=theirs / own, required=required, spread=(min(pairs), max(pairs)))


def limited(name: str, seconds: Sequence[float], *, at_most: float | None = None) -> Measure:
    """Measure of one program by itself: the median of its seconds."""
    spread = (min(seconds), max(seconds))
    return Measure(name, value=median(seconds), unit="s", at_most=at_most, spread=spread)


def memory(name: str, peaks: Sequence[int]) -> Measure:
    """Measure of the bytes that a rank holds at the peak: the most of all runs, for that is what counts."""
    mebibytes = [peak / 2**20 for peak in peaks]
    return Measure(
        f"peak memory of a rank, {name}",
        value=max(mebibytes),
        unit="MiB",
        at_most=PEAK_MEMORY_MIB,
        spread=(min(mebibytes), max(mebibytes)),
    )


PEAK_MEMORY_MIB = 1024


@dataclass
class Table:
    """Rows of texts; the first column is aligned left, the others right."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def markdown(self) -> str:
        """The table in Markdown, its title in bold above."""
        lines = [
            "| " + " | ".join(self.columns) + " |",
            "|---" + "|---:" * (len(self.columns) - 1) + "|",
            *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in self.rows),
        ]
        return (f"**{self.title}**\n\n" if self.title else "") + "\n".join(lines) + "\n"

    def rich(self) -> RichTable:
        """The table for a rich console."""
        table = RichTable(title=self.title or None)
        for column in self.columns:
            table.add_column(column, justify="right" if table.columns else "left")
        for row in self.rows:
            table.add_row(*row)
        return table


@dataclass
class Results:
    """What one script found.

    Parameters
    ----------
    measures
        Its figures.
    tables
        Details.
    notes
        Sentences below them.
    differences
        How outputs differ that must be equal, one line each.
    versions
        Versions of packages, by program.
    """

    measures: list[Measure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def is_met(self) -> bool:
        """True if every figure holds and outputs are equal."""
        return not self.differences and all(measure.is_met for measure in self.measures)

    def write(self, path: Path) -> None:
        """Write the results as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_results(path: Path) -> Results:
    """Results that a script has written; members and fields that are not known are left out.

    Raises
    ------
    ValueError
        The file is not of the form above; the message names it and the fault.
    """
    try:
        return from_content(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path.name} has not the form of results: {type(error).__name__}: {error}"
        ) from error


def from_content(content: Mapping[str, Any]) -> Results:
    """Results from what JSON holds."""
    return Results(
        measures=[measure_from(measure) for measure in content["measures"]],
        tables=[Table(**table) for table in content.get("tables", [])],
        notes=list(content.get("notes", [])),
        differences=list(content.get("differences", [])),
        versions=dict(content.get("versions", {})),
    )


def measure_from(content: Mapping[str, Any]) -> Measure:
    """Measure from what JSON holds.

    A value whose unit is "x" is a ratio; what is required of another value is its most. Of several
    spreads, that of the ratio counts.
    """
    known = {key: content[key] for key in Measure.__dataclass_fields__ if content.get(key) is not None}
    if known.get("unit") == "x":
        known["ratio"] = known.pop("value", known.get("ratio"))
        del known["unit"]
    elif "value" in known and "at_most" not in known:
        known["at_most"] = known.pop("required", None)
    if isinstance(known.get("spread"), Mapping):
        known["spread"] = known["spread"].get("ratio", ())
    return Measure(**known)


def number(value: float) -> str:
    """Three significant digits, and no exponent where the number is readable without."""
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 0.001 or not value:
        return f"{value:.3g}"
    return f"{value:.2e}"


def duration(seconds: float | None) -> str:
    """Seconds in the unit that keeps the number readable."""
    if seconds is None:
        return ""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if abs(seconds) * factor >= 1:
            return f"{number(seconds * factor)} {unit}"
    return f"{number(seconds * 1e9)} ns" if seconds else "0 s"
