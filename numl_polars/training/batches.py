"""A batch of objects as torch_geometric makes it, built from columns without an object for each.

What it is to be is what ``Batch.from_data_list`` makes of the objects: arrays joined, numbers of nodes added
to edges, ``batch`` and ``ptr`` of nodes, and the slices by which objects are found again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.utils.data
from numpy.typing import NDArray
from torch_geometric.data import Batch, HeteroData

from numl_polars.objects.batch import Array, Attribute
from numl_polars.output.arrow_reader import ArrowReader
from numl_polars.training.dataset import Fetched
from numl_polars.training.joining import joined
from numl_polars.training.memory import ReusedMemory

Int64s = NDArray[np.int64]
Attributes = Mapping[str, Attribute]

# what torch_geometric takes the number of nodes from, in the order of the attributes, and by what it knows
# that a store has nodes
_COUNTED = ("x", "feat", "pos", "node_type", "n_id", "tf")
_SHOWS_NODES = ("num_nodes", "x", "pos")
_JOINED_ITS_WAY = ("ptr", "adj", "adj_t", "face")


class _UnusualError(Exception):
    """An attribute that torch_geometric joins in a way of its own."""


def collate(objects: Sequence[HeteroData]) -> Batch:
    """Batch of some objects, equal to that of ``Batch.from_data_list``.

    Parameters
    ----------
    objects
        What `numl_polars.training.Dataset` gave for several objects at once; or any sequence of `HeteroData`,
        which torch_geometric puts together.

    Raises
    ------
    InputError
        Files differ in their attributes, or one is damaged.
    """
    if isinstance(objects, Fetched) and objects.dataset.transform is None and len(objects):
        try:
            memory = _Memory()
            return _batch(_columns(objects, memory), len(objects), memory)
        except _UnusualError:
            pass
    return Batch.from_data_list(list(objects))


class _Memory:
    """Where the values of one batch are: in shared memory of a worker, else in such as is used again."""

    def __init__(self) -> None:
        self._shared: torch.Tensor | None = None

    def __call__(self, num_bytes: int) -> NDArray[np.uint8]:
        """uint8 (num_bytes,)."""
        if torch.utils.data.get_worker_info() is None:
            return _REUSED(num_bytes)
        # one piece for all tensors, as each piece takes a file descriptor
        shared: Any = torch.UntypedStorage  # its methods are not typed
        storage = shared._new_shared(max(num_bytes, 1), device="cpu")
        self._shared = torch.empty(0, dtype=torch.uint8).set_(storage)
        found: NDArray[np.uint8] = self._shared.numpy()[:num_bytes]
        return found

    def tensor(self, values: Array) -> torch.Tensor:
        """Tensor of values in this memory, or elsewhere."""
        plain = torch.from_numpy(values)
        if self._shared is None or not values.size:
            return plain
        start = values.ctypes.data - self._shared.data_ptr()
        return self._shared[start : start + values.nbytes].view(plain.dtype).view(plain.shape)


_REUSED = ReusedMemory()


def _columns(objects: Fetched, memory: _Memory) -> Attributes:
    """Attributes of the objects by name, edges numbered through all of them."""
    found = objects.dataset.by_reader(objects.places)
    reader, _, rows = found[0]
    if len(found) == 1 and isinstance(reader, ArrowReader):
        return {one.name: one for one in reader.batch(rows, _shift, memory).attributes}
    columns = joined([(reader.batch(rows), which) for reader, which, rows in found])
    attributes = {one.name: one for one in columns.attributes}
    for name, edges in attributes.items():
        if edges.axis == 1 and edges.offsets is not None:
            added = np.repeat(_shift(name, attributes), np.diff(edges.offsets), axis=1)
            np.add(edges.values, added, out=edges.values, casting="unsafe")
    return attributes


def _batch(attributes: Attributes, num_objects: int, memory: _Memory) -> Batch:
    batch = Batch(_base_cls=HeteroData)
    slices: dict[Any, dict[str, torch.Tensor]] = {}
    increments: dict[Any, dict[str, torch.Tensor]] = {}
    nothing = torch.zeros(num_objects, dtype=torch.int64)
    for name, attribute in attributes.items():
        store, key = name.split("/")
        kind = tuple(store.split("_")) if "_" in store else store
        own = batch[kind]
        own_slices, own_increments = slices.setdefault(kind, {}), increments.setdefault(kind, {})
        _check(kind, key, attribute)
        if attribute.offsets is None:
            values = attribute.values.tolist()
            if key == "num_nodes":
                own._num_nodes, own.num_nodes = values, sum(values)
                continue
            own[key] = torch.tensor(values)
            own_slices[key], own_increments[key] = torch.arange(num_objects + 1), nothing
            continue
        own[key] = memory.tensor(attribute.values)
        own_slices[key] = torch.from_numpy(attribute.offsets)
        is_edge = attribute.axis == 1
        own_increments[key] = torch.from_numpy(_shift(name, attributes).T[:, :, None]) if is_edge else nothing
    for store in batch.node_types:
        if _shows_nodes(keys := [key for key, _ in _of_store(store, attributes)]):
            counts = torch.from_numpy(_num_nodes(store, attributes))
            batch[store].batch = torch.repeat_interleave(counts)
            batch[store].ptr = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
        elif any(key in _JOINED_ITS_WAY for key in keys):
            raise _UnusualError
    batch._num_graphs, batch._slice_dict, batch._inc_dict = num_objects, slices, increments
    return batch


def _check(kind: Any, key: str, attribute: Attribute) -> None:
    """Raise an _UnusualError for what is not joined along its first axis, or edges along their second."""
    is_edge = isinstance(kind, tuple)
    is_index = is_edge and "index" in key
    is_usual = (
        "batch" not in key
        and key not in _JOINED_ITS_WAY
        and is_index == (attribute.axis == 1 and attribute.offsets is not None)
        and (not is_index or attribute.values.dtype == np.int64)
        and (key != "num_nodes" or (attribute.offsets is None and not is_edge))
        and attribute.values.dtype.kind + str(attribute.values.dtype.itemsize) not in ("u2", "u4", "u8")
    )
    if not is_usual:
        raise _UnusualError


def _shift(name: str, attributes: Attributes) -> Int64s:
    """int64 (2, objects): number of source and of target nodes of the objects before each."""
    source, *_, target = name.partition("/")[0].split("_")
    counts = np.stack([_num_nodes(store, attributes) for store in (source, target)])
    return np.cumsum(counts, axis=1) - counts


def _num_nodes(store: str, attributes: Attributes) -> Int64s:
    """int64 (objects,): number of nodes of a store, as torch_geometric takes it."""
    own = dict(_of_store(store, attributes))
    if "num_nodes" in own and own["num_nodes"].offsets is None:
        return own["num_nodes"].values.astype(np.int64)
    counted = [key for key in own if key in _COUNTED] + [key for key in own if "node" in key]
    for key in counted:
        offsets = own[key].offsets
        if offsets is not None:
            return np.diff(offsets)
    raise _UnusualError


def _of_store(store: str, attributes: Attributes) -> Iterator[tuple[str, Attribute]]:
    for name, attribute in attributes.items():
        own, _, key = name.partition("/")
        if own == store:
            yield key, attribute


def _shows_nodes(keys: Sequence[str]) -> bool:
    return any(key in _SHOWS_NODES or "node" in key for key in keys)
