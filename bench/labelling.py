"""How much faster numl-polars labels particles than pynuml 25.4.0: the same simulated particles, in one go.

Each run is a process of its own, in turns; the clock runs only while particles are labelled, which are in
memory, by a program that is warm. pynuml labels a sample of the events, on which labels must be equal. Exit
status 1 if they are not, or if a scheme is not as many times as fast a particle as it must be.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import click
import numpy as np
import polars as pl
from against_pynuml import BENCH, Run, console, machine, run_program
from rich.table import Table

import numl_polars as nl
from numl_polars.events.file import BATCH_BYTES
from numl_polars.labels import (
    abs_pdg,
    ancestor,
    depth,
    end_process,
    has_ancestor,
    has_child,
    is_baryon,
    is_electron,
    is_hadron,
    is_muon,
    is_neutral,
    is_neutron,
    is_nucleus,
    is_photon,
    is_primary,
    is_proton,
    momentum,
    num_children,
    num_descendants,
    parent,
    particle_labels,
    primary,
    start_process,
    sum_over_children,
    sum_over_descendants,
)
from numl_polars.labels.forest import Forest
from numl_polars.labels.rules import RuleList
from numl_polars.timing import Stages

Results = dict[str, Any]

PARTICLES = "particle_table"
WITHIN = 5
"""Times that a run labels all particles with each scheme."""
STAGES = ("forest", "context", "rules", "walk", "all else")
BY_PAIR = "by pair"
EVENTS_ALONE = 100
"""Events that are labelled one by one."""


class TwentyRules(nl.ParticleLabels):
    """A demanding scheme: nearly every rule looks at other particles."""

    delta_threshold: float = 0.005
    gamma_threshold: float = 0.02
    proton_threshold: float = 0.2

    classes = (
        "muon", "stopping_muon", "pion", "kaon", "proton", "shower", "pi0_shower", "michel", "delta",
        "neutron_induced", "diffuse", "invisible",
    )  # fmt: skip

    def rules(self) -> Sequence[nl.Rule]:
        of_muon_end = start_process.is_in(["muMinusCaptureAtRest", "muPlusCaptureAtRest", "Decay"])
        knocked_out = is_electron & start_process.is_in(["muIoni", "hIoni"])
        converts = start_process.is_in(["conv", "compt"]) | end_process.is_in(["conv", "compt"])
        energetic = momentum >= self.gamma_threshold
        from_muon, pion, pi0 = parent(is_muon), abs_pdg == 211, abs_pdg == 111
        whole = partial(nl.Rule, spreads=True, instance="self")
        own = partial(nl.Rule, instance="self")
        return (
            whole("michel", when=is_electron & from_muon & of_muon_end),
            nl.Rule("diffuse", when=from_muon & of_muon_end, instance="parent"),
            whole("delta", when=knocked_out & (momentum >= self.delta_threshold) & (num_descendants > 0)),
            nl.Rule("muon", when=knocked_out & from_muon, instance="parent"),
            nl.Rule("neutron_induced", when=has_ancestor(is_neutron), instance=ancestor(is_neutron)),
            whole("pi0_shower", when=is_photon & (parent(pi0) | primary(pi0)) & energetic),
            whole("shower", when=is_electron & is_primary & (sum_over_children(momentum) > 0.01)),
            whole("shower", when=is_photon & has_child(is_electron & (momentum > 0.01)) & energetic),
            nl.Rule("diffuse", when=is_photon & (sum_over_descendants(momentum) < 0.005), spreads=True),
            whole("shower", when=(is_electron | is_photon) & converts & energetic & ~has_ancestor(is_hadron)),
            nl.Rule("pion", when=knocked_out & primary(pion) & (depth < 3), instance=ancestor(pion)),
            own("stopping_muon", when=is_muon & has_child(of_muon_end)),
            own("muon", when=is_muon & ~parent(pion)),
            own("pion", when=pion | (is_muon & (parent(momentum) > momentum))),
            own("kaon", when=abs_pdg.is_in([321, 411])),
            own("proton", when=is_proton & (depth == 0) & (momentum >= self.proton_threshold)),
            own("proton", when=is_proton & (ancestor(is_hadron)(momentum) >= self.proton_threshold)),
            nl.Rule("diffuse", when=(is_baryon | is_nucleus) & (num_children < 5)),
            nl.Rule("invisible", when=is_neutral & end_process.is_in(["CoupledTransportation"])),
            nl.Rule("diffuse"),
        )


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
@click.option(
    "--peer-python",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    metavar="PATH",
    help="Python of the environment that has pynuml 25.4.0.",
)
@click.option(
    "--events",
    type=click.IntRange(min=50),
    default=1000,
    show_default=True,
    help="Events of the file; 1000 have some 540,000 particles.",
)
@click.option(
    "--sample", type=click.IntRange(min=1), default=25, show_default=True, help="Events that pynuml labels."
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=3, show_default=True, help="Runs of each program."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write all results here."
)
def main(peer_python: Path, events: int, sample: int, repeats: int, json_file: Path | None) -> None:
    results: Results = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "pynuml": [],
        "numl-polars": [],
    }
    file = simulated(events)
    for repeat in range(repeats):
        results["pynuml"].append(run_peer(peer_python, file, sample))
        results["numl-polars"].append(in_new_process(time_schemes, file))
        console.print(f"run {repeat + 1} of {repeats} done", highlight=False)
    results["one thread"] = in_new_process(time_schemes, file, threads=1)
    results["parts"] = in_new_process(time_parts, file)
    results["memory"] = [
        in_new_process(measure_memory, file, name, num) for name in REQUIRED for num in (events // 2, events)
    ]
    console.print(times(results), stages(results), parts(results), memory(results))
    if json_file is not None:
        json_file.write_text(json.dumps(results, indent=2) + "\n")
    if slow := [name for name, required in REQUIRED.items() if ratio(results, name) < required]:
        console.print(f"slower than required: {', '.join(slow)}")
        sys.exit(1)


def simulated(events: int) -> Path:
    """File of that many dune events; that of an earlier run is used again."""
    file = BENCH / "work" / f"labelling.{events}.evt.h5"
    file.parent.mkdir(exist_ok=True)
    if not file.exists():
        console.print(f"simulating {events:,} events")
        nl.simulate(file, events=events, detector="dune", seed=1)
    return file


def run_peer(python: Path, file: Path, sample: int) -> Run:
    """What `peer_labels.py` measured on events spread over the file; their labels are those of pynuml."""
    with nl.open(file) as events:
        filled = np.flatnonzero(np.diff(events.offsets(PARTICLES)))
    warm_up, *chosen = filled[np.linspace(0, filled.size - 1, sample + 1).astype(np.int64)].astype(str)
    output = file.with_suffix(".peer.npz")
    run = run_program(python, "peer_labels.py", file, output, "--warm-up", warm_up, "--events", *chosen)
    if difference := compare(file, output):
        raise click.ClickException(f"labels are not those of pynuml: {difference}")
    return run


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


def of_ours(results: Results, name: str, clock: str = "seconds") -> list[float]:
    """Microseconds a particle in each of our runs: the median of the times within it."""
    runs = results["numl-polars"]
    return [1e6 * median(run["schemes"][name][clock]) / run["particles"] for run in runs]


def of_peer(results: Results, clock: str = "seconds") -> list[float]:
    """Microseconds a particle in each run of pynuml."""
    return [1e6 * run[clock] / run["particles"] for run in results["pynuml"]]


def ratio(results: Results, name: str, clock: str = "seconds") -> float:
    """How many times as fast a particle the scheme is as pynuml's standard labels, by medians of the runs."""
    return median(of_peer(results, clock)) / median(of_ours(results, name, clock))


