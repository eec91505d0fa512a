"""What a training file of any format holds, for people."""

from pathlib import Path

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from numl_polars.output.convert import num_bytes_of
from numl_polars.output.formats import format_of
from numl_polars.output.protocols import ObjectReader


def describe(path: Path) -> RenderableType:
    """Format, classes, number of objects, samples, and the attributes of the largest object.

    Raises
    ------
    InputError
        The file is not a training file.
    """
    known = format_of(path)
    reader = known.reader(path)
    try:
        kind = "folder" if known.is_folder else "file"
        facts = Table(box=None, show_header=False, pad_edge=False)
        facts.add_row(kind, f"{path}, {num_bytes_of(path) / 1e6:,.1f} MB")
        compression = getattr(reader, "compression", None)
        facts.add_row("format", f"{known.name}, {compression}" if compression else known.name)
        if reader.metadata is not None:
            facts.add_row("planes", ", ".join(reader.metadata.planes))
            none = {"semantic_classes": ("none",), "event_classes": ("none",)}
            for key, classes in (none | reader.metadata.class_lists).items():
                facts.add_row(key.replace("_", " "), ", ".join(classes))
        facts.add_row("objects", f"{len(reader.names):,}")
        if reader.samples:
            sizes = (f"{len(rows):,} {name}" for name, rows in reader.samples.items())
            facts.add_row("samples", ", ".join(sizes))
        if not len(reader.names):
            return facts
        largest = int(np.argmax(reader.sizes))
        return Group(facts, Text(f"\n{reader.names[largest]}:"), _attributes(reader, largest))
    finally:
        reader.close()


def _attributes(reader: ObjectReader, row: int) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("attribute", "dtype", "shape"):
        table.add_column(title)
    for name, values in reader.arrays(row).items():
        table.add_row(name, str(values.dtype), str(values.item() if values.ndim == 0 else values.shape))
    return table
