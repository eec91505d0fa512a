"""``numl-polars concat``: event files joined into one."""

from pathlib import Path

import click

from numl_polars.command import Bytes, progress_bar

_MOST_TABLES = 8


@click.command()
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path, readable=False))
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=str)
@click.option(
    "--sort", is_flag=True, help="Join files in the order of (run, subrun, event) of their first event."
)
@click.option(
    "--strings",
    type=click.Choice(["fixed", "keep", "variable"]),
    default="fixed",
    show_default=True,
    help="Storage of strings: of a fixed length, as in the files, or of variable length.",
)
@click.option(
    "--string-bytes",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    metavar="N",
    help="Length of strings that become fixed; a longer one is a fault.",
)
@click.option(
    "--chunk-rows",
    type=click.IntRange(min=1),
    metavar="N",
    help="Rows of a chunk.  [default: 262,144 values, 2 MiB at most; what OUT has with --append]",
)
@click.option(
    "--gzip",
    type=click.IntRange(0, 9),
    metavar="LEVEL",
    help="Compression, 0 for none.  [default: 6; what OUT has with --append]",
)
@click.option("--contiguous", is_flag=True, help="Columns without chunks and compression, for memory maps.")
@click.option(
    "--missing",
    type=click.Choice(["refuse", "null"]),
    default="refuse",
    show_default=True,
    help="Where files have other tables, columns, names of columns or sizes of numbers: refuse them, or fill "
    "with NaN, -1 and empty strings, take the larger size, and the name that the data model has.",
)
@click.option(
    "--keys",
    type=click.Choice(["both", "seq", "seq-cnt", "none"]),
    default="both",
    show_default=True,
    help="Sequence keys to make.",
)
@click.option(
    "--index",
    metavar="TABLE/COLUMNS",
    help="The table of events, and the columns that name an event in all tables, such as "
    "spill/run,subrun,evt.  [default: found out]",
)
@click.option(
    "--append", is_flag=True, help="Add the files behind what OUT has; it is made if it is not there."
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier OUT.")
@click.option(
    "--buffer",
    "buffer_bytes",
    type=Bytes(),
    default="64MiB",
    show_default=True,
    help="Memory for rows under way.",
)
@click.option("--progress/--no-progress", default=None, help="Bar on stderr.  [default: if it is a terminal]")
@click.option("--debug", is_flag=True, help="Show the traceback of a fault.")
def concat(
    output: Path,
    files: tuple[str, ...],
    sort: bool,
    strings: str,
    string_bytes: int,
    chunk_rows: int | None,
    gzip: int | None,
    contiguous: bool,
    missing: str,
    keys: str,
    index: str | None,
    append: bool,
    overwrite: bool,
    buffer_bytes: int,
    progress: bool | None,
    debug: bool,
) -> None:
    """Join event files into one.

    The rows of all FILEs, one file behind the other, become those of OUT, with sequence keys. A FILE is a
    path, a pattern, or a list of files (.txt). OUT appears when it is whole. Under mpirun, the ranks share
    the work.
    """
    from numl_polars.mpi import world
    from numl_polars.output.report import counted
    from numl_polars.tables.index_layout import IndexLayout
    from numl_polars.tools.concat import concat as run

    ranks = world()
    with progress_bar(ranks, wanted=progress) as bar:
        summary = run(
            files,
            output,
            layout=None if index is None else IndexLayout.parse(index),
            progress=bar,
            ranks=ranks,
            sort=sort,
            strings=strings,
            string_bytes=string_bytes,
            chunk_rows=chunk_rows,
            gzip=gzip,
            contiguous=contiguous,
            missing=missing,
            keys=keys,
            append=append,
            overwrite=overwrite,
            buffer_bytes=buffer_bytes,
        )
    filled = {name: number for name, number in summary.num_rows.items() if number}
    empty = len(summary.num_rows) - len(filled)
    rows = ", ".join(f"{number:,} {table}" for table, number in list(filled.items())[:_MOST_TABLES])
    more = [f"{len(filled) - _MOST_TABLES} more tables"] if len(filled) > _MOST_TABLES else []
    more += [f"{empty} empty"] if empty else []
    if ranks.rank == 0:
        click.echo(
            f"{summary.path}: {counted(summary.num_events, 'event')} of {counted(summary.num_files, 'file')} "
            f"({', '.join([rows, *more])}), {summary.num_bytes / 1e6:,.1f} MB, {summary.seconds:,.1f} s, "
            f"{summary.row_bytes / 1e6 / summary.seconds:,.0f} MB/s of rows"
        )
