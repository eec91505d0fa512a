"""How a labelling is named from outside: an included scheme, code of one's own, or a recipe.

==============================  ============================================================
``none``                        no labelling
``standard``                    an included scheme, see `PARTICLE_SCHEMES`, `EVENT_SCHEMES`
``path/to/labels.py:NAME``      something of a file
``package.module:NAME``         something of a module, which may stand in the current folder
``path/to/recipe.toml``         ``scheme = "…"``, one of these, and a table ``[parameters]``
==============================  ============================================================

NAME is a scheme (class or instance), a function from a particle LazyFrame to one with label columns, or a
labeller written for pynuml. Parameters follow in parentheses: ``standard(gamma_threshold=0.05)``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import Parameter
from typing import Any, Generic, TypeVar, cast

from numl_polars.errors import LabelError, OptionError
from numl_polars.labels.event_labels import EventScheme
from numl_polars.labels.layers import EVENT, SEMANTIC, check_layer_name
from numl_polars.labels.outside.calls import check_parameters, signature, what
from numl_polars.labels.outside.references import Reference, nearest, read_reference, split_name
from numl_polars.labels.outside.user_code import find, told_as_option_error
from numl_polars.labels.particle_scheme import ParticleScheme
from numl_polars.labels.scheme import Scheme
from numl_polars.labels.schemes.ccqe import CCQELabels
from numl_polars.labels.schemes.events import FlavorLabels, ProtonDecayLabels
from numl_polars.labels.schemes.standard import DeltaRayLabels, SimpleLabels, StandardLabels
from numl_polars.labels.schemes.topology import TopologyLabels

NONE = "none"
PARTICLE_SCHEMES: Mapping[str, type[ParticleScheme]] = {
    "standard": StandardLabels,
    "simple": SimpleLabels,
    "ccqe": CCQELabels,
    "delta-rays": DeltaRayLabels,
    "topology": TopologyLabels,
}
EVENT_SCHEMES: Mapping[str, type[EventScheme]] = {"flavor": FlavorLabels, "proton-decay": ProtonDecayLabels}

S = TypeVar("S", bound=Scheme)


@dataclass(frozen=True)
class _Kind(Generic[S]):
    """What tells labellings of particles from those of events."""

    of: str
    base: type[Any]
    main: str
    included: Mapping[str, type[S]]
    accepted: str


_PARTICLES = _Kind(
    "particles",
    ParticleScheme,
    SEMANTIC,
    PARTICLE_SCHEMES,
    "a subclass of ParticleLabels or an instance of one, a function from a particle LazyFrame to one with "
    "label columns, or a labeller written for pynuml, which has `labels` and `__call__`",
)
_EVENTS = _Kind(
    "events",
    EventScheme,
    EVENT,
    EVENT_SCHEMES,
    "a subclass of EventLabels or an instance of one, or a labeller written for pynuml, which has `labels` "
    "and `__call__`",
)


def load_particle_labels(spec: str) -> ParticleScheme | None:
    """Scheme of particle labels that a text names, checked; None for ``none``.

    Parameters
    ----------
    spec
        One of the forms that this module lists, ``labels.py:TrackShower(gamma_threshold=0.05)``.

    Raises
    ------
    OptionError
        It names nothing, or something that is no labelling; the file, module or recipe is not there or in
        error; a parameter is unknown, missing or no literal.
    LabelError
        The scheme contradicts itself.
    """
    return _load(spec.strip(), _PARTICLES)


def load_event_labels(spec: str) -> EventScheme | None:
    """Scheme of event labels that a text names, checked; None for ``none``.

    As `load_particle_labels`.
    """
    return _load(spec.strip(), _EVENTS)


def particle_layers(specs: Sequence[str]) -> dict[str, ParticleScheme]:
    """Schemes by layer, of texts ``SPEC``, for the layer ``semantic``, or ``NAME=SPEC``.

    Raises
    ------
    OptionError
        A layer is named twice, or wrongly; or as `load_particle_labels`.
    LabelError
        A scheme contradicts itself.
    """
    return _layers(specs, _PARTICLES)


def event_layers(specs: Sequence[str]) -> dict[str, EventScheme]:
    """Schemes by layer; as `particle_layers`, but ``SPEC`` is for the layer ``event``."""
    return _layers(specs, _EVENTS)


def _layers(specs: Sequence[str], kind: _Kind[S]) -> dict[str, S]:
    named: dict[str, str] = {}
    for text in specs:
        name, spec = split_name(text)
        layer = kind.main if name is None else name
        check_layer_name(layer)
        if spec == NONE:
            continue
        if layer in named:
            raise OptionError(
                f"{named[layer]} and {spec} both label {kind.of} in layer {layer!r}; write NAME=SPEC to give "
                f"one a layer of its own, as in other={spec}"
            )
        named[layer] = spec
    loaded = {layer: _load(spec, kind) for layer, spec in named.items()}
    return {layer: scheme for layer, scheme in loaded.items() if scheme is not None}


def _load(spec: str, kind: _Kind[S]) -> S | None:
    if spec == NONE:
        return None
    reference = read_reference(spec)
    is_included = reference is not None and reference.file is None and reference.module is None
    if reference is None or (is_included and reference.name not in kind.included):
        raise _unknown(reference.name if reference is not None else spec, kind)
    scheme = _scheme(kind.included[reference.name] if is_included else find(reference), reference, kind)
    with told_as_option_error(f"{reference} cannot label"):
        try:
            scheme.check()
        except LabelError as error:
            raise OptionError(str(error)) from error
    return scheme


def _unknown(text: str, kind: _Kind[S]) -> OptionError:
    other = _EVENTS if kind.base is ParticleScheme else _PARTICLES
    why = f"labels {other.of}, not {kind.of}" if text in other.included else f"names no labels of {kind.of}"
    return OptionError(
        f"{text!r} {why}{nearest(text, kind.included)}; these may be {', '.join(kind.included)}, "
        f"path/to/labels.py:NAME or package.module:NAME, all with parameters in parentheses, "
        f"NAME(parameter=value); or path/to/recipe.toml, or {NONE}"
    )


def _scheme(target: object, reference: Reference, kind: _Kind[S]) -> S:
    """The scheme that something is, or that can be made of it."""
    make = target if isinstance(target, type) else type(target)
    if not issubclass(make, Scheme):
        return cast(S, _adapted(target, reference, kind))
    if not issubclass(make, kind.base):
        of = next((other.of for other in (_PARTICLES, _EVENTS) if issubclass(make, other.base)), "edges")
        raise OptionError(f"{reference} labels {of}, not {kind.of}; these need {kind.accepted}")
    if lacks := sorted(make.__abstractmethods__):
        raise OptionError(f"{reference} is no whole scheme: it does not define {' and '.join(lacks)}")
    # parameters given replace those of an instance
    own = target.parameters if isinstance(target, Scheme) else {}
    check_parameters(reference, signature(make), present=own)
    with told_as_option_error(f"{reference} cannot be made"):
        return cast(S, make(**{**own, **reference.parameters}))


def _adapted(target: Any, reference: Reference, kind: _Kind[S]) -> Scheme:
    """The scheme made of a function or of a labeller written for pynuml."""
    no_labelling = OptionError(f"{reference} is {what(target)}; labels of {kind.of} need {kind.accepted}")
    is_class = isinstance(target, type)
    is_labeller = is_class or hasattr(target, "labels")
    adapter = _adapter(kind, is_labeller=is_labeller)
    calls = any("__call__" in vars(base) for base in target.__mro__) if is_class else callable(target)
    if adapter is None or not calls:
        raise no_labelling
    own: list[Parameter] = []
    if is_class or not is_labeller:
        own = signature(target)[0 if is_class else 1 :]
    names = {one.name for one in own} | {"function", "labeller"}
    # what the adapter takes by itself: classes, columns, what becomes of particles without label
    others = [one for one in signature(adapter) if one.name not in names]
    check_parameters(reference, [*own, *others])
    rest = {one.name: reference.parameters[one.name] for one in others if one.name in reference.parameters}
    bound = {name: value for name, value in reference.parameters.items() if name not in rest}
    with told_as_option_error(f"{reference} cannot be made"):
        made = target(**bound) if is_class else partial(target, **bound) if bound else target
        if is_labeller and not hasattr(made, "labels"):
            raise no_labelling
        return adapter(**{"labeller" if is_labeller else "function": made}, **rest)


def _adapter(kind: _Kind[S], *, is_labeller: bool) -> Callable[..., Scheme] | None:
    from numl_polars.labels.outside.functions import FunctionLabels
    from numl_polars.labels.outside.pynuml import PynumlEventLabels, PynumlLabels

    if kind.base is ParticleScheme:
        return PynumlLabels if is_labeller else FunctionLabels
    return PynumlEventLabels if is_labeller else None
