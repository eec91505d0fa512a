import itertools
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from numl_polars.errors import InputError, OptionError, OutputError
from numl_polars.output import hdf5_merge as merge_module
from numl_polars.output.checksums import xxh64
from numl_polars.output.hdf5 import Hdf5Writer
from numl_polars.output.hdf5_content import object_names, read_metadata
from numl_polars.output.hdf5_objects import read_object
from numl_polars.output.layout import GraphMetadata
from numl_polars.output.merge import merge
from numl_polars.output.splits import Splits
from numl_polars.output.windows import WINDOW_BYTES
from tests.output.builder import (
    METADATA,
    batch_of,
    graph,
    graphs,
    hidden,
    visible,
    write_graphs,
    write_like_pynuml,
)

EVENTS = (12, 3, 7, 100, 1, 2, 9, 44, 5, 6)
HALVES = Splits(0.5, 0.3, 0.2)


def names_of(events: tuple[int, ...]) -> list[str]:
    return [f"r1_sr0_evt{event}" for event in events]


def samples(path: Path) -> dict[str, list[str]]:
    with h5py.File(path) as file:
        return {
            split: file[f"samples/{split}"].asstr()[()].tolist() for split in ("train", "validation", "test")
        }


@pytest.fixture
def rank_files(tmp_path: Path) -> list[Path]:
    ranks = (EVENTS[:3], EVENTS[3:4], (), EVENTS[4:])
    return [write_graphs(tmp_path / f"out.{rank:04}.h5", *events) for rank, events in enumerate(ranks)]


def test_merge__same_for_any_number_of_inputs(tmp_path: Path) -> None:
    merged = []
    for bounds in ([0, 10], [0, 4, 10], [0, 1, 9, 10], [0, 0, 10, 10]):
        folder = tmp_path / str(bounds)
        folder.mkdir()
        inputs = [
            write_graphs(folder / f"{start}-{stop}-{rank}.h5", *EVENTS[start:stop])
            for rank, (start, stop) in enumerate(itertools.pairwise(bounds))
        ]
        merge(inputs, folder / "out.h5", splits=HALVES)
        merged.append(folder / "out.h5")
        with h5py.File(merged[-1]) as file:
            assert object_names(file) == list(file["dataset"]) == names_of(EVENTS)
            for name, arrays in graphs(*EVENTS).items():
                found = read_object(file["dataset"][name])
                assert list(found) == list(arrays)
                for field, array in arrays.items():
                    np.testing.assert_array_equal(found[field], array, strict=True)
    assert len({path.read_bytes() for path in merged}) == 1
    # objects without spacepoints are in no sample: no reader can batch them
    assert samples(merged[0]) == HALVES.assign(names_of(tuple(event for event in EVENTS if event % 3)))


def test_merge__read_as_nugraph_does(tmp_path: Path, rank_files: list[Path]) -> None:
    output = tmp_path / "out.h5"
    merge(rank_files, output, splits=HALVES)
    with h5py.File(output) as file:
        assert file["planes"].asstr()[()].tolist() == ["u", "v", "y"]
        assert file["semantic_classes"].asstr()[()].tolist() == ["track", "shower"]
        assert file["event_classes"].asstr()[()].tolist() == ["cc_nue", "nc"]
        assert file["gen"][()].item() == 2
        train = file["samples/train"].asstr()[()]
        sizes = file["datasize/train"][()]
        assert (sizes.dtype, sizes.shape) == (np.int64, (4,))
        for name, size in zip(train, sizes, strict=True):
            record = file[f"/dataset/{name}"][()]
            event = int(record["metadata/event"])
            assert name == f"r1_sr0_evt{event}"
            assert size == sum(array.nbytes for array in graphs(event)[name].values())
            assert (record["hit/id"][:] == np.arange(3) + event).all()
            assert record["sp/pos"].ndim == 2
        for split in ("validation", "test"):
            assert set(file[f"samples/{split}"].asstr()[()]) <= set(file["dataset"])


