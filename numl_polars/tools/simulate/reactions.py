"""What comes out of decays and of nuclear reactions: tables of products, and their momenta."""

import numpy as np

from numl_polars.tools.simulate.generation import Births, Generation, cone, isotropic, lengths, split
from numl_polars.tools.simulate.species import (
    ALPHA,
    ARGON_39,
    ARGON_40,
    ARGON_41,
    CHLORINE_39,
    CODE,
    D_PLUS,
    DEUTERON,
    ELECTRON,
    ETA,
    ETA_PRIME,
    FIRST_NUCLEUS,
    KAON_LONG,
    KAON_PLUS,
    KAON_SHORT,
    KAON_ZERO,
    LAMBDA,
    MUON,
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
    SULPHUR_35,
    TAU,
    Floats,
    conjugate,
    is_meson,
    kinetic_of,
    masses,
    momentum_of,
)

DECAYS: dict[int, tuple[tuple[float, tuple[int, ...]], ...]] = {
    MUON: ((1.0, (ELECTRON, -NU_E, NU_MU)),),
    TAU: (
        (0.2, (MUON, -NU_MU, NU_TAU)),
        (0.2, (ELECTRON, -NU_E, NU_TAU)),
        (0.3, (-PI_PLUS, NU_TAU)),
        (0.3, (-PI_PLUS, PI_ZERO, NU_TAU)),
    ),
    PI_PLUS: ((0.97, (-MUON, NU_MU)), (0.03, (-ELECTRON, NU_E))),
    PI_ZERO: ((0.97, (PHOTON, PHOTON)), (0.03, (PHOTON, ELECTRON, -ELECTRON))),
    KAON_PLUS: (
        (0.64, (-MUON, NU_MU)),
        (0.24, (PI_PLUS, PI_ZERO)),
        (0.06, (PI_PLUS, PI_PLUS, -PI_PLUS)),
        (0.06, (-ELECTRON, NU_E, PI_ZERO)),
    ),
    KAON_LONG: (
        (0.4, (PI_PLUS, ELECTRON, -NU_E)),
        (0.4, (-PI_PLUS, -MUON, NU_MU)),
        (0.2, (PI_ZERO, PI_ZERO, PI_ZERO)),
    ),
    KAON_SHORT: ((0.7, (PI_PLUS, -PI_PLUS)), (0.3, (PI_ZERO, PI_ZERO))),
    KAON_ZERO: ((0.5, (KAON_LONG,)), (0.5, (KAON_SHORT,))),
    ETA: ((0.4, (PHOTON, PHOTON)), (0.3, (PI_ZERO,) * 3), (0.3, (PI_PLUS, -PI_PLUS, PI_ZERO))),
    ETA_PRIME: ((0.6, (PI_PLUS, -PI_PLUS, ETA)), (0.4, (PHOTON, RHO))),
    OMEGA: ((0.9, (PI_PLUS, -PI_PLUS, PI_ZERO)), (0.1, (PI_ZERO, PHOTON))),
    RHO: ((1.0, (PI_PLUS, -PI_PLUS)),),
    D_PLUS: ((0.7, (-KAON_ZERO, PI_PLUS, PI_ZERO)), (0.3, (-KAON_ZERO, -MUON, NU_MU))),
    LAMBDA: ((0.64, (PROTON, -PI_PLUS)), (0.36, (NEUTRON, PI_ZERO))),
    SIGMA_PLUS: ((0.52, (PROTON, PI_ZERO)), (0.48, (NEUTRON, PI_PLUS))),
}
"""Channels of each decay, with probabilities; rare ones with electrons are more frequent than in nature."""

_SPALLATION = {NEUTRON: 1.0, PROTON: 0.7, PHOTON: 0.9, DEUTERON: 0.06, ALPHA: 0.06, ELECTRON: 0.04}
_HARD_SPALLATION = {**_SPALLATION, PI_PLUS: 0.25, -PI_PLUS: 0.25, PI_ZERO: 0.3, CHLORINE_39: 0.5}
REACTIONS: dict[str, dict[int, float]] = {
    "neutronInelastic": {**_SPALLATION, ARGON_40: 0.4, SULPHUR_35: 0.2},
    "protonInelastic": _HARD_SPALLATION,
    "pi+Inelastic": _HARD_SPALLATION,
    "pi-Inelastic": _HARD_SPALLATION,
    "kaon+Inelastic": {**_HARD_SPALLATION, KAON_PLUS: 0.5},
    "kaon-Inelastic": {**_HARD_SPALLATION, LAMBDA: 0.3},
    "kaon0LInelastic": {**_HARD_SPALLATION, KAON_SHORT: 0.4},
    "hBertiniCaptureAtRest": {**_SPALLATION, NEUTRON: 2.0, ELECTRON: 0.3, CHLORINE_39: 0.6},
    "muMinusCaptureAtRest": {NEUTRON: 1.0, PROTON: 0.1, PHOTON: 1.0, CHLORINE_39: 0.6},
    "photonNuclear": {NEUTRON: 1.0, PROTON: 0.4, ARGON_39: 0.5},
    "nCapture": {PHOTON: 2.5, ARGON_41: 1.0},
}
"""Mean number of each product of a reaction; the product's start process is the reaction."""

