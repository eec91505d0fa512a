"""How much faster numl-polars is than pynuml 25.4.0: both turn the same simulated events into graphs.

Each run is a process of its own, in turns. The clock runs from the opening of the input to the closing of the
output, in a program that is warm; or, with --shell, from the start of the process to its end, everything
included. Outputs are compared before anything is timed, and those of the timed runs afterwards. Exit status 1
if they differ, or if numl-polars is not as many times as fast as it must be.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import click
import harness
from equality import Comparison, compare
from harness import BENCH, OPTIONS, WORK, Run, say
from results import Results, Table, compared, duration, memory, number

REQUIRED = {"dune": 50, "uboone": 40}
REQUIRED_OF_SHELL = 30
SECONDS_AN_EVENT = {"dune": 0.37, "uboone": 0.16}
"""Of pynuml on a machine of 2 cores, to tell how long a measure takes."""
FEW_EVENTS = 20
"""Events on which outputs are compared first, and with which programs warm up."""
SWEEP_HULL = 0.32e-6
"""Seconds a hit and triangulation of a compiled sweep-hull kernel, measured by itself on simulated events."""
OURS, PEER = "numl-polars", "pynuml"


@click.command(help=__doc__)
@harness.peer_python
@click.option("--detector", type=click.Choice(list(OPTIONS)), required=True)
@click.option("--shell", is_flag=True, help="Time whole commands, from shell to shell.")
@harness.at_least_one("--events", 300, "Events of the file.")
@harness.at_least_one("--repeats", 3, "Runs of each program.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the simulation.")
@harness.quick
@harness.json_file
def main(
    peer_python: Path,
    detector: str,
    shell: bool,
    events: int,
    repeats: int,
    seed: int,
    quick: bool,
    json_file: Path | None,
) -> None:
    if quick:
        events, repeats = min(events, 30), 1
    results = Results()
    few = harness.simulated(detector, FEW_EVENTS, seed + 1)
    file = harness.simulated(detector, events, seed)
    check(results, detector, "first, small run", *run_shell(peer_python, detector, few, "check")[2:])
    if not results.differences:
        expected = events * SECONDS_AN_EVENT[detector] * repeats
        say(f"{detector}: {events:,} events, {repeats} runs of each program, about {duration(expected)}")
        runs: dict[str, list[Run]] = {OURS: [], PEER: []}
        floors = []
        for repeat in range(repeats):
            if shell:
                ours, theirs, *outputs = run_shell(peer_python, detector, file, "shell")
            else:
                ours, theirs, *outputs = run_warm(peer_python, detector, file, few)
                floors.append(measure_floors(file, detector, outputs[1]))
            runs[OURS].append(ours)
            runs[PEER].append(theirs)
            taken = (duration(seconds(run, shell)) for run in (ours, theirs))
            say(f"{detector}: run {repeat + 1} of {repeats}: {OURS} {next(taken)}, {PEER} {next(taken)}")
        check(results, detector, "timed runs", *outputs)
        add_measures(results, runs, detector, events, shell)
        if not shell:
            add_stages(results, runs[OURS], floors)
    harness.finish(results, json_file)


def run_warm(peer_python: Path, detector: str, file: Path, few: Path) -> tuple[Run, Run, Path, Path]:
    """One run of each program that times itself, and the outputs of pynuml and ours."""
    stems = new_stems(detector)
    options: list[str | Path] = ["--warm-up", few, *OPTIONS[detector]]
    ours = harness.run_ours(BENCH / "ours.py", file, stems[0], *options)
    theirs = harness.run_peer(peer_python, "peer.py", file, stems[1], *options)
    return ours, theirs, rank_file(stems[1]), rank_file(stems[0])


def run_shell(peer_python: Path, detector: str, file: Path, name: str) -> tuple[Run, Run, Path, Path]:
    """One run of each program as a shell starts it, and the outputs of pynuml and ours, merged."""
    stems = new_stems(f"{detector}.{name}")
    ours = harness.run_ours("-m", "numl_polars.process", file, stems[0], *OPTIONS[detector], "--overwrite")
    theirs = harness.run_peer(peer_python, "peer.py", file, stems[1], *OPTIONS[detector])
    return ours, theirs, rank_file(stems[1]), stems[0].with_name(f"{stems[0].name}.h5")


def new_stems(name: str) -> list[Path]:
    """Stems of our output and of pynuml's; what earlier runs left there is removed, lest it be compared."""
    stems = [WORK / f"{name}.{side}" for side in ("ours", "peer")]
    for stem in stems:
        for output in (rank_file(stem), stem.with_name(f"{stem.name}.h5")):
            output.unlink(missing_ok=True)
    return stems


def rank_file(stem: Path) -> Path:
    return stem.with_name(f"{stem.name}.0000.h5")


