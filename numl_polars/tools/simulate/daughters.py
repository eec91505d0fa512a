"""The next generation: what the particles of one generation make on their way and at their end."""

import numpy as np

from numl_polars.tools.simulate.detector import Detector
from numl_polars.tools.simulate.generation import Births, Generation, cone, isotropic, split
from numl_polars.tools.simulate.reactions import REACTIONS, decay, react
from numl_polars.tools.simulate.species import (
    ARGON_40,
    CODE,
    ELECTRON,
    FIRST_NUCLEUS,
    MASS_GEV,
    MUON,
    NEUTRON,
    PHOTON,
    Floats,
    Ints,
    kinetic_of,
    masses,
    momentum_of,
)
from numl_polars.tools.simulate.transport import Flights, is_stepped

ELECTRON_GEV = MASS_GEV[ELECTRON]
MUON_DECAYS_ON_ARGON = 0.4
DELTA_GEV_CM = 9.7e-5
"""Delta rays of more than T: DELTA_GEV_CM / T a cm in liquid argon, over the square of the speed."""
MAX_DELTA_GEV = 0.15
DELTA_SPREAD = 0.4
LEAST_SPEED_SQUARED = 0.05
PAIRS_PER_CM, PAIR_MOTHER_GEV, PAIR_GEV, PAIR_SPREAD = 4e-4, 0.3, 0.01, 0.02
BREM_RATE, SOFT_BREM_GEV, BREM_SPREAD = 0.45, 0.003, 0.1
"""A cascade electron makes so many photons for each factor e by which it is above the soft energy."""
LEAST_RADIATED = 0.02
LEFT_AFTER_BREM = 0.3
COMPTON_MEAN, SHELL_GEV = 0.4, 5e-5
"""Scatterings of a photon beyond the first; energy at which it is then absorbed, about."""
FREED_SHARE = 0.2
"""Share of photoelectrons that get far enough to be particles of their own."""
SCATTERED_SHARE = 0.6
"""What a photon gives to the electron when it scatters once and goes on as a new particle."""
ELASTIC_MEAN, ELASTIC_GEV = 0.4, 0.0002


def daughters(flights: Flights, detector: Detector, rng: np.random.Generator) -> Generation:
    """All particles made by those of one generation."""
    births = Births()
    _delta_rays(births, flights, detector.delta_gev, rng)
    _muon_pairs(births, flights, rng)
    _elastic_recoils(births, flights, rng)
    _electron_products(births, flights, rng)
    _photon_products(births, flights, rng)

    end = flights.end
    captured = end.start == CODE["muMinusCaptureAtRest"]
    dies = captured & (rng.random(end.size) < MUON_DECAYS_ON_ARGON)
    dies |= np.isin(end.start, (CODE["Decay"], CODE["muPlusCaptureAtRest"]))
    decay(births, end.take(dies & ~flights.escaped), rng)
    for process in REACTIONS:
        struck = (end.start == CODE[process]) & ~dies & ~flights.escaped & (np.abs(end.pdg) != ELECTRON)
        if struck.any():
            react(births, end.take(struck), process, rng)
    return births.generation()


def _delta_rays(births: Births, flights: Flights, cut_gev: float, rng: np.random.Generator) -> None:
    """Add the electrons above `cut_gev` that ionising particles knock out of atoms."""
    birth = flights.birth
    code = np.abs(birth.pdg)
    mass, momentum = np.maximum(birth.mass, ELECTRON_GEV), birth.magnitude
    speed_squared = np.maximum(momentum**2 / (momentum**2 + mass**2), LEAST_SPEED_SQUARED)
    highest = np.minimum(2 * ELECTRON_GEV * (momentum / mass) ** 2, MAX_DELTA_GEV)
    highest = np.where(code == ELECTRON, kinetic_of(momentum, mass) / 2, highest)
    able = is_stepped(birth.pdg) & (code < FIRST_NUCLEUS) & (highest > cut_gev)
    highest = np.maximum(highest, cut_gev)
    per_cm = DELTA_GEV_CM / speed_squared * (1 / cut_gev - 1 / highest)
    rows = _repeated(np.where(able, per_cm * flights.length, 0.0), rng)
    energy = cut_gev / (1 - rng.random(rows.size) * (1 - cut_gev / highest[rows]))
    direction = cone(birth.momentum[rows], DELTA_SPREAD, rng)
    start = np.full(birth.size, CODE["hIoni"])
    start[code == MUON] = CODE["muIoni"]
    start[code == ELECTRON] = CODE["eIoni"]
    delta = momentum_of(energy, ELECTRON_GEV)[:, None] * direction
    births.add(flights.on_the_way(rows, rng), ELECTRON, delta, start=start[rows])


def _muon_pairs(births: Births, flights: Flights, rng: np.random.Generator) -> None:
    """Add electron pairs made by fast muons."""
    birth = flights.birth
    able = (np.abs(birth.pdg) == MUON) & (birth.magnitude > PAIR_MOTHER_GEV)
    rows = _repeated(np.where(able, PAIRS_PER_CM * flights.length, 0.0), rng)
    total = PAIR_GEV * rng.standard_exponential(rows.size)
    _pair(births, flights.on_the_way(rows, rng), total, "muPairProd", rng)


