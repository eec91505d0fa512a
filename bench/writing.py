"""How long graphs take to be written and merged, an object, beside plain h5py and a plain copy of the bytes.

python bench/writing.py [--detector dune|uboone] [--events 300] [--copies 5] [--repeats 5] [--json FILE]

Objects are made of simulated events. All writers write the same objects, in turns; medians of the repeats.
"Bytes alone" are the same bytes by os.pwrite, from memory to the page cache; "by h5py" is one create_dataset
with a compound dtype an object, as pynuml does it. A merge is compared with one that reads, checks, writes
and reads back each object by h5py and zlib's CRC-32, and with a copy of the bytes that is read back. Files
are written to the page cache and closed; nobody waits for the disk. CPU time is that of all threads, with the
system's on their behalf: it says more than wall time where others use the machine.
"""

import argparse
import json
import os
import statistics
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from unittest.mock import patch

import h5py
import numpy as np
from h5py import h5d, h5s
from rich.console import Console
from rich.table import Table

import numl_polars as nl
from numl_polars.events.batch import Batch
from numl_polars.objects.batch import ObjectBatch
from numl_polars.output.checksums import xxh64
from numl_polars.output.hdf5 import Hdf5Writer
from numl_polars.output.layout import GraphMetadata

METADATA = GraphMetadata(("u", "v", "y"), ("MIP",), ("nc",))
BATCH_EVENTS = 20
SCALAR = h5s.create(h5s.SCALAR)
Batches = list[ObjectBatch]


def make_objects(folder: Path, detector: str, num_events: int, copies: int) -> Batches:
    """Batches as `process` makes them, again under other names until there are `copies`."""
    path = folder / "events.h5"
    nl.simulate(path, events=num_events, detector=detector)
    graph = nl.HitGraph(
        particle_labels=nl.StandardLabels(), event_labels=nl.FlavorLabels(), position=detector == "dune"
    )
    events = nl.open(path)
    starts = range(0, num_events, BATCH_EVENTS)
    batches = [
        graph.build(Batch(events, start, min(start + BATCH_EVENTS, num_events))).objects for start in starts
    ]
    path.unlink()
    return [
        replace(batch, names=tuple(f"{name}_{copy}" for name in batch.names))
        for copy in range(copies)
        for batch in batches
        if len(batch)
    ]


def record_bytes(batches: Batches) -> list[int]:
    return [
        sum(array.nbytes or array.itemsize for array in arrays.values())
        for batch in batches
        for arrays in batch
    ]


def write_ours(batches: Batches, path: Path) -> None:
    with Hdf5Writer(path, METADATA, overwrite=True) as writer:
        for batch in batches:
            writer.write(batch)


def write_by_h5py(batches: Batches, path: Path) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("dataset", track_order=True)
        for batch in batches:
            for name, arrays in zip(batch.names, batch, strict=True):
                values = [array if array.size else np.zeros((), array.dtype) for array in arrays.values()]
                fields = zip(arrays, values, strict=True)
                kind = np.dtype([(field, value.dtype, value.shape) for field, value in fields])
                group.create_dataset(name, shape=(), dtype=kind, data=tuple(values))


def write_bytes(batches: Batches, path: Path) -> None:
    sizes = record_bytes(batches)
    source = memoryview(bytearray(1 << 26))  # as large as a cache is not
    start = place = 0
    with path.open("wb", buffering=0) as file:
        for size in sizes:
            if start + size > len(source):
                start = 0
            place += os.pwrite(file.fileno(), source[start : start + size], place)
            start += size


def merge_ours(source: Path, path: Path) -> None:
    nl.merge([source], path, overwrite=True)


def merge_by_h5py(source: Path, path: Path) -> None:
    """Each object read, checked and written, and read back, as it was done before."""
    checksums = []
    with h5py.File(source) as file, h5py.File(path, "w") as output:
        group = output.create_group("dataset", track_order=True)
        for name in file["dataset"]:
            kind, record = raw_record(file["dataset"], name)
            checksums.append(zlib.crc32(record))
            dataset = h5d.create(group.id, name.encode(), kind, SCALAR)
            dataset.write(SCALAR, SCALAR, record, kind)
    with h5py.File(path) as output:
        found = [zlib.crc32(raw_record(output["dataset"], name)[1]) for name in output["dataset"]]
    if found != checksums:
        raise SystemExit("what was written by h5py differs")


def raw_record(group: h5py.Group, name: str) -> tuple[h5py.h5t.TypeID, np.ndarray]:
    dataset = h5d.open(group.id, name.encode())
    kind = dataset.get_type()
    record = np.empty(kind.get_size(), np.uint8)
    dataset.read(SCALAR, SCALAR, record, kind)
    return kind, record


