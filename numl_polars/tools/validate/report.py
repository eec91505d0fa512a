"""What is said of a file: for people as tables, for programs as plain values."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from numl_polars.schema import KEY_COLUMNS
from numl_polars.tools.validate.contents import ColumnContents, TableContents, is_key, string_storage
from numl_polars.tools.validate.findings import Finding
from numl_polars.tools.validate.kinds import SEVERITIES, Severity

_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}
_MOST_COMBINATIONS = 10


@dataclass
class FileReport:
    """What is in a file, and what is wrong with it.

    Parameters
    ----------
    file
        Its path.
    num_bytes
        Its size, 0 where there is none.
    events
        Number of events.
    generation
        Which of the known generations of files it is of, None for none of them.
    tables
        Its tables.
    findings
        What is wrong, worst first.
    unlabelled
        Kinds of particles that no rule labels, as `numl_polars.labels.combinations` has them, most first.
    quick
        Whether rows were left unread.
    """

    file: str
    num_bytes: int = 0
    events: int = 0
    generation: str | None = None
    tables: list[TableContents] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unlabelled: pl.DataFrame = field(default_factory=pl.DataFrame)
    quick: bool = False

    @property
    def is_readable(self) -> bool:
        """Whether the file could be opened."""
        return not any(finding.kind == "unreadable-file" for finding in self.findings)

    def count(self, severity: Severity) -> int:
        """Findings of a severity."""
        return sum(finding.about.severity == severity for finding in self.findings)

    @property
    def summary(self) -> str:
        """Findings by severity in words."""
        counts = ((self.count(severity), severity) for severity in SEVERITIES)
        found = ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for count, name in counts if count)
        return found or "nothing wrong"

    def as_json(self) -> dict[str, Any]:
        """Plain values, as the documentation lists them."""
        return {
            "file": self.file,
            "bytes": self.num_bytes,
            "events": self.events,
            "generation": self.generation,
            "strings": list(string_storage(self.tables)),
            "quick": self.quick,
            "tables": {table.name: _table_as_json(table) for table in self.tables},
            "findings": [_finding_as_json(finding) for finding in self.findings],
            "unlabelled": self.unlabelled.to_dicts(),
        }

    def render(self, *, columns: bool = False) -> RenderableType:
        """A section for people; with `columns`, each column with its storage."""
        parts: list[RenderableType] = [Text(_printable(self.file), style="bold")]
        if self.is_readable:
            facts = [
                f"{self.events:,} event{'' if self.events == 1 else 's'}",
                f"{self.num_bytes / 1e6:,.1f} MB",
            ]
            facts.append(self.generation or "no known generation")
            kinds = [kind.removeprefix("string").strip() for kind in string_storage(self.tables)]
            strings = (f"of {size} bytes" if size else "of variable length" for size in kinds)
            facts.append(f"strings {' and '.join(strings)}" if kinds else "no strings")
            parts += [Text("  " + "; ".join(facts)), _margin(_contents(self.tables))]
            if columns:
                parts += [_margin(_columns(table)) for table in self.tables]
        parts += [_margin(_finding(finding, self.file)) for finding in self.findings]
        if self.unlabelled.height:
            parts.append(_margin(_combinations(self.unlabelled)))
        if not self.findings:
            parts.append(Text("  nothing wrong" + (" (rows were not read)" if self.quick else "")))
        return Group(*parts)


def _table_as_json(table: TableContents) -> dict[str, Any]:
    return {
        "rows": table.rows,
        "stored_bytes": table.stored_bytes,
        "bytes": table.num_bytes,
        "keys": list(table.keys),
        "columns": [
            {name: value for name, value in asdict(column).items() if name != "num_bytes"}
            | {"bytes": column.num_bytes}
            for column in table.columns
        ],
    }


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    kind = finding.about
    return {
        "kind": kind.name,
        "severity": kind.severity,
        "table": finding.table,
        "column": finding.column,
        "count": finding.count,
        "about": kind.counted(finding.count),
        "remedy": kind.remedy,
        "example": {
            "event": finding.event,
            "id": None if finding.triple is None else list(finding.triple),
            "row": finding.row,
            "value": finding.value,
            "detail": finding.detail,
        },
    }


def _margin(part: RenderableType) -> RenderableType:
    return Padding(part, (0, 0, 0, 2))


def _contents(tables: list[TableContents]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for title in ("table", "rows", "cols", "storage", "MB", "raw MB", "keys"):
        is_text = title in ("table", "storage", "keys")
        shown.add_column(title, justify="left" if is_text else "right")
    for table in tables:
        num_columns = sum(not is_key(column.name) for column in table.columns)
        shown.add_row(
            Text(_printable(table.name)), f"{table.rows:,}", str(num_columns), Text(_storage(table)),
            f"{table.stored_bytes / 1e6:,.1f}", f"{table.num_bytes / 1e6:,.1f}", _keys(table),
        )  # fmt: skip
    return shown


def _storage(table: TableContents) -> str:
    """How most of a table's columns are stored, and how many other ways there are."""
    columns = [column for column in table.columns if not is_key(column.name)]
    # chunks of as many values have fewer rows of wide columns
    narrow = [column for column in columns if column.width == 1]
    kinds = [_column_storage(column) for column in narrow or columns]
    if not kinds:
        return ""
    usual = max(kinds, key=kinds.count)
    others = len(set(kinds)) - 1
    return usual + (f" (+{others})" if others else "")


