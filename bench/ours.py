"""Seconds that numl-polars takes to turn an event file into graphs; one line of JSON on standard output.

The same work as `peer.py`: standard and flavour labels, one rank, one HDF5 file, no merge.
"""

import argparse
import json
import os
import sys
from contextlib import nullcontext
from cProfile import Profile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

import polars as pl

import numl_polars as nl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    parser.add_argument("stem", type=Path, help="output is STEM.0000.h5")
    parser.add_argument(
        "--warm-up", type=Path, required=True, help="event file to process before the clock starts"
    )
    parser.add_argument("--profile", type=Path, help="write a profile by cProfile here, of what is timed")
    parser.add_argument("--vertex", action="store_true")
    parser.add_argument("--position", action="store_true")
    options = parser.parse_args()

    graph = nl.HitGraph(
        particle_labels=nl.StandardLabels(),
        event_labels=nl.FlavorLabels(),
        vertex=options.vertex,
        position=options.position,
    )
    # compiles the kernels, or loads them
    nl.process(options.warm_up, graph, options.stem, merge=False, overwrite=True)
    with Profile() if options.profile is not None else nullcontext() as profile:
        begin, begin_cpu = perf_counter(), process_time()
        report = nl.process(options.events, graph, options.stem, merge=False, overwrite=True)
        seconds, cpu_seconds = perf_counter() - begin, process_time() - begin_cpu
    if profile is not None:
        profile.dump_stats(options.profile)
    packages = ("numl-polars", "polars", "pyarrow", "numpy", "numba", "h5py", "scipy")
    measured = {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "events": report.num_events,
        "graphs": report.num_kept,
        "threads": {"polars": pl.thread_pool_size(), "cores": os.cpu_count()},
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in packages},
        "stages": {stage: asdict(taken)["total"] for stage, taken in report.stages.items()},
        "rejected": dict(report.rejected),
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
