"""Cryostats of light and charge: light does not pass from one to another."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from numl_polars.labels.hits import int64
from numl_polars.objects.parts.optical_joins import FLASHES, SUMS
from numl_polars.schema import CRYOSTAT

if TYPE_CHECKING:
    from numl_polars.detectors import Detector
    from numl_polars.events.batch import TableListing
    from numl_polars.objects.formation import Formation

Int64s = NDArray[np.int64]


@dataclass(frozen=True)
class Cryostats:
    """Cryostat of each spacepoint, sum and flash of a batch, int64, -1 where it is not known."""

    spacepoints: Int64s
    sums: Int64s
    flashes: Int64s


def cryostats(
    formation: "Formation", detector: "Detector | None", hit_rows: Int64s, flash: Int64s
) -> Cryostats:
    """Those of a batch: of a photomultiplier by its channel, of spacepoints by their hits.

    A flash is in the cryostat of its photomultiplier with the most photoelectrons.

    Parameters
    ----------
    hit_rows
        int64 (spacepoints, planes): rows of the hits of each spacepoint, -1 for none.
    flash
        int64 (sums,): row of the flash, -1 for none.
    """
    sums = formation.tables[SUMS]
    result = Cryostats(
        np.full(len(hit_rows), -1, np.int64),
        np.full(len(sums), -1, np.int64),
        np.full(len(formation.tables[FLASHES]), -1, np.int64),
    )
    if detector is None or not are_told(detector, formation.batch):
        return result
    of_hits = np.append(_known(int64(formation.tables["hit_table"][CRYOSTAT]), detector.cryostats), -1)
    for rows in hit_rows.T[::-1]:
        np.copyto(result.spacepoints, of_hits[rows], where=of_hits[rows] >= 0)
    assert detector.pmts is not None
    channel = _known(int64(sums["pmt_channel"]), detector.pmts)
    result.sums[:] = np.where(channel >= 0, channel * detector.cryostats // detector.pmts, -1)
    # what is written to a flash last stays: the first of the brightest; NaN is none
    order = np.lexsort((-sums["sumpe"].to_numpy(), flash))[::-1]
    order = order[(flash[order] >= 0) & (result.sums[order] >= 0)]
    result.flashes[flash[order]] = result.sums[order]
    return result


def are_told(detector: "Detector | None", events: "TableListing") -> bool:
    """Whether columns of the events tell in which of several cryostats light and charge are."""
    return (
        detector is not None
        and detector.cryostats > 1
        and detector.pmts is not None
        and CRYOSTAT in events.column_names("hit_table")
    )


def _known(values: Int64s, number: int) -> Int64s:
    """The values that are in [0, number), -1 for others."""
    return np.where((values >= 0) & (values < number), values, -1)
