"""Kernels over bytes, compiled and as plain Python, against NumPy and dictionaries."""

from io import BytesIO
from types import ModuleType, SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numl_polars.tables import byte_kernels
from numl_polars.tables.strings import Categories

KERNELS = (
    "unshuffle", "expand_lzf", "fletcher32",
    "objects_of", "find_objects", "place_entries", "encode_values", "place_values",
)  # fmt: skip
PLAIN = SimpleNamespace(**{name: getattr(byte_kernels, name).py_func for name in KERNELS})
RUNS = pytest.mark.parametrize("run", [byte_kernels, PLAIN], ids=["compiled", "python"])
Run = ModuleType | SimpleNamespace


@RUNS
@given(number=st.integers(0, 40), size=st.sampled_from([1, 2, 3, 4, 8, 64]), rest=st.integers(0, 3))
def test_unshuffle__equals_a_transpose(run: Run, number: int, size: int, rest: int) -> None:
    elements = np.random.default_rng(number).integers(0, 256, number * size, dtype=np.uint8)
    tail = np.arange(rest % size, dtype=np.uint8)
    shuffled = np.concatenate([elements.reshape(number, size).T.reshape(-1), tail])
    assert np.array_equal(run.unshuffle(shuffled, size), np.concatenate([elements, tail]))


@RUNS
@given(
    parts=st.lists(st.tuples(st.binary(min_size=1, max_size=6), st.integers(1, 400)), min_size=1, max_size=8)
)
def test_expand_lzf__is_what_hdf5_packed(run: Run, parts: list[tuple[bytes, int]]) -> None:
    plain = b"".join(part * times for part, times in parts)
    with h5py.File(BytesIO(), "w") as file:
        values = np.frombuffer(plain, np.uint8)
        dataset = file.create_dataset("v", data=values, chunks=values.shape, compression="lzf")
        skipped, packed = dataset.id.read_direct_chunk((0,))
    if not skipped:
        packed = np.frombuffer(packed, np.uint8)
        assert run.expand_lzf(packed, len(plain)).tobytes() == plain
        # never more than there is room for
        assert run.expand_lzf(packed, len(plain) - 1).size == 0
        assert run.expand_lzf(packed[:-1], len(plain)).size < len(plain)


@RUNS
@given(values=st.binary(min_size=1, max_size=40), times=st.sampled_from([1, 2, 17, 18, 19, 100]))
def test_fletcher32__is_what_hdf5_writes(run: Run, values: bytes, times: int) -> None:
    plain = np.frombuffer(values * times, np.uint8)
    with h5py.File(BytesIO(), "w") as file:
        dataset = file.create_dataset("v", data=plain, chunks=plain.shape, fletcher32=True)
        _, stored = dataset.id.read_direct_chunk((0,))
    assert int(run.fletcher32(plain)).to_bytes(4, "little") == stored[-4:]


@RUNS
@given(packed=st.binary(max_size=60), room=st.integers(0, 300))
def test_expand_lzf__of_anything_stays_within_its_room(run: Run, packed: bytes, room: int) -> None:
    assert run.expand_lzf(np.frombuffer(packed, np.uint8), room).size <= room


