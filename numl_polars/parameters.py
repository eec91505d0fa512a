"""Classes whose annotated attributes are parameters: labelling schemes, parts of objects, objects."""

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, dataclass_transform

from numl_polars.errors import NumlError, OptionError


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Parameters(ABC):  # noqa: B024
    """Base of classes that are made of parameters; subclasses are frozen dataclasses by themselves.

    An annotated attribute, ``threshold: float = 0.1``, is a parameter: an argument of the constructor, by
    name. Equal parameters make equal objects. A class that says ``is_base=True`` has none of its own.
    """

    fault: ClassVar[type[NumlError]] = OptionError
    """What is raised where a class, or its parameters, contradict themselves."""

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
