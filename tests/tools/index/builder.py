"""Small event files of any layout and storage, and what their keys should be."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from numl_polars.tables.index_layout import NUML, IndexLayout

Ids = Sequence[tuple[int, int, int]]
Keys = dict[str, NDArray[Any]]

STORAGES: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "gzip": {"chunks": 4, "compression": "gzip"},
    "gzip 1": {"chunks": 64, "compression": "gzip", "compression_opts": 1},
    "shuffled": {"chunks": 3, "compression": "gzip", "shuffle": True},
    "chunks only": {"chunks": 5},
    "checksums": {"chunks": 4, "compression": "gzip", "fletcher32": True},
    "lzf": {"chunks": 4, "compression": "lzf"},
}
SOME_IDS = [(1, 0, number) for number in (3, 5, 6, 9, 12)]
SOME_COUNTS = {"hit_table": [2, 0, 3, 1, 0], "particle_table": [0, 1, 0, 0, 4], "edep_table": [0] * 5}


def plain_keys(event_of_row: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both keys as add_key writes them, row by row: seq (rows, 1), and seq_cnt with a line a run of rows."""
    lines: list[list[int]] = []
    for event in event_of_row:
        if lines and lines[-1][0] == event:
            lines[-1][1] += 1
        else:
            lines.append([event, 1])
    return (
        np.array(event_of_row, np.int64).reshape(-1, 1),
        np.array(lines, np.int64).reshape(-1, 2),
    )


def write_file(
    path: Path,
    ids: Ids = SOME_IDS,
    counts: Mapping[str, Sequence[int]] = SOME_COUNTS,
    *,
    layout: IndexLayout = NUML,
    storage: str = "gzip",
    keys: bool = False,
    **file_options: Any,
) -> dict[str, Keys]:
    """An event file with `counts` rows of each event in each table; returns what its keys should be."""
    expected = {}
    with h5py.File(path, "w", **file_options) as file:
        for name, numbers in {layout.table: [1] * len(ids), **counts}.items():
            events = np.repeat(np.arange(len(ids)), numbers)
            group = file.create_group(name)
            named = np.array(ids, np.int32).reshape(-1, 3)[events]
            blocks = [named] if layout == NUML else [named[:, [place]] for place in range(3)]
            for column, block in zip(layout.columns, blocks, strict=True):
                write_column(group, column, block, storage)
            write_column(group, "value", np.arange(len(events), dtype=np.float32).reshape(-1, 1), storage)
            expected[name] = dict(zip(layout.keys, plain_keys(events.tolist()), strict=True))
            if keys:
                for key, lines in expected[name].items():
                    write_column(group, key, lines, storage)
    return expected


def write_column(group: h5py.Group, name: str, block: NDArray[Any], storage: str = "gzip") -> None:
    options = dict(STORAGES[storage])
    if "chunks" in options:
        options["chunks"] = (options["chunks"], block.shape[1])
        options["maxshape"] = (None, block.shape[1])
    group.create_dataset(name, data=block, **options)


def keys_of(path: Path, layout: IndexLayout = NUML) -> dict[str, Keys]:
    """Keys that are in a file, by table."""
    with h5py.File(path, locking=False) as file:
        return {
            name: {key: group[key][()] for key in layout.keys if key in group}
            for name, group in file.items()
            if isinstance(group, h5py.Group)
        }


def others_of(path: Path, layout: IndexLayout = NUML) -> dict[str, tuple[Any, ...]]:
    """All that is in a file but keys: values, dtypes, shapes, attributes."""
    found: dict[str, tuple[Any, ...]] = {}

    def add(name: str, member: Any) -> None:
        if name.rpartition("/")[2] not in layout.keys:
            attributes = {key: repr(value) for key, value in member.attrs.items()}
            found[name] = (attributes,)
            if isinstance(member, h5py.Dataset):
                values = member[()]
                content = values.tolist() if values.dtype == object else values.tobytes()
                found[name] += (member.dtype, member.shape, content)

    with h5py.File(path, locking=False) as file:
        add("", file)
        file.visititems(add)
    return found


def assert_keys(found: Mapping[str, Keys], expected: Mapping[str, Keys]) -> None:
    assert found.keys() == expected.keys()
    for table, keys in expected.items():
        assert found[table].keys() == keys.keys(), table
        for key, lines in keys.items():
            assert found[table][key].dtype == np.dtype("<i8"), (table, key)
            np.testing.assert_array_equal(found[table][key], lines, err_msg=f"{table} {key}", strict=True)
