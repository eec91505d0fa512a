"""The whole flow: an event file in, a training file out, on any number of ranks.

Rank 0 looks at the file and says who reads what; every rank reads, labels, builds and writes its own events,
a batch at a time; when all are done the ranks' files take their names, and rank 0 merges them.
"""

import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import NumlError, OptionError, OutputError, RankError
from numl_polars.events.batch import Batch
from numl_polars.events.cost import cut_costs, event_costs
from numl_polars.events.file import BATCH_BYTES, EventFile, EventFileWarning
from numl_polars.events.partition import balanced_ranges, batch_ranges
from numl_polars.labels.rule_usage import RuleUsage
from numl_polars.mpi import World, world
from numl_polars.objects.hit_graph import Built, HitGraph
from numl_polars.objects.layer_counts import LayerCounts, add_counts
from numl_polars.objects.ledger import REASONS, concat_ledgers
from numl_polars.output.files import finish, unfinished, writing
from numl_polars.output.hdf5 import Hdf5Writer
from numl_polars.output.layout import GraphMetadata
from numl_polars.output.merge import merge as merge_files
from numl_polars.output.report import LayerReport, RunReport, peak_memory_bytes, stage_seconds
from numl_polars.output.splits import DEFAULT_SPLITS, Splits
from numl_polars.output.targets import Targets
from numl_polars.overlap import overlapped
from numl_polars.threads import num_cores
from numl_polars.timing import Stages

Int64s = NDArray[np.int64]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Plan:
    """What rank 0 decides for all: who reads which events, in which batches.

    Parameters
    ----------
    offsets
        Rows of every event, by table.
    ranges
        One range ``[start, stop)`` of events a rank.
    num_bytes
        int64 (events,): bytes that each event takes while it is read.
    """

    offsets: Mapping[str, Int64s]
    ranges: list[tuple[int, int]]
    num_bytes: Int64s


@dataclass
class RankResult:
    """What one rank did; `part` is its file, whole, under its hidden name."""

    part: Path = Path()
    num_kept: int = 0
    layers: dict[str, LayerCounts] = field(default_factory=dict)
    ledgers: list[pl.DataFrame] = field(default_factory=list)
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory: int = 0


