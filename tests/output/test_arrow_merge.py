from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from numl_polars.errors import InputError, OptionError, OutputError
from numl_polars.objects.batch import ObjectBatch
from numl_polars.output import arrow_columns, arrow_merge
from numl_polars.output.arrow import ArrowReader, ArrowWriter, merge_arrow
from numl_polars.output.layout import GraphMetadata
from numl_polars.output.splits import Splits
from tests.output.builder import METADATA, batch_of, graphs, hidden, visible
from tests.output.test_arrow import assert_equal, compact

EVENTS = (5, 4, 3, 7, 8, 100, 11, 2, 1, 0)
HALVES = Splits(0.5, 0.25, 0.25)


def write(path: Path, *events: int, metadata: GraphMetadata = METADATA, **options: Any) -> Path:
    with ArrowWriter(path, metadata, **options) as writer:
        if events:
            writer.write(compact(batch_of(graphs(*events))))
    return path


@pytest.fixture
def rank_files(tmp_path: Path) -> list[Path]:
    parts = (EVENTS[:4], EVENTS[4:5], (), EVENTS[5:])
    return [write(tmp_path / f"a.{rank:04d}.arrow", *events) for rank, events in enumerate(parts)]


@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize("record_batch_bytes", [100, 1 << 20])
def test_merge_arrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: Any, record_batch_bytes: int
) -> None:
    monkeypatch.setattr(arrow_columns, "RECORD_BATCH_BYTES", record_batch_bytes)
    parts = (EVENTS[:4], EVENTS[4:5], (), EVENTS[5:])
    rank_files = [
        write(tmp_path / f"a.{rank:04d}.arrow", *events, compression=compression)
        for rank, events in enumerate(parts)
    ]
    steps: list[tuple[int, int]] = []
    output = tmp_path / "out.arrow"
    summary = merge_arrow(
        rank_files,
        output,
        splits=HALVES,
        compression=compression,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert (summary.output, summary.inputs, summary.num_objects) == (output, tuple(rank_files), 10)
    assert summary.num_samples == {"train": 4, "validation": 2, "test": 2}
    assert summary.num_bytes == output.stat().st_size
    assert steps == [(done + 1, 20) for done in range(20)]
    reader = ArrowReader(output)
    assert reader.metadata == METADATA
    assert_equal(reader.batch(range(10)), compact(batch_of(graphs(*EVENTS))))
    names = [reader.names[row] for row in np.flatnonzero(reader.has_all_nodes)]
    assert names == [f"r1_sr0_evt{event}" for event in EVENTS if event % 3]
    found = {split: [reader.names[row] for row in rows] for split, rows in reader.samples.items()}
    assert found == HALVES.assign(names)
    frame = pl.scan_ipc(output).filter(split="train").sort("sample").select("name", "num_bytes").collect()
    assert frame["name"].to_list() == found["train"]
    assert frame["num_bytes"].to_list() == reader.sizes[reader.samples["train"]].tolist()


def test_merge_arrow__merged_files_and_removal(tmp_path: Path, rank_files: list[Path]) -> None:
    merge_arrow(rank_files[:2], tmp_path / "one.arrow")
    merge_arrow(rank_files[2:], tmp_path / "other.arrow")
    merge_arrow([tmp_path / "one.arrow", tmp_path / "other.arrow"], tmp_path / "both.arrow")
    assert merge_arrow(rank_files, tmp_path / "all.arrow", remove_inputs=True).inputs_removed
    both, whole = ArrowReader(tmp_path / "both.arrow"), ArrowReader(tmp_path / "all.arrow")
    assert both.samples["train"].tolist() == whole.samples["train"].tolist()
    assert_equal(both.batch(range(10)), whole.batch(range(10)))
    assert not any(path.exists() for path in rank_files)


def test_merge_arrow__smaller_dtypes_are_widened(tmp_path: Path) -> None:
    def typed(batch: ObjectBatch, dtype: str) -> ObjectBatch:
        attributes = [
            replace(one, compact=np.dtype(dtype)) if one.name == "hit/id" else one for one in batch.attributes
        ]
        return replace(batch, attributes=tuple(attributes))

    paths = [tmp_path / "a.arrow", tmp_path / "b.arrow"]
    objects = [typed(batch_of(graphs(1, 2)), "i1"), typed(batch_of(graphs(300, 301)), "i2")]
    for path, batch in zip(paths, objects, strict=True):
        with ArrowWriter(path, METADATA) as writer:
            writer.write(batch)
    merge_arrow(paths, tmp_path / "out.arrow")
    reader = ArrowReader(tmp_path / "out.arrow")
    assert_equal(reader.batch(range(4)), typed(batch_of(graphs(1, 2, 300, 301)), "i2"))


def test_merge_arrow__other_attributes(tmp_path: Path, rank_files: list[Path]) -> None:
    objects = batch_of(graphs(20))
    less = replace(objects, attributes=objects.attributes[1:])
    wide = replace(
        objects,
        attributes=tuple(
            replace(one, values=one.values.astype(np.float64)) if one.name == "hit/x" else one
            for one in compact(objects).attributes
        ),
    )
    for batch, odd in ((less, "metadata/run"), (wide, "hit/x")):
        with ArrowWriter(tmp_path / "b.arrow", METADATA, overwrite=True) as writer:
            writer.write(batch)
        message = (
            rf"objects differ in their attributes \({odd}\): 'r1_sr0_evt20' in .*b\.arrow, 'r1_sr0_evt5' in"
        )
        with pytest.raises(InputError, match=message):
            merge_arrow([*rank_files, tmp_path / "b.arrow"], tmp_path / "out.arrow")
    assert not (tmp_path / "out.arrow").exists()


@pytest.mark.parametrize("num_inputs", [0, 2])
def test_merge_arrow__no_objects(tmp_path: Path, num_inputs: int) -> None:
    inputs = [write(tmp_path / f"{rank}.arrow") for rank in range(num_inputs)]
    merge_arrow(inputs, tmp_path / "out.arrow", metadata=METADATA)
    reader = ArrowReader(tmp_path / "out.arrow")
    assert len(reader) == 0
    assert {split: rows.tolist() for split, rows in reader.samples.items()} == {
        "train": [],
        "validation": [],
        "test": [],
    }


def test_merge_arrow__metadata(tmp_path: Path) -> None:
    write(tmp_path / "a.arrow", 1)
    write(tmp_path / "b.arrow", 2, metadata=GraphMetadata(("u",)))
    with pytest.raises(InputError, match=r"'planes' differs: \('u', 'v', 'y'\) in .*a\.arrow, \('u',\) in"):
        merge_arrow([tmp_path / "a.arrow", tmp_path / "b.arrow"], tmp_path / "out.arrow")
    write(tmp_path / "c.arrow", 1)
    with pytest.raises(
        InputError, match=r"1 object of more than one input, first 'r1_sr0_evt1' in .*a\.arrow"
    ):
        merge_arrow([tmp_path / "a.arrow", tmp_path / "c.arrow"], tmp_path / "out.arrow")
    with pytest.raises(
        InputError, match="no planes and classes are known: none of the 0 inputs has 'planes'"
    ):
        merge_arrow([], tmp_path / "out.arrow")


def test_merge_arrow__names_of_files(tmp_path: Path, rank_files: list[Path]) -> None:
    with pytest.raises(OptionError, match=r"is given twice as an input"):
        merge_arrow([rank_files[0], rank_files[0]], tmp_path / "out.arrow")
    with pytest.raises(OptionError, match=r"is both an input and the output"):
        merge_arrow(rank_files, rank_files[0], overwrite=True)
    (tmp_path / "out.arrow").write_text("earlier")
    with pytest.raises(OutputError, match=r"out\.arrow exists already; --overwrite replaces it"):
        merge_arrow(rank_files, tmp_path / "out.arrow")
    with pytest.raises(InputError, match=r"out\.arrow is not an Arrow IPC file"):
        merge_arrow([*rank_files, tmp_path / "out.arrow"], tmp_path / "new.arrow", remove_inputs=True)
    assert all(path.exists() for path in rank_files)


def flip(path: Path) -> None:
    reader = ArrowReader(path)
    place = reader.arrays(3)["hit/x"].ctypes.data - reader._map.address
    with path.open("r+b") as file:
        file.seek(place + 4)
        file.write(b"\1")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def drop(path: Path) -> None:
    with ArrowWriter(path, METADATA, overwrite=True) as writer:
        writer.write(compact(batch_of(graphs(*EVENTS[:9]))))


@pytest.mark.parametrize(
    "damage, message",
    [
        (flip, "is not what was to be written: 1 of its contents differ, first object 'r1_sr0_evt7'"),
        (cut, r"cannot read back what was written for .*out\.arrow: .* is truncated"),
        (drop, "differ, first objects"),
    ],
)
def test_merge_arrow__damage_is_found_before_the_rename(
    tmp_path: Path,
    rank_files: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], None],
    message: str,
) -> None:
    verify = arrow_merge._verify

    def damage_and_verify(part: Path, *rest: Any) -> None:
        damage(part)
        verify(part, *rest)

    monkeypatch.setattr(arrow_merge, "_verify", damage_and_verify)
    output = tmp_path / "out.arrow"
    output.write_text("earlier")
    with pytest.raises(OutputError, match=message):
        merge_arrow(rank_files, output, overwrite=True, remove_inputs=True)
    assert output.read_text() == "earlier"
    assert all(path.exists() for path in rank_files)
    assert hidden(tmp_path) == []
    assert visible(tmp_path) == sorted([*(path.name for path in rank_files), "out.arrow"])
