"""Arrays of one object as tensors of a torch_geometric HeteroData, without copying."""

import warnings
from collections.abc import Mapping

import numpy as np
import torch
from torch_geometric.data import HeteroData


def hetero_data(arrays: Mapping[str, np.ndarray]) -> HeteroData:
    """HeteroData of an object's attributes (``store/attribute``).

    Tensors share memory with the arrays, and so with the columns that these are views of: copy before you
    change one in place. Scalars become Python numbers.
    """
    data = HeteroData()
    for name, values in arrays.items():
        store, attribute = name.split("/")
        key = tuple(store.split("_")) if "_" in store else store
        data[key][attribute] = values.item() if values.ndim == 0 else _tensor(values)
    return data


def _tensor(values: np.ndarray) -> torch.Tensor:
    with warnings.catch_warnings():
        # columns are read-only to NumPy
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(values)
