"""How much faster numl-polars is than pynuml 25.4.0: both on the same simulated files, in one go.

Each program runs in its own environment and process, in turns; only processing is timed, from the opening of
the input to the closing of the output. The outputs are compared before results are printed. Exit status 1 if
they differ.
"""

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import click
from equality import Comparison, compare
from rich.console import Console
from rich.table import Table

import numl_polars as nl

BENCH = Path(__file__).resolve().parent
OPTIONS = {"uboone": ["--vertex"], "dune": ["--position"]}
WARM_UP_EVENTS = 10

Run = dict[str, Any]
console = Console()
if not console.is_terminal:
    console = Console(width=110)


@click.command(help=__doc__)
@click.option(
    "--peer-python",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    metavar="PATH",
    help="Python of the environment that has pynuml 25.4.0.",
)
@click.option(
    "--detector",
    "detectors",
    type=click.Choice(list(OPTIONS)),
    multiple=True,
    default=list(OPTIONS),
    show_default=True,
    help="May be given more than once.",
)
@click.option(
    "--events", type=click.IntRange(min=1), default=300, show_default=True, help="Events of a file."
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=3, show_default=True, help="Runs of each program."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the simulation."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write all results here."
)
def main(
    peer_python: Path,
    detectors: tuple[str, ...],
    events: int,
    repeats: int,
    seed: int,
    json_file: Path | None,
) -> None:
    work = BENCH / "work"
    work.mkdir(exist_ok=True)
    host = machine()
    results = {}
    for detector in dict.fromkeys(detectors):
        results[detector] = measure(work, detector, peer_python, events=events, repeats=repeats, seed=seed)
    console.print(times(results), stages(results))
    for detector, result in results.items():
        print_comparison(detector, result["comparison"])
    if json_file is not None:
        content = {"date": date.today().isoformat(), "machine": host, "detectors": results}
        json_file.write_text(json.dumps(content, indent=2, default=asdict) + "\n")
    if any(result["comparison"].differences for result in results.values()):
        sys.exit(1)


def measure(
    work: Path, detector: str, peer_python: Path, *, events: int, repeats: int, seed: int
) -> dict[str, Any]:
    """Runs of both programs on one simulated file, and the comparison of what they wrote."""
    file, warm_up = work / f"{detector}.evt.h5", work / f"{detector}.warm-up.evt.h5"
    console.print(f"{detector}: simulating {events:,} events")
    simulated = nl.simulate(file, events=events, detector=detector, seed=seed, overwrite=True)  # type: ignore[arg-type]
    nl.simulate(warm_up, events=WARM_UP_EVENTS, detector=detector, seed=seed + 1, overwrite=True)  # type: ignore[arg-type]
    programs = {
        "numl-polars": (Path(sys.executable), "ours.py", work / f"{detector}.ours"),
        "pynuml": (peer_python, "peer.py", work / f"{detector}.peer"),
    }
    runs: dict[str, list[Run]] = {name: [] for name in programs}
    for repeat in range(repeats):
        for name, (python, script, stem) in programs.items():
            run = run_program(python, script, file, stem, "--warm-up", str(warm_up), *OPTIONS[detector])
            runs[name].append(run)
            console.print(f"{detector}: run {repeat + 1} of {repeats}: {name:12}{run['seconds']:8.2f} s")
    outputs = {name: stem.with_name(f"{stem.name}.0000.h5") for name, (_, _, stem) in programs.items()}
    comparison = compare(outputs["pynuml"], outputs["numl-polars"])
    return {"rows": simulated.rows, "bytes": simulated.bytes, "runs": runs, "comparison": comparison}


def run_program(python: Path, script: str, file: Path, stem: Path, *options: str) -> Run:
    """What the program measured."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    done = subprocess.run(
        [python, BENCH / script, file, stem, *options],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    if done.returncode:
        raise click.ClickException(f"{script} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    run: Run = json.loads(done.stdout.splitlines()[-1])
    return run


def seconds(result: dict[str, Any], program: str, clock: str = "seconds") -> list[float]:
    return [run[clock] for run in result["runs"][program]]


def times(results: dict[str, Any]) -> Table:
    """Medians, spread and ratios; "by pair" is the least and the most that two successive runs give.

    CPU time is less moved than wall time by what else the machine does.
    """
    table = Table(title="Processing one file on one rank")
    table.add_column(no_wrap=True)
    for column in (
        "median s",
        "least s",
        "most s",
        "CPU s",
        "events/s",
        "MiB",
        "times as fast",
        "by pair",
        "by CPU",
    ):
        table.add_column(column, justify="right")
    for detector, result in results.items():
        for program, runs in result["runs"].items():
            taken = seconds(result, program)
            pairs = [peer / own for peer, own in zip(seconds(result, "pynuml"), taken, strict=True)]
            cpu = median(seconds(result, program, "cpu_seconds"))
            table.add_row(
                f"{detector} {program}",
                f"{median(taken):.2f}",
                f"{min(taken):.2f}",
                f"{max(taken):.2f}",
                f"{cpu:.2f}",
                f"{runs[0]['events'] / median(taken):,.1f}",
                f"{max(run['peak_memory'] for run in runs) / 2**20:,.0f}",
                f"{median(seconds(result, 'pynuml')) / median(taken):.1f}",
                f"{min(pairs):.1f}, {max(pairs):.1f}",
                f"{median(seconds(result, 'pynuml', 'cpu_seconds')) / cpu:.1f}",
            )
    return table


def stages(results: dict[str, Any]) -> Table:
    """Where our time goes, in the median run."""
    table = Table("detector", "stage", title="Where the time of numl-polars goes")
    for column in ("s", "share", "µs a hit"):
        table.add_column(column, justify="right")
    for detector, result in results.items():
        runs = sorted(result["runs"]["numl-polars"], key=lambda run: run["seconds"])
        run = runs[len(runs) // 2]
        taken = run["stages"] | {"all else": run["seconds"] - sum(run["stages"].values())}
        for stage, spent in taken.items():
            table.add_row(
                detector,
                stage,
                f"{spent:.2f}",
                f"{spent / run['seconds']:.0%}",
                f"{1e6 * spent / result['rows']['hit_table']:.2f}",
            )
    return table


def print_comparison(detector: str, comparison: Comparison) -> None:
    """Say whether outputs are equal, and in how many objects the triangulation is another one."""
    number = len(comparison.differences)
    verdict = "equal" if not number else f"NOT EQUAL, {number} differences"
    console.print(f"{detector}: {comparison.num_objects:,} graphs of pynuml and ours: {verdict}")
    for line in comparison.differences[:10]:
        console.print(f"  {line}", highlight=False)
    others = comparison.other_triangulations
    for reason in sorted(set(others.values())):
        names = [name for name, why in others.items() if why == reason]
        console.print(f"  {len(names)} with another triangulation ({reason}), as {names[0]}", highlight=False)


def machine() -> dict[str, Any]:
    """What the numbers were measured on, and how busy it was."""
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }


if __name__ == "__main__":
    main()
