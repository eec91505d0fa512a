"""Columns that generations of files call differently, brought under one name."""

from collections.abc import Sequence
from dataclasses import replace

from numl_polars.schema import TABLES
from numl_polars.tools.concat.scan import FileContent, TableContent


def under_one_name(files: Sequence[FileContent]) -> list[FileContent]:
    """The files, with the schema's name for what some of them call otherwise; what all call alike stays.

    A quantity for which a file has two names is left alone: they may be two quantities.
    """
    names = {name for file in files for name in file.tables}
    renamed = {name: _renamed(name, files) for name in names & TABLES.keys()}
    if not any(renamed.values()):
        return list(files)
    return [
        replace(
            file,
            tables={name: _with_names(table, renamed.get(name, {})) for name, table in file.tables.items()},
        )
        for file in files
    ]


def _renamed(table: str, files: Sequence[FileContent]) -> dict[str, str]:
    """Names of the schema, by other names that files have for the same."""
    present = {frozenset(file.tables[table].columns) for file in files if table in file.tables}
    renamed: dict[str, str] = {}
    for known in TABLES[table].columns:
        names = {known.name, *known.also}
        found = [names & columns for columns in present]
        if len(frozenset().union(*found)) > 1 and all(len(of_file) <= 1 for of_file in found):
            renamed |= dict.fromkeys(known.also, known.name)
    return renamed


def _with_names(table: TableContent, renamed: dict[str, str]) -> TableContent:
    called = {renamed[name]: name for name in table.columns if name in renamed}
    if not called:
        return table
    return replace(
        table,
        columns={renamed.get(name, name): column for name, column in table.columns.items()},
        storage={renamed.get(name, name): storage for name, storage in table.storage.items()},
        called=called,
    )
