"""What the scripts of the benchmark share: running programs, inputs, the machine, the console."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import click
from results import Results, Table, duration, number
from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
WORK = BENCH / "work"
OPTIONS = {"uboone": ["--vertex"], "dune": ["--position"]}
"""What each detector's events have beside the rest, and both programs are asked for."""

console = Console()
if not console.is_terminal:
    console = Console(width=140)

peer_python = click.option(
    "--peer-python",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    callback=lambda _context, _option, path: path.absolute(),
    metavar="PATH",
    help="Python of the environment that has pynuml 25.4.0.",
)
json_file = click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write all results here."
)
quick = click.option(
    "--quick", is_flag=True, help="Few events and one repeat: tests the script, not the speed."
)


def at_least_one(name: str, default: int, text: str) -> Callable[[Command], Command]:
    """Option of a whole number from 1 on."""
    return click.option(name, type=click.IntRange(min=1), default=default, show_default=True, help=text)


class ProgramError(click.ClickException):
    """A program that was measured ended with a fault."""


@dataclass(frozen=True)
class Run:
    """One run of a program, from start to end.

    Parameters
    ----------
    seconds
        Wall time.
    cpu_seconds
        Of all its threads and processes.
    peak_memory
        Bytes; of its largest process.
    output, log
        What it wrote to standard output and to standard error.
    """

    seconds: float
    cpu_seconds: float
    peak_memory: int
    output: str
    log: str

    @property
    def content(self) -> dict[str, Any]:
        """The JSON that is the last line of the output.

        Raises
        ------
        ProgramError
            There is none.
        """
        try:
            content: dict[str, Any] = json.loads(self.output.splitlines()[-1])
        except (IndexError, ValueError):
            raise ProgramError(f"no line of JSON at the end of the output: {self.output[-500:]!r}") from None
        return content


def run(command: Sequence[str | Path], environment: Mapping[str, str | None] | None = None) -> Run:
    """Run a program to its end.

    Parameters
    ----------
    environment
        Variables to set, or to leave out (None), beside those of this process.

    Raises
    ------
    ProgramError
        It ended with a status other than 0, or by a signal; the message has the end of its output.
    """
    variables: dict[str, str | None] = {**os.environ, "PYTHONHOME": None, **(environment or {})}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as log:
        begin = perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=output,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env={name: value for name, value in variables.items() if value is not None},
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        seconds = perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (output, log):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    if process.returncode:
        shown = " ".join(Path(word).name if os.sep in word else word for word in map(str, command))
        end = "\n".join(text.strip()[-2000:] for text in texts if text.strip())
        raise ProgramError(f"{shown}\nended with status {process.returncode}:\n{end}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, usage.ru_utime + usage.ru_stime, unit * usage.ru_maxrss, *texts)


def run_ours(*arguments: str | Path, before: Sequence[str | Path] = (), python: Sequence[str] = ()) -> Run:
    """Run Python on the package of this checkout; `before` it a launcher, after it options of its own."""
    return run([*before, sys.executable, *python, *arguments], {"PYTHONPATH": own_path()})


def own_path() -> str:
    """Path on which Python finds the package of this checkout first."""
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def run_peer(python: Path, script: str, *arguments: str | Path) -> Run:
    """Run a script of this directory in the peer's environment."""
    return run([python, BENCH / script, *arguments], {"PYTHONPATH": None})


def simulated(detector: str, events: int, seed: int = 1) -> Path:
    """Event file in the layout of merged ones; that of an earlier run is used again."""
    file = WORK / f"{detector}.{events}.{seed}.evt.h5"
    if not file.exists():
        import numl_polars as nl

        WORK.mkdir(exist_ok=True)
        begin = perf_counter()
        with console.status(f"simulating {events:,} {detector} events"):
            nl.simulate(file, events=events, detector=detector, seed=seed)  # type: ignore[arg-type]
        say(f"simulated {events:,} {detector} events in {duration(perf_counter() - begin)}")
    return file


def say(text: str) -> None:
    """Print a line of progress, with the time of day."""
    console.print(f"[dim]{datetime.now():%H:%M:%S}[/] {text}", highlight=False)


def machine() -> dict[str, str]:
    """What the figures are measured on and of, and how busy it is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = ", ".join(f"{average:.2f}" for average in os.getloadavg())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "code": commit(),
        "processor": processor(),
        "cores": str(cores),
        "memory": f"{memory:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load (1, 5, 15 minutes)": load,
    }


def commit() -> str:
    """Commit of the code that is measured; says so where it has been changed since."""
    head = git("rev-parse", "--short", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "numl_polars", "bench/*.py")
    return f"{head} and changes" if changed else head


def git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def processor() -> str:
    """Name of the processor, with the largest of its caches where Linux tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    facts = {name.strip(): value.strip() for name, value in pairs}
    cache = f", cache {facts['cache size']}" if "cache size" in facts else ""
    return facts.get("model name", platform.machine()) + cache


def finish(results: Results, json_file: Path | None) -> None:
    """Print what a script found and write it; the script ends with status 1 if something does not hold."""
    for table in [*([measures_table(results)] if results.measures else []), *results.tables]:
        console.print(table.rich())
    for note in results.notes:
        console.print(note, highlight=False)
    for difference in results.differences[:10]:
        console.print(f"[red]differs:[/] {difference}", highlight=False)
    if json_file is not None:
        results.write(json_file)
    if not results.is_met:
        sys.exit(1)


def measures_table(results: Results) -> Table:
    """The figures of a script."""
    columns = (
        "measure",
        "ours",
        "other program",
        "floor",
        "ours / floor",
        "figure",
        "least, most",
        "must be",
        "met",
    )
    table = Table("", columns)
    for one in results.measures:
        times = [duration(seconds) for seconds in (one.ours_s, one.peer_s, one.floor_s)]
        distance = number(one.ours_s / one.floor_s) if one.ours_s is not None and one.floor_s else ""
        met = ("yes" if one.is_met else "**no**") if one.limit else ""
        figure = one.shown(one.figure)
        table.rows.append((one.name, *times, distance, figure, one.shown_spread, one.limit, met))
    return table
