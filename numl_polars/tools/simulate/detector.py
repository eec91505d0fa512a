"""The two detectors: where their liquid argon is, and what their wire planes measure of a point in it."""

from dataclasses import dataclass

import numpy as np

from numl_polars.tools.simulate.species import Bools, Floats, Ints

NUM_VIEWS = 3
"""Views u, v, y, numbered 0, 1, 2."""
MARGIN_CM = 60.0
"""What lies around the liquid argon that is read out and is simulated too."""


@dataclass(frozen=True)
class Detector:
    """A box of liquid argon with three wire planes for each of its drift volumes (TPCs).

    Attributes
    ----------
    name
        The generation of event files that is written for it.
    lower, upper
        Corners of the box, (x, y, z), cm; x is the drift direction, the wire planes stand at x = 0.
    tpcs
        Number of drift volumes along x, y and z.
    angles
        Of the wires of each view to the vertical, degrees.
    pitches
        Distance of neighbouring wires of each view, cm.
    tick_cm, trigger_tick
        Drift in one tick of the clock; tick at which charge from x = 0 arrives.
    step_cm
        Length of the steps in which energy is deposited.
    delta_gev
        Kinetic energy above which a delta ray becomes a particle of its own.
    sums_deposits
        Whether a particle has one deposit a hit, or one for each of its steps there.
    has_views
        Whether hits carry view and plane; planes u and v then change places in every other TPC.
    has_vertex
        Whether the neutrino vertex is kept.
    energy_scale
        Median neutrino energy, GeV.
    """

    name: str
    lower: tuple[float, float, float]
    upper: tuple[float, float, float]
    tpcs: tuple[int, int, int]
    angles: tuple[float, float, float]
    pitches: tuple[float, float, float]
    tick_cm: float
    trigger_tick: float
    step_cm: float
    delta_gev: float
    sums_deposits: bool
    has_views: bool
    has_vertex: bool
    energy_scale: float

    def contains(self, position: Floats) -> Bools:
        """Whether each point, float64 (n, 3), cm, is in the liquid argon that is read out."""
        within = np.logical_and(position > self.lower, position < self.upper)
        result: Bools = np.logical_and.reduce(within, axis=1)
        return result

    def way_out(self, position: Floats, direction: Floats) -> Floats:
        """Distance in cm from each point along its direction to the end of what is simulated; 0 outside."""
        bound = np.where(direction > 0, np.add(self.upper, MARGIN_CM), np.subtract(self.lower, MARGIN_CM))
        steepness = np.where(np.abs(direction) < 1e-12, 1e-12, np.abs(direction))
        distance: Floats = (np.sign(direction) * (bound - position) / steepness).min(axis=1)
        return np.maximum(distance, 0.0)

    def tpc_of(self, position: Floats) -> Ints:
        """Number of the drift volume of each point in the box, int64 (n,)."""
        size = np.subtract(self.upper, self.lower) / self.tpcs
        cell = np.floor((position - self.lower) / size).astype(np.int64)
        cell = np.clip(cell, 0, np.subtract(self.tpcs, 1))
        result: Ints = (cell[:, 2] * self.tpcs[1] + cell[:, 1]) * self.tpcs[0] + cell[:, 0]
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
        first = np.stack([self.first_wire(number) for number in range(NUM_VIEWS)])
        result: Floats = first[view, tpc] + (wire + 0.5) * np.take(self.pitches, view)
        return result

    def tick_of(self, drift: Floats) -> Floats:
        """Tick at which the charge from each x arrives, float64 (n,)."""
        return self.trigger_tick + np.abs(drift) / self.tick_cm

    def is_dead(self, view: Ints, tpc: Ints, wire: Ints) -> Bools:
        """Whether each wire gives no signal: some groups of neighbours, the same in every event."""
        group = (wire // DEAD_GROUP * 7919 + tpc * 10_007 + view * 1_299_709) % 1009
        result: Bools = group < DEAD_SHARE * 1009
        return result


DEAD_GROUP, DEAD_SHARE = 16, 0.04

UBOONE = Detector(
    name="uboone",
    lower=(0.0, -116.5, 0.0),
    upper=(256.35, 116.5, 1036.8),
    tpcs=(1, 1, 1),
    angles=(60.0, -60.0, 0.0),
    pitches=(0.3, 0.3, 0.3),
    tick_cm=0.05491,
    trigger_tick=800.0,
    step_cm=0.25,
    delta_gev=9e-4,
    sums_deposits=True,
    has_views=False,
    has_vertex=True,
    energy_scale=0.72,
)
DUNE = Detector(
    name="dune",
    lower=(-360.0, -600.0, 0.0),
    upper=(360.0, 600.0, 1394.0),
    tpcs=(2, 2, 6),
    angles=(35.7, -35.7, 0.0),
    pitches=(0.4669, 0.4669, 0.479),
    tick_cm=0.08,
    trigger_tick=0.0,
    step_cm=0.55,
    delta_gev=1.05e-4,
    sums_deposits=False,
    has_views=True,
    has_vertex=False,
    energy_scale=0.84,
)
DETECTORS = {detector.name: detector for detector in (UBOONE, DUNE)}
