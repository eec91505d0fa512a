"""Classes whose annotated attributes are parameters: labelling schemes, parts of objects, objects."""

from abc import ABC
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, ClassVar, Union, dataclass_transform, get_args, get_origin

import numpy as np

from numl_polars.errors import NumlError, OptionError


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Parameters(ABC):  # noqa: B024
    """Base of classes that are made of parameters; subclasses are frozen dataclasses by themselves.

    An annotated attribute, ``threshold: float = 0.1``, is a parameter: an argument of the constructor, by
    name. Equal parameters make equal objects. A class that says ``is_base=True`` has none of its own.

    With `checks_kinds`, what is given for a parameter that is a bool, int, float, str or Sequence, or one of
    several of these, must be such a thing: `fault` is raised otherwise.
    """

    fault: ClassVar[type[NumlError]] = OptionError
    """What is raised where a class, or its parameters, contradict themselves."""
    checks_kinds: ClassVar[bool] = False
    """Whether values must be of the kinds that are annotated; labelling schemes check theirs by meaning."""

    def __init_subclass__(cls, *, is_base: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        if is_base:
            return
        if "__init__" in vars(cls):
            raise cls.fault(
                f"{cls.__name__} has an __init__; write its parameters as annotated attributes instead, as "
                f"in `threshold: float = 0.1`"
            )
        # a new default of an inherited parameter needs no annotation
        inherited = {
            name: kind for base in cls.__mro__[:0:-1] for name, kind in _parameter_types(base).items()
        }
        for name in inherited.keys() & vars(cls).keys() - cls.__annotations__.keys():
            cls.__annotations__[name] = inherited[name]
        dataclass(frozen=True, kw_only=True)(cls)
        if cls.checks_kinds:
            cls.__init__ = _checking(cls)  # type: ignore[method-assign]

    @property
    def name(self) -> str:
        """What it is called in messages and records."""
        return type(self).__name__

    @property
    def parameters(self) -> dict[str, Any]:
        """Constructor arguments by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def __getstate__(self) -> dict[str, Any]:
        # what is cached may hold things that do not pickle
        return self.parameters

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def plain(value: Any) -> Any:
    """The value as JSON has it, and the same on every rank."""
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value), key=repr)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}:{named.__qualname__}"


def _parameter_types(kind: type) -> dict[str, Any]:
    """Annotations of a class's own parameters."""
    own = vars(kind).get("__annotations__", {})
    return {name: own[name] for name in getattr(kind, "__dataclass_fields__", {}) if name in own}


_KINDS: Mapping[Any, tuple[str, Callable[[Any], bool]]] = {
    bool: ("True or False", lambda value: isinstance(value, bool | np.bool_)),
    int: ("a whole number", lambda value: isinstance(value, Integral) and not isinstance(value, bool)),
    float: ("a number", lambda value: isinstance(value, Real) and not isinstance(value, bool)),
    str: ("text", lambda value: isinstance(value, str)),
    NoneType: ("None", lambda value: value is None),
    Sequence: ("a list", lambda value: isinstance(value, Iterable) and not isinstance(value, str | Mapping)),
}
"""What values of a plain kind are called, and how they are known; text is no list of its letters."""


def _checking(cls: type[Parameters]) -> Callable[..., None]:
    """Constructor of a class that raises ``cls.fault`` for a value that is not of its parameter's kind."""
    make = cls.__init__
    kinds = {field.name: _plain_kinds(field.type) for field in fields(cls)}  # type: ignore[arg-type]
    defaults = {field.name: field.default for field in fields(cls)}  # type: ignore[arg-type]

    @wraps(make)
    def init(self: Parameters, *args: Any, **values: Any) -> None:
        for name, value in values.items():
            known = kinds.get(name, ())
            # a default need not be of the kind that is annotated: `threshold: float = None`
            if known and value is not defaults[name] and not any(fits(value) for _, fits in known):
                words = [word for word, _ in known]
                wanted = " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
                raise cls.fault(f"{self.name}: {name} is {value!r}; it must be {wanted}")
        make(self, *args, **values)

    return init


def _plain_kinds(annotation: Any) -> tuple[tuple[str, Callable[[Any], bool]], ...]:
    """Kinds that an annotation allows; none where one of them is not plain, and anything may be given."""
    named = {kind.__name__: kind for kind in (bool, int, float, str)}
    annotation = named.get(annotation, annotation) if isinstance(annotation, str) else annotation
    several = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    origins = [get_origin(one) or one for one in several]
    kinds = list(dict.fromkeys(origins))
    return tuple(_KINDS[kind] for kind in kinds) if all(kind in _KINDS for kind in kinds) else ()
