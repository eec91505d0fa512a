"""What the tests of the command share: its events, what they become, and reading what a run leaves."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import polars as pl

from tests.builder import Table, join, simple_event, without_rows

Finished = subprocess.CompletedProcess[str]
Here = Callable[..., Finished]
Tables = dict[str, Table]

# hits a plane: events of very different size, in the order of the file; 0 has no row in any table
SIZES = (60, 0, 21, 400, 20, 0, 25, 19, 150, 22, 0, 33, 45, 24, 28)
IDS = [(9 - i // 4, i % 2, 500 - 7 * i) for i in range(len(SIZES))]
FEW_HITS, LARGE_INTEGRAL, ORPHAN, NO_SPACEPOINTS = 7, 12, 13, 14
REJECTED = {
    1: "no_hits", 5: "no_hits", FEW_HITS: "few_hits", 10: "no_hits",
    LARGE_INTEGRAL: "large_integral", ORPHAN: "orphan",
}  # fmt: skip
KEPT = [i for i in range(len(SIZES)) if i not in REJECTED]
SPLITS = ("--splits", "50/25/25")
# what MPI_Abort and mpirun add by themselves
LAUNCHER_NOISE = re.compile(r"Abort\(\d+\) on node|=+$|=   |\s*$")


def tables_of_all_sizes() -> Tables:
    events = [
        simple_event(size, seed=i) if size else without_rows(simple_event()) for i, size in enumerate(SIZES)
    ]
    events[LARGE_INTEGRAL]["hit_table"]["integral"][4] = 2e6
    events[ORPHAN]["particle_table"]["parent_id"][0] = 99
    events[NO_SPACEPOINTS]["spacepoint_table"] = {
        column: rows[:0] for column, rows in events[NO_SPACEPOINTS]["spacepoint_table"].items()
    }
    return join(events, IDS)


def name_of(event: int) -> str:
    run, subrun, number = IDS[event]
    return f"r{run}_sr{subrun}_evt{number}"


@dataclass(frozen=True)
class Graphs:
    """A graph file: objects in the order in which they were written, and all that stands beside them."""

    names: list[str]
    records: dict[str, tuple[np.dtype[np.void], bytes]]
    objects: dict[str, dict[str, np.ndarray]]
    beside: dict[str, Any]

    @property
    def samples(self) -> dict[str, list[str]]:
        return {name: self.beside[f"samples/{name}"] for name in ("train", "validation", "test")}


def read_graphs(path: Path) -> Graphs:
    names: list[str] = []
    with h5py.File(path) as file:
        group = file["dataset"]
        group.id.links.iterate(lambda name: names.append(name.decode()), idx_type=h5py.h5.INDEX_CRT_ORDER)
        values = {name: group[name][()] for name in names}
        beside: dict[str, Any] = {}

        def add(name: str, member: Any) -> None:
            if isinstance(member, h5py.Dataset) and not name.startswith("dataset/"):
                text = h5py.check_string_dtype(member.dtype) is not None
                beside[name] = (member.asstr() if text else member)[()].tolist()

        file.visititems(add)
    return Graphs(
        names,
        {name: (value.dtype, value.tobytes()) for name, value in values.items()},
        {name: {field: value[field] for field in value.dtype.names} for name, value in values.items()},
        beside,
    )


def read_ledger(stem: Path) -> pl.DataFrame:
    return pl.read_parquet(f"{stem}.ledger.parquet")


def rejected_of(stem: Path) -> dict[int, str]:
    """Reason by event index."""
    rows = read_ledger(stem).filter("rejected")
    assert rows["event_index"].is_unique().all()
    return dict(rows.select("event_index", "reason").iter_rows())


def files(folder: Path) -> dict[str, bytes]:
    """Every file in the folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def spoken(stderr: str) -> list[str]:
    """Lines on stderr that are not the launcher's."""
    return [line for line in stderr.splitlines() if not LAUNCHER_NOISE.match(line)]


def assert_done(result: Finished) -> None:
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def assert_fault(result: Finished, *words: str) -> None:
    lines = spoken(result.stderr)
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("numl-polars: ")
    for word in words:
        assert word in lines[0]
    assert result.returncode == 1


def shown(options: object) -> str | None:
    """Options as the name of a test."""
    return " ".join(options) if isinstance(options, list) else None


def copied(source: Path, target: Path) -> Path:
    shutil.copy(source, target)
    return target


def sampled(graphs: Graphs) -> list[str]:
    """Objects that stand in a sample: all but that without spacepoints, which readers cannot batch."""
    return [name for name in graphs.names if name != name_of(NO_SPACEPOINTS)]
