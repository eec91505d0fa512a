"""The whole command: a fault is one line and status 1, and earlier output stays as it was."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from numl_polars.mpi import World, fault_of_rank
from tests.conftest import Run
from tests.process.builder import Here, assert_fault, copied, files

Edit = Callable[[Path], None]


def _contents(content: bytes) -> Edit:
    return lambda path: _ignore(path.write_bytes(content))


def _ignore(_: object) -> None:
    return None


def _cut(share: float, less: int = 0) -> Edit:
    def edit(path: Path) -> None:
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole)) - less])

    return edit


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _without(*members: str) -> Edit:
    def edit(path: Path) -> None:
        with h5py.File(path, "a") as file:
            for member in members:
                del file[member]

    return edit


def _replaced(member: str, change: Callable[[np.ndarray], np.ndarray]) -> Edit:
    def edit(path: Path) -> None:
        with h5py.File(path, "a") as file:
            values = change(file[member][()])
            del file[member]
            file[member] = values

    return edit


def _in_turn(*edits: Edit) -> Edit:
    def edit(path: Path) -> None:
        for one in edits:
            one(path)

    return edit


SHORTER: Callable[[np.ndarray], np.ndarray] = lambda values: values[:-1]  # noqa: E731
ONE_MORE: Callable[[np.ndarray], np.ndarray] = lambda values: values + 1  # noqa: E731

FAULTS: dict[str, tuple[Edit, list[str], list[str]]] = {
    "not HDF5": (_contents(b"run 1, event 5\n" * 200), [], ["broken.evt.h5", "not an HDF5 file"]),
    "empty file": (_contents(b""), [], ["broken.evt.h5", "not an HDF5 file"]),
    "cut after 100 bytes": (_contents(b"\x89HDF\r\n\x1a\n" + bytes(92)), [], ["broken.evt.h5"]),
    "cut at a tenth": (_cut(0.1), [], ["broken.evt.h5"]),
    "cut at a half": (_cut(0.5), [], ["broken.evt.h5"]),
    "cut at the last byte": (_cut(1, less=1), [], ["broken.evt.h5"]),
    "missing": (Path.unlink, [], ["broken.evt.h5", "no such file"]),
    "folder": (_folder, [], ["broken.evt.h5"]),
    "no event_table": (_without("event_table"), [], ["event_table", "hit_table", "broken.evt.h5"]),
    "no event_id": (_without("event_table/event_id"), [], ["event_table", "event_id"]),
    "no hit_table": (_without("hit_table"), [], ["'hit_table'", "edep_table", "particle_table"]),
    "no particle_table": (_without("particle_table"), [], ["'particle_table'", "hit_table"]),
    "no edep_table": (_without("edep_table"), [], ["'edep_table'", "hit_table", "particle_table"]),
    "no rms": (_without("hit_table/rms"), [], ["hit_table", "'rms'", "local_time", "broken.evt.h5"]),
    "no wire": (_without("hit_table/local_wire"), [], ["hit_table", "local_wire", "local_time"]),
    "no weight": (_without("edep_table/energy"), [], ["edep_table", "energy", "g4_id"]),
    "no process": (_without("particle_table/end_process"), [], ["'end_process'", "start_process"]),
    "no flavour": (_without("event_table/nu_pdg"), [], ["event_table", "'nu_pdg'", "is_cc"]),
    "no point hit": (_without("spacepoint_table/hit_id"), [], ["spacepoint_table", "hit_id_u", "position_z"]),
    "no vertex": (_without("event_table/nu_vtx_corr"), ["--vertex"], ["nu_vtx_corr_x", "is_cc"]),
    "no positions": (_without("edep_table/y_position"), ["--position"], ["y_position", "x_position"]),
    "no feature": (lambda path: None, ["--node-features", "charge"], ["hit_table", "'charge'", "integral"]),
    "short column": (_replaced("hit_table/rms", SHORTER), [], ["hit_table", "differ in length", "rms"]),
    "short event_id": (_replaced("edep_table/event_id", SHORTER), [], ["edep_table", "differ in length"]),
    "short event column": (_replaced("event_table/is_cc", SHORTER), [], ["event_table", "differ in length"]),
    "keys beyond repair": (
        _in_turn(
            _without("hit_table/event_id", "hit_table/event_id.seq"),
            _replaced("hit_table/event_id.seq_cnt", ONE_MORE),
        ),
        [],
        ["hit_table", "'event_id.seq_cnt' is wrong", "cannot be rebuilt", "event_id"],
    ),
    "no keys at all": (
        _without("hit_table/event_id", "hit_table/event_id.seq", "hit_table/event_id.seq_cnt"),
        [],
        ["hit_table", "event_id"],
    ),
    "rows of unknown events": (
        _replaced("hit_table/event_id", ONE_MORE),
        [],
        ["hit_table", "is wrong", "not in the event table"],
    ),
}  # fmt: skip


# one of each kind is run as a process of its own
IN_A_PROCESS = {
    "not HDF5", "empty file", "cut at a tenth", "cut at a half", "cut at the last byte", "missing",
    "no event_table", "no hit_table", "no rms", "short column", "keys beyond repair",
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_process__fault_is_one_line_and_harms_nothing(
    fault: str, small: Path, earlier: Path, run: Run, here: Here, tmp_path: Path
) -> None:
    edit, options, words = FAULTS[fault]
    broken = copied(small, tmp_path / "broken.evt.h5")
    edit(broken)
    before = files(earlier.parent)
    command = run if fault in IN_A_PROCESS else here
    assert_fault(command(broken, earlier, "--overwrite", *options), *words)
    assert files(earlier.parent) == before


@pytest.mark.parametrize("fault", ["not HDF5", "no rms", "keys beyond repair"])
def test_process__fault_on_two_ranks_is_one_line(
    fault: str, small: Path, earlier: Path, run: Run, tmp_path: Path
) -> None:
    edit, options, words = FAULTS[fault]
    broken = copied(small, tmp_path / "broken.evt.h5")
    edit(broken)
    before = files(earlier.parent)
    assert_fault(run(broken, earlier, "--overwrite", *options, ranks=2), *words)
    assert files(earlier.parent) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
@pytest.mark.parametrize("forbidden", ["input", "output"])
def test_process__no_permission(forbidden: str, small: Path, earlier: Path, run: Run, tmp_path: Path) -> None:
    events = copied(small, tmp_path / "run.evt.h5")
    before = files(earlier.parent)
    place, mode = (events, 0) if forbidden == "input" else (earlier.parent, 0o555)
    place.chmod(mode)
    try:
        assert_fault(run(events, earlier, "--overwrite"), "permission", str(place))
    finally:
        place.chmod(0o755)
    assert files(earlier.parent) == before


@pytest.mark.parametrize("ranks", [None, 2])
def test_process__existing_output_stays(small: Path, earlier: Path, run: Run, ranks: int | None) -> None:
    before = files(earlier.parent)
    assert_fault(run(small, earlier, ranks=ranks), "exists already", "--overwrite")
    assert files(earlier.parent) == before


@pytest.mark.parametrize(
    "name", ["graphs.h5", "graphs.0000.h5", "graphs.ledger.parquet", "graphs.report.json"]
)
def test_process__any_existing_output_is_an_error(name: str, small: Path, here: Here, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"hours of work")
    assert_fault(here(small, tmp_path / "graphs"), name, "--overwrite")
    assert files(tmp_path) == {name: b"hours of work"}


def test_process__missing_output_folder(small: Path, run: Run, tmp_path: Path) -> None:
    assert_fault(run(small, tmp_path / "nowhere/graphs"), str(tmp_path / "nowhere"), "does not exist")
    assert files(tmp_path) == {}


def test_process__output_folder_is_a_file(small: Path, here: Here, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    assert_fault(here(small, tmp_path / "file/graphs"), str(tmp_path / "file"))
    assert files(tmp_path) == {"file": b"text"}


def test_process__input_is_never_the_output(small: Path, here: Here, tmp_path: Path) -> None:
    shutil.copy(small, tmp_path / "run.h5")
    result = here(tmp_path / "run.h5", tmp_path / "run", "--overwrite")
    assert result.returncode != 0
    assert files(tmp_path) == {"run.h5": small.read_bytes()}


def test_process__debug_shows_the_traceback(here: Here, tmp_path: Path) -> None:
    result = here(tmp_path / "missing.h5", tmp_path / "graphs", "--debug")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("numl-polars: no such file")


def testfault_of_rank__interrupted_kernel_is_an_interruption() -> None:
    interrupted = SystemError("a kernel returned a result with an exception set")
    interrupted.__cause__ = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt), fault_of_rank(World(), ", events [0, 3)"):
        raise interrupted
