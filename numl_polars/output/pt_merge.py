"""One folder of format pt from the ranks' folders: files linked, one index; torch is not needed."""

import errno
import filecmp
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from numl_polars.errors import InputError, OutputError
from numl_polars.output.attribute_kinds import agreed_kinds, check_joined
from numl_polars.output.files import check_target, pending, reason, writing
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
from numl_polars.output.pt_index import Index, check_replaceable, read_index
from numl_polars.output.splits import DEFAULT_SPLITS, Splits

# what a file system says that has no hard links, or not from there, or not so many of one file
_NO_LINKS = {errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES}


@dataclass(frozen=True)
class _Source(Source):
    index: Index


def merge_pt(
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    splits: Splits = DEFAULT_SPLITS,
    metadata: GraphMetadata | None = None,
    overwrite: bool = False,
    remove_inputs: bool = False,
    progress: Progress | None = None,
) -> MergeSummary:
    """Summary of the one folder, made of the objects of `inputs`; see `merge.merge`.

    Files are hard links to those of the inputs, and take no room, where the file system has links; else they
    are copies, compared with what they are copies of.

    Raises
    ------
    InputError
        An input is not of this format, misses a file, or one has not the size that the index says; or as
        `merge.merge`.
    OptionError, OutputError
        As `merge.merge`.
    """
    paths, output = [Path(path) for path in inputs], Path(output)
    check_distinct(paths, output)
    check_replaceable(output)
    check_target(output, overwrite=overwrite, folder=True)
    sources = [_scan(path) for path in paths]
    content = common_content(sources, metadata, splits)
    _check_attributes(sources)
    indices = [source.index for source in sources]
    names = [name for index in indices for name in index.names]
    has_all_nodes = np.concatenate([np.empty(0, bool), *(index.has_all_nodes for index in indices)])
    empty = np.empty(0, np.int64)
    merged = Index(
        content,
        agreed_kinds(index.kinds for index in indices),
        names,
        [file for index in indices for file in index.files],
        np.concatenate([empty, *(index.file_bytes for index in indices)]),
        np.concatenate([empty, *(index.tensor_bytes for index in indices)]),
        has_all_nodes,
        sample_rows_of(splits, names, has_all_nodes),
    )
    advance = Steps(2 * len(names), progress)
    with pending(output, overwrite=overwrite, folder=True) as part:
        copied = set()
        for source in sources:
            for file, num_bytes in zip(source.index.files, source.index.file_bytes.tolist(), strict=True):
                _check_file(source.path / file, num_bytes)
                if not _link(source.path / file, part / file, output):
                    copied.add(part / file)
                advance(1)
        with writing(output):
            merged.write(part)
        _verify(part, output, merged, sources, copied, advance)
    if remove_inputs:
        remove_all(paths, output)
    return MergeSummary(
        output,
        tuple(paths),
        len(names),
        {split: len(rows) for split, rows in merged.samples.items()},
        int(merged.file_bytes.sum()),
        remove_inputs,
    )


def _scan(path: Path) -> _Source:
    index = read_index(path)
    return _Source(path, index.names, index.metadata, index)


def _check_attributes(sources: Sequence[_Source]) -> None:
    """Raise an InputError if the objects of two inputs differ in more than compact dtypes."""
    first: _Source | None = None
    for source in sources:
        if not source.names:
            continue
        if first is None:
            first = source
            continue
        where = f"'{first.names[0]}' in {first.path}", f"'{source.names[0]}' in {source.path}"
        check_joined(first.index.kinds, source.index.kinds, where)


def _check_file(path: Path, num_bytes: int) -> None:
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        raise InputError(f"no such file: {path}, which the index of its folder lists") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from error
    if found != num_bytes:
        raise InputError(f"{path} has {found:,} bytes, and {num_bytes:,} by the index of its folder")


def _link(source: Path, target: Path, output: Path) -> bool:
    """Whether `target` became a link to `source`; else it is a copy."""
    try:
        os.link(source, target)
        return True
    except FileExistsError:
        raise OutputError(f"cannot write {output}: two objects would have the file {target.name}") from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise OutputError(f"cannot write {output}: {reason(error)}") from error
    with writing(output):
        shutil.copyfile(source, target)
    return False


def _verify(
    part: Path, output: Path, merged: Index, sources: Sequence[_Source], copied: set[Path], advance: Steps
) -> None:
    """Nothing, if the folder at `part`, read back, is what was to be written; else OutputError."""
    wrong = []
    try:
        if not read_index(part).table().equals(merged.table(), check_metadata=True):
            wrong.append("its index")
    except InputError as error:
        raise OutputError(f"cannot read back what was written for {output}: {error}") from error
    for source in sources:
        for file in source.index.files:
            left, right = source.path / file, part / file
            same = filecmp.cmp(left, right, shallow=False) if right in copied else left.samefile(right)
            if not same:
                wrong.append(f"file {file}")
            advance(1)
    if wrong:
        raise OutputError(
            f"the folder made for {output} is not what was to be written: {len(wrong)} of its contents "
            f"differ, first {wrong[0]}; the inputs are kept"
        )
