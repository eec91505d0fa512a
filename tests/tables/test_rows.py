"""Rows read past HDF5 against those that h5py reads, over every storage; and what is left to HDF5."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numl_polars import EventFile, InputError, jobs
from numl_polars.tables.chunks import ChunkedRows, ContiguousRows
from numl_polars.tables.filters import Filters
from numl_polars.tables.opened import OpenedFile
from numl_polars.tables.raw_file import RawFile
from numl_polars.tables.rows import DatasetRows, Reading, run_readings
from numl_polars.tables.store import StoredTable
from tests.wrong_chunks import WRONG, store_wrong_chunk

LEVELS = st.sampled_from([None, 0, 1, 6, 9])


@contextmanager
def opened(path: Path, name: str = "t/v") -> Iterator[DatasetRows]:
    with h5py.File(path, "r", locking=False) as file:
        raw = RawFile(file)
        yield DatasetRows(file[name], raw)
        raw.close()


def read(rows: DatasetRows, start: int, stop: int) -> Any:
    reading = Reading(rows, start, stop)
    run_readings([reading])
    block = reading.block()
    if not rows.is_string:
        return block
    return np.array(reading.categories.array(block.reshape(-1)).to_pylist(), object).reshape(block.shape)


def make(path: Path, data: Any, *, userblock: int = 0, **storage: Any) -> Path:
    with h5py.File(path, "w", userblock_size=userblock) as file:
        file.create_dataset("t/v", data=data, **storage)
    return path


@st.composite
def stored(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, Any]]:
    """Numbers and how to store them."""
    dtype = draw(st.sampled_from(["i1", "<i2", ">i4", "<f4", ">f8", "<i8", "<u2", "?"]))
    rows, width = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    shape = (rows,) if width == 1 and draw(st.booleans()) else (rows, width)
    seed = draw(st.integers(0, 100))
    values = np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)
    if draw(st.booleans()):
        return values, {"userblock": draw(st.sampled_from([0, 512]))}
    level, shuffle = draw(LEVELS), draw(st.booleans())
    chunk = tuple(draw(st.integers(1, size)) for size in shape)
    compression = {} if level is None else {"compression": "gzip", "compression_opts": level}
    return values, {
        "chunks": chunk,
        "shuffle": shuffle,
        **compression,
        "userblock": draw(st.sampled_from([0, 512])),
    }


@given(
    case=stored(), bounds=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=6)
)
def test_read__numbers_are_those_that_h5py_reads(
    tmp_path_factory: pytest.TempPathFactory,
    case: tuple[np.ndarray, dict[str, Any]],
    bounds: list[tuple[int, int]],
) -> None:
    values, storage = case
    path = make(tmp_path_factory.mktemp("n") / "n.h5", values, **storage)
    with opened(path) as rows:
        assert isinstance(rows.raw, ChunkedRows if "chunks" in storage else ContiguousRows)
        for bound in bounds:
            start, stop = sorted(min(end, len(values)) for end in bound)
            found = read(rows, start, stop)
            assert found.dtype == values.dtype.newbyteorder("=")
            assert np.array_equal(found, values.reshape(len(values), -1)[start:stop])


TEXTS = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
    min_size=1,
    max_size=40,
)


@given(
    texts=TEXTS,
    chunk=st.integers(0, 40),
    shuffle=st.booleans(),
    userblock=st.sampled_from([0, 512]),
    width=st.sampled_from([None, 48, 52]),
)
def test_read__strings_are_those_that_h5py_reads(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    chunk: int,
    shuffle: bool,
    userblock: int,
    width: int | None,
) -> None:
    storage: dict[str, Any] = {"dtype": h5py.string_dtype("utf-8", width), "userblock": userblock}
    if chunk:
        storage |= {"chunks": (min(chunk, len(texts)), 1), "compression": "gzip", "shuffle": shuffle}
    data = np.array([text.encode() for text in texts], object).reshape(-1, 1)
    if width is not None:
        data = data.astype(storage["dtype"])
    path = make(tmp_path_factory.mktemp("s") / "s.h5", data, **storage)
    with opened(path) as rows:
        assert rows.raw is not None
        start = len(texts) // 3
        assert read(rows, 0, len(texts))[:, 0].tolist() == texts
        assert read(rows, start, len(texts))[:, 0].tolist() == rows.dataset.asstr()[start:, 0].tolist()


@pytest.mark.parametrize("variable", [True, False])
def test_read__many_and_long_strings(tmp_path: Path, variable: bool) -> None:
    texts = [f"value {number}" * (1 + 40 * (number % 97 == 0)) for number in range(3000)] + [
        "x" * 70_000,
        "",
        "é",
    ]
    expected = [text for text in texts if variable or len(text) < 500]
    dtype = h5py.string_dtype("utf-8", None if variable else 504)
    data = np.array([text.encode() for text in expected], object).astype(object if variable else dtype)
    make(tmp_path / "s.h5", data, dtype=dtype, chunks=(64,), compression="gzip")
    with opened(tmp_path / "s.h5") as rows:
        assert read(rows, 0, len(expected))[:, 0].tolist() == expected


def test_read__unset_variable_strings_are_empty(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        for name, storage in (("chunked", {"chunks": (4,)}), ("plain", {})):
            file.create_dataset(name, (10,), h5py.string_dtype(), **storage)
            file[name][5] = "set"
    for name in ("chunked", "plain"):
        with opened(tmp_path / "s.h5", name) as rows:
            assert read(rows, 0, 10)[:, 0].tolist() == [""] * 5 + ["set"] + [""] * 4


@pytest.mark.parametrize("padding", ["STR_NULLTERM", "STR_NULLPAD", "STR_SPACEPAD"])
def test_read__paddings_of_fixed_strings(tmp_path: Path, padding: str) -> None:
    texts = np.array([b"ab", b"", b"abcdefghij", b"abcdefgh", b"abcdefg"], "S10")
    with h5py.File(tmp_path / "s.h5", "w") as file:
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(10)
        kind.set_strpad(getattr(h5py.h5t, padding))
        dataset = h5py.h5d.create(file.create_group("t").id, b"v", kind, h5py.h5s.create_simple((5,)))
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, texts)
        expected = [value.decode() for value in h5py.Dataset(dataset)[:].tolist()]
    with opened(tmp_path / "s.h5") as rows:
        assert (rows.raw is None) == (padding == "STR_SPACEPAD")
        assert read(rows, 0, 5)[:, 0].tolist() == expected


def test_read__what_stands_behind_a_terminator_is_no_text(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(12)
        dataset = h5py.h5d.create(file.create_group("t").id, b"v", kind, h5py.h5s.create_simple((2,)))
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([b"ab\0rubbish!!", b"abcdefgh\0xyz"], "S12"), kind)
    with opened(tmp_path / "s.h5") as rows:
        assert read(rows, 0, 2)[:, 0].tolist() == ["ab", "abcdefgh"]


@pytest.mark.parametrize(
    "storage",
    [
        {"scaleoffset": 0},
        {"scaleoffset": 0, "shuffle": True},
    ],
    ids=str,
)
def test_read__other_filters_are_left_to_hdf5(tmp_path: Path, storage: dict[str, Any]) -> None:
    values = np.arange(100, dtype=np.int32)
    with opened(make(tmp_path / "f.h5", values, chunks=(16,), **storage)) as rows:
        assert rows.raw is None
        assert read(rows, 3, 70)[:, 0].tolist() == list(range(3, 70))


@pytest.mark.parametrize(
    "storage",
    [
        {"compression": "lzf"},
        {"compression": "lzf", "shuffle": True},
        {"fletcher32": True},
        {"compression": "gzip", "fletcher32": True},
        {"compression": "lzf", "shuffle": True, "fletcher32": True},
    ],
    ids=str,
)
def test_read__lzf_and_checksums(tmp_path: Path, storage: dict[str, Any]) -> None:
    # some repeat near and far, some not at all, which the filter leaves as they are
    parts = [
        np.arange(600) % 7,
        np.arange(600) // 30,
        np.random.default_rng(1).integers(-(2**31), 2**31, 600),
    ]
    values = np.concatenate([*parts, np.zeros(100)]).astype(np.int32)
    path = make(tmp_path / "l.h5", values, chunks=(600,), **storage)
    with opened(path) as rows:
        assert rows.raw is not None
        assert np.array_equal(read(rows, 0, 1900)[:, 0], values)
    with h5py.File(path, "r+") as file:
        mask, whole = file["t/v"].id.read_direct_chunk((600,))
    changed = bytes([whole[0] ^ 1]) + whole[1:] if "fletcher32" in storage else whole[:-2]
    for stored in (whole[:-1], changed, whole[:3]):
        with h5py.File(path, "r+") as file:
            file["t/v"].id.write_direct_chunk((600,), stored, filter_mask=mask)
        with opened(path) as rows, pytest.raises(OSError, match=r"chunk of rows \[600, 1200\)"):
            read(rows, 0, 1900)


def test_read__other_storage_is_left_to_hdf5(tmp_path: Path) -> None:
    values = np.arange(20, dtype=np.int32)
    np.arange(20, dtype=np.int32).tofile(tmp_path / "outside.bin")
    make(tmp_path / "source.h5", values)
    with h5py.File(tmp_path / "o.h5", "w") as file:
        file.create_dataset("external", (20,), "i4", external=[(str(tmp_path / "outside.bin"), 0, 80)])
        virtual = h5py.VirtualLayout((20,), "i4")
        virtual[:] = h5py.VirtualSource(str(tmp_path / "source.h5"), "t/v", (20,))
        file.create_virtual_dataset("virtual", virtual)
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((20,))
        compact = h5py.h5d.create(file.id, b"compact", h5py.h5t.STD_I32LE, space, creation)
        compact.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
        narrow = h5py.h5t.STD_I32LE.copy()
        narrow.set_precision(24)
        narrow.set_offset(8)
        odd = h5py.h5d.create(file.id, b"odd", narrow, space)
        odd.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
    for name in ("external", "virtual", "compact", "odd"):
        with opened(tmp_path / "o.h5", name) as rows:
            assert rows.raw is None, name
            assert read(rows, 2, 20)[:, 0].tolist() == list(range(2, 20)), name


def test_read__chunks_that_were_not_written_have_the_fill_value(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        dataset = file.create_dataset("t/v", (20, 3), "i4", chunks=(4, 1), fillvalue=7, compression="gzip")
        dataset[4:8, 1] = 1
        expected = dataset[:]
    with opened(tmp_path / "f.h5") as rows:
        assert np.array_equal(read(rows, 0, 20), expected)
        assert np.array_equal(read(rows, 5, 6), expected[5:6])


@pytest.mark.parametrize("skipped", [0, 1, 2, 3])
def test_read__filters_that_a_chunk_skipped(tmp_path: Path, skipped: int) -> None:
    values = np.arange(16, dtype=np.int32)
    path = make(tmp_path / "m.h5", values, chunks=(8,), shuffle=True, compression="gzip")
    with h5py.File(path, "a") as file:
        chunk = values[8:].view(np.uint8)
        stored = chunk if skipped & 1 else chunk.reshape(8, 4).T.copy().reshape(-1)
        content = stored.tobytes() if skipped & 2 else zlib.compress(stored.tobytes())
        file["t/v"].id.write_direct_chunk((8,), content, filter_mask=skipped)
    with opened(path) as rows:
        assert read(rows, 0, 16)[:, 0].tolist() == list(range(16))


@pytest.mark.parametrize("fault", ["bits", "short", "long"])
def test_read__damaged_chunk_names_file_table_column_and_rows(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "d.h5"
    with h5py.File(path, "w") as file:
        file["event_table/event_id"] = np.array([[1, 2, 3]], np.int32)
        file["hit_table/event_id.seq"] = np.zeros((40, 1), np.int64)
        values = np.random.default_rng(0).integers(0, 1000, (40, 1)).astype(np.int32)
        dataset = file.create_dataset("hit_table/rms", data=values, chunks=(10, 1), compression="gzip")
        whole = zlib.compress(values[20:30].tobytes())
        bad = {
            "bits": whole[:8] + b"\xff\xff\xff\xff" + whole[12:],
            "short": zlib.compress(values[20:25].tobytes())[:-6],
            "long": b"no deflate at all",
        }[fault]
        dataset.id.write_direct_chunk((20, 0), bad)
    with EventFile(path) as events:
        with pytest.raises(
            InputError,
            match=r"hit_table of .*d\.h5: column 'rms' rows \[0, 40\) cannot be read.*chunk of rows \[20, 30\)",  # noqa: E501
        ):
            events[0]["hit_table"]
        table = events._storage.table("hit_table")
        assert table.read(["rms"], 0, 20)["rms"].to_pylist() == values[:20, 0].tolist()


SPACED = h5py.h5t.C_S1.copy()
SPACED.set_size(4)
SPACED.set_strpad(h5py.h5t.STR_SPACEPAD)
ODD = h5py.h5t.STD_I32LE.copy()
ODD.set_precision(24)
STORED_TYPES = {
    "numbers": h5py.h5t.STD_I32LE,
    "odd numbers": ODD,
    "strings": h5py.h5t.py_create(np.dtype("S4")),
    "strings with spaces": SPACED,
    "variable strings": h5py.h5t.py_create(h5py.string_dtype(), logical=True),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", STORED_TYPES)
def test_read__chunk_of_the_wrong_length_is_not_believed(tmp_path: Path, name: str, wrong: str) -> None:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((10, 1))
    creation.set_deflate(6)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        group = file.create_group("t").id
        space = h5py.h5s.create_simple((40, 2))
        dataset = h5py.Dataset(h5py.h5d.create(group, b"v", STORED_TYPES[name], space, creation))
        value, kind = (b"a", object if "variable" in name else "S4") if "string" in name else (1, "i4")
        dataset[...] = np.full((40, 2), value, kind)
        store_wrong_chunk(dataset, 20, wrong)
    with opened(tmp_path / "w.h5") as rows:
        assert read(rows, 0, 20).tolist() == [["a" if rows.is_string else 1] * 2] * 20
        for start in (0, 25):
            with pytest.raises(OSError, match=r"chunk of rows \[20, 30\)"):
                read(rows, start, 40)


@pytest.mark.parametrize("wrong", WRONG)
def test_read_rows__chunk_of_the_wrong_length_is_not_believed(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        for table, rows in (("event_table", 4), ("hit_table", 40)):
            values = np.repeat(np.arange(rows), 3).reshape(-1, 3).astype("i4")
            file.create_dataset(f"{table}/event_id", data=values, chunks=(2, 3), compression="gzip")
            store_wrong_chunk(file[f"{table}/event_id"], 2, wrong)
    with OpenedFile(path) as events:
        with pytest.raises(InputError, match=r"event_table of .*'event_id' cannot be read: chunk of rows"):
            events.read_ids()
        hits = events.tables["hit_table"]
        assert hits.read_rows("event_id", 0, 2).tolist() == [[0] * 3, [1] * 3]
        with pytest.raises(OSError, match=r"chunk of rows \[2, 4\)"):
            hits.read_ids(0, 5)


@pytest.mark.parametrize("where", ["twice", "between", "beyond"])
def test_read__chunk_that_is_listed_where_none_can_be(tmp_path: Path, where: str) -> None:
    path = make(tmp_path / "l.h5", np.arange(30, dtype="i4"), chunks=(10,), maxshape=(None,), compression=1)
    content = path.read_bytes()
    # keys of the list: bytes of a chunk, skipped filters, first row
    first, second = (content.find(b"\0" * 4 + struct.pack("<QQ", row, 0)) for row in (10, 20))
    assert first > 0
    assert second > 0
    row = {"twice": 10, "between": 15, "beyond": 50}[where]
    place = second + 4
    path.write_bytes(content[:place] + struct.pack("<Q", row) + content[place + 8 :])
    with opened(path) as rows, pytest.raises(OSError, match="listed"):
        read(rows, 0, 30)


def test_read__damaged_heap(tmp_path: Path) -> None:
    path = make(tmp_path / "h.h5", np.array(["one", "two"] * 10, object), dtype=h5py.string_dtype())
    content = path.read_bytes()
    path.write_bytes(content.replace(b"GCOL", b"LOCG"))
    with opened(path) as rows, pytest.raises(OSError, match="no heap collection"):
        read(rows, 0, 20)


@pytest.mark.parametrize(
    ("place", "content"),
    [
        (0, struct.pack("<I", 1)),
        (0, struct.pack("<I", 2**31)),
        (4, struct.pack("<Q", 8)),
        (4, struct.pack("<Q", 1 << 62)),
        (4, struct.pack("<Q", (1 << 64) - 8)),
        (12, struct.pack("<I", 999)),
        (12, struct.pack("<I", 0xFFFFFFFF)),
    ],
)
def test_read__reference_to_no_string(tmp_path: Path, place: int, content: bytes) -> None:
    path = make(tmp_path / "h.h5", np.array(["one", "three"] * 10, object), dtype=h5py.string_dtype())
    with h5py.File(path) as file:
        place += file["t/v"].id.get_offset() + 5 * 16
    data = bytearray(path.read_bytes())
    data[place : place + len(content)] = content
    path.write_bytes(data)
    with opened(path) as rows, pytest.raises(OSError, match="heap collection"):
        read(rows, 0, 20)


def test_read__far_heaps_are_read_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numl_polars.tables.heap._MOST_BYTES", 100_000)
    texts = [f"{number} " * 800 for number in range(100)]
    make(tmp_path / "h.h5", np.array(texts, object), dtype=h5py.string_dtype())
    with opened(tmp_path / "h.h5") as rows:
        assert read(rows, 0, 100)[:, 0].tolist() == texts
        monkeypatch.setattr("numl_polars.tables.heap._MOST_BYTES", 1000)
        with pytest.raises(OSError, match=r"heap collections of \d+ bytes"):
            read(rows, 0, 100)


def test_read__on_threads_equals_inline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "num_cores", lambda: 3)
    values = np.random.default_rng(0).integers(0, 9, (400_000, 2)).astype(np.int32)
    path = make(tmp_path / "t.h5", values, chunks=(50_000, 1), compression="gzip", shuffle=True)
    with opened(path) as rows:
        assert np.array_equal(read(rows, 0, 400_000), values)
        assert np.array_equal(read(rows, 70_000, 390_000), values[70_000:390_000])


def test_run_jobs__fault_of_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "num_cores", lambda: 3)

    def fail() -> None:
        raise ValueError("of a job")

    with pytest.raises(ValueError, match="of a job"):
        jobs.run_jobs([fail, fail, fail])


@pytest.fixture
def inflated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry a chunk that was decoded."""
    seen: list[int] = []
    original = Filters.decode

    def spy(self: Filters, stored: Any, skipped: int, num_bytes: int) -> Any:
        seen.append(num_bytes)
        return original(self, stored, skipped, num_bytes)

    monkeypatch.setattr(Filters, "decode", spy)
    return seen