def merge_bytes(source: Path, path: Path) -> None:
    buffer = memoryview(bytearray(1 << 23))
    with source.open("rb", buffering=0) as file, path.open("wb", buffering=0) as output:
        while size := file.readinto(buffer):
            output.write(buffer[:size])
    with path.open("rb", buffering=0) as output:
        while output.readinto(buffer):
            pass


def check_equal(left: Path, right: Path) -> None:
    with h5py.File(left) as one, h5py.File(right) as other:
        if list(one["dataset"]) != list(other["dataset"]):
            raise SystemExit(f"objects of {left.name} and {right.name} differ")
        for name in one["dataset"]:
            (kind, record), (other_kind, other_record) = (
                raw_record(f["dataset"], name) for f in (one, other)
            )
            if not kind.equal(other_kind) or not np.array_equal(record, other_record):
                raise SystemExit(f"object '{name}' differs between {left.name} and {right.name}")


def timed(runs: dict[str, Callable[[], None]], path: Path, repeats: int) -> dict[str, list[float]]:
    """Seconds of each run, in turns: wall time under its name, CPU time under its name and ``_cpu``."""
    seconds: dict[str, list[float]] = {f"{name}{kind}": [] for name in runs for kind in ("", "_cpu")}
    for _ in range(repeats):
        for name, run in runs.items():
            path.unlink(missing_ok=True)
            os.sync()  # what others wrote must not be written meanwhile
            begin, begin_cpu = perf_counter(), process_time()
            run()
            seconds[name].append(perf_counter() - begin)
            seconds[f"{name}_cpu"].append(process_time() - begin_cpu)
    return seconds


def measure(options: argparse.Namespace, folder: Path) -> list[dict[str, object]]:
    batches = make_objects(folder, options.detector, options.events, options.copies)
    sizes = record_bytes(batches)
    path, ours, plain = folder / "out.h5", folder / "ours.h5", folder / "plain.h5"
    write_ours(batches, ours)
    write_by_h5py(batches, plain)
    check_equal(ours, plain)
    plain.unlink()
    writes = timed(
        {
            "ours": lambda: write_ours(batches, path),
            "peer": lambda: write_by_h5py(batches, path),
            "floor": lambda: write_bytes(batches, path),
        },
        path,
        options.repeats,
    )
    xxh64(np.zeros(1, np.uint64), np.array([0, 1]))  # compiled, or loaded
    merge_ours(ours, path)
    check_equal(ours, path)
    merges = timed(
        {
            "ours": lambda: merge_ours(ours, path),
            "peer": lambda: merge_by_h5py(ours, path),
            "floor": lambda: merge_bytes(ours, path),
        },
        path,
        options.repeats,
    )
    facts = {"detector": options.detector, "objects": len(sizes), "mean_bytes": statistics.fmean(sizes)}
    return [
        summary(name, {key: [one / len(sizes) for one in found] for key, found in seconds.items()}) | facts
        for name, seconds in (("write an object", writes), ("merge an object", merges))
    ]


def summary(name: str, seconds: dict[str, list[float]]) -> dict[str, object]:
    medians = {f"{key}_s": statistics.median(found) for key, found in seconds.items()}
    pairs = {
        f"ratio{kind}": [
            other / one for other, one in zip(seconds[f"peer{kind}"], seconds[f"ours{kind}"], strict=True)
        ]
        for kind in ("", "_cpu")
    }
    ratios = {key: statistics.median(found) for key, found in pairs.items()}
    spread = {key: [min(found), max(found)] for key, found in (seconds | pairs).items()}
    return {"name": name, **medians, **ratios, "spread": spread}


def show(measures: list[dict[str, object]]) -> None:
    table = Table(title="µs an object: median (least, most)", box=None)
    for column in ("", "ours", "by h5py", "times as fast", "bytes alone"):
        table.add_column(column, justify="right" if column else "left")
    for one in measures:
        spread = one["spread"]
        for kind, said in (("", ""), ("_cpu", ", CPU")):
            cells = [
                f"{1e6 * one[f'{key}_s']:,.0f} ({1e6 * spread[key][0]:,.0f}, {1e6 * spread[key][1]:,.0f})"
                for key in (f"ours{kind}", f"peer{kind}", f"floor{kind}")
            ]
            least, most = spread[f"ratio{kind}"]
            cells.insert(2, f"{one[f'ratio{kind}']:.1f} ({least:.1f}, {most:.1f})")
            table.add_row(one["name"] + said, *cells)
    console = Console()
    console.print(table)
    one = measures[0]
    console.print(
        f"{one['objects']:,} {one['detector']} objects of {one['mean_bytes'] / 1e6:.2f} MB on average"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", choices=("dune", "uboone"), default="dune")
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--copies", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=options.work) as folder, patch("os.fsync"):
        measures = measure(options, Path(folder))
    show(measures)
    if options.json is not None:
        options.json.write_text(json.dumps({"measures": measures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
