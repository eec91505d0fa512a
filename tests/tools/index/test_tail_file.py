"""The file object: HDF5 sees what it wrote, the file keeps its bytes before the end."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from numl_polars.tools.index.tail_file import TailFile

SIZE, END = 20_000, 9_000
writes = st.tuples(st.integers(0, SIZE), st.integers(0, 9_000), st.integers(0, 255))


@example([(0, 8193, 0)], 9001, 2)
@given(st.lists(writes, max_size=8), st.integers(0, SIZE + 500), st.integers(0, SIZE))
def test_tail_file__reads_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int, int]], start: int, length: int
) -> None:
    path = tmp_path_factory.mktemp("tail") / "file"
    before = bytes(number * 7 % 251 for number in range(SIZE))
    path.write_bytes(before)
    model = bytearray(before)
    descriptor = os.open(path, os.O_RDWR)
    try:
        file = TailFile(descriptor, END)
        for place, number, value in changes:
            content = bytes([value]) * number
            assert file.seek(place) == place
            assert file.write(content) == number
            if number:
                model.extend(bytes(max(0, place + number - len(model))))
                model[place : place + number] = content
        assert file.size == len(model)
        file.seek(start)
        assert file.read(length) == bytes(model[start : start + length]).ljust(length, b"\0")
        assert file.tell() == start + length
        assert file.seek(0, os.SEEK_END) == len(model)
    finally:
        os.close(descriptor)
    assert path.read_bytes()[:END] == before[:END]
    assert path.read_bytes()[END:] == bytes(model[END:])


def test_tail_file__keeps_the_first_fault_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(10))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    descriptor = os.open(path, os.O_RDWR)
    try:
        file = TailFile(descriptor, 10)
        monkeypatch.setattr(os, "pwrite", full)
        file.seek(8)
        assert file.write(b"abcd") == 4
        assert file.write(b"more") == 4
        assert file.fault is not None
        assert file.fault.errno == errno.ENOSPC
    finally:
        os.close(descriptor)
