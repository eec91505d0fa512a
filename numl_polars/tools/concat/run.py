"""The whole flow: files are looked at, agree on a schema, and their rows become one file."""

import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from numl_polars.errors import InputError, NumlError, OptionError, OutputError
from numl_polars.events.file import EventFileWarning
from numl_polars.mpi import World, fault_of_rank, world
from numl_polars.output.files import check_target, finish, remove, unfinished
from numl_polars.sources import Source, source_paths
from numl_polars.tables.index_layout import IndexLayout
from numl_polars.threads import num_cores
from numl_polars.timing import Progress
from numl_polars.tools.concat.encoding import Encoded, Encoder, encoded
from numl_polars.tools.concat.inputs import Inputs
from numl_polars.tools.concat.naming import under_one_name
from numl_polars.tools.concat.options import ConcatOptions
from numl_polars.tools.concat.plan import Item, Plan, make_plan
from numl_polars.tools.concat.scan import FileContent, scan_file
from numl_polars.tools.concat.target import Target, copy_attributes, new_target

_POLL_SECONDS = 0.002
_MB = 1_000_000


@dataclass(frozen=True)
class ConcatSummary:
    """What was joined.

    Parameters
    ----------
    path
        The output.
    num_files, num_events, num_rows
        Files that were joined (of an append, the earlier output is one), events and rows by table of the
        output.
    num_bytes, row_bytes
        Size of the output, and bytes of its rows before compression.
    seconds
        Wall time.
    """

    path: Path
    num_files: int
    num_events: int
    num_rows: dict[str, int]
    num_bytes: int
    row_bytes: int
    seconds: float


def concat(
    sources: Source | Iterable[Source],
    output: str | Path,
    *,
    layout: IndexLayout | None = None,
    progress: Progress | None = None,
    ranks: World | None = None,
    **options: Any,
) -> ConcatSummary:
    """Join event files into one, as if one writer had written it.

    The rows of every table stand one file behind the other, and keys are made on the way. Events keep their
    names, also where they repeat: the n-th event of the output is the n-th of all files. Memory is bounded
    by the buffer, one chunk of the output for each core, and 16 bytes an event and table.

    Parameters
    ----------
    sources
        Files, patterns and lists; see `source_paths`.
    output
        File to write. It appears under this name when it is whole; an earlier one stands until then.
    layout
        What says which event a row is of; found out by default.
    progress
        Called on rank 0 with a stage, and how much of how much of it is done.
    ranks
        The ranks; by default those under which the program was started.
    options
        See `ConcatOptions`.

    Raises
    ------
    OptionError, InputError, OutputError
        On all ranks, before anything is written, or at the end.
    RankError
        A rank met a fault on the way, on that rank only: the caller ends the others (`World.abort`).
    """
    begin = perf_counter()
    ranks = ranks if ranks is not None else world()
    target = Path(output)
    paths, chosen = ranks.on_first(partial(_paths, sources, target, ConcatOptions(**options)))
    plan, contents = _planned(paths, layout, chosen, ranks, progress)
    inputs = Inputs(plan.paths)
    with ExitStack() as stack:
        stack.callback(inputs.close)
        written = ExitStack()
        stack.enter_context(written)
        part = ranks.on_first(lambda: written.enter_context(unfinished(target, overwrite=chosen.replaces)))
        # a rank that is ended cannot remove what it was writing
        ranks.when_aborted(lambda: remove(part))
        with fault_of_rank(ranks):
            _compile(ranks)
            items = encoded(Encoder(plan, inputs), plan.shares[ranks.rank], cores=num_cores())
            if ranks.rank == 0:
                with new_target(part, target, plan) as file:
                    _tell(copy_attributes(file.file, contents))
                    _write(items, file, plan, ranks, progress)
            else:
                for one in items:
                    ranks.send(one)
                ranks.finish_sending()

        def end() -> ConcatSummary:
            written.close()
            finish(part, target, overwrite=chosen.replaces)
            return ConcatSummary(
                target,
                len(plan.paths),
                plan.num_events,
                {name: table.num_rows for name, table in plan.tables.items()},
                target.stat().st_size,
                sum(column.num_rows * column.row_bytes for column in plan.columns),
                perf_counter() - begin,
            )

        return ranks.on_first(end)


