"""Joined files are the file that one writer would have written, however they are stored."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.errors import InputError, NumlError, OptionError, OutputError
from numl_polars.events.file import EventFileWarning
from numl_polars.tools.concat import concat
from tests.tools.concat.builder import STORAGES, Content, assert_equal, contents, read, write
from tests.wrong_chunks import WRONG, store_wrong_chunk


def three_events(seed: int = 0) -> Content:
    return Content(
        np.array([[3, 2], [0, 1], [4, 0]]), np.array([[1, 0, 5], [1, 0, 6], [1, 1, 7]], np.int32), seed
    )


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two files of three and of no more than three events."""
    content = three_events()
    return write(tmp_path / "a.h5", content.tables(0, 2)), write(tmp_path / "b.h5", content.tables(2))


# ---- the same content


@given(
    content=contents(),
    cuts=st.lists(st.integers(0, 7), max_size=3),
    storages=st.lists(st.sampled_from(STORAGES), min_size=4, max_size=4),
    variable=st.lists(st.booleans(), min_size=4, max_size=4),
    output=st.sampled_from(
        [
            {},
            {"contiguous": True},
            {"chunk_rows": 2},
            {"chunk_rows": 3, "gzip": 0},
            {"gzip": 9},
            {"buffer_bytes": 1},
        ]
    ),
)
@settings(max_examples=35)
def test_concat__of_any_split_is_the_file(
    content: Content,
    cuts: list[int],
    storages: list[dict[str, Any]],
    variable: list[bool],
    output: dict[str, Any],
) -> None:
    number = len(content.ids)
    bounds = [0, *sorted(min(cut, number) for cut in cuts), number]
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = [
            write(folder / f"{place}.h5", content.tables(*pair), storages[place], variable=variable[place])
            for place, pair in enumerate(pairwise(bounds))
        ]
        summary = concat(paths, folder / "out.h5", **output)
        expected = content.tables()
        assert_equal(read(folder / "out.h5"), expected)
        assert summary.num_events == number
        assert summary.num_rows == {table: len(columns["event_id"]) for table, columns in expected.items()}
        assert sorted(path.name for path in folder.iterdir()) == sorted([*(p.name for p in paths), "out.h5"])


@given(content=contents(), cuts=st.tuples(st.integers(0, 7), st.integers(0, 7)), chunk=st.integers(1, 4))
@settings(max_examples=12)
def test_append__in_steps_is_joining_at_once(content: Content, cuts: tuple[int, int], chunk: int) -> None:
    number = len(content.ids)
    bounds = [0, *sorted(min(cut, number) for cut in cuts), number]
    with TemporaryDirectory() as name:
        folder = Path(name)
        for place, pair in enumerate(pairwise(bounds)):
            path = write(folder / f"{place}.h5", content.tables(*pair))
            concat(path, folder / "out.h5", append=True, chunk_rows=chunk)
        assert_equal(read(folder / "out.h5"), content.tables())


def test_concat__strings_of_either_storage(tmp_path: Path) -> None:
    content = three_events()
    fixed = write(tmp_path / "a.h5", content.tables(0, 1))
    variable = write(tmp_path / "b.h5", content.tables(1), variable=True, storage={"chunks": 2})
    concat([fixed, variable], tmp_path / "variable.h5", strings="variable")
    concat([variable], tmp_path / "kept.h5", strings="keep")
    for name, first in (("variable.h5", 0), ("kept.h5", 1)):
        with h5py.File(tmp_path / name) as file:
            dataset = file["particles/process"]
            assert h5py.check_string_dtype(dataset.dtype) == ("utf-8", None)
            expected = content.tables(first)["particles"]["process"]
            assert dataset[()].tolist() == expected.tolist()
    with pytest.raises(
        InputError, match=r"particles/process has variable strings in .*b\.h5 and fixed ones in"
    ):
        concat([fixed, variable], tmp_path / "mixed.h5", strings="keep")


