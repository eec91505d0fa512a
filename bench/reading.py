"""How fast columns come from HDF5: against h5py, against a plain file read, and what one event costs.

All on one core, files in the system's cache, ours and the other in turns; each run opens its file anew.
Inputs are made in `bench/work/`; what is read is compared before anything is timed.
"""

import gc
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import click
import h5py
import numpy as np
import polars as pl
from harness import WORK, console
from rich.table import Table

import numl_polars as nl
from numl_polars.events.file import BATCH_BYTES
from numl_polars.events.partition import batch_ranges

GZIP_RATIO, PLAIN_RATIO, STRING_NANOSECONDS, EVENT_MILLISECONDS = 1.7, 0.9, 100.0, 2.0
STRINGS = ["start_process", "end_process"]
MEAN_HITS, NUM_LOOKED_UP, FRESH_ROWS, MERGED_ROWS = 4, 300, 128, 262_144

Clock = dict[str, float]


@dataclass(frozen=True)
class Measure:
    """One line: `ratio` is that of medians, `cpu_ratio` the same by CPU time, which other load moves less.

    `value`, and `spread` (least, most), are what is `required`: a ratio, or a time in `unit`.
    """

    name: str
    value: float
    spread: tuple[float, float]
    unit: str
    required: float
    ours_s: float
    peer_s: float | None = None
    ratio: float | None = None
    cpu_ratio: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the value is what it must be; a ratio at least, a time at most."""
        return self.value >= self.required if self.unit == "x" else self.value <= self.required


@click.command(help=__doc__)
@click.option(
    "--events", type=click.IntRange(min=1), default=300, show_default=True, help="Events of simulated files."
)
@click.option(
    "--many", type=click.IntRange(min=1), default=1_000_000, show_default=True,
    help="Events of files for random access.",
)  # fmt: skip
@click.option("--repeats", type=click.IntRange(min=1), default=7, show_default=True, help="Runs of each.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write all results here."
)
def main(events: int, many: int, repeats: int, json_file: Path | None) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    WORK.mkdir(exist_ok=True)
    measures = [
        *of_numbers(simulated("merged", "dune", events), "gzip, dune", repeats),
        *of_numbers(simulated("merged", "uboone", events), "gzip, uboone", repeats),
        *of_numbers(shuffled(simulated("merged", "dune", events)), "shuffle + gzip", repeats),
        *of_numbers(simulated("fresh", "dune", events), "gzip, 128-row chunks", repeats),
        of_contiguous(simulated("contiguous", "dune", events), repeats),
        *of_strings(events, repeats),
    ]
    for layout in ("contiguous", "fresh", "merged"):
        measures += of_random_access(many_events(layout, many), layout)
    console.print(shown(measures))
    if json_file is not None:
        content = {"measures": [asdict(one) | {"holds": one.holds} for one in measures]}
        json_file.write_text(json.dumps(content, indent=2) + "\n")


def simulated(layout: str, detector: str, events: int) -> Path:
    path = WORK / f"reading.{detector}.{layout}.{events}.evt.h5"
    if not path.exists():
        console.print(f"simulating {path.name}")
        nl.simulate(path, events=events, detector=detector, seed=1, layout=layout)  # type: ignore[arg-type]
    return path


def shuffled(source: Path) -> Path:
    """The same file, its chunks shuffled before they are compressed."""
    path = source.with_name(source.name.replace(".merged.", ".shuffled."))
    if not path.exists():
        with h5py.File(source, locking=False) as read, h5py.File(path, "w") as written:
            for table, group in read.items():
                for name, dataset in group.items():
                    storage = {"chunks": dataset.chunks, "compression": "gzip", "shuffle": True}
                    written.create_dataset(f"{table}/{name}", data=dataset[:], **storage)
    return path


def many_events(layout: str, events: int) -> Path:
    """A file of many small events: hits only."""
    path = WORK / f"reading.many.{layout}.{events}.evt.h5"
    if path.exists():
        return path
    console.print(f"making {path.name}")
    rng = np.random.default_rng(1)
    counts = rng.poisson(MEAN_HITS, events)
    event = np.repeat(np.arange(events), counts)
    ids = np.stack([np.ones(events), np.arange(events) // 1000, np.arange(events)], axis=1).astype(np.int32)
    filled = np.flatnonzero(counts)
    hits = {
        "event_id": ids[event],
        "event_id.seq_cnt": np.stack([filled, counts[filled]], axis=1),
        "hit_id": (np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts)).astype(np.int32),
        "local_plane": rng.integers(0, 3, len(event)).astype(np.int32),
        "local_wire": rng.integers(0, 2000, len(event)).astype(np.int32),
        **{
            name: rng.normal(size=len(event)).astype(np.float32) for name in ("local_time", "integral", "rms")
        },
    }
    with h5py.File(path, "w") as file:
        for table, columns in {"event_table": {"event_id": ids}, "hit_table": hits}.items():
            for name, values in columns.items():
                block = values.reshape(len(values), -1)
                rows = {"fresh": FRESH_ROWS, "merged": MERGED_ROWS // block.shape[1]}.get(layout, 0)
                chunks = (min(rows, len(block)), block.shape[1])
                storage = {"chunks": chunks, "compression": "gzip"} if rows else {}
                file.create_dataset(f"{table}/{name}", data=block, **storage)
    return path


@contextmanager
def timed(into: list[Clock]) -> Iterator[None]:
    gc.collect()
    start, cpu = perf_counter(), process_time()
    yield
    into.append({"wall": perf_counter() - start, "cpu": process_time() - cpu})


def in_turns(
    repeats: int, ours: Callable[[list[Clock]], None], peer: Callable[[list[Clock]], None]
) -> tuple[list[Clock], list[Clock]]:
    """What both took, run by run; each has run once before, so that no first time counts."""
    own: list[Clock] = []
    other: list[Clock] = []
    for _ in range(repeats + 1):
        ours(own)
        peer(other)
    return own[1:], other[1:]


def faster(name: str, own: list[Clock], other: list[Clock], required: float) -> Measure:
    wall, cpu = ([median(run[clock] for run in runs) for runs in (own, other)] for clock in ("wall", "cpu"))
    pairs = [b["wall"] / a["wall"] for a, b in zip(own, other, strict=True)]
    ratio = wall[1] / wall[0]
    spread = (min(pairs), max(pairs))
    return Measure(name, ratio, spread, "x", required, wall[0], wall[1], ratio, cpu[1] / cpu[0])


def per_value(name: str, own: list[Clock], other: list[Clock], number: int) -> Measure:
    compared = faster(name, own, other, 0)
    # by CPU time: a time, unlike a ratio, is moved by whatever else runs
    nanoseconds = [1e9 * run["cpu"] / number for run in own]
    spread = (min(nanoseconds), max(nanoseconds))
    return Measure(
        name, median(nanoseconds), spread, "ns", STRING_NANOSECONDS,
        compared.ours_s, compared.peer_s, compared.ratio, compared.cpu_ratio,
    )  # fmt: skip


def numbers_of(path: Path, *, width: int | None = None) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Scalar columns of numbers by table, and the datasets that they are in."""
    columns: dict[str, list[str]] = {}
    datasets: dict[str, list[str]] = {}
    with nl.open(path) as events:
        for table in events.tables:
            stored = events._storage.table(table).columns.values()
            wanted = [
                column
                for column in stored
                if column.dtype != pl.Categorical and (width is None or column.width == width)
            ]
            columns[table] = [column.name for column in wanted]
            datasets[table] = list(dict.fromkeys(column.dataset for column in wanted))
    return columns, datasets


