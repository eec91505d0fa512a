"""The whole command: a fault on one rank of several ends all of them."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.conftest import Run
from tests.process.builder import Finished, assert_fault, copied, files


def _break_chunk(path: Path) -> int:
    """Event whose integrals cannot be read any more: bytes of a compressed chunk are overwritten."""
    with h5py.File(path, "a") as file:
        values, seq = file["hit_table/integral"][()], file["hit_table/event_id.seq"][:, 0]
        del file["hit_table/integral"]
        dataset = file["hit_table"].create_dataset(
            "integral", data=values, chunks=(10, 1), compression="gzip"
        )
        row = int(np.flatnonzero(seq == 11)[15])
        chunk = dataset.id.get_chunk_info_by_coord((row, 0))
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)
    return 11


def _assert_names_rank_and_events(result: Finished, event: int) -> int:
    """Rank that met the fault."""
    found = re.search(r"rank (\d+), events \[(\d+), (\d+)\)", result.stderr)
    assert found is not None, result.stderr
    assert event in range(int(found[2]), int(found[3]))
    return int(found[1])


def _processes_left(word: Path, patience: float = 5) -> list[bytes]:
    """Command lines that name `word` once the launcher's signals had time to arrive."""
    end = time.monotonic() + patience
    while True:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                found.append(path.read_bytes())
        left = [line for line in found if str(word).encode() in line]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)


def test_process__damaged_chunk_midway_leaves_nothing(events: Path, run: Run, tmp_path: Path) -> None:
    broken = copied(events, tmp_path / "broken.evt.h5")
    event = _break_chunk(broken)
    (tmp_path / "out").mkdir()
    result = run(broken, tmp_path / "out/graphs", "--batch-size", "1")
    assert_fault(result, "hit_table", "'integral'")
    assert _assert_names_rank_and_events(result, event) == 0
    assert files(tmp_path / "out") == {}


def test_process__fault_of_one_rank_ends_all(events: Path, run: Run, tmp_path: Path) -> None:
    broken = copied(events, tmp_path / "broken.evt.h5")
    event = _break_chunk(broken)
    (tmp_path / "out").mkdir()
    result = run(broken, tmp_path / "out/graphs", ranks=3, timeout=60)
    assert_fault(result, "hit_table", "'integral'")
    assert _assert_names_rank_and_events(result, event) > 0
    assert files(tmp_path / "out") == {}
    assert _processes_left(tmp_path / "out/graphs") == []


def test_process__fault_of_one_rank_keeps_earlier_output(
    events: Path, earlier: Path, run: Run, tmp_path: Path
) -> None:
    broken = copied(events, tmp_path / "broken.evt.h5")
    event = _break_chunk(broken)
    before = files(earlier.parent)
    result = run(broken, earlier, "--overwrite", "--batch-size", "1", ranks=2, timeout=60)
    assert_fault(result, "hit_table", "'integral'")
    assert _assert_names_rank_and_events(result, event) == 1
    assert files(earlier.parent) == before


# on rank 1 alone the system refuses one thing, as a full disk or a file system that is not mounted does
RANK_1_FAILS = """
import os

def fail(*arguments, **keywords):
    raise OSError(28, "No space left on device")

if "1" in (os.environ.get("PMI_RANK"), os.environ.get("OMPI_COMM_WORLD_RANK")):
    import h5py
    from h5py import h5f
    stage = {stage!r}
    if stage == "opening input":
        h5py.File = fail
    elif stage == "opening output":
        h5f.create = fail
    elif stage == "finishing output":
        os.fsync = fail
"""


@pytest.mark.parametrize(
    ("stage", "ranks"), [("opening input", 2), ("opening output", 2), ("finishing output", 3)]
)
def test_process__system_fault_of_one_rank_ends_all(
    stage: str,
    ranks: int,
    events: Path,
    earlier: Path,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(RANK_1_FAILS.format(stage=stage))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
    before = files(earlier.parent)
    result = run(events, earlier, "--overwrite", ranks=ranks, timeout=30)
    assert_fault(result, "rank 1")
    assert files(earlier.parent) == before
