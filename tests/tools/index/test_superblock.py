"""Superblocks of all versions, read and changed."""

from pathlib import Path
from typing import Any

import h5py
import pytest

from numl_polars import InputError
from numl_polars.tools.index.superblock import Superblock, lookup3


@pytest.mark.parametrize(
    ("content", "checksum"),
    [
        (b"", 0xDEADBEEF),
        (b"Four score and seven years ago", 0x17770551),
    ],
)
def test_lookup3__published_values(content: bytes, checksum: int) -> None:
    assert lookup3(content) == checksum


@pytest.mark.parametrize(
    ("version", "options"),
    [
        (0, {}),
        (0, {"userblock_size": 1024}),
        (2, {"libver": ("v108", "v108")}),
        (3, {"libver": "latest"}),
        (3, {"libver": "latest", "userblock_size": 512}),
    ],
)
def test_superblock__read_and_changed(tmp_path: Path, version: int, options: dict[str, Any]) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", **options) as file:
        file["table/column"] = range(9)
        root = h5py.h5o.get_info(h5py.h5g.open(file.id, b"/")).addr
        table = h5py.h5o.get_info(file["table"].id).addr
    start = options.get("userblock_size", 0)
    content = path.read_bytes()
    block = Superblock.of(start, content[start : start + 100], path)
    assert block.content[8] == version
    assert (block.end, block.root) == (len(content), root)
    assert block.with_root(root).root == root
    if version > 1:
        assert block.with_root(root) == block
    changed = block.with_root(table)
    assert changed.end == block.end
    path.write_bytes(content[:start] + changed.content + content[start + len(changed.content) :])
    with h5py.File(path) as file:
        assert list(file) == ["column"]


def test_superblock__version_1_is_version_0_with_four_bytes_more(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    zero = path.read_bytes()[:96]
    one = Superblock.of(0, zero[:8] + b"\x01" + zero[9:24] + b"\x20\0\0\0" + zero[24:], path)
    block = Superblock.of(0, zero, path)
    assert len(one.content) == 100
    assert (one.end, one.root) == (block.end, block.root)
    assert one.with_root(77).root == 77
    assert one.with_root(77).content[:68] == one.content[:68]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (b"", "has no HDF5 superblock at byte 0"),
        (b"no HDF5 file at all", "has no HDF5 superblock at byte 0"),
        (b"\x89HDF\r\n\x1a\n\x09", "superblock of version 9; 0 to 3 can be changed"),
        (b"\x89HDF\r\n\x1a\n\x02\x04\x08" + bytes(37), "addresses and lengths of 4 and 8 bytes"),
    ],
)
def test_superblock__others_are_refused(found: bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"a.h5 .*{message}"):
        Superblock.of(0, found, "a.h5")
