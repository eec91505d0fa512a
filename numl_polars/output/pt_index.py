"""The index of a folder of format pt: what there is to know of its objects without opening them.

An Arrow IPC file, one row an object, for `polars.scan_ipc` too. What is common to all objects stands in the
schema's metadata, as JSON.

| column | type | |
|---|---|---|
| ``name`` | string | name of the object |
| ``run``, ``subrun``, ``event`` | int64 | from its name; null where that does not say them |
| ``file`` | string | its file in the folder |
| ``file_bytes`` | int64 | size of that file |
| ``num_bytes`` | int64 | bytes of its tensors |
| ``has_all_nodes`` | bool | no array of it is empty, but for edges |
| ``split``, ``sample`` | string, int32 | its split, and its place there; null: in none, or not merged |
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from numl_polars.errors import InputError, OutputError
from numl_polars.output.attribute_kinds import Kinds, from_json, to_json
from numl_polars.output.files import put_aside, reason
from numl_polars.output.layout import GraphMetadata, event_of
from numl_polars.output.samples import Samples
from numl_polars.output.splits import SPLIT_NAMES

Int64s = NDArray[np.int64]

INDEX = "index.arrow"
_KEY = b"numl_polars"
_VERSION = 1
_SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("run", pa.int64()),
        pa.field("subrun", pa.int64()),
        pa.field("event", pa.int64()),
        pa.field("file", pa.string(), nullable=False),
        pa.field("file_bytes", pa.int64(), nullable=False),
        pa.field("num_bytes", pa.int64(), nullable=False),
        pa.field("has_all_nodes", pa.bool_(), nullable=False),
        pa.field("split", pa.string()),
        pa.field("sample", pa.int32()),
    ]
)


@dataclass(frozen=True, eq=False)
class Index:
    """What the index says.

    Parameters
    ----------
    metadata
        File-level content.
    kinds
        What the attributes of the objects are.
    names, files
        Name and file of each object.
    file_bytes, tensor_bytes
        int64 (objects,): size of each object's file, and of its tensors.
    has_all_nodes
        bool (objects,): whether it can be a sample.
    samples
        Rows of each split's objects; empty if the folder was not merged.
    """

    metadata: GraphMetadata
    kinds: Kinds
    names: Sequence[str]
    files: Sequence[str]
    file_bytes: Int64s
    tensor_bytes: Int64s
    has_all_nodes: NDArray[np.bool_]
    samples: Samples = field(default_factory=dict)

    def table(self) -> pa.Table:
        """The index as it is written."""
        events = [event_of(name) or (None, None, None) for name in self.names]
        split: list[str | None] = [None] * len(self.names)
        place: list[int | None] = [None] * len(self.names)
        for name, rows in self.samples.items():
            for i, row in enumerate(rows.tolist()):
                split[row], place[row] = name, i
        columns = [
            list(self.names),
            *([event[i] for event in events] for i in range(3)),
            list(self.files),
            self.file_bytes,
            self.tensor_bytes,
            self.has_all_nodes,
            split,
            place,
        ]
        content = {
            "format": _VERSION,
            "planes": self.metadata.planes,
            "classes": self.metadata.class_lists,
            "gen": self.metadata.gen,
            "provenance": dict(self.metadata.provenance),
            "attributes": json.loads(to_json(self.kinds)),
            "splits": list(self.samples),
        }
        arrays = [pa.array(column, kind.type) for column, kind in zip(columns, _SCHEMA, strict=True)]
        return pa.Table.from_arrays(arrays, schema=_SCHEMA.with_metadata({_KEY: json.dumps(content)}))

    def write(self, folder: Path) -> None:
        """Write the index into a folder whose objects are all there."""
        table = self.table()
        with (folder / INDEX).open("xb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)


def read_index(folder: Path) -> Index:
    """Index of a folder of format pt.

    Raises
    ------
    InputError
        There is no such folder, or it has no index, or one that is cut short, or not of this format.
    """
    if not folder.exists():
        aside = put_aside(folder)
        hint = f"; it was being replaced: {aside[0]} is the earlier one, whole" if aside else ""
        raise InputError(f"no such folder: {folder}{hint}")
    try:
        content = (folder / INDEX).read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{folder} is not of format pt, or was not written to its end: it has no {INDEX}"
        ) from None
    except OSError as error:
        raise InputError(f"cannot read {folder / INDEX}: {reason(error)}") from error
    try:
        table = pa.ipc.open_file(pa.py_buffer(content)).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{folder / INDEX} is cut short or damaged: {reason(error)}") from error
    try:
        return _index_of(table)
    except (AttributeError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{folder / INDEX} is not the index of a folder of format pt: {error}") from error


def _index_of(table: pa.Table) -> Index:
    content = json.loads((table.schema.metadata or {})[_KEY])
    if content["format"] != _VERSION:
        raise ValueError(f"it has version {content['format']}, and only version {_VERSION} is known")
    table = table.select(_SCHEMA.names).cast(_SCHEMA)
    metadata = GraphMetadata.of(content["planes"], content["classes"], content["provenance"])
    split, place = (table[name].to_numpy(zero_copy_only=False) for name in ("split", "sample"))
    samples = {}
    for name in sorted(content["splits"], key=[*SPLIT_NAMES, *content["splits"]].index):
        rows = np.flatnonzero(split == name)
        samples[name] = rows[np.argsort(place[rows], kind="stable")]
    return Index(
        replace(metadata, gen=int(content["gen"])),
        from_json(json.dumps(content["attributes"])),
        tuple(table["name"].to_pylist()),
        tuple(table["file"].to_pylist()),
        table["file_bytes"].to_numpy(),
        table["num_bytes"].to_numpy(),
        table["has_all_nodes"].to_numpy(zero_copy_only=False),
        samples,
    )


def check_replaceable(folder: Path) -> None:
    """Raise an OutputError if a folder is there that is none of this format, and so must not be removed."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / INDEX).exists():
        raise OutputError(
            f"{folder} is no folder of format pt (it has no {INDEX}), and is not replaced; remove it"
        )


_ENCODED = {*'/\\%:*?"<>|', *map(chr, range(32))}


def file_name(name: str) -> str:
    """File of an object of that name: what no file system allows, or hides, is percent-encoded."""
    encoded = "".join(f"%{ord(letter):02x}" if letter in _ENCODED else letter for letter in name)
    return f"{'%2e' + encoded[1:] if encoded.startswith('.') else encoded}.pt"
