"""How much faster numl-polars labels particles than pynuml 25.4.0: the same simulated particles, in turns.

Each run is a process of its own; the clock runs only while particles are labelled, which are in memory, by a
program that is warm. pynuml labels a sample of the events, on which labels must be equal. Exit status 1 if
they are not, or if a scheme is not as many times as fast a particle as it must be.
"""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import click
import harness
import numpy as np
import polars as pl
from harness import say
from results import Results, Table, compared
from twenty_rules import TwentyRules

import numl_polars as nl
from numl_polars.events.file import BATCH_BYTES
from numl_polars.labels import particle_labels
from numl_polars.labels.forest import Forest
from numl_polars.labels.rules import RuleList
from numl_polars.timing import Stages

Run = dict[str, Any]

PARTICLES = "particle_table"
WITHIN = 5
"""Times that a run labels all particles with each scheme."""
STAGES = ("forest", "context", "rules", "walk", "all else")
EVENTS_ALONE = 100
"""Events that are labelled one by one."""

SCHEMES: dict[str, nl.ParticleLabels] = {
    scheme.name: scheme
    for scheme in (
        nl.StandardLabels(),
        TwentyRules(),
        nl.SimpleLabels(),
        nl.DeltaRayLabels(),
        nl.TopologyLabels(),
        nl.CCQELabels(),
    )
}
REQUIRED = {"StandardLabels": 1000, "TwentyRules": 300}


