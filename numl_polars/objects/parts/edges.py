"""Parts that add edges: between hits, between hits and spacepoints, and to the event."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import OptionError
from numl_polars.events.batch import TableListing
from numl_polars.labels.hits import int64
from numl_polars.objects.batch import INT32, Attribute
from numl_polars.objects.part import Part
from numl_polars.objects.rows import event_rows

if TYPE_CHECKING:
    from numl_polars.objects.formation import Formation
    from numl_polars.objects.training_object import TrainingObject

Int64s = NDArray[np.int64]


class DelaunayEdges(Part):
    """Triangulations of the hits: ``hit_delaunay_hit`` of all, ``hit_delaunay-planar_hit`` of each plane's.

    Both directions of each edge, by source, then target.
    """

    kernels = ("objects.hit_edges",)

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        edges = formation.edges
        for reason, there in (("nonfinite_position", edges.nonfinite), ("repeated_position", edges.repeated)):
            formation.remark(reason, "hit_table", there, *_FIRST_HIT, of_kept=True)
        for kind, found in (("delaunay", edges.joint), ("delaunay-planar", edges.planar)):
            yield sorted_edges(f"hit_{kind}_hit", *found)


class NexusEdges(Part):
    """``hit_nexus_sp``: each spacepoint's hits, by plane, then spacepoint."""

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        if "spacepoint_table" not in events.tables:
            return {}
        return {"spacepoint_table": scheme.spacepoint_hits(events)}

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        repeated = formation.truth.namesake != np.arange(len(formation.truth.namesake))
        formation.remark("repeated_hit_id", "hit_table", repeated, *_FIRST_HIT)
        edges, offsets = self._edges(formation)
        starts = offsets[np.append(formation.kept_events, formation.batch.num_events)]
        yield Attribute("hit_nexus_sp/edge_index", edges, starts, axis=1, compact=INT32)

    def _edges(self, formation: "Formation") -> tuple[Int64s, Int64s]:
        """Edges int64 (2, E) of kept events, rows within the event, and offsets by event of the batch."""
        from numl_polars.events.matching import match_rows
        from numl_polars.objects.ranking import counting_order

        num_events = formation.batch.num_events
        points = formation.tables.get("spacepoint_table")
        if points is None:
            return np.empty((2, 0), np.int64), np.zeros(num_events + 1, np.int64)
        own = formation.rows("spacepoint_table").rows
        hit_offsets = formation.offsets("hit_table")
        point_offsets = formation.offsets("spacepoint_table")
        hit_id = int64(formation.tables["hit_table"]["hit_id"])
        pairs = []
        for column in formation.scheme.spacepoint_hits(formation.batch):
            row = match_rows(hit_offsets, hit_id, point_offsets, int64(points[column]))
            there = own[row[own] >= 0]
            pairs.append(np.stack([row[there], there]))
        edges = np.concatenate(pairs, axis=1)
        event = event_rows(point_offsets)[edges[1]]
        order = counting_order(event, num_events)
        edges, event = edges[:, order], event[order]
        starts = np.searchsorted(event, np.arange(num_events + 1))
        return np.stack([edges[0] - hit_offsets[event], edges[1] - point_offsets[event]]), starts


class EventEdges(Part):
    """``hit_in_evt`` and ``sp_in_evt``: every node to the event."""

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        for store, table in (("hit", "hit_table"), ("sp", "spacepoint_table")):
            offsets = formation.rows(table).offsets
            row = np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
            edges = np.stack([row, np.zeros_like(row)])
            yield Attribute(f"{store}_in_evt/edge_index", edges, offsets, axis=1, compact=INT32)