@RUNS
@given(
    values=st.lists(st.binary(max_size=20), max_size=30),
    terminated=st.booleans(),
    padding=st.integers(0, 9),
)
def test_encode_values__equals_a_dictionary(
    run: Run, values: list[bytes], terminated: bool, padding: int
) -> None:
    room = [value + b"\0" * (-len(value) % 8) for value in values]
    words = np.frombuffer(b"".join(room), np.int64)
    sizes = np.array([len(value) for value in values], np.int64)
    places = np.concatenate([[0], np.cumsum((sizes + 7) // 8)])[: len(values)].astype(np.int64)
    if not terminated:
        # a value without end is padded by nulls to whole words
        sizes = (sizes + 7) // 8 * 8
    with pytest.MonkeyPatch.context() as patch, np.errstate(over="ignore"):
        for name in ("encode_values", "place_entries"):
            patch.setattr(byte_kernels, name, getattr(run, name))
        categories = Categories()
        categories._hashes, categories._bounds = np.empty(1, np.int64), np.zeros(2, np.int64)
        categories._words, categories._slots = np.empty(1, np.int64), np.full(2, -1, np.int64)
        codes = categories.encode(words, places, sizes, terminated=terminated)
    texts = [value.partition(b"\0")[0] if terminated else value.rstrip(b"\0") for value in values]
    seen: dict[bytes, int] = {}
    assert codes.tolist() == [seen.setdefault(text, len(seen)) for text in texts]
    assert categories.texts.to_pylist() == [text.decode("utf-8", "backslashreplace") for text in seen]


def collection(objects: dict[int, bytes], words: int) -> Any:
    """A heap collection of that many words, as int64."""
    content = b"GCOL\1\0\0\0" + (8 * words).to_bytes(8, "little")
    for number, value in objects.items():
        content += number.to_bytes(2, "little") + bytes(6) + len(value).to_bytes(8, "little")
        content += value + b"\xff" * (-len(value) % 8)
    return np.frombuffer(content.ljust(8 * words, b"\0"), np.int64)


@RUNS
@given(
    heaps=st.lists(
        st.dictionaries(st.integers(1, 20), st.binary(min_size=1, max_size=20), max_size=6), max_size=3
    ),
    asked=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 25), st.integers(0, 21)), max_size=8),
)
def test_find_objects__equals_a_dictionary(
    run: Run, heaps: list[dict[int, bytes]], asked: list[tuple[int, int, int]]
) -> None:
    asked = [one for one in asked if one[0] < len(heaps)]
    words = np.concatenate([np.empty(0, np.int64), *(collection(heap, 64) for heap in heaps)])
    starts = np.arange(len(heaps), dtype=np.int64) * 64
    which, numbers, sizes = (np.array([one[i] for one in asked], np.int64) for i in range(3))
    places = np.zeros(len(asked), np.int64)
    table = run.objects_of(words, starts, starts + 64)
    wrong = run.find_objects(words, starts, starts + 64, table, which, numbers, sizes, places)
    there = [size == 0 or len(heaps[heap].get(number, b"")) == size for heap, number, size in asked]
    assert wrong == (there.index(False) if False in there else -1)
    for (heap, number, size), place in zip(asked, places[: wrong if wrong >= 0 else None], strict=False):
        if size:
            assert words[place:].tobytes()[:size] == heaps[heap][number][:size]


@RUNS
def test_objects_of__ends_where_a_collection_is_damaged(run: Run) -> None:
    words = collection({1: b"one", 2: b"two"}, 16).copy()
    words[6] = 1 << 40
    starts, stops = np.zeros(1, np.int64), np.full(1, 16, np.int64)
    assert run.objects_of(words, starts, stops).tolist()[:3] == [0, 2, 0]


@RUNS
@given(values=st.lists(st.binary(max_size=20), max_size=12), length=st.integers(1, 20))
def test_place_values__equals_padding(run: Run, values: list[bytes], length: int) -> None:
    sizes = np.array([len(value) for value in values], np.int64)
    # what stands behind a value is not nulls
    padded = [value + b"\xff" * (-len(value) % 8) for value in values]
    places = np.cumsum([0, *(len(value) // 8 for value in padded)], dtype=np.int64)[:-1]
    words = np.frombuffer(b"".join(padded) + bytes(8), np.int64)
    texts = [value.partition(b"\0")[0] for value in values]
    width = -(-length // 8)
    rows = np.zeros(len(values) * width, np.int64)
    with np.errstate(over="ignore"):
        wrong = run.place_values(words, places, sizes, length, rows)
    assert wrong == next((row for row, text in enumerate(texts) if len(text) > length), -1)
    if wrong < 0:
        room = rows.tobytes()
        found = [room[8 * width * row : 8 * width * (row + 1)] for row in range(len(values))]
        assert found == [text.ljust(8 * width, b"\0") for text in texts]
