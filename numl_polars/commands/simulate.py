"""``numl-polars simulate``: event files to try things with."""

from pathlib import Path

import click

DETECTORS = (
    *("uboone", "uboone-optical", "uboone-open", "dune", "dune-2024", "dune-2023"),
    *("icarus", "sbnd", "two-views"),
)


@click.command()
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path, readable=False))
@click.option("--events", type=click.IntRange(min=1), required=True, metavar="N", help="Number of events.")
@click.option(
    "--detector",
    type=click.Choice(DETECTORS),
    default="uboone",
    show_default=True,
    help="Geometry, and the columns that its files have.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of everything.")
@click.option(
    "--layout",
    type=click.Choice(["fresh", "merged", "contiguous"]),
    default="merged",
    show_default=True,
    help="Storage: as from the writer, as after merging, or without chunks.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier file.")
@click.option("--debug", is_flag=True, help="Show the traceback of a fault.")
def simulate(
    output: Path, events: int, detector: str, seed: int, layout: str, overwrite: bool, debug: bool
) -> None:
    """Simulate an event file OUT, to try things with."""
    from rich.console import Console
    from rich.progress import Progress

    from numl_polars.tools.simulate import simulate as run

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("events", total=events)
        summary = run(
            output,
            events=events,
            detector=detector,  # type: ignore[arg-type]
            seed=seed,
            layout=layout,  # type: ignore[arg-type]
            overwrite=overwrite,
            progress=lambda done: bar.advance(task, done),
        )
    rows = ", ".join(f"{number:,} {table}" for table, number in summary.rows.items())
    click.echo(f"{summary.path}: {summary.events:,} events ({rows}), {summary.bytes / 1e6:,.1f} MB")
