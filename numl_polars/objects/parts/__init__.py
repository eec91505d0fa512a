"""The included parts, by the names that the command line knows them by; and what parts of your own use."""

from collections.abc import Mapping

from numl_polars.objects.batch import Attribute
from numl_polars.objects.formation import Formation
from numl_polars.objects.maps.pixels import Pixels
from numl_polars.objects.maps.voxels import Voxels
from numl_polars.objects.part import Part
from numl_polars.objects.parts.edges import (
    DelaunayEdges,
    EventEdges,
    NearestEdges,
    NexusEdges,
    RadiusEdges,
)
from numl_polars.objects.parts.nodes import EventNode, HitIds, HitNodes, Metadata, SpacepointNodes
from numl_polars.objects.parts.optical import Optical
from numl_polars.objects.parts.truth import (
    DetailedTruth,
    EdgeTruth,
    EventTruth,
    InstanceTruth,
    SemanticTruth,
    TruePositions,
    Vertex,
)

INCLUDED: Mapping[str, type[Part]] = {
    "hit-nodes": HitNodes,
    "hit-ids": HitIds,
    "spacepoint-nodes": SpacepointNodes,
    "delaunay-edges": DelaunayEdges,
    "nearest-edges": NearestEdges,
    "radius-edges": RadiusEdges,
    "nexus-edges": NexusEdges,
    "event-edges": EventEdges,
    "semantic-truth": SemanticTruth,
    "instance-truth": InstanceTruth,
    "detailed-truth": DetailedTruth,
    "edge-truth": EdgeTruth,
    "true-positions": TruePositions,
    "vertex": Vertex,
    "optical": Optical,
    "pixels": Pixels,
    "voxels": Voxels,
}
"""Those that an object may be given; run, subrun and event and what is known of the event it has anyway."""

__all__ = [
    "INCLUDED",
    "Attribute",
    "DelaunayEdges",
    "DetailedTruth",
    "EdgeTruth",
    "EventEdges",
    "EventNode",
    "EventTruth",
    "Formation",
    "HitIds",
    "HitNodes",
    "InstanceTruth",
    "Metadata",
    "NearestEdges",
    "NexusEdges",
    "Optical",
    "Pixels",
    "RadiusEdges",
    "SemanticTruth",
    "SpacepointNodes",
    "TruePositions",
    "Vertex",
    "Voxels",
]
