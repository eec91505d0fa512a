"""From the tables of a batch to its objects: events are selected, then each part adds its attributes."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from numl_polars.errors import OptionError
from numl_polars.events.batch import Batch
from numl_polars.objects.batch import Attribute, ObjectBatch
from numl_polars.objects.formation import Formation, Truths
from numl_polars.objects.layer_counts import LayerCounts, event_layer_counts, layer_counts
from numl_polars.objects.select import (
    note_deposits,
    reject_few_hits,
    reject_large_integral,
    reject_unknown_planes,
    reject_unlabelled,
    reject_without_hits,
)
from numl_polars.timing import Stages

if TYPE_CHECKING:
    from numl_polars.objects.training_object import Built, TrainingObject


def build_objects(
    objects: Mapping[str, "TrainingObject"], batch: Batch, stages: Stages
) -> dict[str, "Built"]:
    """What a batch becomes as each of some objects; what they have alike is read and labelled once.

    Parameters
    ----------
    objects
        By name.

    Raises
    ------
    InputError
        A table or column that is needed is not there.
    """
    truths = Truths(batch)
    return {name: _build(Formation(scheme, batch, truths, stages)) for name, scheme in objects.items()}


def _build(formation: Formation) -> "Built":
    from numl_polars.objects.training_object import Built

    batch, parts = formation.batch, formation.scheme.all_parts
    _select(formation)
    for part in parts:
        part.select(formation)
    attributes = _in_order(attribute for part in parts for attribute in part.attributes(formation))
    kept = formation.kept_events
    names = tuple(batch.object_name(event) for event in kept.tolist())
    objects = ObjectBatch(names, kept + batch.start, attributes)
    return Built(objects, formation.ledger.frame(), _counts(formation))


def _select(formation: Formation) -> None:
    """Leave out events by their hits, and by particles without label."""
    scheme, ledger, hits = formation.scheme, formation.ledger, formation.tables["hit_table"]
    offsets = formation.offsets("hit_table")
    reject_without_hits(ledger, offsets)
    if scheme.max_integral is not None:
        reject_large_integral(ledger, offsets, hits["integral"], scheme.max_integral)
    counted = formation.truth.has_energy if scheme.particle_layers else None
    views = formation.places.views_of(hits) if scheme.planes_per_tpc else formation.all_planes
    reject_few_hits(ledger, offsets, views, counted, scheme.geometry.planes, scheme.lower_bound)
    unknown = (formation.all_planes < 0) | (formation.all_planes >= len(scheme.plane_names))
    reject_unknown_planes(ledger, offsets, unknown, hits[formation.places.plane])
    if scheme.particle_layers:
        batch, truth = formation.batch, formation.truth
        reject_unlabelled(ledger, batch, hits["hit_id"], truth, scheme.particle_layers)
        note_deposits(ledger, batch, formation.tables["edep_table"], truth)


def _in_order(attributes: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """Attributes of nodes, then those of edges, as files of this layout have them.

    Raises
    ------
    OptionError
        Two parts add the same attribute, or edges join nodes that no part adds.
    """
    found: dict[str, Attribute] = {}
    for attribute in attributes:
        if attribute.name in found:
            raise OptionError(f"two parts of the object add the attribute '{attribute.name}'; leave one out")
        found[attribute.name] = attribute
    stores = dict.fromkeys(name.partition("/")[0] for name in found)
    for edges in (store.split("_") for store in stores if "_" in store):
        for nodes in {edges[0], edges[-1]} - stores.keys():
            part = {"hit": ", hit-nodes", "sp": ", spacepoint-nodes"}.get(nodes, "")
            raise OptionError(
                f"the edges '{'_'.join(edges)}' join nodes '{nodes}', which the object does not have: add a "
                f"part that makes them{part}"
            )
    return tuple(sorted(found.values(), key=lambda attribute: "_" in attribute.name.partition("/")[0]))


def _counts(formation: Formation) -> dict[str, LayerCounts]:
    scheme = formation.scheme
    untrained = {}
    for layer, labels in scheme.particle_layers.items():
        codes = formation.truth.layers[layer].semantic[formation.hits.rows]
        untrained[layer] = int(np.count_nonzero(codes >= len(labels.trained_classes)))
    counts = layer_counts(formation.batch, formation.truth, untrained)
    return counts | event_layer_counts(formation.event_labels)
