"""Training files of every format, and what is in them."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from numl_polars.objects.batch import Array
from numl_polars.output.formats import FORMATS, open_objects
from numl_polars.output.layout import GraphMetadata
from tests.output.builder import METADATA, batch_of, graphs

Objects = Mapping[str, Mapping[str, Array]]

# that of Arrow has a module of its own
KNOWN = [name for name in FORMATS if name != "arrow" or find_spec("numl_polars.output.arrow")]


def write_objects(
    path: Path,
    *batches: Objects,
    format: str = "",
    metadata: GraphMetadata = METADATA,
    **options: Any,
) -> Path:
    """File of a format, by default that of the name's ending, with the objects of each batch."""
    known = FORMATS[format] if format else next(f for f in FORMATS.values() if f.suffix == path.suffix)
    with known.writer(path, metadata, **options) as writer:
        for batch in batches:
            writer.write(batch_of(batch))
    return path


def write_events(path: Path, *events: int, **options: Any) -> Path:
    """File of small objects, one an event."""
    return write_objects(path, graphs(*events), **options)


def read_objects(path: Path) -> dict[str, dict[str, Array]]:
    reader = open_objects(path)
    found = {name: reader.arrays(row) for row, name in enumerate(reader.names)}
    reader.close()
    return found


def samples_of(path: Path) -> dict[str, list[str]]:
    reader = open_objects(path)
    found = {split: [reader.names[row] for row in rows] for split, rows in reader.samples.items()}
    reader.close()
    return found


def assert_same(found: Objects, expected: Objects) -> None:
    """Equal names, attributes, dtypes, shapes and values, all in the same order."""
    assert list(found) == list(expected)
    for name, arrays in expected.items():
        assert list(found[name]) == list(arrays)
        for field, array in arrays.items():
            assert found[name][field].dtype == array.dtype, (name, field)
            np.testing.assert_array_equal(found[name][field], array, strict=True, err_msg=f"{name} {field}")


def in_rows(objects: Objects, rows: Sequence[int]) -> dict[str, Mapping[str, Array]]:
    names = list(objects)
    return {names[row]: objects[names[row]] for row in rows}
