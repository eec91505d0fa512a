"""Whenever `index` ends, by a kill or by a loss of power, the file is the old one or the new one."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.tools.index import index_file
from tests.tools.index.builder import Keys, assert_keys, keys_of, others_of, write_file

SECTOR = 512
Change = tuple[str, int, bytes]


@contextmanager
def recorded(changes: list[Change]) -> Iterator[None]:
    """What is done to a file, in order: ("write", place, bytes), ("size", bytes, b""), ("sync", 0, b"")."""
    patched = pytest.MonkeyPatch()
    pwrite, ftruncate, fsync = os.pwrite, os.ftruncate, os.fsync

    def write(descriptor: int, content: Any, place: int) -> int:
        changes.append(("write", place, bytes(content)))
        return pwrite(descriptor, content, place)

    def truncate(descriptor: int, size: int) -> None:
        changes.append(("size", size, b""))
        ftruncate(descriptor, size)

    def sync(descriptor: int) -> None:
        changes.append(("sync", 0, b""))
        fsync(descriptor)

    patched.setattr(os, "pwrite", write)
    patched.setattr(os, "ftruncate", truncate)
    patched.setattr(os, "fsync", sync)
    try:
        yield
    finally:
        patched.undo()


def changed(content: bytearray, change: Change) -> None:
    what, place, written = change
    if what == "write":
        content.extend(bytes(max(0, place + len(written) - len(content))))
        content[place : place + len(written)] = written
    elif what == "size":
        del content[place:]
        content.extend(bytes(place - len(content)))


class Run:
    """One run of `index` on a small file: the file before, what was done to it, what it is to be."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "a.h5"
        self.after = write_file(self.path, keys=True)
        with h5py.File(self.path, "r+") as file:
            file.attrs["note"] = "of the writer"
            file["hit_table"].attrs["unit"] = "cm"
            del file["hit_table/event_id.seq"]
            file["particle_table/event_id.seq_cnt"][0, 1] += 1
        self.before = keys_of(self.path)
        self.others = others_of(self.path)
        self.content = self.path.read_bytes()
        self.changes: list[Change] = []
        with recorded(self.changes):
            index_file(self.path)
        self.whole = self.path.read_bytes()
        assert_keys(keys_of(self.path), self.after)

    def check(self, content: bytes) -> bool:
        """That a file is the old or the new one, and can be indexed; whether it is the new one."""
        self.path.write_bytes(content)
        assert others_of(self.path) == self.others
        found = keys_of(self.path)
        is_new = equal(found, self.after)
        assert is_new or equal(found, self.before)
        index_file(self.path)
        assert_keys(keys_of(self.path), self.after)
        assert others_of(self.path) == self.others
        return is_new


def equal(found: dict[str, Keys], expected: dict[str, Keys]) -> bool:
    try:
        assert_keys(found, expected)
    except AssertionError:
        return False
    return True


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("interrupted"))


def test_interrupted__killed_before_each_call(run: Run) -> None:
    content = bytearray(run.content)
    states = [run.check(bytes(content))]
    for change in run.changes:
        if change[0] == "write" and len(change[2]) > 1:
            # a write may be cut short, but not that of the superblock, which is within a sector
            place, written = change[1:]
            if place + len(written) > SECTOR:
                torn = bytearray(content)
                changed(torn, ("write", place, written[: len(written) // 2]))
                states.append(run.check(bytes(torn)))
        changed(content, change)
        states.append(run.check(bytes(content)))
    assert bytes(content) == run.whole
    assert states == sorted(states)
    assert states[0] is False
    assert states[-1] is True


def test_interrupted__all_is_on_the_disk_before_the_file_changes(run: Run) -> None:
    kinds = [
        "superblock" if what == "write" and place < len(run.content) else what
        for what, place, _ in run.changes
    ]
    assert kinds.count("superblock") == 1
    assert kinds[-3:] == ["sync", "superblock", "sync"]
    assert run.changes[kinds.index("superblock")][1] == 0


@settings(max_examples=40)
@given(st.data())
def test_interrupted__loss_of_power_keeps_any_part_of_what_was_not_on_the_disk(run: Run, data: Any) -> None:
    stop = data.draw(st.integers(0, len(run.changes)))
    content, waiting = bytearray(run.content), list[Change]()
    for change in run.changes[:stop]:
        if change[0] == "sync":
            for waited in waiting:
                changed(content, waited)
            waiting = []
        elif change[0] == "write":
            # each sector of a write comes to the disk by itself
            place, written = change[1:]
            bounds = [place, *range(-(-(place + 1) // SECTOR) * SECTOR, place + len(written), SECTOR)]
            waiting += [
                ("write", begin, written[begin - place : end - place])
                for begin, end in zip(bounds, [*bounds[1:], place + len(written)], strict=True)
            ]
        else:
            waiting.append(change)
    arrived = data.draw(st.permutations(waiting))
    for waited in arrived[: data.draw(st.integers(0, len(arrived)))]:
        if waited[0] == "size":
            # the size on the disk is at least that of what has come
            content.extend(bytes(max(0, waited[1] - len(content))))
        else:
            changed(content, waited)
    run.check(bytes(content))


CHILD = """
import sys
from pathlib import Path
from numl_polars.tools.index import index_file
index_file(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
index_file(Path(sys.argv[2]))
"""


def test_interrupted__killed_at_any_moment(tmp_path: Path) -> None:
    small, path = tmp_path / "small.h5", tmp_path / "a.h5"
    write_file(small)
    rng = np.random.default_rng(0)
    counts = {f"table_{number}": rng.integers(0, 200, 400).tolist() for number in range(4)}
    after = write_file(path, [(1, 0, number) for number in range(400)], counts, storage="gzip 1")
    before: dict[str, Keys] = {name: {} for name in after}
    content, others = path.read_bytes(), others_of(path)
    taken, outcomes = 0.2, []
    for number in range(4):
        path.write_bytes(content)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, small, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.stdin.write("\n")
        child.stdin.flush()
        begin = time.perf_counter()
        try:
            # the first runs to its end, and tells how long it takes
            child.wait(None if number == 0 else taken * random.Random(number).uniform(0, 1.05))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()
        if number == 0:
            taken = time.perf_counter() - begin
            assert child.returncode == 0
        assert child.returncode in (0, -signal.SIGKILL)
        found = keys_of(path)
        is_new = equal(found, after)
        assert is_new or equal(found, before)
        outcomes.append(is_new)
        assert others_of(path) == others
        assert sorted(file.name for file in tmp_path.iterdir()) == ["a.h5", "small.h5"]
        if not is_new:
            assert path.read_bytes()[: len(content)] == content
            index_file(path)
            assert_keys(keys_of(path), after)
    assert outcomes[0]