@click.command(help=__doc__)
@harness.peer_python
@harness.at_least_one("--events", 1000, "Events of the file; 1000 have some 540,000 particles.")
@harness.at_least_one("--sample", 25, "Events that pynuml labels.")
@harness.at_least_one("--repeats", 3, "Runs of each program.")
@harness.quick
@harness.json_file
def main(
    peer_python: Path, events: int, sample: int, repeats: int, quick: bool, json_file: Path | None
) -> None:
    if quick:
        events, sample, repeats = min(events, 100), min(sample, 3), 1
    results = Results()
    file = harness.simulated("dune", events)
    runs, peers = [], []
    for repeat in range(repeats):
        peers.append(run_peer(peer_python, file, sample))
        if not repeat and (difference := compare(file, labels_file(file))):
            results.differences.append(f"labels are not those of pynuml: {difference}")
            break
        runs.append(in_new_process(time_schemes, file))
        say(f"labelling: run {repeat + 1} of {repeats} done")
    if not results.differences:
        alone = in_new_process(time_schemes, file, threads=1)
        add_measures(results, runs, peers, alone)
        numbers = [events] if quick else [events // 2, events]
        risen = [in_new_process(measure_memory, file, name, num) for name in REQUIRED for num in numbers]
        results.tables += [stages(runs), parts(in_new_process(time_parts, file), peers), memory(risen)]
    harness.finish(results, json_file)


def labels_file(file: Path) -> Path:
    return file.with_suffix(".peer.npz")


def run_peer(python: Path, file: Path, sample: int) -> Run:
    """What `peer_labels.py` measured on events spread over the file; their labels are in `labels_file`."""
    with nl.open(file) as events:
        filled = np.flatnonzero(np.diff(events.offsets(PARTICLES)))
    warm_up, *chosen = filled[np.linspace(0, filled.size - 1, sample + 1).astype(np.int64)].astype(str)
    options = ("--warm-up", warm_up, "--events", *chosen)
    return harness.run_peer(python, "peer_labels.py", file, labels_file(file), *options).content


def compare(file: Path, output: Path) -> str:
    """How the labels of pynuml and ours differ in the events that pynuml labels; empty if they do not."""
    keys, labels = ["event_index", "g4_id"], ["semantic_label", "instance_label"]
    theirs = pl.DataFrame(dict(np.load(output)))
    with nl.open(file) as events:
        particles = events.scan(PARTICLES).filter(
            pl.col("event_index").is_in(theirs["event_index"].implode())
        )
        ours = nl.StandardLabels().label(particles).drop_nulls("semantic_label").cast(pl.Int64).collect()
    both = theirs.join(ours, on=keys, how="full", suffix="_ours")
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_ours")) for name in labels)
    wrong = both.filter(~same)
    return (
        f"{wrong.height} of {both.height} particles, one is {wrong.row(0, named=True)}"
        if wrong.height
        else ""
    )


def in_new_process(function: Callable[..., Run], *arguments: Any, threads: int | None = None) -> Run:
    """What a function returns in a process of its own, in which Polars has that many threads."""
    os.environ.pop("POLARS_MAX_THREADS", None)
    if threads is not None:
        os.environ["POLARS_MAX_THREADS"] = str(threads)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def read(file: Path, chosen: slice = slice(None), budget: int = BATCH_BYTES) -> list[pl.DataFrame]:
    """Particles of events with the columns of all schemes, in batches of at most so many bytes."""
    columns = sorted({name for scheme in SCHEMES.values() for name in scheme.columns[PARTICLES]})
    with nl.open(file) as events:
        return [batch.select(PARTICLES, columns) for batch in events[chosen].batches(budget)]


def time_schemes(file: Path) -> Run:
    """Seconds that each scheme takes for all particles, `WITHIN` times, in all and by stage."""
    particles = pl.concat(read(file), rechunk=True)
    schemes: dict[str, Run] = {}
    for name, scheme in SCHEMES.items():
        own = particles.select(scheme.columns[PARTICLES])
        scheme.apply(own)
        clocks = [clock_apply(scheme, own) for _ in range(WITHIN)]
        schemes[name] = {"num_rules": len(scheme.rules())}
        schemes[name] |= {clock: [times[clock] for times in clocks] for clock in clocks[0]}
    return {"particles": particles.height, "threads": pl.thread_pool_size(), "schemes": schemes}


def clock_apply(scheme: nl.ParticleLabels, particles: pl.DataFrame) -> dict[str, float]:
    """Seconds of one `apply`, and of the stages that it is made of."""
    clock = Stages()
    functions = [
        (Forest, "of", "forest"),
        (particle_labels, "with_context", "context"),
        (RuleList, "apply", "rules"),
        (nl.ParticleLabels, "decide", "decide"),
    ]
    with ExitStack() as patches:
        for home, name, stage in functions:
            clocked = clock(stage)(getattr(home, name))
            patches.enter_context(patch.object(home, name, clocked))
        begin, begin_cpu = perf_counter(), process_time()
        scheme.apply(particles)
        seconds, cpu_seconds = perf_counter() - begin, process_time() - begin_cpu
    stages = clock.seconds
    decide = stages.pop("decide")
    stages["walk"] = decide - stages["context"] - stages["rules"]
    stages["all else"] = seconds - decide - stages["forest"]
    return {"seconds": seconds, "cpu_seconds": cpu_seconds} | {stage: stages[stage] for stage in STAGES}


def time_parts(file: Path) -> Run:
    """Seconds for particles in batches as a run makes them, all of the file, and in events, some of it."""
    measured: Run = {}
    whole, alone = slice(None), slice(EVENTS_ALONE)
    for kind, events, budget in (("batches of a run", whole, BATCH_BYTES), ("single events", alone, 1)):
        particles = read(file, events, budget)
        measured[kind] = {"particles": [part.height for part in particles], "seconds": {}}
        for name in REQUIRED:
            own = [part.select(SCHEMES[name].columns[PARTICLES]) for part in particles]
            SCHEMES[name].apply(own[0])
            begin = perf_counter()
            for part in own:
                SCHEMES[name].apply(part)
            measured[kind]["seconds"][name] = perf_counter() - begin
    return measured


def measure_memory(file: Path, name: str, num_events: int) -> Run:
    """Bytes by which memory rises, at most, while a scheme labels the first events, for the first time."""
    scheme = SCHEMES[name]
    particles = pl.concat(read(file, slice(num_events)), rechunk=True).select(scheme.columns[PARTICLES])
    with nl.open(file) as events:
        row_bytes = events.num_row_bytes(PARTICLES, events.column_names(PARTICLES))
    scheme.apply(particles.head(1))
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    scheme.apply(particles)
    rise = resident("VmHWM") - before
    return {"scheme": name, "particles": particles.height, "bytes": rise, "row_bytes": row_bytes}


def resident(name: str) -> int:
    """Bytes of memory of this process: now (VmRSS), or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def of_ours(runs: list[Run], name: str, clock: str = "seconds") -> list[float]:
    """Seconds a particle in each of our runs: the median of the times within it."""
    return [median(run["schemes"][name][clock]) / run["particles"] for run in runs]


def of_peer(peers: list[Run], clock: str = "seconds") -> list[float]:
    """Seconds a particle in each run of pynuml."""
    return [run[clock] / run["particles"] for run in peers]


def micros(seconds: float) -> str:
    return f"{1e6 * seconds:.3f}"


def add_measures(results: Results, runs: list[Run], peers: list[Run], alone: Run) -> None:
    """The ratios, a particle, and a table of medians and spread; CPU time is that of all threads."""
    columns = ("scheme", "µs a particle", "least, most", "CPU", "1 thread", "times as fast", "by CPU")
    table = Table("Labelling, microseconds a particle", columns)
    theirs, cpu = of_peer(peers), median(of_peer(peers, "cpu_seconds"))
    spread = ", ".join(micros(time) for time in (min(theirs), max(theirs)))
    table.rows.append(("pynuml, standard", micros(median(theirs)), spread, micros(cpu), "", "", ""))
    for name in SCHEMES:
        ours, own_cpu = of_ours(runs, name), median(of_ours(runs, name, "cpu_seconds"))
        measure = compared(f"labelling, a particle, {name}", ours, theirs, required=REQUIRED.get(name))
        if name in REQUIRED:
            results.measures.append(measure)
        spread = ", ".join(micros(time) for time in (min(ours), max(ours)))
        one_thread = median(alone["schemes"][name]["seconds"]) / alone["particles"]
        cells = (micros(median(ours)), spread, micros(own_cpu), micros(one_thread))
        table.rows.append((name, *cells, f"{measure.ratio:,.0f}", f"{cpu / own_cpu:,.0f}"))
    results.tables.append(table)
    results.notes.append(
        f"Ours labelled {runs[0]['particles']:,} particles, pynuml {peers[0]['particles']:,} of "
        f"them, all alike; "
        f"pynuml raised on {len(peers[0]['raised'])} events, which do not count."
    )
    results.versions["pynuml"] = peers[0]["versions"]


def stages(runs: list[Run]) -> Table:
    """Where the time goes: medians of the runs."""
    table = Table("Labelling, stages, µs a particle", ("scheme", "number of rules", *STAGES))
    for name in SCHEMES:
        taken = (micros(median(of_ours(runs, name, stage))) for stage in STAGES)
        table.rows.append((name, f"{runs[0]['schemes'][name]['num_rules']}", *taken))
    return table


def parts(measured: Run, peers: list[Run]) -> Table:
    """Time by how many particles are labelled at once."""
    columns = [column for name in REQUIRED for column in (f"{name}, µs a particle", "times as fast")]
    table = Table("Labelling part by part", ("parts", "number", "particles of one", *columns))
    for kind, part in measured.items():
        particles = part["particles"]
        cells = []
        for seconds in part["seconds"].values():
            ours = seconds / sum(particles)
            cells += [micros(ours), f"{median(of_peer(peers)) / ours:,.0f}"]
        table.rows.append((kind, f"{len(particles):,}", f"{median(particles):,.0f}", *cells))
    return table


def memory(runs: list[Run]) -> Table:
    """Memory that labelling takes, beside the bytes by which batches are cut."""
    columns = ("scheme", "particles", "MB", "bytes a particle", "bytes of a row of the table")
    table = Table("Most memory that labelling takes", columns)
    for run in runs:
        particles = run["particles"]
        cells = (f"{particles:,}", f"{run['bytes'] / 1e6:.0f}", f"{run['bytes'] / particles:.0f}")
        table.rows.append((run["scheme"], *cells, f"{run['row_bytes']}"))
    return table


if __name__ == "__main__":
    main()
