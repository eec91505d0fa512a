"""Rows of optical tables joined to each other, and to spacepoints: positions, times and edges."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from numl_polars.labels.hits import int64
from numl_polars.objects.batch import Attribute
from numl_polars.objects.parts.edges import sorted_edges
from numl_polars.objects.rows import event_rows
from numl_polars.schema import OPTICAL_POSITION

if TYPE_CHECKING:
    import polars as pl

    from numl_polars.objects.formation import Formation

Int64s = NDArray[np.int64]
Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]

FLASHES, SUMS, PULSES = "opflash_table", "opflashsumpe_table", "ophit_table"
_UNUSED = -1
_ABSENT = {PULSES: "optical_hit_without_sum", SUMS: "sum_without_flash"}


def edges_by_identifier(formation: "Formation", name: str, table: str, of: str, column: str) -> Attribute:
    """Edges from the rows of `table` to those of `of` that they name in `column`, the first of repeated ones.

    -1 names none. What is repeated, or not there, is remarked.
    """
    from numl_polars.events.matching import match_rows

    offsets, own_offsets = formation.offsets(table), formation.offsets(of)
    named, own = int64(formation.tables[table][column]), int64(formation.tables[of][column])
    repeated = match_rows(own_offsets, own, own_offsets, own) != np.arange(len(own))
    formation.remark(
        f"repeated_{column}", of, repeated, (column,), f"{{rows}} rows repeat one, the first {{{column}}}"
    )
    row = match_rows(own_offsets, own, offsets, named)
    used = named != _UNUSED
    detail = f"{{rows}} rows, the first names {column} {{{column}}}"
    formation.remark(_ABSENT[table], table, used & (row < 0), (column,), detail)
    joined = np.flatnonzero(used & (row >= 0))
    return edges_of_pairs(formation, name, table, of, np.stack([joined, row[joined]]))


def edges_of_pairs(formation: "Formation", name: str, table: str, of: str, pairs: Int64s) -> Attribute:
    """Edges of kept events from pairs, int64 (2, E), of rows of both tables, sorted by the first."""
    offsets, of_offsets = formation.offsets(table), formation.offsets(of)
    event = event_rows(offsets)[pairs[0]]
    kept = formation.kept[event]
    pairs, event = pairs[:, kept], event[kept]
    starts = np.searchsorted(event, np.append(formation.kept_events, formation.batch.num_events))
    return sorted_edges(name, pairs - np.stack([offsets[event], of_offsets[event]]), starts)


def pmt_positions(formation: "Formation") -> Float32s:
    """Position in y and z of the photomultiplier of each sum of the batch, cm, float32 (sums, 2).

    That of the sum where the file has it; else of the first optical hit, in the event, of its channel; NaN,
    and a remark, where there is none.
    """
    from numl_polars.events.matching import match_rows

    sums, pulses = formation.tables[SUMS], formation.tables[PULSES]
    position = np.full((len(sums), 2), np.nan, np.float32)
    if set(OPTICAL_POSITION) <= set(sums.columns):
        position[:] = stack_float64(sums, OPTICAL_POSITION)
    elif set(OPTICAL_POSITION) <= set(pulses.columns):
        channel, own = int64(pulses["hit_channel"]), int64(sums["pmt_channel"])
        row = match_rows(formation.offsets(PULSES), channel, formation.offsets(SUMS), own)
        position[row >= 0] = stack_float64(pulses, OPTICAL_POSITION)[row[row >= 0]]
    unknown = np.logical_or.reduce(~np.isfinite(position), axis=1)
    detail = "{rows} photomultipliers of flashes, the first of channel {pmt_channel}"
    formation.remark("pmt_without_position", SUMS, unknown, ("pmt_channel",), detail)
    return position


def spacepoint_ticks(formation: "Formation", column: str) -> Float64s:
    """Mean time of the hits of each spacepoint of the batch, float64 (spacepoints,); NaN where none has any.

    Parameters
    ----------
    column
        Of the hit table, with the time.
    """
    from numl_polars.events.matching import match_rows

    points = formation.tables.get("spacepoint_table")
    if points is None:
        return np.empty(0)
    hits = formation.tables["hit_table"]
    ticks, hit_id = hits[column].to_numpy().astype(np.float64), int64(hits["hit_id"])
    offsets, point_offsets = formation.offsets("hit_table"), formation.offsets("spacepoint_table")
    total, number = np.zeros(len(points)), np.zeros(len(points))
    for name in spacepoint_hits(points.columns):
        row = match_rows(offsets, hit_id, point_offsets, int64(points[name]))
        there = np.flatnonzero(row >= 0)
        there = there[np.isfinite(ticks[row[there]])]
        total[there] += ticks[row[there]]
        number[there] += 1
    mean = np.full(len(points), np.nan)
    np.divide(total, number, out=mean, where=number > 0)
    return mean


def spacepoint_hits(columns: Sequence[str]) -> list[str]:
    """Those of the columns of `spacepoint_table` that name hits: one for each plane."""
    return [name for name in columns if name.startswith("hit_id")]


def stack_float64(frame: "pl.DataFrame", names: Sequence[str]) -> Float64s:
    """Columns side by side, float64 (rows, columns)."""
    stacked = np.empty((len(frame), len(names)), np.float64)
    for place, name in enumerate(names):
        stacked[:, place] = frame[name].to_numpy()
    return stacked
