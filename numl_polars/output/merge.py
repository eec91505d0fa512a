"""One training file from several of any format."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numl_polars.errors import OptionError
from numl_polars.output.formats import FORMATS, format_by_suffix, format_of
from numl_polars.output.layout import GraphMetadata
from numl_polars.output.merging import MergeSummary, Progress
from numl_polars.output.splits import DEFAULT_SPLITS, Splits


def merge(
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    splits: Splits = DEFAULT_SPLITS,
    metadata: GraphMetadata | None = None,
    overwrite: bool = False,
    remove_inputs: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> MergeSummary:
    """Summary of the one file, made of the objects of `inputs`, that a model trains on.

    Inputs and output are of one format. Objects keep the order of the inputs. The result also has train,
    validation and test samples, and the bytes of each object's tensors; the same in all formats. An object
    without nodes of a kind (an event without spacepoints) is in no sample. The result is read back before it
    takes its name. Some megabytes of objects are held in memory at a time, or one that is larger.

    Parameters
    ----------
    inputs
        Files of this package or of pynuml, merged ones included; samples that they have are left out.
    output
        File, or folder, to write.
    splits
        How the objects are split; recorded in the provenance of the result.
    metadata
        File-level content, where no input has it; else it must agree with theirs. Provenance on which the
        inputs differ is kept as a JSON list of their values.
    overwrite
        Whether an `output` that is there may be replaced.
    remove_inputs
        Whether to remove the inputs when the result stands under its name.
    progress
        Called with the steps done and the steps in all.
    options
        Those of the format, as ``compression="zstd"`` for ``arrow``.

    Raises
    ------
    InputError
        An input cannot be read, is of no format, has other file-level content or attributes than another, or
        repeats an object; or there is no file-level content at all.
    OptionError
        `output` is one of the inputs, an input is given twice, they are not all of one format, or that has no
        such option.
    OutputError
        `output` cannot be written, or what was written differs from the inputs.
    """
    paths, output = [Path(path) for path in inputs], Path(output)
    asked = format_by_suffix(output)
    found = [(path, format_of(path)) for path in paths]
    wanted = asked or (found[0][1] if found else FORMATS["hdf5"])
    for path, its_format in found:
        if its_format is not wanted:
            raise OptionError(
                f"{path} is of format {its_format.name}, and cannot be merged into "
                f"{wanted.name} ({output if asked else found[0][0]}): convert it first (numl-polars convert)"
            )
    return wanted.merge(
        paths,
        output,
        splits=splits,
        metadata=metadata,
        overwrite=overwrite,
        remove_inputs=remove_inputs,
        progress=progress,
        **options,
    )
