"""Where hits are: their plane, wire and time, by what the detector and its files call them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.schema import COORDINATES, CRYOSTAT, TPC, first_present

if TYPE_CHECKING:
    from numl_polars.detectors import Detector
    from numl_polars.events.batch import TableListing

Int64s = NDArray[np.int64]
Float32s = NDArray[np.float32]


@dataclass(frozen=True)
class HitPlaces:
    """How plane, position and chamber of hits follow from the columns of their table.

    Parameters
    ----------
    plane, wire, time
        Columns of plane, wire (or projection), and time (or drift).
    cryostat
        Column of the cryostat, None where chambers are numbered through, or there is one cryostat.
    detector
        Its planes and chambers.
    """

    plane: str
    wire: str
    time: str
    cryostat: str | None
    detector: "Detector"

    @classmethod
    def of(cls, events: "TableListing", detector: "Detector") -> "HitPlaces":
        """Those of the hit table of some events.

        Raises
        ------
        InputError
            Columns that say plane, wire and time, or those that say the chamber, are not there.
        """
        present, where = events.column_names("hit_table"), f"hit_table of {events.name}"
        given = detector.coordinates
        wanted = COORDINATES[given] if isinstance(given, str) else (given,)
        which = f"{given} " if given in ("local", "global") else ""
        plane, wire, time = first_present(wanted, present, f"{which}hit plane, wire and time", where)
        cryostat = CRYOSTAT if detector.cryostats > 1 and CRYOSTAT in present else None
        return cls(plane, wire, time, cryostat, detector)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the hit table that are read."""
        return self.plane, self.wire, self.time, *self._of_tpc

    @property
    def _of_tpc(self) -> tuple[str, ...]:
        has_tpc = (
            self.detector.planes_per_tpc or self.detector.tpc_offsets is not None or self.cryostat is not None
        )
        return ((TPC,) if has_tpc else ()) + ((self.cryostat,) if self.cryostat is not None else ())

    @property
    def in_ticks(self) -> bool:
        """Whether times are ticks, and not drift in cm."""
        return self.time != "drift"

    def views_of(self, hits: pl.DataFrame) -> Int64s:
        """int64 (hits,): plane of each hit in its chamber; one that is not known is not in [0, planes)."""
        column = hits[self.plane]
        if not column.dtype.is_numeric():
            known = {name.lower(): number for number, name in enumerate(self.detector.planes)}
            names = column.cast(pl.String).str.to_lowercase()
            numbers: Int64s = names.replace_strict(known, default=-1, return_dtype=pl.Int64).to_numpy()
            return numbers
        stored: Int64s = column.cast(pl.Int64).to_numpy()
        if self.detector.numbers == tuple(range(len(self.detector.planes))):
            return stored
        view = np.full(len(stored), -1, np.int64)
        for place, number in enumerate(self.detector.numbers):
            view[stored == number] = place
        return view

    def planes_of(self, hits: pl.DataFrame) -> Int64s:
        """int64 (hits,): plane of each hit in the object; one that is not known is not in [0, planes)."""
        view = self.views_of(hits)
        if not self.detector.planes_per_tpc:
            return view
        tpc = self.tpcs_of(hits)
        known = (view >= 0) & (view < len(self.detector.planes)) & self._is_tpc(tpc)
        return np.where(known, tpc * len(self.detector.planes) + view, -1)

    def _is_tpc(self, tpc: Int64s) -> NDArray[np.bool_]:
        assert self.detector.num_tpcs is not None
        return np.asarray((tpc >= 0) & (tpc < self.detector.num_tpcs))

    def tpcs_of(self, hits: pl.DataFrame) -> Int64s:
        """int64 (hits,): chamber of each hit, numbered through over the cryostats."""
        tpc: Int64s = hits[TPC].cast(pl.Int64).to_numpy()
        if self.cryostat is None or self.detector.tpcs is None:
            return tpc
        cryostat: Int64s = hits[self.cryostat].cast(pl.Int64).to_numpy()
        return tpc + self.detector.tpcs * cryostat

    def positions_of(self, hits: pl.DataFrame) -> Float32s:
        """float32 (hits, 2): wire and time, or projection and drift, of each hit, offset by chamber."""
        position = np.empty((len(hits), 2), np.float32)
        for axis, name in enumerate((self.wire, self.time)):
            position[:, axis] = hits[name].to_numpy()
        if self.detector.tpc_offsets is not None:
            offsets = np.array([*self.detector.tpc_offsets, (0.0, 0.0)], np.float32)
            tpc = self.tpcs_of(hits)
            position += offsets[np.where(self._is_tpc(tpc), tpc, -1)]
        return position


def check_plane_column(events: "TableListing", plane: str) -> None:
    """Raise an InputError unless the column of the plane holds numbers or names."""
    dtype = events.columns("hit_table")[plane]
    if not (dtype.is_numeric() or dtype in (pl.Categorical, pl.String)):
        raise InputError(f"hit_table of {events.name}: column {plane!r} holds {dtype}, not planes")
