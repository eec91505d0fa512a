"""`nl.process` from Python: what the command does not show."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import polars as pl
import pytest

import numl_polars as nl
from numl_polars.output import hdf5_merge
from tests.builder import simple_event, write_events

SCRIPT = """
import sys
import numl_polars as nl

@nl.part(hit_table=["integral"])
def charge(hits):
    if (hits.collect()["event_index"] == 7).any():
        raise ValueError("too much charge")
    return {"hit/charge": hits.select("event_index", "integral")}

graph = nl.HitGraph(particle_labels=nl.StandardLabels(), parts=[charge()])
nl.process(sys.argv[1], graph, sys.argv[2], batch_bytes=1)
"""


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return write_events(tmp_path / "run.evt.h5", [simple_event(20 + i, seed=i) for i in range(6)])


def test_process__range_of_an_open_file(events: Path, tmp_path: Path) -> None:
    with nl.open(events) as opened:
        report = nl.process(opened[2:5], nl.HitGraph(), tmp_path / "graphs")
    assert (report.num_events, report.num_kept, report.num_samples["train"]) == (3, 3, 3)
    assert report.outputs[0] == tmp_path / "graphs.h5"
    with h5py.File(tmp_path / "graphs.h5") as file:
        assert list(file["dataset"]) == ["r1_sr0_evt2", "r1_sr0_evt3", "r1_sr0_evt4"]
    assert pl.read_parquet(tmp_path / "graphs.ledger.parquet").is_empty()


def test_process__progress_counts_events_then_the_merge(events: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    nl.process(
        events,
        nl.HitGraph(),
        tmp_path / "graphs",
        batch_bytes=1,
        progress=lambda stage, done, total: seen.append((stage, done, total)),
    )
    assert list(dict.fromkeys(stage for stage, *_ in seen)) == ["kernels", "events", "merge"]
    assert [one for one in seen if one[0] == "events"] == [("events", done, 6) for done in range(1, 7)]
    assert [one for one in seen if one[0] == "merge"] == [("merge", done, 12) for done in range(1, 13)]


@pytest.mark.parametrize("overwrite", [False, True])
def test_process__failed_merge_keeps_the_ranks_work(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise nl.OutputError("cannot write graphs.h5: No space left on device")

    if overwrite:
        nl.process(events, nl.HitGraph(), tmp_path / "graphs")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(hdf5_merge, "merge_hdf5", full_disk)
        with pytest.raises(nl.OutputError, match=r"No space left.*the ranks' files are whole") as error:
            nl.process(events, nl.HitGraph(), tmp_path / "graphs", overwrite=overwrite)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    command = str(error.value).partition("numl-polars merge ")[2].split()
    summary = nl.merge(command[1:], tmp_path / "late.h5")
    assert summary.num_objects == 6


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch_bytes": 0}, "batch size 0 bytes is not above 0"),
        ({"merge": False, "remove_rank_files": True}, "can be removed only if they are merged"),
    ],
)
def test_process__options_without_meaning(
    events: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(nl.OptionError, match=message):
        nl.process(events, nl.HitGraph(), tmp_path / "graphs", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["run.evt.h5"]


def test_process__fault_of_a_rank_of_a_script_ends_all(tmp_path: Path) -> None:
    events = write_events(tmp_path / "run.evt.h5", [simple_event(40, seed=i) for i in range(8)])
    (tmp_path / "script.py").write_text(SCRIPT)
    mpirun = Path(sys.executable).with_name("mpirun")
    result = subprocess.run(
        [mpirun, "-n", "2", sys.executable, tmp_path / "script.py", events, tmp_path / "graphs"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode != 0
    assert "RankError: rank 1" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.evt.h5", "script.py"]
