"""The check of one file: rank 0 looks at its structure, all ranks at its rows, a batch at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from numl_polars.detectors import Detector, load_detector
from numl_polars.errors import InputError, NumlError, RankError
from numl_polars.events.partition import balanced_ranges, batch_ranges
from numl_polars.generations import generation
from numl_polars.labels.combinations import concat_combinations
from numl_polars.labels.particle_scheme import ParticleScheme
from numl_polars.mpi import World, world
from numl_polars.objects.hit_places import HitPlaces
from numl_polars.overlap import overlapped
from numl_polars.pipeline import compile_kernels
from numl_polars.tables.damage import damage_told
from numl_polars.tables.opened import OpenedFile, Renamed
from numl_polars.tables.store import StoredTable
from numl_polars.threads import num_cores
from numl_polars.timing import Progress
from numl_polars.tools.validate.contents import column_lengths, storage_faults, table_contents, usual_rows
from numl_polars.tools.validate.findings import Finding, Findings
from numl_polars.tools.validate.places import hit_places
from numl_polars.tools.validate.report import FileReport
from numl_polars.tools.validate.rows import TableRows, belonging_faults, column_faults, read_rows
from numl_polars.tools.validate.structure import event_ids, length_faults, member_faults, table_offsets
from numl_polars.tools.validate.tables import Listing, open_tables
from numl_polars.tools.validate.truth import TruthChecks

Int64s = NDArray[np.int64]

BATCH_BYTES = 32_000_000
_BLOCK_ROWS = 1 << 16


@dataclass(frozen=True, eq=False)
class Piece:
    """Rows to read at a time: of some events, from all tables whose rows are told to events, or of one table.

    Parameters
    ----------
    start, stop
        Range of events; of rows, if a table is named.
    table
        A table whose rows are read without events.
    """

    start: int
    stop: int
    table: str | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """What rank 0 found, and who reads what.

    Parameters
    ----------
    report
        What is known before rows are read.
    places
        Where hits are by the detector; None where its columns are not there.
    renamed
        By table, names under which columns are read, by what the file calls them.
    ids
        int32 (events, 3): run, subrun, event.
    offsets
        Rows of the events, int64 (events + 1,), of each table where they are known.
    unread
        Datasets of each table that are not to be read.
    shares
        Pieces of each rank; they do not depend on the number of ranks.
    """

    report: FileReport
    places: HitPlaces | None
    renamed: Renamed
    ids: NDArray[np.int32]
    offsets: Mapping[str, Int64s]
    unread: Mapping[str, frozenset[str]]
    shares: list[list[Piece]]


def validate(
    path: str | Path,
    *,
    scheme: ParticleScheme | None = None,
    detector: str | Path | Detector | None = None,
    quick: bool = False,
    batch_bytes: int = BATCH_BYTES,
    progress: Progress | None = None,
    ranks: World | None = None,
) -> FileReport:
    """What is in an event file, and what is wrong with it; the file is only read.

    Parameters
    ----------
    path
        The file.
    scheme
        Particles that no rule of it labels are told; by default none are.
    detector
        Name, TOML file or description of the detector that the file is of: what its columns are called, which
        planes there are, and in which chambers; hits elsewhere are told. By default planes u, v and y, or as
        many as a spacepoint table with numbered planes has, and any chamber.
    quick
        Read keys and the event table, and no other rows.
    batch_bytes
        Bytes of rows that a rank holds at a time.
    progress
        Called on rank 0 with ``"batches"``, how many of its own are checked, and how many there are.
    ranks
        The ranks; by default those under which the program was started.

    Returns
    -------
    The report, the same for any number of ranks; whole on rank 0, on others what was found before rows were
    read.

    Raises
    ------
    OptionError
        There is no such detector.
    RankError
        A rank met a fault of its own.
    """
    known = None if detector is None else load_detector(detector)
    ranks = ranks if ranks is not None else world()
    path = Path(path)
    try:
        plan = ranks.on_first(
            damage_told(path)(lambda: _plan(path, scheme, known, quick, batch_bytes, ranks.size))
        )
    except InputError as error:
        return unreadable(path, Finding("unreadable-file", detail=str(error)), quick=quick)
    report = plan.report
    if not quick:
        ranks.on_first(compile_kernels)
        compile_kernels()
        findings = Findings(report.findings)
        checks = TruthChecks(scheme, plan.places)
        try:
            own = _check_rows(path, plan, checks, ranks.rank, progress)
        except (NumlError, OSError, RuntimeError, ValueError, MemoryError) as error:
            raise RankError(f"rank {ranks.rank}: {path}: {error}") from error
        results = ranks.gather((list(own), concat_combinations(checks.combinations)))
        for found, _ in results:
            for finding in found:
                findings.add(finding)
        report.findings = list(findings)
        report.unlabelled = concat_combinations(frame for _, frame in results)
    report.findings = Findings(report.findings).worst_first()
    return report


def unreadable(path: Path, finding: Finding, *, quick: bool = False) -> FileReport:
    """Report of a file that cannot be opened."""
    size = path.stat().st_size if path.is_file() else 0
    return FileReport(str(path), size, findings=[finding], quick=quick)


def _plan(
    path: Path,
    scheme: ParticleScheme | None,
    detector: Detector | None,
    quick: bool,
    batch_bytes: int,
    num_ranks: int,
) -> Plan:
    renamed = {} if detector is None else detector.renamed
    with open_tables(path, renamed) as opened:
        tables = opened.tables
        report = FileReport(str(path), path.stat().st_size, quick=quick)
        report.tables = [table_contents(table) for table in tables.values()]
        listing = Listing(path, tables)
        report.generation = generation(listing.all_columns)
        places, faults = hit_places(listing, scheme, detector)
        found = [*member_faults(opened), *storage_faults(tables), *faults]
        ids, faults = event_ids(opened)
        found += faults
        report.events = len(ids)
        offsets: dict[str, Int64s] = {}
        loose: dict[str, int] = {}
        for name, table in tables.items():
            uneven = list(length_faults(name, table))
            found += uneven
            own = None
            if not uneven and len(ids):
                own, faults = table_offsets(name, table, ids)
                found += faults
            if own is None:
                loose[name] = usual_rows(table)
            else:
                offsets[name] = own
        report.findings = found
        unread = {name: _unread(name, opened, found) for name in tables}
        num_bytes = np.zeros(len(ids), np.int64)
        for name, own in offsets.items():
            num_bytes += np.diff(own) * _num_row_bytes(tables[name])
        pieces = [Piece(*span) for span in batch_ranges(num_bytes, batch_bytes, 0, len(ids))]
        weights = [int(num_bytes[piece.start : piece.stop].sum()) for piece in pieces]
        for name, num_rows in loose.items():
            for start in range(0, num_rows, _BLOCK_ROWS):
                pieces.append(Piece(start, min(start + _BLOCK_ROWS, num_rows), name))
                rows = pieces[-1].stop - start
                weights.append(rows * _num_row_bytes(tables[name]))
    ranges = balanced_ranges(np.array(weights, np.int64), num_ranks)
    return Plan(report, places, renamed, ids, offsets, unread, [pieces[start:stop] for start, stop in ranges])


def _num_row_bytes(table: StoredTable) -> int:
    return sum(column.num_bytes for column in table.columns.values())


def _unread(name: str, opened: OpenedFile, found: list[Finding]) -> frozenset[str]:
    """Datasets that have not the rows of the others, or are known not to be readable."""
    lengths = column_lengths(opened.tables[name])
    usual = usual_rows(opened.tables[name])
    odd = {column for column, length in lengths.items() if length != usual}
    kinds = ("unreadable-rows", "absurd-length", "key-kind")
    return frozenset(odd | {one.column or "" for one in found if one.table == name and one.kind in kinds})


def _check_rows(
    path: Path, plan: Plan, checks: TruthChecks, rank: int, progress: Progress | None
) -> Findings:
    findings = Findings()
    with open_tables(path, plan.renamed) as opened:

        def read(piece: Piece) -> tuple[Piece, dict[str, TableRows], list[Finding]]:
            batch: dict[str, TableRows] = {}
            faults: list[Finding] = []
            for name in plan.offsets if piece.table is None else (piece.table,):
                batch[name], own = _rows(opened, plan, name, piece)
                faults += own
            return piece, batch, faults

        share = plan.shares[rank]
        pieces = overlapped(read, share, spare_core=num_cores() > 1)
        for done, (piece, batch, faults) in enumerate(pieces, 1):
            for finding in (*faults, *_faults(piece, batch, checks)):
                findings.add(finding)
            if progress is not None and rank == 0:
                progress("batches", done, len(share))
    return findings


def _rows(opened: OpenedFile, plan: Plan, name: str, piece: Piece) -> tuple[TableRows, list[Finding]]:
    start, stop, offsets = piece.start, piece.stop, None
    if piece.table is None:
        own = plan.offsets[name][piece.start : piece.stop + 1]
        start, stop, offsets = int(own[0]), int(own[-1]), own - own[0]
    columns, faults = read_rows(opened.tables[name], start, stop, plan.unread[name])
    first_event = piece.start if piece.table is None else 0
    stored_as = {
        column.name: column.dataset
        for column in opened.tables[name].columns.values()
        if column.width == 1 and column.name != column.dataset
    }
    return TableRows(name, columns, stop - start, start, offsets, first_event, plan.ids, stored_as), faults


def _faults(piece: Piece, batch: Mapping[str, TableRows], checks: TruthChecks) -> Iterator[Finding]:
    for rows in batch.values():
        yield from column_faults(rows)
        if rows.offsets is not None:
            yield from belonging_faults(rows)
    if piece.table is None:
        yield from checks.faults(batch)
