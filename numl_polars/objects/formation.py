"""What the parts of an object see of a batch: its tables and truth, and which of its events are kept."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.events.batch import Batch
from numl_polars.labels.event_labels import LabelledEvents
from numl_polars.labels.hits import HitTruth, hit_truth
from numl_polars.labels.particle_scheme import ParticleScheme
from numl_polars.objects.ledger import Ledger
from numl_polars.objects.rows import KeptRows
from numl_polars.schema import EVENT_TABLE
from numl_polars.timing import Stages

if TYPE_CHECKING:
    from numl_polars.objects.hit_edges import HitEdges
    from numl_polars.objects.training_object import TrainingObject

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Truths:
    """Truth of a batch's hits by the schemes that gave it, for all objects of the batch."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._known: list[tuple[Mapping[str, ParticleScheme], bool, HitTruth]] = []

    def of(self, tables: Mapping[str, pl.DataFrame], layers: Mapping[str, ParticleScheme]) -> HitTruth:
        """Truth by the schemes of these layers, from the tables that they need."""
        has_deposits = "edep_table" in tables
        for schemes, had_deposits, truth in self._known:
            if schemes == layers and had_deposits == has_deposits:
                return truth
        truth = hit_truth(self._batch, tables, layers)
        self._known.append((layers, has_deposits, truth))
        return truth


class Formation:
    """One object's view of a batch while it is formed.

    Parameters
    ----------
    scheme
        The object.
    batch
        The events.
    truths
        Where truth is kept for other objects of the same batch.
    stages
        Adds up the time that labels and triangulations take.

    Attributes
    ----------
    tables
        All rows of the batch, with the columns that the object's parts asked for and `event_index`.
    ledger
        Events that are left out, and remarks.
    places
        How plane and position of hits follow from their columns.
    results
        What parts found while events were selected, and use for their attributes; by part.
    """

    def __init__(self, scheme: "TrainingObject", batch: Batch, truths: Truths, stages: Stages) -> None:
        self.scheme = scheme
        self.batch = batch
        self.stages = stages
        self.tables: dict[str, pl.DataFrame] = {
            name: batch.select(name, columns) for name, columns in scheme.columns(batch).items()
        }
        self.ledger = Ledger(batch.start, batch.ids)
        self.places = scheme.hit_places(batch)
        self.results: dict[Any, Any] = {}
        self._truths = truths
        self._rows: dict[str, KeptRows] = {}

    @cached_property
    def truth(self) -> HitTruth:
        """What deposits and particles say of all hits of the batch."""
        with self.stages("label"):
            return self._truths.of(self.tables, self.scheme.particle_layers)

    @cached_property
    def event_labels(self) -> dict[str, LabelledEvents]:
        """Classes of all events of the batch, by layer."""
        events = self.tables.get(EVENT_TABLE, pl.DataFrame())
        return {
            layer: scheme.label_rows(events.select(scheme.columns[EVENT_TABLE]))
            for layer, scheme in self.scheme.event_layers.items()
        }

    @property
    def kept(self) -> Bools:
        """Whether each event of the batch becomes an object, bool (events,); final before attributes."""
        return self.ledger.kept

    @cached_property
    def kept_events(self) -> Int64s:
        """int64 (objects,): rows of the kept events among those of the batch."""
        return np.flatnonzero(self.kept)

    def offsets(self, table: str) -> Int64s:
        """int64 (events + 1,): rows of every event of the batch; of a table that is not there, none."""
        if table not in self.tables:
            return np.zeros(self.batch.num_events + 1, np.int64)
        return self.batch.offsets(table)

    def rows(self, table: str) -> KeptRows:
        """Rows of the kept events, and their offsets by object."""
        if table not in self._rows:
            self._rows[table] = KeptRows(self.kept, self.offsets(table))
        return self._rows[table]

    def frame(self, table: str) -> pl.DataFrame:
        """Rows of the kept events, with `event_index`."""
        return self.rows(table).of(self.tables[table])

    @cached_property
    def hits(self) -> KeptRows:
        """Rows of the kept events' hits."""
        return self.rows("hit_table")

    @cached_property
    def all_planes(self) -> Int64s:
        """int64 (hits,): plane of each hit of the batch; one that is not known is not in [0, planes)."""
        return self.places.planes_of(self.tables["hit_table"])

    @cached_property
    def all_positions(self) -> NDArray[np.float32]:
        """float32 (hits, 2): wire and time, or projection and drift, of each hit of the batch."""
        return self.places.positions_of(self.tables["hit_table"])

    @cached_property
    def plane(self) -> Int64s:
        """int64 (hits,): plane of each kept hit."""
        return self.hits.pick(self.all_planes)

    @cached_property
    def position(self) -> NDArray[np.float32]:
        """float32 (hits, 2): wire and time, or projection and drift, of each kept hit."""
        return self.hits.pick(self.all_positions)

    @cached_property
    def edges(self) -> "HitEdges":
        """Triangulations of the kept hits."""
        from numl_polars.objects.hit_edges import hit_edges

        with self.stages("triangulate"):
            return hit_edges(self.plane, self.position, self.hits.offsets)

    def remark(
        self,
        reason: str,
        table: str,
        where: Bools,
        shown: Sequence[str],
        detail: str,
        *,
        of_kept: bool = False,
    ) -> None:
        """Remark in the ledger on each event with rows of `table` `where` something holds.

        Parameters
        ----------
        where
            bool (rows,): of all rows of the table, or of the kept ones if `of_kept`.
        shown, detail
            Columns whose values, in the first such row, stand for ``{column}`` in the detail; their number
            for ``{rows}``.
        """
        from numl_polars.objects.select import enter_rows

        if of_kept:
            found = np.zeros(len(self.tables[table]), np.bool_)
            found[self.rows(table).rows[where]] = True
            where = found
        values = {name: self.tables[table][name] for name in shown}
        enter_rows(self.ledger, reason, where, self.offsets(table), values, detail)
