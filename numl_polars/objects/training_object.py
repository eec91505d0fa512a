"""What events become: an object is a list of parts, and says which events it is made of."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from numl_polars.detectors import Detector, as_tuple, detector_of, load_detector
from numl_polars.errors import InputError, OptionError
from numl_polars.events.batch import Batch, TableListing
from numl_polars.labels.event_labels import EventScheme
from numl_polars.labels.hits import deposit_columns
from numl_polars.labels.layers import EVENT, SEMANTIC, as_layers, check_distinct
from numl_polars.labels.particle_scheme import ParticleScheme
from numl_polars.objects.batch import ObjectBatch
from numl_polars.objects.hit_places import HitPlaces, check_plane_column
from numl_polars.objects.layer_counts import LayerCounts
from numl_polars.objects.part import Part
from numl_polars.objects.parts import EventNode, EventTruth, Metadata, Vertex
from numl_polars.objects.parts.functions import as_parts
from numl_polars.parameters import Parameters, plain
from numl_polars.schema import EVENT_INDEX, EVENT_TABLE, kind, spacepoint_hits
from numl_polars.timing import Stages

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


_OF_DETECTOR = ("planes", "plane_numbers", "coordinates", "planes_per_tpc")


def check_object_name(name: str) -> None:
    """Raise OptionError if a kind of object cannot be named so: the name becomes part of those of files."""
    if not re.fullmatch(r"[\w-]*[^\W\d][\w-]*", name):
        raise OptionError(
            f"object {name!r}: an object is named by letters, digits, - and _, with a letter among them"
        )


@dataclass(frozen=True)
class Built:
    """What a batch became.

    Parameters
    ----------
    objects
        The objects of the events that were kept.
    ledger
        Rejected events and remarks, `numl_polars.objects.ledger.LEDGER_SCHEMA`.
    layers
        What each labelling of particles did, by layer.
    """

    objects: ObjectBatch
    ledger: pl.DataFrame
    layers: Mapping[str, LayerCounts]


class TrainingObject(Parameters):
    """Turns events into objects made of parts; calling it with an event gives a torch_geometric `HeteroData`.

    By itself it has run, subrun and event, what is known of the event, and the `parts` that it is given. Its
    subclasses are presets of more: `HitGraph`, `PixelMap`, `VoxelMap`.

    Parameters
    ----------
    particle_labels
        Scheme that gives hits their class and instance; None for objects without such truth. Several schemes
        by name, ``{"semantic": StandardLabels(), "topology": TopologyLabels()}``, are layers: ``semantic`` is
        the main one (``y_semantic``, ``particle-truth``), NAME another (``y_NAME``, ``particle-truth-NAME``).
    event_labels
        Scheme that gives the event its class (``evt/y``); None for none. Several by name are layers, of which
        ``event`` is the main one and NAME becomes ``evt/y_NAME``.
    vertex
        Add the neutrino vertex, ``evt/y_vtx``, cm.
    detector
        Name or description of the detector, see `numl_polars.detectors`, or a TOML file with one; it says
        what the options below are that are not given.
    planes
        Names of the wire planes, in the order of their numbers; ``u``, ``v`` and ``y`` if no detector says
        else.
    plane_numbers
        Numbers of the planes in the file, by default 0, 1, ….
    coordinates
        Which columns say a hit's plane, wire and time: ``auto``, the first that files of known generations
        have; ``local`` to a chamber; ``global``, stitched over chambers; or the names of the three columns.
    planes_per_tpc
        Whether the planes of each chamber are planes of their own: ``u0``, ``v0``, ``y0``, ``u1``, …. Limits
        that go by plane still go by those of all chambers together.
    lower_bound
        An event is left out if a plane has fewer hits with a deposit (any hits, without labels).
    max_integral
        An event is left out if a hit integral exceeds it, in ADC; None turns this off.
    parts
        Further parts, of your own or included ones, see `numl_polars.parts`.

    Raises
    ------
    OptionError
        An option has no meaning, or needs another.
    """

    checks_kinds = True

    particle_labels: ParticleScheme | Mapping[str, ParticleScheme] | None = None
    event_labels: EventScheme | Mapping[str, EventScheme] | None = None
    vertex: bool = False
    detector: str | Path | Detector | None = None
    planes: Sequence[str] | None = None
    plane_numbers: Sequence[int] | None = None
    coordinates: str | Sequence[str] | None = None
    planes_per_tpc: bool | None = None
    lower_bound: int = 20
    max_integral: float | None = 1e6
    parts: Sequence[Part] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", as_parts(self.parts))
        # what they are, the detector being asked
        for name in _OF_DETECTOR:
            object.__setattr__(self, name, getattr(self.geometry, name))
        _ = self.plane_names
        if self.lower_bound < 0:
            raise OptionError(f"lower bound {self.lower_bound} is below 0")
        if self.max_integral is not None and (isnan(self.max_integral) or self.max_integral < 0):
            raise OptionError(f"max integral {self.max_integral} is no limit; give a number, or none")
        check_distinct(self.particle_layers, self.event_layers)

    @cached_property
    def particle_layers(self) -> dict[str, ParticleScheme]:
        """Schemes that label particles, by layer."""
        return as_layers(self.particle_labels, SEMANTIC)

    @cached_property
    def event_layers(self) -> dict[str, EventScheme]:
        """Schemes that label events, by layer."""
        return as_layers(self.event_labels, EVENT)

    @cached_property
    def geometry(self) -> Detector:
        """The detector, with the options that are given in place of what it says."""
        detector = Detector() if self.detector is None else load_detector(self.detector)
        given = {name: getattr(self, name) for name in _OF_DETECTOR if getattr(self, name) is not None}
        if "planes" in given:
            given.setdefault("plane_numbers", None)
        lists = {name: as_tuple(value) for name, value in given.items()}
        return replace(detector, **lists)

    @cached_property
    def plane_names(self) -> tuple[str, ...]:
        """Names of all planes, in the order of the numbers that hits have in the object."""
        return self.geometry.all_planes

    def hit_places(self, events: TableListing) -> HitPlaces:
        """How plane and position of hits are read of these events.

        Raises
        ------
        InputError
            A column is not there; the message lists what was looked for and what is there.
        """
        return HitPlaces.of(events, self.geometry)

    def spacepoint_hits(self, events: TableListing) -> tuple[str, ...]:
        """Columns of the spacepoint table with the hit on each plane of a chamber."""
        return spacepoint_hits(events.column_names("spacepoint_table"), self.geometry.numbers)

    def known_detector(self, events: TableListing) -> Detector | None:
        """The detector that was given, else that which the columns of the events tell, if any."""
        if self.detector is not None:
            return self.geometry
        return detector_of(events.column_names(EVENT_TABLE), events.column_names("hit_table"))

    @property
    def preset(self) -> tuple[Part, ...]:
        """The parts that objects of this kind always have."""
        return (Metadata(), *self._event_parts)

    @property
    def _event_parts(self) -> tuple[Part, ...]:
        return EventNode(), EventTruth(), *([Vertex()] if self.vertex else [])

    @property
    def all_parts(self) -> tuple[Part, ...]:
        """The parts of the object, in the order in which they are asked."""
        return (*self.preset, *self.parts)

    def columns(self, events: TableListing) -> dict[str, list[str]]:
        """Tables and columns that the object reads of these events.

        Raises
        ------
        InputError
            One that it needs is not there; the message lists what was looked for and what is there.
        """
        places = self.hit_places(events)
        needed: dict[str, list[str]] = {"hit_table": ["hit_id", "integral", *places.columns]}

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
        if self.particle_layers:
            need("edep_table", deposit_columns(events))
        for part in self.all_parts:
            for table, read in part.columns(events, self).items():
                need(table, read)
        for table, names in needed.items():
            events.require(table, names)
            dtypes = events.columns(table)
            for name in names:
                if table == "hit_table" and name == places.plane:
                    check_plane_column(events, name)
                    continue
                wanted = kind(table, name)
                if wanted is not None and dtypes[name].is_numeric() != (wanted == "numbers"):
                    raise InputError(
                        f"{table} of {events.name}: column {name!r} holds {dtypes[name]}, not {wanted}"
                    )
        return needed

    def build(self, batch: Batch, stages: Stages | None = None) -> Built:
        """Objects of a batch's events, and the ledger of those that became none.

        Parameters
        ----------
        stages
            Adds up the time for labels and for triangulations.

        Raises
        ------
        InputError
            A table or column that is needed is not there.
        OptionError
            `batch` is none.
        """
        from numl_polars.objects.assembly import build_objects

        if not isinstance(batch, Batch):
            raise OptionError(
                f"an object is built of an event, events[0], or a batch of them, as events.batches() gives; "
                f"this is of type {type(batch).__name__}"
            )
        return build_objects({"": self}, batch, stages or Stages())[""]

    def __call__(self, event: Batch) -> "HeteroData | None":
        """The event's object, None if it is left out (`build` says why); tensors are views of its columns."""
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
        values = {"object": self.name, **{name: plain(value) for name, value in self.parameters.items()}}
        for name, layers in (("particle_labels", self.particle_layers), ("event_labels", self.event_layers)):
            values[name] = {layer: scheme.describe() for layer, scheme in layers.items()}
        return values | {"parts": [part.describe() for part in self.parts]}
