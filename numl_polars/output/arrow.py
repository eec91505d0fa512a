"""Arrow shards: one row an object, attributes as list columns in compact dtypes.

An Arrow IPC file (`arrow_schema` says its columns): `polars.scan_ipc` and `pyarrow.ipc` read it, and
`ArrowReader` gives the tensors of an object as views of the mapped file.
"""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from numl_polars.errors import OutputError
from numl_polars.objects.batch import ObjectBatch
from numl_polars.output.arrow_columns import record_batches, sample_columns, with_samples
from numl_polars.output.arrow_file import Compression, NewArrowFile, write_options
from numl_polars.output.arrow_merge import merge_arrow
from numl_polars.output.arrow_reader import ArrowReader
from numl_polars.output.arrow_schema import ColumnForm, make_schema
from numl_polars.output.files import pending, unfinished
from numl_polars.output.layout import GraphMetadata
from numl_polars.output.samples import Samples

__all__ = ["ArrowReader", "ArrowWriter", "merge_arrow"]


class ArrowWriter:
    """Context manager that writes the objects of one rank to one file, visible only when it is whole.

    Parameters
    ----------
    path
        File to write.
    metadata
        File-level content.
    overwrite
        Whether a file that is there may be replaced.
    hidden
        Leave the whole file under its hidden name, `part`; `files.finish` gives it that of `path`.
    compression
        ``zstd`` (a fifth of the size of compound HDF5, or less) or ``lz4``; None: as it is, for training from
        the mapped file.
    compression_level
        Level of the compression; None: its default.
    samples
        Rows of the objects of each split, counted as they are written; None: the file has no samples.

    Raises
    ------
    OptionError
        There is no such compression, or level of it.
    OutputError
        On entering, if `path` cannot be written (see `files.check_target`); on leaving, if the file cannot
        be completed.
    """

    def __init__(
        self,
        path: Path,
        metadata: GraphMetadata,
        *,
        overwrite: bool = False,
        hidden: bool = False,
        compression: Compression | None = None,
        compression_level: int | None = None,
        samples: Samples | None = None,
    ) -> None:
        self.path = path
        self.metadata = metadata
        self.overwrite = overwrite
        self._target = unfinished if hidden else pending
        self._options = write_options(compression, compression_level)
        self._compression = compression
        self._splits = None if samples is None else tuple(samples)
        num_objects = max((int(rows.max()) + 1 for rows in (samples or {}).values() if len(rows)), default=0)
        self._samples = sample_columns(samples or {}, num_objects)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.part = stack.enter_context(self._target(self.path, overwrite=self.overwrite))
            self._file = stack.enter_context(NewArrowFile(self.part, self.path, self._options))
            self._stack = stack.pop_all()
        self._forms: tuple[ColumnForm, ...] | None = None
        self._names: set[str] = set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None and self._forms is None:
                self._file.begin(self._make_schema(()))
            self._stack.pop_all().__exit__(kind, error, trace)

    def write(self, objects: ObjectBatch) -> None:
        """Write each object of the batch, in order.

        Parameters
        ----------
        objects
            Attributes of integers, floats of at most 64 bits or booleans, of any shape; all batches of a file
            have the same, in the same dtypes.

        Raises
        ------
        OutputError
            The disk is full or fails, an object of that name is in the file already.
        ValueError
            An attribute's name is not ``store/attribute``, it is not of the form that it had in the first
            batch, or has a value that its `compact` does not hold.
        """
        if not len(objects) and not objects.attributes:
            return
        forms = tuple(ColumnForm.of(attribute) for attribute in objects.attributes)
        if self._forms is None:
            self._schema = self._make_schema(forms)
            self._file.begin(self._schema)
            self._forms = forms
        elif forms != self._forms:
            odd = [form.name for form in set(forms) ^ set(self._forms)] or ["their order"]
            raise ValueError(
                f"attributes differ from those of the first batch: {', '.join(sorted(set(odd)))}"
            )
        row = len(self._names)
        for name in objects.names:
            if name in self._names:
                raise OutputError(f"object '{name}' is written to {self.path} a second time")
            self._names.add(name)
        for batch in record_batches(objects, forms, self._schema):
            self._file.write(with_samples(batch, self._samples, row, self._schema))
            row += len(batch)

    def _make_schema(self, forms: tuple[ColumnForm, ...]) -> pa.Schema:
        return make_schema(forms, self.metadata, splits=self._splits, compression=self._compression)
