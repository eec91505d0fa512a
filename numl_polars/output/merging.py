"""What merges of all formats have in common: checks before, summary after."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError, OptionError, OutputError
from numl_polars.output.files import reason, remove
from numl_polars.output.layout import GraphMetadata, common_metadata
from numl_polars.output.splits import Splits

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
class Source:
    """One input: its objects in the order in which they are merged, and its file-level content, if any."""

    path: Path
    names: Sequence[str]
    metadata: GraphMetadata | None


class Steps:
    """Counts steps, and says each to `progress` with the number of all."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def __call__(self, number: int) -> None:
        """Count some more."""
        for _ in range(number):
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, self.total)


def check_distinct(inputs: Sequence[Path], output: Path) -> None:
    """Raise an OptionError if an input is given twice, or is the output."""
    seen: set[Path] = set()
    for path in inputs:
        place = path.resolve()
        if place in seen:
            raise OptionError(f"{path} is given twice as an input of the merge")
        if place == output.resolve():
            raise OptionError(f"{path} is both an input and the output of the merge")
        seen.add(place)


def common_content(
    sources: Sequence[Source], metadata: GraphMetadata | None, splits: Splits
) -> GraphMetadata:
    """File-level content of the merged file: what all agree on, and the splits in its provenance.

    Raises
    ------
    InputError
        Inputs disagree, or repeat an object, or none has any content and `metadata` is None.
    """
    _check_repeats(sources)
    found = [(str(source.path), source.metadata) for source in sources if source.metadata is not None]
    if metadata is not None:
        found.insert(0, ("what was asked for", metadata))
    if not found:
        raise InputError(f"no planes and classes are known: none of the {len(sources)} inputs has 'planes'")
    content = common_metadata(found)
    return replace(content, provenance={**content.provenance, "splits": json.dumps(splits.options)})


def _check_repeats(sources: Sequence[Source]) -> None:
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


def sample_rows_of(
    splits: Splits, names: Sequence[str], has_all_nodes: NDArray[np.bool_]
) -> dict[str, NDArray[np.int64]]:
    """Rows of each split's objects, among those that can be samples (see `samples.has_all_nodes`)."""
    rows = np.flatnonzero(has_all_nodes)
    found = splits.rows([names[row] for row in rows.tolist()])
    return {split: rows[places] for split, places in found.items()}


def remove_all(inputs: Sequence[Path], output: Path) -> None:
    """Remove the inputs of a whole `output`.

    Raises
    ------
    OutputError
        One cannot be removed.
    """
    for path in inputs:
        try:
            remove(path)
        except OSError as error:
            raise OutputError(
                f"{output} is whole, but its input {path} cannot be removed: {reason(error)}"
            ) from error
