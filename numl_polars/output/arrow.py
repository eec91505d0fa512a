"""Arrow shards: one row an object, attributes as list columns in compact dtypes.

An Arrow IPC file (`arrow_schema` says its columns): `polars.scan_ipc` and `pyarrow.ipc` read it, and
`ArrowReader` gives the tensors of an object as views of the mapped file.
"""

from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import pyarrow as pa

from numl_polars.errors import OptionError, OutputError
from numl_polars.objects.batch import ObjectBatch
from numl_polars.output.arrow_columns import record_batches
from numl_polars.output.arrow_reader import ArrowReader
from numl_polars.output.arrow_schema import ColumnForm, make_schema
from numl_polars.output.files import pending, unfinished, writing
from numl_polars.output.layout import GraphMetadata

__all__ = ["COMPRESSIONS", "ArrowFile", "ArrowReader", "ArrowWriter", "Compression"]

Compression = Literal["zstd", "lz4"]
COMPRESSIONS = ("zstd", "lz4")


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
    ) -> None:
        self.path = path
        self.metadata = metadata
        self.overwrite = overwrite
        self._target = unfinished if hidden else pending
        self._options = write_options(compression, compression_level)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.part = stack.enter_context(self._target(self.path, overwrite=self.overwrite))
            self._file = stack.enter_context(ArrowFile(self.part, self.path, self._options))
            self._stack = stack.pop_all()
        self._forms: tuple[ColumnForm, ...] | None = None
        self._names: set[str] = set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None and self._forms is None:
                self._file.begin(make_schema((), self.metadata))
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
        forms = tuple(ColumnForm.of(attribute) for attribute in objects.attributes)
        if self._forms is None:
            self._schema = make_schema(forms, self.metadata)
            self._file.begin(self._schema)
            self._forms = forms
        elif forms != self._forms:
            odd = [form.name for form in set(forms) ^ set(self._forms)] or ["their order"]
            raise ValueError(
                f"attributes differ from those of the first batch: {', '.join(sorted(set(odd)))}"
            )
        for name in objects.names:
            if name in self._names:
                raise OutputError(f"object '{name}' is written to {self.path} a second time")
            self._names.add(name)
        for batch in record_batches(objects, forms, self._schema):
            self._file.write(batch)


def write_options(
    compression: Compression | None = None, compression_level: int | None = None
) -> pa.ipc.IpcWriteOptions:
    """Options with which record batches are written.

    Raises
    ------
    OptionError
        There is no such compression, or level of it.
    """
    if compression is None:
        if compression_level is not None:
            raise OptionError(f"compression level {compression_level} of no compression; choose zstd")
        return pa.ipc.IpcWriteOptions()
    if compression not in COMPRESSIONS:
        raise OptionError(f"compression {compression!r} is none of {', '.join(COMPRESSIONS)}")
    least, most = (
        pa.Codec.minimum_compression_level(compression),
        pa.Codec.maximum_compression_level(compression),
    )
    if compression_level is not None and not least <= compression_level <= most:
        raise OptionError(
            f"compression level {compression_level} of {compression} is not from {least} to {most}"
        )
    return pa.ipc.IpcWriteOptions(compression=pa.Codec(compression, compression_level=compression_level))


class ArrowFile:
    """Context manager: a new Arrow IPC file at `part`, whose faults name `target`."""

    def __init__(self, part: Path, target: Path, options: pa.ipc.IpcWriteOptions) -> None:
        self._part, self._target, self._options = part, target, options
        self._writer: pa.RecordBatchFileWriter | None = None

    def __enter__(self) -> Self:
        with writing(self._target):
            self._sink = pa.OSFile(str(self._part), "wb")
        return self

    def begin(self, schema: pa.Schema) -> None:
        """Write the schema, once, before all record batches."""
        with writing(self._target):
            self._writer = pa.ipc.new_file(self._sink, schema, options=self._options)

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a record batch."""
        assert self._writer is not None
        with writing(self._target):
            self._writer.write_batch(batch)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:  # the first error is the one to report
            with suppress(OSError):
                self._sink.close()
            return
        with writing(self._target):
            if self._writer is not None:
                self._writer.close()
            self._sink.close()
