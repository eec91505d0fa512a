import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader as PygLoader

import numl_polars as nl
from numl_polars.errors import InputError
from numl_polars.objects.batch import Array
from numl_polars.output.arrow import ArrowWriter
from numl_polars.training import Dataset, collate
from numl_polars.training.memory import ReusedMemory
from tests.output.builder import METADATA, batch_of, graph
from tests.output.test_arrow import compact
from tests.training.comparing import assert_same_batch

FORMATS = ("arrow", "hdf5", "pt")


def write(path: Path, objects: dict[str, dict[str, Array]]) -> Path:
    with ArrowWriter(path, METADATA, overwrite=True) as writer:
        writer.write(compact(batch_of(objects)))
    return path


def assert_as_from_data_list(dataset: Dataset, places: list[int]) -> None:
    objects = [dataset[place] for place in places]
    found = collate(dataset.__getitems__(places))
    assert_same_batch(found, Batch.from_data_list(objects))
    for i, expected in enumerate(objects):
        one = found.get_example(i)
        for store in expected.stores:
            for key, value in store.items():
                again = one[store._key][key]
                if not isinstance(value, torch.Tensor):
                    again = again.item() if isinstance(again, torch.Tensor) else again
                    assert again == value
                else:
                    torch.testing.assert_close(again, value, rtol=0, atol=0, equal_nan=True)
    assert len(found.to_data_list()) == len(places)


@pytest.mark.parametrize("name", FORMATS)
def test_collate__equals_from_data_list(
    small: dict[str, Path], name: str, random: np.random.Generator
) -> None:
    dataset = Dataset(small[name])
    for number in (1, 2, 17, 40):
        assert_as_from_data_list(dataset, random.permutation(len(dataset))[:number].tolist())
    assert_as_from_data_list(dataset, [3, 3, 0, 3])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("collate")


sizes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=6)


