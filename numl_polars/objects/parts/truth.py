"""Parts that add truth: classes, instances, particles, positions, the event's classes and vertex."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import OptionError
from numl_polars.events.batch import TableListing
from numl_polars.labels.hits import deposit_columns, int64, true_positions
from numl_polars.labels.layers import EVENT, SEMANTIC
from numl_polars.labels.scheme import Scheme
from numl_polars.objects.batch import INT32, Attribute, compact_codes, compact_of
from numl_polars.objects.part import Part
from numl_polars.objects.rows import KeptRows, event_rows
from numl_polars.schema import EVENT_TABLE, VERTEX

if TYPE_CHECKING:
    from numl_polars.objects.formation import Formation
    from numl_polars.objects.training_object import TrainingObject

Int64s = NDArray[np.int64]


class SemanticTruth(Part):
    """``hit/y_semantic`` (N,), and ``hit/y_NAME`` of other layers: class of each hit.

    -1 for hits of no particle, and of classes that are not trained.
    """

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        _need_labels(scheme, "semantic truth")
        return {}

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        hits = formation.hits
        for name, scheme in formation.scheme.particle_layers.items():
            codes = trained_codes(scheme, formation.truth.layers[name].semantic[hits.rows])
            yield Attribute(f"hit/y_{name}", codes, hits.offsets, compact=_compact(scheme))


class InstanceTruth(Part):
    """``particle-truth/num_nodes``, and edges to them, ``hit_cluster-truth_particle-truth``, from their hits.

    ``particle-truth-NAME`` for other layers. Instances are those that have a hit, numbered from 0 by their
    labels.
    """

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        _need_labels(scheme, "instance truth")
        return {}

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        from numl_polars.objects.ranking import dense_ranks

        hits = formation.hits
        for name in formation.scheme.particle_layers:
            store = instance_store(name)
            instance = formation.truth.layers[name].instance[hits.rows]
            members = np.flatnonzero(instance >= 0)
            starts = np.searchsorted(members, hits.offsets)
            number, num_instances = dense_ranks(instance[members], starts)
            edges = np.stack([members - hits.offsets[event_rows(starts)], number])
            yield Attribute(f"{store}/num_nodes", num_instances, compact=INT32)
            yield Attribute(f"hit_cluster-truth_{store}/edge_index", edges, starts, axis=1, compact=INT32)


class DetailedTruth(Part):
    """``hit/g4_id``, ``hit/parent_id`` and ``hit/pdg`` (N,): the hit's particle, -1 for none."""

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        _need_labels(scheme, "detailed truth")
        return {"particle_table": ("g4_id", "parent_id", "type")}

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        hits, truth, particles = formation.hits, formation.truth, formation.tables["particle_table"]
        row = truth.particle[hits.rows]
        compact = compact_of(particles["g4_id"])
        yield Attribute("hit/g4_id", truth.g4_id[hits.rows], hits.offsets, compact=compact)
        for name, column in (("parent_id", "parent_id"), ("pdg", "type")):
            values = np.full(len(row), -1, np.int64)
            values[row >= 0] = int64(particles[column])[row[row >= 0]]
            compact = compact_of(particles[column])
            yield Attribute(f"hit/{name}", values, hits.offsets, compact=compact)


class TruePositions(Part):
    """``hit/y_position`` (N, 3), cm: mean of the hit's deposits weighted by energy, NaN without one."""

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        return {"edep_table": deposit_columns(events, position=True)}

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        hits, deposits = formation.hits, formation.tables["edep_table"]
        yield Attribute("hit/y_position", true_positions(deposits, formation.truth)[hits.rows], hits.offsets)


class EdgeTruth(Part):
    """``edge_label`` of triangulation edges, ``edge_label_NAME`` of other layers, where a scheme has such."""

    kernels = ("objects.hit_edges",)

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        _need_labels(scheme, "edge truth")
        return {}

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        hits = formation.hits
        for name, scheme in formation.scheme.particle_layers.items():
            labels = scheme.edge_labels
            if labels is None:
                continue
            attribute = "edge_label" if name == SEMANTIC else f"edge_label_{name}"
            classes = formation.truth.layers[name].semantic[hits.rows]
            g4_id = formation.truth.g4_id[hits.rows]
            triangulations = {"delaunay": formation.edges.joint, "delaunay-planar": formation.edges.planar}
            for kind, (index, offsets) in triangulations.items():
                rows = index + hits.offsets[event_rows(offsets)]
                codes = trained_codes(labels, labels.label(rows, classes, g4_id, scheme.classes))
                yield Attribute(f"hit_{kind}_hit/{attribute}", codes, offsets, compact=_compact(labels))


class EventTruth(Part):
    """``evt/y`` (1,), and ``evt/y_NAME`` of other layers: class of the event."""

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        return {}

    def select(self, formation: "Formation") -> None:
        """Leave out events to which no rule applies."""
        from numl_polars.objects.select import enter_event_unlabelled

        for layer, given in formation.event_labels.items():
            scheme = formation.scheme.event_layers[layer]
            events = formation.tables[EVENT_TABLE].select(scheme.columns[EVENT_TABLE])
            prefix = "" if layer == EVENT else layer
            enter_event_unlabelled(formation.ledger, scheme, given, events, prefix)

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        own = _event_rows(formation)
        for layer, given in formation.event_labels.items():
            scheme = formation.scheme.event_layers[layer]
            codes = trained_codes(scheme, given.codes)[own.rows]
            name = "evt/y" if layer == EVENT else f"evt/y_{layer}"
            yield Attribute(name, codes, own.offsets, compact=_compact(scheme))


class Vertex(Part):
    """``evt/y_vtx`` (1, 3), cm: the neutrino vertex, corrected for space charge."""

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        return {EVENT_TABLE: VERTEX}

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        own = _event_rows(formation)
        yield Attribute("evt/y_vtx", own.stack(formation.tables[EVENT_TABLE], VERTEX), own.offsets)


def trained_codes(scheme: Scheme, codes: Int64s) -> Int64s:
    """Codes of classes, -1 for those that are no training targets."""
    return np.where(codes < len(scheme.trained_classes), codes, -1)


def instance_store(layer: str) -> str:
    """Name of the nodes that are a layer's instances."""
    return "particle-truth" if layer == SEMANTIC else f"particle-truth-{layer}"


def _need_labels(scheme: "TrainingObject", what: str) -> None:
    if not scheme.particle_layers:
        raise OptionError(f"{what} needs particle labels")


def _compact(scheme: Scheme) -> np.dtype[np.signedinteger]:
    return compact_codes(len(scheme.trained_classes))


def _event_rows(formation: "Formation") -> KeptRows:
    return KeptRows(formation.kept, np.arange(len(formation.kept) + 1))
