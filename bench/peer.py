"""Seconds that pynuml takes to turn an event file into graphs; one line of JSON on standard output.

Runs in the peer's environment (pynuml 25.4.0, pandas 2) and imports nothing of numl-polars.
"""

import argparse
import contextlib
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import h5py
import pynuml
import scipy.spatial  # noqa: F401  pynuml imports it at the first triangulation
import torch
from pynuml.labels import FlavorLabels, StandardLabels
from pynuml.process import HitGraphProducer


class SerialFile(h5py.File):
    """HDF5 file opened without MPI-IO.

    pynuml opens its input with ``driver="mpio"``, for which HDF5 must be built with MPI; h5py's wheels are
    not. On one rank the driver changes nothing in what is read, so its arguments are dropped.
    """

    def __init__(self, name: str, mode: str = "r", driver: str | None = None, comm: Any = None) -> None:
        super().__init__(name, mode)


def process(events: Path, stem: Path, *, vertex: bool, position: bool) -> tuple[int, int]:
    """Number of events and of graphs; the graphs are in ``{stem}.0000.h5``, which is closed."""
    file = pynuml.io.File(str(events))
    producer = HitGraphProducer(
        file=file,
        semantic_labeller=StandardLabels(),
        event_labeller=FlavorLabels(),
        label_vertex=vertex,
        label_position=position,
    )
    out = pynuml.io.H5Out(str(stem), overwrite=True)
    file.process(producer, out)
    num_graphs = len(out.f["dataset"]) if "dataset" in out.f else 0
    out.f.close()
    return len(file), num_graphs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    parser.add_argument("stem", type=Path, help="output is STEM.0000.h5")
    parser.add_argument("--warm-up", type=Path, help="event file processed before the clock starts")
    parser.add_argument("--vertex", action="store_true")
    parser.add_argument("--position", action="store_true")
    options = parser.parse_args()
    chosen = {"vertex": options.vertex, "position": options.position}

    h5py.File = SerialFile
    # pynuml prints a line for some of the events that it leaves out
    with contextlib.redirect_stdout(sys.stderr):
        if options.warm_up is not None:
            process(options.warm_up, options.stem, **chosen)
        begin, begin_cpu = perf_counter(), process_time()
        num_events, num_graphs = process(options.events, options.stem, **chosen)
        seconds, cpu_seconds = perf_counter() - begin, process_time() - begin_cpu
    packages = ("pynuml", "pandas", "numpy", "h5py", "scipy", "torch", "torch-geometric")
    measured = {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "events": num_events,
        "graphs": num_graphs,
        "threads": {"torch": torch.get_num_threads(), "cores": os.cpu_count()},
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in packages},
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
