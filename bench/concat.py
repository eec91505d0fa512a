"""How long files take to be joined, beside a plain loop of h5py with the same output settings.

python bench/concat.py [--files 4] [--events 1000] [--detector uboone|dune] [--repeats 3] [--json FILE]

The plain loop goes over the columns; each is read whole from each file, and appended to a dataset that is
kept open, with a cache that holds its last chunk: nothing is inflated or deflated twice. It makes
``event_id.seq`` from ``event_id``. Both write to the page cache; nobody waits for the disk. One process each,
in turns: on one core, and on all. The contents of both outputs are compared. CPU time is that of all threads,
and says more than wall time where others use the machine.
"""

import os
import resource
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import click
import h5py
import harness
import numpy as np
from harness import BENCH, WORK, console, say
from results import Measure, Results, Table, duration, number

REQUIRED = 2.0
CHUNK_VALUES = 262_144
CHUNK_BYTES = 2 << 20
GZIP = 6
LAYOUTS = ("fresh", "merged")
CACHE_BYTES = 64 << 20


def inputs(layout: str, detector: str, files: int, events: int) -> list[Path]:
    """Simulated files of one size, made once."""
    import numl_polars as nl

    folder = WORK / f"concat.{layout}.{detector}.{events}"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed:04}.h5" for seed in range(files)]
    for seed, path in enumerate(paths):
        if not path.exists():
            with console.status(f"simulating {path.name} of {files} files, {layout}"):
                nl.simulate(path, events=events, detector=detector, seed=seed, layout=layout)  # type: ignore[arg-type]
    return paths


def join_plainly(paths: Sequence[Path], output: Path) -> None:
    """The same output by h5py alone."""
    with h5py.File(output, "w", rdcc_nbytes=CACHE_BYTES) as joined:
        files = [h5py.File(path, "r") for path in paths]
        for table, columns in files[0].items():
            num_rows = sum(len(file[table]["event_id"]) for file in files)
            for name in columns:
                if name.startswith("event_id.seq"):
                    continue
                stored = columns[name]
                dtype = "S64" if stored.dtype == object else stored.dtype
                dataset = created(joined, f"{table}/{name}", dtype, stored.shape[1], num_rows)
                for file in files:
                    append(dataset, file[table][name][:].astype(dtype))
            dataset = created(joined, f"{table}/event_id.seq", np.int64, 1, num_rows)
            lines, first = [], 0
            for file in files:
                events, ids = file["event_table/event_id"][:], file[table]["event_id"][:]
                seq = first + positions(ids, events)
                append(dataset, seq[:, None])
                starts = np.flatnonzero(np.diff(seq, prepend=-1))
                counts = np.diff(np.append(starts, len(seq)))
                lines.append(np.stack([seq[starts], counts], axis=1))
                first += len(events)
            together = np.concatenate(lines)
            dataset = created(joined, f"{table}/event_id.seq_cnt", np.int64, 2, len(together))
            append(dataset, together)
        for file in files:
            file.close()


