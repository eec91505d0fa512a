"""Whole particle trees: from the primaries, generation by generation, until nothing new is made."""

from dataclasses import dataclass, replace

import numpy as np

from numl_polars.tools.simulate.daughters import daughters
from numl_polars.tools.simulate.detector import Detector
from numl_polars.tools.simulate.generation import Generation, concatenate
from numl_polars.tools.simulate.species import Floats, Ints
from numl_polars.tools.simulate.transport import Flights, follow

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
    flights = [follow(primaries, 0, detector, rng)]
    first_rows = [0]
    for _ in range(MAX_GENERATIONS):
        born = daughters(flights[-1], detector, rng)
        if not born.size:
            break
        first_rows.append(first_rows[-1] + flights[-1].birth.size)
        flights.append(follow(born, first_rows[-1], detector, rng))
    step_particle = np.concatenate(
        [first + flight.particle for first, flight in zip(first_rows, flights, strict=True)]
    )
    return _in_event_order(flights, step_particle, rng)


def _in_event_order(flights: list[Flights], step_particle: Ints, rng: np.random.Generator) -> Forest:
    """The forest of flights that are given a generation after the other; `step_particle` in that order."""
    particles = concatenate([flight.birth for flight in flights])
    ends = concatenate([flight.end for flight in flights])
    order = np.argsort(particles.event, kind="stable")
    row_of = np.empty_like(order)
    row_of[order] = np.arange(order.size)
    ordered = particles.take(order)
    mother = np.where(ordered.mother >= 0, row_of[ordered.mother], -1)
    g4_id = _identifiers(ordered.event, rng)
    return Forest(
        particles=replace(ordered, mother=mother),
        g4_id=g4_id,
        parent_id=np.where(mother >= 0, g4_id[mother], 0),
        end=ends.start[order],
        end_position=ends.position[order],
        step_particle=row_of[step_particle],
        step_position=np.concatenate([flight.position for flight in flights]),
        step_energy=np.concatenate([flight.energy for flight in flights]),
    )


def _identifiers(event: Ints, rng: np.random.Generator) -> Ints:
    """Numbers from 1 or somewhat above that ascend with gaps in each event; `event` ascends."""
    stride = 1 + (MEAN_ID_GAP * rng.standard_exponential(event.size)).astype(np.int64)
    total = np.cumsum(stride)
    is_first = np.diff(event, prepend=-1) > 0
    before = (total - stride)[is_first]
    result: Ints = total - np.repeat(before, np.diff(np.flatnonzero(is_first), append=event.size))
    return result
