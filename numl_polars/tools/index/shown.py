"""What was found in a file, and done with it, for people."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from numl_polars.output.report import counted
from numl_polars.tools.index.run import IndexedFile, KeyState


def shown(file: IndexedFile) -> RenderableType:
    """A line on the file, a row for each table, a line for each key that is wrong and each obstacle."""
    rows = Table(box=None, pad_edge=False)
    rows.add_column("table")
    rows.add_column("rows", justify="right")
    for key in file.layout.keys:
        rows.add_column(key)
    for table in file.tables:
        num_rows = "" if table.obstacle else f"{table.num_rows:,}"
        rows.add_row(table.name, num_rows, *(_said(table.keys[key], file) for key in file.layout.keys))
    title = Text(f"{file.path}: {counted(file.num_events, 'event')}")
    return Group(title, rows, *(Text(line) for line in notes(file)), Text(closing(file)), Text())


def notes(file: IndexedFile) -> list[str]:
    """Why keys are wrong, and why there can be none."""
    lines = []
    for table in file.tables:
        for name, key in table.keys.items():
            if key.reason is not None:
                lines.append(f"{table.name}: '{name}' is wrong: {key.reason}")
        if table.obstacle is not None:
            lines.append(
                f"{table.name}: {'it cannot have keys' if table.is_fault else 'no keys'}: {table.obstacle}"
            )
    return lines


def closing(file: IndexedFile) -> str:
    """How many keys are what, and what became of the file."""
    keys = [key for table in file.tables for key in table.keys.values()]
    added = sum(key.is_written and key.state == "missing" for key in keys)
    rebuilt = sum(key.is_written and key.state != "missing" for key in keys)
    right = sum(key.state == "right" and not key.is_written for key in keys)
    would = "would be " if file.is_dry_run and added + rebuilt else ""
    of_right = f"{right} {'key is' if right == 1 else 'keys are'} right"
    line = f"{of_right}, {added} {would}added, {rebuilt} {would}rebuilt"
    if file.num_bytes:
        line += f"; the file grew by {file.num_bytes:,} bytes"
    if file.num_unused_bytes and not file.is_dry_run:
        line += f", and {file.num_unused_bytes:,} of earlier keys are unused"
    return line


def _said(key: KeyState, file: IndexedFile) -> str:
    if not key.is_written:
        return {"right": "right", "missing": "missing", "wrong": "wrong", "unknown": "not checked"}[key.state]
    if file.is_dry_run:
        return {"missing": "missing", "wrong": "wrong", "right": "right, rebuilt"}[key.state]
    return "added" if key.state == "missing" else "rebuilt"
