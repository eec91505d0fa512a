"""How long triangulations take beside SciPy's: many sets of a thousand points, hits, and a grid of 300,000.

Prints a table; exit status 1 if edges differ or a required ratio is missed.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.spatial import Delaunay

from numl_polars.objects.delaunay.triangulate import triangulate

REQUIRED = 6.0
NUM_POINTS = 1000
console = Console()


def uniform(rng: np.random.Generator, num: int) -> np.ndarray:
    return rng.uniform(0, 6000, (num, 2))


def tracks(rng: np.random.Generator, num: int) -> np.ndarray:
    """Hits along straight lines with some spread, on the integer wires of three planes."""
    pieces = []
    for _ in range(30):
        wire = rng.integers(0, 2400) + np.arange(num // 30 + 1)
        time = rng.uniform(0, 6000) + 5 * rng.normal() * (wire - wire[0])
        pieces.append(np.column_stack([wire, time + 3 * rng.normal(size=len(wire))]))
    return np.concatenate(pieces)[:num]


def seconds(function: Callable[[], Any]) -> float:
    begin = perf_counter()
    function()
    return perf_counter() - begin


def scipy_edges(points: np.ndarray) -> set[tuple[int, int]]:
    indptr, indices = Delaunay(points).vertex_neighbor_vertices
    return {(a, int(b)) for a in range(len(points)) for b in indices[indptr[a] : indptr[a + 1]]}


def measure_sets(name: str, make: Callable[..., np.ndarray], num_sets: int, repeats: int) -> dict[str, Any]:
    """Sets of 1,000 points to lists of neighbours: ours, which are sorted, beside SciPy's, which are not."""
    rng = np.random.default_rng(0)
    sets = [make(rng, NUM_POINTS).astype(np.float32).astype(np.float64) for _ in range(num_sets)]
    points = np.concatenate(sets)
    offsets, labels = NUM_POINTS * np.arange(num_sets + 1), np.arange(len(points))
    edges, starts = triangulate(points, offsets, labels)
    differing = sum(
        set(map(tuple, (edges[:, starts[s] : starts[s + 1]] - offsets[s]).T.tolist())) != scipy_edges(own)
        for s, own in enumerate(sets)
    )
    ours, peer = [], []
    for _ in range(repeats):
        ours.append(seconds(lambda: triangulate(points, offsets, labels)) / num_sets)
        peer.append(seconds(lambda: [Delaunay(own).vertex_neighbor_vertices for own in sets]) / num_sets)
    ratios = [b / a for a, b in zip(ours, peer, strict=True)]
    return {
        "name": name,
        "ours_s": median(ours),
        "peer_s": median(peer),
        "ratio": median(peer) / median(ours),
        "required": REQUIRED if make is uniform else None,
        "spread": [min(ratios), max(ratios)],
        "points": NUM_POINTS,
        "differing": differing,
    }


def measure_grid(num: int, columns: int, repeats: int) -> dict[str, Any]:
    """A regular grid, all of whose cells are ties."""
    x, y = np.meshgrid(np.arange(columns), np.arange(num // columns))
    points = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float64)
    offsets, labels = np.array([0, num]), np.arange(num)
    taken = [seconds(lambda: triangulate(points, offsets, labels)) for _ in range(repeats)]
    return {
        "name": f"regular grid of {num:,}",
        "ours_s": median(taken),
        "required": None,
        "spread": [min(taken), max(taken)],
        "points": num,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=50, help="number of sets of 1,000 points")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    triangulate(np.zeros((1, 2)), np.array([0, 1]), np.array([0]))
    measures = [
        measure_sets("Delaunay, 1,000 random points", uniform, options.sets, options.repeats),
        measure_sets("Delaunay, 1,000 points of tracks", tracks, options.sets, options.repeats),
        measure_grid(3_000, 60, options.repeats),
        measure_grid(30_000, 200, options.repeats),
        measure_grid(300_000, 600, options.repeats),
    ]
    table = Table("points", title="Triangulation, sorted edges included")
    for column in ("µs a point", "SciPy's", "times as fast", "least, most", "sets that differ"):
        table.add_column(column, justify="right")
    for one in measures:
        num = one["points"]
        peer = [f"{1e6 * one['peer_s'] / num:.2f}", f"{one['ratio']:.1f}"] if "peer_s" in one else ["", ""]
        least, most = one["spread"]
        spread = f"{least:.1f}, {most:.1f}" if "peer_s" in one else f"{least:.3f}, {most:.3f} s"
        table.add_row(
            one["name"], f"{1e6 * one['ours_s'] / num:.2f}", *peer, spread, str(one.get("differing", ""))
        )
    console.print(table)
    if options.json:
        options.json.write_text(json.dumps({"measures": measures}, indent=2))
    missed = [one for one in measures if one.get("required") and one["ratio"] < one["required"]]
    sys.exit(1 if missed or measures[0]["differing"] else 0)


if __name__ == "__main__":
    main()
