"""How much faster two ranks are than one: the whole command, and the events only.

`mpirun -n 2` against `mpirun -n 1` of the same command on the same file, in turns. The merged files must be
equal, whatever the number of ranks. Events only is the time of the run without plan, loading of kernels and
merge, which one rank does. Exit status 1 if outputs differ or two ranks are not fast enough.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import click
import harness
from equality import compare
from harness import OPTIONS, WORK, Run, say
from results import Measure, Results, Table, compared, duration, memory

REQUIRED = 1.8
ALONE = ("plan", "compile", "merge")
"""Stages that are not shared among ranks."""
SECONDS_AN_EVENT = 0.01
FEW_EVENTS = 50
"""Events on which outputs are compared first."""


@click.command(help=__doc__)
@click.option("--detector", type=click.Choice(list(OPTIONS)), default="dune", show_default=True)
@harness.at_least_one("--events", 3000, "Events of the file.")
@harness.at_least_one("--repeats", 3, "Runs with each number of ranks.")
@harness.quick
@harness.json_file
def main(detector: str, events: int, repeats: int, quick: bool, json_file: Path | None) -> None:
    if quick:
        events, repeats = min(events, 100), 1
    file = harness.simulated(detector, events)
    commands = {
        "one rank": launcher(1),
        "two ranks": launcher(2),
        "one rank, one core": [*one_core(), *launcher(1)],
    }
    say(f"{events:,} {detector} events, {repeats} runs of {', '.join(commands)}: about "
        f"{duration(events * SECONDS_AN_EVENT * repeats * len(commands))}")  # fmt: skip
    results = Results()
    few = harness.simulated(detector, FEW_EVENTS, seed=2)
    check(results, [process(command, detector, few, name)[1] for name, command in commands.items()])
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    inner: dict[str, list[float]] = {name: [] for name in commands}
    if not results.differences:
        for repeat in range(repeats):
            stems = []
            for name, command in commands.items():
                run, stem = process(command, detector, file, name)
                runs[name].append(run)
                stems.append(stem)
                inner[name].append(seconds_of_events(stem))
            taken = ", ".join(f"{name} {duration(runs[name][-1].seconds)}" for name in commands)
            say(f"run {repeat + 1} of {repeats}: {taken}")
        check(results, stems)
        add_measures(results, runs, inner)
        results.measures.append(gain_of_machine(repeats))
    harness.finish(results, json_file)


def launcher(ranks: int) -> list[str | Path]:
    beside = Path(sys.executable).with_name("mpirun")
    found = beside if beside.exists() else shutil.which("mpirun")
    if found is None:
        raise click.ClickException("mpirun is neither beside Python nor on the path")
    return [found, "-n", str(ranks)]


def one_core() -> list[str]:
    """Command before a command that keeps it on one core; nothing where there is no such command."""
    found = shutil.which("taskset")
    return [found, "-c", str(min(os.sched_getaffinity(0)))] if found else []


def process(command: Sequence[str | Path], detector: str, file: Path, name: str) -> tuple[Run, Path]:
    """One run, and the stem of its output."""
    stem = WORK / f"{file.stem}.{name.replace(' ', '-').replace(',', '')}"
    stem.with_name(f"{stem.name}.h5").unlink(missing_ok=True)
    options = (*OPTIONS[detector], "--overwrite")
    return harness.run_ours("-m", "numl_polars.process", file, stem, *options, before=command), stem


def check(results: Results, stems: Sequence[Path]) -> None:
    """Note whether merged files are the same, whatever the number of ranks that made them."""
    first, *others = (stem.with_name(f"{stem.name}.h5") for stem in stems)
    differences = []
    for output in others:
        comparison = compare(first, output)
        differences += comparison.differences + [f"{name}: edges" for name in comparison.other_triangulations]
    verdict = "differ" if differences else "are equal"
    results.notes.append(
        f"Merged outputs of one rank and of two {verdict}: {comparison.num_objects:,} graphs."
    )
    results.differences += differences


def seconds_of_events(stem: Path) -> float:
    """Wall time of a run without what one rank does alone, from its report."""
    report = json.loads(stem.with_name(f"{stem.name}.report.json").read_text(encoding="utf-8"))
    alone = (report["stages"].get(stage, {"slowest": 0.0})["slowest"] for stage in ALONE)
    seconds: float = report["seconds"] - sum(alone)
    return seconds


LOOP = """
from time import perf_counter
begin, total = perf_counter(), 0
for i in range(20_000_000):
    total += i * i
print(perf_counter() - begin)
"""


def gain_of_machine(repeats: int) -> Measure:
    """How many times as much two processes that only count can do as one: the most that ranks can gain."""
    alone, together = [], []
    for _ in range(repeats):
        for taken, number in ((alone, 1), (together, 2)):
            command = [sys.executable, "-c", LOOP]
            loops = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
            taken.append(max(float(loop.communicate()[0]) for loop in loops) / number)
    return compared("two processes that only count, at once, against one", together, alone)


def add_measures(results: Results, runs: dict[str, list[Run]], inner: dict[str, list[float]]) -> None:
    whole = {name: [run.seconds for run in taken] for name, taken in runs.items()}
    for part, times in (("whole command", whole), ("events only", inner)):
        name = f"two ranks against one, {part}"
        results.measures.append(compared(name, times["two ranks"], times["one rank"], required=REQUIRED))
        alone = times["one rank, one core"]
        results.measures.append(compared(f"{name}, the one rank kept on one core", times["two ranks"], alone))
    results.measures.append(memory("two ranks", [run.peak_memory for run in runs["two ranks"]]))
    table = Table("Ranks", ("run", "whole command s", "least, most s", "events only s", "CPU s"))
    for name, seconds in whole.items():
        table.rows.append(
            (
                name,
                f"{median(seconds):.2f}",
                f"{min(seconds):.2f}, {max(seconds):.2f}",
                f"{median(inner[name]):.2f}",
                f"{median(run.cpu_seconds for run in runs[name]):.2f}",
            )
        )
    results.tables.append(table)
    results.notes.append(
        "One rank may use both cores, where a stage of its own can; kept on one core, it shows what the "
        "second is worth. Two ranks can gain no more than two processes that only count."
    )


if __name__ == "__main__":
    main()
