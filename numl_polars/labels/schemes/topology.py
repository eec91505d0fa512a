"""Labels by what a particle looks like, not by what it is."""

from collections.abc import Sequence

from numl_polars.labels.expressions import extent, momentum, parent, start_process
from numl_polars.labels.particle_codes import is_electron, is_muon, is_neutral, is_photon
from numl_polars.labels.particle_labels import ParticleLabels
from numl_polars.labels.rules import Rule
from numl_polars.labels.schemes.standard import MUON_END
from numl_polars.labels.schemes.thresholds import check_thresholds


class TopologyLabels(ParticleLabels):
    """Track, shower, Michel electron, delta ray or blip; the neutral leaves no trace and is not trained on.

    Parameters
    ----------
    blip_extent
        Distance from start to end, cm, below which a charged particle is a blip.
    shower_threshold
        Momentum, GeV/c, from which an electron or photon that is neither Michel electron nor delta ray is a
        shower, with all below it.
    """

    blip_extent: float = 1.0
    shower_threshold: float = 0.02

    classes = ("track", "shower", "michel", "delta", "blip", "invisible")
    untrained = ("invisible",)

    def __post_init__(self) -> None:
        check_thresholds(self)

    def rules(self) -> Sequence[Rule]:
        """Electrons and photons first, by origin; then whatever is charged, by extent."""
        michel = is_electron & parent(is_muon) & start_process.is_in(MUON_END)
        knocked_out = is_electron & start_process.is_in(["muIoni", "hIoni"])
        long = extent >= self.blip_extent
        return (
            Rule("michel", when=michel, spreads=True, instance="self", about="electron of a muon's end"),
            Rule(
                "delta", when=knocked_out & long, spreads=True, instance="self",
                about="electron knocked out by a track, from blip_extent",
            ),
            Rule(
                "shower", when=(is_electron | is_photon) & ~knocked_out & (momentum >= self.shower_threshold),
                spreads=True, instance="self", about="any other electron or photon, from shower_threshold",
            ),
            Rule("blip", when=is_electron, instance="self", about="any other electron"),
            Rule("invisible", when=is_neutral, about="neutral"),
            Rule("track", when=long, instance="self", about="charged, from blip_extent"),
            Rule("blip", instance="self", about="anything else"),
        )  # fmt: skip
