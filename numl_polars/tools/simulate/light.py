"""What photomultipliers see: flashes of light, their sums by photomultiplier, and pulses."""

from dataclasses import dataclass

import numpy as np

from numl_polars.tools.simulate.cascade import Forest
from numl_polars.tools.simulate.detector import Detector, Photomultipliers
from numl_polars.tools.simulate.generation import split
from numl_polars.tools.simulate.species import Bools, Floats, Ints

MEV = 1e3
CELL_CM = 40.0
"""Light of one cell comes from its middle."""
PE_PER_MEV, NEAR_CM = 4e3, 40.0
"""Photoelectrons of 1 MeV at 1 cm, and the distance below which no more of them come."""
LEAST_PE, FOUND_SHARE = 12, 0.93
"""A flash of fewer photoelectrons is not found; share of the others that are."""
STRAY_FLASHES, STRAY_MEV = 0.5, 40.0
"""Flashes of other particles in an event: their mean number and energy, at any time of its charge."""
LATE_US, LONGEST_US = 1.6, 8.0
PULSES_PER_LOG_PE = 1.5
READ_US, NOISE_PULSES = 23.4, 1.5
"""Time after the trigger with pulses of no flash; their mean number in a photomultiplier."""


@dataclass(frozen=True)
class Light:
    """Light of a block of events; flashes, sums and pulses stand by event.

    Attributes
    ----------
    flash_event, flash_time, flash_pe
        int64, float64 (flashes,), us after the trigger, and photoelectrons; the brightest of an event first.
    flash_centre, flash_width
        float64 (flashes, 3), cm, weighted by photoelectrons; x is that of the brightest photomultiplier.
    sum_flash, sum_channel, sum_pe
        int64, int64, float64 (sums,): row of the flash, photomultiplier, photoelectrons.
    pulse_event, pulse_sum, pulse_channel, pulse_pe, pulse_time
        int64 … float64 (pulses,): `pulse_sum` is a row, -1 for a pulse that is in no flash.
    """

    flash_event: Ints
    flash_time: Floats
    flash_pe: Floats
    flash_centre: Floats
    flash_width: Floats
    sum_flash: Ints
    sum_channel: Ints
    sum_pe: Floats
    pulse_event: Ints
    pulse_sum: Ints
    pulse_channel: Ints
    pulse_pe: Floats
    pulse_time: Floats


@dataclass(frozen=True)
class _Sources:
    """Where light comes from at once: event, cryostat and time of each, and expected photoelectrons."""

    event: Ints
    cryostat: Ints
    time: Floats
    expected: Floats


def photomultiplier_positions(detector: Detector, seen: Photomultipliers) -> Floats:
    """Position of each photomultiplier, by number, cm, float64 (photomultipliers, 3)."""
    places = np.array(seen.places)
    along_drift = np.repeat(detector.wires_at, len(places))
    return np.column_stack((along_drift, np.tile(places, (len(detector.wires_at), 1))))


def see_light(
    forest: Forest, kept: Bools, detector: Detector, seen: Photomultipliers, rng: np.random.Generator
) -> Light:
    """Light of the events, bool (events,), that are `kept`, as the photomultipliers have `seen` it."""
    position = photomultiplier_positions(detector, seen)
    beam = _beam(forest, kept, detector, seen, position, rng)
    stray = _strays(kept, detector, position, rng)
    event = np.concatenate((beam.event, stray.event))
    time = np.concatenate((beam.time, stray.time))
    counted = rng.poisson(np.concatenate((beam.expected, stray.expected)))
    order = np.lexsort((-counted.sum(axis=1), event))
    found = (counted.sum(axis=1) >= LEAST_PE) & (rng.random(event.size) < FOUND_SHARE)
    order = order[found[order]]
    event, time, counted = event[order], time[order], counted[order].astype(np.float64)

    sum_flash, channel = np.nonzero(counted)
    sum_pe = counted[sum_flash, channel] * np.exp(0.1 * rng.standard_normal(sum_flash.size))
    total = np.bincount(sum_flash, sum_pe, event.size).astype(np.float64, copy=False)
    mean = np.stack(
        [np.bincount(sum_flash, sum_pe * position[channel, axis], event.size) for axis in range(3)], axis=1
    )
    centre = mean / total[:, None]
    away = (position[channel] - centre[sum_flash]) ** 2
    spread = np.stack(
        [np.bincount(sum_flash, sum_pe * away[:, axis], event.size) for axis in range(3)], axis=1
    )
    centre[:, 0] = position[counted.argmax(axis=1), 0] if event.size else 0.0
    pulses = _pulses(kept, event[sum_flash], channel, sum_pe, time[sum_flash], len(position), rng)
    return Light(
        event, time, total, centre, np.sqrt(spread / total[:, None]), sum_flash, channel, sum_pe, *pulses
    )


