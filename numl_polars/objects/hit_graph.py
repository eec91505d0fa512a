"""The second-generation hit graph: options, and what a batch of events becomes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING, Any

import polars as pl

from numl_polars.errors import InputError, OptionError
from numl_polars.events.batch import Batch
from numl_polars.labels.event_labels import EventScheme
from numl_polars.labels.hits import deposit_columns
from numl_polars.labels.layers import EVENT, SEMANTIC, as_layers, check_distinct
from numl_polars.labels.particle_scheme import ParticleScheme
from numl_polars.objects.batch import ObjectBatch
from numl_polars.objects.layer_counts import LayerCounts
from numl_polars.schema import (
    EVENT_INDEX,
    EVENT_TABLE,
    HIT_COORDINATES,
    SPACEPOINT_POSITION,
    TABLES,
    VERTEX,
    first_present,
    kind,
)
from numl_polars.timing import Stages

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from numl_polars.events.file import EventFile

SPACEPOINT_HITS = tuple(
    "hit_id" + suffix
    for column in TABLES["spacepoint_table"].columns
    if column.name == "hit_id"
    for suffix in column.components
)


@dataclass(frozen=True)
class Built:
    """What a batch became.

    Parameters
    ----------
    objects
        The graphs of the events that were kept.
    ledger
        Rejected events and remarks, `numl_polars.objects.ledger.LEDGER_SCHEMA`.
    layers
        What each labelling of particles did, by layer.
    """

    objects: ObjectBatch
    ledger: pl.DataFrame
    layers: Mapping[str, LayerCounts]


@dataclass(frozen=True, kw_only=True)
class HitGraph:
    """Turns events into hit graphs; calling it with an event gives a torch_geometric `HeteroData`.

    Parameters
    ----------
    particle_labels
        Scheme that gives hits their class and instance; None for graphs without hit truth. Several schemes by
        name, ``{"semantic": StandardLabels(), "topology": TopologyLabels()}``, are layers: ``semantic`` is
        the main one (``hit/y_semantic``, ``particle-truth``), NAME another (``hit/y_NAME``,
        ``particle-truth-NAME``).
    event_labels
        Scheme that gives the event its class (``evt/y``); None for none. Several by name are layers, of which
        ``event`` is the main one and NAME becomes ``evt/y_NAME``.
    vertex
        Add the neutrino vertex, ``evt/y_vtx``, cm.
    position
        Add the true position of each hit, ``hit/y_position``, cm.
    detailed_truth
        Add particle, parent and PDG code of each hit: ``hit/g4_id``, ``hit/parent_id``, ``hit/pdg``.
    planes
        Names of the wire planes, in the order of their numbers.
    node_features
        Columns of the hit table that start ``hit/x``; plane and position follow.
    lower_bound
        An event is left out if a plane has fewer hits with a deposit (any hits, without labels).
    max_integral
        An event is left out if a hit integral exceeds it, in ADC; None turns this off.

    Raises
    ------
    OptionError
        An option has no meaning, or needs another.
    """

    particle_labels: ParticleScheme | Mapping[str, ParticleScheme] | None = None
    event_labels: EventScheme | Mapping[str, EventScheme] | None = None
    vertex: bool = False
    position: bool = False
    detailed_truth: bool = False
    planes: Sequence[str] = ("u", "v", "y")
    node_features: Sequence[str] = ("integral", "rms", "tpc")
    lower_bound: int = 20
    max_integral: float | None = field(default=1e6)

    def __post_init__(self) -> None:
        object.__setattr__(self, "planes", tuple(self.planes))
        object.__setattr__(self, "node_features", tuple(self.node_features))
        if not self.planes or len(set(self.planes)) < len(self.planes):
            raise OptionError(f"planes {list(self.planes)}: one name for each plane is needed, none twice")
        if len(self.planes) > len(SPACEPOINT_HITS):
            raise OptionError(f"planes {list(self.planes)}: at most {len(SPACEPOINT_HITS)} are known")
        if len(set(self.node_features)) < len(self.node_features):
            raise OptionError(f"node features {list(self.node_features)}: one is named twice")
        if self.lower_bound < 0:
            raise OptionError(f"lower bound {self.lower_bound} is below 0")
        if self.max_integral is not None and (isnan(self.max_integral) or self.max_integral < 0):
            raise OptionError(f"max integral {self.max_integral} is no limit; give a number, or none")
        if self.detailed_truth and not self.particle_layers:
            raise OptionError("detailed truth needs particle labels")
        check_distinct(self.particle_layers, self.event_layers)

    @cached_property
    def particle_layers(self) -> dict[str, ParticleScheme]:
        """Schemes that label particles, by layer."""
        return as_layers(self.particle_labels, SEMANTIC)

    @cached_property
    def event_layers(self) -> dict[str, EventScheme]:
        """Schemes that label events, by layer."""
        return as_layers(self.event_labels, EVENT)

    def columns(self, events: "EventFile | Batch") -> dict[str, list[str]]:
        """Tables and columns that the graph reads of these events.

        Raises
        ------
        InputError
            One that it needs is not there; the message lists what was looked for and what is there.
        """

        def present(table: str) -> tuple[str, ...]:
            return events.column_names(table)

        def where(table: str) -> str:
            return f"{table} of {events.name}"

        coordinates = first_present(
            HIT_COORDINATES, present("hit_table"), "hit plane, wire and time", where("hit_table")
        )
        hits = ["hit_id", "integral", *coordinates]
        hits += [name for name in self.node_features if name not in hits]
        needed: dict[str, list[str]] = {"hit_table": hits}

        def need(table: str, names: Iterable[str]) -> None:
            needed[table] = list(dict.fromkeys([*needed.get(table, []), *names]))

        for scheme in (*self.particle_layers.values(), *self.event_layers.values()):
            for table, columns in scheme.columns.items():
                own = [name for name in columns if name != EVENT_INDEX]
                try:
                    events.require(table, own)
                except InputError as error:
                    raise InputError(f"{error}; {scheme.name} reads it") from error
                need(table, own)
        if self.detailed_truth:
            need("particle_table", ("parent_id", "type"))
        if self.particle_layers or self.position:
            need(
                "edep_table",
                deposit_columns(present("edep_table"), where("edep_table"), position=self.position),
            )
        if self.vertex:
            need(EVENT_TABLE, VERTEX)
        for table, names in needed.items():
            events.require(table, names)
        if "spacepoint_table" in events.tables:
            points = present("spacepoint_table")
            need("spacepoint_table", SPACEPOINT_HITS[: len(self.planes)])
            events.require("spacepoint_table", needed["spacepoint_table"])
            need("spacepoint_table", (name for name in SPACEPOINT_POSITION if name in points))
        for table, names in needed.items():
            dtypes = events.columns(table)
            for name in names:
                wanted = kind(table, name)
                if wanted is not None and dtypes[name].is_numeric() != (wanted == "numbers"):
                    raise InputError(f"{where(table)}: column {name!r} holds {dtypes[name]}, not {wanted}")
        return needed

    def build(self, batch: Batch, stages: Stages | None = None) -> Built:
        """Graphs of a batch's events, and the ledger of those that became none.

        Parameters
        ----------
        stages
            Adds up the time for labels and for graphs.

        Raises
        ------
        InputError
            A table or column that is needed is not there.
        """
        from numl_polars.objects.assembly import build_graphs

        return build_graphs(self, batch, stages or Stages())

    def __call__(self, event: Batch) -> "HeteroData | None":
        """The event's graph, None if it is left out (`build` says why); tensors are views of its columns."""
        from numl_polars.objects.tensors import hetero_data

        objects = self.build(event).objects
        return hetero_data(objects.arrays(0)) if len(objects) else None

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Names of classes in code order, under the names that files list them by; see `GraphMetadata`."""
        found = {}
        for layer, scheme in self.particle_layers.items():
            found[f"{layer}_classes"] = scheme.trained_classes
            if scheme.edge_labels is not None:
                edges = "edge" if layer == SEMANTIC else f"{layer}_edge"
                found[f"{edges}_classes"] = scheme.edge_labels.trained_classes
        for layer, labels in self.event_layers.items():
            found[f"{layer}_classes"] = labels.trained_classes
        return found

    def options(self) -> dict[str, Any]:
        """All options as plain values, for the record."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, layers in (("particle_labels", self.particle_layers), ("event_labels", self.event_layers)):
            plain[name] = {layer: scheme.describe() for layer, scheme in layers.items()}
        return plain
