"""One Arrow file from the ranks': record batches copied as they are, splits added."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from numl_polars.errors import InputError, OutputError
from numl_polars.objects.batch import ObjectBatch
from numl_polars.output.arrow_columns import record_batches, sample_columns, with_samples
from numl_polars.output.arrow_file import Compression, NewArrowFile, write_options
from numl_polars.output.arrow_reader import ArrowReader
from numl_polars.output.arrow_schema import ColumnForm, make_schema
from numl_polars.output.files import check_target, pending
from numl_polars.output.layout import GraphMetadata
from numl_polars.output.merging import (
    MergeSummary,
    Progress,
    Source,
    Steps,
    check_distinct,
    common_content,
    remove_all,
    sample_rows_of,
)
from numl_polars.output.splits import DEFAULT_SPLITS, Splits

Int64s = NDArray[np.int64]


def merge_arrow(
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    splits: Splits = DEFAULT_SPLITS,
    metadata: GraphMetadata | None = None,
    overwrite: bool = False,
    remove_inputs: bool = False,
    progress: Progress | None = None,
    compression: Compression | None = None,
    compression_level: int | None = None,
) -> MergeSummary:
    """Summary of the one file, made of the objects of `inputs`, that a model trains on.

    Objects keep their order; the columns ``split`` and ``sample`` say their samples. An object without nodes
    of a kind is in none. Inputs may store attributes in different dtypes: the widest is used. One record
    batch is held in memory at a time. Before the result takes its name it is read back and compared with the
    inputs, values as bytes.

    Parameters
    ----------
    inputs
        Arrow files of this program, merged ones included.
    output
        File to write.
    splits, metadata, overwrite, remove_inputs, progress
        As of `numl_polars.output.hdf5_merge.merge_hdf5`.
    compression, compression_level
        As of `numl_polars.output.arrow.ArrowWriter`.

    Raises
    ------
    InputError
        An input cannot be read, is no Arrow file of this program, has other file-level content or attributes
        than another, or repeats an object; or there is no file-level content at all.
    OptionError
        `output` is one of the inputs, an input is given twice, or there is no such compression.
    OutputError
        `output` cannot be written, or what was written differs from the inputs.
    """
    paths, output = [Path(path) for path in inputs], Path(output)
    check_distinct(paths, output)
    check_target(output, overwrite=overwrite)
    options = write_options(compression, compression_level)
    with ExitStack() as stack:
        readers = [stack.enter_context(closing(ArrowReader(path))) for path in paths]
        content = common_content(
            [Source(reader.path, reader.names, reader.metadata) for reader in readers], metadata, splits
        )
        forms = _common_forms(readers)
        names = [name for reader in readers for name in reader.names]
        whole = np.concatenate([np.ones(0, bool), *(reader.has_all_nodes for reader in readers)])
        samples = sample_rows_of(splits, names, whole)
        columns = sample_columns(samples, len(names))
        schema = make_schema(forms, content, splits=tuple(samples), compression=compression)
        advance = Steps(2 * len(names), progress)
        with pending(output, overwrite=overwrite) as part:
            start = 0
            with NewArrowFile(part, output, options) as file:
                file.begin(schema)
                for reader in readers:
                    for batch in _batches(reader, forms, schema):
                        file.write(with_samples(batch, columns, start, schema))
                        start += len(batch)
                        advance(len(batch))
                        del batch
                        reader.forget()
            _verify(part, output, readers, content, samples, advance)
    if remove_inputs:
        remove_all(paths, output)
    return MergeSummary(
        output,
        tuple(paths),
        len(names),
        {split: len(rows) for split, rows in samples.items()},
        output.stat().st_size,
        remove_inputs,
    )


def _common_forms(readers: Sequence[ArrowReader]) -> tuple[ColumnForm, ...]:
    """Forms that hold the attributes of all inputs with objects."""
    found: tuple[ColumnForm, ...] = ()
    first: ArrowReader | None = None
    for reader in readers:
        if not len(reader):
            continue
        if first is None:
            found, first = reader.forms, reader
            continue
        widened = [
            one.widened(other) if one.name == other.name else None
            for one, other in zip(found, reader.forms, strict=False)
        ]
        if len(found) != len(reader.forms) or None in widened:
            names, own = [form.name for form in found], [form.name for form in reader.forms]
            odd = sorted(set(names) ^ set(own)) or [
                form.name for form, wide in zip(found, widened, strict=True) if wide is None
            ]
            raise InputError(
                f"objects differ in their attributes ({', '.join(odd)}): '{reader.names[0]}' in "
                f"{reader.path}, '{first.names[0]}' in {first.path}"
            )
        found = tuple(form for form in widened if form is not None)
    if first is None:
        return next((reader.forms for reader in readers if reader.forms), ())
    return found


def _batches(reader: ArrowReader, forms: Sequence[ColumnForm], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Record batches of an input: its own, or made anew where the dtypes stored are others."""
    for number, rows in enumerate(reader.row_ranges):
        if reader.forms == forms:
            yield reader.record_batch(number)
        else:
            yield from record_batches(reader.batch(rows), forms, schema)


def _verify(
    part: Path,
    output: Path,
    readers: Sequence[ArrowReader],
    content: GraphMetadata,
    samples: Mapping[str, Int64s],
    advance: Steps,
) -> None:
    """Nothing, if the file at `part`, read back, is what was to be written; else OutputError."""
    wrong = []
    names = [name for reader in readers for name in reader.names]
    sizes = np.concatenate([np.empty(0, np.int64), *(reader.sizes for reader in readers)])
    try:
        with closing(ArrowReader(part)) as written:
            right = {
                "planes or classes": written.metadata == content,
                "objects": list(written.names) == names,
                "samples": {split: rows.tolist() for split, rows in written.samples.items()}
                == {split: rows.tolist() for split, rows in samples.items()},
                "num_bytes": np.array_equal(written.sizes, sizes),
            }
            wrong += [what for what, is_right in right.items() if not is_right]
            start = 0
            for reader in readers:
                for rows in reader.row_ranges:
                    if start + rows.stop <= len(written):
                        there = written.batch(range(start + rows.start, start + rows.stop))
                        wrong += [f"object '{name}'" for name in _changed(there, reader.batch(rows))]
                    advance(len(rows))
                    written.forget()
                    reader.forget()
                start += len(reader)
    except InputError as error:
        raise OutputError(f"cannot read back what was written for {output}: {error}") from error
    if wrong:
        raise OutputError(
            f"the file made for {output} is not what was to be written: {len(wrong)} of its contents differ, "
            f"first {wrong[0]}; the inputs are kept"
        )


def _changed(found: ObjectBatch, expected: ObjectBatch) -> list[str]:
    """Names of the objects whose attributes are not the same, byte for byte."""
    pairs = list(zip(found.attributes, expected.attributes, strict=True))
    if all(one.values.tobytes() == other.values.tobytes() for one, other in pairs):
        same = [
            one.offsets is None or np.array_equal(one.offsets, other.offsets)  # type: ignore[arg-type]
            for one, other in pairs
        ]
        if all(same):
            return []
    return [
        name
        for i, name in enumerate(expected.names)
        if any(
            one.of(i).shape != other.of(i).shape or one.of(i).tobytes() != other.of(i).tobytes()
            for one, other in pairs
        )
    ]
