"""Tables of a block of events: the columns, and their dtypes, that the files of each generation have."""

import numpy as np

from numl_polars.tools.simulate.cascade import Forest, grow
from numl_polars.tools.simulate.columns import Column, Table, codes, float32, int32
from numl_polars.tools.simulate.detector import Detector
from numl_polars.tools.simulate.interaction import Interactions, interact
from numl_polars.tools.simulate.optical import optical_tables
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

BLOCK_EVENTS = 32
"""Events are made in blocks of this size, each from a random generator of its own."""
SPACE_CHARGE_CM = (1.1, 0.3, 0.1)
"""Largest shift, along each axis, between where a vertex is and where it appears to be."""
LIGHT, QUALITY = 1, 2
"""Random numbers of their own, so that events are the same in files that lack light or quality."""


def simulate_block(block: int, detector: Detector, seed: int) -> dict[str, Table]:
    """Tables of block number `block`: always the same for the same detector and seed.

    Costs 0.1 to 0.3 seconds and, where a large event is in it, some 100 MB.
    """
    rng = np.random.default_rng([seed, block])
    interactions = interact(BLOCK_EVENTS, detector, rng)
    forest = grow(interactions.primaries, detector, rng)
    hits, deposits = read_out(forest, detector, rng)
    spacepoints = find_spacepoints(forest, hits, deposits, detector, rng)
    # Readers stop at an event that has hits but no spacepoint; such an event is empty.
    kept = np.bincount(spacepoints.event, minlength=BLOCK_EVENTS) > 0
    tables = {
        "edep_table": _edep_table(forest, hits, deposits, kept, detector),
        "event_table": _event_table(interactions, detector, rng),
        "hit_table": _hit_table(hits, kept, detector, rng),
        "particle_table": _particle_table(forest, kept, detector),
    }
    if detector.contents.has_spacepoints:
        quality = np.random.default_rng([seed, block, QUALITY])
        tables["spacepoint_table"] = _spacepoint_table(spacepoints, detector, quality)
    light = np.random.default_rng([seed, block, LIGHT])
    return tables | optical_tables(forest, kept, detector, light)


def _event_table(interactions: Interactions, detector: Detector, rng: np.random.Generator) -> Table:
    columns: dict[str, Column] = {
        "is_cc": int32(interactions.is_cc),
        "nu_pdg": int32(interactions.pdg),
        "nu_energy": float32(interactions.energy),
        "lep_energy": float32(interactions.lepton_energy),
        "nu_dir": float32(interactions.direction),
    }
    if detector.contents.has_vertex:
        vertex = interactions.vertex
        seen = vertex + SPACE_CHARGE_CM * rng.random(vertex.shape)
        tpc = detector.tpc_of(seen)
        wires = [detector.wire_of(view, tpc, seen) for view in range(detector.num_views)]
        columns["nu_vtx"] = float32(vertex)
        columns["nu_vtx_corr"] = float32(seen)
        columns["nu_vtx_wire_pos"] = int32(np.stack(wires, axis=1))
        columns["nu_vtx_wire_time"] = float32(detector.tick_of(seen[:, 0], tpc))
    return Table(np.arange(interactions.pdg.size), columns)


def _particle_table(forest: Forest, kept: Bools, detector: Detector) -> Table:
    particles = forest.particles
    rows = np.flatnonzero(kept[particles.event])
    return Table(
        particles.event[rows],
        {
            "g4_id": int32(forest.g4_id[rows]),
            "parent_id": int32(forest.parent_id[rows]),
            detector.contents.particle_code: int32(particles.pdg[rows]),
            "momentum": float32(particles.magnitude[rows]),
            "start_process": codes(particles.start[rows]),
            "end_process": codes(forest.end[rows]),
            "start_position": float32(particles.position[rows]),
            "end_position": float32(forest.end_position[rows]),
        },
    )