@pytest.mark.parametrize("string", [False, True])
def test_read__going_on_inflates_each_chunk_once(tmp_path: Path, inflated: list[int], string: bool) -> None:
    values = np.arange(100).astype("S3" if string else "i4")
    with opened(make(tmp_path / "c.h5", values, chunks=(16,), compression="gzip")) as rows:
        for start in range(0, 100, 5):
            read(rows, start, start + 5)
        assert len(inflated) == 7
        assert rows._file is not None
        assert rows._file.kept.get((rows, rows.categories, 0)) is None


def test_read__coming_back_finds_the_chunk_within_the_budget(tmp_path: Path, inflated: list[int]) -> None:
    values = np.arange(100, dtype=np.int32)
    with opened(make(tmp_path / "c.h5", values, chunks=(16,), compression="gzip")) as rows:
        for start in (90, 3, 50, 92, 1, 51):
            assert read(rows, start, start + 2)[:, 0].tolist() == [start, start + 1]
        assert len(inflated) == 3
        assert rows._file is not None
        rows._file.kept.clear()
        rows._file.kept._budget = 0
        for start in (90, 3, 50):
            read(rows, start, start + 2)
        assert len(inflated) == 6


def test_read__codes_of_chunks_that_were_kept_stay_right_when_categories_begin_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("numl_polars.tables.rows._MOST_CATEGORIES", 10)
    values = np.arange(100).astype("S3")
    with opened(make(tmp_path / "c.h5", values, chunks=(16,), compression="gzip")) as rows:
        for start in (90, 0, 50, 60, 0, 92, 51):
            assert (
                read(rows, start, start + 5)[:, 0].tolist() == values[start : start + 5].astype(str).tolist()
            )


