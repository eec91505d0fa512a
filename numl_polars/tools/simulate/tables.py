"""Tables of a block of events: the columns, and their dtypes, that the files of each generation have."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numl_polars.tools.simulate.cascade import Forest, grow
from numl_polars.tools.simulate.detector import NUM_VIEWS, Detector
from numl_polars.tools.simulate.interaction import Interactions, interact
from numl_polars.tools.simulate.readout import (
    ADC_NOISE,
    ADC_PER_MEV,
    RMS_TICKS,
    Deposits,
    Hits,
    read_out,
)
from numl_polars.tools.simulate.spacepoints import Spacepoints, find_spacepoints
from numl_polars.tools.simulate.species import Bools, Floats, Ints

Column = NDArray[np.int32] | NDArray[np.float32] | NDArray[np.uint8]

BLOCK_EVENTS = 32
"""Events are made in blocks of this size, each from a random generator of its own."""
SPACE_CHARGE_CM = (1.1, 0.3, 0.1)
"""Largest shift, along each axis, between where a vertex is and where it appears to be."""
Y_VIEW = 2


@dataclass(frozen=True)
class Table:
    """Rows of one table for a block of events.

    Attributes
    ----------
    event
        int64 (rows,), ascending: the event's position in the block.
    columns
        Arrays of shape (rows, width): int32, float32, or uint8 codes of `PROCESSES`.
    """

    event: Ints
    columns: dict[str, Column]

    def before(self, event: int) -> "Table":
        """The rows of the events that precede `event`."""
        stop = int(np.searchsorted(self.event, event))
        return Table(self.event[:stop], {name: column[:stop] for name, column in self.columns.items()})


def simulate_block(block: int, detector: Detector, seed: int) -> dict[str, Table]:
    """Tables of block number `block`: always the same for the same detector and seed.

    Costs 0.1 to 0.3 seconds and, where a large event is in it, some 100 MB.
    """
    rng = np.random.default_rng([seed, block])
    interactions = interact(BLOCK_EVENTS, detector, rng)
    forest = grow(interactions.primaries, detector, rng)
    hits, deposits = read_out(forest, detector, rng)
    spacepoints = find_spacepoints(forest, hits, deposits, rng)
    # Readers stop at an event that has hits but no spacepoint; such an event is empty.
    kept = np.bincount(spacepoints.event, minlength=BLOCK_EVENTS) > 0
    return {
        "edep_table": _edep_table(forest, hits, deposits, kept, detector),
        "event_table": _event_table(interactions, detector, rng),
        "hit_table": _hit_table(hits, kept, detector, rng),
        "particle_table": _particle_table(forest, kept),
        "spacepoint_table": _spacepoint_table(spacepoints),
    }


def _event_table(interactions: Interactions, detector: Detector, rng: np.random.Generator) -> Table:
    columns: dict[str, Column] = {
        "is_cc": _int32(interactions.is_cc),
        "nu_pdg": _int32(interactions.pdg),
        "nu_energy": _float32(interactions.energy),
        "lep_energy": _float32(interactions.lepton_energy),
        "nu_dir": _float32(interactions.direction),
    }
    if detector.has_vertex:
        vertex = interactions.vertex
        seen = vertex + SPACE_CHARGE_CM * rng.random(vertex.shape)
        tpc = detector.tpc_of(seen)
        wires = [detector.wire_of(view, tpc, seen) for view in range(NUM_VIEWS)]
        columns["nu_vtx"] = _float32(vertex)
        columns["nu_vtx_corr"] = _float32(seen)
        columns["nu_vtx_wire_pos"] = _int32(np.stack(wires, axis=1))
        columns["nu_vtx_wire_time"] = _float32(detector.tick_of(seen[:, 0]))
    return Table(np.arange(interactions.pdg.size), columns)


def _particle_table(forest: Forest, kept: Bools) -> Table:
    particles = forest.particles
    rows = np.flatnonzero(kept[particles.event])
    return Table(
        particles.event[rows],
        {
            "g4_id": _int32(forest.g4_id[rows]),
            "parent_id": _int32(forest.parent_id[rows]),
            "type": _int32(particles.pdg[rows]),
            "momentum": _float32(particles.magnitude[rows]),
            "start_process": _codes(particles.start[rows]),
            "end_process": _codes(forest.end[rows]),
            "start_position": _float32(particles.position[rows]),
            "end_position": _float32(forest.end_position[rows]),
        },
    )


def _hit_table(hits: Hits, kept: Bools, detector: Detector, rng: np.random.Generator) -> Table:
    rows = np.flatnonzero(kept[hits.event])
    view, tpc, wire = hits.view[rows], hits.tpc[rows], hits.wire[rows]
    noise = rng.standard_normal((2, rows.size))
    tick = detector.tick_of(hits.drift[rows])
    columns: dict[str, Column] = {
        "hit_id": _int32(hits.hit_id[rows]),
        "integral": _float32(np.maximum(ADC_PER_MEV * hits.energy[rows] + ADC_NOISE * noise[0], 1.0)),
        "rms": _float32((RMS_TICKS + hits.width[rows]) * np.exp(0.2 * noise[1])),
        "tpc": _int32(tpc),
    }
    if detector.has_views:
        swapped = (tpc % 2 == 1) & (view < Y_VIEW)
        columns["plane"] = _int32(np.where(swapped, 1 - view, view))
        columns["view"] = _int32(view)
        columns["wire"] = _float32(wire)
        columns["time"] = _float32(tick)
        columns["proj"] = _float32(detector.projection(view, tpc, wire))
        columns["drift"] = _float32(hits.drift[rows])
    else:
        columns["local_plane"] = _int32(view)
        columns["local_wire"] = _int32(wire)
        columns["local_time"] = _float32(tick)
    return Table(hits.event[rows], columns)


def _edep_table(forest: Forest, hits: Hits, deposits: Deposits, kept: Bools, detector: Detector) -> Table:
    rows = np.flatnonzero(kept[hits.event[deposits.hit]])
    hit, particle, energy = deposits.hit[rows], deposits.particle[rows], deposits.energy[rows]
    columns: dict[str, Column] = {}
    if detector.sums_deposits:
        hit, particle, energy = _summed(hit, particle, energy)
        total = np.bincount(hit, energy)
        columns["energy_fraction"] = _float32(energy / total[hit])
    else:
        position = _float32(forest.step_position[deposits.step[rows]])
        for axis, name in enumerate(("x_position", "y_position", "z_position")):
            columns[name] = position[:, axis : axis + 1]
    columns["energy"] = _float32(energy)
    columns["g4_id"] = _int32(forest.g4_id[particle])
    columns["hit_id"] = _int32(hits.hit_id[hit])
    return Table(hits.event[hit], columns)


def _summed(hit: Ints, particle: Ints, energy: Floats) -> tuple[Ints, Ints, Floats]:
    """One deposit for each particle of each hit; `hit` ascends, and still does."""
    key = hit * (int(particle.max(initial=0)) + 1) + particle
    order = np.argsort(key, kind="stable")
    is_new = np.diff(key[order], prepend=-1) != 0
    total = np.bincount(np.cumsum(is_new) - 1, energy[order]).astype(np.float64, copy=False)
    first = order[is_new]
    return hit[first], particle[first], total


def _spacepoint_table(spacepoints: Spacepoints) -> Table:
    return Table(
        spacepoints.event,
        {
            "spacepoint_id": _int32(spacepoints.spacepoint_id),
            "position": _float32(spacepoints.position),
            "hit_id": _int32(spacepoints.hit_id),
        },
    )


def _int32(values: Ints | Bools) -> NDArray[np.int32]:
    return _wide(values).astype(np.int32)


def _float32(values: Floats | Ints) -> NDArray[np.float32]:
    return _wide(values).astype(np.float32)


def _codes(values: Ints) -> NDArray[np.uint8]:
    return _wide(values).astype(np.uint8)


def _wide(values: Floats | Ints | Bools) -> Floats | Ints | Bools:
    """The values as a column of a file: (rows, width), with width 1 where there is one a row."""
    return values if values.ndim > 1 else values[:, None]
