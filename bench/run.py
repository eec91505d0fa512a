"""All benchmarks side by side, and the page of their results.

Each measure is a script of its own, run one after the other; a fault of one does not lose the others. What
a measure found is kept in bench/work/results, so that --only can repeat one and write the page anew. Exit
status 1 if a required figure is missed or not measured, or if outputs differ.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import click
import harness
import page
from harness import BENCH, ROOT, WORK, console, say
from page import Outcome
from results import duration, from_content, read_results


@dataclass(frozen=True)
class Script:
    """A script that measures.

    Parameters
    ----------
    file
        Its name.
    options
        What it is always given.
    required
        What it must show at the least; empty if nothing is required.
    minutes
        How long it takes on a machine of two cores.
    takes_events
        It is given the number of events of this command.
    """

    file: str
    options: tuple[str, ...] = ()
    required: str = ""
    minutes: float = 1
    takes_events: bool = False


SCRIPTS = {
    "process, dune": Script("processing.py", ("--detector", "dune"), "at least 50x", 7, True),
    "process, uboone": Script("processing.py", ("--detector", "uboone"), "at least 40x", 4, True),
    "shell to shell, dune": Script(
        "processing.py", ("--shell", "--detector", "dune", "--events", "1000"), "at least 30x", 20
    ),
    "shell to shell, uboone": Script(
        "processing.py", ("--shell", "--detector", "uboone", "--events", "1000"), "at least 30x", 9
    ),
    "ranks": Script("ranks.py", (), "at least 1.8x", 3),
    "start-up": Script("startup.py", (), "at most 2.5 s", 0.5),
    "labelling": Script("labelling.py", (), "at least 1,000x", 3),
    "delaunay": Script("delaunay.py", (), "at least 6x"),
    "reading": Script("reading.py", (), "at least 1.7x", 2),
    "opening": Script("opening.py", (), "at most 3 s", 4),
    "concat": Script("concat.py", (), "at least 2x", 8),
    "maps": Script("maps.py", (), "at most 2 ms", 2),
    "writing": Script("writing.py", (), "", 2),
    "loading, uboone": Script("loading.py", ("--detector", "uboone"), "at least 10x", 1),
    "loading, dune": Script("loading.py", ("--detector", "dune"), "at least 10x", 1),
    "cost model": Script("cost_model.py", (), "", 2),
    "balance": Script("balance.py", (), "", 2),
    "profile": Script("profiling.py", (), "", 1),
}
REQUIRED = {name: script.required for name, script in SCRIPTS.items() if script.required}
BUSY = 0.5
"""Load of the last minute above which the machine does something else as well."""
RESULTS = BENCH / "RESULTS.md"
KEPT, KEPT_QUICK = WORK / "results", WORK / "results.quick"


@click.command(help=__doc__)
@harness.peer_python
@click.option("--quick", is_flag=True, help="Few events and one repeat: tests the scripts, not speed.")
@click.option(
    "--only", "names", type=click.Choice(list(SCRIPTS)), multiple=True, help="May be given more than once."
)
@click.option(
    "--events", type=click.IntRange(min=1), help="Events of `process` against pynuml.  [default: 300]"
)
@click.option("--repeats", type=click.IntRange(min=1), help="Runs of each.  [default: that of the script]")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The page.  [default: bench/RESULTS.md; of a quick run bench/work/QUICK.md]",
)
def main(
    peer_python: Path,
    quick: bool,
    names: tuple[str, ...],
    events: int | None,
    repeats: int | None,
    output: Path | None,
) -> None:
    kept = KEPT_QUICK if quick else KEPT
    kept.mkdir(parents=True, exist_ok=True)
    path = output or (WORK / "QUICK.md" if quick else RESULTS)
    chosen = [name for name in SCRIPTS if name in names or not names]
    minutes = 3 if quick else sum(SCRIPTS[name].minutes for name in chosen)
    say(f"{len(chosen)} measures, about {minutes:.0f} minutes on a quiet machine")
    if os.getloadavg()[0] > BUSY:
        say(f"[yellow]the machine is busy: load {os.getloadavg()[0]:.1f}; figures will suffer[/]")
    shared: dict[str, list[str | Path] | None] = {
        "--peer-python": [peer_python],
        "--quick": [] if quick else None,
        "--repeats": None if repeats is None else [str(repeats)],
        "--events": None if events is None else [str(events)],
    }
    for place, name in enumerate(chosen, start=1):
        script = SCRIPTS[name]
        expected = "" if quick else f", about {duration(60 * script.minutes)}"
        say(f"[bold]{name}[/] ({place} of {len(chosen)}){expected}")
        begin = perf_counter()
        outcome = measure(script, shared, kept / "script.json")
        keep(kept / file_name(name), outcome)
        say(f"{name}: {state(outcome)}, after {duration(perf_counter() - begin)}")
        # the page is whole after every measure
        outcomes = {name: kept_outcome(kept / file_name(name)) for name in SCRIPTS}
        page.write(path, page.render(outcomes, REQUIRED, quick=quick))
    table = page.must_hold(outcomes, REQUIRED)
    console.print(table.rich())
    say(f"written: {path}")
    sys.exit(0 if (works(outcomes) if quick else page.all_hold(table)) else 1)


def works(outcomes: Mapping[str, Outcome]) -> bool:
    """Whether the scripts that are there work and outputs are equal: all that a quick run can tell."""
    there = (outcome for name, outcome in outcomes.items() if (BENCH / SCRIPTS[name].file).exists())
    return all(not one.fault and one.results is not None and not one.results.differences for one in there)


def known_options(path: Path) -> str:
    """The help of a script, which lists its options."""
    done = subprocess.run(
        [sys.executable, path, "--help"], capture_output=True, text=True, env=environment(), check=False
    )
    return done.stdout


def environment() -> dict[str, str]:
    """Variables with which a script measures the package of this checkout."""
    return {**os.environ, "PYTHONPATH": harness.own_path()}


def measure(script: Script, shared: Mapping[str, Sequence[str | Path] | None], found: Path) -> Outcome:
    """What became of a script, its output shown as it comes.

    Parameters
    ----------
    shared
        Options by name, with their values, for scripts that know them; None for those not to be given.
    found
        Where the script writes its results.
    """
    path = BENCH / script.file
    outcome = Outcome(None, machine=harness.machine())
    if not path.exists():
        outcome.fault = f"bench/{script.file} is not there"
        return outcome
    words = [*script.options]
    known = known_options(path)
    for option, values in shared.items():
        if values is None or option not in known or (option == "--events" and not script.takes_events):
            continue
        words += [option, *map(str, values)]
    private = [str(value) for value in shared["--peer-python"] or ()]
    outcome.settings = " ".join(
        ["python", f"bench/{script.file}", *("…" if w in private else w for w in words)]
    )
    found.unlink(missing_ok=True)
    status, printed, log = shown([sys.executable, path, *words, "--json", found])
    try:
        outcome.results = read_results(found)
    except FileNotFoundError:
        outcome.fault = f"ended with status {status} and left no results:\n{log[-3000:]}"
    except ValueError as error:
        outcome.fault = f"{error}\nIt ended with status {status} and printed:\n{printed[-10_000:]}"
    if outcome.fault:
        console.print(outcome.fault, highlight=False, markup=False)
    return outcome


def shown(command: Sequence[str | Path]) -> tuple[int, str, str]:
    """Status of a program, and what it wrote to standard output, which is shown as it comes, and to error."""
    printed = []
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
        )
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                printed.append(line)
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        log.seek(0)
        return status, "".join(printed), log.read().decode(errors="replace").strip()


def state(outcome: Outcome) -> str:
    """What became of a measure, in a few words."""
    if outcome.results is None:
        return "not measured"
    return "done" if outcome.is_met else "done, with a figure missed or outputs that differ"


def keep(path: Path, outcome: Outcome) -> None:
    """Keep what became of a measure, for later pages."""
    path.write_text(json.dumps(asdict(outcome), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def kept_outcome(path: Path) -> Outcome:
    """What became of a measure, in this run or an earlier one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        results = None if content["results"] is None else from_content(content.pop("results"))
        return Outcome(**{**content, "results": results})
    except FileNotFoundError:
        return Outcome(None, "not run yet", day="")
    except (ValueError, TypeError, KeyError) as error:
        return Outcome(None, f"what was kept of it cannot be read: {error}", day="")


def file_name(name: str) -> str:
    return f"{name.replace(',', '').replace(' ', '-')}.json"


if __name__ == "__main__":
    main()
