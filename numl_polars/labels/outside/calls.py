"""What the user's classes and functions take, and whether a reference gives it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from textwrap import shorten
from types import FunctionType, ModuleType

from numl_polars.errors import OptionError
from numl_polars.labels.outside.references import Reference


def what(value: object) -> str:
    """What a value is, in words."""
    for of, word in ((type, "a class"), (ModuleType, "a module"), (FunctionType, "a function")):
        if isinstance(value, of):
            return word
    return f"{shorten(repr(value), 60)} ({type(value).__name__})"


def signature(target: Callable[..., object]) -> list[inspect.Parameter]:
    """What a class or function takes; nothing where Python does not know."""
    try:
        return list(inspect.signature(target).parameters.values())
    except ValueError:  # of some builtins
        return []


def check_parameters(
    reference: Reference, takes: Sequence[inspect.Parameter], present: Mapping[str, object] | None = None
) -> None:
    """Raise OptionError for parameters that are not taken, or missing and not `present` already."""
    named = {one.name: one for one in takes if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    shown = [name if one.default is one.empty else f"{name}={one.default!r}" for name, one in named.items()]
    allowed = f"it takes {', '.join(shown) or 'none'}"
    if not any(one.kind is one.VAR_KEYWORD for one in takes):
        for name in reference.parameters:
            if name not in named:
                raise OptionError(f"{reference} has no parameter {name!r}; {allowed}")
    for name, one in named.items():
        if one.default is one.empty and name not in {*reference.parameters, *(present or {})}:
            raise OptionError(f"{reference} needs parameter {name!r}; {allowed}")
