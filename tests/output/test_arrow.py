from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from numl_polars.errors import InputError, OptionError, OutputError
from numl_polars.objects.batch import Attribute, ObjectBatch
from numl_polars.output import arrow_columns, arrow_reader
from numl_polars.output.arrow import ArrowReader, ArrowWriter
from numl_polars.output.arrow_file import NewArrowFile, write_options
from numl_polars.output.arrow_schema import ColumnForm, make_schema
from tests.output.builder import METADATA, batch_of, graph, graphs, hidden, visible

DTYPES = ("<i8", "<i4", "<i2", "i1", "u1", "<u8", "<f4", "<f8", "<f2", "?")


def write(path: Path, *batches: ObjectBatch, **options: Any) -> Path:
    with ArrowWriter(path, METADATA, overwrite=True, **options) as writer:
        for batch in batches:
            writer.write(batch)
    return path


def compact(batch: ObjectBatch) -> ObjectBatch:
    """The batch with edges and integers in smaller dtypes."""
    attributes = [
        replace(one, compact=np.dtype("i4"), by_source="delaunay" in one.name)
        if one.values.dtype == np.int64
        else one
        for one in batch.attributes
    ]
    return replace(batch, attributes=tuple(attributes))


def assert_equal(found: ObjectBatch, expected: ObjectBatch) -> None:
    assert found.names == expected.names
    assert [one.name for one in found.attributes] == [one.name for one in expected.attributes]
    for one, other in zip(found.attributes, expected.attributes, strict=True):
        assert (one.axis, one.by_source) == (other.axis, other.by_source)
        assert (one.compact or one.values.dtype) == (other.compact or other.values.dtype)
        for i in range(len(expected)):
            np.testing.assert_array_equal(one.of(i), other.of(i), strict=True)


@st.composite
def attributes(draw: st.DrawFn, number: int) -> list[Attribute]:
    """Attributes of `number` objects of all kinds, empty ones among them."""
    found = []
    lengths = st.lists(st.integers(0, 4), min_size=number, max_size=number)
    for i, kind in enumerate(
        draw(st.lists(st.sampled_from(["scalar", "rows", "edges"]), min_size=1, max_size=5))
    ):
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        if kind == "scalar":
            found.append(Attribute(f"metadata/a{i}", draw(arrays(dtype, number))))
            continue
        offsets = np.cumsum([0, *draw(lengths)], dtype=np.int64)
        if kind == "rows":
            shape = draw(st.lists(st.integers(0, 3), max_size=3))
            found.append(Attribute(f"hit/ä{i}", draw(arrays(dtype, (int(offsets[-1]), *shape))), offsets))
            continue
        numbers = arrays(np.int64, (2, int(offsets[-1])), elements=st.integers(-3, 5))
        smaller = draw(st.sampled_from([None, np.dtype("i1"), np.dtype("<i4")]))
        name = f"hit_e{i}_hit/edge_index"
        found.append(Attribute(name, draw(numbers), offsets, 1, smaller, draw(st.booleans())))
    return found


@st.composite
def batches(draw: st.DrawFn) -> ObjectBatch:
    number = draw(st.integers(0, 5))
    names = tuple(f"r1_sr0_evt{i}é" for i in range(number))
    return ObjectBatch(names, np.arange(number), tuple(draw(attributes(number))))


@given(batch=batches(), compression=st.sampled_from([None, "zstd", "lz4"]), split=st.booleans())
@settings(max_examples=150, deadline=None)
def test_arrow__what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, batch: ObjectBatch, compression: Any, split: bool
) -> None:
    path = tmp_path_factory.mktemp("arrow") / "a.arrow"
    with pytest.MonkeyPatch.context() as patch:
        if split:
            patch.setattr(arrow_columns, "RECORD_BATCH_BYTES", 40)
        write(path, batch, compression=compression)
    reader = ArrowReader(path)
    assert reader.metadata == METADATA
    assert (reader.names, len(reader)) == (batch.names, len(batch))
    assert_equal(reader.batch(range(len(batch))), batch)
    for i in range(len(batch)):
        found, expected = reader.arrays(i), batch.arrays(i)
        assert list(found) == list(expected)
        assert reader.sizes[i] == sum(array.nbytes for array in expected.values())
        edges = {name for name in expected if name.endswith("/edge_index")}
        whole = all(array.size for name, array in expected.items() if name not in edges)
        assert reader.has_all_nodes[i] == whole
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array, strict=True)
    backwards = list(range(len(batch)))[::-1] * 2
    again = reader.batch(backwards)
    for row, i in enumerate(backwards):
        for one, other in zip(again.attributes, batch.attributes, strict=True):
            np.testing.assert_array_equal(one.of(row), other.of(i), strict=True)
    assert pl.scan_ipc(path).collect().height == len(batch)