def new_table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    table.add_column(no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=column == BY_PAIR)
    return table


def times(results: Results) -> Table:
    """Medians, spread and ratios; "by pair" is the least and the most that two successive runs give."""
    run, peer, alone = results["numl-polars"][0], results["pynuml"][0], results["one thread"]
    title = (
        f"Labelling {run['particles']:,} particles, µs a particle; pynuml {peer['particles']:,} of them, and "
        f"raised on {len(peer['raised'])} events"
    )
    spread, ratios = ("median", "least", "most", "CPU", "1 thread"), ("times as fast", BY_PAIR, "by CPU")
    table = new_table(title, *spread, *ratios, "required")
    theirs = of_peer(results)
    numbers = (median(theirs), min(theirs), max(theirs), median(of_peer(results, "cpu_seconds")))
    table.add_row("pynuml, standard", *(f"{number:.0f}" for number in numbers))
    for name in SCHEMES:
        ours = of_ours(results, name)
        cpu = median(of_ours(results, name, "cpu_seconds"))
        one_thread = 1e6 * median(alone["schemes"][name]["seconds"]) / alone["particles"]
        pairs = [peer / own for peer, own in zip(theirs, ours, strict=True)]
        table.add_row(
            name,
            *(f"{number:.3f}" for number in (median(ours), min(ours), max(ours), cpu, one_thread)),
            f"{ratio(results, name):,.0f}",
            f"{min(pairs):,.0f}, {max(pairs):,.0f}",
            f"{ratio(results, name, 'cpu_seconds'):,.0f}",
            f"{REQUIRED[name]:,}" if name in REQUIRED else "",
        )
    return table


def stages(results: Results) -> Table:
    """Where the time goes: medians of the runs."""
    first = results["numl-polars"][0]["schemes"]
    table = new_table("Where the time of numl-polars goes, µs a particle", "number of rules", *STAGES)
    for name in SCHEMES:
        taken = (median(of_ours(results, name, stage)) for stage in STAGES)
        table.add_row(name, f"{first[name]['num_rules']}", *(f"{micros:.3f}" for micros in taken))
    return table


def parts(results: Results) -> Table:
    """Time by how many particles are labelled at once."""
    columns = (column for name in REQUIRED for column in (name, "times as fast"))
    table = new_table("Labelling part by part, µs a particle", "parts", "particles of one", *columns)
    for kind, part in results["parts"].items():
        particles = part["particles"]
        cells = []
        for seconds in part["seconds"].values():
            ours = 1e6 * seconds / sum(particles)
            cells += [f"{ours:.3f}", f"{median(of_peer(results)) / ours:,.0f}"]
        table.add_row(kind, f"{len(particles):,}", f"{median(particles):,.0f}", *cells)
    return table


def memory(results: Results) -> Table:
    """Memory that labelling takes, beside the bytes by which batches are cut."""
    columns = ("particles", "MB", "bytes a particle", "bytes of a row of the table")
    table = new_table("Most memory that labelling takes", *columns)
    for run in results["memory"]:
        particles = run["particles"]
        cells = (f"{particles:,}", f"{run['bytes'] / 1e6:.0f}", f"{run['bytes'] / particles:.0f}")
        table.add_row(run["scheme"], *cells, f"{run['row_bytes']}")
    return table


if __name__ == "__main__":
    main()
