"""One training file from the ranks' files: objects copied and checked, splits and sizes added."""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from h5py import h5t

from numl_polars.errors import InputError, OptionError, OutputError
from numl_polars.objects.batch import Array
from numl_polars.output.files import check_target, pending, reason, writing
from numl_polars.output.hdf5 import (
    create_file,
    create_object_group,
    object_names,
    read_metadata,
    read_record,
    reading,
    write_metadata,
    write_record,
    write_strings,
)
from numl_polars.output.layout import GraphMetadata, common_metadata, may_be_empty
from numl_polars.output.splits import DEFAULT_SPLITS, Splits
from numl_polars.tables.store import open_hdf5

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


@dataclass(frozen=True)
class _Copied:
    """Checksum of an object's record, the bytes of its tensors, and whether it lacks no nodes."""

    checksum: int
    tensor_bytes: int
    has_all_nodes: bool


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
    it takes its name: the same objects in the same order, each with the checksum (CRC-32) taken when it was
    copied. One object is held in memory at a time.

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
        with create_file(part, output) as file:
            with writing(output):
                write_metadata(file, content)
                group = create_object_group(file)
            copied: dict[str, _Copied] = {}
            attributes = _Attributes()
            for source in sources:
                copied |= _copy(source, group, output, attributes, advance)
            samples = splits.assign([name for name in names if copied[name].has_all_nodes])
            with writing(output):
                _write_samples(file, samples, copied)
        _verify(part, output, content, copied, samples, advance)
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

    def __call__(self) -> None:
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


class _Attributes:
    """The attributes that all objects must have, or no batch of them can be made."""

    def __init__(self) -> None:
        self.names: list[str] | None = None
        self.first = ""

    def check(self, compound: h5t.TypeID, name: str, path: Path) -> None:
        """Raise InputError if the object has others than the first one."""
        names = [compound.get_member_name(i).decode() for i in range(compound.get_nmembers())]
        if self.names is None:
            self.names, self.first = names, f"'{name}' in {path}"
        elif names != self.names:
            odd = sorted(set(names) ^ set(self.names)) or ["their order"]
            raise InputError(
                f"objects differ in their attributes ({', '.join(odd)}): '{name}' in {path}, {self.first}"
            )


def _copy(
    source: _Source, group: h5py.h5g.GroupID, output: Path, attributes: _Attributes, advance: _Steps
) -> dict[str, _Copied]:
    """What there is to check of each object of one input, by name, once it is copied to `group`.

    H5Ocopy is a little faster, but what it writes depends on how the input came to be; records read and
    written give the same file, byte for byte, from any number of ranks.
    """
    copied: dict[str, _Copied] = {}
    with open_hdf5(source.path) as file:
        objects = file["dataset"].id if source.names else None
        for name in source.names:
            with reading(source.path):
                compound, record = read_record(objects, name)
            attributes.check(compound, name, source.path)
            with writing(output):
                write_record(group, name, compound, record)
            copied[name] = _look_at(compound, record)
            advance()
    return copied


def _look_at(compound: h5t.TypeID, record: Array) -> _Copied:
    """What is to be known of an object; a scalar 0 that stands for an empty array has no bytes."""
    size: int = record.size
    has_all_nodes = True
    for i in range(compound.get_nmembers()):
        name = compound.get_member_name(i).decode()
        if compound.get_member_class(i) == h5t.ARRAY or not may_be_empty(name):
            continue
        start, num_bytes = compound.get_member_offset(i), compound.get_member_type(i).get_size()
        if not record[start : start + num_bytes].any():
            size -= num_bytes
            has_all_nodes = has_all_nodes and name.endswith("/edge_index")
    return _Copied(_checksum(compound, record), size, has_all_nodes)


def _write_samples(
    file: h5py.File, samples: Mapping[str, Sequence[str]], copied: Mapping[str, _Copied]
) -> None:
    group = file.create_group("samples")
    for split, names in samples.items():
        write_strings(group, split, names)
    sizes = np.array([copied[name].tensor_bytes for name in samples["train"]], np.int64)
    file.create_dataset("datasize/train", data=sizes)


def _verify(
    part: Path,
    output: Path,
    content: GraphMetadata,
    copied: Mapping[str, _Copied],
    samples: Mapping[str, Sequence[str]],
    advance: _Steps,
) -> None:
    """Nothing, if the file at `part`, read back, is what was to be written; else OutputError."""
    sizes = [copied[name].tensor_bytes for name in samples["train"]]
    wrong = []
    try:
        with open_hdf5(part) as file:
            with reading(part):
                right = {
                    "planes or classes": read_metadata(file) == content,
                    "objects": object_names(file) == list(copied),
                    "samples": all(
                        file[f"samples/{split}"].asstr()[()].tolist() == names
                        for split, names in samples.items()
                    ),
                    "datasize/train": file["datasize/train"][()].tolist() == sizes,
                }
                objects = file["dataset"].id
            wrong += [what for what, is_right in right.items() if not is_right]
            for name, expected in copied.items():
                with reading(part):
                    compound, record = read_record(objects, name)
                if _checksum(compound, record) != expected.checksum:
                    wrong.append(f"object '{name}'")
                advance()
    except InputError as error:
        raise OutputError(f"cannot read back what was written for {output}: {error}") from error
    if wrong:
        raise OutputError(
            f"the file made for {output} is not what was to be written: {len(wrong)} of its contents differ, "
            f"first {wrong[0]}; the inputs are kept"
        )


def _checksum(compound: h5t.TypeID, record: Array) -> int:
    """CRC-32 of an object's fields (names, places, types) and values."""
    return zlib.crc32(record.data, zlib.crc32(compound.encode()))


def _remove(path: Path, output: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise OutputError(
            f"{output} is whole, but its input {path} cannot be removed: {reason(error)}"
        ) from error