def test_merge__summary(tmp_path: Path, rank_files: list[Path]) -> None:
    steps: list[tuple[int, int]] = []
    summary = merge(
        rank_files,
        tmp_path / "out.h5",
        splits=HALVES,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert summary.output == tmp_path / "out.h5"
    assert summary.inputs == tuple(rank_files)
    assert summary.num_objects == 10
    assert summary.num_samples == {"train": 4, "validation": 1, "test": 1}
    assert summary.num_bytes == summary.output.stat().st_size
    assert not summary.inputs_removed
    assert steps == [(done + 1, 20) for done in range(20)]


def test_merge__inputs_removed_only_if_asked(tmp_path: Path, rank_files: list[Path]) -> None:
    merge(rank_files, tmp_path / "one.h5")
    assert all(path.exists() for path in rank_files)
    assert merge(rank_files, tmp_path / "other.h5", remove_inputs=True).inputs_removed
    assert visible(tmp_path) == ["one.h5", "other.h5"]
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "other.h5").read_bytes()


def flip_a_byte(path: Path, name: str) -> None:
    with h5py.File(path) as file:
        place = file["dataset"][name].id.get_offset() + 40
    with path.open("r+b") as file:
        file.seek(place)
        value = file.read(1)[0]
        file.seek(place)
        file.write(bytes([value ^ 1]))


def drop_an_object(path: Path, name: str) -> None:
    with h5py.File(path, "r+") as file:
        del file["dataset"][name]
        file["dataset"][name] = 0


def change_the_order(path: Path, name: str) -> None:
    with h5py.File(path, "r+") as file:
        file.move(f"dataset/{name}", "dataset/a")
        file.move("dataset/a", f"dataset/{name}")


def change_the_samples(path: Path, _: str) -> None:
    with h5py.File(path, "r+") as file:
        file["samples/train"][0] = "r1_sr0_evt0"


def change_a_size(path: Path, _: str) -> None:
    with h5py.File(path, "r+") as file:
        file["datasize/train"][0] += 1


def change_the_planes(path: Path, _: str) -> None:
    with h5py.File(path, "r+") as file:
        file["planes"][0] = "x"


def cut_short(path: Path, _: str) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def no_damage(path: Path, _: str) -> None:
    with h5py.File(path, "r+"):
        pass