def test_arrow__arrays_are_views_of_the_mapped_file(tmp_path: Path) -> None:
    reader = ArrowReader(write(tmp_path / "a.arrow", compact(batch_of(graphs(1, 2, 3)))))
    start = reader._map.address
    for row in range(3):
        arrays = reader.arrays(row)
        for name in ("sp/pos", "hit/x"):
            address = arrays[name].ctypes.data
            assert start < address < start + reader._map.size or not arrays[name].size
            assert not arrays[name].flags.owndata
        assert arrays["hit/id"].dtype == np.int64  # widened, so a copy
    kept = reader.arrays(1)["hit/x"]
    reader.close()
    np.testing.assert_array_equal(kept, graph(2)["hit/x"])


def test_arrow__compressed_batches_are_kept_within_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_columns, "RECORD_BATCH_BYTES", 100)
    monkeypatch.setattr(arrow_reader, "DECOMPRESSED_BYTES", 2000)
    batch = batch_of(graphs(*range(30)))
    for compression, most in ((None, 30), ("zstd", 8)):
        reader = ArrowReader(write(tmp_path / "a.arrow", batch, compression=compression))
        for row in [*range(30), *range(30)]:
            reader.arrays(row)
        assert 1 <= len(reader._opened) <= most
        assert_equal(reader.batch(range(30)), batch)


def test_arrow__shards_are_read_by_polars(tmp_path: Path) -> None:
    for rank in range(2):
        batch = batch_of(graphs(*range(10 * rank, 10 * rank + 10)))
        write(tmp_path / f"a.{rank:04d}.arrow", compact(batch))
    shards = pl.scan_ipc(tmp_path / "a.*.arrow")
    frame = shards.select("name", "metadata/event", pl.col("hit/x").list.len()).collect()
    assert frame["metadata/event"].to_list() == list(range(20))
    assert frame["hit/x"].to_list() == [3] * 20
    edges = shards.select("hit_nexus_sp/edge_index").collect().explode("hit_nexus_sp/edge_index")
    assert edges.to_series().struct.fields == ["source", "target"]
    assert shards.select("split", "sample").collect().null_count().row(0) == (20, 20)


def test_arrow__batches_must_agree(tmp_path: Path) -> None:
    one = batch_of(graphs(1))
    other = replace(one, names=("b",), attributes=one.attributes[1:])
    with pytest.raises(ValueError, match="attributes differ from those of the first batch: metadata/run"):
        write(tmp_path / "a.arrow", one, other)
    with pytest.raises(OutputError, match=r"object 'r1_sr0_evt1' is written to .*a\.arrow a second time"):
        write(tmp_path / "a.arrow", one, one)
    assert visible(tmp_path) == hidden(tmp_path) == []


@pytest.mark.parametrize(
    "attribute, message",
    [
        (
            Attribute("hit/a", np.array([300]), np.array([0, 1]), compact=np.dtype("i1")),
            "the value 300, which",
        ),
        (Attribute("hit/a", np.array(["x"]), np.array([0, 1])), "dtype <U1 cannot be written"),
        (Attribute("hit/a", np.zeros(1, np.longdouble), np.array([0, 1])), "cannot be written"),
        (Attribute("hit_x/a", np.zeros(1), np.array([0, 1])), "is not named store/attribute"),
        (Attribute("metadata/a", np.zeros((1, 1))), r"has shape \(1, 1\), not \(objects,\)"),
        (Attribute("a_b_c/edge_index", np.zeros((3, 1)), np.array([0, 1]), 1), r"not \(2, edges\)"),
    ],
)
def test_arrow__what_cannot_be_written(tmp_path: Path, attribute: Attribute, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "a.arrow", ObjectBatch(("a",), np.zeros(1, np.int64), (attribute,)))
    assert visible(tmp_path) == hidden(tmp_path) == []


def test_arrow__options(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="compression 'gzip' is none of zstd, lz4"):
        ArrowWriter(tmp_path / "a.arrow", METADATA, compression="gzip")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="compression level 3 of no compression"):
        ArrowWriter(tmp_path / "a.arrow", METADATA, compression_level=3)
    with pytest.raises(OptionError, match="compression level 99 of zstd"):
        ArrowWriter(tmp_path / "a.arrow", METADATA, compression="zstd", compression_level=99)


def test_arrow__target_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.arrow", batch_of(graphs(1)))
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"), ArrowWriter(path, METADATA):
        pass
    with pytest.raises(OutputError, match="a second time"):
        write(path, batch_of(graphs(2)), batch_of(graphs(2)))
    assert path.read_bytes() == before
    assert hidden(tmp_path) == []
    with ArrowWriter(path, METADATA, overwrite=True, hidden=True) as writer:
        pass
    assert path.read_bytes() == before
    assert len(ArrowReader(writer.part)) == 0


def test_arrow__full_disk() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    batch = batch_of({"a": {"hit/x": np.zeros((100_000, 6))}})
    forms = tuple(map(ColumnForm.of, batch.attributes))
    schema = make_schema(forms, METADATA)

    def fill() -> None:
        with NewArrowFile(Path("/dev/full"), Path("a.arrow"), write_options()) as file:
            file.begin(schema)
            for record in arrow_columns.record_batches(batch, forms, schema):
                file.write(record)

    with pytest.raises(OutputError, match=r"cannot write a\.arrow: No space left on device"):
        fill()


