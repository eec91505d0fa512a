"""The whole command: wrong usage is status 2, and nothing is written."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.process.builder import Here, files, spoken


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run.h5"],
        ["run.h5", "graphs", "--no-such-option"],
        ["run.h5", "graphs", "--particle-labels", "best"],
        ["run.h5", "graphs", "--event-labels", "best"],
        ["run.h5", "graphs", "--events", "5"],
        ["run.h5", "graphs", "--events", "0:9:2"],
        ["run.h5", "graphs", "--splits", "90/5"],
        ["run.h5", "graphs", "--splits", "90/5/6"],
        ["run.h5", "graphs", "--splits", "a/b/c"],
        ["run.h5", "graphs", "--seed", "-1"],
        ["run.h5", "graphs", "--batch-size", "0"],
        ["run.h5", "graphs", "--batch-size", "much"],
        ["run.h5", "graphs", "--lower-bound", "-1"],
        ["run.h5", "graphs", "--lower-bound", "2.5"],
        ["run.h5", "graphs", "--max-integral", "large"],
        ["run.h5", "graphs", "--max-integral", "nan"],
        ["run.h5", "graphs", "--planes", ","],
        ["run.h5", "graphs", "--planes", "u,u,y"],
        ["run.h5", "graphs", "--planes", "u=0,v"],
        ["run.h5", "graphs", "--planes", "u=0,v=0"],
        ["run.h5", "graphs", "--detector", "nova"],
        ["run.h5", "graphs", "--coordinates", "stitched"],
        ["run.h5", "graphs", "--planes-per-tpc"],
        ["run.h5", "graphs", "--node-features", "rms,rms"],
        ["run.h5", "graphs", "--detailed-truth", "--particle-labels", "none"],
        ["run.h5", "graphs", "--no-merge", "--remove-rank-files"],
    ],
    ids=lambda arguments: " ".join(arguments) or "none",
)
def test_process__wrong_usage_is_status_2(
    arguments: list[str], small: Path, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(small, tmp_path / "run.h5")
    monkeypatch.chdir(tmp_path)
    result = here(*arguments)
    assert result.returncode == 2
    assert result.stderr
    assert "Traceback" not in result.stderr
    assert files(tmp_path).keys() == {"run.h5"}


def test_process__wrong_usage_on_two_ranks_is_said_once(small: Path, run: Run, tmp_path: Path) -> None:
    result = run(small, tmp_path / "graphs", "--splits", "90/5", ranks=2)
    assert result.returncode == 2
    assert len(spoken(result.stderr)) == 1
    assert files(tmp_path) == {}
