"""One training file of any format from one of any other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError, OptionError, OutputError
from numl_polars.output.files import finish, remove
from numl_polars.output.formats import FORMATS, Format, format_by_suffix, format_named, format_of
from numl_polars.output.protocols import ObjectReader

Progress = Callable[[int, int], None]

_WINDOW_BYTES = 1 << 23
_WINDOW_OBJECTS = 1000


@dataclass(frozen=True)
class ConvertSummary:
    """What a conversion made.

    Parameters
    ----------
    output
        The new file, or folder.
    format
        Its format.
    num_objects
        Number of objects in it.
    num_samples
        Number of objects by split; empty if the source has no samples.
    num_bytes
        Its size.
    """

    output: Path
    format: str
    num_objects: int
    num_samples: dict[str, int]
    num_bytes: int


def convert(
    source: str | Path,
    output: str | Path,
    *,
    format: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> ConvertSummary:
    """Summary of a new file with the objects, samples and file-level content of another.

    Tensors come out equal, with their dtypes and shapes, those of empty ones included. Some megabytes of
    objects are held in memory at a time, or one that is larger. Names, samples and sizes are read back before
    the result takes its name.

    Parameters
    ----------
    source
        Training file of any format.
    output
        File, or folder, to write.
    format
        ``hdf5``, ``arrow`` or ``pt``; by default what the ending of `output` says. An `output` without an
        ending of a format gets that of `format`.
    overwrite
        Whether an `output` that is there may be replaced.
    progress
        Called with the objects done and the objects in all.
    options
        Those of the format, as ``compression="zstd"`` for ``arrow``.

    Raises
    ------
    InputError
        `source` cannot be read, or has no planes and classes.
    OptionError
        The format is not known, is not that of the ending, or has no such option; or both are the same file.
    OutputError
        `output` cannot be written, or is not what was to be written.
    """
    source = Path(source)
    target, wanted = _target(Path(output), format)
    reader = format_of(source).reader(source)
    if source.resolve() == target.resolve():
        raise OptionError(f"{source} is both what is converted and what is written")
    try:
        if reader.metadata is None:
            raise InputError(f"{source} has no planes and classes: merge it with a file that has them")
        if reader.samples:
            options["samples"] = reader.samples
        writer = wanted.writer(target, reader.metadata, overwrite=overwrite, hidden=True, **options)
        with writer:
            done = 0
            for rows in _windows(reader.sizes):
                writer.write(reader.batch(rows))
                done += len(rows)
                if progress is not None:
                    progress(done, len(reader.names))
        try:
            num_bytes = _check(wanted, writer.part, target, reader)
            finish(writer.part, target, overwrite=overwrite)
        finally:
            remove(writer.part)
    finally:
        reader.close()
    samples = {split: len(rows) for split, rows in reader.samples.items()}
    return ConvertSummary(target, wanted.name, len(reader.names), samples, num_bytes)


def _target(output: Path, name: str | None) -> tuple[Path, Format]:
    """The file to write, and its format."""
    said = format_by_suffix(output)
    if name is None:
        if said is None:
            endings = ", ".join(known.suffix for known in FORMATS.values())
            raise OptionError(f"the name of {output} says no format: none of the endings {endings}")
        return output, said
    wanted = format_named(name)
    if said is None:
        return output.with_name(output.name + wanted.suffix), wanted
    if said is not wanted:
        raise OptionError(f"{output} has the ending of format {said.name}, not of {wanted.name}")
    return output, wanted


def _windows(sizes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Runs of rows of some megabytes together, or of a single one that is larger; one run for no rows."""
    stops = np.cumsum(sizes)
    start = 0
    while start < len(sizes) or start == 0:
        before = stops[start - 1] if start else 0
        stop = int(np.searchsorted(stops, before + _WINDOW_BYTES, side="right"))
        stop = min(max(stop, start + 1), start + _WINDOW_OBJECTS, len(sizes))
        yield np.arange(start, stop)
        start = max(stop, 1)


def _check(wanted: Format, part: Path, target: Path, source: ObjectReader) -> int:
    """Bytes of the file at `part`, if it is found to have what `source` has; else OutputError."""
    try:
        written = wanted.reader(part)
    except InputError as error:
        raise OutputError(f"cannot read back what was written for {target}: {error}") from error
    try:
        right = {
            "planes or classes": written.metadata == source.metadata,
            "objects": list(written.names) == list(source.names),
            "samples": written.samples.keys() == source.samples.keys()
            and all(np.array_equal(rows, source.samples[name]) for name, rows in written.samples.items()),
        }
    finally:
        written.close()
    wrong = [what for what, is_right in right.items() if not is_right]
    if wrong:
        raise OutputError(f"the file made for {target} is not what was to be written: its {wrong[0]} differ")
    return num_bytes_of(part)


def num_bytes_of(path: Path) -> int:
    """Size of a training file, or of all files of a folder."""
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
