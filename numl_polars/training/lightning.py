"""Training files as a data module of pytorch_lightning, with the options of NuGraph's."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch

from numl_polars.errors import OptionError
from numl_polars.output.splits import Splits
from numl_polars.training.dataset import Dataset, Paths
from numl_polars.training.loader import DataLoader
from numl_polars.training.sampling import BalancedSampler

try:
    from pytorch_lightning import LightningDataModule
except ImportError as error:
    raise ImportError(
        "numl_polars.training.DataModule needs pytorch_lightning: pip install 'numl-polars[lightning]'"
    ) from error

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Shuffle = Literal["random", "balance"]


class DataModule(LightningDataModule):
    """Loaders of train, validation and test batches.

    Parameters
    ----------
    data_path
        Training file of any format, or several.
    model
        A class whose ``transform(planes)`` gives the transform, as NuGraph's models; instead of `transform`.
    batch_size
        Objects in a batch.
    num_workers
        Worker processes of each loader.
    shuffle
        Order of the train samples: ``random``, or ``balance``, which spreads the largest over batches.
    balance_frac
        Fraction of the objects that ``balance`` spreads.
    splits, transform, classes
        As of `numl_polars.training.Dataset`.
    seed
        Of ``balance``; ``random`` follows torch's.
    pin_memory
        Whether batches are made such that they move to a GPU fast; None: where there is one.
    persistent_workers, multiprocessing_context
        As of `torch.utils.data.DataLoader`; without workers they are not used.

    Attributes
    ----------
    train_dataset, val_dataset, test_dataset
        The data sets.
    planes, semantic_classes, event_classes, gen
        What the files say; None for classes that they have not.

    Raises
    ------
    InputError, OptionError
        As of `numl_polars.training.Dataset`; or there is no such `shuffle`.
    """

    def __init__(
        self,
        data_path: Paths,
        model: Any = None,
        batch_size: int = 64,
        num_workers: int = 5,
        shuffle: Shuffle = "random",
        balance_frac: float = 0.1,
        *,
        splits: Splits | None = None,
        transform: "Callable[[HeteroData], HeteroData] | None" = None,
        classes: Mapping[str, Sequence[str]] | None = None,
        seed: int = 0,
        pin_memory: bool | None = None,
        persistent_workers: bool = True,
        multiprocessing_context: str | None = None,
    ) -> None:
        super().__init__()
        if shuffle not in ("random", "balance"):
            raise OptionError(f"shuffle {shuffle!r} is neither 'random' nor 'balance'")
        if model is not None and transform is not None:
            raise OptionError("both a model and a transform are given: one of them says the transform")
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.balance_frac = balance_frac
        self.seed = seed
        self._options: dict[str, Any] = {
            "num_workers": num_workers,
            "pin_memory": torch.cuda.is_available() if pin_memory is None else pin_memory,
        }
        if num_workers:
            self._options |= {
                "persistent_workers": persistent_workers,
                "multiprocessing_context": multiprocessing_context,
            }
        self.train_dataset, self.val_dataset, self.test_dataset = (
            Dataset(data_path, split, splits=splits, transform=transform, classes=classes)
            for split in ("train", "validation", "test")
        )
        metadata = self.train_dataset.metadata
        self.planes = None if metadata is None else metadata.planes
        self.semantic_classes = None if metadata is None else metadata.semantic_classes
        self.event_classes = None if metadata is None else metadata.event_classes
        self.gen = None if metadata is None else metadata.gen
        if model is not None:
            for dataset in (self.train_dataset, self.val_dataset, self.test_dataset):
                dataset.transform = model.transform(self.planes)

    def train_dataloader(self) -> DataLoader:
        """Shuffled batches; an incomplete one at the end of an epoch is left out."""
        order: dict[str, Any] = {"shuffle": True}
        if self.shuffle == "balance":
            sampler = BalancedSampler(
                self.train_dataset.sizes,
                self.batch_size,
                balance_frac=self.balance_frac,
                drop_last=True,
                seed=self.seed,
            )
            order = {"sampler": sampler}
        return DataLoader(self.train_dataset, self.batch_size, drop_last=True, **order, **self._options)

    def val_dataloader(self) -> DataLoader:
        """Batches in the order of the split."""
        return DataLoader(self.val_dataset, self.batch_size, **self._options)

    def test_dataloader(self) -> DataLoader:
        """Batches in the order of the split."""
        return DataLoader(self.test_dataset, self.batch_size, **self._options)

    @property
    def num_hit_features(self) -> int:
        """Number of features of a hit."""
        return int(self.train_dataset[0]["hit"].x.size(1))
