"""What all formats of training files have in common: a writer of batches, and a reader of objects."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from numl_polars.objects.batch import Array, ObjectBatch
from numl_polars.output.layout import GraphMetadata

Int64s = NDArray[np.int64]


class ObjectWriter(Protocol):
    """Context manager that writes the objects of one rank, visible only when all are written.

    Made as ``Writer(path, metadata, overwrite=False, hidden=False, samples=None, **options)``. With `hidden`,
    what is whole stays under its hidden name, `part`; `files.finish` gives it that of `path`. `samples` are
    rows of the objects of each split, counted as they are written, as a reader's: a file that is converted
    has them, one of a rank has none.
    """

    part: Path

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, objects: ObjectBatch) -> None:
        """Write each object of the batch, in order."""


class ObjectReader(Protocol):
    """Objects of a training file by row, open until `close`; it imports no Polars and can be pickled.

    What is pickled is the path: a copy in another process opens the file for itself, and so does one that
    was inherited by a fork.
    """

    path: Path
    metadata: GraphMetadata | None

    @property
    def names(self) -> Sequence[str]:
        """Names of the objects, in the order of the file."""

    @property
    def samples(self) -> Mapping[str, Int64s]:
        """Rows of each split's objects, in the split's order; empty for a file that was not merged."""

    @property
    def sizes(self) -> Int64s:
        """int64 (objects,): bytes of each object's tensors."""

    def arrays(self, row: int) -> dict[str, Array]:
        """Attributes of one object by name; views of the file where it holds them as they are."""

    def batch(self, rows: Sequence[int] | NDArray[Any]) -> ObjectBatch:
        """Attributes of some objects as columns, in the order of `rows`."""

    def close(self) -> None:
        """Close the file; what was read stays valid."""
