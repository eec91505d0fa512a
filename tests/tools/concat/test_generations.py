"""Files of every generation: cut, joined and processed, they are the file that was cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

import numl_polars as nl
from numl_polars.errors import InputError
from numl_polars.tools.concat import concat
from numl_polars.tools.index import index_file
from tests.tools.concat.builder import STORAGES, Columns, Tables, assert_equal, read, write

GENERATIONS = (
    "uboone", "uboone-optical", "uboone-open", "dune", "dune-2024", "dune-2023", "icarus", "sbnd",
    "two-views",
)  # fmt: skip
NUM_EVENTS, MOST_ROWS = 6, 8
SEQ, SEQ_CNT = "event_id.seq", "event_id.seq_cnt"
Int64s = NDArray[np.int64]

pytestmark = pytest.mark.filterwarnings("ignore::numl_polars.EventFileWarning")


@dataclass(frozen=True)
class Whole:
    """Tables of one file, and the event of each of their rows.

    Parameters
    ----------
    tables
        Columns by table, without keys.
    events
        int64 (rows,), by table.
    """

    tables: Tables
    events: Mapping[str, Int64s]

    @classmethod
    @cache
    def simulated(cls, detector: Any, seed: int = 0) -> "Whole":
        with TemporaryDirectory() as folder:
            path = Path(folder) / "whole.h5"
            nl.simulate(path, events=NUM_EVENTS, detector=detector, seed=seed, layout="merged")
            tables = read(path)
        triples = tables["event_table"]["event_id"].tolist()
        events = {
            name: np.array([triples.index(triple) for triple in columns["event_id"].tolist()], np.int64)
            for name, columns in tables.items()
        }
        for columns in tables.values():
            for key in (SEQ, SEQ_CNT):
                columns.pop(key, None)
        return cls(tables, events)

    def short(self) -> "Whole":
        """With the first rows of each event alone, in all tables."""
        kept = {
            name: np.arange(len(events)) - np.searchsorted(events, events) < MOST_ROWS
            for name, events in self.events.items()
        }
        return self.rows(kept)

    def rows(self, kept: Mapping[str, NDArray[np.bool_]]) -> "Whole":
        """With some rows of each table."""
        return Whole(
            {
                name: {column: values[kept[name]] for column, values in columns.items()}
                for name, columns in self.tables.items()
            },
            {name: events[kept[name]] for name, events in self.events.items()},
        )

    def without(self, dropped: Sequence[tuple[int, int]]) -> "Whole":
        """Without the rows of some events, or of all, in some tables; both by number."""
        names = [name for name in self.tables if name != "event_table"]
        kept = {name: np.ones(len(events), bool) for name, events in self.events.items()}
        for table, event in dropped:
            name = names[table % len(names)]
            kept[name] &= (self.events[name] != event) & (event < NUM_EVENTS)
        return self.rows(kept)

    def named(self, ids: NDArray[np.int32]) -> "Whole":
        """With other names of its events, int32 (events, 3)."""
        return Whole(
            {name: columns | {"event_id": ids[self.events[name]]} for name, columns in self.tables.items()},
            self.events,
        )

    def part(self, first: int = 0, last: int = NUM_EVENTS) -> Tables:
        """Events ``[first, last)`` as one writer would have written them, keys added."""
        found = {}
        for name, columns in self.tables.items():
            mine = (self.events[name] >= first) & (self.events[name] < last)
            seq = self.events[name][mine] - first
            found[name] = {column: values[mine] for column, values in columns.items()} | both_keys(seq)
        return found


def both_keys(seq: Int64s) -> Columns:
    """Keys of rows of these events."""
    events, counts = np.unique(seq, return_counts=True)
    return {SEQ: seq[:, None], SEQ_CNT: np.stack([events, counts], axis=1).astype(np.int64)}


def as_found(tables: Tables, keys: str) -> Tables:
    """The tables with keys as files have them: right ones, one of them, none, or stale ones."""
    found: Tables = {}
    for name, columns in tables.items():
        found[name] = dict(columns)
        for key in {"seq": [SEQ_CNT], "none": [SEQ, SEQ_CNT]}.get(keys, []):
            del found[name][key]
        if keys == "stale":
            found[name][SEQ] = found[name][SEQ] + 3
            found[name][SEQ_CNT] = found[name][SEQ_CNT][::-1] + 1
    return found


IDS = {
    "ascending": np.array([(1, event // 2, event) for event in range(NUM_EVENTS)], np.int32),
    "repeated": np.array([(1, 0, event // 2) for event in range(NUM_EVENTS)], np.int32),
    "all one": np.array([(1, 0, 7)] * NUM_EVENTS, np.int32),
}


@pytest.mark.parametrize("detector", GENERATIONS)
@settings(max_examples=2)
@given(data=st.data())
def test_concat__of_any_split_is_the_file(detector: str, data: st.DataObject) -> None:
    draw = data.draw
    names = draw(st.sampled_from(sorted(IDS)), "names")
    dropped = st.tuples(st.integers(0, 9), st.integers(0, NUM_EVENTS))
    whole = (
        Whole.simulated(detector)
        .short()
        .named(IDS[names])
        .without(draw(st.lists(dropped, max_size=6), "dropped"))
    )
    cuts = sorted(draw(st.lists(st.integers(0, NUM_EVENTS), max_size=3), "cuts"))
    bounds = list(pairwise([0, *cuts, NUM_EVENTS]))
    # what no keys tell apart, cannot be joined
    kinds = ["both", "seq", "none", "stale"] if names == "ascending" else ["both", "seq"]
    is_sorted = names == "ascending" and draw(st.booleans(), "sorted")
    storage: list[dict[str, Any]] = [{}, {"chunk_rows": 7}, {"chunk_rows": 5, "buffer_bytes": 1}]
    options = draw(st.sampled_from(storage), "options")
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = [
            write(
                folder / f"{number}.h5",
                as_found(whole.part(*bound), draw(st.sampled_from(kinds))),
                draw(st.sampled_from(STORAGES)),
                variable=draw(st.booleans()),
            )
            for number, bound in enumerate(bounds)
        ]
        shuffled = draw(st.permutations(paths)) if is_sorted else paths
        concat(shuffled, folder / "out.h5", sort=is_sorted, **options)
        assert_equal(read(folder / "out.h5"), whole.part())
        assert index_file(folder / "out.h5").num_bytes == 0
        if names == "ascending":
            # keys made on the way are those that are made from scratch
            concat(shuffled, folder / "bare.h5", sort=is_sorted, keys="none", **options)
            index_file(folder / "bare.h5")
            assert_equal(read(folder / "bare.h5"), whole.part())


# ---- joined, then processed


def processed(source: Path | list[Path], stem: Path) -> tuple[dict[str, bytes], pl.DataFrame]:
    """Objects by name, and the ledger."""
    graph = nl.HitGraph(particle_labels=nl.StandardLabels(), event_labels=nl.FlavorLabels())
    with nl.open(source) as events:
        nl.process(events, graph, stem)
    with h5py.File(stem.with_suffix(".h5")) as file:
        objects = {name: dataset[()].tobytes() for name, dataset in file["dataset"].items()}
        objects["dtypes"] = repr([dataset.dtype for dataset in file["dataset"].values()]).encode()
    return objects, pl.read_parquet(stem.with_name(f"{stem.name}.ledger.parquet"))


def assert_processed_alike(paths: list[Path], folder: Path, missing: str = "refuse") -> dict[str, bytes]:
    """That files joined, and read as one, give the same objects and losses; the objects."""
    concat(paths, folder / "joined.h5", missing=missing)
    many, of_many = processed(paths, folder / "many")
    one, of_one = processed(folder / "joined.h5", folder / "one")
    assert one == many
    assert_frame_equal(of_one, of_many)
    return one


@pytest.mark.parametrize("detector", ["uboone-open", "dune", "icarus"])
@settings(max_examples=2)
@given(data=st.data())
def test_process__of_joined_files_is_that_of_many(detector: str, data: st.DataObject) -> None:
    names = data.draw(st.sampled_from(sorted(IDS)), "names")
    dropped = st.tuples(st.integers(0, 9), st.integers(0, NUM_EVENTS - 1))
    whole = Whole.simulated(detector).named(IDS[names])
    whole = whole.without(data.draw(st.lists(dropped, max_size=4), "dropped"))
    cuts = sorted(data.draw(st.lists(st.integers(0, NUM_EVENTS), max_size=3), "cuts"))
    keys = ["both", "none", "stale"] if names == "ascending" else ["both"]
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = [
            write(folder / f"{number}.h5", as_found(whole.part(*bound), data.draw(st.sampled_from(keys))))
            for number, bound in enumerate(pairwise([0, *cuts, NUM_EVENTS]))
        ]
        assert_processed_alike(paths, folder)


# ---- generations joined to one


MIXED = {
    ("uboone", "uboone-open"): {"particle_table": {"type"}},
    # `view`, `proj` and `drift` are there for some hits only, and must not be taken for the place of all
    ("dune", "dune-2024"): {"hit_table": {"local_plane", "local_wire", "local_time"}},
    ("uboone-open", "dune"): {"hit_table": {"local_plane", "local_wire"}, "particle_table": {"type"}},
}


@pytest.mark.parametrize("detectors", MIXED, ids=" ".join)
def test_process__of_joined_generations_is_that_of_many(tmp_path: Path, detectors: tuple[str, str]) -> None:
    paths = []
    for number, detector in enumerate(detectors):
        whole = Whole.simulated(detector, seed=number)
        paths.append(write(tmp_path / f"{number}.h5", whole.part(), variable=bool(number)))
    objects = assert_processed_alike(paths, tmp_path, missing="null")
    assert len(objects) > NUM_EVENTS // 2
    found = read(tmp_path / "joined.h5")
    for table, names in MIXED[detectors].items():
        assert names <= found[table].keys()
        assert not {"g4_pdg", "plane", "wire", "time"} & found[table].keys()


def open_data(tmp_path: Path) -> tuple[list[Path], Tables]:
    """A file with `type`, one with `g4_pdg`, and the tables of both as one."""
    whole = Whole.simulated("uboone").short()
    second = whole.part(2)
    second["particle_table"]["g4_pdg"] = second["particle_table"].pop("type")
    paths = [write(tmp_path / "a.h5", whole.part(0, 2)), write(tmp_path / "b.h5", second)]
    return paths, whole.part()


def test_other_name__is_refused_or_made_one(tmp_path: Path) -> None:
    paths, expected = open_data(tmp_path)
    said = r"particle_table/type is called g4_pdg in \S*b\.h5"
    for several in (paths, paths[::-1]):
        with pytest.raises(InputError, match=rf"differ in 1 place: {said}; --missing null makes one of what"):
            concat(several, tmp_path / "out.h5")
    with pytest.warns(nl.EventFileWarning, match=f"made one: {said}"):
        concat(paths, tmp_path / "out.h5", missing="null")
    assert_equal(read(tmp_path / "out.h5"), expected)


def test_other_name__alone_stays(tmp_path: Path) -> None:
    paths, _ = open_data(tmp_path)
    concat(paths[1], tmp_path / "out.h5")
    assert "g4_pdg" in read(tmp_path / "out.h5")["particle_table"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_other_name__appended_with_its_chunks_and_attributes(tmp_path: Path, order: tuple[int, int]) -> None:
    paths, _ = open_data(tmp_path)
    with h5py.File(paths[1], "r+") as file:
        file["particle_table/g4_pdg"].attrs["unit"] = "PDG"
    first, second = (paths[number] for number in order)
    values = [
        read(path)["particle_table"][name] for path, name in zip(paths, ("type", "g4_pdg"), strict=True)
    ]
    concat(first, tmp_path / "out.h5", chunk_rows=2, gzip=3)
    concat(second, tmp_path / "out.h5", append=True, missing="null")
    with h5py.File(tmp_path / "out.h5") as file:
        column = file["particle_table/type"]
        assert (column.chunks, column.compression_opts) == ((2, 1), 3)
        assert column[()].tolist() == np.concatenate([values[number] for number in order]).tolist()
        assert dict(column.attrs) == ({"unit": "PDG"} if order == (1, 0) else {})


def test_other_name__beside_the_schemas_in_one_file_is_another_column(tmp_path: Path) -> None:
    paths, _ = open_data(tmp_path)
    with h5py.File(paths[0], "r+") as file:
        file["particle_table/g4_pdg"] = file["particle_table/type"][()] + 1
    with pytest.raises(InputError, match=r"differ in 1 place: particle_table/type is missing in \S*b\.h5"):
        concat(paths, tmp_path / "out.h5")
