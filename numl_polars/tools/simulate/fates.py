"""How far each particle would go in endless liquid argon, and by which process it ends."""

import numpy as np

from numl_polars.tools.simulate.generation import Generation
from numl_polars.tools.simulate.species import (
    CODE,
    DECAY_LENGTH_CM,
    ELECTRON,
    FIRST_NUCLEUS,
    KAON_LONG,
    KAON_PLUS,
    MASS_GEV,
    MUON,
    NEUTRON,
    NU_E,
    NU_MU,
    NU_TAU,
    PHOTON,
    PI_PLUS,
    PROTON,
    Floats,
    Ints,
    kinetic_of,
)

DEDX_GEV_CM = 0.0021
"""Mean loss of a minimally ionising particle in liquid argon."""
BRAGG_CM, BRAGG_POWER = 0.00216, 1.77
"""Range of a proton of T MeV in liquid argon: BRAGG_CM * T ** BRAGG_POWER (Bragg and Kleeman's rule)."""
RADIATION_LENGTH_CM, CRITICAL_GEV = 14.0, 0.032
INTERACTION_CM = 85.0
"""Mean path of a fast hadron to an inelastic collision."""
FAST_NEUTRON_GEV, FAST_NEUTRON_CM, SLOW_NEUTRON_CM = 0.008, 60.0, 45.0
NUCLEUS_CM = 0.01
PHOTON_CM, ABSORBED_GEV = 18.0, 4e-4
"""Mean path of a hard photon; energy at which it is half as long, for photons are absorbed soon."""
PAIR_GEV, HALF_PAIR_GEV = 0.00102, 0.012
"""Least energy of a photon that makes a pair; energy at which about half of them do."""

ELECTRON_ENDS = {
    "FastScintillation": 0.916,
    "eIoni": 0.02,
    "StepLimiter": 0.015,
    "eBrem": 0.02,
    "annihil": 0.005,
    "phot": 0.008,
    "photonNuclear": 0.01,
    "conv": 0.003,
    "compt": 0.003,
}
"""How electrons end; what is rare in nature is frequent enough to be seen in some hundred events."""
POSITRON_ENDS = {"annihil": 0.95, "FastScintillation": 0.03, "StepLimiter": 0.02}
UNTRACKED_PAIR = 0.3
"""Share of the electrons of a muon's pair whose last process is scattering."""
PHOTONUCLEAR, PHOTONUCLEAR_GEV, SCATTERED_AWAY = 0.03, 0.01, 0.012
"""Share of photons taken up by nuclei, and their least energy; share whose track ends as they scatter."""
DECAY_IN_FLIGHT, ANTIMUON_CAPTURE = 0.06, 0.1

INELASTIC = {
    PI_PLUS: "pi+Inelastic",
    -PI_PLUS: "pi-Inelastic",
    KAON_PLUS: "kaon+Inelastic",
    -KAON_PLUS: "kaon-Inelastic",
    PROTON: "protonInelastic",
    KAON_LONG: "kaon0LInelastic",
}
AT_REST = {
    -PI_PLUS: "hBertiniCaptureAtRest",
    -KAON_PLUS: "hBertiniCaptureAtRest",
    PROTON: "FastScintillation",
}
"""How hadrons end that are stopped; those not named here decay."""


def range_cm(kinetic: Floats, mass: Floats) -> Floats:
    """Range in cm of charged particles heavier than the electron, of kinetic energy and mass in GeV."""
    scale = mass / MASS_GEV[PROTON]
    bragg = scale * BRAGG_CM * (1e3 * kinetic / scale) ** BRAGG_POWER
    result: Floats = np.minimum(kinetic / DEDX_GEV_CM, bragg)
    return result


def kinetic_left(residual: Floats, mass: Floats) -> Floats:
    """Kinetic energy in GeV of particles that still go `residual` cm; the inverse of `range_cm`."""
    scale = mass / MASS_GEV[PROTON]
    bragg = 1e-3 * scale * (np.maximum(residual, 0.0) / (scale * BRAGG_CM)) ** (1 / BRAGG_POWER)
    result: Floats = np.maximum(np.maximum(residual, 0.0) * DEDX_GEV_CM, bragg)
    return result


