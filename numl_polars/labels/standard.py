"""The standard scheme of particle labels.

Source: the behaviour of pynuml 25.4.0's standard labels, on which published models were trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from numbers import Real

from numl_polars.errors import OptionError
from numl_polars.labels.context import end_process, momentum, parent_type, semantic_class, start_process
from numl_polars.labels.pdg import (
    abs_pdg,
    is_baryon,
    is_electron,
    is_muon,
    is_neutral,
    is_nucleus,
    is_photon,
    is_proton,
    is_tau,
)
from numl_polars.labels.rules import InstanceRule, ParticleLabels, Rule

starts, ends = start_process.is_in, end_process.is_in
CONVERSION = ["conv", "compt"]
MUON_END = ["muMinusCaptureAtRest", "muPlusCaptureAtRest", "Decay"]
SOFT_END = ["phot", "photonNuclear"]
CLOSED_START = ["hBertiniCaptureAtRest", "muPairProd", "phot"]
CLOSED_END = ["StepLimiter", "annihil", "eBrem", "FastScintillation"]


@dataclass(frozen=True, kw_only=True)
class StandardLabels(ParticleLabels):
    """Pion, muon, kaon, hadron, shower, Michel electron, diffuse activity; the invisible is not trained on.

    Parameters
    ----------
    gamma_threshold
        Momentum, GeV/c, from which a converting or scattering electron or photon is a shower.
    hadron_threshold
        Momentum, GeV/c, from which a proton is a hadron.
    """

    gamma_threshold: float = 0.02
    hadron_threshold: float = 0.2

    classes = ("pion", "muon", "kaon", "hadron", "shower", "michel", "diffuse", "invisible")

    def __post_init__(self) -> None:
        for name, value in self.parameters.items():
            if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value) or value < 0:
                raise OptionError(f"{name} is {value!r}; it must be a finite momentum in GeV/c, 0 or more")
            object.__setattr__(self, name, float(value))

    @property
    def trained_classes(self) -> tuple[str, ...]:
        """All but the last, ``invisible``."""
        return self.classes[:-1]

    def rules(self) -> Sequence[Rule]:
        """What charge, baryon number and PDG code say, then the electron rules, then the photon rules."""
        converts = starts(CONVERSION) | ends(CONVERSION)
        energetic = momentum >= self.gamma_threshold
        from_muon, from_proton = parent_type.abs() == 13, parent_type.abs() == 2212
        return (
            Rule("hadron", when=is_tau),
            Rule("hadron", when=is_proton & (momentum >= self.hadron_threshold)),
            Rule("diffuse", when=is_baryon | is_nucleus),
            Rule("invisible", when=is_neutral & ends(["CoupledTransportation"])),
            Rule("pion", when=abs_pdg.is_in([211, 221, 331, 223])),
            Rule("muon", when=is_muon),
            Rule("kaon", when=abs_pdg.is_in([321, 411])),
            Rule("invisible", when=abs_pdg.is_in([111, 311, 310, 130, 113])),
            Rule("shower", when=is_electron & starts(["primary"]), spreads=True),
            Rule("michel", when=is_electron & from_muon & starts(MUON_END), spreads=True),
            Rule("shower", when=is_electron & converts & energetic, spreads=True),
            Rule("diffuse", when=is_electron & converts, spreads=True),
            Rule("muon", when=is_electron & starts(["muIoni"])),
            Rule("diffuse", when=is_electron & starts(["hIoni"]) & from_proton & (momentum <= 0.0015)),
            Rule("hadron", when=is_electron & starts(["hIoni"]) & from_proton),
            Rule("pion", when=is_electron & starts(["hIoni"])),
            Rule("diffuse", when=is_electron & starts(["eIoni"])),
            Rule("diffuse", when=is_electron & (starts(["eBrem"]) | ends([*SOFT_END, "eIoni"]))),
            Rule("diffuse", when=is_electron & (ends(CLOSED_END) | starts(CLOSED_START)), spreads=True),
            Rule("shower", when=is_photon & converts & energetic, spreads=True),
            Rule("diffuse", when=is_photon & converts, spreads=True),
            Rule("diffuse", when=is_photon & (starts(["eBrem"]) | ends(SOFT_END))),
        )

    def instance_rules(self) -> Sequence[InstanceRule]:
        """Ionisation electrons belong to the track that they leave; a shower is one object with all below."""
        is_track = semantic_class.is_in(["pion", "hadron"])
        return (
            InstanceRule("parent", when=(semantic_class == "muon") & starts(["muIoni"])),
            InstanceRule("parent", when=is_track & starts(["hIoni"])),
            InstanceRule(None, when=semantic_class.is_in(["diffuse", "invisible"])),
            InstanceRule("self", when=semantic_class.is_in(["shower", "michel"]), spreads=True),
            InstanceRule("self"),
        )
