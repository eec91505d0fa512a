"""One schema for the tables of all files: what differs is listed, and refused, filled or made one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.tables.keys import event_of_rows
from numl_polars.tools.concat import datatypes
from numl_polars.tools.concat.datatypes import TypeBytes
from numl_polars.tools.concat.options import ConcatOptions
from numl_polars.tools.concat.scan import FileContent, TableContent

_MOST_LISTED, _MOST_TOLD = 8, 20


@dataclass(frozen=True)
class JoinedTable:
    """A table of the output.

    Parameters
    ----------
    name
        Its name.
    bounds
        int64 (files + 1,): rows ``[bounds[f], bounds[f + 1])`` are those of file f.
    columns
        Datatype and shape of a row of each column, by name.
    filled
        Files, by column, that have rows but not the column: theirs are nulls.
    called
        Names that files have for columns, by file, where they are others than here.
    lines
        int64 (events with rows, 2): event of the output, number of its rows; None where rows do not say
        which event they are of.
    """

    name: str
    bounds: NDArray[np.int64]
    columns: dict[str, tuple[TypeBytes, tuple[int, ...]]]
    filled: dict[str, frozenset[int]]
    called: dict[int, dict[str, str]]
    lines: NDArray[np.int64] | None

    @property
    def num_rows(self) -> int:
        """Rows of all files."""
        return int(self.bounds[-1])

    def name_in(self, number: int, column: str) -> str:
        """What file `number` calls a column."""
        return self.called.get(number, {}).get(column, column)

    def events_of_rows(self, start: int, stop: int) -> NDArray[np.int64]:
        """Event of each row in ``[start, stop)``, int64 (stop - start,), where rows say it."""
        assert self.lines is not None
        events: NDArray[np.int64] = self.lines[event_of_rows(self._line_offsets, start, stop), 0]
        return events

    @cached_property
    def _line_offsets(self) -> NDArray[np.int64]:
        """Row where each line begins, and the number of rows."""
        assert self.lines is not None
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.lines[:, 1])])


class _Differences:
    """What differs between files, a sentence each: what can be filled, be made one, or is refused."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.unequal: list[str] = []
        self.refused: list[str] = []


def agree(files: Sequence[FileContent], options: ConcatOptions) -> tuple[dict[str, JoinedTable], list[str]]:
    """Tables of the output, in the order in which files first have them, and what is to be told of them.

    Raises
    ------
    InputError
        Files differ in what may not differ, by these options; the message lists all by column and file.
    """
    _check_layouts(files)
    found = _Differences()
    names = dict.fromkeys(name for file in files for name in file.tables)
    tables = {name: _joined_table(name, files, options, found) for name in names}
    refused = found.refused + (found.missing + found.unequal if options.missing == "refuse" else [])
    if refused:
        places = f"{len(refused)} place{'s' if len(refused) > 1 else ''}"
        hint = "" if found.refused else f"; --missing null {_remedies(found)}"
        raise InputError(f"the files differ in {places}: {_listed(refused)}{hint}")
    told = [f"filled with nulls: {sentence}" for sentence in found.missing]
    told += [f"made one: {sentence}" for sentence in found.unequal]
    more = [f"and {len(told) - _MOST_TOLD} more such differences"] if len(told) > _MOST_TOLD else []
    return tables, told[:_MOST_TOLD] + more


def _remedies(found: _Differences) -> str:
    remedies = ["fills what is missing"] if found.missing else []
    remedies += ["makes one of what differs"] if found.unequal else []
    return " and ".join(remedies)


def files_in_words(files: Sequence[FileContent]) -> str:
    """How many files, and the first."""
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{files[0].path}{more}"


def _check_layouts(files: Sequence[FileContent]) -> None:
    other = [file for file in files if file.layout != files[0].layout]
    if other:
        raise InputError(
            f"{files[0].path} has {files[0].layout}, but {files_in_words(other)} {other[0].layout}; only "
            "files of one kind can be joined"
        )


def _joined_table(
    name: str, files: Sequence[FileContent], options: ConcatOptions, found: _Differences
) -> JoinedTable:
    without = [file for file in files if name not in file.tables]
    if without:
        found.missing.append(f"{name} is missing in {files_in_words(without)}")
    having = {number: file.tables[name] for number, file in enumerate(files) if name in file.tables}
    columns, filled = {}, {}
    for column in dict.fromkeys(column for table in having.values() for column in table.columns):
        missing = [number for number, table in having.items() if column not in table.columns]
        place = f"{name}/{column}"
        agreed = _joined_column(place, column, having, files, options, found)
        columns[column] = agreed
        _tell_names(place, column, having, files, found)
        if missing:
            _tell_missing(place, agreed[0], [files[number] for number in missing], name, found)
            filled[column] = frozenset(number for number in missing if having[number].num_rows)
    rows = np.array([having[number].num_rows if number in having else 0 for number in range(len(files))])
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(rows, dtype=np.int64)])
    called = {number: table.called for number, table in having.items() if table.called}
    return JoinedTable(name, bounds, columns, filled, called, _joined_lines(having, files))


