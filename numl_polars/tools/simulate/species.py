"""What the simulated particles are: PDG codes, masses, free paths of decay, and names of processes.

Codes follow the PDG numbering scheme, masses and lengths are rounded from the Review of Particle Physics,
process names are those that Geant4 gives.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ELECTRON, NU_E, MUON, NU_MU, TAU, NU_TAU, PHOTON = 11, 12, 13, 14, 15, 16, 22
PI_ZERO, RHO, KAON_LONG, PI_PLUS, ETA, OMEGA = 111, 113, 130, 211, 221, 223
KAON_SHORT, KAON_ZERO, KAON_PLUS, ETA_PRIME, D_PLUS = 310, 311, 321, 331, 411
NEUTRON, PROTON, LAMBDA, SIGMA_PLUS = 2112, 2212, 3122, 3222
DEUTERON, ALPHA, SULPHUR_35, CHLORINE_39 = 1000010020, 1000020040, 1000160350, 1000170390
ARGON_39, ARGON_40, ARGON_41 = 1000180390, 1000180400, 1000180410
FIRST_MESON, FIRST_NUCLEUS = 100, 1_000_000_000

PROCESSES = (
    "primary",
    "Decay",
    "muIoni",
    "hIoni",
    "eIoni",
    "muPairProd",
    "conv",
    "compt",
    "phot",
    "eBrem",
    "annihil",
    "msc",
    "photonNuclear",
    "muMinusCaptureAtRest",
    "muPlusCaptureAtRest",
    "hBertiniCaptureAtRest",
    "neutronInelastic",
    "protonInelastic",
    "pi+Inelastic",
    "pi-Inelastic",
    "kaon+Inelastic",
    "kaon-Inelastic",
    "kaon0LInelastic",
    "hadElastic",
    "nCapture",
    "CoupledTransportation",
    "StepLimiter",
    "FastScintillation",
)
CODE = {name: code for code, name in enumerate(PROCESSES)}
"""Position of each process name in `PROCESSES`; particles carry it until they are written."""

MASS_GEV = {
    ELECTRON: 0.000511,
    MUON: 0.10566,
    TAU: 1.77686,
    PI_ZERO: 0.13498,
    RHO: 0.77526,
    KAON_LONG: 0.49761,
    PI_PLUS: 0.13957,
    ETA: 0.54786,
    OMEGA: 0.78266,
    KAON_SHORT: 0.49761,
    KAON_ZERO: 0.49761,
    KAON_PLUS: 0.49368,
    ETA_PRIME: 0.95778,
    D_PLUS: 1.86966,
    NEUTRON: 0.93957,
    PROTON: 0.93827,
    LAMBDA: 1.11568,
    SIGMA_PLUS: 1.18937,
}
"""Masses in GeV; a code that is not here is a nucleus or has no mass."""

DECAY_LENGTH_CM = {KAON_LONG: 1534.0, KAON_SHORT: 2.684, LAMBDA: 7.89, SIGMA_PLUS: 2.404, D_PLUS: 0.0312}
"""Lifetime times speed of light of what decays in flight; the other decays are at once or at rest."""

SELF_CONJUGATE = (PHOTON, PI_ZERO, RHO, KAON_LONG, ETA, OMEGA, KAON_SHORT, ETA_PRIME)

NUCLEON_GEV = 0.9315
_MASS_CODES = np.array(sorted(MASS_GEV), np.int64)
_MASSES = np.array([MASS_GEV[code] for code in sorted(MASS_GEV)])


def masses(pdg: Ints) -> Floats:
    """Rest mass in GeV of each code, int64 (n,); 0 for photons, neutrinos and codes not known here."""
    code = np.abs(pdg)
    row = np.minimum(np.searchsorted(_MASS_CODES, code), _MASS_CODES.size - 1)
    mass = np.where(_MASS_CODES[row] == code, _MASSES[row], 0.0)
    return np.where(code >= FIRST_NUCLEUS, code // 10 % 1000 * NUCLEON_GEV, mass)


def conjugate(code: int) -> int:
    """Code of the antiparticle."""
    return code if code in SELF_CONJUGATE else -code


def is_meson(code: int) -> bool:
    """Whether a code, of those known here, is that of a meson."""
    return FIRST_MESON < abs(code) < NEUTRON


def momentum_of(kinetic: Floats, mass: Floats | float) -> Floats:
    """Momentum, GeV/c, of particles of the given kinetic energy and mass, GeV."""
    result: Floats = np.sqrt(kinetic * (kinetic + 2 * mass))
    return result


def kinetic_of(momentum: Floats, mass: Floats | float) -> Floats:
    """Kinetic energy, GeV, of particles of the given momentum, GeV/c, and mass, GeV."""
    result: Floats = np.sqrt(momentum**2 + np.square(mass)) - mass
    return result
