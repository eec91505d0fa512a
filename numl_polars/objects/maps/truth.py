"""Truth of the cells of maps: the energy of deposits in them, by class and by instance."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.labels.hits import HitTruth, deposit_weight
from numl_polars.labels.particle_scheme import ParticleScheme
from numl_polars.objects.maps.cells import Cells, Shares

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NO_INSTANCE = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Energies:
    """Energy that deposits bring into cells.

    Parameters
    ----------
    shares
        Cells of the carriers.
    carrier
        int64 (deposits,): what carries each deposit, -1 for none.
    energy
        float64 (deposits,), MeV: not negative, finite.
    offsets
        int64 (events + 1,): deposits of each event.
    """

    shares: Shares
    carrier: Int64s
    energy: Float64s
    offsets: Int64s

    def by_code(self, code: Int64s, num_codes: int, cells: Cells) -> Float64s:
        """Energy of each cell by a code of deposits, float64 (cells, codes)."""
        from numl_polars.objects.maps.energies import energy_by_code

        shares = self.shares
        sums: Float64s = energy_by_code(
            shares.starts, shares.cell, shares.weight, self.carrier, self.energy, code, num_codes, len(cells)
        )
        return sums

    def largest(self, label: Int64s, cells: Cells) -> Int64s:
        """Label with the most energy of each cell, int64 (cells,): of equal ones the least, -1 after all.

        -1 for a cell in which deposits without label have the most, or in which there is no energy.
        """
        from numl_polars.objects.maps.energies import largest_rank
        from numl_polars.objects.ranking import dense_ranks

        named = np.where(label < 0, _NO_INSTANCE, label)
        rank, num_ranks = dense_ranks(named, self.offsets)
        first = np.concatenate([np.zeros(1, np.int64), np.cumsum(num_ranks)])
        names = np.full(first[-1] + 1, -1, np.int64)
        event = np.repeat(np.arange(len(num_ranks)), np.diff(self.offsets))
        names[first[event] + rank] = label
        shares = self.shares
        carried = shares.starts, shares.cell, shares.weight, self.carrier, self.energy
        best = largest_rank(*carried, rank, self.offsets, cells.offsets)
        event = np.repeat(np.arange(len(num_ranks)), np.diff(cells.offsets))
        labels: Int64s = np.where(best < 0, -1, names[np.where(best < 0, 0, first[event] + best)])
        return labels


@dataclass(frozen=True, eq=False)
class CellTruth:
    """What one labelling says of the cells.

    Parameters
    ----------
    semantic
        int64 (cells,): class of the most energy; -1 where that has no class, is of one that is not trained,
        or where there is none.
    fraction
        float32 (cells, trained classes): energy as share of that of the cell, 0 where there is none.
    instance
        int64 (cells,): instance of the most energy, numbered from 0 in each event among those that have a
        cell; -1 for none.
    num_instances
        int64 (events,).
    """

    semantic: Int64s
    fraction: NDArray[np.float32]
    instance: Int64s
    num_instances: Int64s

    @classmethod
    def of(
        cls, layer: str, scheme: ParticleScheme, truth: HitTruth, energies: Energies, cells: Cells
    ) -> "CellTruth":
        """Truth of the cells by one layer."""
        from numl_polars.objects.ranking import dense_ranks

        labelled = truth.layers[layer].labelled
        particle = truth.deposit_particle
        code, instance = (_gather(values, particle) for values in (labelled.semantic, labelled.instance))
        num_classes, num_trained = len(scheme.classes), len(scheme.trained_classes)
        by_class = energies.by_code(np.where(code < 0, num_classes, code), num_classes + 1, cells)
        total = by_class.sum(axis=1)
        best = by_class.argmax(axis=1)
        fraction = by_class[:, :num_trained] / np.where(total > 0, total, 1)[:, None]

        winner = energies.largest(instance, cells)
        members = np.flatnonzero(winner >= 0)
        number, num_instances = dense_ranks(winner[members], np.searchsorted(members, cells.offsets))
        winner[members] = number
        return cls(
            semantic=np.where((total > 0) & (best < num_trained), best, -1),
            fraction=fraction.astype(np.float32),
            instance=winner,
            num_instances=num_instances,
        )


def usable_energy(deposits: pl.DataFrame) -> tuple[Float64s, Bools]:
    """Weights of deposits, float64, and which were no energy and are 0 now: NaN, infinite, below 0."""
    weight = deposit_weight(deposits).astype(np.float64)
    wrong = ~(np.isfinite(weight) & (weight >= 0))
    return np.where(wrong, 0.0, weight), wrong


def _gather(values: Int64s, rows: Int64s) -> Int64s:
    """``values[rows]``, -1 where a row is -1."""
    padded = np.append(values, -1)
    result: Int64s = padded[rows].astype(np.int64, copy=False)
    return result
