"""Particle tables for the tests of labels: the shared data, and frames from literal rows."""

import os
from pathlib import Path
from typing import Any

import h5py
import polars as pl
import pytest

PROJECT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("NUML_POLARS_SHARED", PROJECT.parent / "shared"))
needs_shared = pytest.mark.skipif(
    not (SHARED / "data").is_dir(), reason=f"no shared data at {SHARED} (set NUML_POLARS_SHARED)"
)

SCHEMA = pl.Schema(
    {
        "event_index": pl.Int64(),
        "g4_id": pl.Int32(),
        "parent_id": pl.Int32(),
        "type": pl.Int32(),
        "start_process": pl.String(),
        "end_process": pl.String(),
        "momentum": pl.Float32(),
    }
)


def particles(*rows: tuple[Any, ...]) -> pl.DataFrame:
    """Table of rows (event_index, g4_id, parent_id, type, start_process, end_process, momentum).

    What a row leaves out at its end is a proton from nothing, at rest: particles of which one rule is sure.
    """
    rest = (0, 1, 0, 2212, "none", "none", 0.0)
    return pl.DataFrame([row + rest[len(row) :] for row in rows], schema=SCHEMA, orient="row")


def read_particles(path: Path) -> pl.DataFrame:
    """Particle table of an event file; events are told apart by (run, subrun, event)."""
    with h5py.File(path) as file:
        events = {tuple(row): index for index, row in enumerate(file["event_table/event_id"][:].tolist())}
        table = file["particle_table"]
        columns: dict[str, Any] = {
            "event_index": [events[tuple(row)] for row in table["event_id"][:].tolist()]
        }
        for name in list(SCHEMA)[1:]:
            values = table[name][:, 0]
            if values.dtype.kind in "SO":
                values = [text.decode("ascii") for text in values.tolist()]
            columns[name] = values
    return pl.DataFrame(columns, schema=SCHEMA)


def chain(length: int) -> pl.DataFrame:
    """One event of protons, in which every particle is the parent of the next."""
    return particles(*((0, row + 1, row) for row in range(length)))