def test_read__a_closed_file_is_not_another_file(tmp_path: Path) -> None:
    path = make(tmp_path / "c.h5", np.arange(10))
    with opened(path) as rows:
        assert rows.raw is not None
        assert rows._file is not None
        rows._file.close()
        with (tmp_path / "other").open("wb+"):
            rows.dataset.file.close()
            with pytest.raises(OSError, match=r"."):
                read(rows, 0, 10)


def test_chunks(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["event_table/event_id"] = np.zeros((1, 3), np.int32)
        file.create_dataset("hit_table/a", data=np.zeros((100, 1), "f4"), chunks=(20, 1))
        file.create_dataset("hit_table/b", data=np.zeros((100, 1), "f8"), chunks=(20, 1))
        file.create_dataset("hit_table/c", data=np.zeros((100, 3), "i1"), chunks=(10, 3))
        file["edep_table/e"] = np.zeros((5, 1))
    with EventFile(tmp_path / "c.h5") as events:
        assert events.chunks("hit_table", ["a", "b"]) == {20: 40}
        assert events.chunks("hit_table", ["a", "c_0", "c_1"]) == {20: 20, 10: 30}
        assert events.chunks("edep_table", ["e"]) == {}


@pytest.mark.parametrize("userblock_size", [0, 1024])
def test_read_rows__contiguous_dataset_that_was_never_written(tmp_path: Path, userblock_size: int) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=userblock_size) as file:
        file.create_dataset("table/column", (5, 1), "i4")
    with h5py.File(path) as file:
        table = StoredTable(file, "table", "table", RawFile(file))
        assert table.read_rows("column", 0, 5).tolist() == [[0]] * 5
