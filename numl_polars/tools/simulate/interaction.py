"""Neutrino interactions: the neutrino of each event, where it interacts, and the primaries that leave."""

from dataclasses import dataclass

import numpy as np

from numl_polars.tools.simulate.detector import Detector
from numl_polars.tools.simulate.generation import Births, Generation, cone, split, unit
from numl_polars.tools.simulate.species import (
    ALPHA,
    ARGON_39,
    CODE,
    D_PLUS,
    ETA,
    ETA_PRIME,
    FIRST_NUCLEUS,
    KAON_LONG,
    KAON_PLUS,
    KAON_SHORT,
    KAON_ZERO,
    LAMBDA,
    NEUTRON,
    NU_E,
    NU_MU,
    NU_TAU,
    OMEGA,
    PHOTON,
    PI_PLUS,
    PI_ZERO,
    PROTON,
    RHO,
    SIGMA_PLUS,
    Bools,
    Floats,
    Ints,
    is_meson,
    masses,
    momentum_of,
)

EMPTY_SHARE, FAINT_SHARE = 0.02, 0.1
"""Events that leave nothing in the detector; events of some MeV, like those of the sun or a supernova."""
FLAVOURS = {NU_MU: 0.59, NU_E: 0.35, NU_TAU: 0.06}
ANTI_SHARE, NEUTRAL_SHARE = 0.25, 0.3
ENERGY_WIDTH = 0.85
MAX_ENERGIES = 25.0
"""Largest neutrino energy, in medians."""
FAINT_GEV, FAINT_TRANSFER = 0.012, 0.2
TAU_THRESHOLD_GEV = 3.5
TRANSFER_SHAPE = (1.3, 2.0)
"""Parameters of the beta distribution of the share of the energy that goes to the nucleus."""
LEAST_LEPTON_GEV = 0.002
BEAM_SPREAD = 0.01
GENTLE_TRANSFER, GENTLE_SPREAD, HARD_SPREAD = 0.2, 0.3, 0.6
"""The lepton keeps more of the direction where less than this share of the energy is transferred."""
EDGE_CM = 3.0
"""No vertex is nearer to the end of the liquid argon."""

HADRONS = {
    PROTON: 1.3,
    NEUTRON: 0.7,
    PI_PLUS: 0.3,
    -PI_PLUS: 0.22,
    PI_ZERO: 0.35,
    PHOTON: 0.08,
    KAON_PLUS: 0.08,
    -KAON_PLUS: 0.05,
    KAON_ZERO: 0.03,
    -KAON_ZERO: 0.02,
    KAON_SHORT: 0.03,
    KAON_LONG: 0.03,
    ETA: 0.05,
    ETA_PRIME: 0.05,
    OMEGA: 0.05,
    RHO: 0.04,
    D_PLUS: 0.05,
    LAMBDA: 0.05,
    SIGMA_PLUS: 0.05,
    ARGON_39: 0.2,
    ALPHA: 0.05,
}
"""Mean number of each primary but the lepton; strange and charmed ones more than in nature, to be seen."""
HADRON_SPREAD = 0.7
RECOIL_GEV = 0.001
HALF_MULTIPLICITY_GEV = 0.15
"""Energy transfer at which half the mean number of mesons is reached."""


@dataclass(frozen=True)
class Interactions:
    """The neutrinos of a block of n events.

    Attributes
    ----------
    pdg, is_cc
        int64 (n,), bool (n,): code of the neutrino; whether the current is charged.
    energy, lepton_energy
        float64 (n,), GeV; the lepton is the outgoing neutrino where the current is neutral.
    direction, vertex
        float64 (n, 3), unit vector and cm.
    primaries
        What leaves the nucleus; none for the events that are empty.
    """

    pdg: Ints
    is_cc: Bools
    energy: Floats
    lepton_energy: Floats
    direction: Floats
    vertex: Floats
    primaries: Generation


def interact(events: int, detector: Detector, rng: np.random.Generator) -> Interactions:
    """Interactions of a block of events."""
    kind = rng.random(events)
    empty, faint = kind < EMPTY_SHARE, kind > 1 - FAINT_SHARE
    flavour = rng.choice(list(FLAVOURS), events, p=list(FLAVOURS.values()))
    pdg = np.where(rng.random(events) < ANTI_SHARE, -flavour, flavour)
    is_cc = rng.random(events) >= NEUTRAL_SHARE
    scaled = np.minimum(np.exp(ENERGY_WIDTH * rng.standard_normal(events)), MAX_ENERGIES)
    energy = detector.energy_scale * scaled
    pdg[faint] = np.sign(pdg[faint]) * NU_E
    energy[faint] = FAINT_GEV * (0.3 + rng.standard_exponential(int(faint.sum())))
    energy += np.where((np.abs(pdg) == NU_TAU) & is_cc, TAU_THRESHOLD_GEV, 0.0)

    lepton = np.where(is_cc, np.sign(pdg) * (np.abs(pdg) - 1), pdg)
    mass = masses(lepton)
    transfer = rng.beta(*TRANSFER_SHAPE, events) * np.maximum(energy - mass, 0.0)
    transfer[faint] *= FAINT_TRANSFER
    lepton_kinetic = np.maximum(energy - mass - transfer, LEAST_LEPTON_GEV)
    direction = cone(np.tile([0.0, 0.0, 1.0], (events, 1)), BEAM_SPREAD, rng)
    lower, upper = np.add(detector.lower, EDGE_CM), np.subtract(detector.upper, EDGE_CM)
    vertex = lower + rng.random((events, 3)) * (upper - lower)
    births = Births()
    start = np.full(events, CODE["primary"])
    source = Generation(np.arange(events), np.full(events, -1), pdg, start, direction, vertex)
    charged = np.flatnonzero(is_cc & ~empty)
    spread = np.where(transfer < GENTLE_TRANSFER * energy, GENTLE_SPREAD, HARD_SPREAD)[charged, None]
    outgoing = unit(direction[charged] + spread * rng.standard_normal((charged.size, 3)))
    births.add(
        source.take(charged),
        lepton[charged],
        momentum_of(lepton_kinetic, mass)[charged, None] * outgoing,
    )
    _hadrons(births, source, np.where(empty, 0.0, transfer), ~empty & ~faint, rng)
    return Interactions(pdg, is_cc, energy, lepton_kinetic + mass, direction, vertex, births.generation())


def _hadrons(
    births: Births, source: Generation, transfer: Floats, makes_any: Bools, rng: np.random.Generator
) -> None:
    """Add the primaries that share the energy transfer, float64 (events,), GeV."""
    chance = makes_any * transfer / (transfer + HALF_MULTIPLICITY_GEV)
    events = np.arange(source.size)
    for_each = [
        np.repeat(events, rng.poisson(mean * (chance if is_meson(code) else makes_any)))
        for code, mean in HADRONS.items()
    ]
    event = np.concatenate(for_each)
    code = np.repeat(list(HADRONS), [part.size for part in for_each])
    order = np.argsort(event, kind="stable")
    event, code = event[order], code[order]
    kinetic = split(transfer, event, rng)
    recoil = RECOIL_GEV * rng.standard_exponential(event.size)
    kinetic[code >= FIRST_NUCLEUS] = recoil[code >= FIRST_NUCLEUS]
    direction = cone(source.momentum[event], HADRON_SPREAD, rng)
    births.add(source.take(event), code, momentum_of(kinetic, masses(code))[:, None] * direction)
