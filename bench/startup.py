"""How long a warm run of `process` on ten events takes, from shell to shell, and what it imports.

The kernels are compiled and on disk by the first run, which is not counted. Exit status 1 if a run takes
longer than it may, or imports torch.
"""

import json
import re
from pathlib import Path

import click
import harness
from harness import OPTIONS, WORK, Run, say
from results import Results, Table, limited, memory

LIMIT_S = 2.5
EVENTS = 10
FORBIDDEN = ("torch", "torch_geometric")
SHOWN_IMPORTS = 10
IMPORT = re.compile(r"^import time:\s*(\d+) \|\s*(\d+) \| *(\S+)$")
COMMAND = ("-m", "numl_polars.process")


@click.command(help=__doc__)
@click.option("--detector", type=click.Choice(list(OPTIONS)), default="dune", show_default=True)
@harness.at_least_one("--repeats", 5, "Runs.")
@harness.quick
@harness.json_file
def main(detector: str, repeats: int, quick: bool, json_file: Path | None) -> None:
    repeats = 1 if quick else repeats
    file = harness.simulated(detector, EVENTS, seed=3)
    arguments: list[str | Path] = [file, WORK / "startup", *OPTIONS[detector], "--overwrite"]
    say(f"{repeats} runs on {EVENTS} events, after one that compiles")
    harness.run_ours(*COMMAND, *arguments)
    runs = [harness.run_ours(*COMMAND, *arguments) for _ in range(repeats)]
    traced = harness.run_ours(*COMMAND, *arguments, python=("-X", "importtime"))

    results = Results()
    name = f"warm run on {EVENTS} events, shell to shell"
    results.measures += [
        limited(name, [run.seconds for run in runs], at_most=LIMIT_S),
        memory(f"{EVENTS} events", [run.peak_memory for run in runs]),
    ]
    imported = imports(traced)
    for package in FORBIDDEN:
        if package in imported:
            results.differences.append(f"{package} is imported to process to HDF5")
    results.notes.append(f"torch is {'' if results.differences else 'not '}imported.")
    results.tables += [slowest_imports(imported), stages()]
    harness.finish(results, json_file)


def imports(run: Run) -> dict[str, tuple[float, float]]:
    """Seconds that each module took to import: by itself, and with what it imports."""
    found = (IMPORT.match(line) for line in run.log.splitlines())
    return {match[3]: (int(match[1]) / 1e6, int(match[2]) / 1e6) for match in found if match}


def slowest_imports(imported: dict[str, tuple[float, float]]) -> Table:
    """Packages by the time that their own modules took; tracing makes them a little slower."""
    packages: dict[str, float] = {}
    for module, (own, _) in imported.items():
        top = module.partition(".")[0]
        packages[top] = packages.get(top, 0.0) + own
    table = Table(f"Imports, {sum(packages.values()):.2f} s in all, traced", ("package", "ms of its modules"))
    for package, seconds in sorted(packages.items(), key=lambda item: -item[1])[:SHOWN_IMPORTS]:
        table.rows.append((package, f"{1e3 * seconds:.0f}"))
    return table


def stages() -> Table:
    """Stages of the last run, from its report."""
    report = json.loads((WORK / "startup.report.json").read_text(encoding="utf-8"))
    table = Table("Stages of a warm run", ("stage", "ms"))
    for stage, taken in report["stages"].items():
        table.rows.append((stage, f"{1e3 * taken['total']:.0f}"))
    table.rows.append(("whole run, without start and imports", f"{1e3 * report['seconds']:.0f}"))
    return table


if __name__ == "__main__":
    main()
