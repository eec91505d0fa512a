import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

import numl_polars as nl
from numl_polars.errors import InputError, OptionError
from numl_polars.output.arrow import ArrowReader, ArrowWriter
from numl_polars.output.layout import GraphMetadata
from numl_polars.training import DataLoader, Dataset
from tests.output.builder import METADATA, batch_of, graph, graphs
from tests.training.comparing import assert_same_batch

FORMATS = ("arrow", "hdf5", "pt")


def shard(path: Path, *events: int, metadata: GraphMetadata = METADATA) -> Path:
    with ArrowWriter(path, metadata) as writer:
        writer.write(batch_of(graphs(*events)))
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_dataset__samples_of_a_merged_file(small: dict[str, Path], name: str) -> None:
    splits = nl.Splits(0.5, 0.25, 0.25)
    whole = Dataset(small[name])
    assert len(whole) == 40
    expected = splits.assign([f"r1_sr0_evt{event}" for event in range(40) if event % 3])
    for split, names in expected.items():
        dataset = Dataset(small[name], split)
        assert dataset.names == names
        assert len(dataset) == len(names) == len(list(dataset))
        for i in (0, -1):
            event = int(names[i].rpartition("t")[2])
            assert dataset[i]["metadata"].event == event
            assert torch.equal(dataset[i]["hit"].x, torch.from_numpy(graph(event)["hit/x"]))
        sizes = [sum(array.nbytes for array in graphs(e)[n].values()) for n in names for e in [int(n[10:])]]
        assert dataset.sizes.tolist() == sizes
    own = Dataset(small[name], "test", splits=nl.Splits(0, 0, 1))
    assert len(own) == 40


def test_dataset__formats_agree(small: dict[str, Path]) -> None:
    for split in ("train", "test"):
        one, *others = (next(iter(DataLoader(Dataset(small[name], split), 8))) for name in FORMATS)
        for other in others:
            assert_same_batch(one, other)


def test_dataset__tensors_are_views_of_the_mapped_file(small: dict[str, Path]) -> None:
    dataset = Dataset(small["arrow"])
    (reader,) = dataset.readers
    assert isinstance(reader, ArrowReader)
    content = pa.py_buffer(reader._pages)
    inside = range(content.address, content.address + content.size)
    assert dataset[5]["hit"].x.data_ptr() in inside
    assert dataset[5]["hit"].x.data_ptr() == dataset[5]["hit"].x.data_ptr()
    assert Dataset(small["arrow"], writable=True)[5]["hit"].x.data_ptr() not in inside
    changed = Dataset(small["arrow"], transform=lambda data: data)[5]
    assert changed["hit"].x.data_ptr() not in inside


@pytest.mark.parametrize("name", ["arrow", "hdf5", "pt"])
def test_dataset__objects_may_be_changed(small: dict[str, Path], name: str) -> None:
    dataset = Dataset(small[name], writable=True)
    before = [store.to_dict() for store in dataset[5].stores]
    for store in dataset[5].stores:
        for value in store.to_dict().values():
            if isinstance(value, torch.Tensor):
                value.zero_().add_(1)
    for one, other in zip([store.to_dict() for store in dataset[5].stores], before, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(torch.as_tensor(one[key]), torch.as_tensor(other[key])) for key in one)


def test_dataset__rank_files_are_split_by_hash(tmp_path: Path) -> None:
    one, other = shard(tmp_path / "a.arrow", *range(50)), shard(tmp_path / "b.arrow", *range(50, 99))
    found = {split: Dataset([one, other], split).names for split in ("train", "validation", "test")}
    assert found == nl.Splits(by="hash").assign([f"r1_sr0_evt{event}" for event in range(99)])
    assert set(Dataset(one, "train").names) <= set(found["train"])


def test_dataset__pickled_is_its_options(small: dict[str, Path]) -> None:
    dataset = Dataset(small["arrow"], "train")
    pickled = pickle.dumps(dataset)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    assert again.names == dataset.names
    assert torch.equal(again[3]["hit"].x, dataset[3]["hit"].x)


