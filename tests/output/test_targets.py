"""The files of a run: what an overwriting run removes, and what it never touches."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from numl_polars.errors import OptionError, OutputError
from numl_polars.output.hidden_names import hidden_name
from numl_polars.output.targets import Targets
from tests.output.builder import METADATA, write_graphs

OWN = replace(METADATA, provenance={"program": "numl-polars 0.1.0"})


def write(folder: Path, *names: str) -> None:
    """Graph files of this program, and empty files of other kinds."""
    for name in names:
        if name.endswith(".h5"):
            write_graphs(folder / name, 1, metadata=OWN)
        else:
            (folder / name).touch()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_targets__stem_or_whole_name(tmp_path: Path) -> None:
    for output in ("graphs", "graphs.h5"):
        assert Targets.of(tmp_path / output, 1, merge=True).merged == tmp_path / "graphs.h5"
    assert Targets.of(tmp_path / "v1.2", 1, merge=True).merged == tmp_path / "v1.2.h5"


def test_remove_stale__earlier_ranks_only(tmp_path: Path) -> None:
    write(tmp_path, "g.h5", "g.0000.h5", "g.0001.h5", "g.0003.h5", "g.more.h5", "gg.0000.h5")
    with h5py.File(tmp_path / "g.2026.h5", "w") as events:
        events["event_table/event_id"] = [[1, 2, 3]]
    targets = Targets.of(tmp_path / "g", 1, merge=True)
    targets.remove_stale(targets.rank_files)
    assert names(tmp_path) == ["g.0000.h5", "g.2026.h5", "g.h5", "g.more.h5", "gg.0000.h5"]


def test_remove_stale__what_ranks_of_a_killed_run_were_writing(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = [hidden_name(tmp_path / name, "part") for name in ("g.0003.h5", "gg.0003.h5")]
    for path in left:
        path.with_name(path.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-")).touch()
    targets = Targets.of(tmp_path / "g", 1, merge=True)
    targets.remove_stale(targets.rank_files)
    (kept,) = names(tmp_path)
    assert kept.startswith(".gg.0003.h5.")


def test_remove_stale__merged_file_of_an_earlier_run(tmp_path: Path) -> None:
    write(tmp_path, "g.h5", "g.0000.h5")
    targets = Targets.of(tmp_path / "g", 1, merge=False)
    targets.remove_stale(targets.rank_files)
    assert names(tmp_path) == ["g.0000.h5"]


@pytest.mark.parametrize("name", ["g.h5", "g.0000.h5", "g.0003.h5", "g.report.json", "g.ledger.parquet"])
@pytest.mark.parametrize("merge", [True, False])
def test_check__any_file_of_an_earlier_run(tmp_path: Path, name: str, merge: bool) -> None:
    write(tmp_path, name)
    targets = Targets.of(tmp_path / "g", 1, merge=merge)
    with pytest.raises(OutputError, match=r"exists already; --overwrite replaces it"):
        targets.check([tmp_path / "run.h5"], overwrite=False)
    targets.check([tmp_path / "run.h5"], overwrite=True)


def test_check__never_the_input(tmp_path: Path) -> None:
    write(tmp_path, "run.h5")
    with pytest.raises(OutputError, match=r"run\.h5 is an input of the run"):
        Targets.of(tmp_path / "run", 2, merge=True).check([tmp_path / "run.h5"], overwrite=True)


def test_check__a_file_of_another_program(tmp_path: Path) -> None:
    h5py.File(tmp_path / "g.h5", "w").close()
    with pytest.raises(OutputError, match=r"g\.h5 is no training file of this program.* not overwritten"):
        Targets.of(tmp_path / "g", 1, merge=True).check([tmp_path / "run.h5"], overwrite=True)


@pytest.mark.parametrize("output", [".", "/", ".."])
def test_targets__a_folder_is_no_stem(output: str) -> None:
    with pytest.raises(OptionError, match="is a folder; name the files in it"):
        Targets.of(Path(output), 1, merge=True)
