"""Fits what an event costs, in nanoseconds of one core, to measured times of the stages of a run.

Batches of simulated events of different make-up (both detectors, events laid over one another as by cosmics,
fewer deposits and spacepoints, mostly empty files) are read, labelled, built and written as a run does it.
The times of each stage are fitted with coefficients of 0 or more on every other batch, and judged on the
rest. Prints the lines that `numl_polars/events/cost.py` takes. Times are CPU times of one thread.
"""

# one core, before the libraries start their threads
import os

os.environ |= {"POLARS_MAX_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import click
import h5py
import numpy as np
from numpy.typing import NDArray
from results import Results, Table
from rich.console import Console
from scipy.optimize import nnls

import numl_polars as nl
from numl_polars.events import cost
from numl_polars.events.batch import Batch
from numl_polars.events.file import BATCH_BYTES
from numl_polars.events.partition import batch_ranges
from numl_polars.output.hdf5 import Hdf5Writer
from numl_polars.output.layout import GraphMetadata
from numl_polars.pipeline import compile_kernels, make_plan
from numl_polars.timing import Stages

BENCH = Path(__file__).resolve().parent
CHUNK = 16_384
"""Rows of a chunk in the files that are timed: short, so that each batch pays for about what it reads."""
OVERLAID = 12
EMPTY = 0.57
THINNED = {"edep_table": 3, "spacepoint_table": 10}
LEAST_EVENT = 1000
IDENTIFIERS = ("hit_id", "g4_id", "parent_id")
TIMES = ("local_time", "drift")
NOISE = 0.01
"""Ticks or cm, as fitted times have: simulated planes share times, so that large events would go to Qhull."""
KEYS = ("event_id", "event_id.seq", "event_id.seq_cnt")

TABLES = ("hit_table", "particle_table", "edep_table", "spacepoint_table")
DRIVERS = ("event", "graph", *TABLES, "hit_doublings")
"""Events, events with hits, rows; hits times the binary logarithm of the hits of their event."""
STAGES: dict[str, tuple[str, ...]] = {
    "read": ("event", *TABLES),
    "label": ("hit_table", "particle_table", "edep_table"),
    "triangulate": ("graph", "hit_table", "hit_doublings"),
    "all else": ("event", "graph", *TABLES),
    "write": ("graph", "hit_table", "spacepoint_table"),
}
"""The numbers that the time of each stage may depend on."""

Int64s = NDArray[np.int64]
console = Console()
if not console.is_terminal:
    console = Console(width=120)


class CpuStages(Stages):
    """CPU time by stage: on one core it is the wall time of a machine with nothing else to do."""

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begin = process_time()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + process_time() - begin


@dataclass(frozen=True)
class Measured:
    """Of each batch: its file, the numbers that drive its time (batches, drivers), and CPU s by stage."""

    source: list[str]
    drivers: NDArray[np.float64]
    seconds: dict[str, NDArray[np.float64]]


@click.command(help=__doc__)
@click.option(
    "--events", type=click.IntRange(min=100), default=500, show_default=True, help="Events of a detector."
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=3, show_default=True, help="The least time counts."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write all results here."
)
def main(events: int, repeats: int, json_file: Path | None) -> None:
    work = BENCH / "work"
    work.mkdir(exist_ok=True)
    compile_kernels([nl.HitGraph()])
    files = make_files(work, events)
    measured = measure(files, work / "cost_model.h5", repeats)
    fitted = {stage: fit(measured, stage) for stage in STAGES}
    inflated = inflated_value(work / "dune.simulated.h5")
    total = np.sum([fitted[stage] for stage in STAGES], axis=0)
    tables = [coefficients(fitted, measured), judgement(fitted, measured), by_file(fitted, measured)]
    found = lines(total, inflated)
    console.print(*(table.rich() for table in tables))
    console.print("[bold]for numl_polars/events/cost.py[/bold]")
    console.print(found, highlight=False)
    if json_file is not None:
        Results(tables=tables, notes=[f"for `numl_polars/events/cost.py`: {' '.join(found.split())}"]).write(
            json_file
        )


# ---- files


def make_files(work: Path, events: int) -> dict[str, tuple[Path, nl.HitGraph]]:
    """Event files of different make-up, and what is made of them."""
    options: dict[str, Any] = {"particle_labels": nl.StandardLabels(), "event_labels": nl.FlavorLabels()}
    graphs = {
        "uboone": nl.HitGraph(**options, vertex=True),
        "dune": nl.HitGraph(**options, position=True),
    }
    files = {}
    random = np.random.default_rng(1)
    for detector, graph in graphs.items():
        simulated = work / f"{detector}.simulated.h5"
        nl.simulate(simulated, events=events, detector=detector, seed=5, overwrite=True)  # type: ignore[arg-type]
        alone = [range(event, event + 1) for event in range(events)]
        together = [range(a, min(a + OVERLAID, events)) for a in range(0, events, OVERLAID)]
        variants = {
            "": (alone, {}),
            f", {OVERLAID} overlaid": (together, {}),
            ", fewer deposits and spacepoints": (alone, THINNED),
            ", 57 % empty": (spread_out(alone, random), {}),
        }
        for name, (groups, thinned) in variants.items():
            target = work / f"{detector}{name}.evt.h5"
            regroup(simulated, target, groups, thinned)
            files[f"{detector}{name}"] = (target, graph)
    return files


def spread_out(groups: list[range], random: np.random.Generator) -> list[range]:
    """The groups in order, with empty ones between them."""
    spread = [range(0)] * round(len(groups) / (1 - EMPTY))
    places = np.sort(random.permutation(len(spread))[: len(groups)])
    for place, group in zip(places.tolist(), groups, strict=True):
        spread[place] = group
    return spread


def regroup(source: Path, target: Path, groups: Sequence[range], thinned: Mapping[str, int]) -> None:
    """Write events that are made of consecutive ones of `source`, or of none, in order.

    Of the tables in `thinned`, one row in so many is kept.
    """
    with nl.open(source) as events, h5py.File(source, locking=False) as old, h5py.File(target, "w") as new:
        random = np.random.default_rng(2)
        group_of = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        place_of = np.concatenate([np.arange(len(group)) for group in groups])
        for table in events.tables:
            event_of = np.repeat(np.arange(len(events)), np.diff(events.offsets(table)))
            rows = np.arange(0, len(event_of), thinned.get(table, 1))
            event_of = event_of[rows]
            of = group_of[event_of]
            if table == "event_table":
                rows = np.array([group.start if len(group) else 0 for group in groups])
                of = np.arange(len(groups))
            for name in set(old[table]) - set(KEYS):
                values = old[table][name][()][rows]
                if name in IDENTIFIERS:
                    shift = (place_of[event_of] * 1_000_000).astype(values.dtype)[:, None]
                    # no hit, and no parent, stay what they are
                    values = np.where(
                        values > 0 if name == "parent_id" else values >= 0, values + shift, values
                    )
                if name in TIMES:
                    values = (values + random.normal(scale=NOISE, size=values.shape)).astype(values.dtype)
                write(new, f"{table}/{name}", values)
            lines, counts = np.unique(of, return_counts=True)
            ids = np.stack([np.ones_like(of), np.zeros_like(of), of], axis=1)
            write(new, f"{table}/event_id", ids.astype(np.int32))
            write(new, f"{table}/event_id.seq", of[:, None])
            write(new, f"{table}/event_id.seq_cnt", np.stack([lines, counts], axis=1))


def write(file: h5py.File, name: str, values: NDArray[Any]) -> None:
    chunks = (min(len(values), CHUNK), values.shape[1])
    file.create_dataset(name, data=values, chunks=chunks, compression="gzip", compression_opts=6)


# ---- times


def measure(files: dict[str, tuple[Path, nl.HitGraph]], output: Path, repeats: int) -> Measured:
    """Seconds by stage of every batch of the files: the least of the repeats."""
    source: list[str] = []
    drivers: list[NDArray[np.float64]] = []
    for name, (path, graph) in files.items():
        with nl.open(path) as events:
            own = list(batch_drivers(events, graph))
        source += [name] * len(own)
        drivers += own
    runs: list[dict[str, NDArray[np.float64]]] = []
    for repeat in range(repeats):
        parts = [run(path, graph, output) for path, graph in files.values()]
        runs.append({stage: np.concatenate([part[stage] for part in parts]) for stage in STAGES})
        taken = sum(float(of.sum()) for of in runs[-1].values())
        console.print(f"run {repeat + 1} of {repeats}: {len(source)} batches, {taken:.1f} s")
    seconds = {stage: np.min([one[stage] for one in runs], axis=0) for stage in STAGES}
    return Measured(source, np.array(drivers), seconds)


def batch_drivers(events: nl.EventFile, graph: nl.HitGraph) -> Iterator[NDArray[np.float64]]:
    """The numbers that a batch's time may depend on, in the order of `DRIVERS`."""
    for start, stop in batches(events, graph):
        counts = [np.diff(events.offsets(table)[start : stop + 1]) for table in TABLES]
        sums = [stop - start, (counts[0] > 0).sum(), *(rows.sum() for rows in counts)]
        yield np.array([*sums, cost.doublings(counts[0]).sum()], np.float64)


def batches(events: nl.EventFile, graph: nl.HitGraph) -> list[tuple[int, int]]:
    return batch_ranges(make_plan(events, {"": graph}, 1).num_bytes, BATCH_BYTES, 0, len(events))


def run(path: Path, graph: nl.HitGraph, output: Path) -> dict[str, list[float]]:
    """Seconds of each batch, by stage."""
    found: dict[str, list[float]] = {stage: [] for stage in STAGES}
    metadata = GraphMetadata.of(graph.planes, graph.classes, {})
    with nl.open(path) as events, Hdf5Writer(output, metadata, overwrite=True) as writer:
        columns = graph.columns(events)
        for start, stop in batches(events, graph):
            stages = CpuStages()
            batch = Batch(events, start, stop)
            with stages("read"):
                for table, names in columns.items():
                    batch.select(table, names)
            begin = process_time()
            built = graph.build(batch, stages)
            building = process_time() - begin
            with stages("write"):
                writer.write(built.objects)
            taken = stages.seconds
            taken["all else"] = building - taken["label"] - taken["triangulate"]
            for stage, values in found.items():
                values.append(taken[stage])
    return found


def inflated_value(path: Path) -> float:
    """Nanoseconds a value that a chunk costs of which hardly anything is used."""
    graph = nl.HitGraph(particle_labels=nl.StandardLabels(), event_labels=nl.FlavorLabels(), position=True)
    taken, num_values = 0.0, 0
    with nl.open(path) as events:
        for table, names in graph.columns(events).items():
            offsets = events.offsets(table)
            for name in names:
                ((chunk_rows, values),) = events.chunks(table, [name]).items()
                for row in range(chunk_rows // 2, int(offsets[-1]), chunk_rows):
                    event = int(np.searchsorted(offsets, row, "right")) - 1
                    begin = process_time()
                    events.read(table, [name], event, event + 1)
                    taken += process_time() - begin
                    num_values += values
    return 1e9 * taken / num_values


# ---- fit


def fit(measured: Measured, stage: str) -> NDArray[np.float64]:
    """Nanoseconds by driver, in the order of `DRIVERS`; on even batches, by least squares of 0 or more."""
    used = [DRIVERS.index(name) for name in STAGES[stage]]
    known = measured.drivers[::2][:, used]
    scale = known.max(axis=0)
    found, _ = nnls(known / scale, measured.seconds[stage][::2] * 1e9)
    values = np.zeros(len(DRIVERS))
    values[used] = found / scale
    return values


def judge(fitted: dict[str, NDArray[np.float64]], measured: Measured, stage: str) -> dict[str, float]:
    """How well the fit tells the times of the odd batches."""
    stages = list(STAGES) if stage == "whole" else [stage]
    taken = np.sum([measured.seconds[name] for name in stages], axis=0)[1::2] * 1e9
    told = measured.drivers[1::2] @ np.sum([fitted[name] for name in stages], axis=0)
    off = told / taken - 1
    spread = ((taken - taken.mean()) ** 2).sum()
    return {
        "r2": float(1 - ((taken - told) ** 2).sum() / spread),
        "bias": float(told.sum() / taken.sum() - 1),
        "median": float(np.median(np.abs(off))),
        "p90": float(np.quantile(np.abs(off), 0.9)),
        "most": float(np.abs(off).max()),
    }


def shares(measured: Measured) -> dict[str, float]:
    sums = {stage: float(of.sum()) for stage, of in measured.seconds.items()}
    return {stage: value / sum(sums.values()) for stage, value in sums.items()}


# ---- what is printed


def coefficients(fitted: dict[str, NDArray[np.float64]], measured: Measured) -> Table:
    drivers = (name.removesuffix("_table").replace("_", " ") for name in DRIVERS)
    table = Table("Nanoseconds by stage", ("stage", *drivers, "share of time"))
    for stage, values in fitted.items():
        used = STAGES[stage]
        cells = [f"{value:,.0f}" if name in used else "" for name, value in zip(DRIVERS, values, strict=True)]
        table.rows.append([stage, *cells, f"{shares(measured)[stage]:.0%}"])
    total = np.sum(list(fitted.values()), axis=0)
    table.rows.append(["sum", *(f"{value:,.0f}" for value in total), ""])
    return table


def judgement(fitted: dict[str, NDArray[np.float64]], measured: Measured) -> Table:
    table = Table(
        f"{len(measured.source[1::2])} batches that were not fitted",
        ("stage", "R²", "sum is off by", "median off", "90 % within", "most"),
    )
    for stage in (*STAGES, "whole"):
        found = judge(fitted, measured, stage)
        off = (f"{found['bias']:+.1%}", *(f"{found[name]:.1%}" for name in ("median", "p90", "most")))
        table.rows.append([stage, f"{found['r2']:.3f}", *off])
    return table


def by_file(fitted: dict[str, NDArray[np.float64]], measured: Measured) -> Table:
    table = Table(
        "By how much the sums of a file's batches are off, which were not fitted",
        ("file", *STAGES, "whole", "µs a hit"),
    )
    source = np.array(measured.source[1::2])
    drivers = measured.drivers[1::2]
    for name in dict.fromkeys(measured.source):
        own = source == name
        taken = np.array([measured.seconds[stage][1::2][own].sum() * 1e9 for stage in STAGES])
        told = np.array([(drivers[own] @ fitted[stage]).sum() for stage in STAGES])
        off = [*(told / taken - 1), told.sum() / taken.sum() - 1]
        a_hit = taken.sum() / drivers[own, DRIVERS.index("hit_table")].sum() / 1000
        table.rows.append([name, *(f"{value:+.1%}" for value in off), f"{a_hit:.2f}"])
    return table


def lines(total: NDArray[np.float64], inflated: float) -> str:
    """The constants, to three digits; no event costs nothing."""
    total = np.maximum(total, [LEAST_EVENT, *np.zeros(len(DRIVERS) - 1)])
    plain = {name: f"{int(float(f'{value:.3g}')):_}" for name, value in zip(DRIVERS, total, strict=True)}
    rows = "\n".join(f'    "{name}": {plain[name]},' for name in TABLES)
    return (
        f"EVENT = {plain['event']}\nGRAPH = {plain['graph']}\nROW = {{\n{rows}\n}}\n"
        f"HIT_DOUBLING = {plain['hit_doublings']}\nINFLATED_VALUE = {round(inflated)}\n"
    )


assert set(TABLES) == set(cost.ROW)

if __name__ == "__main__":
    main()