def test_dataset__wrong_options(small: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"no split 'val' \(has train, validation, test\)"):
        Dataset(small["arrow"], "val")
    with pytest.raises(OptionError, match="no training file is named"):
        Dataset([])
    with pytest.raises(InputError, match="no such file"):
        Dataset(tmp_path / "none.arrow")
    with pytest.raises(IndexError, match="no object 40 in a split of 40"):
        Dataset(small["arrow"])[40]
    rank = shard(tmp_path / "a.arrow", 100)
    with pytest.raises(InputError, match=r"a\.arrow has no samples, other files have"):
        Dataset([small["arrow"], rank], "train")
    assert len(Dataset([small["arrow"], rank])) == 41


def test_dataset__classes(small: dict[str, Path], tmp_path: Path) -> None:
    Dataset(small["arrow"], classes={"semantic_classes": ["track", "shower"]})
    message = r"'semantic_classes' is \('track', 'shower'\) in .*small\.arrow, not \('shower', 'track'\)"
    with pytest.raises(InputError, match=message):
        Dataset(small["arrow"], classes={"semantic_classes": ["shower", "track"]})
    message = r"has no list of classes 'edge_classes' \(has 'semantic_classes', 'event_classes'\)"
    with pytest.raises(InputError, match=message):
        Dataset(small["arrow"], classes={"edge_classes": []})
    other = shard(tmp_path / "a.arrow", 50, metadata=GraphMetadata(("u", "v", "y"), ("shower", "track")))
    with pytest.raises(InputError, match="'semantic_classes' differs"):
        Dataset([small["arrow"], other])


@pytest.mark.parametrize(
    "name, context", [("arrow", "fork"), ("hdf5", "fork"), ("pt", "fork"), ("arrow", "spawn")]
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_loader__workers(small: dict[str, Path], name: str, context: str) -> None:
    dataset = Dataset(small[name], "train")
    plain = list(DataLoader(dataset, 4))
    num_workers = 1 if context == "spawn" else 2  # a spawned one imports torch anew
    loader = DataLoader(
        dataset,
        4,
        num_workers=num_workers,
        multiprocessing_context=context,
        persistent_workers=True,
    )
    for _ in range(2):
        found = list(loader)
        assert len(found) == len(plain)
        for one, other in zip(found, plain, strict=True):
            assert_same_batch(one, other)
    # one piece of memory for all attributes, besides those of the slices
    if name == "arrow":
        pieces = {one["hit"][key].untyped_storage().data_ptr() for key in ("x", "id")}
        assert len(pieces) == 1


def test_loader__order(small: dict[str, Path]) -> None:
    dataset = Dataset(small["arrow"], "train")

    def events(seed: int) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        loader = DataLoader(dataset, 4, shuffle=True, generator=generator)
        return [event for batch in loader for event in batch["metadata"].event.tolist()]

    assert events(1) == events(1) != events(2)
    assert sorted(events(1)) == sorted(dataset[i]["metadata"].event for i in range(len(dataset)))


def test_training__never_imports_polars(small: dict[str, Path]) -> None:
    script = f"""
import sys
import numl_polars as nl
assert "torch" not in sys.modules
def check(data):
    assert "polars" not in sys.modules
    return data
if __name__ == "__main__":
    for path in {[str(path) for path in small.values()]}:
        for transform in (None, check):
            dataset = nl.training.Dataset(path, "train", transform=transform)
            for workers in (0, 1):
                found = list(nl.training.DataLoader(dataset, 8, num_workers=workers))
                assert sum(len(batch) for batch in found) == len(dataset)
    print("polars" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "False", run.stderr


def test_training__names() -> None:
    assert sorted(nl.training.__all__) == dir(nl.training)
    for name in nl.training.__all__:
        if name != "DataModule":
            assert getattr(nl.training, name).__doc__
    with pytest.raises(AttributeError, match=r"module 'numl_polars.training' has no attribute 'loader_'"):
        _ = nl.training.loader_


def test_loader__sizes_are_those_of_tensors(small: dict[str, Path]) -> None:
    for name in FORMATS:
        dataset = Dataset(small[name], "validation")
        tensors = [
            sum(
                np.asarray(value).nbytes if not isinstance(value, torch.Tensor) else value.nbytes
                for store in data.stores
                for key, value in store.items()
                if store._key != "metadata"
            )
            for data in dataset
        ]
        assert all(size - found == 8 for size, found in zip(dataset.sizes, tensors, strict=True))
