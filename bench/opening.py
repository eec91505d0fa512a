"""How long many small event files take to be opened as one, and what processing needs of them beside.

python bench/opening.py [--files 1000] [--events 5] [--repeats 5] [--json FILE]

Files are as the writer makes them, in chunks of 128 rows; some are simulated, the others are copies with
runs of their own. Each run is a process of its own, its imports are not counted. Before a cold run the files
are dropped from the page cache, as far as the system does so. Exit status 1 if opening takes longer than it
may.
"""

import os
import shutil
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time

import click
import h5py
import harness
from harness import BENCH, WORK, console, say
from results import Results, Table, duration, limited, memory

LIMIT_S = 3.0
SIMULATED = 20
STEPS = {
    "open": "opened: paths, names of tables, identities of all events",
    "describe": "opened, and the columns of all tables described",
    "rows": "rows of every event in the tables that hit graphs need",
    "read": "read what hit graphs need, 100 files",
}
READ_FILES = 100
BATCH_EVENTS = 50


def inputs(files: int, events: int) -> list[Path]:
    """The files, made once."""
    import numl_polars as nl

    folder = WORK / f"opening.{events}"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}.h5" for number in range(files)]
    with console.status(f"making {files} files"):
        for number, path in enumerate(paths):
            if path.exists():
                continue
            part = path.with_suffix(".part")
            if number < SIMULATED:
                nl.simulate(part, events=events, seed=number, layout="fresh", overwrite=True)
            else:
                shutil.copyfile(paths[number % SIMULATED], part)
            with h5py.File(part, "r+") as file:
                for table in file.values():
                    ids = table["event_id"][()]
                    ids[:, :1] = number + 1
                    table["event_id"][...] = ids
            part.rename(path)
    return paths


def forget(paths: Sequence[Path]) -> None:
    """Drop files from the page cache."""
    os.sync()
    for path in paths:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run_one(paths: Sequence[Path]) -> None:
    """Print seconds and seconds of all cores of each step."""
    import numl_polars as nl
    from numl_polars.events.file import EventFile
    from numl_polars.mpi import World
    from numl_polars.pipeline import compile_kernels

    graph = nl.HitGraph(particle_labels=nl.StandardLabels(), event_labels=nl.FlavorLabels(), vertex=True)
    compile_kernels([graph])
    found: dict[str, tuple[float, float]] = {}

    def timed(step: str, do: Callable[[], None]) -> None:
        begin, before = perf_counter(), process_time()
        do()
        found[step] = (perf_counter() - begin, process_time() - before)

    def read() -> None:
        stop = int(events.file_starts[: READ_FILES + 1][-1])
        for start in range(0, stop, BATCH_EVENTS):
            for table, names in columns.items():
                events.read(table, names, start, min(start + BATCH_EVENTS, stop))

    timed("open", lambda: nl.open(paths).close())
    opened: list[EventFile] = []
    timed("describe", lambda: opened.append(EventFile(paths, ranks=World())))
    (events,) = opened
    columns = graph.columns(events)
    timed("rows", lambda: events.load_offsets(columns))
    timed("read", read)
    print(f'{{"found": {list(map(list, found.values()))}}}')


@click.command(help=__doc__)
@harness.at_least_one("--files", 1000, "Files.")
@harness.at_least_one("--events", 5, "Events a file.")
@harness.at_least_one("--repeats", 5, "Runs of each.")
@harness.quick
@harness.json_file
@click.option("--one", is_flag=True, hidden=True)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def main(
    files: int, events: int, repeats: int, quick: bool, json_file: Path | None, one: bool, folder: Path | None
) -> None:
    if one and folder is not None:
        run_one(sorted(folder.glob("*.h5"))[:files])
        return
    if quick:
        files, repeats = 40, 1
    paths = inputs(files, events)
    results = Results()
    table = Table(f"{files:,} files of {events} events", ("step", "cold", "CPU", "warm", "CPU"))
    rows: dict[str, list[str]] = {step: [what] for step, what in STEPS.items()}
    peaks: list[int] = []
    for kind in ("cold", "warm"):
        runs = []
        for _ in range(repeats):
            if kind == "cold":
                forget(paths)
            done = harness.run_ours(BENCH / "opening.py", "--one", "--files", str(files), paths[0].parent)
            runs.append(dict(zip(STEPS, done.content["found"], strict=True)))
            peaks.append(done.peak_memory)
        seconds = [run["open"][0] for run in runs]
        name = f"{files:,} files of {events} events opened as one, {kind}"
        results.measures.append(limited(name, seconds, at_most=None if quick else LIMIT_S))
        say(f"{name}: {duration(statistics.median(seconds))}")
        for step, row in rows.items():
            row += [duration(statistics.median(run[step][of] for run in runs)) for of in (0, 1)]
    results.measures.append(memory(f"{files:,} files of {events} events", peaks))
    table.rows += [tuple(row) for row in rows.values()]
    results.tables.append(table)
    results.notes.append("Of several ranks each does its share of the files, of all steps.")
    harness.finish(results, json_file)


if __name__ == "__main__":
    sys.path.insert(0, str(BENCH))
    main()