def _hit_table(hits: Hits, kept: Bools, detector: Detector, rng: np.random.Generator) -> Table:
    rows = np.flatnonzero(kept[hits.event])
    view, tpc, wire = hits.view[rows], hits.tpc[rows], hits.wire[rows]
    noise = rng.standard_normal((2, rows.size))
    columns: dict[str, Column] = {
        "hit_id": int32(hits.hit_id[rows]),
        "integral": float32(np.maximum(ADC_PER_MEV * hits.energy[rows] + ADC_NOISE * noise[0], 1.0)),
        "rms": float32((RMS_TICKS + hits.width[rows]) * np.exp(0.2 * noise[1])),
        "tpc": int32(tpc),
    }
    if detector.contents.has_cryostats:
        columns["tpc"] = int32(detector.tpc_in_cryostat(tpc))
        columns["Cryostat"] = int32(detector.cryostat_of(tpc))
    columns |= _hit_positions(view, tpc, wire, hits.drift[rows], detector)
    return Table(hits.event[rows], columns)


def _hit_positions(view: Ints, tpc: Ints, wire: Ints, x: Floats, detector: Detector) -> dict[str, Column]:
    """Plane, wire and time of hits, and what they are over all TPCs, by the names of the generation."""
    contents = detector.contents
    as_wires = float32 if contents.wire_dtype == "float32" else int32
    local: tuple[Column, ...] = (
        int32(detector.plane_of(view, tpc)),
        as_wires(wire),
        float32(detector.tick_of(x, tpc)),
    )
    if contents.hit_position == "views":
        columns = dict(
            zip(("plane", "view", "wire", "time"), (local[0], int32(view), *local[1:]), strict=True)
        )
        columns["proj"] = float32(detector.projection(view, tpc, wire))
        columns["drift"] = float32(x)
        return columns
    columns = dict(zip(("local_plane", "local_wire", "local_time"), local, strict=True))
    if contents.hit_position == "stitched":
        columns["global_plane"] = int32(view)
        columns["global_wire"] = as_wires(detector.stitched_wire(view, tpc, wire))
        columns["global_time"] = float32(detector.stitched_tick(x))
    return columns


def _edep_table(forest: Forest, hits: Hits, deposits: Deposits, kept: Bools, detector: Detector) -> Table:
    rows = np.flatnonzero(kept[hits.event[deposits.hit]])
    hit, particle, energy = deposits.hit[rows], deposits.particle[rows], deposits.energy[rows]
    contents = detector.contents
    columns: dict[str, Column] = {}
    if contents.has_deposit_positions:
        position = float32(forest.step_position[deposits.step[rows]])
        for axis, name in enumerate(("x_position", "y_position", "z_position")):
            columns[name] = position[:, axis : axis + 1]
    else:
        hit, particle, energy = _summed(hit, particle, energy)
    for name in contents.energies:
        columns[name] = float32(energy if name == "energy" else energy / np.bincount(hit, energy)[hit])
    columns["g4_id"] = int32(forest.g4_id[particle])
    columns["hit_id"] = int32(hits.hit_id[hit])
    return Table(hits.event[hit], columns)


def _summed(hit: Ints, particle: Ints, energy: Floats) -> tuple[Ints, Ints, Floats]:
    """One deposit for each particle of each hit; `hit` ascends, and still does."""
    key = hit * (int(particle.max(initial=0)) + 1) + particle
    order = np.argsort(key, kind="stable")
    is_new = np.diff(key[order], prepend=-1) != 0
    total = np.bincount(np.cumsum(is_new) - 1, energy[order]).astype(np.float64, copy=False)
    first = order[is_new]
    return hit[first], particle[first], total


def _spacepoint_table(spacepoints: Spacepoints, detector: Detector, rng: np.random.Generator) -> Table:
    columns: dict[str, Column] = {
        "spacepoint_id": int32(spacepoints.spacepoint_id),
        "position": float32(spacepoints.position),
        "hit_id": int32(spacepoints.hit_id),
    }
    if detector.contents.has_cryostats:
        columns["Chi_squared"] = float32(rng.standard_exponential(spacepoints.event.size))
    return Table(spacepoints.event, columns)
