"""What a graph file holds, for people."""

from pathlib import Path

import h5py
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from numl_polars.output.hdf5 import object_names, read_metadata, read_object
from numl_polars.output.splits import SPLIT_NAMES
from numl_polars.tables.opening import open_hdf5


def describe(path: Path) -> RenderableType:
    """Classes, number of objects, samples, and the attributes of the largest object.

    Raises
    ------
    InputError
        The file is not a graph file.
    """
    with open_hdf5(path) as file:
        names = object_names(file)
        metadata = read_metadata(file)
        facts = Table(box=None, show_header=False, pad_edge=False)
        facts.add_row("file", f"{path}, {path.stat().st_size / 1e6:,.1f} MB")
        if metadata is not None:
            facts.add_row("planes", ", ".join(metadata.planes))
            none = {"semantic_classes": ("none",), "event_classes": ("none",)}
            for key, classes in (none | metadata.class_lists).items():
                facts.add_row(key.replace("_", " "), ", ".join(classes))
        facts.add_row("objects", f"{len(names):,}")
        if "samples" in file:
            sizes = (
                f"{len(file['samples'][name]):,} {name}" for name in SPLIT_NAMES if name in file["samples"]
            )
            facts.add_row("samples", ", ".join(sizes))
        if not names:
            return facts
        largest = max(names[:_LOOKED_AT], key=lambda name: file["dataset"][name].dtype.itemsize)
        return Group(facts, Text(f"\n{largest}:"), _attributes(file["dataset"][largest]))


_LOOKED_AT = 1000


def _attributes(dataset: h5py.Dataset) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("attribute", "dtype", "shape"):
        table.add_column(title)
    for name, values in read_object(dataset).items():
        table.add_row(name, str(values.dtype), str(values.item() if values.ndim == 0 else values.shape))
    return table
