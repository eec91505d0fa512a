"""From the tables of a batch to the attributes of its hit graphs.

Selection, truth and edges are computed for all events at once; what one event owns are slices.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.events.batch import Batch
from numl_polars.events.matching import match_rows
from numl_polars.labels.event_labels import LabelledEvents
from numl_polars.labels.hits import HitTruth, hit_truth, int64
from numl_polars.labels.layers import EVENT, suffix
from numl_polars.objects.batch import Attribute, ObjectBatch
from numl_polars.objects.hit_edges import HitEdges, hit_edges
from numl_polars.objects.layer_counts import event_layer_counts, layer_counts
from numl_polars.objects.layers import LayerAttributes, trained_codes
from numl_polars.objects.ledger import Ledger
from numl_polars.objects.ranking import counting_order
from numl_polars.objects.rows import KeptRows, event_rows
from numl_polars.objects.select import (
    enter_event_unlabelled,
    enter_rows,
    note_deposits,
    reject_few_hits,
    reject_large_integral,
    reject_unknown_planes,
    reject_unlabelled,
    reject_without_hits,
)
from numl_polars.schema import EVENT_TABLE, HIT_COORDINATES, SPACEPOINT_POSITION, VERTEX
from numl_polars.timing import Stages

if TYPE_CHECKING:
    from numl_polars.objects.hit_graph import Built, HitGraph

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]
Tables = Mapping[str, pl.DataFrame]


def build_graphs(graph: "HitGraph", batch: Batch, stages: Stages) -> "Built":
    """See `HitGraph.build`."""
    from numl_polars.objects.hit_graph import SPACEPOINT_HITS, Built

    tables = {name: batch.select(name, columns) for name, columns in graph.columns(batch).items()}
    hits = tables["hit_table"]
    coordinates = next(names for names in HIT_COORDINATES if set(names) <= set(hits.columns))
    with stages("label"):
        truth = hit_truth(batch, tables, graph.particle_layers, position=graph.position)
    ledger = Ledger(batch.start, batch.ids)
    _select_by_hits(graph, ledger, batch.offsets("hit_table"), hits, int64(hits[coordinates[0]]), truth)
    if graph.particle_layers:
        reject_unlabelled(ledger, batch, hits["hit_id"], truth, graph.particle_layers)
        note_deposits(ledger, batch, tables["edep_table"], truth)
    event_layers = _label_events(graph, ledger, tables)

    kept = np.flatnonzero(ledger.kept)
    own = KeptRows(ledger.kept, batch.offsets("hit_table"))
    plane = own.take(hits[coordinates[0]], np.int64)
    position = own.stack(hits, coordinates[1:])
    with stages("triangulate"):
        edges = hit_edges(plane, position, own.offsets)
    _note_hits(ledger, batch, hits, own, edges)

    points = tables.get("spacepoint_table", pl.DataFrame())
    point_offsets = (
        batch.offsets("spacepoint_table") if len(points.columns) else np.zeros(batch.num_events + 1, np.int64)
    )
    own_points = KeptRows(ledger.kept, point_offsets)
    ledger.enter("no_spacepoints", np.flatnonzero((np.diff(point_offsets) == 0) & ledger.kept))
    nexus = _nexus_edges(batch, hits["hit_id"], points, SPACEPOINT_HITS[: len(graph.planes)], own_points)

    layers = [LayerAttributes.of(name, scheme, truth, own) for name, scheme in graph.particle_layers.items()]
    attributes = [
        *_metadata(batch.ids[ledger.kept]),
        _spacepoint_nodes(points, own_points),
        Attribute("hit/plane", plane, own.offsets),
        Attribute("hit/pos", position, own.offsets),
        Attribute("hit/x", own.stack(hits, (*graph.node_features, *coordinates)), own.offsets),
        *(
            [Attribute("hit/y_position", truth.position[own.rows], own.offsets)]
            if truth.position is not None
            else []
        ),
        Attribute("hit/id", own.take(hits["hit_id"], np.int64), own.offsets),
        *(layer.semantic for layer in layers),
        *(_detailed_truth(tables["particle_table"], truth, own) if graph.detailed_truth else []),
        Attribute("evt/num_nodes", np.ones(len(kept), np.int64)),
        *_event_attributes(graph, event_layers, ledger.kept, tables),
        *(layer.instances for layer in layers),
        Attribute("hit_delaunay_hit/edge_index", *edges.joint, axis=1),
        Attribute("hit_delaunay-planar_hit/edge_index", *edges.planar, axis=1),
        Attribute("hit_nexus_sp/edge_index", nexus[0], nexus[1][np.append(kept, batch.num_events)], axis=1),
        _to_event("hit", own.offsets),
        _to_event("sp", own_points.offsets),
        *(layer.membership for layer in layers),
        *(attribute for layer in layers for attribute in layer.edges(edges)),
    ]
    names = tuple(batch.object_name(event) for event in kept.tolist())
    objects = ObjectBatch(names, kept + batch.start, tuple(attributes))
    counts = layer_counts(batch, truth, {layer.name: layer.num_untrained for layer in layers})
    counts |= event_layer_counts(event_layers)
    return Built(objects, ledger.frame(), counts)


def _select_by_hits(
    graph: "HitGraph", ledger: Ledger, offsets: Int64s, hits: pl.DataFrame, plane: Int64s, truth: HitTruth
) -> None:
    reject_without_hits(ledger, offsets)
    if graph.max_integral is not None:
        reject_large_integral(ledger, offsets, hits["integral"], graph.max_integral)
    counted = truth.has_energy if graph.particle_layers else None
    reject_few_hits(ledger, offsets, plane, counted, graph.planes, graph.lower_bound)
    reject_unknown_planes(ledger, offsets, plane, len(graph.planes))


def _label_events(graph: "HitGraph", ledger: Ledger, tables: Tables) -> dict[str, LabelledEvents]:
    """Classes of all events, by layer; leaves out the events that get no class."""
    layers = {}
    for layer, scheme in graph.event_layers.items():
        events = tables[EVENT_TABLE].select(scheme.columns[EVENT_TABLE])
        layers[layer] = given = scheme.label_rows(events)
        enter_event_unlabelled(ledger, scheme, given, events, suffix(layer, EVENT))
    return layers


def _event_attributes(
    graph: "HitGraph", layers: Mapping[str, LabelledEvents], kept: Bools, tables: Tables
) -> list[Attribute]:
    """Classes and vertex of kept events."""
    own = KeptRows(kept, np.arange(len(kept) + 1))
    attributes = []
    for layer, given in layers.items():
        codes = trained_codes(graph.event_layers[layer], given.codes)
        name = "evt/y" if layer == EVENT else f"evt/y_{layer}"
        attributes.append(Attribute(name, codes[own.rows], own.offsets))
    if graph.vertex:
        attributes.append(Attribute("evt/y_vtx", own.stack(tables[EVENT_TABLE], VERTEX), own.offsets))
    return attributes


def _note_hits(ledger: Ledger, batch: Batch, hits: pl.DataFrame, own: KeptRows, edges: HitEdges) -> None:
    offsets = batch.offsets("hit_table")
    shown = {"hit_id": hits["hit_id"]}
    for reason, there in (("nonfinite_position", edges.nonfinite), ("repeated_position", edges.repeated)):
        where = np.zeros(len(hits), np.bool_)
        where[own.rows[there]] = True
        enter_rows(ledger, reason, where, offsets, shown, "{rows} hits, the first is hit {hit_id}")
    hit_id = int64(hits["hit_id"])
    namesake = match_rows(offsets, hit_id, offsets, hit_id)
    repeated = namesake != np.arange(len(hits))
    enter_rows(ledger, "repeated_hit_id", repeated, offsets, shown, "{rows} hits, the first is hit {hit_id}")


def _metadata(ids: NDArray[np.int32]) -> list[Attribute]:
    names = ("run", "subrun", "event")
    return [Attribute(f"metadata/{name}", ids[:, i].astype(np.int32)) for i, name in enumerate(names)]


def _spacepoint_nodes(points: pl.DataFrame, own: KeptRows) -> Attribute:
    if not set(SPACEPOINT_POSITION) <= set(points.columns):
        return Attribute("sp/num_nodes", np.diff(own.offsets))
    return Attribute("sp/pos", own.stack(points, SPACEPOINT_POSITION), own.offsets)


def _nexus_edges(
    batch: Batch, hit_id: pl.Series, points: pl.DataFrame, hit_columns: tuple[str, ...], own: KeptRows
) -> tuple[Int64s, Int64s]:
    """(hit row, spacepoint row) by plane, then spacepoint, where there is a hit; offsets by event."""
    if not len(points.columns):
        return np.empty((2, 0), np.int64), np.zeros(batch.num_events + 1, np.int64)
    hit_offsets, point_offsets = batch.offsets("hit_table"), batch.offsets("spacepoint_table")
    pairs = []
    for column in hit_columns:
        row = match_rows(hit_offsets, int64(hit_id), point_offsets, int64(points[column]))
        there = own.rows[row[own.rows] >= 0]
        pairs.append(np.stack([row[there], there]))
    edges = np.concatenate(pairs, axis=1)
    event = event_rows(point_offsets)[edges[1]]
    order = counting_order(event, batch.num_events)
    edges, event = edges[:, order], event[order]
    starts = np.searchsorted(event, np.arange(batch.num_events + 1))
    return np.stack([edges[0] - hit_offsets[event], edges[1] - point_offsets[event]]), starts


def _detailed_truth(particles: pl.DataFrame, truth: HitTruth, own: KeptRows) -> list[Attribute]:
    row = truth.particle[own.rows]
    attributes = [Attribute("hit/g4_id", truth.g4_id[own.rows], own.offsets)]
    for name, column in (("parent_id", "parent_id"), ("pdg", "type")):
        values = np.full(len(row), -1, np.int64)
        values[row >= 0] = int64(particles[column])[row[row >= 0]]
        attributes.append(Attribute(f"hit/{name}", values, own.offsets))
    return attributes


def _to_event(store: str, offsets: Int64s) -> Attribute:
    row = np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
    return Attribute(f"{store}_in_evt/edge_index", np.stack([row, np.zeros_like(row)]), offsets, axis=1)
