"""The command that turns event files into training files: ``python -m numl_polars.process``.

It reads options and calls the pipeline; nothing else prints or exits.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from numl_polars.command import (
    Bytes,
    EventRange,
    command_line,
    hit_coordinates,
    names,
    plane_options,
    print_section,
    progress_bar,
)

if TYPE_CHECKING:
    from numl_polars.output.report import RunReport

EXAMPLES = """\b
Examples:
  numl-polars process run.evt.h5 graphs
  mpirun -n 64 python -m numl_polars.process run.evt.h5 graphs --vertex
  numl-polars process run.evt.h5 first --events :1000 --overwrite
  numl-polars process run.evt.h5 tracks --particle-labels "labels.py:TrackShower(shower_threshold=0.05)"
  numl-polars process run.evt.h5 both --particle-labels standard --particle-labels shape=topology
  numl-polars process run.evt.h5 maps --object "pixels(window='tight', bins=(256, 256))" --format arrow
  numl-polars process run.evt.h5 both --object graph --object pixels --format arrow
  numl-polars process 'runs/*.h5' more.list graphs --detector icarus --coordinates local --planes-per-tpc
  numl-polars process run.evt.h5 knn --part "nearest-edges(k=5)" --part parts.py:density
"""


@click.command(name="process", epilog=EXAMPLES)
@click.argument("events", nargs=-1, required=True, metavar="EVENTS...")
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--object",
    "object_",
    multiple=True,
    default=("graph",),
    show_default=True,
    metavar="SPEC",
    help="What events become: graph, pixels, voxels, or bare, which has the parts that --part gives it; your "
    "own, path/to/objects.py:NAME. Parameters in parentheses: \"pixels(window='vertex', size=(512, 1024), "
    'bins=(256, 256))". Repeat, with NAME=SPEC where two are alike, to make several with one reading, '
    "OUT.NAME.h5 each.",
)
@click.option(
    "--part",
    default=(),
    multiple=True,
    metavar="SPEC",
    help="Adds a part: an included one, 'nearest-edges(k=8)', 'radius-edges(radius=5)', …, or your own, "
    "path/to/parts.py:NAME. Repeat for more.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["hdf5", "arrow", "pt"]),
    default="hdf5",
    show_default=True,
    help="Files to train on: HDF5 as NuGraph reads it, columns of Arrow, or a folder of one .pt an event.",
)
@click.option(
    "--compression",
    type=click.Choice(["none", "lz4", "zstd"]),
    default="none",
    show_default=True,
    help="Compression of format arrow: smaller files, which are no longer mapped to memory as they are.",
)
@click.option(
    "--particle-labels",
    multiple=True,
    default=("standard",),
    show_default=True,
    metavar="SPEC",
    help="Scheme that gives each hit its class and instance: standard, simple, ccqe, delta-rays, topology "
    "or none; your own, path/to/labels.py:NAME or package.module:NAME; or path/to/recipe.toml. Parameters in "
    "parentheses: 'simple(gamma_threshold=0.05)'. Repeat as LAYER=SPEC to give hits several labels.",
)
@click.option(
    "--event-labels",
    multiple=True,
    default=("flavor",),
    show_default=True,
    metavar="SPEC",
    help="Scheme that gives each event its class: flavor, proton-decay or none; else as for particles.",
)
@click.option("--vertex", is_flag=True, help="Add the neutrino vertex, evt/y_vtx (cm).")
@click.option("--position", is_flag=True, help="Add the true 3-D position of each hit, hit/y_position (cm).")
@click.option(
    "--detailed-truth", is_flag=True, help="Add g4_id, parent_id and PDG code of each hit's particle."
)
@click.option(
    "--planes",
    default=None,
    metavar="NAMES",
    help="Names of the wire planes, in the order of their numbers in the file, or with them: u=0,y=2.  "
    "[default: u,v,y, or those of the detector]",
)
@click.option(
    "--detector",
    default=None,
    metavar="NAME",
    help="What is known of the detector: uboone, dune, icarus, sbnd, argoneut, or a TOML file that describes "
    "yours. It says columns, planes, coordinates and node features, as far as no option does.",
)
@click.option(
    "--coordinates",
    default=None,
    metavar="WHICH",
    help="Hit plane, wire and time: 'local' to a TPC, 'global', stitched over TPCs (global_*, or view, proj "
    "and drift), 'auto', as the file's generation usually has them; or three columns: PLANE,WIRE,TIME.  "
    "[default: auto, or that of the detector]",
)
@click.option(
    "--planes-per-tpc",
    is_flag=True,
    help="Give each TPC planes of its own, u0, v0, y0, u1, …; the detector says how many TPCs there are.",
)
@click.option(
    "--node-features",
    default=None,
    metavar="COLUMNS",
    help="Columns of hit_table that start hit/x; plane and position follow.  [default: integral,rms,tpc, or "
    "those of the detector]",
)
@click.option(
    "--lower-bound",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="HITS",
    help="Leave an event out if a plane has fewer hits with a deposit; of maps 0 unless said.",
)
@click.option(
    "--max-integral",
    default="1e6",
    show_default=True,
    metavar="ADC",
    help="Leave an event out if a hit integral exceeds this; 'none' turns it off.",
)
@click.option(
    "--events",
    "event_range",
    type=EventRange(),
    default=":",
    metavar="START:STOP",
    help="Process this range of the file's events.  [default: all]",
)
@click.option(
    "--batch-size",
    type=Bytes(),
    default="8MB",
    show_default=True,
    metavar="BYTES",
    help="Input that a rank holds at a time.",
)
@click.option(
    "--splits",
    default="90/5/5",
    show_default=True,
    metavar="TRAIN/VAL/TEST",
    help="Shares of the merged file's samples.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the splits.")
@click.option(
    "--split-by",
    type=click.Choice(["shuffle", "hash"]),
    default="shuffle",
    show_default=True,
    help="Draw the samples by shuffling, or by a hash of run, subrun and event, which stays the same when "
    "files are added.",
)
@click.option(
    "--merge/--no-merge", default=True, show_default=True, help="Merge the ranks' files into OUT.h5."
)
@click.option("--remove-rank-files", is_flag=True, help="Remove OUT.0000.h5 … once OUT.h5 is verified.")
@click.option("--overwrite", is_flag=True, help="Replace earlier output.")
@click.option(
    "--progress/--no-progress",
    default=None,
    help="Show a progress bar.  [default: on a terminal; mpirun hides it]",
)
@click.option("--debug", is_flag=True, help="Show the traceback of a fault.")
def process_command(
    events: tuple[str, ...],
    output: Path,
    object_: tuple[str, ...],
    part: tuple[str, ...],
    format_: str,
    compression: str,
    particle_labels: tuple[str, ...],
    event_labels: tuple[str, ...],
    vertex: bool,
    position: bool,
    detailed_truth: bool,
    planes: str | None,
    detector: str | None,
    coordinates: str | None,
    planes_per_tpc: bool,
    node_features: str | None,
    lower_bound: int,
    max_integral: str,
    event_range: slice,
    batch_size: int,
    splits: str,
    seed: int,
    split_by: str,
    merge: bool,
    remove_rank_files: bool,
    overwrite: bool,
    progress: bool | None,
    debug: bool,
) -> None:
    """Turn the events of EVENTS, NuML HDF5 files, into labelled training objects.

    EVENTS are files, patterns in quotes ('runs/*.h5'), or text files (.txt, .list) with a path a line;
    several are read as one, in this order.

    Started with mpirun, each rank reads and writes its own share of the events, to OUT.0000.h5,
    OUT.0001.h5, and so on. OUT.h5 is the merged file with train, validation and test samples;
    OUT.report.json tells how the run went, OUT.ledger.parquet which events were left out, and why.
    """
    from numl_polars.labels.outside.loading import event_layers, particle_layers
    from numl_polars.mpi import world
    from numl_polars.objects.outside import load_objects, load_part
    from numl_polars.output.splits import Splits
    from numl_polars.pipeline import process

    labels = {
        "particle_labels": particle_layers(particle_labels),
        "event_labels": event_layers(event_labels),
    }
    options = {
        "vertex": vertex,
        "position": position,
        "detailed_truth": detailed_truth,
        "detector": detector,
        **plane_options(planes),
        "coordinates": hit_coordinates(coordinates),
        "planes_per_tpc": planes_per_tpc or None,
        "node_features": None if node_features is None else names(node_features),
        "lower_bound": lower_bound,
        "max_integral": _limit(max_integral),
        "parts": [load_part(spec) for spec in part],
        **labels,
    }
    named = {"parts": "part", "plane_numbers": "planes"}
    given = {name: value for name, value in options.items() if _is_given(named.get(name, name))}
    objects = load_objects(object_, labels, given)
    shares = Splits.parse(splits, seed=seed, by=split_by)  # type: ignore[arg-type]
    ranks = world()
    with progress_bar(ranks, wanted=progress) as advance:
        reports = process(
            events,
            objects if len(objects) > 1 else next(iter(objects.values())),
            output,
            format=format_,
            compression=None if compression == "none" else compression,
            detector=detector,
            event_range=event_range,
            merge=merge,
            splits=shares,
            overwrite=overwrite,
            remove_rank_files=remove_rank_files,
            batch_bytes=batch_size,
            progress=advance,
            ranks=ranks,
        )
    if ranks.rank == 0:
        _print_summaries(reports if isinstance(reports, dict) else {"": reports})


def _is_given(name: str) -> bool:
    """Whether an option stands on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not click.core.ParameterSource.DEFAULT


def _print_summaries(reports: "Mapping[str, RunReport]") -> None:
    for name, report in reports.items():
        if name:
            click.echo(f"{name}:")
        if not report.num_kept:
            none = "" if report.num_events else f", the range holds none of {report.input['events']:,}"
            click.echo(f"No events left after selection{none}: the output holds no object.")
        print_section(report.render())


def _limit(text: str) -> float | None:
    if text.lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither a number nor 'none'", param_hint="--max-integral"
        ) from None


def main() -> None:
    """Run the command; the process exits with 0, 1 for a fault, 2 for wrong usage."""
    command_line(process_command)


if __name__ == "__main__":
    main()
