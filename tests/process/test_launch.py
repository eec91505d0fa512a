"""The whole command: how it starts, and several ranks without a working MPI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.process.builder import SPLITS, Finished, Graphs, assert_fault, files, read_graphs

# ---- launched as several ranks without a working MPI


@pytest.mark.parametrize(("error", "rank"), [("ImportError", 0), ("RuntimeError", 0), ("ImportError", 1)])
def test_process__several_ranks_without_mpi4py(
    error: str, rank: int, small: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site/mpi4py").mkdir(parents=True)
    (tmp_path / "site/mpi4py/__init__.py").write_text(f"raise {error}('cannot load MPI library')\n")
    (tmp_path / "out").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("PMI_RANK", str(rank))
    result = run(small, tmp_path / "out/graphs")
    if rank == 0:
        assert_fault(result, "2 ranks", "cannot load MPI library", "pip install 'numl-polars[mpi]'")
    else:
        assert (result.returncode, result.stdout, result.stderr) == (1, "", "")
    assert files(tmp_path / "out") == {}


def test_process__launcher_of_another_mpi(
    small: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mpi4py")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "0")
    result = run(small, tmp_path / "graphs")
    # mpi4py may warn of the same
    *warned, last = result.stderr.splitlines()
    assert all(line.startswith("numl-polars: warning: ") for line in warned)
    for words in ("numl-polars: started as 2 ranks", "MPI sees 1", "pip install 'numl-polars[mpi]'"):
        assert words in last
    assert result.returncode == 1
    assert files(tmp_path) == {}


# ---- start


def _imports(*arguments: object) -> tuple[Finished, set[str]]:
    """What a Python command does, and the packages, and modules right in them, that it imports."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    names = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines() if "import time:" in line}
    return result, {".".join(name.split(".")[:depth]) for name in names for depth in (1, 2)}


def test_cli__is_a_module_that_runs() -> None:
    result, _ = _imports("-m", "numl_polars.cli", "--help")
    assert result.returncode == 0
    assert "simulate" in result.stdout


def test_process__help_is_light_and_complete() -> None:
    result, imported = _imports("-m", "numl_polars.process", "--help")
    assert result.returncode == 0
    assert "numl_polars" in imported
    assert not imported & {
        "torch",
        "torch_geometric",
        "numba",
        "llvmlite",
        "mpi4py",
        "polars",
        "h5py",
        "scipy",
    }
    for option in (
        "--particle-labels", "--event-labels", "--vertex", "--position", "--detailed-truth", "--planes",
        "--node-features", "--lower-bound", "--max-integral", "--events", "--batch-size", "--splits",
        "--seed", "--overwrite", "--merge", "--remove-rank-files", "--debug",
    ):  # fmt: skip
        assert option in result.stdout


def test_import__is_light() -> None:
    result, imported = _imports("-c", "import numl_polars")
    assert result.returncode == 0
    assert "numl_polars" in imported
    assert not imported & {
        "torch",
        "torch_geometric",
        "numba",
        "llvmlite",
        "mpi4py",
        "polars",
        "h5py",
        "scipy",
    }


def test_process__subcommand_does_the_same_without_torch(events: Path, base: Graphs, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("numl-polars")
    result, imported = _imports(program, "process", events, tmp_path / "graphs", *SPLITS)
    assert result.returncode == 0
    graphs = read_graphs(tmp_path / "graphs.h5")
    assert (graphs.records, graphs.beside) == (base.records, base.beside)
    assert "numba" in imported
    assert not imported & {"torch", "torch_geometric", "mpi4py", "pandas", "pyarrow.compute"}
