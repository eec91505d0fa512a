"""Format pt: a folder with one file an object, for ``torch.load``, and an index.

A file holds plain tensors and numbers, ``{store: {attribute: value}}`` with edges under the tuple of their
three names: what ``HeteroData.from_dict`` takes, and what ``torch.load`` reads with ``weights_only=True``.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from numl_polars.errors import InputError, OutputError
from numl_polars.objects.batch import Array, ObjectBatch
from numl_polars.output.attribute_kinds import AttributeKind, Kinds, agreed_kinds, kinds_of
from numl_polars.output.files import pending, reason, unfinished, writing
from numl_polars.output.layout import GraphMetadata, check_attribute_name, event_of
from numl_polars.output.pt_index import Index, check_replaceable, file_name, read_index
from numl_polars.output.samples import Samples, Tally

Int64s = NDArray[np.int64]
EVENT_ATTRIBUTES = ("metadata/run", "metadata/subrun", "metadata/event")
Stores = dict[str | tuple[str, ...], dict[str, Any]]


class PtWriter:
    """Context manager that writes the objects of one rank to one folder, visible only when it is whole.

    Parameters
    ----------
    path
        Folder to write.
    metadata
        File-level content.
    overwrite
        Whether a folder of this format that is there may be replaced.
    hidden
        Leave the whole folder under its hidden name, `part`; `files.finish` gives it that of `path`.
    samples
        Rows of the objects of each split, counted as they are written; None: the folder has no samples.

    Raises
    ------
    OutputError
        On entering, if `path` cannot be written, or is a folder of another kind; on leaving, if the folder
        cannot be completed.
    """

    def __init__(
        self,
        path: Path,
        metadata: GraphMetadata,
        *,
        overwrite: bool = False,
        hidden: bool = False,
        samples: Samples | None = None,
    ) -> None:
        self.path = path
        self.metadata = metadata
        self.overwrite = overwrite
        self._target = unfinished if hidden else pending
        self._samples = samples
        self._written = Tally()
        self._files: dict[str, int] = {}
        self._kinds: list[Kinds] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            check_replaceable(self.path)
            self.part = stack.enter_context(self._target(self.path, overwrite=self.overwrite, folder=True))
            stack.enter_context(self._indexed())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, objects: ObjectBatch) -> None:
        """Write each object of the batch, in order.

        Raises
        ------
        OutputError
            The disk is full or fails, or an object of that name is in the folder already.
        ValueError
            An attribute is not named ``store/attribute``, or is no array of integers, floats or booleans.
        """
        kinds = kinds_of(objects)
        for name, kind in kinds.items():
            check_attribute_name(name)
            if kind.dtype.kind not in "biuf" or kind.dtype.itemsize > 8:
                raise ValueError(
                    f"attribute '{name}' of dtype {kind.dtype} cannot be written, only integers, floats "
                    f"of at most 64 bits and booleans"
                )
        if kinds not in self._kinds:
            self._kinds.append(kinds)
        for name, arrays in zip(objects.names, objects, strict=True):
            file = file_name(name)
            if file in self._files:
                raise OutputError(f"object '{name}' is written to {self.path} a second time")
            content = io.BytesIO()
            torch.save(to_stores(arrays), content)
            with writing(self.path):
                self._files[file] = (self.part / file).write_bytes(content.getbuffer())
        self._written.add(objects)

    @contextmanager
    def _indexed(self) -> Iterator[None]:
        """Nothing; the index is written when the block has ended well."""
        yield
        index = Index(
            self.metadata,
            agreed_kinds(self._kinds),
            self._written.names,
            tuple(self._files),
            np.array([*self._files.values()], np.int64),
            self._written.tensor_bytes,
            self._written.has_all_nodes,
            self._samples or {},
        )
        with writing(self.path):
            index.write(self.part)


class PtReader:
    """Objects of a folder of format pt; see `protocols.ObjectReader`.

    Raises
    ------
    InputError
        The folder is not of this format, or its index is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._index = read_index(self.path)
        self.metadata = self._index.metadata

    def __reduce__(self) -> tuple[type["PtReader"], tuple[Path]]:
        return PtReader, (self.path,)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> Sequence[str]:
        """Names of the objects, in the order in which they were written."""
        return self._index.names

    @property
    def samples(self) -> Samples:
        """Rows of each split's objects, in the split's order; empty for a folder that was not merged."""
        return self._index.samples

    @property
    def sizes(self) -> Int64s:
        """int64 (objects,): bytes of each object's tensors."""
        return self._index.tensor_bytes

    @property
    def kinds(self) -> Kinds:
        """What is common to all arrays of each attribute, in the order of the attributes."""
        return self._index.kinds

    def arrays(self, row: int) -> dict[str, Array]:
        """Attributes of one object by name.

        Raises
        ------
        InputError
            Its file is missing, or damaged, or is not one of `torch.save`, or holds the object of another
            event, or attributes of another dtype or shape than the index says.
        """
        path = self.path / self._index.files[row]
        arrays = read_arrays(path, self.kinds)
        if arrays.keys() != self.kinds.keys():
            odd = sorted(arrays.keys() ^ self.kinds.keys())
            raise InputError(f"{path} has not the attributes that the index says: {', '.join(odd)}")
        for name, kind in self.kinds.items():
            if not kind.holds(arrays[name]):
                raise InputError(f"'{name}' is not what the index says in {path}")
        numbers = [arrays[name] for name in EVENT_ATTRIBUTES if name in arrays]
        event = tuple(number.item() for number in numbers if number.ndim == 0 and number.dtype.kind in "iu")
        if len(event) == len(EVENT_ATTRIBUTES) and event_of(self.names[row]) not in (None, event):
            run, subrun, number = event
            raise InputError(f"{path} holds the object of run {run}, subrun {subrun}, event {number}")
        return {name: arrays[name] for name in self.kinds}

    def batch(self, rows: Sequence[int] | NDArray[Any]) -> ObjectBatch:
        """Attributes of some objects as columns, in the order of `rows`.

        Raises
        ------
        InputError
            As `arrays`.
        """
        rows = [int(row) for row in rows]
        found = [self.arrays(row) for row in rows]
        return ObjectBatch(
            tuple(self.names[row] for row in rows),
            np.array(rows, np.int64),
            tuple(kind.join(name, [arrays[name] for arrays in found]) for name, kind in self.kinds.items()),
        )

    def close(self) -> None:
        """Nothing is kept open."""


