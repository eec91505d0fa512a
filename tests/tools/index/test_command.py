"""The command `numl-polars index`: what it prints, and its exit status."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from numl_polars.tables.index_layout import NOVA, IndexLayout
from tests.tools.index.builder import assert_keys, keys_of, write_file

Index = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Index:
    """Run the command in this process: exit status, lines on stdout, lines on stderr."""
    from numl_polars import cli
    from numl_polars.command import command_line

    def run(*arguments: object) -> tuple[int, list[str], list[str]]:
        monkeypatch.setattr("sys.argv", ["numl-polars", "index", *map(str, arguments)])
        monkeypatch.setattr("signal.signal", lambda *_: None)
        monkeypatch.setattr("warnings.showwarning", None)
        with pytest.raises(SystemExit) as stop:
            command_line(cli.cli)
        out, err = capsys.readouterr()
        return int(str(stop.value)), out.splitlines(), err.splitlines()

    return run


def test_index__says_what_is_done(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    expected = write_file(path, keys=True)
    with h5py.File(path, "r+") as file:
        del file["hit_table/event_id.seq"]
        file["particle_table/event_id.seq_cnt"][0, 1] = 4
    before = path.read_bytes()
    status, lines, errors = index(path, "--dry-run")
    assert (status, errors) == (0, [])
    assert lines[0] == f"{path}: 5 events"
    assert [line.split() for line in lines[1:6]] == [
        ["table", "rows", "event_id.seq", "event_id.seq_cnt"],
        ["edep_table", "0", "right", "right"],
        ["event_table", "5", "right", "right"],
        ["hit_table", "6", "missing", "right"],
        ["particle_table", "5", "right", "wrong"],
    ]
    reason = "'event_id.seq_cnt' is wrong: counts add up to 8, the table has 5 rows"
    assert lines[6] == f"particle_table: {reason}"
    assert lines[7] == "6 keys are right, 1 would be added, 1 would be rebuilt"
    assert path.read_bytes() == before
    status, lines, errors = index(path)
    assert (status, errors) == (0, [])
    assert [line.split()[2:] for line in lines[4:6]] == [["added", "right"], ["right", "rebuilt"]]
    assert lines[7].startswith("6 keys are right, 1 added, 1 rebuilt; the file grew by ")
    assert_keys(keys_of(path), expected)
    status, lines, errors = index(path)
    assert lines[-2] == "8 keys are right, 0 added, 0 rebuilt"


def test_index__several_files_and_faults(index: Index, tmp_path: Path) -> None:
    expected = {name: write_file(tmp_path / f"{name}.h5") for name in "abc"}
    (tmp_path / "b.h5").write_bytes(b"no HDF5")
    with h5py.File(tmp_path / "c.h5", "r+") as file:
        file["hit_table/event_id"][-1] = (7, 7, 7)
    status, lines, errors = index(tmp_path / "*.h5")
    assert status == 1
    (error,) = errors
    assert error.startswith("numl-polars: 2 of 3 files have faults: ")
    assert (
        f"{tmp_path / 'b.h5'}, {tmp_path / 'c.h5'}; first: {tmp_path / 'b.h5'} is not an HDF5 file" in error
    )
    assert f"{tmp_path / 'b.h5'} is not an HDF5 file" in lines
    foreign = "1 runs of its rows are of events not in the event table, first (7, 7, 7)"
    assert f"hit_table: it cannot have keys: {foreign}" in lines
    assert_keys(keys_of(tmp_path / "a.h5"), expected["a"])
    assert_keys(keys_of(tmp_path / "c.h5"), expected["c"] | {"hit_table": {}})
    status, _, errors = index(tmp_path / "c.h5")
    assert status == 1
    assert errors == [f"numl-polars: hit_table of {tmp_path / 'c.h5'} cannot have keys: {foreign}"]


def test_index__options(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    own = IndexLayout("spill", ("evt",))
    expected = write_file(path, layout=NOVA)
    assert index(path, "--tables", "hit_table", "--keys", "seq")[0] == 0
    assert [list(keys) for keys in keys_of(path, NOVA).values()] == [[], ["evt.seq"], [], []]
    assert index(path, "--index", "spill/evt")[0] == 0
    assert_keys(keys_of(path, own), expected)
    assert index(path, "--force")[1][-2].startswith("0 keys are right, 0 added, 8 rebuilt; the file grew")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'FILE...'"),
        (["a.h5", "--keys", "all"], "'all' is not one of"),
        (["a.h5", "--index", "spill"], "index is 'spill/'; TABLE/COLUMN"),
    ],
)
def test_index__wrong_usage_is_status_2(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_file(tmp_path / "a.h5")
    before = (tmp_path / "a.h5").read_bytes()
    status, _, errors = index(*arguments)
    assert status == 2
    assert message in "".join(errors)
    assert (tmp_path / "a.h5").read_bytes() == before


def test_index__as_a_program(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    expected = write_file(path)
    (tmp_path / "files.txt").write_text("a.h5\n", encoding="utf-8")
    code = "from numl_polars.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "index", tmp_path / "files.txt", "--progress"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "0 keys are right, 8 added, 0 rebuilt" in done.stdout
    assert_keys(keys_of(path), expected)
    np.testing.assert_array_equal(keys_of(path)["hit_table"]["event_id.seq"][:, 0], [0, 0, 2, 2, 2, 3])