def process(
    events: EventFile | str | Path,
    graph: HitGraph,
    output: str | Path,
    *,
    event_range: slice = slice(None),
    merge: bool = True,
    splits: Splits = DEFAULT_SPLITS,
    overwrite: bool = False,
    remove_rank_files: bool = False,
    batch_bytes: int = BATCH_BYTES,
    progress: Progress | None = None,
    ranks: World | None = None,
) -> RunReport:
    """Report of a run that turned events into graphs, one file a rank, merged into one.

    Parameters
    ----------
    events
        An event file, a range of one, or a path.
    graph
        What to make of an event.
    output
        Stem of the output: ``{output}.h5`` is the merged file, ``{output}.0000.h5`` that of rank 0, beside
        them stand ``{output}.report.json`` and ``{output}.ledger.parquet``. An ending ``.h5`` is left out.
    event_range
        Process this range of `events`.
    merge
        Merge the ranks' files and add splits.
    splits
        Shares of the samples, and their seed.
    overwrite
        Replace earlier output. It stays untouched until the new one is whole.
    remove_rank_files
        Remove the ranks' files once the merged file is verified.
    batch_bytes
        Bytes of input that a rank holds at a time.
    progress
        Called on rank 0 with what is going on (``"events"``, ``"merge"``), how much of it is done, and how
        much there is, over all ranks.
    ranks
        The ranks; by default those under which the program was started.

    Returns
    -------
    The report of all ranks, on all ranks.

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
    targets = Targets.of(Path(output), ranks.size, merge=merge)
    # ranks that are ended cannot remove what they were writing
    ranks.when_aborted(targets.remove_unfinished)
    with stages("plan"):
        source = events.path if isinstance(events, EventFile) else Path(events)
        ranks.on_first(lambda: targets.check(source, overwrite=overwrite))
        events = _open(events, ranks)[event_range]
        plan = ranks.on_first(lambda: make_plan(events, graph, ranks.size))
        events.share_offsets(plan.offsets)
    with stages("compile"):
        ranks.on_first(compile_kernels)
        compile_kernels()

    facts = _facts(events, graph, batch_bytes=batch_bytes, splits=str(splits), seed=splits.seed)
    writer = Hdf5Writer(
        targets.rank_file(ranks.rank), _metadata(graph, facts), overwrite=overwrite, hidden=True
    )
    with _fault_of_rank(ranks), writer:
        ranks.barrier()
        result = _process_rank(events, graph, plan, writer, stages, batch_bytes, progress, ranks)
    result.part = writer.part
    results = ranks.gather(result)

    def finish_run() -> RunReport:
        parts = [one.part for one in results]
        ledger = concat_ledgers([frame for one in results for frame in one.ledgers])
        summary = None
        with ExitStack() as unnamed:
            for part in parts:
                unnamed.callback(part.unlink, missing_ok=True)
            ledger_part = unnamed.enter_context(unfinished(targets.ledger, overwrite=overwrite))
            with writing(targets.ledger):
                ledger.write_parquet(ledger_part)
            if merge:
                advance = None if progress is None else partial(progress, "merge")
                try:
                    with stages("merge"):
                        summary = merge_files(
                            parts, targets.merged, splits=splits, overwrite=overwrite, progress=advance
                        )
                except OutputError as error:
                    unnamed.pop_all()
                    raise OutputError(
                        f"{error}; the ranks' files are whole, under hidden names: make room, then "
                        f"numl-polars merge {targets.merged} {' '.join(map(str, parts))}"
                    ) from error
            rank_files = [] if remove_rank_files else targets.rank_files
            for part, path in zip(parts, rank_files, strict=False):
                finish(part, path, overwrite=overwrite)
        finish(ledger_part, targets.ledger, overwrite=overwrite)
        targets.remove_stale(rank_files)
        results[0].peak_memory = peak_memory_bytes()
        report = RunReport(
            num_events=len(events),
            num_kept=sum(one.num_kept for one in results),
            num_samples=summary.num_samples if summary is not None else {},
            rejected=_count_by_reason(ledger, rejected=True),
            noted=_count_by_reason(ledger, rejected=False),
            layers=_layer_reports(graph, add_counts(one.layers for one in results)),
            seconds=perf_counter() - begin,
            stages=stage_seconds([stages.seconds, *(one.seconds for one in results[1:])]),
            peak_memory=[one.peak_memory for one in results],
            outputs=[*([targets.merged] if merge else []), targets.report, targets.ledger, *rank_files],
            **facts,
        )
        report.write(targets.stem, overwrite=overwrite)
        return report

    return ranks.on_first(finish_run)


@contextmanager
def _fault_of_rank(ranks: World, where: str = "") -> Iterator[None]:
    """Any fault of the block as a RankError that says which rank, and `where`.

    Of a rank alone, what the user can mend passes unchanged, unless it has a place to be named.
    """
    try:
        yield
    except RankError:
        raise
    except Exception as error:
        fault = str(error) if isinstance(error, NumlError) else f"{type(error).__name__}: {error}"
        if ranks.size == 1 and not where and isinstance(error, NumlError):
            raise
        raise RankError(f"rank {ranks.rank}{where}: {fault}") from error


def _open(events: EventFile | str | Path, ranks: World) -> EventFile:
    if isinstance(events, EventFile):
        return events
    path = events
    if ranks.size == 1:
        return EventFile(path)
    ranks.on_first(lambda: EventFile(path).close())
    with _fault_of_rank(ranks), warnings.catch_warnings():
        # rank 0 has said it
        warnings.simplefilter("ignore", EventFileWarning)
        return EventFile(path)


def make_plan(events: EventFile, graph: HitGraph, num_ranks: int) -> Plan:
    """Ranges of events of which the costliest costs as little as can be, by the model of `events.cost`.

    Raises
    ------
    InputError
        A table or column that the graph needs is missing, or a table's keys are wrong beyond repair.
    """
    columns = graph.columns(events)
    offsets = {table: events.offsets(table) for table in columns}
    num_bytes = np.zeros(len(events.ids), np.int64)
    for table, names in columns.items():
        num_bytes += np.diff(offsets[table]) * events.num_row_bytes(table, names)
    own = {table: rows[events.start : events.stop + 1] for table, rows in offsets.items()}
    costs = event_costs({table: np.diff(rows) for table, rows in own.items()})
    cuts = cut_costs((own[table], events.chunks(table, names)) for table, names in columns.items())
    ranges = balanced_ranges(costs, num_ranks, cuts)
    return Plan(offsets, [(events.start + a, events.start + b) for a, b in ranges], num_bytes)


def compile_kernels() -> None:
    """Compile the kernels, or load them from disk: the cache must not be written by two ranks at once."""
    from numl_polars.events import matching  # noqa: F401
    from numl_polars.labels import ancestry, deposits  # noqa: F401
    from numl_polars.objects import hit_edges, ranking  # noqa: F401
    from numl_polars.objects.maps import binning, densest, energies  # noqa: F401
    from numl_polars.tables import byte_kernels  # noqa: F401


def _facts(events: EventFile, graph: HitGraph, **options: Any) -> dict[str, Any]:
    """What the output records of the run: the input, the options, the version; the same on all ranks."""
    source = {
        "file": events.name,
        "bytes": events.path.stat().st_size,
        "events": len(events.ids),
        "start": events.start,
        "stop": events.stop,
    }
    return {"input": source, "options": graph.options() | options, "version": version("numl-polars")}


def _metadata(graph: HitGraph, facts: Mapping[str, Any]) -> GraphMetadata:
    provenance = {
        "program": f"numl-polars {facts['version']}",
        "input": json.dumps(facts["input"]),
        "options": json.dumps(facts["options"], default=str),
    }
    return GraphMetadata.of(graph.planes, graph.classes, provenance)


def _process_rank(
    events: EventFile,
    graph: HitGraph,
    plan: Plan,
    writer: Hdf5Writer,
    stages: Stages,
    batch_bytes: int,
    progress: Progress | None,
    ranks: World,
) -> RankResult:
    """Read, build and write the events of this rank, a batch at a time; the three overlap if cores allow."""
    columns = graph.columns(events)
    result = RankResult()
    finished = 0

    def fault_at(start: int, stop: int) -> AbstractContextManager[None]:
        return _fault_of_rank(ranks, f", events [{start}, {stop})")

    def read(span: tuple[int, int]) -> Batch:
        with fault_at(*span), stages("read"):
            batch = Batch(events, *span)
            for table, names in columns.items():
                batch.select(table, names)
            return batch

    def build(batch: Batch) -> tuple[Batch, Built]:
        with fault_at(batch.start, batch.stop):
            return batch, graph.build(batch, stages)

    def write(done: tuple[Batch, Built]) -> tuple[int, Built]:
        batch, built = done
        with fault_at(batch.start, batch.stop), stages("write"):
            writer.write(built.objects)
        return batch.num_events, built

    spare_core = num_cores() > 1
    spans = batch_ranges(plan.num_bytes, batch_bytes, *plan.ranges[ranks.rank])
    batches = overlapped(read, spans, spare_core=spare_core)
    for num_events, built in overlapped(write, map(build, batches), spare_core=spare_core):
        result.num_kept += len(built.objects)
        result.layers = add_counts([result.layers, built.layers])
        result.ledgers.append(built.ledger)
        finished += _report_progress(num_events, finished, len(events), progress, ranks)
    while ranks.rank == 0 and finished < len(events):
        sleep(_POLL_SECONDS)
        finished += _report_progress(0, finished, len(events), progress, ranks)
    result.seconds = stages.seconds
    result.peak_memory = peak_memory_bytes()
    return result


def _report_progress(
    own: int, finished: int, num_events: int, progress: Progress | None, ranks: World
) -> int:
    """Events newly finished, on rank 0 over all ranks."""
    if ranks.rank > 0:
        ranks.send_progress(own)
        return own
    new = own + ranks.receive_progress()
    if progress is not None and new:
        progress("events", finished + new, num_events)
    return new


def _layer_reports(graph: HitGraph, counts: Mapping[str, LayerCounts]) -> dict[str, LayerReport]:
    """What each labelling did, in the order of the layers; nothing of one that labelled no batch."""
    schemes = {**graph.particle_layers, **graph.event_layers}
    reports = {}
    for layer, scheme in schemes.items():
        if layer in counts:
            count, rules = counts[layer], scheme.rule_list
            counted = "particles" if layer in graph.particle_layers else "events"
            remarks = RuleUsage(rules, count.holds, counted).remarks() if rules is not None else []
            reports[layer] = LayerReport(
                scheme=scheme.name,
                num_untrained_hits=count.untrained_hits,
                unlabelled=count.combinations.to_dicts(),
                remarks=remarks,
                is_included=type(scheme).__module__.startswith("numl_polars."),
            )
    return reports


def _count_by_reason(ledger: pl.DataFrame, *, rejected: bool) -> dict[str, int]:
    """Number of ledger rows by reason, in the order of the reasons."""
    rows = ledger.filter(pl.col("rejected") == rejected)["reason"].to_list()
    counts = Counter(rows)
    return {reason: counts[reason] for reason in REASONS if counts[reason]}


_POLL_SECONDS = 0.05
