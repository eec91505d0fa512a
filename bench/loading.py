"""How fast shuffled batches of graphs are loaded, beside torch_geometric's loader over the compound file.

python bench/loading.py [--detector dune|uboone] [--events 1000] [--repeats 5] [--json FILE]

The same graphs of simulated events stand in an uncompressed Arrow file and in a compound HDF5 file. Ours is
`numl_polars.training.DataLoader` over the first. The other program reads an object as NuGraph does (one h5py
read of the compound, each field to a tensor of a HeteroData), and torch_geometric's DataLoader puts them
together. One process and one thread each, in turns; medians over the epochs, after one that is not counted.
Files are in the page cache. Objects without spacepoints are in no batch, as no reader of the compound file
can put them in one. Before that, one batch of each is compared.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import click
import h5py
import harness
import numpy as np
import torch
import torch_geometric.loader
from harness import WORK, at_least_one, json_file, quick, say
from results import Measure, Results
from torch_geometric.data import HeteroData

import numl_polars as nl
from numl_polars.output.formats import FORMATS
from numl_polars.output.layout import GraphMetadata

REQUIRED = 10.0
BATCH_SIZE = 64
MOST_OF_SIZE = {"arrow": 0.5, "arrow, zstd": 0.2}


class AsNuGraph(torch.utils.data.Dataset[HeteroData]):
    """Objects of a compound file, each read at once, each field made a tensor."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.file = h5py.File(path)
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i: int) -> HeteroData:
        record = self.file[f"dataset/{self.names[i]}"][()]
        data = HeteroData()
        for name in record.dtype.names:
            store, attribute = name.split("/")
            key: Any = tuple(store.split("_")) if "_" in store else store
            values = record[name]
            if values.ndim == 0 and attribute == "edge_index":
                data[key][attribute] = torch.empty((2, 0), dtype=torch.int64)
            else:
                data[key][attribute] = torch.as_tensor(values[()] if values.ndim == 0 else values[:])
        for kind in data.node_types:
            if kind != "metadata" and data[kind].num_nodes is not None and "x" not in data[kind]:
                data[kind].x = torch.empty((int(data[kind].num_nodes), 0))
        return data


def write_files(folder: Path, detector: str, num_events: int) -> dict[str, Path]:
    """Files of the same graphs: compound HDF5, Arrow, compressed Arrow."""
    graph = nl.HitGraph(
        particle_labels=nl.StandardLabels(),
        event_labels=nl.FlavorLabels(),
        vertex=detector == "uboone",
        position=detector == "dune",
    )
    metadata = GraphMetadata.of(graph.planes, graph.classes, {})
    paths = {
        "hdf5": folder / "graphs.h5",
        "arrow": folder / "graphs.arrow",
        "arrow, zstd": folder / "zstd.arrow",
    }
    with nl.open(harness.simulated(detector, num_events)) as events:
        batches = [graph.build(batch).objects for batch in events.batches(1 << 26)]
    for name, path in paths.items():
        kind, _, compression = name.partition(", ")
        options = {"compression": compression} if compression else {}
        with FORMATS[kind].writer(path, metadata, **options) as writer:
            for objects in batches:
                writer.write(objects)
    return paths


def differences(ours: Any, other: Any) -> list[str]:
    """Attributes in which two batches of the same objects differ."""
    found = []
    for store in ours.stores:
        for key, value in store.items():
            there = other[store._key].get(key)
            if isinstance(value, torch.Tensor) and isinstance(there, torch.Tensor):
                value, there = value.reshape(-1), there.reshape(-1)
                if not torch.equal(torch.nan_to_num(value), torch.nan_to_num(there).to(value.dtype)):
                    found.append(f"{store._key} {key}")
    return found


def epoch_seconds(loader: Any) -> float:
    """Seconds a batch, over one epoch."""
    begin = perf_counter()
    number = sum(1 for _ in loader)
    return (perf_counter() - begin) / number


@click.command(help=__doc__)
@click.option("--detector", type=click.Choice(["dune", "uboone"]), default="uboone", show_default=True)
@at_least_one("--events", 1000, "Simulated events.")
@at_least_one("--repeats", 5, "Epochs of each.")
@quick
@json_file
def main(detector: str, events: int, repeats: int, quick: bool, json_file: Path | None) -> None:
    torch.set_num_threads(1)
    if quick:
        events, repeats = 100, 1
    results = Results()
    WORK.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=WORK) as folder:
        paths = write_files(Path(folder), detector, events)
        dataset = nl.training.Dataset(paths["arrow"])
        whole = np.flatnonzero(dataset.readers[0].has_all_nodes).tolist()
        ours = torch.utils.data.Subset(dataset, whole)
        other = AsNuGraph(paths["hdf5"], [dataset.names[row] for row in whole])
        batch_size = min(BATCH_SIZE, len(whole))
        makers: dict[str, Callable[[bool], Any]] = {
            "ours": lambda shuffle: nl.training.DataLoader(ours, batch_size, shuffle=shuffle, drop_last=True),
            "peer": lambda shuffle: torch_geometric.loader.DataLoader(
                other, batch_size, shuffle=shuffle, drop_last=True
            ),
        }
        results.differences += differences(*(next(iter(make(False))) for make in makers.values()))
        seconds: dict[str, list[float]] = {name: [] for name in makers}
        for repeat in range(repeats + 1):
            for name, make in makers.items():
                took = epoch_seconds(make(True))
                if repeat:
                    seconds[name].append(took)
        sizes = {name: path.stat().st_size for name, path in paths.items()}
    ratios = [peer / own for own, peer in zip(seconds["ours"], seconds["peer"], strict=True)]
    results.measures.append(
        Measure(
            f"batch of {batch_size} graphs, {detector}",
            ours_s=statistics.median(seconds["ours"]),
            peer_s=statistics.median(seconds["peer"]),
            ratio=statistics.median(ratios),
            required=None if quick else REQUIRED,
            spread=(min(ratios), max(ratios)),
        )
    )
    for name, most in MOST_OF_SIZE.items():
        results.measures.append(
            Measure(
                f"size, {name} / hdf5, {detector}",
                value=sizes[name] / sizes["hdf5"],
                unit="",
                at_most=None if quick else most,
            )
        )
    say(f"{len(whole)} of {len(dataset)} graphs have spacepoints")
    harness.finish(results, json_file)


if __name__ == "__main__":
    main()
