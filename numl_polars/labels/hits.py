"""From particles to hits: which particle a hit belongs to, its labels, and where it truly was."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.events.batch import Batch, TableListing
from numl_polars.labels.forest import Forest
from numl_polars.labels.particle_scheme import Labelled, ParticleScheme
from numl_polars.schema import DEPOSIT_POSITION, DEPOSIT_WEIGHT, EITHER_WEIGHT, EVENT_TABLE, first_present

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class LayerTruth:
    """What one labelling says of the hits of a batch; -1 stands for none.

    Parameters
    ----------
    semantic, instance
        int64 (hits,): labels of the hit's particle.
    labelled
        Labels of all particles.
    """

    semantic: Int64s
    instance: Int64s
    labelled: Labelled


@dataclass(frozen=True)
class HitTruth:
    """What the deposits and particles of a batch say of its hits; -1 stands for none.

    Parameters
    ----------
    deposit
        int64 (hits,): row of the hit's largest deposit, of equal ones the first. NaN is smaller than any.
    has_energy
        bool (hits,): there is one, and its weight is a number.
    g4_id, particle
        int64 (hits,): particle of that deposit, as identifier and as row of the particle table.
    layers
        Labels by layer.
    namesake
        int64 (hits,): row of the first hit of the event with that hit_id: mostly the hit itself.
    deposit_hit, deposit_particle
        int64 (deposits,): row of the hit and of the particle that each deposit names.
    """

    deposit: Int64s
    has_energy: Bools
    g4_id: Int64s
    particle: Int64s
    layers: Mapping[str, LayerTruth]
    namesake: Int64s
    deposit_hit: Int64s
    deposit_particle: Int64s


def deposit_columns(events: TableListing, *, position: bool = False) -> list[str]:
    """Columns of the edep_table that are read: hit, particle, weight, then position, if asked for.

    Raises
    ------
    InputError
        The table has no weight, or no position.
    """
    present, where = events.column_names("edep_table"), f"edep_table of {events.name}"
    columns = ["hit_id", "g4_id"]
    if EITHER_WEIGHT in present:
        columns += [EITHER_WEIGHT]
    else:
        columns += first_present(DEPOSIT_WEIGHT, present, "deposit weight", where)
    if position:
        columns += first_present((DEPOSIT_POSITION,), present, "deposit position", where)
    return columns


def hit_truth(
    batch: Batch,
    tables: Mapping[str, pl.DataFrame],
    schemes: Mapping[str, ParticleScheme],
) -> HitTruth:
    """Truth of every hit of the batch.

    Parameters
    ----------
    tables
        The batch's tables, with the columns that `deposit_columns` and the schemes name.
    schemes
        They label the particles, by layer.
    """
    from numl_polars.events.matching import match_rows

    hit_offsets = batch.offsets("hit_table")
    hit_id = int64(tables["hit_table"]["hit_id"])
    none = np.full(len(hit_id), -1, np.int64)
    # a repeated hit_id: the first hit of the name gathers the deposits, the others copy from it
    namesake = match_rows(hit_offsets, hit_id, hit_offsets, hit_id)
    if "edep_table" not in tables:
        empty = np.empty(0, np.int64)
        return HitTruth(none, none >= 0, none, none, {}, namesake, empty, empty)

    deposits, deposit_offsets = tables["edep_table"], batch.offsets("edep_table")
    energy = deposit_weight(deposits)
    deposit_hit = match_rows(hit_offsets, hit_id, deposit_offsets, int64(deposits["hit_id"]))
    deposit = _largest(deposit_hit, energy, len(hit_id))[namesake]
    deposit_g4 = int64(deposits["g4_id"])

    deposit_particle = np.full(len(deposits), -1, np.int64)
    particle = none
    layers = {}
    if schemes:
        particles = tables["particle_table"]
        deposit_particle = match_rows(
            batch.offsets("particle_table"), int64(particles["g4_id"]), deposit_offsets, deposit_g4
        )
        particle = _gather(deposit_particle, deposit, -1)
        forest = Forest.of(particles, events=tables.get(EVENT_TABLE), deposits=deposits)
        layers = {
            name: _layer_truth(scheme.label_forest(forest), particle) for name, scheme in schemes.items()
        }
    return HitTruth(
        deposit=deposit,
        has_energy=~np.isnan(_gather(energy, deposit, np.nan)),
        g4_id=_gather(deposit_g4, deposit, -1),
        particle=particle,
        layers=layers,
        namesake=namesake,
        deposit_hit=deposit_hit,
        deposit_particle=deposit_particle,
    )


def _layer_truth(labelled: Labelled, particle: Int64s) -> LayerTruth:
    semantic = _gather(labelled.semantic, particle, -1)
    return LayerTruth(semantic, _gather(labelled.instance, particle, -1), labelled)


def _largest(deposit_hit: Int64s, energy: np.ndarray, num_hits: int) -> Int64s:
    from numl_polars.labels.deposits import largest_deposit

    return largest_deposit(deposit_hit, energy.astype(np.float64), num_hits)  # type: ignore[no-any-return]


def _gather(values: np.ndarray, rows: Int64s, missing: float) -> np.ndarray:
    """``values[rows]``, `missing` where a row is -1."""
    if not len(values):
        return np.full(len(rows), missing, values.dtype)
    return np.where(rows >= 0, values[rows], values.dtype.type(missing))


def deposit_weight(deposits: pl.DataFrame) -> np.ndarray:
    """Weight of each deposit: its energy, MeV, or in the oldest files its fraction of the hit's."""
    names = (EITHER_WEIGHT, *(name for (name,) in DEPOSIT_WEIGHT))
    return deposits[next(name for name in names if name in deposits.columns)].to_numpy()


def true_positions(deposits: pl.DataFrame, truth: HitTruth) -> NDArray[np.float32]:
    """Mean of each hit's deposit positions weighted by energy, float32 (hits, 3), cm.

    NaN where a hit has no deposit, where its weights add up to zero, and where one of its positions or
    weights is not finite.
    """
    named, num_hits = truth.deposit_hit >= 0, len(truth.deposit)
    rows, weight = truth.deposit_hit[named], deposit_weight(deposits)[named]
    position = np.empty((num_hits, 3), np.float32)
    with np.errstate(all="ignore"):
        total = np.bincount(rows, weight, num_hits).astype(np.float32)
        for axis, column in enumerate(DEPOSIT_POSITION):
            # products in the dtype of the file, sums in double, as in the reference
            weighted = deposits[column].to_numpy()[named] * weight
            position[:, axis] = np.bincount(rows, weighted, num_hits).astype(np.float32) / total
    position[(total == 0) | ~np.isfinite(position).all(axis=1)] = np.nan
    return np.asarray(position[truth.namesake])


def int64(column: pl.Series) -> Int64s:
    """The column as int64, without a copy where it is that already."""
    return column.cast(pl.Int64).to_numpy()
