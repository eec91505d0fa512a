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

    from numl_polars.detectors import Detector
    from numl_polars.objects.formation import Formation

Int64s = NDArray[np.int64]
Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]

FLASHES, SUMS, PULSES = "opflash_table", "opflashsumpe_table", "ophit_table"
_UNUSED = -1
_ABSENT = {PULSES: "optical_hit_without_sum", SUMS: "sum_without_flash"}


def named_rows(
    formation: "Formation",
    table: str,
    of: str,
    column: str,
    *,
    order: Int64s | None = None,
    within: str | None = None,
) -> Int64s:
    """Row of `of` that each row of `table` names in `column`, int64 (rows,), -1 for none; both of the batch.

    -1 names none. What is repeated, or not there, is remarked.

    Parameters
    ----------
    order
        Rows of `of`, event by event: of those with one identifier the first in this order stands for it.
    within
        Column of `of` whose values may have the same identifiers.
    """
    from numl_polars.events.matching import match_rows

    frame, offsets = formation.tables[of], formation.offsets(of)
    order = np.arange(len(frame)) if order is None else order
    repeated = _repeated(offsets, [int64(frame[name]) for name in (column, within) if name is not None])
    formation.remark(
        f"repeated_{column}", of, repeated, (column,), f"{{rows}} rows repeat one, the first {{{column}}}"
    )
    named = int64(formation.tables[table][column])
    place = match_rows(offsets, int64(frame[column])[order], formation.offsets(table), named)
    used = named != _UNUSED
    detail = f"{{rows}} rows, the first names {column} {{{column}}}"
    formation.remark(_ABSENT[table], table, used & (place < 0), (column,), detail)
    row = np.full(len(named), -1, np.int64)
    there = used & (place >= 0)
    row[there] = order[place[there]]
    return row


def _repeated(offsets: Int64s, columns: Sequence[Int64s]) -> NDArray[np.bool_]:
    """Whether an earlier row of the event has the same values, bool (rows,)."""
    keys = (*columns, event_rows(offsets))
    order = np.lexsort(keys)
    result = np.zeros(len(order), np.bool_)
    result[order[1:]] = np.logical_and.reduce([np.diff(key[order]) == 0 for key in keys])
    return result


def brightest_first(formation: "Formation", flash: Int64s) -> Int64s:
    """Sums of each event by the photoelectrons of their flash, most of them first, NaN last, int64 (sums,).

    Writers of MicroBooNE's files number the sums of each flash anew; what optical hits name are those of
    the brightest flash.

    Parameters
    ----------
    flash
        int64 (sums,): row of the flash, -1 for none.
    """
    light = np.append(formation.tables[FLASHES]["totalpe"].to_numpy().astype(np.float64), -np.inf)[flash]
    return np.lexsort((-light, event_rows(formation.offsets(SUMS))))


def edges_of_rows(formation: "Formation", name: str, table: str, of: str, row: Int64s) -> Attribute:
    """Edges from rows of `table` to the `row` of `of` of each, int64, -1 for none."""
    joined = np.flatnonzero(row >= 0)
    return edges_of_pairs(formation, name, table, of, np.stack([joined, row[joined]]))


def edges_of_pairs(formation: "Formation", name: str, table: str, of: str, pairs: Int64s) -> Attribute:
    """Edges of kept events from pairs, int64 (2, E), of rows of both tables, sorted by the first.

    There may be many: `pairs` is changed.
    """
    offsets, of_offsets = formation.offsets(table), formation.offsets(of)
    event = event_rows(offsets)[pairs[0]]
    if not formation.kept.all():
        kept = formation.kept[event]
        pairs, event = pairs[:, kept], event[kept]
    starts = np.searchsorted(event, np.append(formation.kept_events, formation.batch.num_events))
    pairs[0] -= offsets[event]
    pairs[1] -= of_offsets[event]
    return sorted_edges(name, pairs, starts)


def pmt_positions(formation: "Formation", detector: "Detector | None") -> Float32s:
    """Position in y and z of the photomultiplier of each sum of the batch, cm, float32 (sums, 2).

    That of the sum where the file has it; else of the first optical hit, in the event, of its channel; else
    of its channel in the detector; NaN, and a remark, where there is none.
    """
    from numl_polars.events.matching import match_rows

    sums, pulses = formation.tables[SUMS], formation.tables[PULSES]
    position = np.full((len(sums), 2), np.nan, np.float32)
    if set(OPTICAL_POSITION) <= set(sums.columns):
        position[:] = stack_float64(sums, OPTICAL_POSITION)
    else:
        own = int64(sums["pmt_channel"])
        if detector is not None and detector.pmt_positions is not None:
            known = (own >= 0) & (own < len(detector.pmt_positions))
            position[known] = np.array(detector.pmt_positions)[own[known]]
        if set(OPTICAL_POSITION) <= set(pulses.columns):
            channel = int64(pulses["hit_channel"])
            row = match_rows(formation.offsets(PULSES), channel, formation.offsets(SUMS), own)
            position[row >= 0] = stack_float64(pulses, OPTICAL_POSITION)[row[row >= 0]]
    unknown = np.logical_or.reduce(~np.isfinite(position), axis=1)
    detail = "{rows} photomultipliers of flashes, the first of channel {pmt_channel}"
    formation.remark("pmt_without_position", SUMS, unknown, ("pmt_channel",), detail)
    return position


def spacepoint_hit_rows(formation: "Formation") -> Int64s:
    """Row of the hit of each spacepoint on each plane, int64 (spacepoints, planes), -1 for none.

    Of all spacepoints and hits of the batch.
    """
    from numl_polars.events.matching import match_rows

    points = formation.tables.get("spacepoint_table")
    if points is None:
        return np.empty((0, 1), np.int64)
    hit_id = int64(formation.tables["hit_table"]["hit_id"])
    offsets, point_offsets = formation.offsets("hit_table"), formation.offsets("spacepoint_table")
    rows = [
        match_rows(offsets, hit_id, point_offsets, int64(points[name]))
        for name in formation.scheme.spacepoint_hits(formation.batch)
    ]
    return np.stack(rows, axis=1)


def mean_ticks(hit_rows: Int64s, ticks: Float64s) -> Float64s:
    """Mean time of the hits of each spacepoint, float64 (spacepoints,); NaN where none has any.

    Parameters
    ----------
    hit_rows
        int64 (spacepoints, planes): see `spacepoint_hit_rows`.
    ticks
        float64 (hits,): those that are NaN or infinite do not count.
    """
    seen = np.append(ticks, np.nan)[hit_rows]
    there = np.isfinite(seen)
    total, number = np.where(there, seen, 0.0).sum(axis=1), there.sum(axis=1)
    mean = np.full(len(hit_rows), np.nan)
    np.divide(total, number, out=mean, where=number > 0)
    return mean


def stack_float64(frame: "pl.DataFrame", names: Sequence[str]) -> Float64s:
    """Columns side by side, float64 (rows, columns)."""
    stacked = np.empty((len(frame), len(names)), np.float64)
    for place, name in enumerate(names):
        stacked[:, place] = frame[name].to_numpy()
    return stacked