def _tell_names(
    place: str,
    column: str,
    having: dict[int, TableContent],
    files: Sequence[FileContent],
    found: _Differences,
) -> None:
    others: dict[str, list[FileContent]] = {}
    for number, table in having.items():
        if column in table.called:
            others.setdefault(table.called[column], []).append(files[number])
    for name, so_called in others.items():
        found.unequal.append(f"{place} is called {name} in {files_in_words(so_called)}")


def _tell_missing(
    place: str, type_bytes: TypeBytes, files: list[FileContent], table: str, found: _Differences
) -> None:
    column = place.removeprefix(f"{table}/")
    sentence = f"{place} is missing in {files_in_words(files)}"
    has_rows = any(file.tables[table].num_rows for file in files)
    if has_rows and column in files[0].layout.columns:
        found.refused.append(f"{sentence}, so that rows do not say which event they are of")
    elif has_rows and datatypes.null_of(type_bytes) is None:
        found.refused.append(f"{sentence}, and {datatypes.described(type_bytes)} has no null")
    else:
        found.missing.append(sentence)


def _joined_column(
    place: str,
    column: str,
    having: dict[int, TableContent],
    files: Sequence[FileContent],
    options: ConcatOptions,
    found: _Differences,
) -> tuple[TypeBytes, tuple[int, ...]]:
    """Datatype and shape of a row in the output; what differs is added to `found`."""
    kinds: dict[TypeBytes, list[FileContent]] = {}
    shapes: dict[tuple[int, ...], list[FileContent]] = {}
    for number, table in having.items():
        if column in table.columns:
            content = table.columns[column]
            kinds.setdefault(content.type, []).append(files[number])
            shapes.setdefault(content.row_shape, []).append(files[number])
    row_shape = _row_shape(place, shapes, found)
    types = list(kinds)
    for one in types:
        if not datatypes.is_joinable(one):
            found.refused.append(
                f"{place} in {files_in_words(kinds[one])} is {datatypes.described(one)}, which refers to "
                "other places of its file"
            )
            return types[0], row_shape
    if all(map(datatypes.is_string, types)):
        return _string_type(place, kinds, options, found), row_shape
    distinct = [
        one
        for place, one in enumerate(types)
        if not any(datatypes.same(one, other) for other in types[:place])
    ]
    if len(distinct) == 1 or datatypes.differ_in_byte_order(distinct):
        return distinct[0], row_shape
    wide = datatypes.promoted(distinct)
    sentence = f"{place} is " + " and ".join(
        f"{datatypes.described(one)} in {files_in_words(kinds[one])}" for one in distinct
    )
    (found.refused if wide is None else found.unequal).append(sentence)
    return wide or types[0], row_shape


def _row_shape(
    place: str, shapes: dict[tuple[int, ...], list[FileContent]], found: _Differences
) -> tuple[int, ...]:
    # a column of width 1 is one with or without the second axis
    wide = {shape or (1,): files for shape, files in shapes.items()}
    if len(wide) > 1:
        found.refused.append(
            f"{place} is "
            + " and ".join(f"{shape} wide in {files_in_words(files)}" for shape, files in wide.items())
        )
    return next(iter(wide)) if len(shapes) > 1 else next(iter(shapes))


def _string_type(
    place: str, kinds: dict[TypeBytes, list[FileContent]], options: ConcatOptions, found: _Differences
) -> TypeBytes:
    types = list(kinds)
    variable = [one for one in types if datatypes.is_variable(one)]
    if options.strings == "variable":
        return datatypes.variable_string(types)
    if options.strings == "keep" and variable:
        if len(variable) < len(types):
            fixed = next(one for one in types if one not in variable)
            found.refused.append(
                f"{place} has variable strings in {files_in_words(kinds[variable[0]])} and fixed ones in "
                f"{files_in_words(kinds[fixed])}, which --strings fixed or variable makes one"
            )
        return datatypes.variable_string(variable)
    return datatypes.fixed_string(types, options.string_bytes)


def _joined_lines(having: dict[int, TableContent], files: Sequence[FileContent]) -> NDArray[np.int64] | None:
    """Lines of all files, their events counted from the first file on."""
    first_events = np.concatenate([[0], np.cumsum([file.num_events for file in files])])
    lines = [
        table.lines + np.array([first_events[number], 0])
        for number, table in having.items()
        if table.lines is not None
    ]
    return np.concatenate(lines).astype(np.int64) if lines else None


def _listed(sentences: Iterable[str]) -> str:
    known = list(sentences)
    more = f"; and {len(known) - _MOST_LISTED} more" if len(known) > _MOST_LISTED else ""
    return "; ".join(known[:_MOST_LISTED]) + more