@pytest.mark.parametrize(
    "damage, message",
    [
        (no_damage, None),
        (flip_a_byte, r"is not what was to be written: 1 of its contents differ, first object 'r1_sr0_evt7'"),
        (
            drop_an_object,
            r"cannot read back what was written for .*out\.h5: 'dataset/r1_sr0_evt7' is not a graph",
        ),
        (change_the_order, r"differ, first objects"),
        (change_the_samples, r"differ, first samples"),
        (change_a_size, r"differ, first datasize/train"),
        (change_the_planes, r"differ, first planes or classes"),
        (cut_short, r"cannot read back what was written for .*out\.h5: .* is truncated"),
    ],
)
def test_merge__damage_is_found_before_the_rename(
    tmp_path: Path,
    rank_files: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path, str], None],
    message: str | None,
) -> None:
    verify = merge_module._verify

    def damage_and_verify(part: Path, *rest: object) -> None:
        damage(part, "r1_sr0_evt7")
        verify(part, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(merge_module, "_verify", damage_and_verify)
    output = tmp_path / "out.h5"
    output.write_text("earlier")
    if message is None:
        merge(rank_files, output, overwrite=True, remove_inputs=True)
        assert samples(output)["train"]
        return
    with pytest.raises(OutputError, match=message):
        merge(rank_files, output, overwrite=True, remove_inputs=True)
    assert output.read_text() == "earlier"
    assert all(path.exists() for path in rank_files)
    assert hidden(tmp_path) == []


def test_merge__existing_output_is_kept(tmp_path: Path, rank_files: list[Path]) -> None:
    output = tmp_path / "out.h5"
    merge(rank_files[:1], output)
    before = output.read_bytes()
    with pytest.raises(OutputError, match=r"out\.h5 exists already; --overwrite replaces it"):
        merge(rank_files, output, remove_inputs=True)
    assert output.read_bytes() == before
    assert all(path.exists() for path in rank_files)
    merge(rank_files, output, overwrite=True)
    with h5py.File(output) as file:
        assert len(file["dataset"]) == 10


def test_merge__pynuml_files(tmp_path: Path) -> None:
    inputs = [
        write_like_pynuml(tmp_path / "a.0000.h5", 10, 9, 8),
        write_like_pynuml(tmp_path / "a.0001.h5", 110, 100, metadata=None),
        write_like_pynuml(tmp_path / "a.0002.h5", metadata=None),
    ]
    merge(inputs, tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        assert object_names(file) == names_of((8, 9, 10, 100, 110))
        assert read_metadata(file) == METADATA
        for name, arrays in graphs(8, 9, 10, 100, 110).items():
            for field, array in read_object(file["dataset"][name]).items():
                np.testing.assert_array_equal(array, arrays[field], strict=True)


def test_merge__metadata_in_a_later_file(tmp_path: Path) -> None:
    inputs = [
        write_like_pynuml(tmp_path / "a.h5", 1, metadata=None),
        write_like_pynuml(tmp_path / "b.h5", 2),
    ]
    merge(inputs, tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        assert read_metadata(file) == METADATA


def test_merge__no_metadata(tmp_path: Path) -> None:
    path = write_like_pynuml(tmp_path / "a.h5", 1, metadata=None)
    with pytest.raises(
        InputError, match="no planes and classes are known: none of the 1 inputs has 'planes'"
    ):
        merge([path], tmp_path / "out.h5")
    merge([path], tmp_path / "out.h5", metadata=METADATA)
    with h5py.File(tmp_path / "out.h5") as file:
        assert read_metadata(file) == METADATA


def test_merge__metadata_differs(tmp_path: Path) -> None:
    inputs = [
        write_graphs(tmp_path / "a.h5", 1),
        write_like_pynuml(tmp_path / "b.h5", 2, metadata=None),
        write_graphs(tmp_path / "c.h5", 3, metadata=GraphMetadata(("u", "v"))),
    ]
    message = r"'planes' differs: \('u', 'v', 'y'\) in .*a\.h5, \('u', 'v'\) in .*c\.h5"
    with pytest.raises(InputError, match=message):
        merge(inputs, tmp_path / "out.h5")
    with pytest.raises(
        InputError, match=r"'planes' differs: .* in what was asked for, \('u', 'v'\) in .*c\.h5"
    ):
        merge(inputs[2:], tmp_path / "out.h5", metadata=METADATA)
    assert visible(tmp_path) == ["a.h5", "b.h5", "c.h5"]


def test_merge__provenance(tmp_path: Path) -> None:
    inputs = [
        write_graphs(
            tmp_path / f"{start}.h5",
            start,
            metadata=GraphMetadata(("u",), provenance={"version": "1", "start": start}),
        )
        for start in (0, 5)
    ]
    merge(inputs, tmp_path / "out.h5", splits=Splits(1, 0, 0, 3))
    with h5py.File(tmp_path / "out.h5") as file:
        assert {key: value for key, value in file.attrs.items() if key != "attributes"} == {
            "version": "1",
            "start": "[0, 5]",
            "splits": '{"train": 1, "validation": 0, "test": 0, "seed": 3}',
        }


@pytest.mark.parametrize("num_inputs", [0, 2])
def test_merge__no_objects(tmp_path: Path, num_inputs: int) -> None:
    inputs = [write_graphs(tmp_path / f"{rank}.h5") for rank in range(num_inputs)]
    summary = merge(inputs, tmp_path / "out.h5", metadata=METADATA)
    assert summary.num_objects == 0
    assert samples(tmp_path / "out.h5") == {"train": [], "validation": [], "test": []}
    with h5py.File(tmp_path / "out.h5") as file:
        assert (file["datasize/train"].dtype, file["datasize/train"].shape) == (np.int64, (0,))
        assert object_names(file) == []


def test_merge__merged_files(tmp_path: Path, rank_files: list[Path]) -> None:
    merge(rank_files[:2], tmp_path / "one.h5")
    merge(rank_files[2:], tmp_path / "other.h5")
    merge([tmp_path / "one.h5", tmp_path / "other.h5"], tmp_path / "both.h5")
    merge(rank_files, tmp_path / "all.h5")
    assert (tmp_path / "both.h5").read_bytes() == (tmp_path / "all.h5").read_bytes()


def test_merge__repeated_objects(tmp_path: Path) -> None:
    inputs = [write_graphs(tmp_path / "a.h5", 1, 2, 3), write_graphs(tmp_path / "b.h5", 4, 3, 2)]
    message = r"2 objects of more than one input, first 'r1_sr0_evt3' in .*a\.h5 and .*b\.h5"
    with pytest.raises(InputError, match=message):
        merge(inputs, tmp_path / "out.h5")
    assert visible(tmp_path) == ["a.h5", "b.h5"]


def test_merge__names_of_files(tmp_path: Path) -> None:
    path = write_graphs(tmp_path / "a.h5", 1)
    with pytest.raises(OptionError, match=r"a\.h5 is given twice as an input"):
        merge([path, tmp_path / "." / "a.h5"], tmp_path / "out.h5")
    with pytest.raises(OptionError, match=r"a\.h5 is both an input and the output"):
        merge([path], path, overwrite=True)


def test_merge__faulty_inputs(tmp_path: Path) -> None:
    whole = write_graphs(tmp_path / "whole.h5", 1, 2)
    (tmp_path / "short.h5").write_bytes(whole.read_bytes()[:-100])
    (tmp_path / "text.h5").write_text("no graphs")
    with h5py.File(tmp_path / "events.h5", "w") as file:
        file["hit_table/hit_id"] = [1]
    with h5py.File(tmp_path / "array.h5", "w") as file:
        file["dataset/a"] = np.zeros(3)
    with h5py.File(tmp_path / "strings.h5", "w") as file:
        kind = np.dtype([("hit/name", h5py.string_dtype())])
        file.create_dataset("dataset/a", data=np.array(("x",), kind))
    for name, message in {
        "absent.h5": r"no such file: .*absent\.h5",
        "short.h5": r"short\.h5 is truncated: it was not written or copied to its end",
        "text.h5": r"text\.h5 is not an HDF5 file",
        "events.h5": r"events\.h5 is not a graph file: it has no 'dataset' \(has 'hit_table'\)",
        "array.h5": r"'dataset/a' is not a graph object, a scalar compound of .*, in .*array\.h5",
        "strings.h5": r"'dataset/a' is not a graph object.* in .*strings\.h5",
    }.items():
        with pytest.raises(InputError, match=message):
            merge([whole, tmp_path / name], tmp_path / "out.h5", remove_inputs=True)
        assert whole.exists()
        assert not (tmp_path / "out.h5").exists()
        assert hidden(tmp_path) == []


def test_merge__one_window_in_memory(tmp_path: Path) -> None:
    with Hdf5Writer(tmp_path / "a.h5", METADATA) as writer:
        for event in range(60):
            writer.write(batch_of({f"r0_sr0_evt{event}": graph(event, num_hits=16_000)}))
    assert (tmp_path / "a.h5").stat().st_size > 5 * WINDOW_BYTES
    xxh64(np.zeros(1, np.uint64), np.array([0, 1]))  # compiled
    tracemalloc.start()
    try:
        merge([tmp_path / "a.h5"], tmp_path / "out.h5")
        assert tracemalloc.get_traced_memory()[1] < 1.5 * WINDOW_BYTES
    finally:
        tracemalloc.stop()


def test_merge__objects_with_other_attributes(tmp_path: Path, rank_files: list[Path]) -> None:
    objects = graphs(20)
    for arrays in objects.values():
        arrays["evt/y_vtx"] = np.zeros((1, 3), np.float32)
    with Hdf5Writer(tmp_path / "vertex.h5", METADATA) as writer:
        writer.write(batch_of(objects))
    message = r"differ in their attributes \(evt/y_vtx\): 'r1_sr0_evt20' in .*vertex\.h5, 'r1_sr0_evt\d+' in"
    with pytest.raises(InputError, match=message):
        merge([*rank_files, tmp_path / "vertex.h5"], tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()
