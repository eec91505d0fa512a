"""What one rank does of a run: its events are read, built and written, a batch at a time."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain
from time import sleep

from numl_polars.events.batch import Batch
from numl_polars.events.file import EventFile
from numl_polars.events.readable import UnreadableEvent, readable_batches
from numl_polars.mpi import World, fault_of_rank
from numl_polars.objects.assembly import build_objects
from numl_polars.objects.training_object import Built, TrainingObject
from numl_polars.output.protocols import ObjectWriter
from numl_polars.output.report import peak_memory_bytes
from numl_polars.overlap import overlapped
from numl_polars.product import Share
from numl_polars.threads import num_cores
from numl_polars.timing import Progress, Stages

_POLL_SECONDS = 0.05


@dataclass
class RankResult:
    """What one rank did."""

    shares: dict[str, Share]
    unreadable: list[UnreadableEvent] = field(default_factory=list)
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory: int = 0


def columns_of(events: EventFile, objects: Mapping[str, TrainingObject]) -> dict[str, list[str]]:
    """Tables and columns that some of the objects read."""
    found: dict[str, list[str]] = {}
    for scheme in objects.values():
        for table, names in scheme.columns(events).items():
            found[table] = list(dict.fromkeys([*found.get(table, []), *names]))
    return found


def process_rank(
    events: EventFile,
    objects: Mapping[str, TrainingObject],
    spans: Iterable[tuple[int, int]],
    writers: Mapping[str, ObjectWriter],
    stages: Stages,
    progress: Progress | None,
    ranks: World,
) -> RankResult:
    """Read, build and write the events of this rank, a batch at a time; the three overlap if cores allow."""
    columns = columns_of(events, objects)
    result = RankResult({name: Share() for name in objects})
    finished = 0

    def fault_at(start: int, stop: int) -> AbstractContextManager[None]:
        return fault_of_rank(ranks, f", events [{start}, {stop})")

    def read(span: tuple[int, int]) -> list[Batch | UnreadableEvent]:
        with fault_at(*span), stages("read"):
            return list(readable_batches(events, columns, *span))

    def readable(found: Iterable[list[Batch | UnreadableEvent]]) -> Iterator[Batch]:
        nonlocal finished
        for one in chain.from_iterable(found):
            if isinstance(one, Batch):
                yield one
                continue
            result.unreadable.append(one)
            for share in result.shares.values():
                share.leave_out(one, events.ids[one.event_index : one.event_index + 1])
            finished += _report_progress(1, finished, len(events), progress, ranks)

    def build(batch: Batch) -> tuple[Batch, dict[str, Built]]:
        with fault_at(batch.start, batch.stop):
            return batch, build_objects(objects, batch, stages)

    def write(done: tuple[Batch, dict[str, Built]]) -> tuple[int, dict[str, Built]]:
        batch, built = done
        with fault_at(batch.start, batch.stop), stages("write"):
            for name, one in built.items():
                writers[name].write(one.objects)
        return batch.num_events, built

    spare_core = num_cores() > 1
    batches = overlapped(read, spans, spare_core=spare_core)
    for num_events, built in overlapped(write, map(build, readable(batches)), spare_core=spare_core):
        for name, one in built.items():
            result.shares[name].add(one)
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
