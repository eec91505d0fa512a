"""Event files of random content, whole or cut into several, and reading a file back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]
Tables = dict[str, Columns]

WORDS = np.array([b"", b"primary", "kö".encode(), b"x" * 64, b"nFlash", b" spaces "], "S64")
STORAGES: tuple[dict[str, Any], ...] = (
    {},
    {"chunks": 2},
    {"chunks": 3, "compression": "gzip"},
    {"chunks": 5, "compression": "gzip", "shuffle": True},
)


class Content:
    """Tables of some events.

    Parameters
    ----------
    counts
        int64 (events, 2): rows of each event in ``hits`` and in ``particles``.
    ids
        int32 (events, 3).
    """

    def __init__(self, counts: NDArray[np.int64], ids: NDArray[np.int32], seed: int) -> None:
        self.counts = counts
        self.ids = ids
        rng = np.random.default_rng(seed)
        hits, particles = (int(number) for number in counts.sum(axis=0))
        self.columns: Tables = {
            "event_table": {"nu_energy": rng.uniform(0, 5, (len(ids), 1)).astype(np.float32)},
            "hits": {
                "wire": rng.integers(0, 4000, (hits, 1)).astype(np.int32),
                "time": rng.uniform(0, 9, hits),
                "on": rng.integers(0, 2, (hits, 1)).astype(bool),
                "where": rng.uniform(0, 9, (hits, 3)).astype(np.float32),
                "mask": rng.integers(0, 255, (hits, 2)).astype(np.uint16),
                "cube": rng.integers(0, 255, (hits, 2, 2)).astype(np.int8),
            },
            "particles": {"process": WORDS[rng.integers(0, len(WORDS), (particles, 1))]},
            "empty": {"nothing": np.empty((0, 1), np.float32)},
        }

    def rows(self, table: str) -> NDArray[np.int64]:
        """Rows of each event."""
        ones = {"event_table": np.ones(len(self.ids), np.int64), "empty": np.zeros(len(self.ids), np.int64)}
        return ones[table] if table in ones else self.counts[:, ["hits", "particles"].index(table)]

    def tables(self, first: int = 0, last: int | None = None) -> Tables:
        """All tables of events ``[first, last)``, with `event_id` and keys."""
        last = len(self.ids) if last is None else last
        found: Tables = {}
        for name, columns in self.columns.items():
            rows = self.rows(name)
            start, stop = int(rows[:first].sum()), int(rows[:last].sum())
            mine = rows[first:last]
            filled = np.flatnonzero(mine)
            found[name] = {
                **{column: values[start:stop] for column, values in columns.items()},
                "event_id": np.repeat(self.ids[first:last], mine, axis=0),
                "event_id.seq": np.repeat(np.arange(last - first), mine)[:, None].astype(np.int64),
                "event_id.seq_cnt": np.stack([filled, mine[filled]], axis=1).astype(np.int64),
            }
        return found


@st.composite
def contents(draw: st.DrawFn) -> Content:
    number = draw(st.integers(0, 7))
    counts = np.array([[draw(st.integers(0, 6)) for _ in range(2)] for _ in range(number)], np.int64)
    ids = np.array([[1, draw(st.integers(0, 2)), event] for event in range(number)], np.int32)
    if draw(st.booleans()):
        ids[:] = ids[:1]
    return Content(counts.reshape(number, 2), ids.reshape(number, 3), draw(st.integers(0, 99)))


def write(
    path: Path, tables: Mapping[str, Mapping[str, NDArray[Any]]], storage: Mapping[str, Any] | None = None,
    *, variable: bool = False, without: Sequence[str] = (),
) -> Path:  # fmt: skip
    """An HDF5 file of the tables, without some columns (``table/column``) or tables."""
    storage = storage or {}
    with h5py.File(path, "w") as file:
        for table, columns in tables.items():
            if table in without:
                continue
            group = file.create_group(table)
            for name, values in columns.items():
                if f"{table}/{name}" in without:
                    continue
                options = dict(storage)
                if "chunks" in options:
                    options |= {
                        "chunks": (options["chunks"], *values.shape[1:]),
                        "maxshape": (None, *values.shape[1:]),
                    }
                if values.dtype.kind == "S" and variable:
                    text = h5py.string_dtype("utf-8")
                    group.create_dataset(name, data=values.astype(object), dtype=text, **options)
                else:
                    group.create_dataset(name, data=values, **options)
    return path


def read(path: Path) -> Tables:
    """All that the file has."""
    with h5py.File(path) as file:
        return {table: {name: group[name][()] for name in group} for table, group in file.items()}


def assert_equal(found: Tables, expected: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
    assert {name: sorted(table) for name, table in found.items()} == {
        name: sorted(table) for name, table in expected.items()
    }
    for table, columns in expected.items():
        for name, values in columns.items():
            one = found[table][name]
            assert one.dtype == values.dtype, f"{table}/{name}"
            assert one.shape == values.shape, f"{table}/{name}"
            assert one.tolist() == values.tolist(), f"{table}/{name}"
