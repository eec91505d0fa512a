"""``numl-polars validate``: what is in event files, and what is wrong with them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from numl_polars.command import Bytes, hit_coordinates, plane_options, print_section, progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numl_polars.detectors import Detector
    from numl_polars.tools.validate import FileReport

DONE, UNREADABLE, ERRORS, WARNINGS = 0, 1, 3, 4

EXAMPLES = """\b
Exit status:
  0  nothing wrong, or nothing worse than warnings
  1  a file cannot be opened
  2  wrong usage
  3  errors were found
  4  warnings were found, with --strict

\b
Examples:
  numl-polars validate run.evt.h5
  numl-polars validate "runs/*.h5" --quick
  numl-polars validate run.evt.h5 --json > report.json
  numl-polars validate run.evt.h5 --detector icarus --coordinates local
  mpirun -n 16 numl-polars validate merged.h5 --particle-labels simple
"""


@click.command(epilog=EXAMPLES)
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path, readable=False)
)
@click.option(
    "--particle-labels",
    default="standard",
    show_default=True,
    metavar="SPEC",
    help="Scheme whose rules are to label each particle, as of numl-polars process; none for no scheme.",
)
@click.option(
    "--detector",
    default=None,
    metavar="NAME",
    help="The detector that the files are of: uboone, dune, icarus, sbnd, argoneut, or a TOML file that "
    "describes yours. It says columns, planes and TPCs, as far as no option does.",
)
@click.option(
    "--planes",
    default=None,
    metavar="NAMES",
    help="Wire planes that there are, in the order of their numbers in the file, or with them: u=0,y=2.  "
    "[default: as many as the file has, or those of the detector]",
)
@click.option(
    "--coordinates",
    default=None,
    metavar="WHICH",
    help="Columns of hit plane, wire and time, as of numl-polars process.  [default: auto, or those of the "
    "detector]",
)
@click.option("--quick", is_flag=True, help="Read keys and the event table, and no other rows.")
@click.option("--columns", is_flag=True, help="Show each column with its dtype and storage.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of reports for programs.")
@click.option(
    "--batch-size",
    type=Bytes(),
    default="32MB",
    show_default=True,
    metavar="BYTES",
    help="Rows that a rank holds at a time.",
)
@click.option("--strict", is_flag=True, help="End with status 4 if there are warnings.")
@click.option(
    "--progress/--no-progress",
    default=None,
    help="Show a progress bar.  [default: on a terminal; mpirun hides it]",
)
@click.option("--debug", is_flag=True, help="Show the traceback of a fault.")
def validate(
    files: tuple[Path, ...],
    particle_labels: str,
    detector: str | None,
    planes: str | None,
    coordinates: str | None,
    quick: bool,
    columns: bool,
    as_json: bool,
    batch_size: int,
    strict: bool,
    progress: bool | None,
    debug: bool,
) -> None:
    """Tell what is in event files, and what is wrong with them, worst first.

    FILE is an event file, a pattern, or a list of files. Started with mpirun, each rank checks a share of
    the events. Files are only read.
    """
    from numl_polars.labels.outside.loading import load_particle_labels
    from numl_polars.mpi import world
    from numl_polars.sources import source_paths
    from numl_polars.tools.validate import validate as run

    known = _detector(detector, planes, coordinates)
    scheme = load_particle_labels(particle_labels)
    ranks = world()

    def reports() -> "Iterator[FileReport]":
        for path in source_paths(files):
            with progress_bar(ranks, wanted=progress) as advance:
                report = run(
                    path,
                    scheme=scheme,
                    detector=known,
                    quick=quick,
                    batch_bytes=batch_size,
                    progress=advance,
                    ranks=ranks,
                )
            yield report

    if ranks.rank > 0:
        for _ in reports():
            pass
        return
    found = _print_json(reports()) if as_json else _print_sections(reports(), columns=columns)
    raise click.exceptions.Exit(_status(found, strict=strict))


def _detector(detector: str | None, planes: str | None, coordinates: str | None) -> "Detector | None":
    """The detector as a graph would have it of these options; None if none is given."""
    from numl_polars.objects.hit_graph import HitGraph

    if detector is planes is coordinates is None:
        return None
    graph = HitGraph(detector=detector, **plane_options(planes), coordinates=hit_coordinates(coordinates))  # type: ignore[arg-type]
    return graph.geometry


def _status(reports: "list[FileReport]", *, strict: bool) -> int:
    if not all(report.is_readable for report in reports):
        return UNREADABLE
    if any(report.count("error") for report in reports):
        return ERRORS
    return WARNINGS if strict and any(report.count("warning") for report in reports) else DONE


def _print_json(reports: "Iterator[FileReport]") -> "list[FileReport]":
    import json

    found = list(reports)
    click.echo(json.dumps([report.as_json() for report in found], indent=1))
    return found


def _print_sections(reports: "Iterator[FileReport]", *, columns: bool) -> "list[FileReport]":
    found: list[FileReport] = []
    for report in reports:
        if found:
            click.echo()
        print_section(report.render(columns=columns))
        found.append(report)
    if len(found) > 1:
        worst = sum(bool(report.count("error")) for report in found)
        warned = sum(not report.count("error") and bool(report.count("warning")) for report in found)
        click.echo(
            f"\n{len(found)} files: {worst} with errors, {warned} with warnings, "
            f"{len(found) - worst - warned} without either"
        )
    elif found[0].findings:
        click.echo(found[0].summary)
    return found
