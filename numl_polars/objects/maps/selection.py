"""Which events become no map, by their windows; and remarks on what is in none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.objects.maps.formed import Formed
from numl_polars.objects.maps.grid import MAX_BINS

if TYPE_CHECKING:
    from numl_polars.objects.formation import Formation

Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]


def select_by_window(formation: "Formation", formed: Formed, what: str, vertex: Sequence[str]) -> None:
    """Leave out events whose window is not known, too large, outside the detector, or empty; and remark.

    Parameters
    ----------
    what
        What is missing in an empty window, for the ledger.
    vertex
        Columns of the event table that say the vertex.
    """
    extent, cells = formed.extent, formed.cells
    num_events = len(cells.offsets) - 1
    windows = cells.windows

    def by_event(sets: Bools) -> Bools:
        return sets.reshape(num_events, len(sets) // max(num_events, 1))

    ledger = formation.ledger
    without = np.flatnonzero(by_event(windows.undefined).any(axis=1))
    if without.size:
        position = formation.tables["event_table"].select(vertex)[without]
        found = position.select(pl.format(", ".join(f"{name} {{}}" for name in vertex), *vertex))
        ledger.enter("no_vertex", without, found.to_series(), rejected=True)
    large = np.flatnonzero(by_event(windows.too_large).any(axis=1))
    ledger.enter("large_window", large, f"more than {MAX_BINS:,} bins on an axis", rejected=True)
    if extent is not None:
        outside = np.flatnonzero(by_event(windows.outside(extent)).all(axis=1))
        first_set = outside * (len(windows.lower) // max(num_events, 1))
        lower, upper = windows.lower[first_set], windows.upper[first_set]
        pieces = [
            f"from ({_listed(low)}) to ({_listed(high)})" for low, high in zip(lower, upper, strict=True)
        ]
        ledger.enter("outside_window", outside, pl.Series(pieces, dtype=pl.String), rejected=True)
    empty = np.flatnonzero(np.diff(cells.offsets) == 0)
    ledger.enter("empty_window", empty, f"no {what} in it", rejected=True)
    for remark in formed.remarks:
        detail = f"{{rows}} {remark.what}, the first has {remark.column} {{{remark.column}}}"
        formation.remark(remark.reason, remark.table, remark.where, [remark.column], detail)


def _listed(values: Float64s) -> str:
    return ", ".join(f"{value:g}" for value in values)
