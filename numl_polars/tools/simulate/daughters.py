"""The next generation: what the particles of one generation make on their way and at their end."""

import numpy as np

from numl_polars.tools.simulate.detector import Detector
from numl_polars.tools.simulate.generation import Births, Generation, cone, isotropic, split, unit
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
from numl_polars.tools.simulate.transport import Paths, is_stepped

ELECTRON_GEV = MASS_GEV[ELECTRON]
MUON_DECAYS_ON_ARGON = 0.4
DELTA_GEV_CM = 9.7e-5
"""Delta rays of more than T: DELTA_GEV_CM / T a cm in liquid argon, over the square of the speed."""
MAX_DELTA_GEV = 0.15
DELTA_SPREAD = 0.4
PAIRS_PER_CM, PAIR_MOTHER_GEV, PAIR_GEV = 4e-4, 0.3, 0.01
SOFT_BREM_GEV = 0.003
"""A cascade electron makes one photon for each factor e by which it is above this energy, or so."""
BREM_RATE = 0.45
SHELL_GEV = 5e-5
"""Energy of the electron that a photon sets free at the end of its Compton scatterings."""
COMPTON_MEAN = 0.4
FREED_SHARE = 0.2
"""Share of photoelectrons that get far enough to be particles of their own."""
ELASTIC_MEAN, ELASTIC_GEV = 0.4, 0.0002


def daughters(
    generation: Generation, paths: Paths, first_row: int, detector: Detector, rng: np.random.Generator
) -> Generation:
    """All particles made by those of `generation`, whose first is row `first_row` of its block."""
    births = Births()
    ends = paths.ends(generation, first_row)
    kept = ~paths.escaped
    delta_rays(births, generation, paths, ends, detector.delta_gev, rng)
    muon_pairs(births, generation, paths, ends, rng)
    elastic_recoils(births, generation, paths, ends, rng)
    electron_products(births, generation, paths, ends, rng)
    photon_products(births, generation, paths, ends, rng)

    captured = ends.start == CODE["muMinusCaptureAtRest"]
    decays = captured & (rng.random(ends.size) < MUON_DECAYS_ON_ARGON)
    dies = decays | np.isin(ends.start, (CODE["Decay"], CODE["muPlusCaptureAtRest"]))
    decay(births, ends.take(kept & dies), rng)
    for process in REACTIONS:
        struck = kept & ~dies & (ends.start == CODE[process])
        if process == "photonNuclear":
            struck &= ends.pdg == PHOTON
        if struck.any():
            react(births, ends.take(struck), process, rng)
    return births.generation()


def on_the_way(
    generation: Generation, paths: Paths, ends: Generation, rows: Ints, rng: np.random.Generator
) -> Generation:
    """Origins of what `rows`, int64 (k,), repeats allowed, make at random points of their paths."""
    at = ends.take(rows)
    return Generation(at.event, at.mother, at.pdg, at.start, at.momentum, paths.points(generation, rows, rng))


def delta_rays(
    births: Births,
    generation: Generation,
    paths: Paths,
    ends: Generation,
    cut_gev: float,
    rng: np.random.Generator,
) -> None:
    """Add the electrons above `cut_gev` that ionising particles knock out of atoms."""
    code = np.abs(generation.pdg)
    mass, momentum = np.maximum(generation.mass, ELECTRON_GEV), generation.magnitude
    speed_squared = momentum**2 / (momentum**2 + mass**2)
    kinetic = kinetic_of(momentum, mass)
    highest = np.where(
        code == ELECTRON, kinetic / 2, np.minimum(2 * ELECTRON_GEV * (momentum / mass) ** 2, MAX_DELTA_GEV)
    )
    able = is_stepped(generation.pdg) & (code < FIRST_NUCLEUS) & (highest > cut_gev)
    if not able.any():
        return
    per_cm = DELTA_GEV_CM / np.maximum(speed_squared, 0.05) * (1 / cut_gev - 1 / np.maximum(highest, cut_gev))
    number = rng.poisson(np.where(able, per_cm * paths.length, 0.0))
    rows = np.repeat(np.arange(generation.size), number)
    energy = cut_gev / (1 - rng.random(rows.size) * (1 - cut_gev / highest[rows]))
    direction = cone(generation.momentum[rows], DELTA_SPREAD, rng)
    ionisation = np.where(
        code == ELECTRON, CODE["eIoni"], np.where(code == MUON, CODE["muIoni"], CODE["hIoni"])
    )
    births.add(
        on_the_way(generation, paths, ends, rows, rng),
        ELECTRON,
        momentum_of(energy, ELECTRON_GEV)[:, None] * direction,
        start=ionisation[rows],
    )


def muon_pairs(
    births: Births, generation: Generation, paths: Paths, ends: Generation, rng: np.random.Generator
) -> None:
    """Add electron pairs made by fast muons."""
    able = (np.abs(generation.pdg) == MUON) & (generation.magnitude > PAIR_MOTHER_GEV)
    rows = np.repeat(
        np.arange(generation.size), rng.poisson(np.where(able, PAIRS_PER_CM * paths.length, 0.0))
    )
    _pair(
        births, on_the_way(generation, paths, ends, rows, rng), generation.momentum[rows], "muPairProd", rng
    )


