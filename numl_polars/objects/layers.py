"""What a labelling of particles becomes in an object: classes of hits, their instances, labels of edges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
