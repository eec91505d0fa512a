"""Columns: dtypes, storages, sharing of buffers, and files that are wrong."""

from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars import EventFile, InputError
from numl_polars.tables import store
from numl_polars.tables.rows import Reading
from numl_polars.tables.strings import dictionary_array
from tests.builder import join, simple_event, write_events, write_tables


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">i4", ">f8"])
@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("chunked", [False, True])
def test_read__numbers_of_any_kind(tmp_path: Path, dtype: str, ndim: int, chunked: bool) -> None:
    values = np.arange(10).astype(dtype)
    with h5py.File(tmp_path / "n.h5", "w") as file:
        file["event_table/event_id"] = np.array([[1, 2, 3]], np.int32)
        storage = {"chunks": (4,) * ndim, "compression": "gzip", "shuffle": True} if chunked else {}
        shape = (10,) if ndim == 1 else (10, 1)
        if chunked and ndim == 2:
            storage["chunks"] = (4, 1)
        file.create_dataset("t/v", data=values.reshape(shape), **storage)
        file["t/event_id.seq"] = np.zeros((10, 1), np.int64)
    with EventFile(tmp_path / "n.h5") as events:
        column = events.scan("t").select("v").collect()["v"]
    assert column.to_list() == values.tolist()
    assert column.dtype == store.NUMBERS[np.dtype(dtype).kind + str(np.dtype(dtype).itemsize)]


def test_read__frame_shares_the_buffer_that_was_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled: dict[str, int] = {}

    class Spy(Reading):
        def block(self) -> np.ndarray:
            block = super().block()
            filled[self._rows.dataset.name.rpartition("/")[2]] = block.ctypes.data
            return block

    monkeypatch.setattr(store, "Reading", Spy)
    with EventFile(write_events(tmp_path / "e.h5", [simple_event()])) as events:
        frame = events[0].select("hit_table", ["integral", "hit_id"])
        lazy = events.scan("hit_table").select("rms").collect()
    for name in ("integral", "hit_id"):
        assert frame[name].to_numpy(allow_copy=False).ctypes.data == filled[name]
        assert frame[name].to_arrow().buffers()[1].address == filled[name]
    assert lazy["rms"].to_numpy(allow_copy=False).ctypes.data == filled["rms"]


@pytest.mark.parametrize("variable", [False, True])
@pytest.mark.parametrize("chunks", [None, (7, 1)])
def test_read__both_string_storages_become_categories(
    tmp_path: Path, variable: bool, chunks: tuple[int, int] | None
) -> None:
    processes = ["primary", "", "muIoni", "x" * 64, "primary"] * 5
    event = simple_event()
    event["particle_table"]["start_process"] = np.array(processes, "S64")
    event["particle_table"] = {
        name: column if name == "start_process" else np.resize(column, len(processes))
        for name, column in event["particle_table"].items()
    }
    storage = {"chunks": chunks, "compression": "gzip"} if chunks else {}
    tables = {"event_table": join([event])["event_table"]}
    tables["particle_table"] = {"start_process": event["particle_table"]["start_process"]}
    with h5py.File(write_tables(tmp_path / "s.h5", tables, variable_strings=variable), "a") as file:
        del file["particle_table/start_process"]
        rows = event["particle_table"]["start_process"].reshape(-1, 1)
        dtype = h5py.string_dtype("ascii") if variable else "S64"
        data = rows.astype(object) if variable else rows
        file.create_dataset("particle_table/start_process", data=data, dtype=dtype, **storage)
        file["particle_table/event_id.seq"] = np.zeros((len(rows), 1), np.int64)
    with EventFile(tmp_path / "s.h5") as events:
        column = events.scan("particle_table").select("start_process").collect()["start_process"]
    assert column.dtype == pl.Categorical
    assert column.to_list() == processes