def _paths(
    sources: Source | Iterable[Source], target: Path, options: ConcatOptions
) -> tuple[list[Path], ConcatOptions]:
    """The files, and the options; where there is an output to append to, it is the first file."""
    paths = source_paths(sources)
    if any(path.resolve() == target.resolve() for path in paths):
        raise OptionError(f"{target} is both an input and the output")
    check_target(target, overwrite=True)
    if target.exists() and not options.replaces:
        raise OutputError(
            f"{target}, which is named first, is the output, and exists already; --overwrite replaces it, "
            "--append adds to it"
        )
    options = replace(options, append=options.append and target.exists())
    return [target, *paths] if options.append else paths, options


def _planned(
    paths: Sequence[Path],
    layout: IndexLayout | None,
    options: ConcatOptions,
    ranks: World,
    progress: Progress | None,
) -> tuple[Plan, list[FileContent]]:
    """The plan, on all ranks, and on rank 0 what the files have, in the order in which they are joined."""
    found = ranks.gather(_scanned(paths, layout, ranks, progress))
    contents: list[FileContent] = []

    def plan() -> Plan:
        by_number = {number: content for one in found for number, content in one.items()}
        scanned = [by_number[number] for number in range(len(paths))]
        faults = [one for one in scanned if isinstance(one, NumlError)]
        if faults:
            more = f" (and {len(faults) - 1} more files have faults)" if len(faults) > 1 else ""
            raise InputError(f"{faults[0]}{more}")
        files = _in_order([one for one in scanned if isinstance(one, FileContent)], options)
        contents.extend(under_one_name(files))
        made = make_plan(contents, options, num_ranks=ranks.size, cores=num_cores())
        _tell(made.warnings)
        return made

    return ranks.on_first(plan), contents


def _scanned(
    paths: Sequence[Path], layout: IndexLayout | None, ranks: World, progress: Progress | None
) -> dict[int, FileContent | NumlError]:
    """What each of this rank's files has, or what is wrong with it."""

    def scan(number: int) -> FileContent | NumlError:
        try:
            return scan_file(paths[number], layout)
        except NumlError as error:
            return error

    mine = range(ranks.rank, len(paths), ranks.size)
    found: dict[int, FileContent | NumlError] = {}
    with ThreadPoolExecutor(num_cores()) as pool:
        for number, content in zip(mine, pool.map(scan, mine), strict=True):
            found[number] = content
            if progress is not None:
                progress("files", min(len(found) * ranks.size, len(paths)), len(paths))
    return found


def _in_order(files: Sequence[FileContent], options: ConcatOptions) -> list[FileContent]:
    """The files in the order in which they are joined: by their first event, an earlier output first."""
    if not options.sort:
        return list(files)
    first = 1 if options.append else 0

    def first_event(file: FileContent) -> tuple[bool, tuple[int, ...]]:
        return file.first_event is None, file.first_event or ()

    return [*files[:first], *sorted(files[first:], key=first_event)]


def _write(
    items: Iterable[Encoded], target: Target, plan: Plan, ranks: World, progress: Progress | None
) -> None:
    """Write the items of all ranks, as they come."""
    total = sum(len(share) for share in plan.shares)
    num_bytes = sum(plan.num_bytes(item) for share in plan.shares for item in share)
    done = done_bytes = 0

    def write(one: Encoded) -> None:
        nonlocal done, done_bytes
        target.write(one)
        done, done_bytes = done + 1, done_bytes + plan.num_bytes(Item(*one.item))
        if progress is not None:
            progress("MB", done_bytes // _MB, num_bytes // _MB)

    for one in items:
        write(one)
        for other in ranks.receive():
            write(other)
    while done < total:
        others = ranks.receive()
        for other in others:
            write(other)
        if not others:
            sleep(_POLL_SECONDS)


def _compile(ranks: World) -> None:
    """Have the kernels compiled: by one rank, for the others load what it has written to the disk."""
    if ranks.size > 1:

        def load() -> None:
            import numl_polars.tables.byte_kernels  # noqa: F401

        ranks.on_first(load)
        load()


def _tell(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        warnings.warn(sentence, EventFileWarning, stacklevel=2)
