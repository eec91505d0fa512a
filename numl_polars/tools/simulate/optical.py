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

    Identifiers have gaps and, but for those of pulses, stand in no order; unless sums are numbered by flash.
    """
    seen = detector.photomultipliers
    if seen is None:
        return {}
    light = see_light(forest, kept, detector, seen, rng)
    position = photomultiplier_positions(detector, seen)
    flash_id = _identifiers(light.flash_event, rng, shuffled=True)
    named = light.pulse_sum
    if detector.contents.numbers_sums_by_flash:
        is_first = np.diff(light.sum_flash, prepend=-1) > 0
        rows = np.arange(light.sum_flash.size)
        sum_id = rows - np.maximum.accumulate(np.where(is_first, rows, 0))
        of_brightest = np.append(_is_brightest(light)[light.sum_flash], False)
        named = np.where(of_brightest[named], named, -1)
    else:
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
        "ophit_table": _pulses(light, np.append(sum_id, -1)[named], position, detector, rng),
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


def _is_brightest(light: Light) -> Bools:
    """Whether a flash is the first with the most photoelectrons of its event, bool (flashes,)."""
    order = np.lexsort((-light.flash_pe, light.flash_event))
    result = np.zeros(order.size, bool)
    result[order] = np.diff(light.flash_event[order], prepend=-1) > 0
    return result


def _pulses(
    light: Light, named: Ints, position: Floats, detector: Detector, rng: np.random.Generator
) -> Table:
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
