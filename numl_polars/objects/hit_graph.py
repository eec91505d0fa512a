"""The second-generation hit graph, as NuGraph reads it."""

from collections.abc import Sequence

from numl_polars.errors import OptionError
from numl_polars.objects.part import Part
from numl_polars.objects.parts import (
    DelaunayEdges,
    DetailedTruth,
    EdgeTruth,
    EventEdges,
    HitIds,
    HitNodes,
    InstanceTruth,
    Metadata,
    NexusEdges,
    SemanticTruth,
    SpacepointNodes,
    TruePositions,
)
from numl_polars.objects.training_object import Built, TrainingObject

__all__ = ["Built", "HitGraph"]


class HitGraph(TrainingObject):
    """Turns events into hit graphs; calling it with an event gives a torch_geometric `HeteroData`.

    Parameters
    ----------
    position
        Add the true position of each hit, ``hit/y_position``, cm.
    detailed_truth
        Add particle, parent and PDG code of each hit: ``hit/g4_id``, ``hit/parent_id``, ``hit/pdg``.
    node_features
        Columns of the hit table that start ``hit/x``; plane and position follow. By default ``integral``,
        ``rms`` and ``tpc``, if no detector says else.
    particle_labels, event_labels, vertex, detector, planes, lower_bound, max_integral, parts
        As of every `TrainingObject`.

    Raises
    ------
    OptionError
        An option has no meaning, or needs another.
    """

    position: bool = False
    detailed_truth: bool = False
    node_features: Sequence[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.node_features is None:
            object.__setattr__(self, "node_features", self.geometry.node_features)
        assert self.node_features is not None
        object.__setattr__(self, "node_features", HitNodes(features=self.node_features).features)
        if self.detailed_truth and not self.particle_layers:
            raise OptionError("detailed truth needs particle labels")

    @property
    def preset(self) -> tuple[Part, ...]:
        """The parts of the graph."""
        return (
            Metadata(),
            SpacepointNodes(),
            HitNodes(features=self.node_features or ()),
            *([TruePositions()] if self.position else []),
            HitIds(),
            *([SemanticTruth()] if self.particle_layers else []),
            *([DetailedTruth()] if self.detailed_truth else []),
            *self._event_parts,
            DelaunayEdges(),
            NexusEdges(),
            EventEdges(),
            *([InstanceTruth(), EdgeTruth()] if self.particle_layers else []),
        )
