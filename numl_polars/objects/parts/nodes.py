"""Parts that add nodes: hits, spacepoints, the event; and which event it was."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import OptionError
from numl_polars.events.batch import TableListing
from numl_polars.objects.batch import INT8, INT32, Attribute, compact_of
from numl_polars.objects.part import Part
from numl_polars.schema import SPACEPOINT_POSITION, TPC

if TYPE_CHECKING:
    from numl_polars.objects.formation import Formation
    from numl_polars.objects.training_object import TrainingObject


class Metadata(Part):
    """``metadata/run``, ``subrun`` and ``event``, int32 scalars."""

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        ids = formation.batch.ids[formation.kept]
        for i, name in enumerate(("run", "subrun", "event")):
            yield Attribute(f"metadata/{name}", ids[:, i].astype(np.int32))


class HitNodes(Part):
    """``hit/plane`` (N,), ``hit/pos`` (N, 2) and ``hit/x`` (N, features + 3) of the hits.

    Position is wire and time in ticks, or projection and drift in cm, as the file has them.

    Parameters
    ----------
    features
        Columns of the hit table that start ``hit/x``; plane and position follow. Where the detector has
        several cryostats, ``tpc`` is numbered through.
    """

    features: Sequence[str] = ("integral", "rms", "tpc")

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(self.features))
        if len(set(self.features)) < len(self.features):
            raise OptionError(f"node features {list(self.features)}: one is named twice")

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        return {"hit_table": self.features}

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        hits, table = formation.hits, formation.tables["hit_table"]
        own = [self._feature(formation, table, name) for name in self.features]
        features = np.column_stack([*own, formation.plane.astype(np.float32), formation.position])
        yield Attribute("hit/plane", formation.plane, hits.offsets, compact=INT8)
        yield Attribute("hit/pos", formation.position, hits.offsets)
        yield Attribute("hit/x", features, hits.offsets)

    def _feature(self, formation: "Formation", hits: pl.DataFrame, name: str) -> NDArray[np.float32]:
        if name == TPC and formation.places.cryostat is not None:
            return formation.hits.pick(formation.places.tpcs_of(hits)).astype(np.float32)
        return formation.hits.take(hits[name], np.float32)


class HitIds(Part):
    """``hit/id`` (N,): the hit's identifier in the event file."""

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        hits, hit_id = formation.hits, formation.tables["hit_table"]["hit_id"]
        yield Attribute("hit/id", hits.take(hit_id, np.int64), hits.offsets, compact=compact_of(hit_id))


class SpacepointNodes(Part):
    """``sp/pos`` (S, 3), cm; where the file has no positions, ``sp/num_nodes``."""

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        if "spacepoint_table" not in events.tables:
            return {}
        present = events.column_names("spacepoint_table")
        return {"spacepoint_table": [name for name in SPACEPOINT_POSITION if name in present]}

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        points = formation.rows("spacepoint_table")
        none = np.diff(formation.offsets("spacepoint_table")) == 0
        formation.ledger.enter("no_spacepoints", np.flatnonzero(none & formation.kept))
        table = formation.tables.get("spacepoint_table")
        if table is not None and set(SPACEPOINT_POSITION) <= set(table.columns):
            yield Attribute("sp/pos", points.stack(table, SPACEPOINT_POSITION), points.offsets)
        else:
            yield Attribute("sp/num_nodes", np.diff(points.offsets), compact=INT32)


class EventNode(Part):
    """``evt/num_nodes``, 1."""

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        yield Attribute("evt/num_nodes", np.ones(len(formation.kept_events), np.int64), compact=INT8)
