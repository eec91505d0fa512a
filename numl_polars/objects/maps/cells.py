"""What the events of a batch have in the bins of their windows: maps in their sparse form, without names."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numl_polars.objects.maps.windows import Windows

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shares:
    """The cells that carriers of charge have a share in: a hit, or a deposit by itself.

    Parameters
    ----------
    starts
        int64 (carriers + 1,): carrier c has the shares ``[starts[c], starts[c + 1])``; none, if it is
        outside.
    carrier, cell
        int64 (shares,).
    weight
        float64 (shares,): those of a carrier add up to 1.
    """

    starts: Int64s
    carrier: Int64s
    cell: Int64s
    weight: Float64s

    def sums(
        self, values: Float64s, cells: "Cells", column: Int64s | None = None, columns: int = 1
    ) -> Float64s:
        """Values of the carriers added up, float64 (cells, columns).

        Parameters
        ----------
        values
            float64 (carriers,).
        column
            int64 (carriers,): where each belongs; None for one column.
        """
        place = self.cell if column is None else self.cell * columns + column[self.carrier]
        flat = np.bincount(place, values[self.carrier] * self.weight, len(cells) * columns)
        return flat.astype(np.float64, copy=False).reshape(len(cells), columns)


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of all events of a batch in which there is something, by set, then bin.

    Parameters
    ----------
    windows
        Where they are.
    owner
        int64 (cells,): set of each.
    coordinates
        int64 (cells, axes): bins.
    offsets
        int64 (events + 1,): cells of each event.
    """

    windows: Windows
    owner: Int64s
    coordinates: Int64s
    offsets: Int64s

    def __len__(self) -> int:
        return len(self.owner)


def share_cells(
    windows: Windows, owner: Int64s, bins: Int64s, carrier: Int64s, weight: Float64s, sizes: tuple[int, int]
) -> tuple[Cells, Shares]:
    """Cells that shares fall into.

    Parameters
    ----------
    owner
        int64 (shares,): set of each share.
    bins
        int64 (shares, axes): all inside.
    carrier, weight
        Of each share; carriers ascend.
    sizes
        Number of events and of carriers; each event has the same number of sets.
    """
    from numl_polars.objects.maps.binning import number_cells

    num_events, num_carriers = sizes
    num_sets = len(windows.lower)
    cell, coordinates, offsets = number_cells(owner, np.ascontiguousarray(bins), num_sets)
    owners = np.repeat(np.arange(num_sets), np.diff(offsets))
    cells = Cells(windows, owners, coordinates, offsets[:: max(num_sets // max(num_events, 1), 1)].copy())
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(carrier, minlength=num_carriers))])
    return cells, Shares(starts, carrier, cell, weight)