def test_read__variable_strings_longer_than_usual_are_not_cut(tmp_path: Path) -> None:
    values = ["a" * 63, "b" * 64, "c" * 65, "d" * 1000]
    with h5py.File(tmp_path / "long.h5", "w") as file:
        file["event_table/event_id"] = np.array([[1, 2, 3]], np.int32)
        file.create_dataset("t/v", data=np.array(values, object).reshape(-1, 1), dtype=h5py.string_dtype())
        file["t/event_id.seq"] = np.zeros((4, 1), np.int64)
    with EventFile(tmp_path / "long.h5") as events:
        assert events.scan("t").collect()["v"].to_list() == values


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=16).map(lambda value: value.rstrip(b"\0")), max_size=40))
def test_dictionary_array__decodes_to_the_values(values: list[bytes]) -> None:
    array = dictionary_array(np.array(values, "S16"))
    assert array.to_pylist() == [value.decode("utf-8", "backslashreplace") for value in values]
    assert len(array.dictionary) == len(set(values))


def test_dictionary_array__equal_hashes_do_not_mix_values(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoHash:
        def integers(self, *_: object, **__: object) -> np.ndarray:
            return np.full(2, 2**63 - 1, np.uint64)

    # multiples that differ only in which word holds what: with equal factors their sums collide
    monkeypatch.setattr(np.random, "default_rng", lambda *_: NoHash())
    values = np.array([b"aaaaaaaabbbbbbbb", b"bbbbbbbbaaaaaaaa"], "S16")
    assert dictionary_array(values).to_pylist() == ["aaaaaaaabbbbbbbb", "bbbbbbbbaaaaaaaa"]


def test_num_rows__columns_of_different_length(tmp_path: Path) -> None:
    tables = join([simple_event()])
    tables["hit_table"]["rms"] = tables["hit_table"]["rms"][:-1]
    with (
        EventFile(write_tables(tmp_path / "e.h5", tables)) as events,
        pytest.raises(InputError, match=r"hit_table of .*differ in length: 1 of 8 .* 75 rows .*rms has 74"),
    ):
        events.scan("hit_table")


def test_require__missing_names_list_what_is_there(tmp_path: Path) -> None:
    with EventFile(write_events(tmp_path / "e.h5", [simple_event()])) as events:
        with pytest.raises(InputError, match=r"hit_table of .*: no column 'nope' \(has .*integral.*\)"):
            events[0].select("hit_table", ["nope"])
        with pytest.raises(InputError, match=r"no table 'nope' \(has .*hit_table"):
            events.scan("nope")


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "cut", "empty"])
def test_open__not_an_event_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "e.h5"
    expected = {
        "missing": "no such file",
        "folder": "is a folder",
        "text": "is not an HDF5 file",
        "cut": "is truncated",
        "empty": "has no event_table",
    }[kind]
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("not HDF5")
    elif kind == "cut":
        write_events(path, [simple_event()])
        path.write_bytes(path.read_bytes()[:-2000])
    elif kind == "empty":
        h5py.File(path, "w").close()
    with pytest.raises(InputError, match=expected):
        EventFile(path)


def test_tables__stray_members_are_listed(tmp_path: Path) -> None:
    path = write_events(tmp_path / "e.h5", [simple_event()])
    with h5py.File(path, "a") as file:
        file["stray"] = np.arange(3)
        file["linked"] = h5py.ExternalLink("gone.h5", "/x")
        file["hit_table/compound"] = np.zeros(75, np.dtype([("a", "i4")]))
    with EventFile(path) as events:
        assert set(events.stray_members) == {"stray", "linked"}
        assert "compound" not in events.columns("hit_table")
        assert "stray" in repr(events)


def test_arrow__no_python_object_for_a_string(tmp_path: Path) -> None:
    with EventFile(write_events(tmp_path / "e.h5", [simple_event()], variable_strings=True)) as events:
        table = events._storage.table("particle_table")
        array = table.read(["start_process"], 0, 1)["start_process"]
    assert isinstance(array, pa.DictionaryArray)
