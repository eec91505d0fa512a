"""What a labelling of particles becomes in an object: classes of hits, their instances, labels of edges."""

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
from numl_polars.labels.layers import SEMANTIC
from numl_polars.labels.particle_scheme import ParticleScheme
from numl_polars.labels.scheme import Scheme
from numl_polars.objects.batch import Attribute
from numl_polars.objects.hit_edges import HitEdges
from numl_polars.objects.ranking import dense_ranks
from numl_polars.objects.rows import KeptRows, event_rows

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


@dataclass(frozen=True, eq=False)
class LayerAttributes:
    """Attributes that one layer adds to the objects of a batch.

    Parameters
    ----------
    name
        Name of the layer.
    semantic
        ``hit/y_NAME``: class of each hit, -1 for none and for classes that are not trained.
    instances, membership
        Number of instances of each object, and edges from its hits to them.
    num_untrained
        Number of hits whose class is not trained.
    """

    name: str
    scheme: ParticleScheme
    semantic: Attribute
    instances: Attribute
    membership: Attribute
    num_untrained: int
    _classes: Int64s
    _g4_id: Int64s

    @classmethod
    def of(cls, name: str, scheme: ParticleScheme, truth: HitTruth, own: KeptRows) -> "LayerAttributes":
        """Attributes for the hits of kept events."""
        classes = truth.layers[name].semantic[own.rows]
        semantic = trained_codes(scheme, classes)
        store = "particle-truth" if name == SEMANTIC else f"particle-truth-{name}"
        instances, membership = _instances(truth.layers[name].instance[own.rows], own.offsets, store)
        return cls(
            name=name,
            scheme=scheme,
            semantic=Attribute(f"hit/y_{name}", semantic, own.offsets),
            instances=instances,
            membership=membership,
            num_untrained=int((semantic != classes).sum()),
            _classes=classes,
            _g4_id=truth.g4_id[own.rows],
        )

    def edges(self, edges: HitEdges) -> list[Attribute]:
        """Labels of the edges between hits, where the scheme has such."""
        labels = self.scheme.edge_labels
        if labels is None:
            return []
        assert self.semantic.offsets is not None
        attribute = "edge_label" if self.name == SEMANTIC else f"edge_label_{self.name}"
        found = []
        for kind, (index, offsets) in (("delaunay", edges.joint), ("delaunay-planar", edges.planar)):
            rows = index + self.semantic.offsets[event_rows(offsets)]
            label = labels.label(rows, self._classes, self._g4_id, self.scheme.classes)
            found.append(Attribute(f"hit_{kind}_hit/{attribute}", trained_codes(labels, label), offsets))
        return found


def trained_codes(scheme: Scheme, codes: Int64s) -> Int64s:
    """Codes of classes, -1 for those that are no training targets."""
    return np.where(codes < len(scheme.trained_classes), codes, -1)


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


def _instances(instance: Int64s, offsets: Int64s, store: str) -> tuple[Attribute, Attribute]:
    """Number of instances of each event, and edges from hits to them, renumbered from 0."""
    members = np.flatnonzero(instance >= 0)
    starts = np.searchsorted(members, offsets)
    number, num_instances = dense_ranks(instance[members], starts)
    edges = np.stack([members - offsets[event_rows(starts)], number])
    return (
        Attribute(f"{store}/num_nodes", num_instances),
        Attribute(f"hit_cluster-truth_{store}/edge_index", edges, starts, axis=1),
    )
