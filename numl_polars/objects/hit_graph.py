"""The second-generation hit graph: options, and what a batch of events becomes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import isnan
from typing import TYPE_CHECKING, Any

import polars as pl

from numl_polars.errors import InputError, OptionError
from numl_polars.events.batch import Batch
from numl_polars.labels.event_labels import EventLabels
from numl_polars.labels.hits import deposit_columns
from numl_polars.labels.rules import ParticleLabels
from numl_polars.objects.batch import ObjectBatch
from numl_polars.schema import (
    EVENT_INDEX,
    EVENT_TABLE,
    HIT_COORDINATES,
    SPACEPOINT_POSITION,
    TABLES,
    VERTEX,
    first_present,
    holds_text,
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
    untrained_hits
        Number of hits whose particle has the class that is not trained; they are written as -1.
    """

    objects: ObjectBatch
    ledger: pl.DataFrame
    untrained_hits: int


@dataclass(frozen=True, kw_only=True)
class HitGraph:
    """Turns events into hit graphs; calling it with an event gives a torch_geometric `HeteroData`.

    Parameters
    ----------
    particle_labels
        Scheme that gives hits their class and instance; None for graphs without hit truth.
    event_labels
        Scheme that gives the event its class (``evt/y``); None for none.
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

    particle_labels: ParticleLabels | None = None
    event_labels: EventLabels | None = None
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
        if self.detailed_truth and self.particle_labels is None:
            raise OptionError("detailed truth needs particle labels")

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
        if self.particle_labels is not None:
            detail = ["parent_id", "type"] if self.detailed_truth else []
            needed["particle_table"] = list(dict.fromkeys([*self.particle_labels.columns, *detail]))
        if self.particle_labels is not None or self.position:
            needed["edep_table"] = deposit_columns(
                present("edep_table"), where("edep_table"), position=self.position
            )
        if self.event_labels is not None or self.vertex:
            needed[EVENT_TABLE] = [
                *(self.event_labels.columns if self.event_labels is not None else ()),
                *(VERTEX if self.vertex else ()),
            ]
        for table, columns in needed.items():
            needed[table] = [name for name in columns if name != EVENT_INDEX]
            events.require(table, needed[table])
        if "spacepoint_table" in events.tables:
            points = present("spacepoint_table")
            needed["spacepoint_table"] = list(SPACEPOINT_HITS[: len(self.planes)])
            events.require("spacepoint_table", needed["spacepoint_table"])
            needed["spacepoint_table"] += [name for name in SPACEPOINT_POSITION if name in points]
        for table, names in needed.items():
            dtypes = events.columns(table)
            for name in names:
                wanted = "strings" if holds_text(table, name) else "numbers"
                if dtypes[name].is_numeric() != (wanted == "numbers"):
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
    def semantic_classes(self) -> tuple[str, ...] | None:
        """Classes that are trained, in code order."""
        return None if self.particle_labels is None else self.particle_labels.trained_classes

    @property
    def event_classes(self) -> tuple[str, ...] | None:
        """Classes of events, in code order."""
        return None if self.event_labels is None else self.event_labels.classes

    def options(self) -> dict[str, Any]:
        """All options as plain values, for the record."""
        plain = asdict(self)
        for name in ("particle_labels", "event_labels"):
            labels = getattr(self, name)
            plain[name] = None if labels is None else repr(labels)
        return plain