def _beam(
    forest: Forest,
    kept: Bools,
    detector: Detector,
    seen: Photomultipliers,
    position: Floats,
    rng: np.random.Generator,
) -> _Sources:
    """Light of what the neutrinos made: one source for each event and cryostat that has any."""
    start, length = seen.beam_us
    beam_time = start + length * rng.random(kept.size)
    event = forest.particles.event[forest.step_particle]
    step = np.flatnonzero(detector.contains(forest.step_position) & kept[event])
    cryostat = detector.cryostat_of(detector.tpc_of(forest.step_position[step]))
    cell = np.floor((forest.step_position[step] - detector.lower) / CELL_CM).astype(np.int64)
    key = np.column_stack((event[step], cryostat, cell))
    cells, row = np.unique(key, axis=0, return_inverse=True)
    energy = MEV * np.bincount(row.ravel(), forest.step_energy[step], len(cells)).astype(np.float64)
    middle: Floats = np.asarray(detector.lower) + (cells[:, 2:] + 0.5) * CELL_CM
    expected = _expected(detector, position, cells[:, 1], middle, energy)
    first = np.flatnonzero(np.diff(cells[:, 0] * detector.cryostats + cells[:, 1], prepend=-1))
    summed = np.add.reduceat(expected, first, axis=0) if first.size else expected
    return _Sources(cells[first, 0], cells[first, 1], beam_time[cells[first, 0]], summed)


def _strays(kept: Bools, detector: Detector, position: Floats, rng: np.random.Generator) -> _Sources:
    """Light of other particles, at any time since which charge can have drifted."""
    event = np.repeat(np.arange(kept.size), rng.poisson(STRAY_FLASHES * kept))
    at = np.add(detector.lower, rng.random((event.size, 3)) * np.subtract(detector.upper, detector.lower))
    cryostat = detector.cryostat_of(detector.tpc_of(at))
    longest = detector.longest_drift / detector.tick_cm * detector.tick_us
    time = longest * (2 * rng.random(event.size) - 1)
    energy = STRAY_MEV * rng.standard_exponential(event.size)
    return _Sources(event, cryostat, time, _expected(detector, position, cryostat, at, energy))


def _expected(detector: Detector, position: Floats, cryostat: Ints, source: Floats, energy: Floats) -> Floats:
    """Photoelectrons that each photomultiplier expects of each source, (sources, photomultipliers)."""
    away = source[:, None] - position
    distance = np.maximum(np.einsum("ijk,ijk->ij", away, away), NEAR_CM**2)
    together = cryostat[:, None] == detector.cryostat_of(detector.drift_of(position[:, 0]))
    result: Floats = PE_PER_MEV * energy[:, None] / distance * together
    return result


def _pulses(
    kept: Bools,
    event: Ints,
    channel: Ints,
    pe: Floats,
    time: Floats,
    num_channels: int,
    rng: np.random.Generator,
) -> tuple[Ints, Ints, Ints, Floats, Floats]:
    """Event, row of the sum, channel, photoelectrons and time of pulses: of sums, and noise."""
    number = 1 + rng.poisson(PULSES_PER_LOG_PE * np.log1p(pe))
    owner = np.repeat(np.arange(pe.size), number)
    is_first = np.diff(owner, prepend=-1) > 0
    late = np.minimum(LATE_US * rng.standard_exponential(owner.size), LONGEST_US)
    noise = np.repeat(np.arange(kept.size), rng.poisson(NOISE_PULSES * num_channels * kept))
    events = np.concatenate((event[owner], noise))
    channels = np.concatenate((channel[owner], rng.integers(0, num_channels, noise.size)))
    times = np.concatenate((time[owner] + np.where(is_first, 0.0, late), READ_US * rng.random(noise.size)))
    of_sum = np.concatenate((owner, np.full(noise.size, -1)))
    seen = np.concatenate((split(pe, owner, rng), rng.standard_exponential(noise.size)))
    order = np.lexsort((times, channels, events))
    return events[order], of_sum[order], channels[order], seen[order], times[order]