def check(results: Results, detector: str, which: str, expected: Path, actual: Path) -> Comparison:
    """Comparison of outputs, noted in the results."""
    comparison = compare(expected, actual)
    results.differences += [f"{detector}, {which}: {line}" for line in comparison.differences]
    verdict = "NOT equal" if comparison.differences else "equal"
    others = comparison.other_triangulations
    reasons = "; ".join(
        f"{number(sum(why == reason for why in others.values()))} with {reason}"
        for reason in sorted(set(others.values()))
    )
    another = (
        f"; in {len(others)} the triangulation is another, equally good one ({reasons})" if others else ""
    )
    text = f"{detector}, {which}: {comparison.num_objects:,} graphs of both programs are {verdict}{another}."
    results.notes.append(text)
    say(text)
    return comparison


def measure_floors(file: Path, detector: str, output: Path) -> dict[str, Any]:
    """Seconds of the least work that reading and writing can be, and the bytes of it."""
    return harness.run_ours(BENCH / "floors.py", file, output, *OPTIONS[detector]).content


def seconds(run: Run, shell: bool) -> float:
    return run.seconds if shell else float(run.content["seconds"])


def cpu_seconds(run: Run, shell: bool) -> float:
    return run.cpu_seconds if shell else float(run.content["cpu_seconds"])


def add_measures(
    results: Results, runs: dict[str, list[Run]], detector: str, events: int, shell: bool
) -> None:
    """The ratio of the programs, memory, and a table of both."""
    name = f"shell to shell, {events:,} {detector} events" if shell else f"process to HDF5, {detector}"
    required = REQUIRED_OF_SHELL if shell else REQUIRED[detector]
    times = {program: [seconds(run, shell) for run in runs[program]] for program in runs}
    results.measures += [
        compared(name, times[OURS], times[PEER], required=required),
        memory(name, [run.peak_memory for run in runs[OURS]]),
    ]
    table = Table(name, ("program", "median s", "least, most s", "CPU s", "ms an event", "peak MiB"))
    for program, taken in times.items():
        cpu = median(cpu_seconds(run, shell) for run in runs[program])
        peak = max(run.peak_memory for run in runs[program]) / 2**20
        middle = median(taken)
        table.rows.append(
            (
                program,
                f"{middle:.2f}",
                f"{min(taken):.2f}, {max(taken):.2f}",
                f"{cpu:.2f}",
                f"{1e3 * middle / events:.2f}",
                f"{peak:,.0f}",
            )
        )
        if not shell or program == PEER:
            results.versions[program] = runs[program][0].content["versions"]
    results.tables.append(table)


def add_stages(results: Results, runs: Sequence[Run], floors: Sequence[dict[str, Any]]) -> None:
    """Where the time of the median run goes, and how far each stage is from its floor."""
    runs = sorted(runs, key=lambda run: seconds(run, shell=False))
    content = runs[len(runs) // 2].content
    wall = content["seconds"]
    floor = {key: median(one[key] for one in floors) for key in ("pread", "inflate", "pwrite", "hits")}
    least = {
        "read": floor["pread"] + floor["inflate"],
        "triangulate": 2 * SWEEP_HULL * floor["hits"],
        "write": floor["pwrite"],
    }
    name = results.measures[0].name
    table = Table(f"{name}: stages", ("stage", "s", "share of wall", "µs a hit", "floor s", "ours / floor"))
    stages = content["stages"]
    rest = wall - sum(stages.values())
    shown = stages | {"all else" if rest >= 0 else "overlap of stages": rest}
    for stage, taken in shown.items():
        bound = least.get(stage)
        table.rows.append(
            (
                stage,
                f"{taken:.3f}",
                f"{taken / wall:.0%}",
                f"{1e6 * taken / floor['hits']:.2f}",
                "" if bound is None else f"{bound:.3f}",
                "" if not bound else f"{taken / bound:.1f}",
            )
        )
    results.tables.append(table)
    first = floors[0]
    stored, inflated, written = (f"{first[key] / 1e6:,.1f} MB" for key in ("read", "inflated", "written"))
    results.notes += [
        f"{name}: reading: the floor is os.pread of the {stored} that hold the columns read "
        f"({floor['pread']:.3f} s), and inflating them to {inflated} with {first['inflater']} on one thread "
        f"({floor['inflate']:.3f} s).",
        f"{name}: writing: the floor is os.pwrite of the {written} of the output, an object at a time.",
        f"{name}: triangulating: the floor is {1e6 * SWEEP_HULL} µs a hit and triangulation, twice, of a "
        f"compiled sweep-hull kernel, measured before; the graphs have {first['hits']:,} hits.",
        f"{name}: labels and all else have no floor that was measured.",
    ]
    if rejected := content["rejected"]:
        results.notes.append(f"{name}: left out, by reason: {json.dumps(rejected)}.")


if __name__ == "__main__":
    main()
