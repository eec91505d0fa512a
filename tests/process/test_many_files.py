"""The command on several files, and on those of other detectors."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.builder import simple_event, write_events
from tests.conftest import Run
from tests.process.builder import Here, assert_done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(4):
        event = simple_event(seed=number)
        if number % 2:
            event["particle_table"]["g4_pdg"] = event["particle_table"].pop("type")
            del event["spacepoint_table"]
        write_events(tmp_path / f"part{number}.h5", [event], ids=[(1, 0, number)])
    (tmp_path / "files.txt").write_text("part[01].h5\npart2.h5\npart3.h5\n")
    return tmp_path


def objects(path: Path) -> list[str]:
    with h5py.File(path) as file:
        return list(file["dataset"])


EVENTS = [f"r1_sr0_evt{number}" for number in range(4)]


@pytest.mark.parametrize(
    "sources",
    [["files.txt"], ["part*.h5"], ["part0.h5", "part1.h5", "part2.h5", "part3.h5"]],
    ids=["list", "pattern", "paths"],
)
def test_process__several_files(folder: Path, here: Here, sources: list[str]) -> None:
    done = here(*(folder / source for source in sources), folder / "graphs")
    assert done.returncode == 0, done.stderr
    assert objects(folder / "graphs.h5") == EVENTS
    assert "no_spacepoints" in done.stdout


def test_process__several_files_on_ranks(folder: Path, run: Run, here: Here) -> None:
    """More ranks than files: each looks at its share of them, which may be none."""
    assert here(folder / "part[01].h5", folder / "alone").returncode == 0
    assert_done(run(folder / "part[01].h5", folder / "graphs", ranks=3))
    with h5py.File(folder / "alone.h5") as alone, h5py.File(folder / "graphs.h5") as graphs:
        assert list(graphs["dataset"]) == EVENTS[:2]
        for name, graph in graphs["dataset"].items():
            assert graph[()].tobytes() == alone["dataset"][name][()].tobytes()


def test_process__what_any_rank_finds_wrong_ends_all_with_one_line(folder: Path, run: Run) -> None:
    with h5py.File(folder / "part3.h5", "r+") as file:
        for name in ("event_id", "event_id.seq", "event_id.seq_cnt"):
            del file["hit_table"][name]
    done = run(folder / "files.txt", folder / "graphs", ranks=3)
    assert done.returncode == 1
    assert "part3.h5: no sequence keys; and it cannot be rebuilt" in done.stderr
    assert done.stderr.count("numl-polars: ") == 1


def test_process__output_is_none_of_the_inputs(folder: Path, here: Here) -> None:
    paths = [folder / f"part{number}.h5" for number in (0, 1, 1)]
    done = here(*paths, "--overwrite")
    assert done.returncode == 1
    assert "part1.h5 is an input of the run" in done.stderr


def test_process__all_files_that_cannot_be_used_are_named(folder: Path, here: Here) -> None:
    (folder / "part1.h5").write_bytes(b"")
    (folder / "part3.h5").unlink()
    done = here(*(folder / f"part{number}.h5" for number in range(4)), folder / "graphs")
    assert done.returncode == 1
    assert "2 of 4 files cannot be used: " in done.stderr
    assert "part1.h5 is not an HDF5 file; no such file: " in done.stderr


def test_process__planes_per_tpc(tmp_path: Path, here: Here) -> None:
    event = simple_event(40)
    event["hit_table"]["tpc"] = np.arange(120, dtype=np.int32) % 2
    write_events(tmp_path / "e.h5", [event])
    options = ("--detector", "sbnd", "--coordinates", "local", "--planes-per-tpc")
    done = here(tmp_path / "e.h5", tmp_path / "graphs", *options)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "graphs.h5") as file:
        assert [name.decode() for name in file["planes"][()]] == ["u0", "v0", "y0", "u1", "v1", "y1"]
        (graph,) = file["dataset"].values()
        assert set(graph["hit/plane"].tolist()) == set(range(6))