def created(file: h5py.File, name: str, dtype: Any, width: int, num_rows: int) -> h5py.Dataset:
    size = np.dtype(dtype).itemsize * width
    rows = min(CHUNK_VALUES // width, CHUNK_BYTES // size, max(num_rows, 1))
    return file.create_dataset(
        name, (0, width), dtype, maxshape=(None, width), chunks=(rows, width),
        compression="gzip", compression_opts=GZIP,
    )  # fmt: skip


def append(dataset: h5py.Dataset, rows: np.ndarray) -> None:
    start = len(dataset)
    dataset.resize(start + len(rows), axis=0)
    dataset[start:] = rows


def positions(ids: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Position in `events` of each row's event."""
    order = {triple: place for place, triple in enumerate(map(tuple, events.tolist()))}
    if not len(ids):
        return np.empty(0, np.int64)
    starts = np.flatnonzero(np.append(True, (np.diff(ids, axis=0) != 0).any(axis=1)))
    found = np.array([order[tuple(triple)] for triple in ids[starts].tolist()], np.int64)
    return np.repeat(found, np.diff(np.append(starts, len(ids))))


def join_ours(paths: Sequence[Path], output: Path) -> None:
    from numl_polars.tools.concat import concat

    concat(paths, output, overwrite=True)


@contextmanager
def cores(wanted: set[int]) -> Iterator[None]:
    """This process on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def timed(program: str, paths: Sequence[Path], output: Path) -> tuple[float, float, int]:
    """Seconds, seconds of all cores, and peak memory, of a process of its own, without its imports."""
    done = harness.run_ours(BENCH / "concat.py", "--one", program, "--output", output, *paths)
    return tuple(done.content["found"])


def run_one(program: str, paths: Sequence[Path], output: Path) -> None:
    import numl_polars.tables.byte_kernels  # noqa: F401
    from numl_polars.tools import concat as _loaded  # noqa: F401

    with patch("os.fsync"):
        begin, before = perf_counter(), cpu_seconds()
        (join_ours if program == "ours" else join_plainly)(paths, output)
    seconds, used = perf_counter() - begin, cpu_seconds() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f'{{"found": [{seconds}, {used}, {peak}]}}')


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def differences(ours: Path, plain: Path) -> list[str]:
    """Columns whose content differs."""
    found = []
    with h5py.File(ours) as left, h5py.File(plain) as right:
        names: list[list[str]] = [[], []]
        for file, into in ((left, names[0]), (right, names[1])):
            file.visititems(lambda name, one, into=into: into.append(name) if hasattr(one, "shape") else None)
        if names[0] != names[1]:
            return [f"columns of {ours.name} and {plain.name} are not the same"]
        for name in names[0]:
            one, other = left[name], right[name]
            if one.shape != other.shape or one.dtype != other.dtype:
                found.append(f"{name}: {one.shape} of {one.dtype}, {other.shape} of {other.dtype}")
            elif any(
                one[start : start + CHUNK_VALUES].tobytes() != other[start : start + CHUNK_VALUES].tobytes()
                for start in range(0, len(one), CHUNK_VALUES)
            ):
                found.append(f"{name}: values")
    return found


@click.command(help=__doc__)
@click.option("--layout", "layouts", type=click.Choice(LAYOUTS), multiple=True, help="[default: both]")
@click.option("--detector", type=click.Choice(["uboone", "dune"]), default="uboone", show_default=True)
@harness.at_least_one("--files", 4, "Files.")
@harness.at_least_one("--events", 1000, "Events a file.")
@harness.at_least_one("--repeats", 3, "Runs of each.")
@harness.quick
@harness.json_file
@click.option("--one", hidden=True)
@click.option("--output", type=click.Path(path_type=Path), hidden=True)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def main(
    layouts: tuple[str, ...],
    detector: str,
    files: int,
    events: int,
    repeats: int,
    quick: bool,
    json_file: Path | None,
    one: str | None,
    output: Path | None,
    paths: tuple[Path, ...],
) -> None:
    if one is not None and output is not None:
        run_one(one, paths, output)
        return
    if quick:
        files, events, repeats = 2, 20, 1
    results = Results()
    details = Table(
        "Joined",
        ("files", "on", "ours s", "CPU", "plain s", "CPU", "by CPU", "size", "memory, ours", "plain"),
    )
    every = os.sched_getaffinity(0)
    for layout in layouts or LAYOUTS:
        sources = inputs(layout, detector, files, events)
        ours, plain = WORK / "concat.ours.h5", WORK / "concat.plain.h5"
        for core_set in ({min(every)}, every):
            found: dict[str, list[tuple[float, float, int]]] = {"ours": [], "plain": []}
            with cores(core_set):
                for _ in range(repeats):
                    for program, path in (("ours", ours), ("plain", plain)):
                        path.unlink(missing_ok=True)
                        found[program].append(timed(program, sources, path))
            where = "one core" if len(core_set) == 1 else f"{len(core_set)} cores"
            name = f"{files} {layout} files of {events:,} events joined, {where}"
            ratios = [b[0] / a[0] for a, b in zip(found["ours"], found["plain"], strict=True)]
            by_cpu = [b[1] / a[1] for a, b in zip(found["ours"], found["plain"], strict=True)]
            median = {
                program: [statistics.median(kind) for kind in zip(*runs, strict=True)]
                for program, runs in found.items()
            }
            size = ours.stat().st_size / plain.stat().st_size
            results.measures.append(
                Measure(
                    name,
                    median["ours"][0],
                    median["plain"][0],
                    ratio=statistics.median(ratios),
                    required=None if quick else REQUIRED,
                    spread=(min(ratios), max(ratios)),
                )
            )
            details.rows.append(
                (
                    f"{files} {layout}", where, duration(median["ours"][0]), duration(median["ours"][1]),
                    duration(median["plain"][0]), duration(median["plain"][1]),
                    f"{number(statistics.median(by_cpu))}x", f"{100 * size:.1f} %",
                    f"{median['ours'][2] / 1e6:,.0f} MB", f"{median['plain'][2] / 1e6:,.0f} MB",
                )
            )  # fmt: skip
            say(f"{name}: {number(statistics.median(ratios))}x, by CPU {number(statistics.median(by_cpu))}x")
        results.differences += differences(ours, plain)
        for path in (ours, plain):
            path.unlink()
    results.tables.append(details)
    results.notes.append(
        "Size is that of our output, of the plain loop's; zlib-ng finds other matches than zlib."
    )
    harness.finish(results, json_file)


if __name__ == "__main__":
    sys.path.insert(0, str(BENCH))
    main()