class _Neighbours(Part):
    """Edges between neighbouring hits, or spacepoints.

    Parameters
    ----------
    of
        ``hits`` or ``spacepoints``.
    planar
        Look for neighbours of a hit in its own plane; without, among all hits of the event.
    scale
        Multiplies the axes of the positions before distances are taken, one number each: of hits wire and
        time (or projection and drift), of spacepoints x, y and z. None: 1.
    """

    of: str = "hits"
    planar: bool = True
    scale: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.of not in ("hits", "spacepoints"):
            raise OptionError(f"{self.name}: of is {self.of!r}; it may be 'hits' or 'spacepoints'")
        axes = 2 if self.of == "hits" else 3
        scale = (1.0,) * axes if self.scale is None else tuple(self.scale)
        if len(scale) != axes or not all(np.isfinite(one) and one > 0 for one in scale):
            raise OptionError(f"{self.name}: scale is {self.scale}; it has {axes} numbers above 0")
        object.__setattr__(self, "scale", scale)

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        from numl_polars.schema import SPACEPOINT_POSITION

        return {} if self.of == "hits" else {"spacepoint_table": SPACEPOINT_POSITION}

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        from numl_polars.objects.neighbours import neighbour_edges
        from numl_polars.schema import SPACEPOINT_POSITION

        if self.of == "hits":
            store, position, offsets = "hit", formation.position, formation.hits.offsets
            finite = np.logical_and.reduce(np.isfinite(position), axis=1)
            formation.remark("nonfinite_position", "hit_table", ~finite, *_FIRST_HIT, of_kept=True)
            plane = formation.plane if self.planar else np.zeros_like(formation.plane)
        else:
            rows = formation.rows("spacepoint_table")
            position = rows.stack(formation.tables["spacepoint_table"], SPACEPOINT_POSITION)
            store, offsets, plane = "sp", rows.offsets, np.zeros(len(rows), np.int64)
        scaled = position.astype(np.float64) * np.asarray(self.scale)
        edges = neighbour_edges(scaled, plane, offsets, self._pairs)
        yield sorted_edges(f"{store}_{self._kind}_{store}", *edges)

    @property
    def _kind(self) -> str:
        planar = "-planar" if self.planar and self.of == "hits" else ""
        return f"{'nearest' if isinstance(self, NearestEdges) else 'radius'}{planar}"

    def _pairs(self, points: NDArray[np.float64]) -> Int64s:
        """Edges int64 (2, E) of one set of points, in any order."""
        raise NotImplementedError


class NearestEdges(_Neighbours):
    """``hit_nearest-planar_hit``: an edge to each hit from each of the `k` that are nearest to it.

    ``hit_nearest_hit`` where not `planar`, ``sp_nearest_sp`` of spacepoints. Edges stand by source, then
    target. Of hits at equal distance any may be taken, but the same ones each time.

    Parameters
    ----------
    k
        Number of neighbours, or all others where there are fewer.
    of, planar, scale
        Which points, in which sets, and how distances are measured.
    """

    k: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k < 1:
            raise OptionError(f"{self.name}: k is {self.k}; a node has at least 1 neighbour")

    def _pairs(self, points: NDArray[np.float64]) -> Int64s:
        from numl_polars.objects.neighbours import nearest

        return nearest(points, self.k)


class RadiusEdges(_Neighbours):
    """``hit_radius-planar_hit``: edges, both directions, between hits no farther apart than `radius`.

    ``hit_radius_hit`` where not `planar`, ``sp_radius_sp`` of spacepoints. Edges stand by source, then
    target.

    Parameters
    ----------
    radius
        Distance in the units of the positions times `scale`; the edge itself counts.
    of, planar, scale
        Which points, in which sets, and how distances are measured.
    """

    radius: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.isfinite(self.radius) and self.radius > 0):
            raise OptionError(f"{self.name}: radius is {self.radius}; it must be a number above 0")

    def _pairs(self, points: NDArray[np.float64]) -> Int64s:
        from numl_polars.objects.neighbours import within

        return within(points, self.radius)


def sorted_edges(name: str, edges: Int64s, offsets: Int64s) -> Attribute:
    """``edge_index`` of edges that are sorted by source within each object."""
    return Attribute(f"{name}/edge_index", edges, offsets, axis=1, compact=INT32, by_source=True)


_FIRST_HIT = (("hit_id",), "{rows} hits, the first is hit {hit_id}")
