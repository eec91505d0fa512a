"""From NuML neutrino event files to labelled training graphs: columnar, parallel, exact.

The names below are all of the public interface; each is imported when it is first used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numl_polars.errors import (
        InputError,
        LabelError,
        LaunchError,
        NumlError,
        OptionError,
        OutputError,
        RankError,
    )
    from numl_polars.events.batch import Batch, Event
    from numl_polars.events.file import EventFile, EventFileWarning
    from numl_polars.events.file import open_events as open
    from numl_polars.labels.event_labels import EventLabels, FlavorLabels
    from numl_polars.labels.rules import InstanceRule, ParticleLabels, Rule
    from numl_polars.labels.standard import StandardLabels
    from numl_polars.objects.hit_graph import Built, HitGraph
    from numl_polars.output.merge import merge
    from numl_polars.output.splits import Splits
    from numl_polars.pipeline import process
    from numl_polars.tools.simulate import simulate

_HOMES = {
    "Batch": "events.batch",
    "Built": "objects.hit_graph",
    "Event": "events.batch",
    "EventFile": "events.file",
    "EventFileWarning": "events.file",
    "EventLabels": "labels.event_labels",
    "FlavorLabels": "labels.event_labels",
    "HitGraph": "objects.hit_graph",
    "InputError": "errors",
    "InstanceRule": "labels.rules",
    "LabelError": "errors",
    "LaunchError": "errors",
    "NumlError": "errors",
    "OptionError": "errors",
    "OutputError": "errors",
    "ParticleLabels": "labels.rules",
    "RankError": "errors",
    "Rule": "labels.rules",
    "Splits": "output.splits",
    "StandardLabels": "labels.standard",
    "merge": "output.merge",
    "open": "events.file",
    "process": "pipeline",
    "simulate": "tools.simulate",
}
_NAMES = {"open": "open_events"}

__all__ = [
    "Batch",
    "Built",
    "Event",
    "EventFile",
    "EventFileWarning",
    "EventLabels",
    "FlavorLabels",
    "HitGraph",
    "InputError",
    "InstanceRule",
    "LabelError",
    "LaunchError",
    "NumlError",
    "OptionError",
    "OutputError",
    "ParticleLabels",
    "RankError",
    "Rule",
    "Splits",
    "StandardLabels",
    "merge",
    "open",
    "process",
    "simulate",
]


class _Package(ModuleType):
    """Keeps `numl_polars.process` the function, also once the module of that name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), _NAMES.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
