"""Optical tables of random events."""

import numpy as np
from numpy.typing import NDArray

from tests.builder import Event, Table

OF_FLASH = ("time", "time_width", "totalpe", "y_center", "y_width", "z_center", "z_width")
OF_PULSE = ("amplitude", "area", "pe", "peaktime", "width")


def light(
    rng: np.random.Generator,
    *,
    ids: int = 4,
    flashes: int = 2,
    sums: int = 5,
    pulses: int = 9,
    positions: str = "ophit_table",
) -> Event:
    """Optical tables of an event; identifiers are of `ids`, so that some are repeated, and some not there.

    `positions` is the table that has those of photomultipliers, if any.
    """

    def drawn(number: int, low: int) -> NDArray[np.int32]:
        return rng.integers(low, ids, number).astype(np.int32)

    def numbers(number: int, *names: str) -> Table:
        return {name: rng.uniform(0, 100, number).astype(np.float32) for name in names}

    tables: Event = {
        "opflash_table": {
            "flash_id": drawn(flashes, 0),
            "wire_pos": rng.integers(0, 2000, (flashes, 3)).astype(np.int32),
            **numbers(flashes, *OF_FLASH),
            "time": rng.uniform(-1000, 1000, flashes).astype(np.float32),
        },
        "opflashsumpe_table": {
            "sumpe_id": drawn(sums, 0),
            "flash_id": drawn(sums, -1),
            "pmt_channel": drawn(sums, 0),
            **numbers(sums, "sumpe"),
        },
        "ophit_table": {
            "hit_id": np.arange(pulses, dtype=np.int32),
            "sumpe_id": drawn(pulses, -1),
            "hit_channel": drawn(pulses, 0),
            "wire_pos": rng.integers(0, 2000, (pulses, 3)).astype(np.int32),
            **numbers(pulses, *OF_PULSE),
        },
    }
    if positions:
        rows = len(tables[positions]["sumpe_id"])
        tables[positions]["yz_pos"] = rng.integers(-3, 3, (rows, 2)).astype(np.float32)
    return tables
