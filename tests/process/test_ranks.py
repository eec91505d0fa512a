"""The whole command: the graphs that pynuml makes, and the same graphs from any number of ranks."""

import re
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.process.builder import (
    KEPT,
    REJECTED,
    SPLITS,
    Finished,
    Graphs,
    Here,
    assert_done,
    files,
    name_of,
    read_graphs,
    read_ledger,
    rejected_of,
    sampled,
)

# ---- parity


@pytest.mark.parametrize(
    ("data", "option", "ranks"),
    [
        ("synthetic/uboone", "--vertex", None),
        ("synthetic/uboone_gaps", "--vertex", 2),
        ("synthetic/dune", "--position", None),
        ("real/r7010_sr1705_evt85251", "--vertex", None),
    ],
)
def test_process__equals_pynuml(
    shared: Path, run: Run, tmp_path: Path, data: str, option: str, ranks: int | None
) -> None:
    result = run(shared / f"data/{data}.evt.h5", tmp_path / "graphs", option, ranks=ranks)
    assert_done(result)
    tool, expected = shared / "tools/compare_graphs.py", shared / f"data/{data}.graphs.h5"
    compared = subprocess.run(
        [sys.executable, tool, expected, tmp_path / "graphs.h5"], capture_output=True, text=True, check=False
    )
    assert re.fullmatch(r"[1-9]\d* objects expected, 0 differences\n", compared.stdout), compared.stdout


# ---- ranks


def test_process__one_rank_keeps_the_right_events(base: Graphs, one_rank: tuple[Path, Finished]) -> None:
    assert base.names == [name_of(event) for event in KEPT]
    assert base.names != sorted(base.names)
    assert rejected_of(one_rank[0]) == REJECTED
    assert {name: len(members) for name, members in base.samples.items()} == {
        "train": 4,
        "validation": 2,
        "test": 2,
    }
    assert sorted(chain.from_iterable(base.samples.values())) == sorted(sampled(base))
    assert len(base.beside["datasize/train"]) == 4


@pytest.mark.parametrize("ranks", [2, 3, 7])
def test_process__ranks_equal_one(
    ranks: int, events: Path, base: Graphs, one_rank: tuple[Path, Finished], run: Run, tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    if ranks == 3:
        stem, result = request.getfixturevalue("three_ranks")
    else:
        stem = tmp_path / "graphs"
        result = run(events, stem, *SPLITS, ranks=ranks)
    assert_done(result)
    graphs = read_graphs(stem.with_suffix(".h5"))
    assert graphs.names == base.names
    assert graphs.records == base.records
    assert graphs.beside == base.beside
    assert read_ledger(stem).equals(read_ledger(one_rank[0]))
    of_ranks = [read_graphs(stem.with_name(f"graphs.{rank:04d}.h5")).names for rank in range(ranks)]
    assert list(chain.from_iterable(of_ranks)) == base.names
    assert sum(bool(names) for names in of_ranks) > 1
    expected = {"graphs.h5", "graphs.ledger.parquet", "graphs.report.json"}
    assert files(stem.parent).keys() == expected | {f"graphs.{rank:04d}.h5" for rank in range(ranks)}
    assert result.stdout.count("kept") == 1


def test_process__merged_file_is_the_same_bytes_from_any_ranks(
    one_rank: tuple[Path, Finished], three_ranks: tuple[Path, Finished]
) -> None:
    one, three = (stem.with_suffix(".h5").read_bytes() for stem, _ in (one_rank, three_ranks))
    assert one == three


def test_process__more_ranks_than_events(events: Path, base: Graphs, run: Run, tmp_path: Path) -> None:
    result = run(events, tmp_path / "graphs", "--events", "4:6", "--remove-rank-files", ranks=3)
    assert_done(result)
    graphs = read_graphs(tmp_path / "graphs.h5")
    assert graphs.names == [name_of(4)]
    assert rejected_of(tmp_path / "graphs") == {5: "no_hits"}
    assert all(graphs.records[name] == base.records[name] for name in graphs.names)
    assert files(tmp_path).keys() == {"graphs.h5", "graphs.ledger.parquet", "graphs.report.json"}


def test_process__no_merge_leaves_rank_files(events: Path, base: Graphs, here: Here, tmp_path: Path) -> None:
    assert_done(here(events, tmp_path / "graphs", "--no-merge"))
    assert files(tmp_path).keys() == {"graphs.0000.h5", "graphs.ledger.parquet", "graphs.report.json"}
    graphs = read_graphs(tmp_path / "graphs.0000.h5")
    assert (graphs.names, graphs.records) == (base.names, base.records)
    assert graphs.beside.keys() == {"planes", "semantic_classes", "event_classes", "gen"}


def test_process__fewer_ranks_leave_no_files_of_more(
    events: Path, base: Graphs, three_ranks: tuple[Path, Finished], here: Here, tmp_path: Path
) -> None:
    shutil.copytree(three_ranks[0].parent, tmp_path / "out")
    assert_done(here(events, tmp_path / "out/graphs", *SPLITS, "--overwrite"))
    assert sorted(tmp_path.glob("out/graphs.0*.h5")) == [tmp_path / "out/graphs.0000.h5"]
    assert read_graphs(tmp_path / "out/graphs.0000.h5").records == base.records
