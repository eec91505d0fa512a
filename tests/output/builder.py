"""Object batches from literal arrays, and graph files made of them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest

from numl_polars.objects.batch import Array, Attribute, ObjectBatch
from numl_polars.output.hdf5 import Hdf5Writer
from numl_polars.output.layout import GraphMetadata

METADATA = GraphMetadata(
    ("u", "v", "y"), ("track", "shower"), ("cc_nue", "nc"), {"version": "0.1", "size": 7}
)


def batch_of(objects: Mapping[str, Mapping[str, Array]]) -> ObjectBatch:
    """Batch of named objects, each a mapping of attribute to array; all have the same attributes."""
    rows = list(objects.values())
    attributes = [_attribute(name, [row[name] for row in rows]) for name in rows[0]] if rows else []
    return ObjectBatch(tuple(objects), np.arange(len(rows)), tuple(attributes))


def _attribute(name: str, arrays: Sequence[Array]) -> Attribute:
    if arrays[0].ndim == 0:
        return Attribute(name, np.array(arrays, dtype=arrays[0].dtype))
    axis = 1 if name.endswith("edge_index") else 0
    offsets = np.cumsum([0, *(array.shape[axis] for array in arrays)], dtype=np.int64)
    return Attribute(name, np.concatenate(arrays, axis=axis), offsets, axis)


def graph(event: int, num_hits: int = 3, num_spacepoints: int = 2) -> dict[str, Array]:
    """A small object with attributes of every kind; its values depend on the event."""
    hits = np.arange(num_hits)
    return {
        "metadata/run": np.array(0, np.int32),
        "metadata/event": np.array(event, np.int32),
        "sp/pos": np.full((num_spacepoints, 3), event, np.float32),
        "hit/x": np.full((num_hits, 6), event / 2, np.float32),
        "hit/id": hits + event,
        "particle-truth/num_nodes": np.array(0),
        "hit_delaunay_hit/edge_index": np.array([hits[:-1], hits[1:]]),
        "hit_nexus_sp/edge_index": np.zeros((2, num_spacepoints), np.int64),
    }


def graphs(*events: int) -> dict[str, dict[str, Array]]:
    """Small objects by name, one an event; events divisible by 3 have no spacepoint."""
    return {f"r1_sr0_evt{event}": graph(event, num_spacepoints=event % 3) for event in events}


def write_graphs(path: Path, *events: int, metadata: GraphMetadata = METADATA) -> Path:
    with Hdf5Writer(path, metadata) as writer:
        writer.write(batch_of(graphs(*events)))
    return path


def write_like_pynuml(path: Path, *events: int, metadata: GraphMetadata | None = METADATA) -> Path:
    """Graph file as pynuml's H5Out leaves it: no order kept, no group where there is no object."""
    with h5py.File(path, "w") as file:
        for name, arrays in graphs(*events).items():
            values = [array if array.size else np.zeros((), array.dtype) for array in arrays.values()]
            kind = np.dtype(
                [(key, value.dtype, value.shape) for key, value in zip(arrays, values, strict=True)]
            )
            file.create_dataset(f"dataset/{name}", shape=(), dtype=kind, data=tuple(values))
        if metadata is not None:
            file["planes"] = list(metadata.planes)
            file["semantic_classes"] = list(metadata.semantic_classes or ())
            file["event_classes"] = list(metadata.event_classes or ())
            file["gen"] = [metadata.gen]
    return path


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def shared_folder() -> Path:
    """Folder of the shared data; skips the test where it is absent."""
    project = Path(__file__).resolve().parents[2]
    folder = project / os.environ.get("NUML_POLARS_SHARED", "../shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared data at {folder}; NUML_POLARS_SHARED names their folder")
    return folder.resolve()