def elastic_recoils(
    births: Births, generation: Generation, paths: Paths, ends: Generation, rng: np.random.Generator
) -> None:
    """Add the argon nuclei that neutrons push on their way."""
    able = (generation.pdg == NEUTRON) & ~paths.escaped
    rows = np.repeat(np.arange(generation.size), rng.poisson(np.where(able, ELASTIC_MEAN, 0.0)))
    energy = ELASTIC_GEV * rng.standard_exponential(rows.size)
    recoil = momentum_of(energy, masses(np.array([ARGON_40])))
    momentum = recoil[:, None] * isotropic(rows.size, rng)
    births.add(on_the_way(generation, paths, ends, rows, rng), ARGON_40, momentum, start=CODE["hadElastic"])


def electron_products(
    births: Births, generation: Generation, paths: Paths, ends: Generation, rng: np.random.Generator
) -> None:
    """Add the photons that electrons radiate and, at the end of positrons, those of annihilation."""
    able = (np.abs(generation.pdg) == ELECTRON) & ~paths.escaped
    kinetic = kinetic_of(generation.magnitude, generation.mass)
    lost = np.bincount(paths.particle, paths.energy, generation.size)
    radiated = np.where(able, np.maximum(kinetic - lost, 0.02 * kinetic), 0.0)
    number = rng.poisson(np.where(able, BREM_RATE * np.log1p(kinetic / SOFT_BREM_GEV), 0.0))
    number = np.where(radiated > SOFT_BREM_GEV, np.maximum(number, 1), number)
    rows = np.repeat(np.arange(generation.size), number)
    energy = split(radiated, rows, rng)
    momentum = energy[:, None] * cone(generation.momentum[rows], 0.1, rng)
    births.add(on_the_way(generation, paths, ends, rows, rng), PHOTON, momentum, start=CODE["eBrem"])

    replaced = np.flatnonzero(able & (ends.start == CODE["eBrem"]))
    births.add(ends.take(replaced), ELECTRON, 0.3 * generation.momentum[replaced])

    annihilated = ends.take(np.flatnonzero(able & (ends.start == CODE["annihil"]) & (ends.pdg < 0)))
    direction = isotropic(annihilated.size, rng)
    births.add(annihilated, PHOTON, ELECTRON_GEV * direction)
    births.add(annihilated, PHOTON, -ELECTRON_GEV * direction)


def photon_products(
    births: Births, generation: Generation, paths: Paths, ends: Generation, rng: np.random.Generator
) -> None:
    """Add the electrons that photons make, by pairs, by Compton scattering and by the photoelectric effect."""
    able = (generation.pdg == PHOTON) & ~paths.escaped
    converted = np.flatnonzero(able & (ends.start == CODE["conv"]))
    _pair(births, ends.take(converted), generation.momentum[converted], "conv", rng)

    absorbed = np.flatnonzero(able & (ends.start == CODE["phot"]))
    energy = generation.magnitude
    shell = np.minimum(SHELL_GEV * (0.3 + rng.standard_exponential(absorbed.size)), energy[absorbed])
    freed = np.flatnonzero(rng.random(absorbed.size) < FREED_SHARE)
    births.add(
        ends.take(absorbed[freed]),
        ELECTRON,
        momentum_of(shell[freed], ELECTRON_GEV)[:, None] * isotropic(freed.size, rng),
    )
    scattered = np.zeros(generation.size)
    scattered[absorbed] = energy[absorbed] - shell
    number = np.where(scattered > SHELL_GEV, 1 + rng.poisson(COMPTON_MEAN, generation.size), 0)
    rows = np.repeat(np.arange(generation.size), number)
    _compton(births, on_the_way(generation, paths, ends, rows, rng), split(scattered, rows, rng), rng)

    dropped = np.flatnonzero(able & (ends.start == CODE["compt"]))
    _compton(births, ends.take(dropped), 0.6 * energy[dropped], rng)
    births.add(ends.take(dropped), PHOTON, 0.4 * energy[dropped, None] * isotropic(dropped.size, rng))


def _compton(births: Births, origin: Generation, energy: Floats, rng: np.random.Generator) -> None:
    """Add Compton electrons of the given kinetic energy, GeV."""
    direction = cone(origin.momentum, DELTA_SPREAD, rng)
    momentum = momentum_of(energy, ELECTRON_GEV)[:, None] * direction
    births.add(origin, ELECTRON, momentum, start=CODE["compt"])


def _pair(
    births: Births, origin: Generation, momentum: Floats, process: str, rng: np.random.Generator
) -> None:
    """Add an electron and a positron along `momentum`, float64 (n, 3), GeV/c, which a photon gives them."""
    size = origin.size
    if process == "muPairProd":
        total = PAIR_GEV * rng.standard_exponential(size)
    else:
        total = np.maximum(np.sqrt(np.einsum("ij,ij->i", momentum, momentum)) - 2 * ELECTRON_GEV, 1e-5)
    share = 0.05 + 0.9 * rng.random(size)
    direction = unit(momentum)
    for pdg, energy in ((ELECTRON, share * total), (-ELECTRON, (1 - share) * total)):
        births.add(
            origin,
            pdg,
            momentum_of(energy, ELECTRON_GEV)[:, None] * cone(direction, 0.02, rng),
            start=CODE[process],
        )
