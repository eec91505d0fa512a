"""Who reads which events: ranges of about equal cost, within the range that was asked for."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import numl_polars as nl
from numl_polars.events.cost import event_costs
from numl_polars.pipeline import make_plan

GRAPH = nl.HitGraph(particle_labels=nl.StandardLabels(), event_labels=nl.FlavorLabels())
NUM_EVENTS = 60


@pytest.fixture(scope="module", params=["merged", "fresh", "contiguous"])
def simulated(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    path = tmp_path_factory.mktemp("plan") / f"{request.param}.evt.h5"
    nl.simulate(path, events=NUM_EVENTS, seed=2, layout=request.param)
    return path


@pytest.mark.parametrize("num_ranks", [1, 3, 100])
@pytest.mark.parametrize("part", [slice(None), slice(10, 45), slice(5, 5)])
def test_make_plan__ranges_cover_what_was_asked_for(simulated: Path, part: slice, num_ranks: int) -> None:
    with nl.open(simulated) as events:
        own = events[part]
        plan = make_plan(own, {"": GRAPH}, num_ranks)
        assert len(plan.ranges) == num_ranks
        assert plan.ranges[0][0] == own.start
        assert plan.ranges[-1][1] == own.stop
        assert all(start <= stop for start, stop in plan.ranges)
        assert all(left[1] == right[0] for left, right in pairwise(plan.ranges))


def test_make_plan__costliest_rank_is_near_the_mean(simulated: Path) -> None:
    with nl.open(simulated) as events:
        plan = make_plan(events, {"": GRAPH}, 4)
        costs = event_costs({table: np.diff(rows) for table, rows in plan.contents.offsets.items()})
    loads = np.array([costs[start:stop].sum() for start, stop in plan.ranges])
    assert loads.max() <= loads.mean() + costs.max()


def test_make_plan__same_whatever_is_asked_twice(simulated: Path) -> None:
    with nl.open(simulated) as events:
        assert make_plan(events, {"": GRAPH}, 7).ranges == make_plan(events, {"": GRAPH}, 7).ranges


def test_chunks__values_by_rows_of_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "a.evt.h5"
    nl.simulate(path, events=20, seed=2, layout="fresh")
    with nl.open(path) as events:
        assert events.chunks("hit_table", ["hit_id", "integral"]) == {128: 256}
        # one dataset of three columns
        assert events.chunks("spacepoint_table", ["position_x", "position_y"]) == {128: 384}
        assert events.chunks("hit_table", []) == {}
        with pytest.raises(nl.InputError, match="no column 'charge'"):
            events.chunks("hit_table", ["charge"])


def test_chunks__none_without_chunks(tmp_path: Path) -> None:
    path = tmp_path / "a.evt.h5"
    nl.simulate(path, events=20, seed=2, layout="contiguous")
    with nl.open(path) as events:
        assert events.chunks("hit_table", ["hit_id", "integral"]) == {}