MESON_THRESHOLD_GEV = 0.35
LEVEL_GEV = 0.0025
"""Mean energy of a photon from an excited nucleus."""
RECOIL_GEV = 0.0004
CAPTURE_GEV = 0.0061
"""Energy set free when argon takes up a neutron."""
MUON_CAPTURE_GEV = 0.02
PAIR_SIZE = 2
SCATTER_WIDTH = 0.8
SCATTERED_SHARE = 0.85
"""What a reaction leaves to the particles that come out of it."""


def decay(births: Births, dying: Generation, rng: np.random.Generator) -> None:
    """Add the decay products of particles, given as they end (`Flights.end`).

    Two products share the momentum exactly; three or more get energies that add up to the mother's.
    """
    for code, channels in DECAYS.items():
        own = dying.take(np.abs(dying.pdg) == code)
        if not own.size:
            continue
        drawn = rng.choice(len(channels), own.size, p=[probability for probability, _ in channels])
        for channel, (_, products) in enumerate(channels):
            mothers = own.take(drawn == channel)
            momenta = _decay_momenta(mothers.momentum, code, products, rng)
            for product, momentum in zip(products, momenta, strict=True):
                births.add(mothers, np.where(mothers.pdg > 0, product, conjugate(product)), momentum)


def react(births: Births, struck: Generation, process: str, rng: np.random.Generator) -> None:
    """Add what particles, given as they end (`Flights.end`), knock out of nuclei by `process`.

    Nucleons and mesons share what energy there is, photons and recoils have those of nuclear levels.
    """
    available = _available(struck, process)
    owners, codes = [], []
    for code, mean in REACTIONS[process].items():
        possible = available > (MESON_THRESHOLD_GEV if is_meson(code) else 0.0)
        owners.append(np.repeat(np.arange(struck.size), rng.poisson(mean * possible)))
        codes.append(np.full(owners[-1].size, code))
    owner, code_of = np.concatenate(owners), np.concatenate(codes)
    mass = masses(code_of)
    is_light = (code_of == PHOTON) | (code_of == ELECTRON)
    is_strong = ~is_light & (code_of < FIRST_NUCLEUS)

    kinetic = RECOIL_GEV * rng.standard_exponential(owner.size)
    kinetic[is_light] = LEVEL_GEV * rng.standard_exponential(int(is_light.sum()))
    if process == "nCapture":
        kinetic[is_light] = split(np.full(struck.size, CAPTURE_GEV), owner[is_light], rng)
    is_new = is_strong & (np.abs(code_of) < NEUTRON)
    paid = np.bincount(owner[is_new], mass[is_new], struck.size)
    left = SCATTERED_SHARE * np.maximum(available - paid, 0.1 * available)
    kinetic[is_strong] = split(left, owner[is_strong], rng)

    direction = isotropic(owner.size, rng)
    direction[is_strong] = cone(struck.momentum[owner[is_strong]], SCATTER_WIDTH, rng)
    births.add(
        struck.take(owner), code_of, momentum_of(kinetic, mass)[:, None] * direction, start=CODE[process]
    )


def _available(struck: Generation, process: str) -> Floats:
    """Energy that a reaction can give to nucleons and mesons, GeV, float64 (n,)."""
    if process == "muMinusCaptureAtRest":
        return np.full(struck.size, MUON_CAPTURE_GEV)
    if process == "hBertiniCaptureAtRest":
        return struck.mass
    return kinetic_of(struck.magnitude, struck.mass)


def _decay_momenta(
    momentum: Floats, code: int, products: tuple[int, ...], rng: np.random.Generator
) -> list[Floats]:
    """Momenta, one float64 (n, 3) a product, GeV/c, of n decaying particles of one kind."""
    size = len(momentum)
    mass = float(masses(np.array([code]))[0])
    product_mass = masses(np.array(products))
    if len(products) == 1:
        return [momentum]
    if len(products) == PAIR_SIZE:
        both = (mass**2 - product_mass.sum() ** 2) * (mass**2 - (product_mass[0] - product_mass[1]) ** 2)
        at_rest = np.sqrt(max(both, 0.0)) / (2 * mass) * isotropic(size, rng)
        rest = [at_rest, -at_rest]
    else:
        released = max(mass - product_mass.sum(), 0.0)
        share = rng.dirichlet(np.ones(len(products)), size)
        kinetic = released * (1 - share) / (len(products) - 1)
        rest = [
            momentum_of(kinetic[:, i], product_mass[i])[:, None] * isotropic(size, rng)
            for i in range(len(products))
        ]
    return [_boost(vectors, product_mass[i], momentum, mass) for i, vectors in enumerate(rest)]


def _boost(vectors: Floats, mass: float, frame: Floats, frame_mass: float) -> Floats:
    """Momenta in the laboratory of what has momenta `vectors` beside a particle of momentum `frame`."""
    frame_energy = np.sqrt(lengths(frame) ** 2 + frame_mass**2)
    energy = np.sqrt(lengths(vectors) ** 2 + mass**2)
    along = np.einsum("ij,ij->i", vectors, frame) / frame_mass
    result: Floats = vectors + frame * ((along / (frame_energy + frame_mass) + energy / frame_mass)[:, None])
    return result
