"""The whole flow: an event file in, a training file out, on any number of ranks.

Rank 0 looks at the file and says who reads what; every rank reads, labels, builds and writes its own events,
a batch at a time; when all are done the ranks' files take their names, and rank 0 merges them.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from numl_polars.detectors import Detector
from numl_polars.errors import InputError, OptionError
from numl_polars.events.cost import cut_costs, event_costs
from numl_polars.events.file import BATCH_BYTES, EventFile
from numl_polars.events.partition import balanced_ranges, batch_ranges
from numl_polars.events.storage import Contents, EventFileWarning
from numl_polars.mpi import World, fault_of_rank, world
from numl_polars.objects.training_object import TrainingObject, check_object_name
from numl_polars.output.files import remove
from numl_polars.output.formats import format_named
from numl_polars.output.report import RunReport, peak_memory_bytes, stage_seconds
from numl_polars.output.splits import DEFAULT_SPLITS, Splits
from numl_polars.output.targets import Targets
from numl_polars.product import Product
from numl_polars.rank_run import RankResult, columns_of, process_rank
from numl_polars.sources import Source, source_paths
from numl_polars.timing import Progress, Stages

Int64s = NDArray[np.int64]
Events = EventFile | Source | Iterable[Source]


@dataclass(frozen=True)
class Plan:
    """What rank 0 decides for all: who reads which events, in which batches.

    Parameters
    ----------
    contents
        What is known of the files: rows of every event in the tables that are read.
    ranges
        One range ``[start, stop)`` of events a rank.
    num_bytes
        int64 (events,): bytes that each event takes while it is read.
    """

    contents: Contents
    ranges: list[tuple[int, int]]
    num_bytes: Int64s


@overload
def process(events: Events, objects: TrainingObject, output: str | Path, **options: Any) -> RunReport: ...


@overload
def process(
    events: Events, objects: Mapping[str, TrainingObject], output: str | Path, **options: Any
) -> dict[str, RunReport]: ...


def process(  # type: ignore[misc]  # the overloads tell what comes back, this what options there are
    events: Events,
    objects: TrainingObject | Mapping[str, TrainingObject],
    output: str | Path,
    *,
    format: str = "hdf5",
    compression: str | None = None,
    detector: str | Path | Detector | None = None,
    event_range: slice = slice(None),
    merge: bool = True,
    splits: Splits = DEFAULT_SPLITS,
    overwrite: bool = False,
    remove_rank_files: bool = False,
    batch_bytes: int = BATCH_BYTES,
    progress: Progress | None = None,
    ranks: World | None = None,
) -> RunReport | dict[str, RunReport]:
    """Report of a run that turned events into objects, one file a rank, merged into one.

    Parameters
    ----------
    events
        Event files that are open, a range of them, or where they are: a path, a pattern, a list, or several.
    objects
        What to make of an event; several kinds by name are made with one reading of the events.
    output
        Stem of the output: ``{output}.h5`` is the merged file, ``{output}.0000.h5`` that of rank 0, beside
        them stand ``{output}.report.json`` and ``{output}.ledger.parquet``. An ending ``.h5`` is left out.
        Several kinds of objects have the stems ``{output}.{name}``. Other formats have other endings, see
        `numl_polars.output.formats`.
    format
        ``hdf5``, ``arrow`` or ``pt``.
    compression
        Of format ``arrow``: None, ``zstd`` or ``lz4``.
    detector
        What files call their columns, where they are given by path; see `EventFile`.
    event_range
        Process this range of `events`.
    merge
        Merge the ranks' files and add splits.
    splits
        Shares of the samples, and how they are drawn.
    overwrite
        Replace earlier output. It stays untouched until the new one is whole.
    remove_rank_files
        Remove the ranks' files once the merged file is verified.
    batch_bytes
        Bytes of input that a rank holds at a time.
    progress
        Called on rank 0 with what is going on (``"kernels"``, ``"events"``, ``"merge"``), how much of it is
        done, and how much there is, over all ranks.
    ranks
        The ranks; by default those under which the program was started.

    Returns
    -------
    The report of all ranks, on all ranks; of several kinds of objects one each, by name.

    Raises
    ------
    InputError, OutputError, OptionError
        On all ranks: before anything is written, or at the merge.
    RankError
        A rank met a fault on the way, on that rank only: the caller ends the others (`World.abort`).
    """
    if batch_bytes <= 0:
        raise OptionError(f"batch size {batch_bytes} bytes is not above 0")
    if remove_rank_files and not merge:
        raise OptionError("the ranks' files can be removed only if they are merged")
    begin, stages = perf_counter(), Stages()
    ranks = ranks if ranks is not None else world()
    schemes = {"": objects} if isinstance(objects, TrainingObject) else dict(objects)
    if not isinstance(objects, TrainingObject):
        for name in schemes:
            check_object_name(name)
    if not schemes:
        raise OptionError("no kind of object to make of the events")
    stem, chosen = Path(output), format_named(format)
    targets = {name: Targets.of(stem, ranks.size, chosen, name, merge=merge) for name in schemes}
    # ranks that are ended cannot remove what they were writing
    for target in targets.values():
        ranks.when_aborted(target.remove_unfinished)
    with ExitStack() as opened:
        with stages("plan"):
            paths = ranks.on_first(
                lambda: events.paths if isinstance(events, EventFile) else source_paths(events)
            )
            for target in targets.values():
                ranks.on_first(partial(target.check, paths, overwrite=overwrite))
            if not isinstance(events, EventFile):
                events = opened.enter_context(EventFile(paths, detector=detector, ranks=ranks))
            events = events[event_range]
            events.load_offsets(ranks.on_first(lambda: columns_of(events, schemes)), ranks)
            plan = ranks.on_first(lambda: make_plan(events, schemes, ranks.size))
            events.learn(plan.contents)
        with stages("compile"):
            ranks.on_first(lambda: compile_kernels(schemes.values(), progress))
            compile_kernels(schemes.values())

        options = {"format": format, "batch_bytes": batch_bytes, "splits": str(splits)}
        options |= {"seed": splits.seed, "split_by": splits.by}
        writer_options = {} if compression is None else {"compression": compression}
        products = {
            name: Product(
                scheme=scheme,
                targets=targets[name],
                facts=_facts(events, scheme, **options, **writer_options),
                overwrite=overwrite,
                writer_options=writer_options,
            )
            for name, scheme in schemes.items()
        }
        writers = {name: product.writer(ranks.rank) for name, product in products.items()}
        with fault_of_rank(ranks), ExitStack() as written:
            for writer in writers.values():
                written.enter_context(writer)
            ranks.barrier()
            spans = batch_ranges(plan.num_bytes, batch_bytes, *plan.ranges[ranks.rank])
            result = process_rank(events, schemes, spans, writers, stages, progress, ranks)
    for name, writer in writers.items():
        result.shares[name].part = writer.part
    results = ranks.gather(result)
    ranks.on_first(lambda: _tell_unreadable(results, len(events)))

    def about_run() -> dict[str, Any]:
        results[0].peak_memory = peak_memory_bytes()
        return {
            "num_events": len(events),
            "seconds": perf_counter() - begin,
            "stages": stage_seconds([stages.seconds, *(one.seconds for one in results[1:])]),
            "peak_memory": [one.peak_memory for one in results],
        }

    def finish_run() -> dict[str, RunReport]:
        return {
            name: product.finish(
                [one.shares[name] for one in results],
                splits=splits,
                remove_rank_files=remove_rank_files,
                progress=progress,
                stages=stages,
                about_run=about_run,
            )
            for name, product in products.items()
        }

    reports = ranks.on_first(finish_run)
    return reports[""] if isinstance(objects, TrainingObject) else reports


def _tell_unreadable(results: Sequence[RankResult], num_events: int) -> None:
    """Warn of events that are left out, for they cannot be read; raise an InputError if these are all."""
    found = [event for result in results for event in result.unreadable]
    if not found:
        return
    if len(found) == num_events:
        for share in (share for result in results for share in result.shares.values()):
            remove(share.part)
        raise InputError(f"none of {num_events} events can be read, first: {found[0].why}")
    first = found[0]
    warnings.warn(
        f"{len(found)} of {num_events} events are left out, for rows of them cannot be read, first event "
        f"{first.event_index}: {first.why}",
        EventFileWarning,
        stacklevel=2,
    )


def make_plan(events: EventFile, objects: Mapping[str, TrainingObject], num_ranks: int) -> Plan:
    """Ranges of events of which the costliest costs as little as can be, by the model of `events.cost`.

    Raises
    ------
    InputError
        A table or column that an object needs is missing, or a table's keys are wrong beyond repair.
    """
    columns = columns_of(events, objects)
    events.load_offsets(columns)
    offsets = {table: events.offsets(table) for table in columns}
    num_bytes = np.zeros(len(events.ids), np.int64)
    for table, names in columns.items():
        num_bytes += np.diff(offsets[table]) * events.num_row_bytes(table, names)
    own = {table: rows[events.start : events.stop + 1] for table, rows in offsets.items()}
    costs = event_costs({table: np.diff(rows) for table, rows in own.items()})
    cuts = cut_costs((own[table], events.chunks(table, names)) for table, names in columns.items())
    ranges = balanced_ranges(costs, num_ranks, cuts)
    return Plan(events.contents, [(events.start + a, events.start + b) for a, b in ranges], num_bytes)


_KERNELS = ("events.matching", "labels.ancestry", "labels.deposits", "objects.ranking", "tables.byte_kernels")


def compile_kernels(objects: Iterable[TrainingObject] = (), progress: Progress | None = None) -> None:
    """Compile the kernels that all objects use, and those of these, or load them from disk.

    The cache on disk must not be written by two ranks at once. The first time takes half a minute.
    """
    own = [module for scheme in objects for part in scheme.all_parts for module in part.kernels]
    modules = list(dict.fromkeys([*_KERNELS, *own]))
    for done, module in enumerate(modules, 1):
        import_module(f"numl_polars.{module}")
        if progress is not None:
            progress("kernels", done, len(modules))


def _facts(events: EventFile, scheme: TrainingObject, **options: Any) -> dict[str, Any]:
    """What the output records of the run: the input, the options, the version; the same on all ranks."""
    source: dict[str, Any] = {
        "file": events.name,
        "bytes": sum(events.num_bytes),
        "events": len(events.ids),
        "start": events.start,
        "stop": events.stop,
    }
    if len(events.paths) > 1:
        first = events.file_starts.tolist()
        source["files"] = [
            {"file": str(path), "bytes": size, "first_event": event}
            for path, size, event in zip(events.paths, events.num_bytes, first, strict=False)
        ]
    return {"input": source, "options": scheme.options() | options, "version": version("numl-polars")}
