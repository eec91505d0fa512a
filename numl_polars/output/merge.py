"""One training file from the ranks' files: objects copied and checked, splits and sizes added."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError, OptionError, OutputError
from numl_polars.output.compounds import CompoundForm
from numl_polars.output.copying import Attributes, Copied, changed_objects, copy_objects
from numl_polars.output.files import check_target, pending, reason, writing
from numl_polars.output.hdf5 import (
    META_BLOCK_BYTES,
    create_file,
    create_object_group,
    keep_little,
    object_names,
    open_for_values,
    read_metadata,
    reading,
    write_metadata,
    write_strings,
)
from numl_polars.output.headers import ObjectReader
from numl_polars.output.layout import GraphMetadata, common_metadata
from numl_polars.output.splits import DEFAULT_SPLITS, Splits
from numl_polars.tables.store import open_hdf5

Int64s = NDArray[np.int64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class MergeSummary:
    """What a merge made.

    Parameters
    ----------
    output
        The merged file.
    inputs
        The files it was made of, in order.
    num_objects
        Number of objects in it.
    num_samples
        Number of objects by split; objects without nodes of a kind are in none.
    num_bytes
        Size of the merged file.
    inputs_removed
        Whether the inputs were removed.
    """

    output: Path
    inputs: tuple[Path, ...]
    num_objects: int
    num_samples: dict[str, int]
    num_bytes: int
    inputs_removed: bool


@dataclass(frozen=True)
class _Source:
    path: Path
    names: list[str]
    metadata: GraphMetadata | None


def merge(
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
    _check_distinct(paths, output)
    check_target(output, overwrite=overwrite)
    sources = [_scan(path) for path in paths]
    _check_repeats(sources)
    found = [(str(source.path), source.metadata) for source in sources if source.metadata is not None]
    if metadata is not None:
        found.insert(0, ("what was asked for", metadata))
    if not found:
        raise InputError(f"no planes and classes are known: none of the {len(sources)} inputs has 'planes'")
    content = common_metadata(found)
    content = replace(content, provenance={**content.provenance, "splits": json.dumps(asdict(splits))})
    names = [name for source in sources for name in source.names]
    advance = _Steps(2 * len(names), progress)

    with pending(output, overwrite=overwrite) as part:
        with create_file(part, output, meta_block_bytes=META_BLOCK_BYTES) as file:
            with writing(output):
                write_metadata(file, content)
                group = create_object_group(file)
            copied = Copied(len(names))
            attributes = Attributes()
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
            rows = splits.assign(np.flatnonzero(copied.has_all_nodes).tolist())
            samples = {split: [names[row] for row in found] for split, found in rows.items()}
            sizes = copied.tensor_bytes[rows.pop("train")]
            with writing(output):
                _write_samples(file, samples, sizes)
        _verify(part, output, content, names, attributes.forms, copied, samples, sizes, advance)
    if remove_inputs:
        for path in paths:
            _remove(path, output)
    return MergeSummary(
        output,
        tuple(paths),
        len(names),
        {split: len(members) for split, members in samples.items()},
        output.stat().st_size,
        remove_inputs,
    )


class _Steps:
    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def __call__(self, number: int) -> None:
        for _ in range(number):
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, self.total)


def _check_distinct(inputs: Sequence[Path], output: Path) -> None:
    seen: set[Path] = set()
    for path in inputs:
        place = path.resolve()
        if place in seen:
            raise OptionError(f"{path} is given twice as an input of the merge")
        if place == output.resolve():
            raise OptionError(f"{path} is both an input and the output of the merge")
        seen.add(place)


def _scan(path: Path) -> _Source:
    with open_hdf5(path) as file, reading(path):
        return _Source(path, object_names(file), read_metadata(file))


def _check_repeats(sources: Sequence[_Source]) -> None:
    first: dict[str, Path] = {}
    repeats = [
        (name, source.path)
        for source in sources
        for name in source.names
        if first.setdefault(name, source.path) is not source.path
    ]
    if repeats:
        name, path = repeats[0]
        raise InputError(
            f"{len(repeats)} object{'s' if len(repeats) > 1 else ''} of more than one input, "
            f"first '{name}' in {first[name]} and {path}"
        )


def _write_samples(file: h5py.File, samples: Mapping[str, Sequence[str]], sizes: Int64s) -> None:
    group = file.create_group("samples")
    for split, names in samples.items():
        write_strings(group, split, names)
    file.create_dataset("datasize/train", data=sizes)


def _verify(
    part: Path,
    output: Path,
    content: GraphMetadata,
    names: list[str],
    forms: list[CompoundForm],
    copied: Copied,
    samples: Mapping[str, Sequence[str]],
    sizes: Int64s,
    advance: _Steps,
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


def _remove(path: Path, output: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise OutputError(
            f"{output} is whole, but its input {path} cannot be removed: {reason(error)}"
        ) from error
