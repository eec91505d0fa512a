"""The part that is a pixel map: charge and truth of each plane, wire by time."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from numl_polars.detectors import DETECTORS, Detector
from numl_polars.errors import InputError, OptionError
from numl_polars.events.batch import TableListing
from numl_polars.objects.batch import INT32, Attribute
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
from numl_polars.objects.maps.grid import Extent, Grid, Ranges, Window, as_ranges, as_tuples
from numl_polars.objects.maps.selection import select_by_window
from numl_polars.objects.maps.truth import Energies, usable_energy
from numl_polars.objects.maps.windows import Points, Windows, place_windows
from numl_polars.objects.rows import event_rows
from numl_polars.schema import EVENT_TABLE

if TYPE_CHECKING:
    from numl_polars.objects.formation import Formation
    from numl_polars.objects.training_object import TrainingObject

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]

AXES = ("wire", "time")
_SPANNED = [name for name, detector in DETECTORS.items() if detector.extents is not None]
DEFAULT_BINS = 256
_WIRE, _TIME, _DRIFT_X = "nu_vtx_wire_pos_", "nu_vtx_wire_time", "nu_vtx_corr_x"


class Pixels(MapPart):
    """Nodes ``pixel``, the bins of each plane in which there is charge; or, dense, arrays ``image``.

    Pixels are sorted by plane, wire and time. Their attributes, for N of them: ``plane`` (N,),
    ``coordinates`` (N, 2) bins, ``x`` (N, 1) charge in ADC, ``hits`` (N,); with particle labels ``y_energy``
    (N,) MeV, and for each layer ``y_NAME`` (N,), ``y_NAME_fraction`` (N, classes) and ``y_NAME_instance``
    (N,), see `CellTruth`. The same as dense arrays, for W bins of wires and T of time: ``image/x``
    (1, planes, W, T), ``image/y_NAME_fraction`` (1, planes, classes, W, T), and so on. ``window/lower`` and
    ``window/bin`` (1, planes, 2) say where the map is: bin b of an axis is ``[lower + b bin, lower + (b + 1)
    bin)``, in wires and ticks, or cm in files that have ``proj`` and ``drift``.

    A hit is inside if its own position is. Each deposit counts once, in the pixels of its hit.

    Parameters
    ----------
    window
        Where the map of a plane lies. ``whole``: the detector's extent. Of a given `size`: ``vertex``, about
        the neutrino vertex; ``centroid``, about the mean of the hits weighted by charge; ``densest``, where
        it holds the most charge (on bins counted from the lower end of the extent; of equal ones the first
        by wire, then time; what it holds stands in its middle). ``tight``: the smallest box of bins about
        all hits of the plane.
    size
        Of the window: wires and ticks, or cm. One for both axes, or one for each.
    bins, bin_size
        Number of bins, or their size: one of the two; 256 bins if neither is given. Bins of a size that does
        not divide the extent reach beyond it.
    extent
        Of the detector: its name, a pair (lower, upper) for wire and one for time, or such pairs for each
        plane. By default that of the detector that the file is of.
    spread
        Spread the charge of a hit in time over the Gaussian of its `rms`, within three of them, and its
        energy alike. What would be outside the window is put inside, in proportion.
    hits
        Add the number of hits, ``hits``: those whose own position is in the pixel.
    dense
        Arrays in place of nodes. They take planes x W x T values an attribute and event, in memory too.
    """

    window: Window = "whole"
    size: float | Sequence[float] | None = None
    bins: int | Sequence[int] | None = None
    bin_size: float | Sequence[float] | None = None
    extent: Extent | None = None
    spread: bool = False
    hits: bool = False
    dense: bool = False

    def __post_init__(self) -> None:
        if self.bins is None and self.bin_size is None:
            object.__setattr__(self, "bins", DEFAULT_BINS)
        for name in ("size", "bins", "bin_size", "extent"):
            object.__setattr__(self, name, as_tuples(getattr(self, name)))
        if isinstance(self.extent, str) and self.extent not in _SPANNED:
            raise OptionError(f"extent {self.extent!r} is no detector of {', '.join(_SPANNED)}")
        _ = self.grid

    def check(self, num_planes: int) -> None:
        """Raise an OptionError if an extent that is given does not fit so many planes."""
        if self.extent is not None and not isinstance(self.extent, str):
            extents = as_ranges("extent", self.extent, AXES, num_sets=num_planes)
            self.grid.shape(extents)

    @cached_property
    def grid(self) -> Grid:
        """The options of the window, checked."""
        return Grid.of(AXES, self.window, self.size, self.bins, self.bin_size, dense=self.dense)

    def extents(self, events: TableListing, scheme: "TrainingObject") -> tuple[Ranges, ...] | None:
        """Extent of each plane; None if it is not known, nor needed.

        Raises
        ------
        OptionError
            What is given does not fit the planes.
        InputError
            The file does not tell what it is of, and the window goes by the extent.
        """
        if self.extent is not None and not isinstance(self.extent, str):
            return as_ranges("extent", self.extent, AXES, num_sets=len(scheme.plane_names))
        detector = self._detector(events, scheme)
        views = scheme.geometry.all_numbers
        if detector is not None and detector.extents is not None and max(views) < len(detector.extents):
            places = scheme.hit_places(events)
            is_given = isinstance(self.extent, str)
            if is_given or detector.extents_of is None or (places.wire, places.time) in detector.extents_of:
                return tuple(detector.extents[number] for number in views)
        if self.window == "whole":
            raise InputError(
                f"{events.name} does not tell what its planes span: give extent, a pair (lower, upper) for "
                f"wire and one for time, or one of {', '.join(_SPANNED)}"
            )
        return None

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        check_layers(scheme, "pixels")
        self._dense_shape(events, scheme)
        needed = {"hit_table": ["rms"] if self.spread else []}
        if self.window == "vertex":
            needed[EVENT_TABLE] = self._vertex(events, scheme)
        if self.spread:
            self._ticks_per_unit(events, scheme)
        return needed

    def select(self, formation: "Formation") -> None:
        """Leave out events without window, or without hit in it."""
        vertex = self._vertex(formation.batch, formation.scheme) if self.window == "vertex" else []
        select_by_window(formation, formed_once(self, formation, self._form), "hit", vertex)

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        formed = formed_once(self, formation, self._form)
        layout = Layout(
            store="image" if self.dense else "pixel",
            cells=formed.cells,
            kept=formation.kept,
            dense=self._dense_shape(formation.batch, formation.scheme),
            num_planes=len(formation.scheme.plane_names),
            prefix=self.prefix("image" if self.dense else "pixel", formation.scheme),
        )
        yield from layout.places()
        charge = formed.values.astype(np.float32)
        yield layout.attribute("x", charge[:, 0] if self.dense else charge)
        if self.hits:
            yield layout.attribute("hits", formed.num_hits, compact=INT32)
        yield from truth_attributes(layout, formed, formation)
        yield from layout.windows(varying=self.grid.varies)

    def _form(self, formation: "Formation") -> Formed:
        """The pixels of the batch."""
        from numl_polars.objects.maps.binning import bin_points

        batch, hits = formation.batch, formation.tables["hit_table"]
        num_planes, plane = len(formation.scheme.plane_names), formation.all_planes
        # of the precision that objects hold
        position = formation.all_positions.astype(np.float64)
        charge = hits["integral"].to_numpy().astype(np.float64)
        unusable = ~(np.isfinite(position).all(axis=1) & np.isfinite(charge))
        known = (plane >= 0) & (plane < num_planes) & ~unusable
        owner = np.where(known, event_rows(formation.offsets("hit_table")) * num_planes + plane, -1)

        extents = self.extents(batch, formation.scheme)
        extent = None if extents is None else np.tile(np.array(extents, np.float64), (batch.num_events, 1, 1))
        centre = self._centres(formation) if self.window == "vertex" else None
        num_sets = batch.num_events * num_planes
        windows = place_windows(self.grid, Points(position, owner, charge), extent, centre, num_sets)
        bins = bin_points(position, owner, windows.lower, windows.width, windows.shape)
        carrier, bins, weight, own = self._shared(formation, windows, position[:, 1], owner, bins)
        cells, shares = share_cells(
            windows, owner[carrier], bins, carrier, weight, (batch.num_events, len(hits))
        )
        remarks = [Remark("unusable_hit", "hit_table", unusable, "hits", "hit_id")]
        energies = None
        if formation.scheme.particle_layers:
            energy, wrong = usable_energy(formation.tables["edep_table"])
            remarks.append(Remark("unusable_energy", "edep_table", wrong, "deposits", "hit_id"))
            energies = Energies(shares, formation.truth.deposit_hit, energy, formation.offsets("edep_table"))
        return Formed(
            extent=extent,
            cells=cells,
            values=shares.sums(charge, cells),
            num_hits=np.bincount(shares.cell[own], minlength=len(cells)).astype(np.int64),
            energies=energies,
            remarks=tuple(remarks),
        )

    def _shared(
        self, formation: "Formation", windows: Windows, time: Float64s, owner: Int64s, bins: Int64s
    ) -> tuple[Int64s, Int64s, Float64s, Bools]:
        """Hit, bins and weight of each share, and whether the hit itself is there."""
        from numl_polars.objects.maps.binning import spread_points

        if not self.spread:
            inside = np.flatnonzero(bins[:, 0] >= 0)
            return inside, bins[inside], np.ones(len(inside)), np.ones(len(inside), np.bool_)
        rms = formation.tables["hit_table"]["rms"].to_numpy().astype(np.float64)
        sigma = rms / self._ticks_per_unit(formation.batch, formation.scheme)
        place = bins[:, 1].copy()
        edges = (values[:, 1].copy() for values in (windows.lower, windows.width, windows.shape))
        starts, spread, weight = spread_points(time.copy(), sigma, owner, place, *edges)
        hit = np.repeat(np.arange(len(place)), np.diff(starts))
        return hit, np.stack([bins[hit, 0], spread], axis=1), weight, spread == place[hit]

    def _detector(self, events: TableListing, scheme: "TrainingObject") -> Detector | None:
        return DETECTORS[self.extent] if isinstance(self.extent, str) else scheme.known_detector(events)

    def _dense_shape(self, events: TableListing, scheme: "TrainingObject") -> tuple[int, ...] | None:
        extents = self.extents(events, scheme)
        if self.dense:
            return self.grid.dense_shape(extents, len(scheme.plane_names))
        self.grid.shape(extents)
        return None

    def _ticks_per_unit(self, events: TableListing, scheme: "TrainingObject") -> float:
        """Ticks, which `rms` is in, in a unit of the time axis."""
        detector = self._detector(events, scheme)
        if detector is None or scheme.hit_places(events).in_ticks:
            return 1.0
        return detector.ticks_per_unit

    def _vertex(self, events: TableListing, scheme: "TrainingObject") -> list[str]:
        """Columns that say where the vertex is: wire on each plane, then what tells its time."""
        present = events.column_names(EVENT_TABLE)
        wires = tuple(f"{_WIRE}{number}" for number in scheme.geometry.all_numbers)
        if not scheme.hit_places(events).in_ticks or not set(wires) <= set(present):
            raise InputError(
                f"{EVENT_TABLE} of {events.name} has no vertex on the wire planes, in the units of hits "
                f"({', '.join(wires)}): the windows 'centroid' and 'densest' do without; it has "
                f"{', '.join(sorted(present))}"
            )
        detector = self._detector(events, scheme)
        has_drift = detector is not None and None not in (detector.zero_tick, detector.tick_cm)
        if has_drift and _DRIFT_X in present:
            return [*wires, _DRIFT_X]
        events.require(EVENT_TABLE, [_TIME])
        return [*wires, _TIME]

    def _centres(self, formation: "Formation") -> Float64s:
        """Vertex on each plane, float64 (sets, 2).

        The time is that at which charge from the vertex arrives, by its x, where the drift of the detector is
        known: there are files whose `nu_vtx_wire_time` is another time, in ns.
        """
        *wires, last = self._vertex(formation.batch, formation.scheme)
        events = formation.tables[EVENT_TABLE]
        time = events[last].to_numpy().astype(np.float64)
        if last == _DRIFT_X:
            detector = self._detector(formation.batch, formation.scheme)
            assert detector is not None
            assert detector.zero_tick is not None
            assert detector.tick_cm is not None
            time = detector.zero_tick + time / detector.tick_cm
        wire = np.stack([events[name].to_numpy() for name in wires], axis=1).astype(np.float64)
        centre = np.stack([wire, np.repeat(time[:, None], len(wires), axis=1)], axis=2)
        return centre.reshape(-1, 2)
