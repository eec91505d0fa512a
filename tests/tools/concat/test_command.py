"""The command as users run it: what it says, what it leaves, and that ranks make the same file."""

import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import numl_polars as nl
from tests.process.builder import Finished, assert_fault, spoken
from tests.tools.concat.builder import assert_equal, read

MAIN = "import sys; from numl_polars.cli import main; sys.argv[0] = 'numl-polars'; main()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files straight from the writer, and one with other columns."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(3):
        nl.simulate(folder / f"run{number}.h5", events=3, seed=number, layout="fresh")
    nl.simulate(folder / "dune.h5", events=1, detector="dune", layout="fresh")
    (folder / "list.txt").write_text("run0.h5\nrun1.h5  # the second\nrun2.h5\n")
    (folder / "text.h5").write_text("no event file")
    (folder / "short.h5").write_bytes((folder / "run0.h5").read_bytes()[:-5000])
    return folder


def run(*arguments: object, cwd: Path, ranks: int | None = None) -> Finished:
    command = [sys.executable, "-c", MAIN, "concat", *map(str, arguments)]
    if ranks is not None:
        command = [str(Path(sys.executable).with_name("mpirun")), "-n", str(ranks), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def joined(folder: Path) -> Path:
    """The three files, joined by one rank."""
    result = run("joined.h5", "list.txt", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    said = r"joined\.h5: 9 events of 3 files \([\d,]+ edep_table, 9 event_table, .*\), [\d.]+ MB, [\d.]+ s, "
    assert re.fullmatch(said + r"\d+ MB/s of rows\n", result.stdout), result.stdout
    return folder / "joined.h5"


def test_command__joins_what_stood_in_the_files(folder: Path, joined: Path) -> None:
    found = read(joined)
    files = [read(folder / f"run{number}.h5") for number in range(3)]
    expected = {
        table: {
            name: np.concatenate([file[table][name] for file in files])
            for name in columns
            if not name.startswith("event_id.")
        }
        for table, columns in files[0].items()
    }
    for columns in expected.values():
        for name, values in columns.items():
            columns[name] = values.astype("S64") if values.dtype == object else values
    assert_equal({t: {n: v for n, v in c.items() if "." not in n} for t, c in found.items()}, expected)
    with pytest.warns(nl.EventFileWarning, match="6 of 9 events repeat"):
        events = nl.open(joined)
    with events:
        assert len(events) == 9
        last = files[1]["hit_table"]["event_id"][:, 2] == files[1]["event_table"]["event_id"][2, 2]
        assert len(events[5]["hit_table"]) == last.sum()


def test_command__patterns_order_and_append(folder: Path, joined: Path) -> None:
    assert run("glob.h5", "run[012].h5", cwd=folder).returncode == 0
    assert_equal(read(folder / "glob.h5"), read(joined))
    for name in ("run0.h5", "run1.h5", "run2.h5"):
        assert run("steps.h5", name, "--append", cwd=folder).returncode == 0
    assert_equal(read(folder / "steps.h5"), read(joined))


def test_command__ranks_make_the_same_file(folder: Path, joined: Path) -> None:
    pytest.importorskip("mpi4py")
    result = run("ranks.h5", "list.txt", "--buffer", "64KiB", cwd=folder, ranks=3)
    assert (result.returncode, spoken(result.stderr)) == (0, [])
    assert result.stdout.startswith("ranks.h5: 9 events of 3 files")
    assert_equal(read(folder / "ranks.h5"), read(joined))
    with h5py.File(folder / "ranks.h5") as file, h5py.File(joined) as one:
        for table, columns in one.items():
            for name, dataset in columns.items():
                found = file[table][name]
                assert (found.chunks, found.id.get_num_chunks()) == (
                    dataset.chunks,
                    dataset.id.get_num_chunks(),
                )
                for place in range(dataset.id.get_num_chunks()):
                    corner = dataset.id.get_chunk_info(place).chunk_offset
                    assert found.id.read_direct_chunk(corner) == dataset.id.read_direct_chunk(corner)


@pytest.mark.parametrize("ranks", [None, 2])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run0.h5", "dune.h5"], ["the files differ in", "in dune.h5", "--missing null"]),
        (["run0.h5", "text.h5"], ["text.h5 is not an HDF5 file"]),
        (["short.h5"], ["short.h5 is truncated"]),
        (["no.h5"], ["no such file: no.h5"]),
        (["no*.h5"], ["no file matches no*.h5"]),
        (["no.txt"], ["no.txt"]),
    ],
)
def test_command__faults_are_one_line_and_leave_nothing(
    folder: Path, ranks: int | None, arguments: list[str], words: list[str]
) -> None:
    if ranks is not None:
        pytest.importorskip("mpi4py")
    before = sorted(folder.iterdir())
    assert_fault(run("fault.h5", *arguments, cwd=folder, ranks=ranks), *words)
    assert sorted(folder.iterdir()) == before


def test_command__fault_of_one_rank_ends_all(folder: Path) -> None:
    pytest.importorskip("mpi4py")
    damaged = folder / "damaged.h5"
    content = bytearray((folder / "run1.h5").read_bytes())
    with h5py.File(folder / "run1.h5") as file:
        for name in ("rms", "integral", "local_time"):
            info = file["hit_table"][name].id.get_chunk_info(1)
            content[info.byte_offset + 20 : info.byte_offset + info.size] = bytes(info.size - 20)
    damaged.write_bytes(content)
    before = sorted(folder.iterdir())
    result = run("fault.h5", "run0.h5", "damaged.h5", "run2.h5", cwd=folder, ranks=3)
    said = [line for line in spoken(result.stderr) if line.startswith("numl-polars")]
    assert said
    assert all(
        re.search(r"rank \d: hit_table/\w+ of damaged\.h5: rows \[\d+, \d+\) cannot", line) for line in said
    )
    assert result.returncode != 0
    assert sorted(folder.iterdir()) == before


def test_command__overwrites_only_when_asked(folder: Path) -> None:
    (folder / "there.h5").write_text("mine")
    assert_fault(
        run("there.h5", "run0.h5", cwd=folder),
        "there.h5, which is named first, is the output, and exists already; --overwrite",
    )
    assert (folder / "there.h5").read_text() == "mine"
    assert run("there.h5", "run0.h5", "--overwrite", cwd=folder).returncode == 0
    assert_fault(run("text.h5", "run0.h5", "--append", cwd=folder), "text.h5 is not an HDF5 file")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument 'OUT'"),
        (["out.h5"], "Missing argument 'FILE...'"),
        (["out.h5", "run0.h5", "--gzip", "10"], "10 is not in the range 0<=x<=9"),
        (["out.h5", "run0.h5", "--contiguous", "--gzip", "1"], "neither chunks nor compression"),
        (["out.h5", "run0.h5", "--append", "--overwrite"], "either append"),
        (["out.h5", "run0.h5", "--index", "spill"], "index is 'spill/'"),
        (["run0.h5", "run0.h5", "--append"], "both an input and the output"),
    ],
)
def test_command__wrong_usage(folder: Path, arguments: list[str], words: str) -> None:
    result = run(*arguments, cwd=folder)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_command__help_comes_at_once(folder: Path) -> None:
    result = run("--help", cwd=folder)
    assert result.returncode == 0
    assert "Join event files into one." in result.stdout
    script = "import sys, numl_polars.cli; print({'h5py', 'polars', 'numpy'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout == "set()\n"
