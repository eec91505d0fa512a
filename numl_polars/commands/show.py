"""``numl-polars show``: one event of a file."""

from pathlib import Path

import click

from numl_polars.command import print_section

EXAMPLES = """\b
Examples:
  numl-polars show run.evt.h5 12
  numl-polars show run.evt.h5 -1
  numl-polars show run.evt.h5 7010/1705/85251 --depth 3
  numl-polars show run.evt.h5 r7010_sr1705_evt85251 --table hit_table --rows 20
  numl-polars show "runs/*.h5" 7010/1705/85251
"""


@click.command(epilog=EXAMPLES, context_settings={"ignore_unknown_options": True})
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path, readable=False)
)
@click.argument("event")
@click.option(
    "--detector",
    default=None,
    metavar="NAME",
    help="The detector that the files are of, a name or a TOML file: what its files call columns.",
)
@click.option(
    "--particle-labels",
    default="standard",
    show_default=True,
    metavar="SPEC",
    help="Scheme of the labels in the tree, as of numl-polars process; none leaves the tree out.",
)
@click.option("--rows", type=click.IntRange(min=0), default=3, show_default=True, help="Rows of each table.")
@click.option(
    "--depth",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Generations below the primaries in the tree.",
)
@click.option("--table", default=None, metavar="NAME", help="Show this table alone, with all of its columns.")
@click.option("--debug", is_flag=True, help="Show the traceback of a fault.")
def show(
    files: tuple[Path, ...],
    event: str,
    detector: str | None,
    particle_labels: str,
    rows: int,
    depth: int,
    table: str | None,
    debug: bool,
) -> None:
    """Show one event of FILE: its tables in short, and its particles with their labels.

    FILE is an event file, a pattern, or a list of files; several are read as one. EVENT is an index
    (negative from the end), run/subrun/event, or the name of an object, r1_sr0_evt5.
    """
    from numl_polars.events.file import open_events
    from numl_polars.labels.outside.loading import load_particle_labels
    from numl_polars.tools.show import find_event
    from numl_polars.tools.show import show as run

    for word in (*map(str, files), event):
        # a number below 0 looks like an option, so that click lets all pass
        if word.startswith("--"):
            raise click.NoSuchOption(word)
    scheme = load_particle_labels(particle_labels)
    with open_events(files, detector=detector) as events:
        section = run(events, find_event(events, event), scheme=scheme, rows=rows, depth=depth, table=table)
    print_section(section)
