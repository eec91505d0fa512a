"""Layers: several labellings of one run, each under a name of its own.

The main ones are called ``semantic`` (particles) and ``event`` (events), as in files with no other. A layer's
name stands in the names of what it becomes: ``hit/y_NAME`` or ``evt/y_NAME``, and ``NAME_classes``.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

from numl_polars.errors import OptionError
from numl_polars.labels.event_labels import EventScheme
from numl_polars.labels.particle_scheme import ParticleScheme
from numl_polars.labels.scheme import Scheme

SEMANTIC = "semantic"
EVENT = "event"
_TAKEN = {SEMANTIC: (EVENT, "position", "edge"), EVENT: (SEMANTIC, "vtx", "edge")}

S = TypeVar("S", bound=Scheme)


def as_layers(labels: S | Mapping[str, S] | None, main: str) -> dict[str, S]:
    """Schemes by the names of their layers, the main one first.

    Parameters
    ----------
    labels
        One scheme, which becomes the main layer, many by name, or none.
    main
        Name of the main layer: ``semantic`` or ``event``.

    Raises
    ------
    OptionError
        A name has other than lower-case letters and digits, or means something else in the output.
    LabelError
        A scheme contradicts itself.
    """
    if labels is None:
        return {}
    layers = dict(labels) if isinstance(labels, Mapping) else {main: labels}
    for name, scheme in layers.items():
        check_layer_name(name)
        if name in _TAKEN[main]:
            raise OptionError(f"layer {name!r}: this name means something else in the output; take another")
        _check_scheme(name, scheme, main)
    return {name: layers[name] for name in sorted(layers, key=lambda name: name != main)}


def check_layer_name(name: str) -> None:
    """Raise OptionError if a layer cannot be named so."""
    if not isinstance(name, str) or not re.fullmatch("[a-z][a-z0-9]*", name):
        raise OptionError(
            f"layer {name!r}: a layer is named by lower-case letters and digits, beginning with a letter"
        )


def _check_scheme(layer: str, scheme: object, main: str) -> None:
    kind, of = (ParticleScheme, "particles") if main == SEMANTIC else (EventScheme, "events")
    if isinstance(scheme, type) and issubclass(scheme, Scheme):
        raise OptionError(f"layer {layer!r} is the class {scheme.__name__}; write {scheme.__name__}()")
    if not isinstance(scheme, Scheme):
        raise OptionError(
            f"layer {layer!r} is {scheme!r}, no labelling scheme; a function becomes one by "
            f"FunctionLabels(function=…), a labeller of pynuml by PynumlLabels(labeller=…)"
        )
    if not isinstance(scheme, kind):
        raise OptionError(f"layer {layer!r} is {scheme.name}, which does not label {of}")
    scheme.check()


def check_distinct(*layers: Mapping[str, Scheme]) -> None:
    """Raise OptionError if two labellings, of particles or events, have one name."""
    names = [name for group in layers for name in group]
    if twice := [name for name in names if names.count(name) > 1]:
        raise OptionError(f"layer {twice[0]!r} labels both particles and events; give one another name")


def suffix(layer: str, main: str) -> str:
    """What names of the output have after them for this layer: nothing for the main one."""
    return "" if layer == main else layer
