"""From NuML neutrino event files to labelled training objects: columnar, parallel, exact.

The names below are all of the public interface; each is imported when it is first used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from numl_polars.threads import share_cores

if TYPE_CHECKING:
    from numl_polars import training as training
    from numl_polars.detectors import Detector
    from numl_polars.errors import (
        InputError,
        LabelError,
        LabelWarning,
        LaunchError,
        NumlError,
        OptionError,
        OutputError,
        PartError,
        RankError,
    )
    from numl_polars.events.batch import Batch, Event
    from numl_polars.events.file import EventFile, EventFileWarning
    from numl_polars.events.file import open_events as open
    from numl_polars.labels.edge_labels import EdgeLabels
    from numl_polars.labels.event_labels import EventLabels
    from numl_polars.labels.outside.functions import FunctionLabels
    from numl_polars.labels.outside.loading import load_event_labels, load_particle_labels
    from numl_polars.labels.outside.pynuml import PynumlEventLabels, PynumlLabels
    from numl_polars.labels.particle_labels import ParticleLabels
    from numl_polars.labels.rules import Rule
    from numl_polars.labels.schemes.ccqe import CCQELabels
    from numl_polars.labels.schemes.events import FlavorLabels, ProtonDecayLabels
    from numl_polars.labels.schemes.standard import DeltaRayLabels, SimpleLabels, StandardLabels
    from numl_polars.labels.schemes.topology import TopologyLabels
    from numl_polars.objects import parts
    from numl_polars.objects.hit_graph import HitGraph
    from numl_polars.objects.maps.pixel_map import PixelMap
    from numl_polars.objects.maps.voxel_map import VoxelMap
    from numl_polars.objects.part import Part
    from numl_polars.objects.parts.functions import part
    from numl_polars.objects.training_object import Built, TrainingObject
    from numl_polars.output.convert import convert
    from numl_polars.output.merge import merge
    from numl_polars.output.splits import Splits
    from numl_polars.pipeline import process
    from numl_polars.tools.simulate import simulate

_HOMES = {
    "Batch": "events.batch",
    "Built": "objects.training_object",
    "CCQELabels": "labels.schemes.ccqe",
    "DeltaRayLabels": "labels.schemes.standard",
    "Detector": "detectors",
    "EdgeLabels": "labels.edge_labels",
    "Event": "events.batch",
    "EventFile": "events.file",
    "EventFileWarning": "events.file",
    "EventLabels": "labels.event_labels",
    "FlavorLabels": "labels.schemes.events",
    "FunctionLabels": "labels.outside.functions",
    "HitGraph": "objects.hit_graph",
    "InputError": "errors",
    "LabelError": "errors",
    "LabelWarning": "errors",
    "LaunchError": "errors",
    "NumlError": "errors",
    "OptionError": "errors",
    "OutputError": "errors",
    "Part": "objects.part",
    "PartError": "errors",
    "ParticleLabels": "labels.particle_labels",
    "PixelMap": "objects.maps.pixel_map",
    "ProtonDecayLabels": "labels.schemes.events",
    "PynumlEventLabels": "labels.outside.pynuml",
    "PynumlLabels": "labels.outside.pynuml",
    "RankError": "errors",
    "Rule": "labels.rules",
    "SimpleLabels": "labels.schemes.standard",
    "Splits": "output.splits",
    "StandardLabels": "labels.schemes.standard",
    "TopologyLabels": "labels.schemes.topology",
    "TrainingObject": "objects.training_object",
    "VoxelMap": "objects.maps.voxel_map",
    "convert": "output.convert",
    "load_event_labels": "labels.outside.loading",
    "load_particle_labels": "labels.outside.loading",
    "merge": "output.merge",
    "open": "events.file",
    "part": "objects.parts.functions",
    "process": "pipeline",
    "simulate": "tools.simulate",
}
_NAMES = {"open": "open_events"}
_MODULES = {"parts": "objects.parts"}

__all__ = [
    "Batch",
    "Built",
    "CCQELabels",
    "DeltaRayLabels",
    "Detector",
    "EdgeLabels",
    "Event",
    "EventFile",
    "EventFileWarning",
    "EventLabels",
    "FlavorLabels",
    "FunctionLabels",
    "HitGraph",
    "InputError",
    "LabelError",
    "LabelWarning",
    "LaunchError",
    "NumlError",
    "OptionError",
    "OutputError",
    "Part",
    "PartError",
    "ParticleLabels",
    "PixelMap",
    "ProtonDecayLabels",
    "PynumlEventLabels",
    "PynumlLabels",
    "RankError",
    "Rule",
    "SimpleLabels",
    "Splits",
    "StandardLabels",
    "TopologyLabels",
    "TrainingObject",
    "VoxelMap",
    "convert",
    "load_event_labels",
    "load_particle_labels",
    "merge",
    "open",
    "part",
    "parts",
    "process",
    "simulate",
]


class _Package(ModuleType):
    """Keeps `numl_polars.process` the function, also once the module of that name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
share_cores()


def __getattr__(name: str) -> Any:
    if name == "training":
        return import_module(f"{__name__}.training")
    if name in _MODULES:
        return import_module(f"{__name__}.{_MODULES[name]}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), _NAMES.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
