"""The standard scheme of particle labels, and those made from its rules.

Source: the behaviour of pynuml 25.4.0's standard and simple labels, on which published models were trained.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import polars as pl

from numl_polars.labels.expressions import end_process, momentum, parent, start_process
from numl_polars.labels.particle_codes import (
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
from numl_polars.labels.particle_labels import ParticleLabels
from numl_polars.labels.rules import Rule
from numl_polars.labels.schemes.thresholds import check_thresholds

starts, ends = start_process.is_in, end_process.is_in
CONVERSION = ["conv", "compt"]
MUON_END = ["muMinusCaptureAtRest", "muPlusCaptureAtRest", "Decay"]
CONVERTS = "started or ended by conv or compt"
OUT = "CoupledTransportation"
PHOTON_END = ["phot", "photonNuclear"]
SOFT_END = [*PHOTON_END, "eIoni"]
CLOSED_START = ["hBertiniCaptureAtRest", "muPairProd", "phot"]
CLOSED_END = ["StepLimiter", "annihil", "eBrem", "FastScintillation"]
PIONS = [211, 221, 331, 223]
KAONS = [321, 411]
NEUTRAL = [111, 311, 310, 130, 113]
KNOCKED_OUT: Mapping[str, list[str]] = {"muon": ["muIoni"], "pion": ["hIoni"], "hadron": ["hIoni"]}


def standard_rules(
    gamma_threshold: float, hadron_threshold: float, knocked_out: Mapping[str, list[str]]
) -> tuple[Rule, ...]:
    """What charge, baryon number and PDG code say, then the electron rules, then the photon rules.

    Parameters
    ----------
    knocked_out
        Start processes by which a particle of a class is part of its parent.
    """

    def track(label: str, when: pl.Expr, about: str) -> Iterator[Rule]:
        if label in knocked_out:
            freed = knocked_out[label]
            yield part_of_parent(label, when & starts(freed), f"{about}, started by {' or '.join(freed)}")
        yield Rule(label, when=when, instance="self", about=about)

    def part_of_parent(label: str, when: pl.Expr, about: str) -> Rule:
        return Rule(label, when=when, instance="parent", about=about)

    def with_all_below(label: str, when: pl.Expr, about: str) -> Rule:
        return Rule(label, when=when, spreads=True, instance="self", about=about)

    converts = starts(CONVERSION) | ends(CONVERSION)
    energetic = momentum >= gamma_threshold
    michel = is_electron & parent(is_muon) & starts(MUON_END)
    by_hadron = is_electron & starts(["hIoni"])
    by_proton = by_hadron & parent(is_proton)
    closed = ends(CLOSED_END) | starts(CLOSED_START)
    return (
        *track("hadron", is_tau, "tau"),
        *track("hadron", is_proton & (momentum >= hadron_threshold), "proton from hadron_threshold"),
        Rule("diffuse", when=is_baryon | is_nucleus, about="any other baryon or nucleus"),
        Rule("invisible", when=is_neutral & ends([OUT]), about=f"neutral, ended by {OUT}"),
        *track("pion", abs_pdg.is_in(PIONS), "charged pion, eta, eta' or omega"),
        *track("muon", is_muon, "muon"),
        *track("kaon", abs_pdg.is_in(KAONS), "charged kaon or D+"),
        Rule("invisible", when=abs_pdg.is_in(NEUTRAL), about="neutral pion, kaon or rho"),
        with_all_below("shower", is_electron & starts(["primary"]), "electron started by primary"),
        with_all_below("michel", michel, f"electron of a muon, started by {_listed(MUON_END)}"),
        with_all_below(
            "shower", is_electron & converts & energetic, f"electron {CONVERTS}, from gamma_threshold"
        ),
        Rule("diffuse", when=is_electron & converts, spreads=True, about=f"any other electron {CONVERTS}"),
        part_of_parent("muon", is_electron & starts(["muIoni"]), "electron started by muIoni"),
        Rule("diffuse", when=by_proton & (momentum <= 0.0015), about="the next, to 1.5 MeV/c"),
        part_of_parent("hadron", by_proton, "electron of a proton, started by hIoni"),
        part_of_parent("pion", by_hadron, "any other electron started by hIoni"),
        Rule("diffuse", when=is_electron & starts(["eIoni"]), about="electron started by eIoni"),
        Rule(
            "diffuse",
            when=is_electron & (starts(["eBrem"]) | ends(SOFT_END)),
            about=f"electron started by eBrem or ended by {_listed(SOFT_END)}",
        ),
        Rule(
            "diffuse",
            when=is_electron & closed,
            spreads=True,
            about=f"electron ended by {_listed(CLOSED_END)}, or started by {_listed(CLOSED_START)}",
        ),
        with_all_below(
            "shower", is_photon & converts & energetic, f"photon {CONVERTS}, from gamma_threshold"
        ),
        Rule("diffuse", when=is_photon & converts, spreads=True, about=f"any other photon {CONVERTS}"),
        Rule(
            "diffuse",
            when=is_photon & (starts(["eBrem"]) | ends(PHOTON_END)),
            about=f"photon started by eBrem or ended by {_listed(PHOTON_END)}",
        ),
    )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


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

    classes: ClassVar[tuple[str, ...]] = (
        "pion",
        "muon",
        "kaon",
        "hadron",
        "shower",
        "michel",
        "diffuse",
        "invisible",
    )
    untrained = ("invisible",)

    def __post_init__(self) -> None:
        check_thresholds(self)

    def rules(self) -> Sequence[Rule]:
        """The rules of the standard scheme."""
        return standard_rules(self.gamma_threshold, self.hadron_threshold, KNOCKED_OUT)


class SimpleLabels(StandardLabels):
    """The standard scheme with pions and muons as MIP, kaons and hadrons as HIP.

    Parameters are those of `StandardLabels`.
    """

    classes: ClassVar[tuple[str, ...]] = ("MIP", "HIP", "shower", "michel", "diffuse", "invisible")

    def rules(self) -> Sequence[Rule]:
        """The rules of the standard scheme, with merged classes."""
        merged = {"pion": "MIP", "muon": "MIP", "kaon": "HIP", "hadron": "HIP"}
        of_class = {"MIP": ["muIoni", "hIoni"], "HIP": ["hIoni"]}
        knocked_out = {name: of_class[label] for name, label in merged.items()}
        rules = standard_rules(self.gamma_threshold, self.hadron_threshold, knocked_out)
        return tuple(replace(rule, label=merged.get(rule.label, rule.label)) for rule in rules)


class DeltaRayLabels(StandardLabels):
    """The standard scheme with delta rays, electrons that a track knocks out, as a class of its own.

    Parameters
    ----------
    delta_threshold
        Momentum, GeV/c, from which an electron that a muon or hadron knocks out is a delta ray; below it has
        the class of the standard scheme. At the default it goes about 2 cm in liquid argon.
    gamma_threshold, hadron_threshold
        As in `StandardLabels`.
    """

    delta_threshold: float = 0.005

    classes: ClassVar[tuple[str, ...]] = (
        "pion",
        "muon",
        "kaon",
        "hadron",
        "shower",
        "michel",
        "delta",
        "diffuse",
        "invisible",
    )

    def rules(self) -> Sequence[Rule]:
        """Delta rays with all below them, then the rules of the standard scheme."""
        delta = Rule(
            "delta",
            when=is_electron & starts(["muIoni", "hIoni"]) & (momentum >= self.delta_threshold),
            spreads=True,
            instance="self",
            about="electron started by muIoni or hIoni, from delta_threshold",
        )
        return delta, *super().rules()
