"""``numl-polars merge``, ``convert`` and ``describe``: what is done with training files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path, readable=False))
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False))
@click.option(
    "--splits", default="90/5/5", show_default=True, metavar="TRAIN/VAL/TEST", help="Shares of the samples."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the splits.")
@click.option(
    "--split-by",
    type=click.Choice(["shuffle", "hash"]),
    default="shuffle",
    show_default=True,
    help="Exact shares of shuffled objects, or by hash of run, subrun and event, which stay the same when "
    "files are added.",
)
@click.option(
    "--compression",
    type=click.Choice(["none", "zstd", "lz4"]),
    default="none",
    show_default=True,
    help="Compress OUT; arrow only.",
)
@click.option("--remove-inputs", is_flag=True, help="Remove the inputs once OUT is verified.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier file.")
@click.option("--debug", is_flag=True, help="Show the traceback of a fault.")
def merge(
    output: Path,
    inputs: tuple[Path, ...],
    splits: str,
    seed: int,
    split_by: str,
    compression: str,
    remove_inputs: bool,
    overwrite: bool,
    debug: bool,
) -> None:
    """Merge training files into one, with samples.

    The objects of INPUTS become those of OUT, in this order, with train, validation and test samples. All
    files are of one format: HDF5, Arrow, or folders of .pt files.
    """
    from numl_polars.output.merge import merge as run
    from numl_polars.output.splits import Splits

    summary = run(
        list(inputs),
        output,
        splits=Splits.parse(splits, seed=seed, by=split_by),  # type: ignore[arg-type]
        overwrite=overwrite,
        remove_inputs=remove_inputs,
        **_compressed(compression),
    )
    samples = _samples(summary.num_samples)
    click.echo(
        f"{summary.output}: {summary.num_objects:,} objects{samples}, {summary.num_bytes / 1e6:,.1f} MB"
    )


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, readable=False))
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--format",
    type=click.Choice(["hdf5", "arrow", "pt"]),
    default=None,
    help="Format of OUT.  [default: by its ending, .h5, .arrow or .pt]",
)
@click.option(
    "--compression",
    type=click.Choice(["none", "zstd", "lz4"]),
    default="none",
    show_default=True,
    help="Compress OUT; arrow only.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier file.")
@click.option("--debug", is_flag=True, help="Show the traceback of a fault.")
def convert(
    source: Path, output: Path, format: str | None, compression: str, overwrite: bool, debug: bool
) -> None:
    """Convert a training file to another format.

    The objects of IN, their samples and classes become those of OUT: HDF5, Arrow, or a folder of .pt files.
    """
    from rich.console import Console
    from rich.progress import Progress

    from numl_polars.output.convert import convert as run

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("objects", total=None)
        summary = run(
            source,
            output,
            format=format,
            overwrite=overwrite,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            **_compressed(compression),
        )
    samples = _samples(summary.num_samples)
    click.echo(
        f"{summary.output}: {summary.num_objects:,} objects{samples}, {summary.num_bytes / 1e6:,.1f} MB"
    )


def _compressed(compression: str) -> dict[str, Any]:
    """Option of a format, for those that have it."""
    return {} if compression == "none" else {"compression": compression}


def _samples(numbers: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{number:,} {name}' for name, number in numbers.items())})" if numbers else ""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option("--debug", is_flag=True, help="Show the traceback of a fault.")
def describe(file: Path, debug: bool) -> None:
    """Show what a training FILE, or folder, holds: format, classes, objects, samples, attributes."""
    from rich.console import Console

    from numl_polars.tools.describe import describe as run

    Console().print(run(file))
