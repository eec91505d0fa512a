"""How long pixel maps and voxel maps take an event: simulated events, all that is between file and objects.

Reading, labelling, forming and writing (HDF5) are timed batch by batch, in a program that is warm; all kinds
of map take turns, and hit graphs beside them.
Exit status 1 if sparse pixel maps of 3 x 256 x 256 bins take longer than they may.
"""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import click
import harness
from harness import say
from results import Measure, Results, Table

import numl_polars as nl
from numl_polars.events.file import BATCH_BYTES
from numl_polars.output.hdf5 import Hdf5Writer
from numl_polars.output.layout import GraphMetadata
from numl_polars.timing import Stages

AT_MOST_MS = 2.0
MAIN = "pixels, whole, 256 x 256"
STAGES = ("read", "label", "form", "write")


def objects(detector: str) -> dict[str, nl.TrainingObject]:
    """What is measured, by name."""
    some: dict[str, Any] = {"particle_labels": nl.StandardLabels(), "event_labels": nl.FlavorLabels()}
    size, source = (640.0, "deposits") if detector == "dune" else (1024.0, "spacepoints")
    volume: dict[str, Any] = {"source": source, **some}
    return {
        MAIN: nl.PixelMap(bins=256, **some),
        "pixels, spread over their rms": nl.PixelMap(bins=256, spread=True, **some),
        "pixels, about the centroid": nl.PixelMap(window="centroid", size=size, bins=256, **some),
        "pixels, the densest window": nl.PixelMap(window="densest", size=size, bins=256, **some),
        "pixels, dense, 64 x 64": nl.PixelMap(bins=64, dense=True, **some),
        f"voxels of 1 cm, {source}": nl.VoxelMap(**volume),
        "voxels of 1 cm, the densest window": nl.VoxelMap(window="densest", size=128, **volume),
        "hit graphs": nl.HitGraph(**some),
    }


@click.command(help=__doc__)
@harness.at_least_one("--events", 1000, "Events of each file.")
@harness.at_least_one("--repeats", 5, "Times that each is made.")
@harness.quick
@harness.json_file
def main(events: int, repeats: int, quick: bool, json_file: Path | None) -> None:
    if quick:
        events, repeats = min(events, 50), 1
    results = Results()
    for detector in ("uboone", "dune"):
        file = harness.simulated(detector, events)
        schemes = objects(detector)
        runs: dict[str, list[Mapping[str, float]]] = {name: [] for name in schemes}
        for scheme in schemes.values():
            time_run(file, scheme, slice(20))
        for repeat in range(repeats):
            for name, scheme in schemes.items():
                runs[name].append(time_run(file, scheme))
            say(f"maps: {detector}, run {repeat + 1} of {repeats} done")
        add_results(results, detector, events, runs)
    harness.finish(results, json_file)


def time_run(file: Path, scheme: nl.TrainingObject, chosen: slice = slice(None)) -> dict[str, float]:
    """Seconds by stage, and the number of objects."""
    stages, kept, labels = Stages(), 0, Stages()
    output = harness.WORK / "maps.h5"
    metadata = GraphMetadata.of(scheme.planes, scheme.classes, {})
    with nl.open(file) as events, Hdf5Writer(output, metadata, overwrite=True) as writer:
        for batch in events[chosen].batches(BATCH_BYTES):
            with stages("read"):
                for table, columns in scheme.columns(batch).items():
                    batch.select(table, columns)
            begin = perf_counter()
            built = scheme.build(batch, labels).objects
            stages.seconds["form"] = stages.seconds.get("form", 0) + perf_counter() - begin
            kept += len(built)
            with stages("write"):
                writer.write(built)
    label = labels.seconds.get("label", 0)
    return {
        "read": stages.seconds["read"],
        "label": label,
        "form": stages.seconds["form"] - label,
        "write": stages.seconds["write"],
        "objects": kept,
    }


def add_results(
    results: Results, detector: str, events: int, runs: Mapping[str, list[Mapping[str, float]]]
) -> None:
    """The figure that must hold, and a table of all kinds of map by stage."""
    table = Table(
        f"maps of {events:,} {detector} events, ms an event", ("object", *STAGES, "all", "least, most")
    )
    for name, times in runs.items():
        parts = [1e3 * median(run[stage] for run in times) / events for stage in STAGES]
        wholes = [1e3 * sum(run[stage] for stage in STAGES) / events for run in times]
        table.rows.append(
            (
                name,
                *(f"{part:.2f}" for part in parts),
                f"{median(wholes):.2f}",
                f"{min(wholes):.2f}, {max(wholes):.2f}",
            )
        )
        if name == MAIN:
            results.measures.append(
                Measure(
                    f"sparse pixel maps, 3 x 256 x 256, {detector}",
                    value=median(wholes),
                    unit="ms an event",
                    at_most=AT_MOST_MS,
                    spread=(min(wholes), max(wholes)),
                )
            )
    results.tables.append(table)


if __name__ == "__main__":
    main()
