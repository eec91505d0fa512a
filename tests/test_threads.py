"""Thread pools: a rank takes its share of the machine, and what the user has set stands."""

import json
import os
import subprocess
import sys

import pytest

from numl_polars.threads import num_cores, share_cores

PROBE = """
import json, numl_polars, numba, polars
print(json.dumps([polars.thread_pool_size(), numba.config.NUMBA_NUM_THREADS]))
"""


def pools(**variables: str) -> list[int]:
    """Threads of Polars and numba in a process with these variables."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
    run = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment | variables, capture_output=True, text=True, check=True
    )
    found: list[int] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize(
    "allowed, machine, local, expected",
    [(8, 8, 1, 8), (8, 8, 2, 4), (8, 8, 3, 2), (8, 8, 64, 1), (4, 8, 2, 4), (1, 8, 8, 1), (4, 64, 4, 4)],
    ids=["alone", "half", "third", "crowded", "bound", "bound to one", "bound to four"],
)
def test_num_cores(
    monkeypatch: pytest.MonkeyPatch, allowed: int, machine: int, local: int, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: machine)
    monkeypatch.setenv("PMI_SIZE", str(local))
    monkeypatch.setenv("MPI_LOCALNRANKS", str(local))
    assert num_cores() == expected


def test_share_cores__libraries_take_the_share_of_the_rank() -> None:
    many = {"PMI_SIZE": "64", "PMI_RANK": "0", "MPI_LOCALNRANKS": "64"}
    assert pools(**many) == [1, 1]
    assert pools(**many, POLARS_MAX_THREADS="3") == [3, 1]


def test_share_cores__one_rank_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(os.environ)
    share_cores()
    assert dict(os.environ) == before
