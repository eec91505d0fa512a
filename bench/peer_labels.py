"""Seconds that pynuml's standard labels take on some events of a file; one line of JSON on standard output.

Runs in the peer's environment (pynuml 25.4.0, pandas 2) and imports nothing of numl-polars. The events are in
memory, as pynuml itself reads them, before the clock starts; it runs while the labeller is called, and not
for events on which the labeller raises.
"""

import argparse
import contextlib
import json
import sys
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

import h5py
import numpy as np
import pandas as pd
import pynuml
from peer import SerialFile
from pynuml.labels import StandardLabels

COLUMNS = ["g4_id", "parent_id", "type", "momentum", "start_process", "end_process"]


def read_particles(file: Path, events: list[int]) -> dict[int, pd.DataFrame]:
    """Particle table of each event, with the columns that pynuml reads to label it."""
    h5py.File = SerialFile
    source = pynuml.io.File(str(file))
    source.add_group("particle_table", COLUMNS)
    return {event: source[event]["particle_table"] for event in events}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("output", type=Path, help="labels are written here, as .npz")
    parser.add_argument("--warm-up", type=int, required=True, help="event to label before the clock starts")
    parser.add_argument("--events", type=int, nargs="+", required=True, help="none without particles")
    options = parser.parse_args()

    particles = read_particles(options.file, [options.warm_up, *options.events])
    labeller = StandardLabels()
    with contextlib.suppress(Exception):
        labeller(particles[options.warm_up])
    labels: dict[int, pd.DataFrame] = {}
    raised: dict[int, str] = {}
    seconds = cpu_seconds = 0.0
    for event in options.events:
        begin, begin_cpu = perf_counter(), process_time()
        try:
            labels[event] = labeller(particles[event])
        except Exception as error:  # what pynuml raises has no type of its own
            raised[event] = str(error)
            continue
        seconds += perf_counter() - begin
        cpu_seconds += process_time() - begin_cpu

    together = pd.concat(labels, names=["event_index"]).reset_index("event_index")
    names = ("event_index", "g4_id", "semantic_label", "instance_label")
    np.savez(options.output, **{name: together[name].to_numpy(np.int64) for name in names})
    packages = ("pynuml", "pandas", "numpy", "particle")
    measured = {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "particles": sum(len(particles[event]) for event in labels),
        "raised": raised,
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in packages},
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
