from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numl_polars.output import windows as module
from numl_polars.output.hdf5_objects import Record
from numl_polars.output.windows import WindowBuffer, windows


def record(num_bytes: int, place: int | None = 0, values: bytes = b"") -> Record:
    return Record("a", b"", num_bytes, place, np.frombuffer(values, np.uint8))


@given(sizes=st.lists(st.integers(1, 30)), most=st.integers(1, 40))
def test_windows__partition_the_records(sizes: list[int], most: int) -> None:
    records = [record(size) for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "WINDOW_BYTES", most)
        patch.setattr(module, "WINDOW_RECORDS", 4)
        found = list(windows(records))
    assert [one for window in found for one in window] == records
    for i, window in enumerate(found):
        total = sum(one.num_bytes for one in window)
        assert total <= most or len(window) == 1
        assert len(window) <= 4
        if i + 1 < len(found) and len(window) < 4:
            assert total + found[i + 1][0].num_bytes > most


def test_window_buffer__reads_and_checks(tmp_path: Path) -> None:
    content = np.random.default_rng(0).integers(0, 256, 1000, np.uint8).tobytes()
    (tmp_path / "a").write_bytes(content)
    buffer = WindowBuffer()
    with (tmp_path / "a").open("rb") as file:
        first = [bytes(v) for v in buffer.read(file.fileno(), [record(900, 0), record(13, 900)])]
        sums = buffer.checksums()
        # what an earlier window left in the buffer must not count
        window = [record(13, 900), record(3, None, b"xyz"), record(900, 0)]
        again = [bytes(v) for v in buffer.read(file.fileno(), window)]
        sums_again = buffer.checksums()
        assert first == [content[:900], content[900:913]]
        assert again == [content[900:913], b"xyz", content[:900]]
        assert sums.tolist() == [sums_again[2], sums_again[0]]
        with pytest.raises(OSError, match="the file ends at byte 1,000, within an object"):
            buffer.read(file.fileno(), [record(9, 995)])
