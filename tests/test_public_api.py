"""The names that ``import numl_polars`` offers, pinned."""

import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import cast

import pytest

import numl_polars as nl

NAMES = [
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
HOMES = cast(Mapping[str, str], vars(nl)["_HOMES"])
MODULES = cast(Mapping[str, str], vars(nl)["_MODULES"])


def test_public_api__names_are_pinned() -> None:
    assert nl.__all__ == NAMES
    assert sorted([*HOMES, *MODULES]) == NAMES
    assert dir(nl) == sorted(NAMES)


@pytest.mark.parametrize("name", HOMES)
def test_public_api__name_is_that_of_its_home(name: str) -> None:
    home = import_module(f"numl_polars.{HOMES[name]}")
    assert getattr(nl, name) is getattr(home, {"open": "open_events"}.get(name, name))


@pytest.mark.parametrize("name", MODULES)
def test_public_api__module_is_that_of_its_home(name: str) -> None:
    assert getattr(nl, name) is import_module(f"numl_polars.{MODULES[name]}")


@pytest.mark.parametrize("name", NAMES)
def test_public_api__everything_says_what_it_is(name: str) -> None:
    assert callable(getattr(nl, name)) or name in MODULES
    assert getattr(nl, name).__doc__


def test_public_api__unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'numl_polars' has no attribute 'no_such_name'"):
        _ = nl.no_such_name


def test_public_api__modules_do_not_hide_names() -> None:
    code = """
import numl_polars as nl
before = {name: getattr(nl, name) for name in nl.__all__}
import numl_polars.cli, numl_polars.output.merge, numl_polars.process, numl_polars.tools.simulate
print([name for name in nl.__all__ if getattr(nl, name) is not before[name]])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_public_api__star_import() -> None:
    found: dict[str, object] = {}
    exec("from numl_polars import *", found)
    assert found.keys() - {"__builtins__"} == set(NAMES)
