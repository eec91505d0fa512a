"""Tiny event files from literal rows.

event = simple_event()                          # tables of one event, columns as NumPy arrays
event["particle_table"]["parent_id"][0] = 99    # make it wrong
write_events(path, [event, simple_event()])
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]
Table = dict[str, Column]
Event = dict[str, Table]

PLANES = 3


def simple_event(hits: int = 25, *, seed: int = 0) -> Event:
    """An event of a muon with `hits` hits on each plane, MicroBooNE columns, that becomes a graph.

    Hits are stored plane 2, 1, 0 and have `hit_id` 0, 1, …; each has one deposit of particle 1, and
    spacepoint i joins the i-th hits of the planes.
    """
    rng = np.random.default_rng(seed)
    num = PLANES * hits
    plane = np.repeat([2, 1, 0], hits).astype(np.int32)
    hit_id = np.arange(num, dtype=np.int32)
    return {
        "event_table": {
            "is_cc": np.array([1], np.int32),
            "nu_pdg": np.array([14], np.int32),
            "nu_vtx_corr": np.array([[1, 2, 3]], np.float32),
        },
        "hit_table": {
            "hit_id": hit_id,
            "local_plane": plane,
            "local_wire": rng.integers(0, 2000, num).astype(np.int32),
            "local_time": rng.uniform(0, 4000, num).astype(np.float32),
            "integral": rng.uniform(10, 200, num).astype(np.float32),
            "rms": rng.uniform(2, 8, num).astype(np.float32),
            "tpc": np.zeros(num, np.int32),
        },
        "particle_table": particles([(1, 0, 13, 0.5, "primary", "Decay")]),
        "edep_table": {
            "hit_id": hit_id.copy(),
            "g4_id": np.ones(num, np.int32),
            "energy": rng.uniform(0.1, 3, num).astype(np.float32),
            "x_position": rng.uniform(0, 250, num).astype(np.float32),
            "y_position": rng.uniform(-110, 110, num).astype(np.float32),
            "z_position": rng.uniform(0, 1000, num).astype(np.float32),
        },
        "spacepoint_table": {
            "spacepoint_id": np.arange(hits, dtype=np.int32),
            "position": rng.uniform(0, 250, (hits, 3)).astype(np.float32),
            "hit_id": np.stack([hit_id[plane == p] for p in range(PLANES)], axis=1),
        },
    }


def particles(rows: Sequence[tuple[int, int, int, float, str, str]]) -> Table:
    """Particle table of rows (g4_id, parent_id, type, momentum, start_process, end_process)."""
    g4_id, parent_id, pdg, momentum, start, end = zip(*rows, strict=True) if rows else [()] * 6
    return {
        "g4_id": np.array(g4_id, np.int32),
        "parent_id": np.array(parent_id, np.int32),
        "type": np.array(pdg, np.int32),
        "momentum": np.array(momentum, np.float32),
        "start_process": np.array(start, "S64"),
        "end_process": np.array(end, "S64"),
    }


def without_rows(event: Event) -> Event:
    """The event with no row in any table but the event table."""
    return {
        name: table if name == "event_table" else {column: rows[:0] for column, rows in table.items()}
        for name, table in event.items()
    }


def join(events: Sequence[Event], ids: Sequence[tuple[int, int, int]] | None = None) -> dict[str, Table]:
    """Tables of all events, with `event_id` and both keys; ids default to (1, 0, 0), (1, 0, 1), …"""
    ids = ids if ids is not None else [(1, 0, number) for number in range(len(events))]
    tables: dict[str, Table] = {}
    for name in {name: None for event in events for name in event}:
        parts = [event[name] for event in events]
        table = {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}
        counts = [len(next(iter(part.values()))) for part in parts]
        table["event_id"] = np.repeat(np.array(ids, np.int32).reshape(-1, 3), counts, axis=0)
        table["event_id.seq"] = np.repeat(np.arange(len(events)), counts).astype(np.int64)
        filled = [number for number, count in enumerate(counts) if count]
        lines = [(number, counts[number]) for number in filled]
        table["event_id.seq_cnt"] = np.array(lines, np.int64).reshape(-1, 2)
        tables[name] = table
    return tables


def write_tables(
    path: Path, tables: Mapping[str, Mapping[str, Column]], *, variable_strings: bool = False, **storage: Any
) -> Path:
    """An HDF5 file of the tables; 1-D columns become (rows, 1). `storage` goes to each dataset."""
    with h5py.File(path, "w") as file:
        for name, table in tables.items():
            group = file.create_group(name)
            for column, rows in table.items():
                block = rows.reshape(len(rows), 1) if rows.ndim == 1 else rows
                if block.dtype.kind == "S" and variable_strings:
                    group.create_dataset(
                        column, data=block.astype(object), dtype=h5py.string_dtype("ascii"), **storage
                    )
                else:
                    group.create_dataset(column, data=block, **storage)
    return path


def write_events(
    path: Path, events: Sequence[Event], ids: Sequence[tuple[int, int, int]] | None = None, **options: Any
) -> Path:
    """An event file of these events; see `join` and `write_tables`."""
    return write_tables(path, join(events, ids), **options)