def of_numbers(path: Path, name: str, repeats: int) -> list[Measure]:
    """Whole tables, then batches of the size that `process` takes, of datasets that are open."""
    columns, datasets = numbers_of(path)
    with nl.open(path) as events:
        offsets = {table: events.offsets(table) for table in columns}
        num_bytes = sum(
            np.diff(offsets[table]) * events.num_row_bytes(table, names) for table, names in columns.items()
        )
        batches = batch_ranges(np.asarray(num_bytes), BATCH_BYTES, 0, len(events))
    whole = [(0, len(num_bytes))]
    compare(path, columns)

    def ours(ranges: list[tuple[int, int]], into: list[Clock]) -> None:
        with nl.open(path) as events:
            opened = {table: events._storage.table(table) for table in columns}
            for table, names in columns.items():
                opened[table].require(names)
            with timed(into):
                for start, stop in ranges:
                    for table, names in columns.items():
                        opened[table].read(names, int(offsets[table][start]), int(offsets[table][stop]))

    def theirs(ranges: list[tuple[int, int]], into: list[Clock]) -> None:
        with h5py.File(path, locking=False) as file:
            opened = {table: [file[table][dataset] for dataset in names] for table, names in datasets.items()}
            with timed(into):
                for start, stop in ranges:
                    for table, group in opened.items():
                        for dataset in group:
                            dataset[offsets[table][start] : offsets[table][stop]]

    measures = []
    for what, ranges in (("whole tables", whole), (f"{len(batches)} batches", list(batches))):

        def own(into: list[Clock], ranges: list[tuple[int, int]] = ranges) -> None:
            ours(ranges, into)

        def other(into: list[Clock], ranges: list[tuple[int, int]] = ranges) -> None:
            theirs(ranges, into)

        measures.append(faster(f"{name}, {what}", *in_turns(repeats, own, other), GZIP_RATIO))
    return measures


def compare(path: Path, columns: dict[str, list[str]]) -> None:
    """End with a message where a column is not what h5py reads."""
    with nl.open(path) as events, h5py.File(path, locking=False) as file:
        for table, names in columns.items():
            stored = events._storage.table(table).columns
            frame = events.scan(table).collect()
            for name in names:
                dataset = file[table][stored[name].dataset]
                expected = dataset[:].reshape(len(dataset), -1)[:, stored[name].component]
                if expected.dtype.kind in "OS":
                    same = frame[name].to_list() == [value.decode() for value in expected.tolist()]
                else:
                    same = np.array_equal(
                        frame[name].to_numpy(), expected, equal_nan=expected.dtype.kind == "f"
                    )
                if not same:
                    raise click.ClickException(f"{name} of {table} of {path} is not what h5py reads")


