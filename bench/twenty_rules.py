"""A demanding scheme to measure with; it is no scheme for training."""

from collections.abc import Sequence
from functools import partial

import numl_polars as nl
from numl_polars.labels import (
    abs_pdg,
    ancestor,
    depth,
    end_process,
    has_ancestor,
    has_child,
    is_baryon,
    is_electron,
    is_hadron,
    is_muon,
    is_neutral,
    is_neutron,
    is_nucleus,
    is_photon,
    is_primary,
    is_proton,
    momentum,
    num_children,
    num_descendants,
    parent,
    primary,
    start_process,
    sum_over_children,
    sum_over_descendants,
)


class TwentyRules(nl.ParticleLabels):
    """A demanding scheme: nearly every rule looks at other particles."""

    delta_threshold: float = 0.005
    gamma_threshold: float = 0.02
    proton_threshold: float = 0.2

    classes = (
        "muon", "stopping_muon", "pion", "kaon", "proton", "shower", "pi0_shower", "michel", "delta",
        "neutron_induced", "diffuse", "invisible",
    )  # fmt: skip

    def rules(self) -> Sequence[nl.Rule]:
        of_muon_end = start_process.is_in(["muMinusCaptureAtRest", "muPlusCaptureAtRest", "Decay"])
        knocked_out = is_electron & start_process.is_in(["muIoni", "hIoni"])
        converts = start_process.is_in(["conv", "compt"]) | end_process.is_in(["conv", "compt"])
        energetic = momentum >= self.gamma_threshold
        from_muon, pion, pi0 = parent(is_muon), abs_pdg == 211, abs_pdg == 111
        whole = partial(nl.Rule, spreads=True, instance="self")
        own = partial(nl.Rule, instance="self")
        return (
            whole("michel", when=is_electron & from_muon & of_muon_end),
            nl.Rule("diffuse", when=from_muon & of_muon_end, instance="parent"),
            whole("delta", when=knocked_out & (momentum >= self.delta_threshold) & (num_descendants > 0)),
            nl.Rule("muon", when=knocked_out & from_muon, instance="parent"),
            nl.Rule("neutron_induced", when=has_ancestor(is_neutron), instance=ancestor(is_neutron)),
            whole("pi0_shower", when=is_photon & (parent(pi0) | primary(pi0)) & energetic),
            whole("shower", when=is_electron & is_primary & (sum_over_children(momentum) > 0.01)),
            whole("shower", when=is_photon & has_child(is_electron & (momentum > 0.01)) & energetic),
            nl.Rule("diffuse", when=is_photon & (sum_over_descendants(momentum) < 0.005), spreads=True),
            whole("shower", when=(is_electron | is_photon) & converts & energetic & ~has_ancestor(is_hadron)),
            nl.Rule("pion", when=knocked_out & primary(pion) & (depth < 3), instance=ancestor(pion)),
            own("stopping_muon", when=is_muon & has_child(of_muon_end)),
            own("muon", when=is_muon & ~parent(pion)),
            own("pion", when=pion | (is_muon & (parent(momentum) > momentum))),
            own("kaon", when=abs_pdg.is_in([321, 411])),
            own("proton", when=is_proton & (depth == 0) & (momentum >= self.proton_threshold)),
            own("proton", when=is_proton & (ancestor(is_hadron)(momentum) >= self.proton_threshold)),
            nl.Rule("diffuse", when=(is_baryon | is_nucleus) & (num_children < 5)),
            nl.Rule("invisible", when=is_neutral & end_process.is_in(["CoupledTransportation"])),
            nl.Rule("diffuse"),
        )
