"""The schema as a page of documentation; ``make docs`` writes it to ``docs/data-model.md``."""

from numl_polars.schema import HIT_COORDINATES, TABLES, Table

_INTRODUCTION = """\
# Data model

What event files hold and the names under which it is read. This page is made from `numl_polars/schema.py` by
`make docs`; a test keeps the two equal.

An event file is an HDF5 file; each **table** is a group, each **column** a dataset of it, all of one length.
Whatever else a file holds reads the same way: unknown tables and columns keep their names, wide columns get
`_0`, `_1`, … Columns that a file lacks are simply not there.

Every table is read with two kinds of columns more:

| column | dtype | meaning |
|---|---|---|
| `event_index` | int64 | position of the event in `event_table`: joins tables; `events[i]` counts by it |
| `run`, `subrun`, `event` | int32 | from `event_id`; not unique in badly merged simulation |

Rows of an event are contiguous. Which rows belong to which event is read from the **sequence keys**, of which
either suffices; without them it is derived from `event_id`.

| key | shape | meaning |
|---|---|---|
| `event_id.seq` | int64 (rows, 1) | event of each row |
| `event_id.seq_cnt` | int64 (M, 2) | a line an event that has rows: the event, and how many rows |

Strings become Polars categories. Dtypes are those usually found; 32 and 64 bits are both read.
"""


def render() -> str:
    """The page, Markdown."""
    return "\n".join([_INTRODUCTION, *map(_section, TABLES.values()), _generations()])


def _section(table: Table) -> str:
    lines = [f"## {table.name}", "", f"{table.meaning[0].upper()}{table.meaning[1:]}.", ""]
    lines += ["| column | becomes | dtype | unit | meaning |", "|---|---|---|---|---|"]
    for column in table.columns:
        becomes = ", ".join(f"`{column.name}{suffix}`" for suffix in column.components)
        also = f"; also called {', '.join(f'`{name}`' for name in column.also)}" if column.also else ""
        cells = (f"`{column.name}`", becomes or "the same", column.dtype, column.unit, column.meaning + also)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _generations() -> str:
    lines = ["## Generations", ""]
    lines += ["A hit's plane, wire and time are the first of these whose three columns the file has:", ""]
    lines += ["| plane | wire or projection | time or drift |", "|---|---|---|"]
    lines += ["| " + " | ".join(f"`{name}`" for name in names) + " |" for names in HIT_COORDINATES]
    lines += [
        "",
        "Option `coordinates` prefers `local` ones, or `global` ones (`global_*`, else the projected).",
    ]
    lines += ["", "A deposit's weight is `energy`, else `energy_fraction`.", ""]
    lines += [
        "A column that a generation calls otherwise is read under the first name (`g4_pdg` as `type`); where",
        "several files are read as one, a column that each has under some name is one column.",
        "",
    ]
    return "\n".join(lines)
