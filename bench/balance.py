"""How evenly ranks are loaded: simulated event sizes, cut for 2 to 4,096 ranks as a run cuts them.

Sizes are heavy-tailed, as those of real files: most events small, the largest 15 times the mean, many empty.
An event truly costs what the model of `numl_polars/events/cost.py` says, times a factor of its own that the
model does not know. Cuts by the model are compared with cuts by numbers of rows. Nothing is processed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import click
import numpy as np
from numpy.typing import NDArray
from results import Measure, Results, Table
from rich.console import Console

from numl_polars.events.cost import GRAPH, cut_costs, event_costs
from numl_polars.events.partition import ReadTwice, balanced_ranges

Int64s = NDArray[np.int64]
Rows = dict[str, Int64s]

TAIL, OF_TABLE = 0.6, 0.2
"""Widths of the lognormal distributions of the size of an event, and of a table beside it: the largest of
300,000 events is some 15 times the mean."""
CHUNK = 262_144
VALUES = {
    "hit_table": {CHUNK: 7},
    "particle_table": {CHUNK: 6},
    "edep_table": {CHUNK: 6},
    "spacepoint_table": {CHUNK // 3: 6},
}
"""Of a merged file: values a row that a run reads, by the rows of their chunks."""
DUNE = {"hit_table": 950, "particle_table": 520, "edep_table": 2450, "spacepoint_table": 240}
COSMICS = {"hit_table": 15_700, "particle_table": 2_500, "edep_table": 19_000, "spacepoint_table": 7_000}
RANKS = (2, 8, 64, 256, 1024, 4096)
MOST_ABOVE_MEAN = 1.03

console = Console()
if not console.is_terminal:
    console = Console(width=120)


@dataclass(frozen=True)
class Balance:
    """One file cut for one number of ranks; ratios are of the slowest rank to the mean of all.

    Parameters
    ----------
    share_s
        Mean time of a rank.
    bound
        Ratio below which no cuts can come: the costliest event to the mean of a rank; at least 1.
    by_cost, by_rows
        Ratio, if events cost what the model says.
    by_cost_noise, by_rows_noise
        Ratio, if each event has a factor of its own.
    with_chunks, blind_to_chunks
        Ratio of a merged file, where a chunk on both sides of a cut is inflated by both ranks: with cuts that
        take this into account, and with those of `by_cost`.
    read_twice
        Time that ranks spend on what others inflate too, as a share of all.
    plan_s
        CPU seconds that the choice of the cuts took, with chunks.
    """

    ranks: int
    share_s: float
    bound: float
    by_cost: float
    by_rows: float
    by_cost_noise: float
    by_rows_noise: float
    with_chunks: float
    blind_to_chunks: float
    read_twice: float
    plan_s: float


def sizes(random: np.random.Generator, events: int, means: dict[str, int], empty: float) -> Rows:
    """Rows of each event; tables go along with each other, not exactly. `means` are those of all events."""
    filled = random.random(events) >= empty
    common = random.normal(0, TAIL, events)
    rows = {}
    for table, mean in means.items():
        size = np.exp(common + random.normal(0, OF_TABLE, events)) * filled
        rows[table] = np.rint(size * (mean * events / size.sum())).astype(np.int64)
    return rows


def dune(random: np.random.Generator) -> Rows:
    return sizes(random, 299_800, DUNE, 0.06)


def mostly_empty(random: np.random.Generator) -> Rows:
    return sizes(random, 299_800, DUNE, 0.57)


def largest_known(random: np.random.Generator) -> Rows:
    return sizes(random, 1_134_824, DUNE, 0.57)


def cosmics(random: np.random.Generator) -> Rows:
    return sizes(random, 753_467 // 18, COSMICS, 0.0)


def smallest_first(random: np.random.Generator) -> Rows:
    rows = mostly_empty(random)
    order = np.argsort(rows["hit_table"], kind="stable")
    return {table: counts[order] for table, counts in rows.items()}


def two_samples(random: np.random.Generator) -> Rows:
    """A merged file: first events with few particles, then those with many."""
    few = DUNE | {"particle_table": 150, "edep_table": 1300}
    first, second = sizes(random, 149_900, few, 0.06), sizes(random, 149_900, DUNE, 0.57)
    return {table: np.concatenate([first[table], second[table]]) for table in DUNE}


def one_giant(random: np.random.Generator) -> Rows:
    rows = dune(random)
    for counts in rows.values():
        counts[len(counts) // 3] = 500 * counts.mean()
    return rows


FILES: dict[str, Callable[[np.random.Generator], Rows]] = {
    "DUNE, 299,800 events": dune,
    "the same, 57 % empty": mostly_empty,
    "the same, smallest event first": smallest_first,
    "two samples, one after the other": two_samples,
    "one event 500 times the mean": one_giant,
    "largest known, 1,134,824 events": largest_known,
    "MicroBooNE with cosmics, 41,859 events": cosmics,
}


@click.command(help=__doc__)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option(
    "--noise",
    type=click.FloatRange(min=0),
    default=0.1,
    show_default=True,
    help="Spread of the factor that an event has for itself.",
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write all results here."
)
def main(seed: int, noise: float, json_file: Path | None) -> None:
    results = {}
    for name, make in FILES.items():
        random = np.random.default_rng(seed)
        rows = make(random)
        costs = event_costs(rows)
        true = costs * random.lognormal(-(noise**2) / 2, noise, len(costs))
        offsets = {table: np.concatenate([[0], np.cumsum(counts)]) for table, counts in rows.items()}
        twice = cut_costs(
            (offsets[table], {length: length * values for length, values in VALUES[table].items()})
            for table in rows
        )
        assert twice is not None
        results[name] = [balance(rows, costs, true, twice, ranks) for ranks in RANKS]
        largest = costs.max() / costs[costs >= GRAPH].mean()
        console.print(
            table_of(f"{name} (costliest event: {largest:.0f} times the mean)", results[name]).rich()
        )
    if json_file is not None:
        Results(
            measures=[measure_of(name, one) for name, found in results.items() for one in found[-2:]],
            tables=[table_of(f"{name}: slowest rank to mean", found) for name, found in results.items()],
            notes=[f"noise: each event takes longer or shorter than the model says by a random {noise:.0%}"],
        ).write(json_file)


def balance(rows: Rows, costs: Int64s, true: NDArray[np.float64], twice: ReadTwice, ranks: int) -> Balance:
    """How evenly `ranks` ranks are loaded."""
    begin = process_time()
    with_chunks = balanced_ranges(costs, ranks, twice)
    plan_s = process_time() - begin
    by_cost = balanced_ranges(costs, ranks)
    by_rows = balanced_ranges(np.sum(list(rows.values()), axis=0) + 1, ranks)
    share = costs.sum() / ranks
    inflated = twice.before + twice.after
    again = sum(int(inflated[start]) for start, _ in with_chunks[1:])
    return Balance(
        ranks=ranks,
        share_s=share / 1e9,
        bound=max(1.0, costs.max() / share),
        by_cost=slowest(loads(costs, by_cost)),
        by_rows=slowest(loads(costs, by_rows)),
        by_cost_noise=slowest(loads(true, by_cost)),
        by_rows_noise=slowest(loads(true, by_rows)),
        with_chunks=slowest(loads(costs, with_chunks, twice)),
        blind_to_chunks=slowest(loads(costs, by_cost, twice)),
        read_twice=again / (again + int(costs.sum())),
        plan_s=plan_s,
    )


def loads(
    costs: NDArray[np.float64] | Int64s, ranges: list[tuple[int, int]], twice: ReadTwice | None = None
) -> NDArray[np.float64]:
    """What each rank has to do."""
    starts, stops = np.array(ranges).T
    total = np.concatenate([[0.0], np.cumsum(costs)])
    found: NDArray[np.float64] = total[stops] - total[starts]
    if twice is not None:
        found += (twice.before[starts] + twice.after[stops]) * (stops > starts)
    return found


def slowest(ranks: NDArray[np.float64]) -> float:
    return float(ranks.max() / ranks.mean())


def measure_of(name: str, one: Balance) -> Measure:
    """At most 3 % above the mean, or what the costliest event alone makes of it."""
    return Measure(
        f"slowest rank to mean, {name}, {one.ranks:,} ranks",
        value=one.by_cost,
        at_most=max(MOST_ABOVE_MEAN, one.bound + 1e-9),
    )


def table_of(title: str, found: list[Balance]) -> Table:
    columns = (
        "ranks", "mean s", "bound", "by cost", "by rows", "by cost, noise", "by rows, noise",
        "merged file", "blind to chunks", "read twice", "plan ms",
    )  # fmt: skip
    table = Table(title, columns)
    for one in found:
        ratios = (
            one.bound, one.by_cost, one.by_rows, one.by_cost_noise, one.by_rows_noise,
            one.with_chunks, one.blind_to_chunks,
        )  # fmt: skip
        table.rows.append(
            [
                f"{one.ranks:,}",
                f"{one.share_s:,.2f}",
                *(f"{ratio:.3f}" for ratio in ratios),
                f"{one.read_twice:.1%}",
                f"{1000 * one.plan_s:.0f}",
            ]
        )
    return table


if __name__ == "__main__":
    main()
