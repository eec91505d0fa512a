"""The path of each particle through the detector, and the steps in which it loses energy on the way."""

from dataclasses import dataclass, replace

import numpy as np

from numl_polars.tools.simulate.detector import Detector
from numl_polars.tools.simulate.fates import (
    DEDX_GEV_CM,
    RADIATION_LENGTH_CM,
    choose_fates,
    kinetic_left,
    range_cm,
)
from numl_polars.tools.simulate.generation import Generation, unit
from numl_polars.tools.simulate.species import (
    CODE,
    ELECTRON,
    FIRST_NUCLEUS,
    KAON_PLUS,
    MUON,
    PI_PLUS,
    PROTON,
    SIGMA_PLUS,
    Bools,
    Floats,
    Ints,
    kinetic_of,
    momentum_of,
)

HIGHLAND_GEV = 0.0136
"""Highland's constant of multiple scattering."""
MAX_KICK = 0.5
LANDAU_WIDTH = 0.3
STEPPED = (ELECTRON, MUON, PI_PLUS, KAON_PLUS, PROTON, SIGMA_PLUS)


@dataclass(frozen=True)
class Flights:
    """Where the n particles of a generation went.

    Attributes
    ----------
    birth
        The particles as they begin.
    end
        The particles as they end: `start` is the end process, and each is its own `mother`, so that what
        comes of it can be born of it.
    length
        float64 (n,), cm.
    escaped
        bool (n,), left the volume that the simulation covers.
    first, count
        int64 (n,), the steps of particle i are ``[first[i], first[i] + count[i])``; neutral ones have none.
    particle, position, energy
        int64 (m,), float64 (m, 3), float64 (m,): row in the generation, cm, GeV of each step.
    """

    birth: Generation
    end: Generation
    length: Floats
    escaped: Bools
    first: Ints
    count: Ints
    particle: Ints
    position: Floats
    energy: Floats

    def on_the_way(self, rows: Ints, rng: np.random.Generator) -> Generation:
        """Particles `rows`, int64 (k,), repeats allowed, each at a random point of its path.

        They are as in `end` but for the place, and so can be given to `Births.add` as origins.
        """
        drawn = rng.random(rows.size)
        at = self.end.take(rows)
        start = self.birth.position[rows]
        position = start + (at.position - start) * drawn[:, None]
        stepped = self.count[rows] > 0
        step = self.first[rows] + (drawn * self.count[rows]).astype(np.int64)
        position[stepped] = self.position[step[stepped]]
        return replace(at, position=position)


def is_stepped(pdg: Ints) -> Bools:
    """Whether each code is that of a particle that ionises on its way, bool (n,)."""
    code = np.abs(pdg)
    return np.isin(code, STEPPED) | (code >= FIRST_NUCLEUS)


def follow(generation: Generation, first_row: int, detector: Detector, rng: np.random.Generator) -> Flights:
    """Flights of all particles of a generation, whose first has row `first_row` among all of the block."""
    length, end = choose_fates(generation, rng)
    direction = unit(generation.momentum)
    way_out = detector.way_out(generation.position, direction)
    escaped = length > way_out
    length = np.minimum(length, way_out)
    # An electron keeps its end process: no label rule covers one that is carried out of the volume.
    end[escaped & (np.abs(generation.pdg) != ELECTRON)] = CODE["CoupledTransportation"]

    stepped = is_stepped(generation.pdg)
    count = np.where(stepped, np.ceil(length / detector.step_cm).astype(np.int64), 0)
    count[stepped] = np.maximum(count[stepped], 1)
    first = np.cumsum(count) - count
    particle = np.repeat(np.arange(generation.size), count)
    position, last = _scatter(generation, direction, length, first, count, particle, rng)
    end_position = generation.position + direction * length[:, None]
    end_position[stepped] = last
    at_end = replace(
        generation,
        mother=first_row + np.arange(generation.size),
        start=end,
        momentum=_slowed(generation, direction, length),
        position=end_position,
    )
    energy = _losses(generation, length, first, count, particle, rng)
    return Flights(generation, at_end, length, escaped, first, count, particle, position, energy)


def _scatter(
    generation: Generation,
    direction: Floats,
    length: Floats,
    first: Ints,
    count: Ints,
    particle: Ints,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Position of each step, at a random place within it, and the end of each path that has steps."""
    if not particle.size:
        return np.empty((0, 3)), np.empty((0, 3))
    step = length[particle] / count[particle]
    momentum = np.maximum(generation.magnitude[particle], 1e-5)
    kick = np.minimum(HIGHLAND_GEV / momentum * np.sqrt(step / RADIATION_LENGTH_CM), MAX_KICK)
    stepped = count > 0
    turned = np.cumsum(kick[:, None] * rng.standard_normal((particle.size, 3)), axis=0)
    turned -= np.repeat(turned[first[stepped]], count[stepped], axis=0)
    moved = unit(direction[particle] + turned) * step[:, None]
    gone = np.cumsum(moved, axis=0)
    gone -= np.repeat(gone[first[stepped]] - moved[first[stepped]], count[stepped], axis=0)
    stop = generation.position[particle] + gone
    return stop - moved * rng.random((particle.size, 1)), stop[(first + count - 1)[stepped]]


def _slowed(generation: Generation, direction: Floats, length: Floats) -> Floats:
    """Momentum after `length`, float64 (n, 3), GeV/c; only what ionises is slowed."""
    mass = generation.mass
    heavy = np.where(mass > 0, mass, 1.0)
    residual = range_cm(kinetic_of(generation.magnitude, mass), heavy) - length
    momentum = momentum_of(kinetic_left(residual, heavy), mass)
    slowed = is_stepped(generation.pdg)[:, None]
    result: Floats = np.where(slowed, momentum[:, None] * direction, generation.momentum)
    return result


def _losses(
    generation: Generation, length: Floats, first: Ints, count: Ints, particle: Ints, rng: np.random.Generator
) -> Floats:
    """Energy lost in each step, GeV, float64 (m,)."""
    mass = generation.mass
    kinetic = kinetic_of(generation.magnitude, mass)
    code = np.abs(generation.pdg)[particle]
    nth = np.arange(particle.size) - first[particle]
    step = length[particle] / np.maximum(count[particle], 1)
    residual = range_cm(kinetic, np.where(mass > 0, mass, 1.0))[particle] - nth * step
    heavy = np.maximum(mass[particle], 1e-3)
    energy = kinetic_left(residual, heavy) - kinetic_left(residual - step, heavy)
    light = np.minimum(DEDX_GEV_CM * length, kinetic)[particle] / np.maximum(count[particle], 1)
    energy = np.where(code == ELECTRON, light, energy)
    energy = np.where(code >= FIRST_NUCLEUS, kinetic[particle], energy)
    result: Floats = energy * np.exp(LANDAU_WIDTH * rng.standard_normal(particle.size))
    return result