@given(sizes=sizes, data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_collate__any_sizes(folder: Path, sizes: list[tuple[int, int]], data: st.DataObject) -> None:
    objects = {f"r1_sr0_evt{i}": graph(i, hits, points) for i, (hits, points) in enumerate(sizes)}
    for arrays in objects.values():
        arrays["evt/num_nodes"] = np.array(1)
        arrays["evt/y"] = np.zeros(1, np.int64)
        arrays["hit/mask"] = arrays["hit/id"] % 2 == 0
        arrays["hit_delaunay_hit/edge_label"] = arrays["hit_delaunay_hit/edge_index"][0]
        arrays["pixelmap/values"] = np.full((1, 2, 3, 4), len(arrays["hit/id"]), np.float32)
        arrays["metadata/weight"] = np.array(0.5)
    dataset = Dataset(write(folder / "a.arrow", objects))
    places = data.draw(st.lists(st.sampled_from(range(len(sizes))), min_size=1, max_size=8))
    assert_as_from_data_list(dataset, places)


@pytest.mark.parametrize(
    "name, values",
    [
        ("hit/hit_batch", np.arange(3)),
        ("hit_delaunay_hit/batch", np.arange(3)),
        ("pixel/values", np.arange(3)),
    ],
)
def test_collate__what_torch_geometric_joins_in_a_way_of_its_own(
    tmp_path: Path, name: str, values: Array
) -> None:
    objects = {f"r1_sr0_evt{i}": graph(i) | {name: values} for i in range(3)}
    dataset = Dataset(write(tmp_path / "a.arrow", objects))
    places = [2, 0, 1]
    assert_same_batch(
        collate(dataset.__getitems__(places)), Batch.from_data_list([dataset[place] for place in places])
    )


def test_collate__several_files(tmp_path: Path, random: np.random.Generator) -> None:
    paths = [
        write(tmp_path / f"{rank}.arrow", {f"r1_sr0_evt{i}": graph(i, i % 5, i % 4) for i in events})
        for rank, events in enumerate((range(7), range(7, 8), range(8, 20)))
    ]
    dataset = Dataset(paths)
    assert len(dataset) == 20
    assert_as_from_data_list(dataset, random.permutation(20).tolist())
    assert_as_from_data_list(dataset, [7, 7])
    less = {"r1_sr0_evt90": {key: array for key, array in graph(90).items() if key != "hit/x"}}
    odd = Dataset([*paths, write(tmp_path / "odd.arrow", less)])
    with pytest.raises(InputError, match=r"differ in their attributes \(hit/x\): 'r1_sr0_evt90', '"):
        collate(odd.__getitems__([0, 20]))


def test_collate__simulated_graphs(tmp_path: Path) -> None:
    nl.simulate(tmp_path / "a.evt.h5", events=12, seed=3)
    graph = nl.HitGraph(particle_labels=nl.StandardLabels(), event_labels=nl.FlavorLabels(), vertex=True)
    with nl.open(tmp_path / "a.evt.h5") as events:
        (batch,) = events.batches(1 << 30)
        objects = graph.build(batch).objects
    for make in (compact, lambda objects: objects):
        with ArrowWriter(tmp_path / "a.arrow", METADATA, overwrite=True) as writer:
            writer.write(make(objects))
        dataset = Dataset(tmp_path / "a.arrow")
        assert_as_from_data_list(dataset, list(range(len(dataset)))[::-1])


def test_collate__with_other_loaders(small: dict[str, Path]) -> None:
    dataset = Dataset(small["arrow"], "train")
    ours = next(iter(nl.training.DataLoader(dataset, 7)))
    assert_same_batch(ours, next(iter(PygLoader(dataset, 7))))
    plain = torch.utils.data.DataLoader(dataset, 7, collate_fn=collate)
    assert_same_batch(ours, next(iter(plain)))


def test_collate__transform(small: dict[str, Path]) -> None:
    def halve(data: Any) -> Any:
        data["hit"].x /= 2
        return data

    dataset = Dataset(small["arrow"], transform=halve)
    plain = Dataset(small["arrow"])
    for _ in range(2):
        found = collate(dataset.__getitems__([4, 5]))
        assert torch.equal(found["hit"].x, collate(plain.__getitems__([4, 5]))["hit"].x / 2)


def test_reused_memory() -> None:
    memory = ReusedMemory(3)
    first = memory(100)
    address = first.ctypes.data
    second = memory(100)
    assert second.ctypes.data != address
    tensor = torch.from_numpy(first[10:20])
    del first
    assert memory(100).ctypes.data != address
    del tensor
    assert address in [piece.ctypes.data for piece in [memory(90), memory(90)]]
    kept = [memory(100) for _ in range(5)]
    assert len({piece.ctypes.data for piece in kept}) == 5
    assert memory(0).shape == (0,)


def test_collate__files_with_attributes_in_another_order(tmp_path: Path) -> None:
    objects = {f"r1_sr0_evt{event}": graph(event) for event in (1, 2)}
    reversed_ones = {name: dict(reversed(arrays.items())) for name, arrays in objects.items()}
    dataset = Dataset([write(tmp_path / "a.arrow", objects), write(tmp_path / "b.arrow", reversed_ones)])
    with pytest.raises(InputError, match=r"differ in their attributes \(their order\)"):
        collate(dataset.__getitems__([0, 2]))


KEEPERS: dict[str, Callable[[torch.Tensor], Any]] = {
    "tensor": lambda tensor: tensor,
    "slice": lambda tensor: tensor[1:],
    "row": lambda tensor: tensor[-1],
    "view": lambda tensor: tensor.view(torch.uint8),
    "transposed": lambda tensor: tensor.T,
    "detached": lambda tensor: tensor.detach(),
    "numpy": lambda tensor: tensor.numpy(),
    "numpy of a slice": lambda tensor: tensor[1:].numpy()[:, 1:],
    "bytes": lambda tensor: tensor.numpy().data,
    "storage": lambda tensor: tensor.untyped_storage(),
    "DLPack": lambda tensor: np.from_dlpack(tensor),
    "autograd": lambda tensor: (tensor * torch.ones(2, requires_grad=True)).sum().grad_fn,
    "parameter": lambda tensor: torch.nn.Parameter(tensor),
    "generator": lambda tensor: (row for row in tensor),
}


@pytest.mark.parametrize("kept", KEEPERS)
def test_reused_memory__never_changes_under_what_is_kept(kept: str) -> None:
    memory = ReusedMemory(3)
    held, addresses = [], set()
    for number in range(8):
        given = memory(64)
        assert given.ctypes.data not in addresses, number
        addresses.add(given.ctypes.data)
        given[:] = number
        held.append(KEEPERS[kept](torch.from_numpy(given[16:48].view(np.float32).reshape(4, 2))))
        if kept == "generator":
            next(held[-1])
    del given, held
    assert memory(64).ctypes.data in addresses


def test_reused_memory__threads() -> None:
    memory = ReusedMemory(4)

    def work(number: int) -> bool:
        random, held, right = np.random.default_rng(number), [], True
        for turn in range(400):
            value = (number * 31 + turn) % 251
            given = memory(int(random.integers(1, 5000)))
            given[:] = value
            held.append((torch.from_numpy(given[len(given) // 2 :]), value))
            if len(held) > 5:
                tensor, written = held.pop(int(random.integers(len(held))))
                right &= bool((tensor == written).all())
        return right

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_collate__batches_of_threads(small: dict[str, Path]) -> None:
    """One data set, read by several threads which keep what they get."""
    dataset = Dataset(small["arrow"])
    places = [[i, (7 * i) % 40, 39 - i] for i in range(40)]
    expected = [Batch.from_data_list([dataset[i] for i in three]) for three in places]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda three: collate(dataset.__getitems__(three)), places * 3))
    for one, other in zip(found, expected * 3, strict=True):
        assert_same_batch(one, other)


def test_training__names_are_not_hidden_by_modules() -> None:
    script = (
        "import numl_polars.training as training; from numl_polars.training import DataLoader\n"
        "print(all(callable(getattr(training, name)) for name in training.__all__))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"
