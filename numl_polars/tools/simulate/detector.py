"""Where the liquid argon of a detector is, and what its wire planes measure of a point in it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from numl_polars.tools.simulate.contents import Contents
from numl_polars.tools.simulate.species import Bools, Floats, Ints

MARGIN_CM = 60.0
"""What lies around the liquid argon that is read out and is simulated too."""


@dataclass(frozen=True)
class Drift:
    """A slice of liquid argon in which charge drifts along x: its lower and upper end and its wires, cm."""

    lower: float
    upper: float
    wires: float


@dataclass(frozen=True)
class Photomultipliers:
    """Those that look into each drift volume, from behind its wires.

    Attributes
    ----------
    places
        y and z of each, cm.
    beam_us
        Start and length of the time in which the beam comes, us after the trigger.
    """

    places: tuple[tuple[float, float], ...]
    beam_us: tuple[float, float]


@dataclass(frozen=True)
class Detector:
    """A box of liquid argon with wire planes for each of its drift volumes (TPCs).

    Attributes
    ----------
    name
        The generation of event files that is written for it.
    contents
        What these files hold.
    lower, upper
        Corners of the box, (x, y, z), cm; x is the drift direction.
    drifts
        Drift volumes along x, in ascending order; between them there may be none.
    rows, columns
        Number of TPCs along y and z, in each of the drift volumes.
    angles
        Of the wires of each view to the vertical, degrees.
    pitches
        Distance of neighbouring wires of each view, cm.
    tick_us, tick_cm
        Time, and drift, in one tick of the clock.
    trigger_tick
        Tick at which charge that is made at the wires arrives.
    step_cm
        Length of the steps in which energy is deposited.
    delta_gev
        Kinetic energy above which a delta ray becomes a particle of its own.
    energy_scale
        Median neutrino energy, GeV.
    swapped_views
        Two views whose planes change places in every other drift volume.
    cryostats
        Number of cryostats, each of as many successive drift volumes.
    photomultipliers
        None where light is not seen.
    """

    name: str
    contents: Contents
    lower: tuple[float, float, float]
    upper: tuple[float, float, float]
    drifts: tuple[Drift, ...]
    angles: tuple[float, ...]
    pitches: tuple[float, ...]
    tick_us: float
    tick_cm: float
    trigger_tick: float
    step_cm: float
    delta_gev: float
    energy_scale: float
    rows: int = 1
    columns: int = 1
    swapped_views: tuple[int, int] | None = None
    cryostats: int = 1
    photomultipliers: Photomultipliers | None = None

    @property
    def num_views(self) -> int:
        """Number of views, which are numbered from 0: u, v, y."""
        return len(self.angles)

    @property
    def tpcs(self) -> tuple[int, int, int]:
        """Number of TPCs along x, y and z."""
        return len(self.drifts), self.rows, self.columns

    @cached_property
    def wires_at(self) -> Floats:
        """Place along x of the wires of each drift volume, cm, float64 (drifts,)."""
        return np.array([drift.wires for drift in self.drifts])

    @cached_property
    def longest_drift(self) -> float:
        """Length of the longest drift, cm."""
        return max(drift.upper - drift.lower for drift in self.drifts)

    def contains(self, position: Floats) -> Bools:
        """Whether each point, float64 (n, 3), cm, is in the liquid argon that is read out."""
        within = np.logical_and(position > self.lower, position < self.upper)
        drift = self.drift_of(position[:, 0])
        lower = np.array([one.lower for one in self.drifts])[drift]
        upper = np.array([one.upper for one in self.drifts])[drift]
        between = (position[:, 0] >= lower) & (position[:, 0] <= upper)
        result: Bools = np.logical_and.reduce(within, axis=1) & between
        return result

    def way_out(self, position: Floats, direction: Floats) -> Floats:
        """Distance in cm from each point along its direction to the end of what is simulated; 0 outside."""
        bound = np.where(direction > 0, np.add(self.upper, MARGIN_CM), np.subtract(self.lower, MARGIN_CM))
        steepness = np.where(np.abs(direction) < 1e-12, 1e-12, np.abs(direction))
        distance: Floats = (np.sign(direction) * (bound - position) / steepness).min(axis=1)
        return np.maximum(distance, 0.0)

    def drift_of(self, x: Floats) -> Ints:
        """Number of the drift volume that is nearest to each x, int64 (n,)."""
        between = [
            (left.upper + right.lower) / 2 for left, right in zip(self.drifts, self.drifts[1:], strict=False)
        ]
        result: Ints = np.searchsorted(np.array(between), x, side="right").astype(np.int64)
        return result

    def tpc_of(self, position: Floats) -> Ints:
        """Number of the TPC of each point in the box, int64 (n,)."""
        size = np.subtract(self.upper, self.lower) / self.tpcs
        cell = np.floor((position - self.lower) / size).astype(np.int64)
        cell = np.clip(cell, 0, np.subtract(self.tpcs, 1))
        drift = self.drift_of(position[:, 0])
        result: Ints = (cell[:, 2] * self.rows + cell[:, 1]) * len(self.drifts) + drift
        return result

    def cryostat_of(self, tpc: Ints) -> Ints:
        """Number of the cryostat of each TPC, int64 (n,)."""
        result: Ints = tpc % len(self.drifts) // (len(self.drifts) // self.cryostats)
        return result

    def tpc_in_cryostat(self, tpc: Ints) -> Ints:
        """Number within its cryostat, drift volume first, of each TPC, int64 (n,)."""
        drift = tpc % len(self.drifts) % (len(self.drifts) // self.cryostats)
        result: Ints = drift * self.rows * self.columns + tpc // len(self.drifts)
        return result

    def plane_of(self, view: Ints, tpc: Ints) -> Ints:
        """Number of the wire plane that sees each view in a TPC, int64 (n,)."""
        if self.swapped_views is None:
            return view
        swapped = (tpc % len(self.drifts) % 2 == 1) & np.isin(view, self.swapped_views)
        result: Ints = np.where(swapped, sum(self.swapped_views) - view, view)
        return result

    def across(self, view: int, position: Floats) -> Floats:
        """Coordinate of each point across the wires of a view, cm, float64 (n,)."""
        angle = np.deg2rad(self.angles[view])
        result: Floats = np.cos(angle) * position[:, 2] - np.sin(angle) * position[:, 1]
        return result

    def wire_of(self, view: int, tpc: Ints, position: Floats) -> Ints:
        """Number, within its TPC, of the wire of a view that is nearest to each point, int64 (n,)."""
        gap = self.across(view, position) - self.first_wire(view)[tpc]
        result: Ints = np.floor(gap / self.pitches[view]).astype(np.int64)
        return np.maximum(result, 0)

    @property
    def num_wires(self) -> Ints:
        """Number of wires of a TPC in each view, int64 (views,)."""
        size = np.subtract(self.upper, self.lower) / self.tpcs
        angle = np.deg2rad(self.angles)
        span = np.cos(angle) * size[2] + np.abs(np.sin(angle)) * size[1]
        result: Ints = np.ceil(span / self.pitches).astype(np.int64)
        return result

    def first_wire(self, view: int) -> Floats:
        """Coordinate across the wires at which those of each TPC begin, cm, float64 (TPCs,)."""
        tpc = np.arange(np.prod(self.tpcs))
        size = np.subtract(self.upper, self.lower) / self.tpcs
        low_z = self.lower[2] + tpc // (self.tpcs[0] * self.tpcs[1]) * size[2]
        low_y = self.lower[1] + tpc // self.tpcs[0] % self.tpcs[1] * size[1]
        angle = np.deg2rad(self.angles[view])
        sides = -np.sin(angle) * np.stack((low_y, low_y + size[1]))
        result: Floats = np.cos(angle) * low_z + sides.min(axis=0)
        return result

    def projection(self, view: Ints, tpc: Ints, wire: Ints) -> Floats:
        """Coordinate of the middle of each wire across the wires of its view, cm, float64 (n,)."""
        first = np.stack([self.first_wire(number) for number in range(self.num_views)])
        result: Floats = first[view, tpc] + (wire + 0.5) * np.take(self.pitches, view)
        return result

    def stitched_wire(self, view: Ints, tpc: Ints, wire: Ints) -> Floats:
        """Number of each wire among those of its view as if they ran through all TPCs, float64 (n,)."""
        lowest = np.array([self.first_wire(number).min() for number in range(self.num_views)])
        result: Floats = (self.projection(view, tpc, wire) - lowest[view]) / np.take(self.pitches, view)
        return result

    def stitched_tick(self, x: Floats) -> Floats:
        """Tick of each x as if charge drifted from there to the lower end of the box, float64 (n,)."""
        return self.trigger_tick + (x - self.lower[0]) / self.tick_cm

    def tick_of(self, x: Floats, tpc: Ints) -> Floats:
        """Tick at which the charge from each x in a TPC arrives, float64 (n,)."""
        return self.trigger_tick + np.abs(x - self.wires_at[tpc % len(self.drifts)]) / self.tick_cm

    def kept_in(self, tpc: Ints, near: Floats, x: Floats) -> Floats:
        """Each x moved to the side of the wires on which `near` lies, no farther than charge drifts."""
        wires = self.wires_at[tpc % len(self.drifts)]
        away = np.abs(np.clip(x, self.lower[0], self.upper[0]) - wires)
        result: Floats = wires + np.where(near < wires, -1, 1) * np.minimum(away, self.longest_drift)
        return result

    def is_dead(self, view: Ints, tpc: Ints, wire: Ints) -> Bools:
        """Whether each wire gives no signal: some groups of neighbours, the same in every event."""
        group = (wire // DEAD_GROUP * 7919 + tpc * 10_007 + view * 1_299_709) % 1009
        result: Bools = group < DEAD_SHARE * 1009
        return result


DEAD_GROUP, DEAD_SHARE = 16, 0.04
