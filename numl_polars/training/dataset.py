"""Training files as a data set: objects by position, and many at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch.utils.data
from numpy.typing import NDArray

from numl_polars.errors import InputError, OptionError
from numl_polars.objects.tensors import hetero_data
from numl_polars.output.formats import open_objects
from numl_polars.output.layout import GraphMetadata, common_metadata
from numl_polars.output.protocols import ObjectReader
from numl_polars.output.splits import SPLIT_NAMES, Splits

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Int64s = NDArray[np.int64]
Paths = str | Path | Sequence[str | Path]
_OPTIONS = ("paths", "split", "splits", "transform", "classes", "writable")


class Dataset(torch.utils.data.Dataset["HeteroData"]):
    """Objects of one split, as torch_geometric's `HeteroData`; a map-style data set.

    Its batches, fetched by `numl_polars.training.DataLoader`, are built straight from columns. It is pickled
    as its options: each process opens the files for itself.

    Parameters
    ----------
    path
        Training file of any format, or several: their objects follow one another.
    split
        ``train``, ``validation`` or ``test``; None: all objects.
    splits
        How objects are split. None: as the files say; by hash of run, subrun and event where they were not
        merged and say nothing.
    transform
        Called with each object, which it may change and must return; batches are then made object by object.
    classes
        What the caller takes the classes to be, by the name of their list: ``{"semantic_classes": (…)}``.
    writable
        Copy what would be a view of the file, so that tensors of single objects may be changed in place;
        `transform` and batches are given such in any case.

    Raises
    ------
    InputError
        A file cannot be read, files differ in planes or classes, some have samples and others none, or the
        classes are not those of the files.
    OptionError
        No file is named, or there is no such split.
    """

    def __init__(
        self,
        path: Paths,
        split: str | None = None,
        *,
        splits: Splits | None = None,
        transform: "Callable[[HeteroData], HeteroData] | None" = None,
        classes: Mapping[str, Sequence[str]] | None = None,
        writable: bool = False,
    ) -> None:
        self.paths = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
        self.split = split
        self.splits = splits
        self.transform = transform
        self.classes = classes
        self.writable = writable
        if not self.paths:
            raise OptionError("no training file is named")
        if split is not None and split not in SPLIT_NAMES:
            raise OptionError(f"no split {split!r} (has {', '.join(SPLIT_NAMES)})")
        self._open()

    def _open(self) -> None:
        self.readers: list[ObjectReader] = [open_objects(path) for path in self.paths]
        self._starts = np.cumsum([0, *(len(reader.names) for reader in self.readers)])
        self.metadata = _metadata(self.readers)
        if self.classes is not None:
            check_classes(self.metadata, self.classes, ", ".join(map(str, self.paths)))
        self.rows = self._split_rows()

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in _OPTIONS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> "Iterator[HeteroData]":
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> "HeteroData":
        """Object `i` of the split.

        Without `transform` and `writable`, tensors of an uncompressed Arrow file are views of it wherever it
        holds them as they are. No tensor can be read-only: a change in place would end the process.
        """
        if not -len(self) <= i < len(self):
            raise IndexError(f"no object {i} in a split of {len(self):,}")
        reader, row = self._find(int(self.rows[i]))
        arrays = reader.arrays(row)
        if self.writable or self.transform is not None:
            arrays = {
                name: array if array.flags.writeable else array.copy() for name, array in arrays.items()
            }
        data = hetero_data(arrays)
        return data if self.transform is None else self.transform(data)

    def __getitems__(self, places: Sequence[int]) -> "Fetched":
        """Several objects, read when they are put together; what torch's loaders call."""
        return Fetched(self, places)

    @property
    def names(self) -> list[str]:
        """Names of the objects, as in ``r1_sr0_evt5``."""
        found = []
        for row in self.rows.tolist():
            reader, own = self._find(row)
            found.append(reader.names[own])
        return found

    @property
    def sizes(self) -> Int64s:
        """int64 (objects,): bytes of each object's tensors."""
        sizes = np.concatenate([reader.sizes for reader in self.readers])
        return np.asarray(sizes[self.rows], np.int64)

    def by_reader(self, places: Sequence[int]) -> list[tuple[ObjectReader, Int64s, Int64s]]:
        """For each file with objects at these places: it, which of `places`, and the rows of those in it."""
        rows = self.rows[np.asarray(places, np.int64)]
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        return [
            (self.readers[number], which, rows[which] - self._starts[number])
            for number in np.unique(owner).tolist()
            for which in [np.flatnonzero(owner == number)]
        ]

    def close(self) -> None:
        """Close the files."""
        for reader in self.readers:
            reader.close()

    def _find(self, row: int) -> tuple[ObjectReader, int]:
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self.readers[number], row - int(self._starts[number])

    def _split_rows(self) -> Int64s:
        if self.split is None:
            return np.arange(self._starts[-1])
        samples = [reader.samples for reader in self.readers]
        if self.splits is None and any(samples):
            without = [str(path) for path, found in zip(self.paths, samples, strict=True) if not found]
            if without:
                raise InputError(
                    f"{without[0]} has no samples, other files have: merge them, or say splits for all"
                )
            return np.concatenate(
                [found[self.split] + start for found, start in zip(samples, self._starts, strict=False)]
            )
        names = [name for reader in self.readers for name in reader.names]
        return (self.splits or Splits(by="hash")).rows(names)[self.split]


class Fetched(Sequence["HeteroData"]):
    """Objects of a data set at some places: a sequence of them, and what `collate` reads as columns."""

    def __init__(self, dataset: Dataset, places: Sequence[int]) -> None:
        self.dataset = dataset
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self.dataset[place] for place in self.places[i]]
        return self.dataset[self.places[i]]


def check_classes(metadata: GraphMetadata | None, classes: Mapping[str, Sequence[str]], where: str) -> None:
    """Nothing, if the files have these lists of classes.

    Raises
    ------
    InputError
        They have not.
    """
    own = metadata.class_lists if metadata is not None else {}
    for name, expected in classes.items():
        if name not in own:
            has = ", ".join(f"'{key}'" for key in own) or "none"
            raise InputError(f"{where} has no list of classes '{name}' (has {has})")
        if tuple(expected) != own[name]:
            raise InputError(f"'{name}' is {own[name]} in {where}, not {tuple(expected)}")


def _metadata(readers: Sequence[ObjectReader]) -> GraphMetadata | None:
    found = [(str(reader.path), reader.metadata) for reader in readers if reader.metadata is not None]
    return common_metadata(found) if found else None
