"""What all labelling schemes have in common: classes, parameters, and what to do where no rule holds."""

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, dataclass_transform

from numl_polars.errors import LabelError
from numl_polars.labels.rules import REJECT, STOP, RuleList


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Scheme(ABC):  # noqa: B024
    """Classes, and how they are given. Subclasses are frozen dataclasses by themselves.

    An annotated attribute, ``threshold: float = 0.1``, is a parameter: an argument of the constructor, by
    name. Equal parameters make equal schemes.
    """

    classes: ClassVar[tuple[str, ...]] = ()
    untrained: ClassVar[tuple[str, ...]] = ()
    """The last of `classes`, if they are no training targets."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            raise LabelError(
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
        """What the scheme is called."""
        return type(self).__name__

    @property
    def trained_classes(self) -> tuple[str, ...]:
        """Classes that are training targets, which output files list."""
        return tuple(name for name in self.classes if name not in self.untrained)

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """Columns that the scheme needs, by table, `event_index` first."""
        raise NotImplementedError

    @property
    def rule_list(self) -> RuleList | None:
        """The rules, checked; None for a scheme that is not made of rules."""
        return None

    @property
    def parameters(self) -> dict[str, Any]:
        """Constructor arguments by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def describe(self) -> dict[str, Any]:
        """What a file records of the scheme: its name, where it is defined, classes and parameters."""
        return {
            "scheme": self.name,
            "module": type(self).__module__,
            "classes": list(self.classes),
            "parameters": {name: _plain(value) for name, value in self.parameters.items()},
        }

    def check(self) -> None:
        """Raise LabelError where the scheme contradicts itself."""
        if (*self.trained_classes, *self.untrained) != tuple(self.classes):
            raise LabelError(
                f"{self.name}: untrained is {', '.join(self.untrained)}; it must be the last of its classes "
                f"({', '.join(self.classes)}), whose codes are then counted without gaps"
            )

    def policy_code(self, policy: str) -> int | None:
        """Code of the class that the policy of that name gives; None if it gives none.

        Raises
        ------
        LabelError
            Its value is neither a class nor one of ``reject`` and ``stop``.
        """
        value = getattr(self, policy)
        if value in (REJECT, STOP):
            return None
        if value not in self.classes:
            raise LabelError(
                f"{self.name}: {policy} is {value!r}; it may be {REJECT!r}, {STOP!r} or a class "
                f"({', '.join(self.classes)})"
            )
        return tuple(self.classes).index(value)

    def __getstate__(self) -> dict[str, Any]:
        # what is cached holds expressions that do not pickle
        return self.parameters

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _parameter_types(scheme: type) -> dict[str, Any]:
    """Annotations of a class's own parameters."""
    own = vars(scheme).get("__annotations__", {})
    return {name: own[name] for name in getattr(scheme, "__dataclass_fields__", {}) if name in own}


def _plain(value: Any) -> Any:
    """The value as JSON has it, and the same on every rank."""
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value), key=repr)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}:{named.__qualname__}"
