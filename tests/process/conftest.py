"""The command in this process, and runs that many tests compare with."""

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from numl_polars.process import main
from tests.builder import simple_event, write_events, write_tables
from tests.conftest import Run
from tests.process.builder import (
    SPLITS,
    Finished,
    Graphs,
    Here,
    assert_done,
    read_graphs,
    tables_of_all_sizes,
)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Run the command in this process, from its arguments to its exit."""

    def run_here(*arguments: object) -> Finished:
        command = ["numl-polars", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            with pytest.raises(SystemExit) as stop:
                main()
        assert isinstance(stop.value.code, int)
        return subprocess.CompletedProcess(command, stop.value.code, *capsys.readouterr())

    return run_here


@pytest.fixture(scope="session")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Event file of `SIZES`."""
    return write_tables(tmp_path_factory.mktemp("events") / "run.evt.h5", tables_of_all_sizes())


@pytest.fixture(scope="session")
def one_rank(events: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """Stem of the output of one rank, and what the command said."""
    stem = tmp_path_factory.mktemp("one") / "graphs"
    result = run(events, stem, *SPLITS)
    assert_done(result)
    return stem, result


@pytest.fixture(scope="session")
def base(one_rank: tuple[Path, Finished]) -> Graphs:
    return read_graphs(one_rank[0].with_suffix(".h5"))


@pytest.fixture(scope="session")
def three_ranks(events: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    stem = tmp_path_factory.mktemp("three") / "graphs"
    result = run(events, stem, *SPLITS, ranks=3)
    assert_done(result)
    return stem, result


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Event file of three events, to break."""
    return write_events(
        tmp_path_factory.mktemp("small") / "small.evt.h5", [simple_event(20 + i) for i in range(3)]
    )


@pytest.fixture
def earlier(one_rank: tuple[Path, Finished], tmp_path: Path) -> Path:
    """Stem of earlier output, alone in its folder."""
    folder = tmp_path / "earlier"
    shutil.copytree(one_rank[0].parent, folder)
    return folder / "graphs"