def to_stores(arrays: Mapping[str, Array]) -> Stores:
    """Attributes of an object (``store/attribute``) as tensors of their own; scalars as Python numbers."""
    stores: Stores = {}
    for name, values in arrays.items():
        store, _, attribute = name.partition("/")
        key = tuple(store.split("_")) if "_" in store else store
        # what is a view of a large column would be written with all of it
        own = values.astype(values.dtype.newbyteorder("="), order="C", copy=True)
        stores.setdefault(key, {})[attribute] = torch.from_numpy(own) if own.ndim else own.item()
    return stores


def read_arrays(path: Path, kinds: Mapping[str, AttributeKind]) -> dict[str, Array]:
    """Attributes of the object in a file by name; scalars have the dtype that `kinds` says.

    Raises
    ------
    InputError
        There is no such file, or it is not one of `torch.save`, or holds no object.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no such file: {path}, which the index of its folder lists") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from error
    _check_zip(content, path)
    try:
        stores = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a pickle can fail in any way
        raise InputError(f"cannot read {path}: {reason(error)}") from error
    try:
        return {
            f"{store if isinstance(store, str) else '_'.join(store)}/{attribute}": _array(
                value, kinds.get(f"{store if isinstance(store, str) else '_'.join(store)}/{attribute}")
            )
            for store, values in stores.items()
            for attribute, value in values.items()
        }
    except (AttributeError, TypeError) as error:
        raise InputError(f"{path} holds no object: {type(stores).__name__}, not tensors by store") from error


def _check_zip(content: bytes, path: Path) -> None:
    """Raise an InputError if a file is not as it was written: torch.load does not look at checksums."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as records:
            damaged = records.testzip()
    except (
        zipfile.BadZipFile,
        EOFError,
        LookupError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        raise InputError(f"{path} is not a file of torch.save, or is cut short") from error
    if damaged is not None:
        raise InputError(f"{path} is damaged: its record {damaged} has another checksum")


def _array(value: Any, kind: AttributeKind | None) -> Array:
    if isinstance(value, torch.Tensor):
        found: Array = value.numpy()
        return found
    if not isinstance(value, bool | int | float):
        raise TypeError(type(value).__name__)
    return np.array(value, kind.dtype if kind is not None else None)
