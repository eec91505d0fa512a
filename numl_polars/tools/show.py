"""One event for people: its tables in short, and its particles as trees with their labels."""

import re
from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from numl_polars.errors import InputError, LabelError, OptionError
from numl_polars.events.batch import Event
from numl_polars.events.file import EventFile
from numl_polars.labels.particle_scheme import ParticleScheme
from numl_polars.schema import EVENT_INDEX, TABLES

_TRIPLE = re.compile(r"\s*(-?\d+)[/,:](-?\d+)[/,:](-?\d+)\s*")
_OBJECT = re.compile(r"\s*r(-?\d+)_sr(-?\d+)_evt(-?\d+)(?:_(\d+))?\s*")
_NUMBERS = ("run", "subrun", "event")
_DIGITS = 5
_WIDTH, _GAP = 80, 2


def find_event(events: EventFile, text: str) -> int:
    """Index of the event that a text means.

    Parameters
    ----------
    events
        The file.
    text
        An index, negative from the end; ``run/subrun/event``; or the name of an object, ``r1_sr0_evt5`` and
        ``r1_sr0_evt5_2`` for the second such event. Of repeated events a triple means the first.

    Raises
    ------
    OptionError
        It is of no such form.
    InputError
        There is no such event; the message names the nearest.
    """
    number = len(events)
    if re.fullmatch(r"\s*[+-]?\d+\s*", text):
        index = int(text)
        if not -number <= index < number:
            some = f"has {number} events, 0 to {number - 1}" if number else "has no event"
            raise InputError(f"no event {index}: {events.name} {some}")
        return index % number
    match = _TRIPLE.fullmatch(text) or _OBJECT.fullmatch(text)
    if match is None:
        raise OptionError(
            f"{text!r} names no event: give an index as 12 or -1, run/subrun/event as 1/0/5, or the name of "
            "an object as r1_sr0_evt5"
        )
    run, subrun, event, *again = match.groups()
    wanted = tuple(map(int, (run, subrun, event)))
    occurrence = int(again[0]) if again and again[0] else 1
    found = np.flatnonzero((events.ids == np.array(wanted, object)).all(axis=1))
    if 0 < occurrence <= len(found):
        return int(found[occurrence - 1])
    raise InputError(f"no event {text.strip()} in {events.name}{_nearest(events, wanted, len(found))}")


def _nearest(events: EventFile, wanted: tuple[int, ...], num_found: int) -> str:
    if num_found:
        return f", which has it {num_found} time{'s' if num_found > 1 else ''}"
    if not len(events.ids):
        return ", which has no event"
    # run before subrun before event
    apart = [abs(events.ids[:, axis].astype(np.float64) - float(wanted[axis])) for axis in range(3)]
    index = int(np.lexsort(apart[::-1])[0])
    name = "/".join(map(str, events.ids[index].tolist()))
    return f"; the nearest is {name}, event {index}"


def show(
    events: EventFile,
    index: int,
    *,
    scheme: ParticleScheme | None = None,
    rows: int = 3,
    depth: int | None = 10,
    table: str | None = None,
) -> RenderableType:
    """One event: a table for each of its tables, and its particles as trees with their labels.

    Parameters
    ----------
    events
        The file.
    index
        Position in event_table.
    scheme
        Gives particles their labels; None leaves the trees out.
    rows
        How many rows of each table are shown.
    depth
        How many generations below the primaries are shown; None for all.
    table
        Show this table alone, with all of its columns.

    Raises
    ------
    InputError
        There is no such table, or it cannot be read.
    """
    event = events[index]
    run, subrun, number = event.event_id
    heading = f"{event.object_name(0)}: event {index} of {events.name}"
    if len(events.paths) > 1:
        path = events.file_of(index)
        heading += f", event {index - int(events.file_starts[events.paths.index(path)])} of {path}"
    parts: list[RenderableType] = [Text(f"{heading}, run {run}, subrun {subrun}, event {number}")]
    if table is not None:
        if table not in events.tables:
            raise InputError(f"{events.name} has no table {table!r} (has {', '.join(events.tables)})")
        return Group(*parts, *_table(event, table, rows, _columns(event, table), width=None))
    for name in events.tables:
        try:
            parts += _table(event, name, rows, _columns(event, name), width=_WIDTH)
        except InputError as error:
            parts.append(Text(f"\n{name}: {error}"))
    if scheme is not None and "particle_table" in events.tables:
        parts.append(Text("\n" + _tree(scheme, event, depth)))
    return Group(*parts)


def _tree(scheme: ParticleScheme, event: Event, depth: int | None) -> str:
    try:
        return scheme.tree(event, max_depth=depth)
    except (LabelError, InputError) as error:
        return f"no tree of particles: {error}"


def _columns(event: Event, table: str) -> list[str]:
    """Columns that the schema knows, in its order, then others; without those that say the event."""
    present = [name for name in event.column_names(table) if name not in _NUMBERS]
    known = [
        name
        for column in (TABLES[table].columns if table in TABLES else ())
        for name in (column.name, *(column.name + suffix for suffix in column.components))
    ]
    return [*(name for name in known if name in present), *(name for name in present if name not in known)]


def _table(
    event: Event, name: str, rows: int, columns: Sequence[str], *, width: int | None
) -> list[RenderableType]:
    """Heading and first rows of a table, with as many of the columns as fit."""
    number = int(event.offsets(name)[-1])
    heading = f"\n{name}: {number:,} row{'' if number == 1 else 's'}"
    if not number or not rows:
        return [Text(heading)]
    frame = event.select(name, columns).drop(EVENT_INDEX).head(rows)
    shown = Table(box=None, pad_edge=False)
    cells: list[list[Text]] = []
    taken = 0
    for values in frame.iter_columns():
        texts = [_shown(value) for value in values.to_list()]
        taken += max(len(text) for text in (values.name, *texts)) + _GAP
        if width is not None and taken > width and cells:
            break
        shown.add_column(Text(values.name), justify="right" if values.dtype.is_numeric() else "left")
        cells.append([Text(text) for text in texts])
    for row in zip(*cells, strict=True):
        shown.add_row(*row)
    if len(cells) < frame.width:
        heading += f", {len(cells)} of {frame.width} columns"
    more = [Text(f"… {number - rows:,} more")] if number > rows else []
    return [Text(heading), shown, *more]


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}"
    text = str(value)
    return text if text.isprintable() else ascii(text)[1:-1]
