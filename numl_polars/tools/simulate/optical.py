"""Optical tables of a block of events, where a generation of files has them."""

import numpy as np

from numl_polars.tools.simulate.cascade import Forest
from numl_polars.tools.simulate.columns import Table, float32, int32
from numl_polars.tools.simulate.detector import Detector
from numl_polars.tools.simulate.light import Light, photomultiplier_positions, see_light
from numl_polars.tools.simulate.species import Bools, Floats, Ints

MEAN_ID_GAP = 0.3
"""Mean number of identifiers left out after each."""
ADC_PER_PE, US_PER_AREA = 120.0, 6.0


def optical_tables(
    forest: Forest, kept: Bools, detector: Detector, rng: np.random.Generator
) -> dict[str, Table]:
    """Flashes, sums and pulses of the events that are `kept`; no table where light is not seen.

    Identifiers have gaps and, but for those of pulses, stand in no order.
    """
    seen = detector.photomultipliers
    if seen is None:
        return {}
    light = see_light(forest, kept, detector, seen, rng)
    position = photomultiplier_positions(detector, seen)
    flash_id = _identifiers(light.flash_event, rng, shuffled=True)
    sum_id = _identifiers(light.flash_event[light.sum_flash], rng, shuffled=True)
    tables = {
        "opflash_table": _flashes(light, flash_id, detector, rng),
        "opflashsumpe_table": Table(
            light.flash_event[light.sum_flash],
            {
                "sumpe_id": int32(sum_id),
                "flash_id": int32(flash_id[light.sum_flash]),
                "pmt_channel": int32(light.sum_channel),
                "sumpe": float32(light.sum_pe),
            },
        ),
        "ophit_table": _pulses(light, sum_id, position, detector, rng),
    }
    with_positions = detector.contents.photomultipliers
    if with_positions is not None:
        channel = light.sum_channel if with_positions == "opflashsumpe_table" else light.pulse_channel
        tables[with_positions].columns["yz_pos"] = float32(position[channel, 1:])
    return tables


def _flashes(light: Light, flash_id: Ints, detector: Detector, rng: np.random.Generator) -> Table:
    return Table(
        light.flash_event,
        {
            "flash_id": int32(flash_id),
            "time": float32(light.flash_time),
            "time_width": float32(2.0 + 2.0 * rng.random(light.flash_event.size)),
            "totalpe": float32(light.flash_pe),
            "y_center": float32(light.flash_centre[:, 1]),
            "y_width": float32(light.flash_width[:, 1]),
            "z_center": float32(light.flash_centre[:, 2]),
            "z_width": float32(light.flash_width[:, 2]),
            "wire_pos": int32(_wires(light.flash_centre, detector)),
        },
    )


def _pulses(
    light: Light, sum_id: Ints, position: Floats, detector: Detector, rng: np.random.Generator
) -> Table:
    in_flash = light.pulse_sum >= 0
    named = np.full(light.pulse_sum.size, -1)
    named[in_flash] = sum_id[light.pulse_sum[in_flash]]
    area = ADC_PER_PE * light.pulse_pe
    return Table(
        light.pulse_event,
        {
            "hit_id": int32(_identifiers(light.pulse_event, rng)),
            "sumpe_id": int32(named),
            "hit_channel": int32(light.pulse_channel),
            "amplitude": float32(area / US_PER_AREA * np.exp(0.1 * rng.standard_normal(area.size))),
            "area": float32(area),
            "pe": float32(light.pulse_pe),
            "peaktime": float32(light.pulse_time),
            "width": float32(0.1 + 0.1 * rng.standard_exponential(area.size)),
            "wire_pos": int32(_wires(position, detector)[light.pulse_channel]),
        },
    )


def _wires(position: Floats, detector: Detector) -> Ints:
    """Nearest wire of each view, int64 (n, views)."""
    tpc = detector.tpc_of(position)
    return np.stack([detector.wire_of(view, tpc, position) for view in range(detector.num_views)], axis=1)


def _identifiers(event: Ints, rng: np.random.Generator, *, shuffled: bool = False) -> Ints:
    """Identifiers that are unique in each event, with gaps, int64 (n,); `event` ascends."""
    order = np.lexsort((rng.random(event.size), event)) if shuffled else np.arange(event.size)
    upto = np.cumsum(1 + rng.poisson(MEAN_ID_GAP, event.size))
    is_first = np.diff(event, prepend=-1) > 0
    start = np.maximum.accumulate(np.where(is_first, upto, 0))
    result = np.empty_like(event)
    result[order] = upto - start
    return result
