"""Chunks that inputs have as the output wants them are copied, and no others."""

import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from numl_polars.tools.concat import concat
from tests.tools.concat.builder import read

CHUNK, LEVEL = 4, 3
LIKE: dict[str, Any] = {"chunks": (CHUNK, 1), "compression": "gzip", "compression_opts": LEVEL}


def write_rows(path: Path, num_rows: int, *, dtype: str = "<i4", seed: int = 0, **storage: Any) -> Path:
    """A file of one event with so many rows, stored as the output is to be, but for `storage`."""
    values = np.random.default_rng(seed).integers(0, 99, (num_rows, 1)).astype(dtype)
    with h5py.File(path, "w") as file:
        file["event_table/event_id"] = np.array([[1, 0, seed]], np.int32)
        file["hits/event_id"] = np.array([[1, 0, seed]] * num_rows, np.int32)
        file["hits"].create_dataset("wire", data=values, maxshape=(None, 1), **(LIKE | storage))
    return path


def chunks_of(path: Path) -> list[bytes]:
    with h5py.File(path) as file:
        column = file["hits/wire"].id
        return [
            column.read_direct_chunk(column.get_chunk_info(place).chunk_offset)[1]
            for place in range(column.get_num_chunks())
        ]


def joined(tmp_path: Path, paths: list[Path], **options: Any) -> list[bytes]:
    """Chunks of the column in the output, whose rows are those of the files."""
    concat(paths, tmp_path / "out.h5", chunk_rows=CHUNK, gzip=LEVEL, **options)
    rows = np.concatenate([read(path)["hits"]["wire"] for path in paths])
    np.testing.assert_array_equal(read(tmp_path / "out.h5")["hits"]["wire"], rows)
    return chunks_of(tmp_path / "out.h5")


def stored_plainly(path: Path) -> list[bytes]:
    """Have the file's chunks of the column hold bytes that no compression would give; these bytes."""
    with h5py.File(path, "r+") as file:
        column = file["hits/wire"]
        for start in range(0, len(column), CHUNK):
            rows = np.zeros((CHUNK, 1), column.dtype)
            rows[: len(column) - start] = column[start : start + CHUNK]
            column.id.write_direct_chunk((start, 0), zlib.compress(rows.tobytes(), 0))
    return chunks_of(path)


def test_copied__where_rows_begin_with_a_chunk(tmp_path: Path) -> None:
    lengths = [8, 10, 8, 6, 4]
    paths = [write_rows(tmp_path / f"{seed}.h5", rows, seed=seed) for seed, rows in enumerate(lengths)]
    stored = [stored_plainly(path) for path in paths]
    found = joined(tmp_path, paths)
    assert len(found) == 9
    # the third file begins with row 18 and the fourth with 26, within chunks, the last with 32
    assert found[:4] == [*stored[0], *stored[1][:2]]
    assert found[8] == stored[4][0]
    assert not {*found[4:8]} & {*stored[2], *stored[3]}


@pytest.mark.filterwarnings("ignore:made one")
@pytest.mark.parametrize(
    "storage",
    [
        {"shuffle": True},
        {"compression_opts": 9},
        {"compression": None, "compression_opts": None},
        {"chunks": (2, 1)},
        {"fletcher32": True},
        {"compression": "lzf", "compression_opts": None},
        {"dtype": "<i8"},
        {"dtype": ">i4"},
    ],
    ids=str,
)
def test_copied__not_of_another_storage_or_type(tmp_path: Path, storage: dict[str, Any]) -> None:
    first = write_rows(tmp_path / "a.h5", 8)
    second = write_rows(tmp_path / "b.h5", 8, seed=1, **storage)
    for paths in ([first, second], [second, first]):
        joined(tmp_path, paths, overwrite=True, missing="null")


def test_copied__not_of_another_level(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.h5", 8, compression_opts=9)
    stored = stored_plainly(path)
    assert not {*joined(tmp_path, [path])} & {*stored}
