"""Spacepoints: three-dimensional positions where wires of several views saw the same charge."""

from dataclasses import dataclass

import numpy as np

from numl_polars.tools.simulate.cascade import Forest
from numl_polars.tools.simulate.detector import Detector
from numl_polars.tools.simulate.readout import Deposits, Hits
from numl_polars.tools.simulate.species import Floats, Ints

HIT_BITS = 18
FOUND_SHARE = 0.45
"""Share of the coincidences of wires that a reconstruction keeps."""
SMEAR_CM = 0.15
NO_HIT = -1
MIN_VIEWS = 2


@dataclass(frozen=True)
class Spacepoints:
    """Spacepoints of a block, ordered by event; n of them.

    Attributes
    ----------
    event, spacepoint_id
        int64 (n,), the identifier ascends with gaps in each event.
    hit_id
        int64 (n, views), hits of views u, v, y; -1 where a view has none.
    position
        float64 (n, 3), cm.
    """

    event: Ints
    spacepoint_id: Ints
    hit_id: Ints
    position: Floats


def find_spacepoints(
    forest: Forest, hits: Hits, deposits: Deposits, detector: Detector, rng: np.random.Generator
) -> Spacepoints:
    """Spacepoints of the coincidences that are found; an event that has any coincidence has a spacepoint."""
    hit_of_step = np.full((forest.step_particle.size, detector.num_views), NO_HIT)
    hit_of_step[deposits.step, hits.view[deposits.hit]] = hits.hit_id[deposits.hit]
    step = np.flatnonzero((hit_of_step > NO_HIT).sum(axis=1) >= MIN_VIEWS)
    triple = hit_of_step[step]
    event = forest.particles.event[forest.step_particle[step]]

    # Events fill the upper bits of the first number, so that two sorts suffice for four columns.
    high = event << HIT_BITS | (triple[:, 0] + 1)
    low = (triple[:, 1] + 1) << HIT_BITS | (triple[:, 2:].sum(axis=1) + 1)
    order = np.lexsort((low, high))
    is_new = np.ones(order.size, bool)
    is_new[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    step, triple, event = step[order][is_new], triple[order][is_new], event[order][is_new]

    is_first = np.diff(event, prepend=-1) > 0
    found = (rng.random(event.size) < FOUND_SHARE) | is_first
    starts = np.maximum.accumulate(np.where(is_first, np.arange(event.size), 0))
    spacepoint_id = np.arange(event.size) - starts
    position = forest.step_position[step[found]]
    return Spacepoints(
        event[found],
        spacepoint_id[found],
        triple[found],
        position + SMEAR_CM * rng.standard_normal(position.shape),
    )
