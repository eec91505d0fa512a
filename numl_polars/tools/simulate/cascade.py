"""Whole particle trees: from the primaries, generation by generation, until nothing new is made."""

from dataclasses import dataclass

import numpy as np

from numl_polars.tools.simulate.daughters import daughters
from numl_polars.tools.simulate.detector import Detector
from numl_polars.tools.simulate.generation import Generation, concatenate
from numl_polars.tools.simulate.species import Floats, Ints
from numl_polars.tools.simulate.transport import Paths, follow

MAX_GENERATIONS = 60
"""Cascades end far earlier; a bound all the same."""
MEAN_ID_GAP = 1.2
"""Mean number of identifiers left out after each particle, as by a simulation that keeps some only."""


@dataclass(frozen=True)
class Forest:
    """All particles of a block, ordered by event, and in it from the primaries down.

    Attributes
    ----------
    particles
        The n particles at birth; `mother` is the row in this order.
    g4_id, parent_id
        int64 (n,), ascending with gaps in each event; the mother's, 0 for a primary.
    end, end_position
        int64 (n,), float64 (n, 3): code of the end process; cm.
    step_particle, step_position, step_energy
        int64 (m,), float64 (m, 3), float64 (m,): row of the particle, cm, GeV of each energy loss.
    """

    particles: Generation
    g4_id: Ints
    parent_id: Ints
    end: Ints
    end_position: Floats
    step_particle: Ints
    step_position: Floats
    step_energy: Floats


def grow(primaries: Generation, detector: Detector, rng: np.random.Generator) -> Forest:
    """Trees of all particles that descend from the primaries."""
    generations, all_paths, first_rows = [primaries], [follow(primaries, detector, rng)], [0]
    for _ in range(MAX_GENERATIONS):
        born = daughters(generations[-1], all_paths[-1], first_rows[-1], detector, rng)
        if not born.size:
            break
        first_rows.append(first_rows[-1] + generations[-1].size)
        generations.append(born)
        all_paths.append(follow(born, detector, rng))
    return _in_event_order(concatenate(generations), all_paths, first_rows, rng)


def _in_event_order(
    particles: Generation, all_paths: list[Paths], first_rows: list[int], rng: np.random.Generator
) -> Forest:
    """The forest of the particles, which are given a generation after the other."""
    order = np.argsort(particles.event, kind="stable")
    row_of = np.empty_like(order)
    row_of[order] = np.arange(order.size)
    ordered = particles.take(order)
    mother = np.where(ordered.mother >= 0, row_of[ordered.mother], -1)
    ordered = Generation(
        ordered.event, mother, ordered.pdg, ordered.start, ordered.momentum, ordered.position
    )
    g4_id = _identifiers(ordered.event, rng)
    step_particle = np.concatenate(
        [first + paths.particle for first, paths in zip(first_rows, all_paths, strict=True)]
    )
    return Forest(
        particles=ordered,
        g4_id=g4_id,
        parent_id=np.where(mother >= 0, g4_id[mother], 0),
        end=np.concatenate([paths.end for paths in all_paths])[order],
        end_position=np.concatenate([paths.end_position for paths in all_paths])[order],
        step_particle=row_of[step_particle],
        step_position=np.concatenate([paths.position for paths in all_paths]),
        step_energy=np.concatenate([paths.energy for paths in all_paths]),
    )


def _identifiers(event: Ints, rng: np.random.Generator) -> Ints:
    """Numbers from 1 or somewhat above that ascend with gaps in each event; `event` ascends."""
    stride = 1 + (MEAN_ID_GAP * rng.standard_exponential(event.size)).astype(np.int64)
    total = np.cumsum(stride)
    is_first = np.diff(event, prepend=-1) > 0
    before = (total - stride)[is_first]
    result: Ints = total - np.repeat(before, np.diff(np.flatnonzero(is_first), append=event.size))
    return result