def choose_fates(generation: Generation, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Length in cm that each particle would go in endless argon, and the code of its end process."""
    length = np.full(generation.size, NUCLEUS_CM)
    end = np.full(generation.size, CODE["FastScintillation"])
    code = np.abs(generation.pdg)
    kinetic = kinetic_of(generation.magnitude, generation.mass)

    rows = np.flatnonzero(np.isin(code, (NU_E, NU_MU, NU_TAU)))
    length[rows] = np.inf

    rows = np.flatnonzero(code == PHOTON)
    length[rows], end[rows] = _photon_fates(kinetic[rows], rng)

    rows = np.flatnonzero(code == ELECTRON)
    length[rows] = RADIATION_LENGTH_CM * np.log1p(kinetic[rows] / CRITICAL_GEV)
    end[rows] = _electron_ends(generation.pdg[rows], generation.start[rows], rng)

    rows = np.flatnonzero(code == NEUTRON)
    fast = kinetic[rows] > FAST_NEUTRON_GEV
    length[rows] = rng.standard_exponential(rows.size) * np.where(fast, FAST_NEUTRON_CM, SLOW_NEUTRON_CM)
    end[rows] = np.where(fast, CODE["neutronInelastic"], CODE["nCapture"])

    rows = np.flatnonzero(code == MUON)
    length[rows] = range_cm(kinetic[rows], generation.mass[rows])
    negative = generation.pdg[rows] > 0
    drawn = rng.random(rows.size)
    captured = np.where(negative, drawn > DECAY_IN_FLIGHT, drawn < ANTIMUON_CAPTURE)
    capture = np.where(negative, CODE["muMinusCaptureAtRest"], CODE["muPlusCaptureAtRest"])
    end[rows] = np.where(captured, capture, CODE["Decay"])

    rows = np.flatnonzero(np.isin(code, (PI_PLUS, KAON_PLUS, PROTON, KAON_LONG)))
    length[rows], end[rows] = _hadron_fates(generation, rows, kinetic[rows], rng)

    known = (NU_E, NU_MU, NU_TAU, PHOTON, ELECTRON, NEUTRON, MUON, PI_PLUS, KAON_PLUS, PROTON, KAON_LONG)
    rows = np.flatnonzero(~np.isin(code, known) & (code < FIRST_NUCLEUS))
    length[rows] = _flight_cm(generation, rows, rng)
    end[rows] = CODE["Decay"]
    return length, end


def _photon_fates(energy: Floats, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Lengths and ends of photons of the given energy, GeV."""
    length = PHOTON_CM * rng.standard_exponential(energy.size) * energy / (energy + ABSORBED_GEV)
    converts = rng.random(energy.size) < (energy - PAIR_GEV) / (energy + HALF_PAIR_GEV)
    end = np.where(converts, CODE["conv"], CODE["phot"])
    rare = rng.random(energy.size)
    end[(rare < PHOTONUCLEAR) & (energy > PHOTONUCLEAR_GEV)] = CODE["photonNuclear"]
    end[rare > 1 - SCATTERED_AWAY] = CODE["compt"]
    return length, end


def _electron_ends(pdg: Ints, start: Ints, rng: np.random.Generator) -> Ints:
    """Ends of electrons and positrons."""
    ends = {
        sign: rng.choice([CODE[name] for name in table], pdg.size, p=list(table.values()))
        for sign, table in ((1, ELECTRON_ENDS), (-1, POSITRON_ENDS))
    }
    end: Ints = np.where(pdg > 0, ends[1], ends[-1])
    untracked = (start == CODE["muPairProd"]) & (rng.random(pdg.size) < UNTRACKED_PAIR)
    end[untracked] = CODE["msc"]
    return end


def _hadron_fates(
    generation: Generation, rows: Ints, kinetic: Floats, rng: np.random.Generator
) -> tuple[Floats, Ints]:
    """Lengths and ends of hadrons that live long enough to collide."""
    pdg, mass = generation.pdg[rows], generation.mass[rows]
    length = range_cm(kinetic, mass)
    end = np.full(rows.size, CODE["Decay"])
    for code, name in AT_REST.items():
        end[pdg == code] = CODE[name]
    neutral = pdg == KAON_LONG
    length[neutral] = _flight_cm(generation, rows[neutral], rng)
    collision = INTERACTION_CM * rng.standard_exponential(rows.size)
    collides = collision < length
    for code, name in INELASTIC.items():
        end[collides & (pdg == code)] = CODE[name]
    return np.minimum(length, collision), end


def _flight_cm(generation: Generation, rows: Ints, rng: np.random.Generator) -> Floats:
    """Length that each of `rows` flies before it decays, cm."""
    code = np.abs(generation.pdg[rows])
    mean = np.select([code == known for known in DECAY_LENGTH_CM], list(DECAY_LENGTH_CM.values()), 1e-6)
    gamma_beta = generation.magnitude[rows] / np.maximum(generation.mass[rows], 1e-3)
    result: Floats = rng.standard_exponential(rows.size) * mean * gamma_beta
    return result