def _elastic_recoils(births: Births, flights: Flights, rng: np.random.Generator) -> None:
    """Add the argon nuclei that neutrons push on their way."""
    able = (flights.birth.pdg == NEUTRON) & ~flights.escaped
    rows = _repeated(np.where(able, ELASTIC_MEAN, 0.0), rng)
    energy = ELASTIC_GEV * rng.standard_exponential(rows.size)
    momentum = momentum_of(energy, masses(np.array([ARGON_40])))
    recoil = momentum[:, None] * isotropic(rows.size, rng)
    births.add(flights.on_the_way(rows, rng), ARGON_40, recoil, start=CODE["hadElastic"])


def _electron_products(births: Births, flights: Flights, rng: np.random.Generator) -> None:
    """Add the photons that electrons radiate and, at the end of positrons, those of annihilation."""
    birth, end = flights.birth, flights.end
    able = (np.abs(birth.pdg) == ELECTRON) & ~flights.escaped
    kinetic = kinetic_of(birth.magnitude, birth.mass)
    lost = np.bincount(flights.particle, flights.energy, birth.size)
    radiated = np.where(able, np.maximum(kinetic - lost, LEAST_RADIATED * kinetic), 0.0)
    number = rng.poisson(np.where(able, BREM_RATE * np.log1p(kinetic / SOFT_BREM_GEV), 0.0))
    number = np.where(radiated > SOFT_BREM_GEV, np.maximum(number, 1), number)
    rows = np.repeat(np.arange(birth.size), number)
    photon = split(radiated, rows, rng)[:, None] * cone(birth.momentum[rows], BREM_SPREAD, rng)
    births.add(flights.on_the_way(rows, rng), PHOTON, photon, start=CODE["eBrem"])

    replaced = able & (end.start == CODE["eBrem"])
    births.add(end.take(replaced), ELECTRON, LEFT_AFTER_BREM * birth.momentum[replaced])

    annihilated = end.take(able & (end.start == CODE["annihil"]) & (end.pdg < 0))
    direction = isotropic(annihilated.size, rng)
    births.add(annihilated, PHOTON, ELECTRON_GEV * direction)
    births.add(annihilated, PHOTON, -ELECTRON_GEV * direction)


def _photon_products(births: Births, flights: Flights, rng: np.random.Generator) -> None:
    """Add the electrons that photons make: in pairs, by Compton scattering, by the photoelectric effect."""
    end = flights.end
    able = (end.pdg == PHOTON) & ~flights.escaped
    energy = flights.birth.magnitude
    converted = np.flatnonzero(able & (end.start == CODE["conv"]))
    total = np.maximum(energy[converted] - 2 * ELECTRON_GEV, SHELL_GEV)
    _pair(births, end.take(converted), total, "conv", rng)

    absorbed = np.flatnonzero(able & (end.start == CODE["phot"]))
    shell = np.minimum(SHELL_GEV * (0.3 + rng.standard_exponential(absorbed.size)), energy[absorbed])
    freed = np.flatnonzero(rng.random(absorbed.size) < FREED_SHARE)
    electron = momentum_of(shell[freed], ELECTRON_GEV)[:, None] * isotropic(freed.size, rng)
    births.add(end.take(absorbed[freed]), ELECTRON, electron)

    scattered = np.zeros(end.size)
    scattered[absorbed] = energy[absorbed] - shell
    number = np.where(scattered > SHELL_GEV, 1 + rng.poisson(COMPTON_MEAN, end.size), 0)
    rows = np.repeat(np.arange(end.size), number)
    _compton(births, flights.on_the_way(rows, rng), split(scattered, rows, rng), rng)

    dropped = np.flatnonzero(able & (end.start == CODE["compt"]))
    _compton(births, end.take(dropped), SCATTERED_SHARE * energy[dropped], rng)
    left = (1 - SCATTERED_SHARE) * energy[dropped]
    births.add(end.take(dropped), PHOTON, left[:, None] * isotropic(dropped.size, rng))


def _repeated(mean: Floats, rng: np.random.Generator) -> Ints:
    """Each row as often as a draw of that mean, float64 (n,), says."""
    return np.repeat(np.arange(mean.size), rng.poisson(mean))


def _compton(births: Births, origin: Generation, energy: Floats, rng: np.random.Generator) -> None:
    """Add Compton electrons of the given kinetic energy, GeV."""
    direction = cone(origin.momentum, DELTA_SPREAD, rng)
    momentum = momentum_of(energy, ELECTRON_GEV)[:, None] * direction
    births.add(origin, ELECTRON, momentum, start=CODE["compt"])


def _pair(births: Births, origin: Generation, total: Floats, process: str, rng: np.random.Generator) -> None:
    """Add an electron and a positron of kinetic energy `total` together, GeV, along each origin."""
    share = 0.05 + 0.9 * rng.random(origin.size)
    for pdg, energy in ((ELECTRON, share * total), (-ELECTRON, (1 - share) * total)):
        momentum = momentum_of(energy, ELECTRON_GEV)[:, None] * cone(origin.momentum, PAIR_SPREAD, rng)
        births.add(origin, pdg, momentum, start=CODE[process])
