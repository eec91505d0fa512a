"""The CCQE scheme: every particle has the class of its primary.

Source: the behaviour of pynuml 25.4.0's ``ccqe`` labels.
"""

from collections.abc import Sequence
from functools import cached_property

from numl_polars.labels.edge_labels import EdgeLabels, both, same_particle
from numl_polars.labels.expressions import primary
from numl_polars.labels.particle_codes import is_electron, is_muon
from numl_polars.labels.particle_labels import ParticleLabels
from numl_polars.labels.rules import Rule


class CCQEEdgeLabels(EdgeLabels):
    """Whether two hits belong together, and to what."""

    classes = ("none", "electron", "muon", "hadronic")

    def rules(self) -> Sequence[Rule]:
        """Two hits of electrons always do, others if they are of one particle."""
        return (
            Rule("electron", when=both("electron"), about="both are electron"),
            Rule("muon", when=both("muon") & same_particle, about="both are muon, of one particle"),
            Rule(
                "hadronic", when=both("hadronic") & same_particle, about="both are hadronic, of one particle"
            ),
            Rule("none", about="any other two hits"),
        )


class CCQELabels(ParticleLabels):
    """Electron, muon or hadronic, as the primary that a particle descends from; no objects.

    A particle that no primary reaches is hadronic.
    """

    classes = ("electron", "muon", "hadronic")
    orphans: str = "hadronic"

    def rules(self) -> Sequence[Rule]:
        """The class of the primary."""
        return (
            Rule("electron", when=primary(is_electron), about="the primary is an electron"),
            Rule("muon", when=primary(is_muon), about="the primary is a muon"),
            Rule("hadronic", about="any other primary"),
        )

    @cached_property
    def edge_labels(self) -> EdgeLabels:
        """Label of two hits that an edge joins."""
        return CCQEEdgeLabels()
