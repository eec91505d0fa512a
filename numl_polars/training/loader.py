"""Loader of batches: torch's, with what this package's data sets need."""

from importlib import import_module
from typing import Any

import torch.utils.data

from numl_polars.training.batches import collate


class DataLoader(torch.utils.data.DataLoader[Any]):
    """Batches of a data set as torch_geometric's ``HeteroDataBatch``.

    Works in this process and in workers, forked or spawned; workers never import Polars.

    Parameters
    ----------
    dataset
        A `numl_polars.training.Dataset`, or torch's ``Subset`` of one.
    batch_size
        Objects in a batch.
    shuffle
        Draw a new order in each epoch, from `generator` if there is one.
    **options
        Of `torch.utils.data.DataLoader`: ``sampler``, ``num_workers``, ``drop_last``, ``pin_memory``,
        ``persistent_workers``, ``multiprocessing_context``, ….
    """

    def __init__(
        self,
        dataset: torch.utils.data.Dataset[Any],
        batch_size: int = 1,
        shuffle: bool | None = None,
        **options: Any,
    ) -> None:
        options.pop("collate_fn", None)  # Lightning makes loaders anew with what they were made with
        if options.get("num_workers"):
            # workers must not compile them all at once, as their cache has one writer
            import_module("numl_polars.output.arrow_kernels")
        super().__init__(dataset, batch_size, shuffle, collate_fn=collate, **options)