def test_concat__long_strings_are_refused_never_cut(tmp_path: Path) -> None:
    tables = three_events().tables()
    tables["particles"]["process"] = np.array([[b"a"], [b"b" * 65], [b"c"]], "S65")
    variable = write(tmp_path / "a.h5", tables, variable=True)
    with pytest.raises(
        InputError, match=r"particles/process of .*a\.h5: the string of row 1 has 65 bytes.* for 64"
    ):
        concat(variable, tmp_path / "out.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    concat(variable, tmp_path / "out.h5", string_bytes=65)
    assert_equal(read(tmp_path / "out.h5"), tables)
    # fixed ones take the room that the widest needs
    narrow = write(tmp_path / "b.h5", three_events().tables())
    concat([narrow, write(tmp_path / "c.h5", tables)], tmp_path / "wide.h5")
    assert read(tmp_path / "wide.h5")["particles"]["process"].dtype == "S65"


@pytest.mark.parametrize("padding", [h5py.h5t.STR_SPACEPAD, h5py.h5t.STR_NULLTERM])
def test_concat__strings_of_other_padding(tmp_path: Path, padding: int) -> None:
    content = three_events()
    path = write(tmp_path / "a.h5", content.tables())
    other = write(tmp_path / "b.h5", content.tables())
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(66)
    kind.set_strpad(padding)
    with h5py.File(other, "r+") as file:
        values = file["particles/process"][()]
        del file["particles/process"]
        space = h5py.h5s.create_simple(values.shape)
        dataset = h5py.h5d.create(file["particles"].id, b"process", kind, space)
        h5py.Dataset(dataset)[...] = values.astype("S66")
        expected = file["particles/process"][()].tolist()
    concat([path, other], tmp_path / "out.h5")
    assert read(tmp_path / "out.h5")["particles"]["process"].tolist() == values.tolist() + expected


def test_concat__repeated_events_are_different_events(tmp_path: Path) -> None:
    content = three_events()
    paths = [write(tmp_path / f"{name}.h5", content.tables()) for name in "ab"]
    concat(paths, tmp_path / "out.h5")
    found = read(tmp_path / "out.h5")
    assert found["hits"]["event_id.seq_cnt"].tolist() == [[0, 3], [2, 4], [3, 3], [5, 4]]
    assert found["event_table"]["event_id"].tolist() == 2 * content.ids.tolist()


@pytest.mark.parametrize(
    ("keys", "names"),
    [("both", {".seq", ".seq_cnt"}), ("seq", {".seq"}), ("seq-cnt", {".seq_cnt"}), ("none", set())],
)
def test_concat__makes_the_keys_that_are_wanted(tmp_path: Path, keys: str, names: set[str]) -> None:
    concat(write(tmp_path / "a.h5", three_events().tables()), tmp_path / "out.h5", keys=keys)
    columns = read(tmp_path / "out.h5")["hits"]
    assert {name for name in columns if "." in name} == {f"event_id{name}" for name in names}


def test_concat__stale_keys_are_made_anew(tmp_path: Path) -> None:
    tables = three_events().tables()
    tables["hits"]["event_id.seq_cnt"] = np.array([[0, 1], [1, 6]], np.int64)
    tables["hits"]["event_id.seq"] = np.zeros((7, 1), np.int64)
    path = write(tmp_path / "a.h5", tables)
    with pytest.warns(EventFileWarning, match=r"2 keys were wrong, and are made anew: hits of .*a\.h5"):
        concat(path, tmp_path / "out.h5")
    assert_equal(read(tmp_path / "out.h5"), three_events().tables())


def test_concat__storage_is_that_of_merged_files(tmp_path: Path) -> None:
    concat(write(tmp_path / "a.h5", three_events().tables()), tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        wire, seq = file["hits/wire"], file["hits/event_id.seq"]
        assert (wire.chunks, wire.maxshape, wire.compression_opts) == ((7, 1), (None, 1), 6)
        assert (seq.chunks, seq.maxshape, seq.dtype) == ((7, 1), (None, 1), np.int64)
    concat(tmp_path / "a.h5", tmp_path / "two.h5", chunk_rows=2, gzip=1)
    concat(tmp_path / "a.h5", tmp_path / "plain.h5", contiguous=True)
    with h5py.File(tmp_path / "two.h5") as file:
        assert (file["hits/where"].chunks, file["hits/where"].compression_opts) == ((2, 3), 1)
    with h5py.File(tmp_path / "plain.h5") as file:
        assert file["hits/where"].chunks is None


def test_append__keeps_the_storage_of_the_output(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", three_events().tables())
    # the other key has one chunk only
    columns = [name for name in three_events().tables()["hits"] if name != "event_id.seq_cnt"]
    for name, options in (("two.h5", {"chunk_rows": 2, "gzip": 1}), ("plain.h5", {"contiguous": True})):
        concat(path, tmp_path / name, **options)
        with h5py.File(tmp_path / name) as file:
            before = {column: file["hits"][column].chunks for column in columns}
        concat(path, tmp_path / name, append=True)
        with h5py.File(tmp_path / name) as file:
            assert {column: file["hits"][column].chunks for column in columns} == before
            assert file["hits/wire"].compression_opts == options.get("gzip")
            assert len(file["hits/wire"]) == 14


def test_concat__attributes_are_those_of_the_first_file(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    for place, path in enumerate(pair):
        with h5py.File(path, "r+") as file:
            file.attrs["gen"] = np.array([place], np.int32)
            file["hits"].attrs["note"] = f"of {place}"
            file["hits/wire"].attrs["unit"] = "none" if place else h5py.Empty("f4")
    concat(pair, tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        assert (file.attrs["gen"].dtype, file.attrs["gen"].tolist()) == (np.int32, [0])
        assert file["hits"].attrs["note"] == "of 0"
        assert file["hits/wire"].attrs["unit"] == h5py.Empty("f4")


def test_concat__what_is_no_table_is_left_out_and_told(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    for path in pair:
        with h5py.File(path, "r+") as file:
            file["version"] = 3
            file["hits/more/x"] = [1, 2]
    with pytest.warns(EventFileWarning, match=r"left out.*: version of .*a\.h5 and 1 more, and 1 more"):
        concat(pair, tmp_path / "out.h5")
    assert_equal(read(tmp_path / "out.h5"), three_events().tables())


def test_concat__equal_input_gives_equal_files(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    for name in "xy":
        concat(pair, tmp_path / f"{name}.h5")
    assert (tmp_path / "x.h5").read_bytes() == (tmp_path / "y.h5").read_bytes()


def test_concat__sorted_by_first_event(tmp_path: Path) -> None:
    content = three_events()
    parts = {"c": (0, 1), "none": (0, 0), "a": (2, 3), "b": (1, 2)}
    paths = [write(tmp_path / f"{name}.h5", content.tables(*part)) for name, part in parts.items()]
    concat(paths, tmp_path / "out.h5", sort=True)
    assert_equal(read(tmp_path / "out.h5"), content.tables())
    # an earlier output stays in front
    concat(paths[2], tmp_path / "more.h5")
    concat([paths[0], paths[3]][::-1], tmp_path / "more.h5", sort=True, append=True)
    assert read(tmp_path / "more.h5")["event_table"]["event_id"][:, 2].tolist() == [7, 5, 6]


# ---- other columns


def differing(tmp_path: Path, **changes: Any) -> tuple[list[Path], Content]:
    """Two files, the second without or with other columns."""
    content = three_events()
    tables = content.tables(1)
    for place, values in changes.get("values", {}).items():
        table, _, column = place.partition("/")
        tables[table][column] = values(tables[table][column])
    first = write(tmp_path / "a.h5", content.tables(0, 1))
    return [first, write(tmp_path / "b.h5", tables, without=changes.get("without", ()))], content


@pytest.mark.parametrize(
    ("without", "message", "null"),
    [
        ("hits/wire", r"hits/wire is missing in \S*b\.h5", -1),
        ("hits/time", r"hits/time is missing in \S*b\.h5", np.nan),
        ("particles/process", "particles/process is missing", b""),
    ],
)
def test_missing_column__is_refused_or_null(tmp_path: Path, without: str, message: str, null: object) -> None:
    paths, content = differing(tmp_path, without=[without])
    with pytest.raises(InputError, match=rf"differ in 1 place: {message}.*--missing null"):
        concat(paths, tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()
    with pytest.warns(EventFileWarning, match=f"filled with nulls: {without}"):
        concat(paths, tmp_path / "out.h5", missing="null")
    expected = content.tables()
    table, _, column = without.partition("/")
    rows = len(content.tables(0, 1)[table]["event_id"])
    expected[table][column] = expected[table][column].copy()
    expected[table][column][rows:] = null
    found = read(tmp_path / "out.h5")
    np.testing.assert_array_equal(found[table].pop(column), expected[table].pop(column))
    assert_equal(found, expected)


def test_missing_column__of_a_kind_without_null_is_refused(tmp_path: Path) -> None:
    paths, _ = differing(tmp_path, without=["hits/on", "hits/mask", "hits/event_id"])
    with pytest.raises(
        InputError, match=r"3 places: .*do not say which event .*uint16 has no null; .*bool has no null"
    ):
        concat(paths, tmp_path / "out.h5", missing="null")


def test_missing_table__has_no_rows(tmp_path: Path) -> None:
    paths, content = differing(tmp_path, without=["particles", "empty"])
    with pytest.raises(InputError, match=r"empty is missing in \S*b\.h5; particles is missing"):
        concat(paths, tmp_path / "out.h5")
    with pytest.warns(EventFileWarning, match="filled"):
        concat(paths, tmp_path / "out.h5", missing="null")
    expected = content.tables() | {"particles": content.tables(0, 1)["particles"]}
    assert_equal(read(tmp_path / "out.h5"), expected)


@pytest.mark.parametrize(
    ("place", "dtype", "message", "wide"),
    [
        ("hits/time", "f4", "hits/time is float64 in .*a.h5 and float32 in", "f8"),
        ("hits/wire", "i2", "hits/wire is int32", "i4"),
        ("hits/wire", "f4", "hits/wire is int32 in .* and float32 in", "f8"),
        ("hits/wire", "i8", "hits/wire is int32 in .* and int64 in", "i8"),
        ("hits/mask", "i4", "hits/mask is uint16", "i4"),
        ("hits/mask", "u8", "hits/mask is uint16", "u8"),
        ("hits/time", "i8", "hits/time is float64 in .* and int64 in", None),
        ("hits/on", "i1", "hits/on is bool in .* and int8 in", None),
    ],
)
def test_other_number__is_refused_or_the_larger(
    tmp_path: Path, place: str, dtype: str, message: str, wide: str | None
) -> None:
    paths, content = differing(tmp_path, values={place: lambda values: values.astype(dtype)})
    with pytest.raises(InputError, match=message):
        concat(paths, tmp_path / "out.h5")
    if wide is None:
        with pytest.raises(InputError, match=message):
            concat(paths, tmp_path / "out.h5", missing="null")
        return
    with pytest.warns(EventFileWarning, match=message):
        concat(paths, tmp_path / "out.h5", missing="null")
    table, _, column = place.partition("/")
    found, expected = read(tmp_path / "out.h5")[table][column], content.tables()[table][column]
    assert found.dtype == wide
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_other_byte_order__is_no_difference(tmp_path: Path) -> None:
    paths, content = differing(tmp_path, values={"hits/wire": lambda values: values.astype(">i4")})
    concat(paths, tmp_path / "out.h5")
    assert_equal(read(tmp_path / "out.h5"), content.tables())


def test_other_width__is_refused(tmp_path: Path) -> None:
    paths, _ = differing(tmp_path, values={"hits/where": lambda values: values[:, :2]})
    for missing in ("refuse", "null"):
        with pytest.raises(
            InputError, match=r"hits/where is \(3,\) wide in .*a\.h5 and \(2,\) wide in .*b\.h5"
        ):
            concat(paths, tmp_path / "out.h5", missing=missing)


def test_width_one__with_and_without_its_axis(tmp_path: Path) -> None:
    paths, content = differing(tmp_path, values={"hits/wire": lambda values: values[:, 0]})
    concat(paths, tmp_path / "out.h5")
    assert_equal(read(tmp_path / "out.h5"), content.tables())


def test_references__are_refused(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    for path in pair:
        with h5py.File(path, "r+") as file:
            number = len(file["hits/wire"])
            file["hits"].create_dataset("parts", (number,), h5py.vlen_dtype(np.int32))
    with pytest.raises(InputError, match=r"hits/parts in .*a\.h5 and 1 more is object, which refers"):
        concat(pair, tmp_path / "out.h5")


def test_differences__of_many_files_are_grouped(tmp_path: Path) -> None:
    tables = three_events().tables()
    whole = [write(tmp_path / f"a{number}.h5", tables) for number in range(3)]
    less = [write(tmp_path / f"b{number}.h5", tables, without=["hits/wire"]) for number in range(7)]
    with pytest.raises(InputError, match=r"differ in 1 place: hits/wire is missing in \S*b0\.h5 and 6 more"):
        concat([*whole, *less], tmp_path / "out.h5")


# ---- faults


def damaged(path: Path) -> None:
    with h5py.File(path) as file:
        info = file["hits/wire"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[info.byte_offset : info.byte_offset + info.size] = b"\xff" * info.size
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), r"b\.h5 is truncated"),
        (lambda path: path.write_text("no"), r"b\.h5 is not an HDF5 file"),
        (lambda path: path.unlink(), r"no such file: \S*b\.h5"),
        (damaged, r"hits/wire of \S*b\.h5: rows \[0, 4\) cannot be read"),
    ],
)
def test_fault__names_the_file_and_leaves_nothing(
    tmp_path: Path, pair: tuple[Path, Path], harm: Any, message: str
) -> None:
    storage: Mapping[str, Any] = {"chunks": 100, "compression": "gzip"}
    write(pair[1], three_events().tables(2), storage)
    harm(pair[1])
    (tmp_path / "out.h5").write_bytes(b"earlier")
    for chunk_rows in (None, 2):
        with pytest.raises(InputError, match=message):
            concat(pair, tmp_path / "out.h5", overwrite=True, chunk_rows=chunk_rows)
    assert (tmp_path / "out.h5").read_bytes() == b"earlier"
    assert not list(tmp_path.glob(".*"))


def test_fault__damaged_chunks_are_not_copied(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", three_events().tables(), {"chunks": 2, "compression": "gzip"})
    damaged(path)
    with pytest.raises(InputError, match=r"hits/wire of \S*a\.h5: rows \[0, \d\) cannot be read"):
        concat(path, tmp_path / "out.h5", chunk_rows=2, gzip=4)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    ("column", "options"),
    [
        ("hits/wire", {}),
        ("hits/wire", {"chunk_rows": 2, "gzip": 4}),
        ("hits/cube", {}),
        ("particles/process", {"string_bytes": 80}),
        ("particles/process", {"strings": "variable"}),
    ],
)
@pytest.mark.parametrize("variable", [True, False])
def test_fault__chunk_of_the_wrong_length_is_not_believed(
    tmp_path: Path, column: str, options: dict[str, Any], variable: bool, wrong: str
) -> None:
    storage = {"chunks": 2, "compression": "gzip"}
    path = write(tmp_path / "a.h5", three_events().tables(), storage, variable=variable)
    with h5py.File(path, "r+") as file:
        store_wrong_chunk(file[column], 0, wrong)
    with pytest.raises(InputError, match=rf"{column} of \S*a\.h5: rows \[0, \d\) .*: chunk of rows \[0, 2\)"):
        concat(path, tmp_path / "out.h5", **options)


@pytest.mark.parametrize("strings", ["fixed", "variable"])
def test_fault__string_that_is_longer_than_its_heap(tmp_path: Path, strings: str) -> None:
    path = write(tmp_path / "a.h5", three_events().tables(), variable=True)
    with h5py.File(path) as file:
        place = file["particles/process"].id.get_offset() + 16
    content = bytearray(path.read_bytes())
    content[place : place + 4] = (3_000_000_000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"particles/process of .*has no object \d+ of 3000000000 bytes"):
        concat(path, tmp_path / "out.h5", strings=strings)


def test_fault__keys_that_cannot_be_determined(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    tables = three_events().tables(2)
    tables["hits"]["event_id"][:] = 9
    write(pair[1], tables, without=["hits/event_id.seq", "hits/event_id.seq_cnt"])
    with pytest.raises(InputError, match=r"hits of \S*b\.h5: no sequence keys; and it cannot be rebuilt"):
        concat(pair, tmp_path / "out.h5")


def test_fault__columns_of_unequal_length(tmp_path: Path) -> None:
    tables = three_events().tables()
    tables["hits"]["wire"] = tables["hits"]["wire"][:-1]
    with pytest.raises(InputError, match=r"hits of \S*a\.h5: columns differ in length: 1 of 7 .*wire has 6"):
        concat(write(tmp_path / "a.h5", tables), tmp_path / "out.h5")


def test_fault__output(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    with pytest.raises(
        OutputError,
        match=r"a\.h5, which is named first, is the output, and exists already; --overwrite .*, --append",
    ):
        concat(pair[1], pair[0])
    for append in (False, True):
        with pytest.raises(OptionError, match=r"a\.h5 is both an input and the output"):
            concat(pair, pair[0], append=append, overwrite=not append)
    with pytest.raises(OutputError, match="does not exist"):
        concat(pair, tmp_path / "no" / "out.h5")


@pytest.mark.parametrize(
    "options",
    [
        {"strings": "short"}, {"keys": "some"}, {"missing": "zero"}, {"gzip": 10}, {"gzip": -1},
        {"chunk_rows": 0}, {"buffer_bytes": 0}, {"string_bytes": 0}, {"contiguous": True, "gzip": 1},
        {"append": True, "overwrite": True}, {"no": 1},
    ],
)  # fmt: skip
def test_fault__options(tmp_path: Path, pair: tuple[Path, Path], options: dict[str, Any]) -> None:
    with pytest.raises((NumlError, TypeError)):
        concat(pair, tmp_path / "out.h5", **options)
    assert not (tmp_path / "out.h5").exists()
