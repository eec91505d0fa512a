"""The whole command: a fault on one rank of several ends all of them."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.process.builder import Finished, assert_fault, files

FAILS = 11
FAILING_PART = f"""
import numl_polars as nl

@nl.part(hit_table=["integral"])
def charge(hits):
    if (hits.collect()["event_index"] == {FAILS}).any():
        raise ValueError("too much charge")
    return {{"hit/charge": hits.select("event_index", "integral")}}
"""


@pytest.fixture
def failing(tmp_path: Path) -> tuple[str, str]:
    """Options with a part that fails at one event."""
    (tmp_path / "failing.py").write_text(FAILING_PART)
    return "--part", f"{tmp_path / 'failing.py'}:charge"


def _assert_names_rank_and_events(result: Finished) -> int:
    """Rank that met the fault."""
    assert_fault(result, "charge", "too much charge")
    found = re.search(r"rank (\d+), events \[(\d+), (\d+)\)", result.stderr)
    assert found is not None, result.stderr
    assert FAILS in range(int(found[2]), int(found[3]))
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


def test_process__fault_midway_leaves_nothing(
    events: Path, failing: tuple[str, str], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    result = run(events, tmp_path / "out/graphs", *failing, "--batch-size", "1")
    assert _assert_names_rank_and_events(result) == 0
    assert files(tmp_path / "out") == {}


def test_process__fault_of_one_rank_ends_all(
    events: Path, failing: tuple[str, str], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    result = run(events, tmp_path / "out/graphs", *failing, ranks=3, timeout=60)
    assert _assert_names_rank_and_events(result) > 0
    assert files(tmp_path / "out") == {}
    assert _processes_left(tmp_path / "out/graphs") == []


def test_process__fault_of_one_rank_keeps_earlier_output(
    events: Path, earlier: Path, failing: tuple[str, str], run: Run
) -> None:
    before = files(earlier.parent)
    result = run(events, earlier, *failing, "--overwrite", "--batch-size", "1", ranks=2, timeout=60)
    assert _assert_names_rank_and_events(result) == 1
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
    ("stage", "ranks", "told"),
    [
        # ranks share the looking at files, and rank 0 tells what they found
        ("opening input", 2, "run.evt.h5 cannot be read"),
        ("opening output", 2, "rank 1"),
        ("finishing output", 3, "rank 1"),
    ],
)
def test_process__system_fault_of_one_rank_ends_all(
    stage: str,
    ranks: int,
    told: str,
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
    assert_fault(result, told)
    assert files(earlier.parent) == before
