"""Groups replaced in one step, in files of every kind that can be, and refused in others."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from numl_polars import InputError
from numl_polars.errors import OutputError
from numl_polars.tools.index.replacing import Replacement
from numl_polars.tools.index.superblock import Superblock
from tests.tools.index.builder import others_of

KINDS: dict[str, dict[str, Any]] = {
    "usual": {},
    "user block": {"userblock_size": 1024},
    "ordered": {"track_order": True},
    "1.8": {"libver": ("v108", "v108")},
    "1.10": {"libver": ("v110", "v110")},
    "latest": {"libver": "latest"},
    "latest, ordered, user block": {"libver": "latest", "track_order": True, "userblock_size": 512},
}


def write(path: Path, tables: int = 3, **options: Any) -> None:
    with h5py.File(path, "w", **options) as file:
        file.attrs["text"] = "größer"
        file.attrs["texts"] = ["x", "yy"]
        file.attrs["fixed"] = np.array([b"a", b"bbb"])
        file.attrs["numbers"] = np.arange(6).reshape(2, 3)
        file.attrs["empty"] = h5py.Empty("f4")
        file.attrs["flag"] = np.True_
        file.attrs["record"] = np.array([(1, b"x")], dtype=[("a", "i4"), ("b", "S3")])
        file.attrs.create("lists", [np.array([1, 2]), np.array([3])], dtype=h5py.vlen_dtype("i4"), shape=(2,))
        for number in range(tables):
            group = file.create_group(f"table_{number}", track_order=options.get("track_order"))
            group.attrs["unit"] = "cm"
            for column in ("b", "old", "a"):
                group[column] = np.arange(5) + number
        file["stray"] = np.arange(3)
        file["also"] = h5py.SoftLink("/table_0/a")
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
        file["table_0/deep/column"] = [b"x", b"yy"]


@contextmanager
def replacing(path: Path) -> Iterator[Replacement]:
    with h5py.File(path, locking=False) as file:
        replacement = Replacement(path, file, os.fstat(file.id.get_vfd_handle()))
        try:
            yield replacement
        finally:
            replacement.close()


@pytest.mark.parametrize("tables", [1, 3, 40])
@pytest.mark.parametrize("kind", KINDS)
def test_replacement__changes_the_superblock_alone(tmp_path: Path, kind: str, tables: int) -> None:
    path = tmp_path / "a.h5"
    write(path, tables, **KINDS[kind])
    before, others = path.read_bytes(), others_of(path)
    start = KINDS[kind].get("userblock_size", 0)
    with replacing(path) as replacement:
        group = replacement.replace("table_0", without=("old",))
        group["old"] = np.arange(70_000)
        group["new"] = [1.5]
        grown = replacement.commit()
    after = path.read_bytes()
    length = len(Superblock.of(start, before[start : start + 100], path).content)
    assert (before[:start], before[start + length :]) == (after[:start], after[start + length : len(before)])
    assert len(after) == len(before) + grown
    found = others_of(path)
    assert found.pop("table_0/old")[2] == (70_000,)
    assert found.pop("table_0/new")[3] == np.float64(1.5).tobytes()
    del others["table_0/old"]
    assert found == others
    with h5py.File(path) as file:
        assert file.get("also", getlink=True).path == "/table_0/a"
        assert file.get("elsewhere", getlink=True).filename == "other.h5"
        ordered = "track_order" in KINDS[kind]
        members = ["b", "a", "deep", "old", "new"] if ordered else ["a", "b", "deep", "new", "old"]
        assert list(file["table_0"]) == members


@pytest.mark.parametrize("kind", KINDS)
def test_replacement__leaves_a_file_that_can_be_changed_further(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.h5"
    write(path, **KINDS[kind])
    for number in range(3):
        with replacing(path) as replacement:
            for table in ("table_0", "table_1"):
                replacement.replace(table, without=("old",))["old"] = np.arange(number)
            replacement.commit()
        with h5py.File(path, "r+") as file:
            file[f"table_0/more_{number}"] = np.arange(1000)
            file[f"group_{number}/x"] = number
            del file["table_2"]
            file.move("group_0" if number == 0 else f"group_{number}", "table_2")
            assert h5py.h5o.get_info(file["table_0"].id).rc == 1
            assert h5py.h5o.get_info(file["table_0/a"].id).rc == 1
    with h5py.File(path) as file:
        assert file["table_1/old"][()].tolist() == [0, 1]
        assert [file[f"table_0/more_{number}"].shape for number in range(3)] == [(1000,)] * 3
        assert file["table_2/x"][()] == 2


def test_replacement__without_commit_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path)
    before = path.read_bytes()
    with replacing(path) as replacement:
        replacement.replace("table_0", without=("old",))["old"] = np.arange(70_000)
    assert path.read_bytes() == before
    with pytest.raises(ZeroDivisionError), replacing(path) as replacement:
        replacement.replace("table_0", without=())["new"] = np.arange(70_000) / (1 // 0)
    assert path.read_bytes() == before


def test_replacement__who_reads_goes_on_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path)
    with h5py.File(path, locking=False) as file:
        assert len(list(file)) == 6
        with replacing(path) as replacement:
            replacement.replace("table_0", without=("old", "a"))["new"] = np.arange(7)
            replacement.commit()
        assert sorted(file["table_0"]) == ["a", "b", "deep", "old"]
        assert file["table_0/old"][()].tolist() == [0, 1, 2, 3, 4]
    with h5py.File(path) as file:
        assert sorted(file["table_0"]) == ["b", "deep", "new"]


def test_replacement__bytes_of_an_interrupted_run_are_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path)
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(bytes(range(256)) * 4000)
    with replacing(path) as replacement:
        replacement.replace("table_0", without=("old",))["old"] = np.arange(3)
        grown = replacement.commit()
    assert path.stat().st_size == size + grown < size + 100_000
    with h5py.File(path) as file:
        assert file["table_0/old"].shape == (3,)


@pytest.mark.parametrize(
    "options",
    [{"fs_strategy": "page"}, {"fs_strategy": "fsm", "fs_persist": True}],
    ids=["pages", "free space"],
)
def test_replacement__files_with_lists_of_free_space_are_refused(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    path = tmp_path / "a.h5"
    write(path, **options)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"a.h5 keeps a list of its free space.*h5repack"), replacing(path):
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize("how", [fcntl.LOCK_SH, fcntl.LOCK_EX], ids=["reading", "writing"])
def test_replacement__file_open_elsewhere(tmp_path: Path, how: int) -> None:
    path = tmp_path / "a.h5"
    write(path)
    with path.open("rb") as file:
        fcntl.flock(file, how)
        message = r"cannot write .*a.h5: another program has it open"
        with pytest.raises(OutputError, match=message), replacing(path):
            pass


def test_replacement__file_changed_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path)
    with h5py.File(path, locking=False) as file:
        as_read = os.fstat(file.id.get_vfd_handle())
        write(tmp_path / "b.h5")
        (tmp_path / "b.h5").replace(path)
        with pytest.raises(OutputError, match=r"a.h5: another program has changed it meanwhile"):
            Replacement(path, file, as_read)


@pytest.mark.parametrize("call", ["pwrite", "ftruncate", "fsync"])
def test_replacement__a_full_disk_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "a.h5"
    write(path)
    before = path.read_bytes()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with replacing(path) as replacement:
        replacement.replace("table_0", without=("old",))["old"] = np.arange(70_000)
        with monkeypatch.context() as patched:
            patched.setattr(os, call, full)
            with pytest.raises(OutputError, match=r"cannot write .*a.h5: No space left on device"):
                replacement.commit()
    assert path.read_bytes() == before


def test_replacement__what_cannot_be_read_back_is_not_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.h5"
    write(path)
    before = path.read_bytes()
    pwrite = os.pwrite

    def spoiled(descriptor: int, content: memoryview, place: int) -> int:
        return pwrite(descriptor, bytes(len(content)), place)

    with replacing(path) as replacement, monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", spoiled)
        replacement.replace("table_0", without=("old",))["old"] = np.arange(7)
        with pytest.raises(OutputError, match=r"its new tables cannot be read back"):
            replacement.commit()
    assert path.read_bytes() == before
