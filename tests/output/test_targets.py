"""The files of a run: what an overwriting run removes, and what it never touches."""

from pathlib import Path

import pytest

from numl_polars.errors import OutputError
from numl_polars.output.targets import Targets


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_targets__stem_or_whole_name(tmp_path: Path) -> None:
    for output in ("graphs", "graphs.h5"):
        assert Targets.of(tmp_path / output, 1, merge=True).merged == tmp_path / "graphs.h5"
    assert Targets.of(tmp_path / "v1.2", 1, merge=True).merged == tmp_path / "v1.2.h5"


def test_remove_stale__earlier_ranks_only(tmp_path: Path) -> None:
    touch(tmp_path, "g.h5", "g.0000.h5", "g.0001.h5", "g.0002.h5", "g.2026.h5", "g.more.h5", "gg.0000.h5")
    targets = Targets.of(tmp_path / "g", 1, merge=True)
    targets.remove_stale(targets.rank_files)
    assert names(tmp_path) == ["g.0000.h5", "g.2026.h5", "g.h5", "g.more.h5", "gg.0000.h5"]


def test_remove_stale__merged_file_of_an_earlier_run(tmp_path: Path) -> None:
    touch(tmp_path, "g.h5", "g.0000.h5")
    targets = Targets.of(tmp_path / "g", 1, merge=False)
    targets.remove_stale(targets.rank_files)
    assert names(tmp_path) == ["g.0000.h5"]


@pytest.mark.parametrize("name", ["g.h5", "g.0000.h5", "g.0003.h5", "g.report.json", "g.ledger.parquet"])
@pytest.mark.parametrize("merge", [True, False])
def test_check__any_file_of_an_earlier_run(tmp_path: Path, name: str, merge: bool) -> None:
    touch(tmp_path, *{"g.0000.h5", "g.0001.h5", "g.0002.h5", name} if name == "g.0003.h5" else {name})
    targets = Targets.of(tmp_path / "g", 1, merge=merge)
    with pytest.raises(OutputError, match=r"exists already; --overwrite replaces it"):
        targets.check(tmp_path / "run.h5", overwrite=False)
    targets.check(tmp_path / "run.h5", overwrite=True)


def test_check__never_the_input(tmp_path: Path) -> None:
    touch(tmp_path, "run.h5")
    with pytest.raises(OutputError, match=r"run\.h5 is the input of the run"):
        Targets.of(tmp_path / "run", 2, merge=True).check(tmp_path / "run.h5", overwrite=True)
