"""What the time of `process` goes to, by function: samples of py-spy, or cProfile where that cannot run.

py-spy looks at the threads of a run from outside, so that the run is as fast as without. Time in kernels and
in libraries counts to the Python function that calls them, waiting to the function that waits. Imports are
left out.
"""

import os
import pstats
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import harness
from harness import BENCH, OPTIONS, ROOT, WORK, say
from results import Results, Table

RATE = 500
"""Samples a second."""
SHOWN = 15
IMPORTING = "_find_and_load (<frozen importlib._bootstrap>)"
PROCESS = "process (numl_polars/pipeline.py)"
"""Of the main thread, only what is within this function counts."""

Profile = tuple[dict[str, float], dict[str, float]]
"""Seconds of each function by itself, and with all that it calls; a function of another thread says so."""


@click.command(help=__doc__)
@click.option(
    "--detector", "detectors", type=click.Choice(list(OPTIONS)), multiple=True, default=list(OPTIONS)
)
@harness.at_least_one("--events", 1000, "Events of the file.")
@harness.quick
@harness.json_file
def main(detectors: tuple[str, ...], events: int, quick: bool, json_file: Path | None) -> None:
    results = Results()
    for detector in detectors:
        file = harness.simulated(detector, min(events, 30) if quick else events)
        few = harness.simulated(detector, 10, seed=3)
        say(f"profile of {file.name}")
        arguments: list[str | Path] = [
            BENCH / "ours.py",
            file,
            WORK / "profile",
            "--warm-up",
            few,
            *OPTIONS[detector],
        ]
        try:
            own, whole = by_samples(arguments)
            source = f"py-spy, {RATE} samples a second"
        except (FileNotFoundError, harness.ProgramError) as error:
            results.notes.append(f"{detector}: py-spy did not run, so this is the main thread only: {error}")
            own, whole = by_tracing(arguments)
            source = "cProfile"
        results.tables.append(summary(f"{file.name}, {source}", own, whole))
    harness.finish(results, json_file)


def by_samples(arguments: list[str | Path]) -> Profile:
    """Profile by py-spy.

    Raises
    ------
    FileNotFoundError
        It is not installed.
    ProgramError
        It may not look into processes here.
    """
    beside = Path(sys.executable).with_name("py-spy")
    spy = beside if beside.exists() else shutil.which("py-spy")
    if spy is None:
        raise FileNotFoundError("it is not installed")
    output = WORK / "profile.txt"
    sampling = f"record --rate {RATE} --format raw --nolineno --idle --threads --output".split()
    harness.run_ours(*arguments, before=[spy, *sampling, output, "--"])
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for functions, count in stacks(output.read_text(encoding="utf-8")):
        own[functions[-1]] += count
        for function in set(functions):
            whole[function] += count
    seconds = [{name: count / RATE for name, count in counted.items()} for counted in (own, whole)]
    return seconds[0], seconds[1]


def stacks(text: str) -> Iterator[tuple[list[str], int]]:
    """Functions of each sampled stack, outermost first, and how often it was seen."""
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *functions = stack.split(";")
        if IMPORTING in functions:
            continue
        if PROCESS in functions:
            yield functions[functions.index(PROCESS) :], int(count)
        elif functions and functions[0] != "<module> (ours.py)" and "MainThread" not in thread:
            yield [f"{function}, another thread" for function in functions], int(count)


def by_tracing(arguments: list[str | Path]) -> Profile:
    """Profile by cProfile, which sees the main thread and slows down what calls many functions."""
    output = WORK / "profile.pstats"
    harness.run_ours(*arguments, "--profile", output)
    own: dict[str, float] = {}
    whole: dict[str, float] = {}
    for (path, _, function), (_, _, alone, within, _) in pstats.Stats(str(output)).stats.items():  # type: ignore[attr-defined]
        name = f"{function} ({short(path)})"
        own[name] = own.get(name, 0.0) + alone
        whole[name] = whole.get(name, 0.0) + within
    return own, whole


def short(path: str) -> str:
    """Path of a module, from its package on."""
    for root in (f"{ROOT}{os.sep}", f"site-packages{os.sep}"):
        _, found, rest = path.partition(root)
        if found:
            return rest
    return Path(path).name


def summary(title: str, own: dict[str, float], whole: dict[str, float]) -> Table:
    """The functions that take most time by themselves; shares are of the run."""
    run = whole.get(PROCESS) or sum(own.values())
    columns = ("function", "s by itself", "share of the run", "s with what it calls")
    table = Table(f"{title}, {run:.2f} s", columns)
    for name, seconds in sorted(own.items(), key=lambda item: -item[1])[:SHOWN]:
        table.rows.append((f"`{name}`", f"{seconds:.2f}", f"{seconds / run:.1%}", f"{whole[name]:.2f}"))
    return table


if __name__ == "__main__":
    main()
