"""What labellings did in a batch, and in a run: counts for the report."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.events.batch import Batch
from numl_polars.labels.combinations import (
    COLUMNS,
    NO_COMBINATIONS,
    concat_combinations,
    unlabelled_combinations,
)
from numl_polars.labels.event_labels import LabelledEvents
from numl_polars.labels.hits import HitTruth

Int64s = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LayerCounts:
    """What one labelling did in a batch.

    Parameters
    ----------
    untrained_hits
        Number of hits whose particle has a class that is not trained; they are written as -1.
    combinations
        Particles that no rule labels, see `numl_polars.labels.combinations`.
    holds
        How often the rules held, see `numl_polars.labels.rules.Applied`.
    """

    untrained_hits: int
    combinations: pl.DataFrame
    holds: Int64s

    def __add__(self, other: "LayerCounts") -> "LayerCounts":
        combinations = self.combinations
        if other.combinations.height:
            combinations = concat_combinations([combinations, other.combinations])
        return LayerCounts(self.untrained_hits + other.untrained_hits, combinations, self.holds + other.holds)


def layer_counts(batch: Batch, truth: HitTruth, num_untrained: Mapping[str, int]) -> dict[str, LayerCounts]:
    """What each layer did in the batch, its rejected events included."""
    counts = {}
    for name, layer in truth.layers.items():
        particles = pl.DataFrame()
        with_hits = np.zeros(layer.labelled.semantic.size, np.bool_)
        if (layer.labelled.fault >= 0).any():
            present = batch.column_names("particle_table")
            particles = batch.select("particle_table", [column for column in COLUMNS if column in present])
            with_hits[truth.particle[truth.particle >= 0]] = True
        counts[name] = LayerCounts(
            untrained_hits=num_untrained[name],
            combinations=unlabelled_combinations(layer.labelled, particles, with_hits),
            holds=layer.labelled.decision.holds,
        )
    return counts


def event_layer_counts(layers: Mapping[str, LabelledEvents]) -> dict[str, LayerCounts]:
    """How often the rules of each labelling of events held in the batch."""
    return {
        name: LayerCounts(0, NO_COMBINATIONS, layer.holds)
        for name, layer in layers.items()
        if layer.holds is not None
    }


def add_counts(counts: Iterable[Mapping[str, LayerCounts]]) -> dict[str, LayerCounts]:
    """What each layer did in several batches together."""
    total: dict[str, LayerCounts] = {}
    for one in counts:
        for name, count in one.items():
            total[name] = total[name] + count if name in total else count
    return total
