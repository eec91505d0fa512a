"""One HDF5 training file from the ranks' files: objects copied and checked, splits and sizes added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError, OutputError
from numl_polars.output.attribute_kinds import Kinds, agreed_kinds
from numl_polars.output.compounds import CompoundForm
from numl_polars.output.copying import Attributes, Copied, changed_objects, copy_objects
from numl_polars.output.files import check_target, pending, writing
from numl_polars.output.hdf5 import META_BLOCK_BYTES, create_file, create_object_group, open_for_values
from numl_polars.output.hdf5_content import (
    object_names,
    read_kinds,
    read_metadata,
    write_kinds,
    write_metadata,
    write_samples,
)
from numl_polars.output.hdf5_objects import keep_little, reading
from numl_polars.output.headers import ObjectReader
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
from numl_polars.output.samples import named
from numl_polars.output.splits import DEFAULT_SPLITS, Splits
from numl_polars.tables.opening import open_hdf5

Int64s = NDArray[np.int64]


@dataclass(frozen=True)
class _Source(Source):
    kinds: Kinds


def merge_hdf5(
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    splits: Splits = DEFAULT_SPLITS,
    metadata: GraphMetadata | None = None,
    overwrite: bool = False,
    remove_inputs: bool = False,
    progress: Progress | None = None,
) -> MergeSummary:
    """Summary of the one file, made of the objects of `inputs`, that a model trains on.

    Objects keep the order of the inputs, and within one that of `hdf5.object_names`. The result also has
    ``samples/train``, ``samples/validation`` and ``samples/test`` (object names) and ``datasize/train``
    (int64, bytes of each train object's tensors, in the order of ``samples/train``). An object without nodes
    of a kind (an event without spacepoints) is in no sample: no reader of the layout can put it in a batch
    with others. The result is read back before
    it takes its name: the same objects in the same order, each with the checksums taken when it was
    copied, CRC-32 of its type and XXH64 of its values. Objects of 8 MiB are held in memory at a time, or one
    that is larger.

    Parameters
    ----------
    inputs
        Graph files of this package or of pynuml, merged ones included; anything in them but objects and
        file-level content is left out.
    output
        File to write.
    splits
        How the objects are split, recorded in the attribute ``splits`` of the result.
    metadata
        File-level content, where no input has it; else it must agree with theirs. Provenance on which the
        inputs differ is kept as a JSON list of their values.
    overwrite
        Whether an `output` that is there may be replaced.
    remove_inputs
        Whether to remove the inputs when the result stands under its name.
    progress
        Called with the steps done and the steps in all; an object is one step to copy and one to check.

    Raises
    ------
    InputError
        An input cannot be read, is no graph file, has other file-level content or attributes than another,
        or repeats an object; or there is no file-level content at all.
    OptionError
        `output` is one of the inputs, or an input is given twice.
    OutputError
        `output` cannot be written, or what was written differs from the inputs.
    """
    paths, output = [Path(path) for path in inputs], Path(output)
    check_distinct(paths, output)
    check_target(output, overwrite=overwrite)
    sources = [_scan(path) for path in paths]
    content = common_content(sources, metadata, splits)
    kinds = agreed_kinds(source.kinds for source in sources)
    names = [name for source in sources for name in source.names]
    advance = Steps(2 * len(names), progress)

    with pending(output, overwrite=overwrite) as part:
        with create_file(part, output, meta_block_bytes=META_BLOCK_BYTES) as file:
            with writing(output):
                write_metadata(file, content)
                group = create_object_group(file)
            copied = Copied(len(names))
            attributes = Attributes(name for name, kind in kinds.items() if kind.shape is None)
            start = 0
            with open_for_values(part, output) as descriptor:
                for source in sources:
                    copy_objects(
                        source.path,
                        source.names,
                        group,
                        descriptor,
                        output,
                        attributes,
                        copied,
                        start,
                        advance,
                    )
                    start += len(source.names)
            rows = sample_rows_of(splits, names, copied.has_all_nodes)
            samples, sizes = named(rows, names), copied.tensor_bytes[rows["train"]]
            with writing(output):
                write_kinds(file, kinds)
                write_samples(file, samples, sizes)
        _verify(part, output, content, names, attributes.forms, copied, samples, sizes, advance)
    if remove_inputs:
        remove_all(paths, output)
    return MergeSummary(
        output,
        tuple(paths),
        len(names),
        {split: len(members) for split, members in samples.items()},
        output.stat().st_size,
        remove_inputs,
    )


def _scan(path: Path) -> _Source:
    with open_hdf5(path) as file, reading(path):
        return _Source(path, object_names(file), read_metadata(file), read_kinds(file))


def _verify(
    part: Path,
    output: Path,
    content: GraphMetadata,
    names: list[str],
    forms: list[CompoundForm],
    copied: Copied,
    samples: Mapping[str, Sequence[str]],
    sizes: Int64s,
    advance: Steps,
) -> None:
    """Nothing, if the file at `part`, read back, is what was to be written; else OutputError."""
    wrong = []
    try:
        with open_hdf5(part) as file, part.open("rb", buffering=0) as values_file:
            keep_little(file)
            with reading(part):
                right = {
                    "planes or classes": read_metadata(file) == content,
                    "objects": object_names(file) == names,
                    "samples": all(
                        file[f"samples/{split}"].asstr()[()].tolist() == members
                        for split, members in samples.items()
                    ),
                    "datasize/train": np.array_equal(file["datasize/train"][()], sizes),
                }
            wrong += [what for what, is_right in right.items() if not is_right]
            objects = ObjectReader(file, values_file.fileno(), forms)
            changed = changed_objects(part, objects, values_file.fileno(), names, copied, advance)
            wrong += [f"object '{name}'" for name in changed]
    except InputError as error:
        raise OutputError(f"cannot read back what was written for {output}: {error}") from error
    if wrong:
        raise OutputError(
            f"the file made for {output} is not what was to be written: {len(wrong)} of its contents differ, "
            f"first {wrong[0]}; the inputs are kept"
        )
