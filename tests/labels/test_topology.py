"""Labels by what a particle looks like: each rule, and each side of each boundary."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from numl_polars.errors import OptionError
from numl_polars.labels.schemes.topology import TopologyLabels
from tests.labels.particles import class_names, particles

# stored as float32, widened before they are compared
SLOW = 0.02
FAST = float(np.nextafter(np.float32(0.02), np.float32(1)))


def with_extent(table: pl.DataFrame, *extents: float | None) -> pl.DataFrame:
    """The table with positions, cm: particles start at (1, 2, 3) and go along z."""
    start = [
        pl.lit(value, pl.Float32).alias(f"start_position_{x}")
        for x, value in zip("xyz", (1, 2, 3), strict=True)
    ]
    return table.with_columns(
        *start,
        end_position_x=pl.lit(1, pl.Float32),
        end_position_y=pl.lit(2, pl.Float32),
        end_position_z=3 + pl.Series(extents, dtype=pl.Float32),
    )


@pytest.mark.parametrize(
    "row, extent, wanted",
    [
        ((13, "primary", ""), 100, "track"),
        ((-211, "primary", ""), 1, "track"),
        ((2212, "primary", ""), 0.5, "blip"),
        ((2212, "primary", ""), None, "blip"),
        ((2212, "primary", ""), math.nan, "blip"),
        ((15, "primary", ""), 100, "track"),
        ((2112, "primary", "", 1.0), 100, "invisible"),
        ((111, "primary", "Decay", 1.0), 0, "invisible"),
        ((12, "primary", "", 1.0), 100, "invisible"),
        ((99999999, "primary", ""), 100, "track"),
        ((99999999, "primary", ""), 0, "blip"),
        ((22, "primary", "conv", FAST), 0, "shower"),
        ((22, "primary", "conv", SLOW), 100, "invisible"),
        ((22, "primary", "conv", None), 100, "invisible"),
        ((-11, "conv", "", FAST), 0, "shower"),
        ((11, "conv", "", SLOW), 100, "blip"),
        ((11, "conv", "", math.nan), 100, "blip"),
        ((11, "muIoni", "", 1.0), 1, "delta"),
        ((11, "hIoni", "", 0.0), 1, "delta"),
        ((11, "muIoni", "", 1.0), 0.9, "blip"),
        ((11, "hIoni", "", 1.0), None, "blip"),
        ((11, "eIoni", "", 1.0), 0.9, "shower"),
        ((11, "Decay", "", SLOW), 5, "blip"),
    ],
)  # fmt: skip
def test_topology__class_of_one_primary(row: tuple[Any, ...], extent: float | None, wanted: str) -> None:
    assert class_names(TopologyLabels(), with_extent(particles((0, 1, 0, *row)), extent)) == [wanted]


@pytest.mark.parametrize("start", ["Decay", "muMinusCaptureAtRest", "muPlusCaptureAtRest"])
def test_topology__michel_is_an_electron_of_the_end_of_a_muon(start: str) -> None:
    table = particles(
        (0, 1, 0, -13), (0, 2, 1, -11, start), (0, 3, 1, 11, "muIoni"), (0, 4, 0, 211), (0, 5, 4, 11, start),
        (0, 6, 1, 22, start),
    )  # fmt: skip
    table = with_extent(table, 100, 0.1, 0.1, 100, 0.1, 0.1)
    assert class_names(TopologyLabels(), table) == ["track", "michel", "blip", "track", "blip", "invisible"]


def test_topology__michels_deltas_and_showers_have_all_below_them() -> None:
    table = particles(
        (0, 1, 0, 13, "primary", "Decay", 1.0),
        (0, 2, 1, 11, "Decay", "", 0.05), (0, 3, 2, 22, "eBrem", "conv", 1.0), (0, 4, 3, 11, "conv", "", 1.0),
        (0, 5, 1, 11, "muIoni", "", 0.05), (0, 6, 5, 2212), (0, 7, 6, 22, "eBrem", "conv", 1.0),
        (0, 8, 0, 22, "primary", "conv", 1.0), (0, 9, 8, -11, "conv", "", 0.01), (0, 10, 9, 2112),
        (0, 11, 1, 2212), (0, 12, 11, 211),
    )  # fmt: skip
    table = with_extent(table, 100, *[0, 0, 0], *[2, 0, 0], *[0, 0, 0], *[3, 0])
    assert class_names(TopologyLabels(), table) == [
        "track", *["michel"] * 3, *["delta"] * 3, *["shower"] * 3, "track", "blip"
    ]  # fmt: skip
    assert TopologyLabels().apply(table)["instance_label"].to_list() == [0, 1, 1, 1, 2, 2, 2, 5, 5, 5, 3, 4]


def test_topology__thresholds_are_parameters() -> None:
    table = with_extent(particles((0, 1, 0, 2212), (0, 2, 0, 22, "", "", 0.5)), 2, 2)
    assert class_names(TopologyLabels(), table) == ["track", "shower"]
    assert class_names(TopologyLabels(blip_extent=2.1), table) == ["blip", "shower"]
    assert class_names(TopologyLabels(shower_threshold=0.6), table) == ["track", "invisible"]


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "1", True, None])
@pytest.mark.parametrize(
    "name, unit", [("blip_extent", "length in cm"), ("shower_threshold", "momentum in GeV")]
)
def test_topology__threshold_that_is_none_is_an_error(name: str, unit: str, value: Any) -> None:
    with pytest.raises(OptionError, match=rf"{name} is {value!r}; it must be a finite {unit}"):
        TopologyLabels(**{name: value})


def test_topology__labels_every_particle_and_does_not_train_on_the_invisible() -> None:
    assert TopologyLabels().rules()[-1].when is True
    assert TopologyLabels().trained_classes == ("track", "shower", "michel", "delta", "blip")
    assert TopologyLabels().columns["particle_table"][3:] == (
        *(f"end_position_{x}" for x in "xyz"), "momentum", *(f"start_position_{x}" for x in "xyz"),
        "start_process", "type",
    )  # fmt: skip
