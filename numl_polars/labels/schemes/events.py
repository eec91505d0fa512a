"""Included labels of events.

Source: the behaviour of pynuml 25.4.0's ``FlavorLabels`` and ``PDKLabels``.
"""

from collections.abc import Sequence

from numl_polars.labels.event_labels import EventLabels
from numl_polars.labels.expressions import flavor, is_cc
from numl_polars.labels.rules import Rule


class FlavorLabels(EventLabels):
    """Charged-current interactions by neutrino flavour, and neutral-current ones."""

    classes = ("cc_nue", "cc_numu", "cc_nutau", "nc")

    def rules(self) -> Sequence[Rule]:
        """Whether the current is charged, then the flavour; the sign of `nu_pdg` does not matter."""
        return (
            Rule("nc", when=~is_cc, about="neutral current"),
            Rule("cc_nue", when=is_cc & (flavor == 12), about="charged current of an electron neutrino"),
            Rule("cc_numu", when=is_cc & (flavor == 14), about="charged current of a muon neutrino"),
            Rule("cc_nutau", when=is_cc & (flavor == 16), about="charged current of a tau neutrino"),
        )


class ProtonDecayLabels(EventLabels):
    """Neutrino interactions, and proton decays."""

    classes = ("nu", "pdk")

    def rules(self) -> Sequence[Rule]:
        """Where `nu_pdg` is that of no neutrino, a proton decays."""
        return (
            Rule("nu", when=flavor.is_between(12, 16), about="nu_pdg from 12 to 16, of either sign"),
            Rule("pdk", about="anything else"),
        )
