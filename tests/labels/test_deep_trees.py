"""Events of any size and trees of any depth: they are labelled, and rightly."""

import numpy as np
import polars as pl
import pytest

from numl_polars.labels.expressions import (
    ancestor,
    depth,
    has_ancestor,
    num_descendants,
    parent,
    sum_over_descendants,
)
from numl_polars.labels.particle_codes import is_electron, is_muon
from numl_polars.labels.rules import Rule
from tests.labels.particles import chain, scheme_of

TRACKS = scheme_of(
    Rule("shower", when=is_electron, spreads=True, instance="self"), Rule("track", instance="self"),
    names=["track", "shower"],
)  # fmt: skip
EVERYTHING = scheme_of(
    Rule("michel", when=is_electron & parent(is_muon), spreads=True, instance="self"),
    Rule("deep", when=depth >= 9_000, instance=ancestor(pl.col("g4_id") == 1)),
    Rule("many", when=num_descendants > 4_999, instance="primary"),
    Rule("rest", when=has_ancestor(is_muon) | (sum_over_descendants(is_muon) >= 0), instance="parent"),
)


@pytest.mark.parametrize("length", [10_000, 200_000])
@pytest.mark.parametrize("backwards", [False, True])
def test_apply__chain_as_deep_as_there_are_particles(length: int, backwards: bool) -> None:
    table = chain(length).with_columns(type=pl.when(pl.col("g4_id") == 6000).then(13).otherwise(2212))
    table = table.with_columns(type=pl.when(pl.col("g4_id") == length - 50).then(11).otherwise("type"))
    labels = EVERYTHING.apply(table.reverse() if backwards else table)
    labels = labels.reverse() if backwards else labels
    assert labels["fault"].null_count() == length
    place = np.arange(length)
    wanted = np.where(place >= 9_000, 1, np.where(length - place - 1 > 4_999, 2, 3))
    assert np.array_equal(labels["semantic_label"], wanted)
    # all are part of the first particle's object, but those whose object is their parent
    own = np.where(wanted == 3, labels["instance_label"] > 0, labels["instance_label"] == 0)
    assert own.all()


def test_apply__spreads_down_two_hundred_thousand_generations() -> None:
    table = chain(200_000).with_columns(
        type=pl.when(pl.col("g4_id") == 1).then(11).otherwise(13), momentum=1.0
    )
    for rows in (table, table.reverse()):
        assert TRACKS.apply(rows).unique().rows() == [(1, 0, None)]


def test_apply__event_of_two_hundred_thousand_particles_in_any_order() -> None:
    size = 200_000
    table = chain(size).with_columns(parent_id=pl.col("g4_id") // 2, g4_id=pl.col("g4_id"))
    shuffled = table.sample(fraction=1, shuffle=True, seed=7)
    scheme = scheme_of(
        Rule("low", when=depth < 10, instance="self"), Rule("high", instance=ancestor(depth == 9))
    )
    for rows in (table, shuffled):
        labels = pl.concat([rows, scheme.apply(rows)], how="horizontal").sort("g4_id")
        assert labels["fault"].null_count() == size
        low = (labels["g4_id"] < 1024).to_numpy()
        assert np.array_equal(labels["semantic_label"], ~low)
        ninth = pl.Series([int(i) >> max(int(i).bit_length() - 10, 0) for i in labels["g4_id"]])
        assert labels.group_by(ninth).agg(pl.col("instance_label").n_unique())["instance_label"].max() == 1
        assert labels["instance_label"].n_unique() == 1023


def test_apply__two_hundred_thousand_primaries() -> None:
    table = chain(200_000).with_columns(parent_id=0)
    labels = scheme_of(Rule("all", instance="self")).apply(table)
    assert np.array_equal(labels["instance_label"], np.arange(200_000))


def test_apply__circle_of_two_hundred_thousand() -> None:
    table = chain(200_000).with_columns(parent_id=pl.col("g4_id") % 200_000 + 1)
    assert TRACKS.apply(table)["fault"].unique().to_list() == ["circle"]
