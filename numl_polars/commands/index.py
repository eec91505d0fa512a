"""``numl-polars index``: sequence keys of event files."""

from pathlib import Path

import click

from numl_polars.command import names, print_section, progress_bar


@click.command()
@click.argument(
    "sources",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, readable=False),
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, write nothing.")
@click.option(
    "--keys",
    type=click.Choice(["both", "seq", "seq-cnt"]),
    default="both",
    show_default=True,
    help="Keys that tables are to have: event_id.seq, event_id.seq_cnt, or both.",
)
@click.option("--tables", metavar="NAME,...", help="Tables to look at.  [default: all]")
@click.option(
    "--index",
    "layout",
    metavar="TABLE/COLUMNS",
    help="The table of events, and the columns that name an event in all tables, such as "
    "spill/run,subrun,evt.  [default: found out]",
)
@click.option("--force", is_flag=True, help="Make keys anew even where they are right.")
@click.option("--progress/--no-progress", default=None, help="Show a progress bar.  [default: on a terminal]")
@click.option("--debug", is_flag=True, help="Show the traceback of a fault.")
def index(
    sources: tuple[Path, ...],
    dry_run: bool,
    keys: str,
    tables: str | None,
    layout: str | None,
    force: bool,
    progress: bool | None,
    debug: bool,
) -> None:
    """Add or repair the sequence keys of event files, in place.

    FILES are paths, patterns, or lists of them. The keys of each table are held against all of its rows:
    those that are missing are added, wrong ones are rebuilt, right ones stay as they are. Whenever the
    command ends, a file has all its old keys or all its new ones.
    """
    from numl_polars.errors import InputError, NumlError, OptionError
    from numl_polars.mpi import world
    from numl_polars.sources import source_paths
    from numl_polars.tables.index_layout import IndexLayout
    from numl_polars.tools.index import index_file, shown

    def run() -> None:
        paths = source_paths(sources)
        faults: dict[Path, str] = {}
        with progress_bar(world(), wanted=progress) as bar:
            for path in paths:
                try:
                    found = index_file(
                        path,
                        keys=keys,  # type: ignore[arg-type]
                        tables=None if tables is None else names(tables),
                        force=force,
                        dry_run=dry_run,
                        layout=None if layout is None else IndexLayout.parse(layout),
                        progress=bar,
                    )
                except OptionError:
                    raise
                except NumlError as error:
                    faults[path] = str(error)
                    if len(paths) > 1:
                        click.echo(f"{error}\n")
                else:
                    print_section(shown(found))
                    if found.faults:
                        first = found.faults[0]
                        also = f" (and {len(found.faults) - 1} other tables)" if len(found.faults) > 1 else ""
                        faults[path] = f"{first.name} of {path} cannot have keys: {first.obstacle}{also}"
        if len(faults) > 1:
            listed = ", ".join(str(path) for path in faults)
            first_fault = next(iter(faults.values()))
            raise InputError(
                f"{len(faults)} of {len(paths)} files have faults: {listed}; first: {first_fault}"
            )
        for fault in faults.values():
            raise InputError(fault)

    world().on_first(run)
