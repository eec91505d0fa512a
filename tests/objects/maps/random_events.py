"""Small events that have everything that can go wrong in a map, from a seed."""

import numpy as np

from tests.builder import Event, particles

PARTICLES = [
    (1, 0, 13, 0.5, "primary", "Decay"),
    (2, 0, 211, 0.4, "primary", "Decay"),
    (3, 0, 2212, 0.3, "primary", "Decay"),
    (4, 1, 11, 0.03, "Decay", "eIoni"),
    (5, 0, 2212, 0.3, "primary", "Decay"),
    # not trained
    (6, 0, 111, 0.3, "primary", "Decay"),
    # a class without instance
    (7, 1, 22, 0.001, "muMinusCaptureAtRest", "phot"),
]


def random_event(seed: int, *, hits: int = 25, plain: bool = False) -> Event:
    """An event with few positions, so that much falls together.

    With repeated hits, deposits of no hit, of no particle, NaN and negative energies, NaN and infinite
    positions and charges; without these if `plain`. Energies are multiples of a quarter: sums are exact.
    """
    rng = np.random.default_rng(seed)
    num = int(rng.integers(1, hits + 1))
    deposits = int(rng.integers(0, 3 * num))
    hit_id = rng.permutation(num).astype(np.int32)
    wire, time = rng.integers(0, 60, num), rng.choice([0.0, 10.5, 64.0, 99.75], num) + rng.uniform(0, 20, num)
    event: Event = {
        "event_table": {
            "is_cc": np.array([1], np.int32),
            "nu_pdg": np.array([14], np.int32),
            "nu_vtx": rng.uniform(-20, 40, (1, 3)).astype(np.float32),
            "nu_vtx_corr": rng.uniform(-20, 40, (1, 3)).astype(np.float32),
            "nu_vtx_wire_pos": rng.integers(0, 60, (1, 3)).astype(np.int32),
            "nu_vtx_wire_time": rng.uniform(0, 100, 1).astype(np.float32),
        },
        "hit_table": {
            "hit_id": hit_id,
            "local_plane": rng.integers(0, 3, num).astype(np.int32),
            "local_wire": wire.astype(np.float32),
            "local_time": time.astype(np.float32),
            "integral": (rng.integers(0, 40, num) / 4).astype(np.float32),
            "rms": rng.choice([0, 0.5, 2, 8, np.nan], num).astype(np.float32),
            "tpc": np.zeros(num, np.int32),
        },
        "particle_table": particles(PARTICLES),
        "edep_table": {
            "hit_id": rng.integers(0, num, deposits).astype(np.int32),
            "g4_id": rng.integers(1, 8, deposits).astype(np.int32),
            "energy": (rng.integers(0, 12, deposits) / 4).astype(np.float32),
            **{f"{axis}_position": rng.uniform(-20, 40, deposits).astype(np.float32) for axis in "xyz"},
        },
        "spacepoint_table": {
            "spacepoint_id": np.arange(num, dtype=np.int32),
            "position": rng.uniform(-20, 40, (num, 3)).astype(np.float32),
            "hit_id": rng.integers(-1, num, (num, 3)).astype(np.int32),
        },
    }
    if not plain:
        _damage(event, rng)
    return event


def _damage(event: Event, rng: np.random.Generator) -> None:
    table, deposits = event["hit_table"], event["edep_table"]
    num = len(table["hit_id"])
    if num > 1 and rng.random() < 0.5:
        table["hit_id"][rng.integers(num)] = table["hit_id"][rng.integers(num)]
    for column, value in (("local_time", np.nan), ("local_wire", np.inf), ("integral", np.nan)):
        table[column][rng.random(num) < 0.05] = value
    total = len(deposits["hit_id"])
    deposits["hit_id"][rng.random(total) < 0.1] = 1000
    deposits["energy"][rng.random(total) < 0.1] = np.nan
    deposits["energy"][rng.random(total) < 0.05] = -1
    deposits["x_position"][rng.random(total) < 0.1] = np.nan
    points = event["spacepoint_table"]
    points["position"][rng.random(num) < 0.1, 1] = np.nan
