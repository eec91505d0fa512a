"""What the wire planes record: hits, the energy deposits they come from, and noise."""

from dataclasses import dataclass

import numpy as np

from numl_polars.tools.simulate.cascade import Forest
from numl_polars.tools.simulate.detector import Detector
from numl_polars.tools.simulate.species import Bools, Floats, Ints

MEV = 1e3
THRESHOLD_MEV = 0.08
"""A hit of less is not seen."""
ADC_PER_MEV, ADC_NOISE = 150.0, 8.0
DIFFUSION_TICKS = 0.35
GAP_TICKS, LONGEST_TICKS = 8.0, 60.0
"""Charge on one wire belongs to one hit up to such a gap, and within such a stretch of time."""
RMS_TICKS = 2.0
NOISE_HITS, NOISE_SHARE = 1.0, 0.03
"""Hits without particle: mean number in an event, and for each hit that has one."""
NOISE_WIRES, NOISE_TICKS, NOISE_MEV = 60, 300.0, 0.15
TIME_BITS, WIRE_BITS, TPC_BITS = 21, 13, 5
TIME_STEPS = 64.0


@dataclass(frozen=True)
class Hits:
    """Hits of a block, ordered by event, view y first, TPC, wire and time; n of them.

    Attributes
    ----------
    event, hit_id, view, tpc, wire
        int64 (n,), `hit_id` counts from 0 in each event.
    drift
        float64 (n,), x in cm.
    energy, width
        float64 (n,), MeV deposited; spread in ticks.
    """

    event: Ints
    hit_id: Ints
    view: Ints
    tpc: Ints
    wire: Ints
    drift: Floats
    energy: Floats
    width: Floats


@dataclass(frozen=True)
class Deposits:
    """Energy of one step seen by one view; m of them, in order of the hits they belong to.

    Attributes
    ----------
    hit, step, particle
        int64 (m,), rows of `Hits`, of the forest's steps and of its particles.
    energy
        float64 (m,), MeV.
    """

    hit: Ints
    step: Ints
    particle: Ints
    energy: Floats


def read_out(forest: Forest, detector: Detector, rng: np.random.Generator) -> tuple[Hits, Deposits]:
    """Hits and deposits of all steps that lie in the detector."""
    inside = np.flatnonzero(detector.contains(forest.step_position) & (forest.step_energy > 0))
    position = forest.step_position[inside]
    tpc = detector.tpc_of(position)
    drift = position[:, 0] + DIFFUSION_TICKS * detector.tick_cm * rng.standard_normal(inside.size)
    num_views = detector.num_views
    view = np.repeat(np.arange(num_views), inside.size)
    step, tpcs, drifts = np.tile(inside, num_views), np.tile(tpc, num_views), np.tile(drift, num_views)
    wire = np.concatenate([detector.wire_of(number, tpc, position) for number in range(num_views)])
    seen = ~detector.is_dead(view, tpcs, wire)
    view, step, tpcs, drifts, wire = view[seen], step[seen], tpcs[seen], drifts[seen], wire[seen]

    event = forest.particles.event[forest.step_particle[step]]
    tick = detector.tick_of(drifts, tpcs)
    channel = _channel(event, view, tpcs, wire, num_views)
    order = np.argsort(channel << TIME_BITS | (tick * TIME_STEPS).astype(np.int64), kind="stable")
    first = _hit_starts(channel[order], tick[order])
    hit_of = np.cumsum(first) - 1
    step, drifts, tick = step[order], drifts[order], tick[order]
    energy = MEV * forest.step_energy[step]

    total = np.bincount(hit_of, energy).astype(np.float64, copy=False)
    mean_drift = np.bincount(hit_of, energy * drifts) / total
    mean_tick = detector.tick_of(mean_drift, tpcs[order[first]])
    spread = np.sqrt(np.bincount(hit_of, energy * (tick - mean_tick[hit_of]) ** 2) / total)
    at = order[first]
    strong = total >= THRESHOLD_MEV
    hits = Hits(
        event[at][strong],
        np.empty(0, np.int64),
        view[at][strong],
        tpcs[at][strong],
        wire[at][strong],
        mean_drift[strong],
        total[strong],
        spread[strong],
    )
    hits, row_of = _with_noise(hits, detector, rng)
    hit_row = np.full(total.size, -1)
    hit_row[strong] = row_of
    kept = strong[hit_of]
    step = step[kept]
    return hits, Deposits(hit_row[hit_of[kept]], step, forest.step_particle[step], energy[kept])


def _channel(event: Ints, view: Ints, tpc: Ints, wire: Ints, num_views: int) -> Ints:
    """One number for each wire of each event, in the order in which hits are stored: the last view first."""
    plane = event * num_views + (num_views - 1 - view)
    return (plane << TPC_BITS | tpc) << WIRE_BITS | wire


def _hit_starts(channel: Ints, tick: Floats) -> Bools:
    """Whether a new hit starts at each deposit; deposits are ordered by channel and tick."""
    stretch = np.floor(tick / LONGEST_TICKS)
    first = np.ones(channel.size, bool)
    first[1:] = (np.diff(channel) != 0) | (np.diff(tick) > GAP_TICKS) | (np.diff(stretch) != 0)
    return first


def _with_noise(hits: Hits, detector: Detector, rng: np.random.Generator) -> tuple[Hits, Ints]:
    """Hits in their final order with noise among them, and the new row of each that was given."""
    events = int(hits.event.max(initial=-1)) + 1
    number = np.bincount(hits.event, minlength=events)
    noise = rng.poisson(np.where(number > 0, NOISE_HITS + NOISE_SHARE * number, 0.0))
    before = np.cumsum(number) - number
    event = np.repeat(np.arange(events), noise)
    near = before[event] + (rng.random(event.size) * number[event]).astype(np.int64)
    moved = hits.wire[near] + rng.integers(-NOISE_WIRES, NOISE_WIRES, event.size)
    last = detector.num_wires[hits.view[near]] - 1
    wire = np.concatenate((hits.wire, np.clip(moved, 0, last)))
    shift = NOISE_TICKS * detector.tick_cm * rng.standard_normal(event.size)
    drift = detector.kept_in(hits.tpc[near], hits.drift[near], hits.drift[near] + shift)

    event = np.concatenate((hits.event, event))
    view = np.concatenate((hits.view, hits.view[near]))
    tpc = np.concatenate((hits.tpc, hits.tpc[near]))
    drift = np.concatenate((hits.drift, drift))
    energy = np.concatenate((hits.energy, THRESHOLD_MEV + NOISE_MEV * rng.standard_exponential(near.size)))
    width = np.concatenate((hits.width, rng.random(near.size)))
    ticks = (detector.tick_of(drift, tpc) * TIME_STEPS).astype(np.int64)
    channel = _channel(event, view, tpc, wire, detector.num_views)
    order = np.argsort(channel << TIME_BITS | ticks, kind="stable")
    row_of = np.empty_like(order)
    row_of[order] = np.arange(order.size)
    total = np.bincount(event, minlength=events)
    hit_id = np.arange(order.size) - np.repeat(np.cumsum(total) - total, total)
    ordered = Hits(
        event[order], hit_id, view[order], tpc[order], wire[order], drift[order], energy[order], width[order]
    )
    return ordered, row_of[: hits.event.size]
