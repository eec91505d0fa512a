"""The part that adds light: flashes, photomultipliers and optical hits, joined to each other and charge."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError, OptionError
from numl_polars.events.batch import TableListing
from numl_polars.objects.batch import Attribute
from numl_polars.objects.part import Part
from numl_polars.objects.parts.edges import sorted_edges
from numl_polars.objects.parts.optical_cryostats import Cryostats, are_told, cryostats
from numl_polars.objects.parts.optical_joins import (
    FLASHES,
    PULSES,
    SUMS,
    brightest_first,
    edges_of_pairs,
    edges_of_rows,
    mean_ticks,
    named_rows,
    pmt_positions,
    spacepoint_hit_rows,
    stack_float64,
)
from numl_polars.objects.rows import event_rows
from numl_polars.schema import CRYOSTAT, OPTICAL_POSITION, SPACEPOINT_POSITION, first_present

if TYPE_CHECKING:
    from numl_polars.detectors import Detector
    from numl_polars.objects.formation import Formation
    from numl_polars.objects.training_object import TrainingObject

Int64s = NDArray[np.int64]

_WIRES = ("wire_pos_0", "wire_pos_1", "wire_pos_2")
_FEATURES = {
    PULSES: ("amplitude", "area", "pe", "peaktime", "width"),
    SUMS: ("pmt_channel", "sumpe"),
    FLASHES: ("time", "time_width", "totalpe", "y_center", "y_width", "z_center", "z_width"),
}
_STORES = {PULSES: "ophit", SUMS: "pmt", FLASHES: "flash"}
_TICKS = (("local_time",), ("time",))


@dataclass(frozen=True)
class Clock:
    """Length of a tick, us; tick of the trigger; longest time that charge drifts, us."""

    tick: float
    trigger_tick: float
    drift_time: float


class Optical(Part):
    """Nodes ``ophit``, ``pmt`` and ``flash``, joined by identifiers, and edges from flashes to spacepoints.

    An optical hit, for N of them: ``pos`` (N, 3), the wires at its photomultiplier, and ``x`` (N, 8): these,
    amplitude, area, pe, peaktime, width. A ``pmt`` is what one photomultiplier saw of one flash: ``pos``
    (N, 2), its y and z in cm, and ``x`` (N, 4): these, channel, photoelectrons. A flash: ``pos`` (N, 3), the
    wires at its centre, and ``x`` (N, 10): these, time, its width, photoelectrons, centre and width in y,
    and in z. All float32.

    ``ophit_in_pmt`` and ``pmt_in_flash`` are found by identifiers within the event: -1 is no edge, and a
    remark is made where one is not there, or repeated. Of flashes with one `flash_id` the first stands for
    all. Of sums with one `sumpe_id` that in the flash with the most photoelectrons does, since MicroBooNE's
    files number the sums of each flash anew. ``flash_in_evt`` joins all flashes to the event. Events without
    light keep empty stores, and have a remark.

    ``flash_time_sp`` joins a flash to the spacepoints whose charge can have drifted since: their time, which
    is the mean of that of their hits, is not before the flash, nor later than `drift_time` after it; and
    they are not known to be in another cryostat.

    Where `opflashsumpe_table` has no `yz_pos`, the position of a photomultiplier is that of the event's first
    optical hit of its channel; else that which the object's detector, or the one that the columns of the file
    tell, has of the channel; NaN, and a remark, where there is none.

    Parameters
    ----------
    spacepoints
        Whether there are edges from flashes to spacepoints.
    tick, trigger_tick, drift_time
        Length of a tick in us; tick at which charge comes that was made at the trigger, from which flashes
        are timed, next to the wires; longest time in us that charge drifts. None: that of the object's
        detector, or of the one that the columns of the file tell.
    tolerance
        By how much, us, charge may come earlier or later than it can.
    nearest_pmts
        Adds ``sp_knn_pmt``: from each spacepoint to so many nodes ``pmt`` that are nearest to it in y and z,
        and not known to be in another cryostat.
    """

    kernels = ("objects.optical_kernels",)

    spacepoints: bool = True
    tick: float | None = None
    trigger_tick: float | None = None
    drift_time: float | None = None
    tolerance: float = 10.0
    nearest_pmts: int = 0

    def __post_init__(self) -> None:
        for name in ("tick", "drift_time"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value > 0):
                raise OptionError(f"{self.name}: {name} is {value}; it must be a number above 0")
        if self.trigger_tick is not None and not isfinite(self.trigger_tick):
            raise OptionError(f"{self.name}: trigger_tick is {self.trigger_tick}; it must be a finite number")
        if not (isfinite(self.tolerance) and self.tolerance >= 0):
            raise OptionError(f"{self.name}: tolerance is {self.tolerance}; it must be a number, 0 or above")
        if self.nearest_pmts < 0:
            raise OptionError(f"{self.name}: nearest_pmts is {self.nearest_pmts}; it must be 0 or above")

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        absent = [table for table in _STORES if table not in events.tables]
        if absent:
            raise InputError(
                f"{events.name} has no {', '.join(absent)}: {self.name} is made of {', '.join(_STORES)}; "
                f"leave the part out; the file has {', '.join(sorted(events.tables))}"
            )
        needed: dict[str, list[str]] = {
            FLASHES: ["flash_id", *_wires(events, FLASHES), *_FEATURES[FLASHES]],
            SUMS: ["sumpe_id", "flash_id", *_FEATURES[SUMS]],
            PULSES: ["sumpe_id", *_wires(events, PULSES), *_FEATURES[PULSES]],
        }
        if set(OPTICAL_POSITION) <= set(events.column_names(SUMS)):
            needed[SUMS] += OPTICAL_POSITION
        elif set(OPTICAL_POSITION) <= set(events.column_names(PULSES)):
            needed[PULSES] += ["hit_channel", *OPTICAL_POSITION]
        if self._joins_spacepoints:
            detector = scheme.known_detector(events)
            needed["hit_table"] = ["hit_id", *([CRYOSTAT] if are_told(detector, events) else [])]
            if self.spacepoints:
                needed["hit_table"].append(self._tick_column(events))
                self._clock(events, detector)
        if "spacepoint_table" in events.tables:
            named = scheme.spacepoint_hits(events) if self._joins_spacepoints else ()
            position = SPACEPOINT_POSITION[1:] if self.nearest_pmts else ()
            needed["spacepoint_table"] = [*named, *position]
        return needed

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`."""
        none = np.logical_or.reduce([np.diff(formation.offsets(table)) == 0 for table in _STORES])
        formation.ledger.enter("no_light", np.flatnonzero(none & formation.kept))
        detector = formation.scheme.known_detector(formation.batch)
        pmts = pmt_positions(formation, detector)
        for table, store in _STORES.items():
            rows = formation.rows(table)
            frame = formation.tables[table]
            if table == SUMS:
                position = pmts[rows.rows]
            else:
                position = rows.stack(frame, _wires(formation.batch, table))
            yield Attribute(f"{store}/pos", position, rows.offsets)
            features = np.concatenate([position, rows.stack(frame, _FEATURES[table])], axis=1)
            yield Attribute(f"{store}/x", features, rows.offsets)
        flash = named_rows(formation, SUMS, FLASHES, "flash_id")
        order = brightest_first(formation, flash)
        pmt = named_rows(formation, PULSES, SUMS, "sumpe_id", order=order, within="flash_id")
        yield edges_of_rows(formation, "ophit_in_pmt", PULSES, SUMS, pmt)
        yield edges_of_rows(formation, "pmt_in_flash", SUMS, FLASHES, flash)
        flashes = formation.rows(FLASHES)
        own = np.arange(len(flashes)) - flashes.offsets[event_rows(flashes.offsets)]
        yield sorted_edges("flash_in_evt", np.stack([own, np.zeros_like(own)]), flashes.offsets)
        if self._joins_spacepoints:
            hit_rows = spacepoint_hit_rows(formation)
            places = cryostats(formation, detector, hit_rows, flash)
            if self.spacepoints:
                yield self._time_edges(formation, self._clock(formation.batch, detector), hit_rows, places)
            if self.nearest_pmts:
                yield self._nearest_edges(formation, pmts, places)

    @property
    def _joins_spacepoints(self) -> bool:
        return self.spacepoints or self.nearest_pmts > 0

    def _time_edges(
        self, formation: "Formation", clock: Clock, hit_rows: Int64s, places: Cryostats
    ) -> Attribute:
        from numl_polars.objects.optical_kernels import follow_in_time

        column = formation.tables["hit_table"][self._tick_column(formation.batch)]
        ticks = mean_ticks(hit_rows, column.to_numpy().astype(np.float64))
        pairs = follow_in_time(
            formation.offsets(FLASHES),
            formation.tables[FLASHES]["time"].to_numpy().astype(np.float64),
            places.flashes,
            formation.offsets("spacepoint_table"),
            (ticks - clock.trigger_tick) * clock.tick,
            places.spacepoints,
            -self.tolerance,
            clock.drift_time + self.tolerance,
        )
        return edges_of_pairs(formation, "flash_time_sp", FLASHES, "spacepoint_table", pairs)

    def _nearest_edges(
        self, formation: "Formation", pmts: NDArray[np.float32], places: Cryostats
    ) -> Attribute:
        from numl_polars.objects.optical_kernels import nearest_of_others

        points = formation.tables.get("spacepoint_table")
        position = np.empty((0, 2)) if points is None else stack_float64(points, SPACEPOINT_POSITION[1:])
        pairs = nearest_of_others(
            formation.offsets("spacepoint_table"),
            position,
            places.spacepoints,
            formation.offsets(SUMS),
            pmts.astype(np.float64),
            places.sums,
            self.nearest_pmts,
        )
        return edges_of_pairs(formation, "sp_knn_pmt", "spacepoint_table", SUMS, pairs)

    def _tick_column(self, events: TableListing) -> str:
        """Column of the hit table with the time in ticks within a chamber."""
        what = "hit time in ticks"
        try:
            return first_present(
                _TICKS, events.column_names("hit_table"), what, f"hit_table of {events.name}"
            )[0]
        except InputError as error:
            raise InputError(
                f"{error}; edges from flashes to spacepoints go by it, spacepoints=False leaves them out"
            ) from error

    def _clock(self, events: TableListing, detector: "Detector | None") -> Clock:
        """What was given, and that of the detector for the rest."""
        values: dict[str, float] = {}
        for one, of_detector in (
            ("tick", "tick_us"),
            ("trigger_tick", "zero_tick"),
            ("drift_time", "drift_us"),
        ):
            value = getattr(self, one)
            value = getattr(detector, of_detector, None) if value is None else value
            if value is None:
                raise OptionError(
                    f"{self.name}: {events.name} does not tell its detector: give tick, trigger_tick and "
                    f"drift_time, a detector that has them, or spacepoints=False for no edges from flashes "
                    f"to spacepoints"
                )
            values[one] = value
        return Clock(**values)


def _wires(events: TableListing, table: str) -> tuple[str, ...]:
    """Columns of a table that say the nearest wires: one for each plane that the file has."""
    present = events.column_names(table)
    return tuple(name for name in _WIRES if name in present) or _WIRES