def of_contiguous(path: Path, repeats: int) -> Measure:
    """Columns of width 1, which are in memory as they are in the file, against reads of the same bytes."""
    columns, datasets = numbers_of(path, width=1)
    compare(path, columns)
    with h5py.File(path, locking=False) as file:
        places = {
            table: [
                (dataset.id.get_offset(), dataset.nbytes)
                for dataset in map(file[table].get, names)
                if dataset.size
            ]
            for table, names in datasets.items()
        }

    def ours(into: list[Clock]) -> None:
        with nl.open(path) as events:
            tables = {table: events._storage.table(table) for table in columns}
            for table, names in columns.items():
                tables[table].read(names, 0, 1)
            with timed(into):
                for table, names in columns.items():
                    tables[table].read(names, 0, tables[table].num_rows)

    def plain(into: list[Clock]) -> None:
        with path.open("rb") as file, timed(into):
            for columns_of_table in places.values():
                # a table is in memory as a whole, as it is with us
                held = [np.empty(num_bytes, np.uint8) for _, num_bytes in columns_of_table]
                for (offset, _), column in zip(columns_of_table, held, strict=True):
                    os.preadv(file.fileno(), [column], offset)

    return faster("contiguous, against a plain file read", *in_turns(repeats, ours, plain), PLAIN_RATIO)


def of_strings(events: int, repeats: int) -> list[Measure]:
    """Both storages to categories; the peer is h5py's own reading, to bytes or Python objects."""
    measures = []
    fixed, variable = simulated("merged", "uboone", events), variable_strings(events)
    files = {
        "fixed strings, gzip": fixed,
        "fixed strings, contiguous": simulated("contiguous", "uboone", events),
        "variable strings, gzip": variable,
        "variable strings, 128-row chunks": simulated("fresh", "uboone", events),
    }
    for name, path in files.items():
        compare(path, {"particle_table": STRINGS})

        def ours(into: list[Clock], path: Path = path) -> None:
            with nl.open(path) as opened:
                opened.offsets("particle_table")
                opened.require("particle_table", STRINGS)
                with timed(into):
                    opened.read("particle_table", STRINGS, 0, len(opened))

        def theirs(into: list[Clock], path: Path = path) -> None:
            with h5py.File(path, locking=False) as file, timed(into):
                for column in STRINGS:
                    file["particle_table"][column][:]

        with nl.open(path) as opened:
            number = opened.num_rows("particle_table") * len(STRINGS)
        measures.append(per_value(name, *in_turns(repeats, ours, theirs), number))
    return measures


def variable_strings(events: int) -> Path:
    """The merged file, its strings of variable length."""
    source = simulated("merged", "uboone", events)
    path = source.with_name(source.name.replace(".merged.", ".variable."))
    if not path.exists():
        with h5py.File(source, locking=False) as read, h5py.File(path, "w") as written:
            for table in ("event_table", "particle_table"):
                for name, dataset in read[table].items():
                    is_string = dataset.dtype.kind == "S"
                    dtype = h5py.string_dtype("ascii") if is_string else dataset.dtype
                    values = dataset[:].astype(object) if is_string else dataset[:]
                    storage = {"chunks": dataset.chunks, "compression": "gzip"}
                    written.create_dataset(f"{table}/{name}", data=values, dtype=dtype, **storage)
    return path


def of_random_access(path: Path, layout: str) -> list[Measure]:
    """One table of one event, whichever: the first ones, then again when chunks have been met."""
    measures = []
    with nl.open(path) as events:
        first = perf_counter()
        events[0]["hit_table"]
        first = perf_counter() - first
        rng = np.random.default_rng(0)
        console.print(f"{layout}: {len(events):,} events, first access {1e3 * first:.0f} ms")
        for what in ("met first", "met before"):
            taken = []
            for event in rng.integers(0, len(events), NUM_LOOKED_UP).tolist():
                start = perf_counter()
                events[event]["hit_table"]
                taken.append(perf_counter() - start)
            milliseconds = [1e3 * one for one in taken]
            spread = (min(milliseconds), max(milliseconds))
            name = f"one event of {len(events):,}, {layout}, {what}"
            measures.append(
                Measure(name, median(milliseconds), spread, "ms", EVENT_MILLISECONDS, median(taken))
            )
    return measures


def shown(measures: list[Measure]) -> Table:
    table = Table(title="Reading, one core")
    for column in ("measure", "value", "least, most", "required", "holds", "ours ms", "peer ms", "by CPU"):
        table.add_column(column, justify="left" if column == "measure" else "right")
    for one in measures:
        table.add_row(
            one.name,
            f"{one.value:.2f} {one.unit}",
            f"{one.spread[0]:.2f}, {one.spread[1]:.2f}",
            f"{one.required:g} {one.unit}",
            "yes" if one.holds else "no",
            f"{1e3 * one.ours_s:.2f}",
            "" if one.peer_s is None else f"{1e3 * one.peer_s:.2f}",
            "" if one.cpu_ratio is None else f"{one.cpu_ratio:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
