"""What all labelling schemes have in common: classes, parameters, and what to do where no rule holds."""

from collections.abc import Mapping
from typing import Any, ClassVar

from numl_polars.errors import LabelError
from numl_polars.labels.rules import REJECT, STOP, RuleList
from numl_polars.parameters import Parameters, plain


class Scheme(Parameters, is_base=True):
    """Classes, and how they are given; its annotated attributes are its parameters."""

    fault = LabelError
    classes: ClassVar[tuple[str, ...]] = ()
    untrained: ClassVar[tuple[str, ...]] = ()
    """The last of `classes`, if they are no training targets."""

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

    def describe(self) -> dict[str, Any]:
        """What a file records of the scheme: its name, where it is defined, classes and parameters."""
        return {
            "scheme": self.name,
            "module": type(self).__module__,
            "classes": list(self.classes),
            "parameters": {name: plain(value) for name, value in self.parameters.items()},
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
