"""A new Arrow IPC file: how record batches are written, and what a fault of the disk says."""

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import pyarrow as pa

from numl_polars.errors import OptionError
from numl_polars.output.files import writing

Compression = Literal["zstd", "lz4"]
COMPRESSIONS = ("zstd", "lz4")


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


class NewArrowFile:
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