def _column_storage(column: ColumnContents) -> str:
    if column.chunk_rows is None:
        return " ".join(filter(None, (column.layout, column.compression)))
    return f"{column.compression or 'chunks'}, {column.chunk_rows:,} rows"


def _keys(table: TableContents) -> str:
    if len(table.keys) == len(KEY_COLUMNS):
        return "both"
    return "".join(key.removeprefix("event_id.") for key in table.keys) or "none"


def _columns(table: TableContents) -> Table:
    shown = Table(box=None, pad_edge=False)
    for title in (_printable(table.name), "dtype", "width", "storage", "MB"):
        shown.add_column(Text(title), justify="right" if title in ("width", "MB") else "left")
    for column in table.columns:
        shown.add_row(
            Text(_printable(column.name)), column.dtype, str(column.width), _column_storage(column),
            f"{column.stored_bytes / 1e6:,.2f}",
        )  # fmt: skip
    return shown


def _finding(finding: Finding, file: str) -> RenderableType:
    kind = finding.about
    where = "/".join(filter(None, (finding.table, finding.column)))
    first = Text(f"{kind.severity}: ", style=_COLOURS[kind.severity])
    first.append(f"{_printable(where)}: " if where else "", style="default")
    first.append(kind.counted(finding.count), style="default")
    lines = [first]
    if finding.example:
        lines.append(Text(f"  {'first: ' if finding.row is not None else ''}{_printable(finding.example)}"))
    lines.append(Text(f"  → {kind.remedy.replace('FILE', _printable(file))}", style="dim"))
    return Group(*lines)


def _combinations(found: pl.DataFrame) -> Table:
    shown = Table(box=None, pad_edge=False, title="particles that no rule labels", title_justify="left")
    for title in found.columns:
        shown.add_column(title, justify="right" if found[title].dtype.is_numeric() else "left")
    for row in found.head(_MOST_COMBINATIONS).iter_rows():
        shown.add_row(*(Text(_printable("" if value is None else str(value))) for value in row))
    if found.height > _MOST_COMBINATIONS:
        shown.caption = f"and {found.height - _MOST_COMBINATIONS:,} kinds more; --json lists all"
    return shown


def _printable(text: str) -> str:
    """Text without what a terminal would act on."""
    return "".join(_characters(text))


def _characters(text: str) -> Iterator[str]:
    for character in text:
        yield character if character.isprintable() else ascii(character)[1:-1]
