"""Seconds that reading and writing take at the least; one line of JSON on standard output.

Reading: `os.pread` of the stored bytes of the columns that the graphs need, and inflating them. Writing:
`os.pwrite` of as many bytes as the output has, an object at a time, to a new file. One thread; files are in
the page cache. Each is the least of some trials: a floor.
"""

import argparse
import json
import os
import tomllib
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import perf_counter

import h5py

import numl_polars as nl
from numl_polars.schema import scalar_names

TRIALS = 3
INFLATERS = {"isal": "isal.isal_zlib", "zlib-ng": "zlib_ng.zlib_ng"}
"""Modules with a `decompress`, by package; the one that the program depends on is taken, else zlib."""

Chunk = tuple[int, int, bool]
"""First byte, number of bytes, and whether they are deflated."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    parser.add_argument("output", type=Path, help="graphs made of them")
    parser.add_argument("--vertex", action="store_true")
    parser.add_argument("--position", action="store_true")
    options = parser.parse_args()

    graph = nl.HitGraph(
        particle_labels=nl.StandardLabels(),
        event_labels=nl.FlavorLabels(),
        vertex=options.vertex,
        position=options.position,
    )
    chunks = stored_chunks(options.events, graph)
    data = read(options.events, chunks)
    inflater, inflate = chosen_inflater()
    deflated = [piece for piece, (_, _, is_deflated) in zip(data, chunks, strict=True) if is_deflated]
    plain = sum(size for _, size, is_deflated in chunks if not is_deflated)
    sizes, hits = objects(options.output)
    measured = {
        "pread": least(lambda: read(options.events, chunks)),
        "inflate": least(lambda: [inflate(piece) for piece in deflated]) if deflated else 0.0,
        "inflater": inflater,
        "pwrite": least(lambda: write(options.output.with_suffix(".floor"), sizes)),
        "read": sum(map(len, data)),
        "inflated": plain + sum(len(inflate(piece)) for piece in deflated),
        "written": sum(sizes),
        "hits": hits,
    }
    print(json.dumps(measured))


def least(work: Callable[[], object]) -> float:
    """Seconds of the fastest of some trials."""
    seconds = []
    for _ in range(TRIALS):
        begin = perf_counter()
        work()
        seconds.append(perf_counter() - begin)
    return min(seconds)


def stored_chunks(path: Path, graph: nl.HitGraph) -> list[Chunk]:
    """What the file stores of the columns that the graph reads: chunks, or whole datasets."""
    with nl.open(path) as events:
        columns = graph.columns(events)
    chunks: list[Chunk] = []
    with h5py.File(path, "r") as file:
        for table, wanted in columns.items():
            for name, dataset in file[table].items():
                width = dataset.shape[1] if dataset.ndim == 2 else 1
                if not dataset.size or set(wanted).isdisjoint(scalar_names(table, name, width)):
                    continue
                if dataset.chunks is None:
                    chunks.append((dataset.id.get_offset(), dataset.id.get_storage_size(), False))
                    continue
                for n in range(dataset.id.get_num_chunks()):
                    info = dataset.id.get_chunk_info(n)
                    is_deflated = dataset.compression == "gzip" and not info.filter_mask
                    chunks.append((info.byte_offset, info.size, is_deflated))
    return chunks


def read(path: Path, chunks: list[Chunk]) -> list[bytes]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return [os.pread(descriptor, size, start) for start, size, _ in chunks]
    finally:
        os.close(descriptor)


def chosen_inflater() -> tuple[str, Callable[[bytes], bytes]]:
    """Name and function of the inflater that the program uses."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    for dependency in project["project"]["dependencies"]:
        package = dependency.partition(">")[0].partition("=")[0].strip()
        if package in INFLATERS:
            return package, import_module(INFLATERS[package]).decompress
    return "zlib", zlib.decompress


def objects(path: Path) -> tuple[list[int], int]:
    """Bytes of each object of a graph file, and the hits of all."""
    sizes, hits = [], 0
    with h5py.File(path, "r") as file:
        for dataset in file["dataset"].values():
            sizes.append(dataset.dtype.itemsize)
            hits += dataset.dtype["hit/plane"].shape[0]
    return sizes, hits


def write(path: Path, sizes: list[int]) -> None:
    data = memoryview(b"\1" * max(sizes, default=0))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        place = 0
        for size in sizes:
            place += os.pwrite(descriptor, data[:size], place)
    finally:
        os.close(descriptor)
        path.unlink()


if __name__ == "__main__":
    main()
