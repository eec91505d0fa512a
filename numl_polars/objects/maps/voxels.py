"""The part that is a voxel map: energy or charge in the volume of the detector, and its truth."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from numl_polars.detectors import DETECTORS
from numl_polars.errors import InputError, OptionError
from numl_polars.events.batch import TableListing
from numl_polars.labels.hits import deposit_columns, int64
from numl_polars.objects.batch import Attribute
from numl_polars.objects.maps.attributes import Layout
from numl_polars.objects.maps.cells import share_cells
from numl_polars.objects.maps.formed import (
    Formed,
    MapPart,
    Remark,
    check_layers,
    formed_once,
    truth_attributes,
)
from numl_polars.objects.maps.grid import Grid, Ranges, Window, as_ranges, as_tuples
from numl_polars.objects.maps.selection import select_by_window
from numl_polars.objects.maps.truth import Energies, usable_energy
from numl_polars.objects.maps.windows import Points, Windows, place_windows
from numl_polars.objects.rows import event_rows
from numl_polars.schema import (
    DEPOSIT_POSITION,
    EVENT_TABLE,
    SPACEPOINT_POSITION,
    VERTEX,
    first_present,
)

if TYPE_CHECKING:
    import polars as pl

    from numl_polars.objects.formation import Formation
    from numl_polars.objects.training_object import TrainingObject

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]
Source = Literal["deposits", "spacepoints"]

AXES = ("x", "y", "z")
DEFAULT_SIZE = 1.0
_VERTICES = (VERTEX, tuple(name.replace("_corr", "") for name in VERTEX))


class Voxels(MapPart):
    """Nodes ``voxel``, the bins of the volume in which there is something; or, dense, arrays ``volume``.

    Voxels are sorted by x, y and z. Their attributes, for N of them: ``coordinates`` (N, 3) bins, ``x``
    (N, planes), what each plane sees; with particle labels ``y_energy`` (N,) MeV, and for each layer
    ``y_NAME`` (N,), ``y_NAME_fraction`` (N, classes) and ``y_NAME_instance`` (N,), see `CellTruth`. The same
    as dense arrays: ``volume/x`` (1, planes, X, Y, Z), ``volume/y_NAME`` (1, X, Y, Z), and so on.
    ``window/lower`` and ``window/bin`` (1, 3), cm, say where the map is.

    Every plane sees the same energy: what the columns of ``x`` hold, and ``y_energy``, which is what the
    deposits of all planes hold, count it once for each plane that saw it.

    Parameters
    ----------
    source
        ``deposits``: energy, MeV, where particles left it; needs the positions of deposits, and those whose
        hit is not there are left out. ``spacepoints``: charge, ADC, where it was reconstructed: a hit's is
        shared equally among its spacepoints in the window, and so is the energy of its deposits; a hit
        without any is outside.
    window
        Where the map is, as for `Pixels`: ``whole``, ``vertex``, ``centroid``, ``densest`` or ``tight``.
        ``densest`` looks at each slice of x, and may take as long as all else.
    size
        Of the window, cm. One for all axes, or one for each.
    bins, voxel_size
        Number of voxels, or their size in cm: one of the two; 1 cm if neither is given.
    box
        Of the detector: its name, or a pair (lower, upper) of x, y and z, cm. By default that of the detector
        that the file is of.
    dense
        Arrays in place of nodes. They take planes x X x Y x Z values an event, in memory too.
    """

    source: Source = "deposits"
    window: Window = "whole"
    size: float | Sequence[float] | None = None
    bins: int | Sequence[int] | None = None
    voxel_size: float | Sequence[float] | None = None
    box: str | Sequence[Sequence[float]] | None = None
    dense: bool = False

    def __post_init__(self) -> None:
        if self.bins is None and self.voxel_size is None:
            object.__setattr__(self, "voxel_size", DEFAULT_SIZE)
        for name in ("size", "bins", "voxel_size", "box"):
            object.__setattr__(self, name, as_tuples(getattr(self, name)))
        if self.source not in ("deposits", "spacepoints"):
            raise OptionError(f"source {self.source!r} is none of deposits, spacepoints")
        if isinstance(self.box, str):
            if self.box not in DETECTORS:
                raise OptionError(f"box {self.box!r} is no detector of {', '.join(DETECTORS)}")
        elif self.box is not None:
            self.grid.shape(as_ranges("box", self.box, AXES, num_sets=1))
        _ = self.grid

    @cached_property
    def grid(self) -> Grid:
        """The options of the window, checked."""
        return Grid.of(
            AXES,
            self.window,
            self.size,
            self.bins,
            self.voxel_size,
            bin_name="voxel_size",
            dense=self.dense,
        )

    def extents(self, events: TableListing, scheme: "TrainingObject") -> tuple[Ranges] | None:
        """The box, None if it is not known, nor needed.

        Raises
        ------
        InputError
            The file does not tell what it is of, and the window goes by the box.
        """
        if self.box is not None and not isinstance(self.box, str):
            return (as_ranges("box", self.box, AXES, num_sets=1)[0],)
        detector = scheme.known_detector(events) if self.box is None else DETECTORS[self.box]
        if detector is not None and detector.box is not None:
            return (detector.box,)
        if self.window == "whole":
            raise InputError(
                f"{events.name} does not tell the size of its detector: give box, a pair (lower, upper) of "
                f"x, y and z, or one of {', '.join(DETECTORS)}"
            )
        return None

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        check_layers(scheme, "voxels")
        self._dense_shape(events, scheme)
        needed: dict[str, Sequence[str]] = {}
        if self.source == "deposits":
            try:
                needed["edep_table"] = deposit_columns(events, position=True)
            except InputError as error:
                raise InputError(f"{error}; take the source spacepoints") from error
        else:
            try:
                wanted = (*SPACEPOINT_POSITION, *scheme.spacepoint_hits(events))
                events.require("spacepoint_table", wanted)
            except InputError as error:
                raise InputError(f"{error}; take the source deposits, if those have positions") from error
            needed["spacepoint_table"] = wanted
        if self.window == "vertex":
            needed[EVENT_TABLE] = self._vertex(events)
        return needed

    def select(self, formation: "Formation") -> None:
        """Leave out events without window, or with nothing in it."""
        vertex = self._vertex(formation.batch) if self.window == "vertex" else ()
        formed = formed_once(self, formation, self._form)
        select_by_window(formation, formed, self.source.removesuffix("s"), vertex)

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        formed = formed_once(self, formation, self._form)
        layout = Layout(
            store="volume" if self.dense else "voxel",
            cells=formed.cells,
            kept=formation.kept,
            dense=self._dense_shape(formation.batch, formation.scheme),
            num_planes=None,
            prefix=self.prefix("volume" if self.dense else "voxel", formation.scheme),
        )
        yield from layout.places()
        yield layout.attribute("x", formed.values.astype(np.float32))
        yield from truth_attributes(layout, formed, formation)
        yield from layout.windows(varying=self.grid.varies)

    def _form(self, formation: "Formation") -> Formed:
        """The voxels of the batch."""
        num_planes, plane = len(formation.scheme.plane_names), formation.all_planes
        plane = np.where((plane >= 0) & (plane < num_planes), plane, -1)
        if self.source == "deposits":
            return self._form_deposits(formation, plane, num_planes)
        return self._form_spacepoints(formation, plane, num_planes)

    def _form_deposits(self, formation: "Formation", plane: Int64s, num_planes: int) -> Formed:
        deposits, offsets = formation.tables["edep_table"], formation.offsets("edep_table")
        position, lost = _positions(deposits, DEPOSIT_POSITION)
        energy, wrong = usable_energy(deposits)
        hit = formation.truth.deposit_hit
        of_plane = np.append(plane, -1)[hit]
        owner = np.where((of_plane >= 0) & ~lost, event_rows(offsets), -1)
        windows, bins, extent = self._binned(formation, Points(position, owner, energy))
        carrier = np.flatnonzero(bins[:, 0] >= 0)
        sizes = (formation.batch.num_events, len(deposits))
        cells, shares = share_cells(
            windows, owner[carrier], bins[carrier], carrier, np.ones(len(carrier)), sizes
        )
        inside = np.where(bins[:, 0] >= 0, np.arange(len(deposits)), -1)
        return Formed(
            extent=extent,
            cells=cells,
            values=shares.sums(energy, cells, of_plane, num_planes),
            num_hits=np.zeros(0, np.int64),
            energies=Energies(shares, inside, energy, offsets) if formation.scheme.particle_layers else None,
            remarks=(
                Remark("unusable_point", "edep_table", lost, "deposits", "hit_id"),
                Remark("unusable_energy", "edep_table", wrong, "deposits", "hit_id"),
            ),
        )

    def _form_spacepoints(self, formation: "Formation", plane: Int64s, num_planes: int) -> Formed:
        from numl_polars.objects.ranking import counting_order

        points, hits = formation.tables["spacepoint_table"], formation.tables["hit_table"]
        position, lost = _positions(points, SPACEPOINT_POSITION)
        charge = hits["integral"].to_numpy().astype(np.float64)
        unusable = ~np.isfinite(charge)
        hit, point = _pairs(formation)
        there = (plane[hit] >= 0) & ~unusable[hit] & ~lost[point]
        hit, point = hit[there], point[there]
        owner = np.full(len(points), -1, np.int64)
        owner[point] = event_rows(formation.offsets("spacepoint_table"))[point]
        each = charge[hit] / np.bincount(hit, minlength=len(hits))[hit]
        held = np.bincount(point, each, len(points)).astype(np.float64, copy=False)
        windows, bins, extent = self._binned(formation, Points(position, owner, held))

        inside = bins[point, 0] >= 0
        hit, point = hit[inside], point[inside]
        order = counting_order(hit, len(hits))
        hit, point = hit[order], point[order]
        weight = 1 / np.bincount(hit, minlength=len(hits))[hit]
        sizes = (formation.batch.num_events, len(hits))
        cells, shares = share_cells(windows, owner[point], bins[point], hit, weight, sizes)
        remarks = [
            Remark("unusable_hit", "hit_table", unusable, "hits", "hit_id"),
            Remark(
                "unusable_point",
                "spacepoint_table",
                lost,
                "spacepoints",
                formation.scheme.spacepoint_hits(formation.batch)[0],
            ),
        ]
        energies = None
        if formation.scheme.particle_layers:
            energy, wrong = usable_energy(formation.tables["edep_table"])
            remarks.append(Remark("unusable_energy", "edep_table", wrong, "deposits", "hit_id"))
            energies = Energies(shares, formation.truth.deposit_hit, energy, formation.offsets("edep_table"))
        return Formed(
            extent=extent,
            cells=cells,
            values=shares.sums(charge, cells, plane, num_planes),
            num_hits=np.zeros(0, np.int64),
            energies=energies,
            remarks=tuple(remarks),
        )

    def _binned(self, formation: "Formation", points: Points) -> tuple[Windows, Int64s, Float64s | None]:
        """Windows of the events, the bins of the points in them, and the extent."""
        from numl_polars.objects.maps.binning import bin_points

        batch = formation.batch
        extents = self.extents(batch, formation.scheme)
        extent = None if extents is None else np.tile(np.array(extents, np.float64), (batch.num_events, 1, 1))
        centre = None
        if self.window == "vertex":
            centre, _ = _positions(formation.tables[EVENT_TABLE], self._vertex(batch))
        windows = place_windows(self.grid, points, extent, centre, batch.num_events)
        bins = bin_points(points.position, points.owner, windows.lower, windows.width, windows.shape)
        return windows, bins, extent

    def _dense_shape(self, events: TableListing, scheme: "TrainingObject") -> tuple[int, ...] | None:
        extents = self.extents(events, scheme)
        if self.dense:
            return self.grid.dense_shape(extents, len(scheme.plane_names))
        self.grid.shape(extents)
        return None

    def _vertex(self, events: TableListing) -> tuple[str, ...]:
        """Columns of the vertex, corrected for space charge if the file has that."""
        where = f"{EVENT_TABLE} of {events.name}"
        return first_present(_VERTICES, events.column_names(EVENT_TABLE), "neutrino vertex", where)


def _positions(table: "pl.DataFrame", names: Sequence[str]) -> tuple[Float64s, Bools]:
    """Positions, float64 (rows, 3), of float32's precision, and which are not finite."""
    position = np.stack([table[name].to_numpy() for name in names], axis=1).astype(np.float32)
    return position.astype(np.float64), np.logical_not(np.isfinite(position).all(axis=1))


def _pairs(formation: "Formation") -> tuple[Int64s, Int64s]:
    """Rows of hits and of the spacepoints that they are part of."""
    from numl_polars.events.matching import match_rows

    hit_offsets, point_offsets = formation.offsets("hit_table"), formation.offsets("spacepoint_table")
    hit_id, points = int64(formation.tables["hit_table"]["hit_id"]), formation.tables["spacepoint_table"]
    found = []
    for column in formation.scheme.spacepoint_hits(formation.batch):
        row = match_rows(hit_offsets, hit_id, point_offsets, int64(points[column]))
        there = np.flatnonzero(row >= 0)
        found.append((row[there], there))
    hits, rows = zip(*found, strict=True)
    return np.concatenate(hits), np.concatenate(rows)
