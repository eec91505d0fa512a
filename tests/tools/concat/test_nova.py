"""Files whose events are named by columns run, subrun, evt: many tables, most of them without rows."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from numl_polars.errors import InputError, OptionError
from numl_polars.tables.index_layout import NOVA, NUML, IndexLayout
from numl_polars.tools.concat import concat
from tests.tools.concat.builder import read, write

EVENTS = [(9, 0, 1), (9, 0, 2), (9, 1, 1)]


def tables(events: list[tuple[int, int, int]], rows: list[int]) -> dict[str, dict[str, np.ndarray]]:
    """Spills, slices with some rows each, and tables with none."""
    names = np.array(events, np.uint32).reshape(-1, 3)
    of_rows = np.repeat(names, rows, axis=0)

    def index(ids: np.ndarray) -> dict[str, np.ndarray]:
        return {name: ids[:, [place]] for place, name in enumerate(("run", "subrun", "evt"))}

    empty = {
        f"rec.{number}": {**index(names[:0]), "value": np.empty((0, 1), np.float32)} for number in range(5)
    }
    spills = np.arange(len(events), dtype=np.float64)[:, None]
    return {
        "spill": {**index(names), "pot": spills},
        "rec.slc": {**index(of_rows), "nhit": np.arange(len(of_rows), dtype=np.int32)[:, None]},
        **empty,
        "metadata": {"number": np.array([[len(events)]], np.int64)},
    }


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    first = write(tmp_path / "a.h5", tables(EVENTS[:2], [2, 0]))
    return [first, write(tmp_path / "b.h5", tables(EVENTS[2:], [3]))]


def test_nova__keys_are_those_of_evt(tmp_path: Path, pair: list[Path]) -> None:
    summary = concat(pair, tmp_path / "out.h5")
    found = read(tmp_path / "out.h5")
    assert summary.num_events == 3
    assert found["rec.slc"]["evt.seq"].tolist() == [[0], [0], [2], [2], [2]]
    assert found["rec.slc"]["evt.seq_cnt"].tolist() == [[0, 2], [2, 3]]
    assert found["spill"]["evt.seq"].tolist() == [[0], [1], [2]]
    assert found["rec.slc"]["nhit"].tolist() == [[0], [1], [0], [1], [2]]
    assert found["rec.slc"]["run"].dtype == np.uint32
    assert found["rec.3"]["evt.seq"].shape == (0, 1)
    # a table that does not say which event its rows are of has no keys
    assert {name: rows.tolist() for name, rows in found["metadata"].items()} == {"number": [[2], [1]]}


def test_nova__its_own_keys_are_made_anew(tmp_path: Path, pair: list[Path]) -> None:
    concat(pair, tmp_path / "once.h5")
    concat([tmp_path / "once.h5"], tmp_path / "twice.h5")
    concat(pair[0], tmp_path / "steps.h5")
    concat(pair[1], tmp_path / "steps.h5", append=True)
    for name in ("twice.h5", "steps.h5"):
        found, expected = read(tmp_path / name), read(tmp_path / "once.h5")
        assert {table: sorted(columns) for table, columns in found.items()} == {
            table: sorted(columns) for table, columns in expected.items()
        }
        for table, columns in expected.items():
            for column, values in columns.items():
                assert found[table][column].tolist() == values.tolist()


def test_nova__and_numl_are_not_joined(tmp_path: Path, pair: list[Path]) -> None:
    other = write(tmp_path / "n.h5", {"event_table": {"event_id": np.array([[1, 2, 3]], np.int32)}})
    with pytest.raises(
        InputError, match=r"a\.h5 has spill/run,subrun,evt, but \S*n\.h5 event_table/event_id"
    ):
        concat([pair[0], other], tmp_path / "out.h5")


def test_index_layout__other_names(tmp_path: Path, pair: list[Path]) -> None:
    for path in pair:
        with h5py.File(path, "r+") as file:
            for group in file.values():
                if "evt" in group:
                    group.move("evt", "cycle")
    with pytest.raises(
        InputError, match=r"neither event_table/event_id nor spill/run,subrun,evt \(has metadata"
    ):
        concat(pair, tmp_path / "out.h5")
    concat(pair, tmp_path / "out.h5", layout=IndexLayout.parse("/spill/run,subrun,cycle"))
    assert read(tmp_path / "out.h5")["rec.slc"]["cycle.seq_cnt"].tolist() == [[0, 2], [2, 3]]
    with pytest.raises(InputError, match=r"a\.h5 has no spill/evt \(tables metadata, rec\.0"):
        concat(pair, tmp_path / "more.h5", layout=IndexLayout.parse("spill/evt"))


def test_index_layout__is_written_as_it_is_read() -> None:
    for layout in (NUML, NOVA):
        assert IndexLayout.parse(f"/{layout}") == layout
    assert NUML.keys == ("event_id.seq", "event_id.seq_cnt")
    assert NOVA.keys == ("evt.seq", "evt.seq_cnt")
    for text in ("", "spill", "spill/", "spill/run,,evt", "/run", "spill/more/evt"):
        with pytest.raises(OptionError, match="is wanted, such as event_table/event_id"):
            IndexLayout.parse(text)