def cut(content: bytes) -> bytes:
    return content[:-8]


def cut_in_the_middle(content: bytes) -> bytes:
    return content[: len(content) // 2]


def no_footer(content: bytes) -> bytes:
    return content[:-10] + b"\xff" * 4 + content[-6:]


@pytest.mark.parametrize(
    "damage, message",
    [
        (cut, "is truncated: it was not written or copied to its end"),
        (cut_in_the_middle, "is truncated: it was not written or copied to its end"),
        (lambda content: content[:6], "is truncated"),
        (lambda content: b"", "is not an Arrow IPC file"),
        (lambda content: b"\x89HDF" + content, "is not an Arrow IPC file"),
        (no_footer, "is damaged"),
    ],
)
def test_arrow__damaged(tmp_path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    path = write(tmp_path / "a.arrow", batch_of(graphs(1, 2)))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=rf"a\.arrow {message}"):
        ArrowReader(path)


def test_arrow__damaged_values(tmp_path: Path) -> None:
    path = write(tmp_path / "a.arrow", batch_of(graphs(*range(60))), compression="zstd")
    content = bytearray(path.read_bytes())
    place = len(content) // 2
    content[place : place + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"record batch 0 of .*a\.arrow is damaged"):
        ArrowReader(path).arrays(0)


def shifted(reader: ArrowReader) -> ObjectBatch:
    ones = np.ones((2, len(reader)), np.int64)
    return reader.batch(range(len(reader)), lambda _name, _others: ones)


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_arrow__any_damage(tmp_path: Path, compression: str | None) -> None:
    """An error, or numbers that are others where nothing says so; never the end of the process."""
    path = write(tmp_path / "a.arrow", compact(batch_of(graphs(1, 2, 4))), compression=compression)
    content, random = path.read_bytes(), np.random.default_rng(0)
    for place in random.integers(0, len(content), 300).tolist():
        path.write_bytes(content[:place])
        with pytest.raises(InputError, match=r"a\.arrow is (truncated|not an Arrow IPC file)"):
            ArrowReader(path)
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped)
        with suppress(InputError):
            reader = ArrowReader(path)
            assert len(reader.names) == len(reader.sizes)
            shifted(reader)
            assert len(list(map(reader.arrays, range(len(reader))))) == len(reader)


def test_arrow__other_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file: .*none\.arrow"):
        ArrowReader(tmp_path / "none.arrow")
    with pytest.raises(InputError, match="is a folder, not an Arrow file"):
        ArrowReader(tmp_path)
    path = tmp_path / "a.arrow"
    pl.DataFrame({"run": [1], "name": ["a"]}).write_ipc(path)
    message = r"a\.arrow is an Arrow file, but not one of training objects \(has 'run', 'name'\)"
    with pytest.raises(InputError, match=message):
        ArrowReader(path)
    write(path, batch_of(graphs(1)))
    with pa.ipc.open_file(path) as file:
        table = file.read_all()
    later = table.replace_schema_metadata({b"numl_polars": b'{"format": 2}'})
    with pa.ipc.new_file(path, later.schema) as writer:
        writer.write_table(later)
    with pytest.raises(InputError, match=r"a\.arrow has version 2 of the format; .* version 1 only"):
        ArrowReader(path)
    odd = table.set_column(5, table.schema.field(5).with_type(pa.int64()), table.column(5).cast(pa.int64()))
    with pa.ipc.new_file(path, odd.schema) as writer:
        writer.write_table(odd)
    with pytest.raises(InputError, match=r"damaged: column 'metadata/run' holds int64, not what it says"):
        ArrowReader(path)


def test_arrow__no_such_row(tmp_path: Path) -> None:
    reader = ArrowReader(write(tmp_path / "a.arrow", batch_of(graphs(1, 2))))
    for row in (-1, 2):
        with pytest.raises(IndexError, match=rf"no object {row} in .*a\.arrow, which has 2"):
            reader.arrays(row)
    assert len(reader.batch([])) == 0


def test_reader__what_is_known_of_objects_takes_no_copy_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    large = {f"r1_sr0_evt{i}": {"hit/x": np.zeros((100_000, 6), np.float32)} for i in range(12)}
    with ArrowWriter(path, METADATA) as writer:
        for name, arrays in large.items():
            writer.write(batch_of({name: arrays}))
    before = pa.total_allocated_bytes()
    reader = ArrowReader(path)
    assert len(reader.names) == len(reader.sizes) == 12
    assert reader.arrays(3)["hit/x"].shape == (100_000, 6)
    assert pa.total_allocated_bytes() - before < 1 << 20
    reader.forget()
    assert not reader.arrays(3)["hit/x"].any()
