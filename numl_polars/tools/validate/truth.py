"""What is wrong between the tables of an event: identifiers, trees of particles, planes, labels."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import LabelError
from numl_polars.labels.combinations import unlabelled_combinations
from numl_polars.labels.forest import IDENTIFIERS, Forest
from numl_polars.labels.particle_scheme import FAULTS, Labelled, ParticleScheme
from numl_polars.objects.hit_places import HitPlaces
from numl_polars.objects.parts.optical_joins import FLASHES, PULSES, SUMS
from numl_polars.schema import EVENT_TABLE
from numl_polars.tools.validate.findings import Finding
from numl_polars.tools.validate.places import POINTS, misplaced_hits
from numl_polars.tools.validate.rows import TableRows

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

PARTICLES, HITS, DEPOSITS = "particle_table", "hit_table", "edep_table"
_CODE = "type"

IDENTIFIER_OF = {
    "repeated-hit-id": (HITS, "hit_id"),
    "repeated-g4-id": (PARTICLES, "g4_id"),
    "repeated-flash-id": (FLASHES, "flash_id"),
    # MicroBooNE numbers them anew in each flash
    "repeated-sumpe-id": (SUMS, "sumpe_id", "flash_id"),
}
"""Columns that name rows of a table within their event, by the kind of fault that a name is there twice."""
REFERENCES: Mapping[str, tuple[str, str, str, int | None]] = {
    "deposit-without-hit": (DEPOSITS, "hit_id", HITS, None),
    "deposit-without-particle": (DEPOSITS, "g4_id", PARTICLES, None),
    "sum-without-flash": (SUMS, "flash_id", FLASHES, -1),
    "optical-hit-without-sum": (PULSES, "sumpe_id", SUMS, -1),
}
"""Columns that name rows of another table, and what names none, by the kind of fault that it is not there."""
# of three planes by name, of others by number
_SPACEPOINT_HIT = re.compile("hit_id(_.+)?")


@dataclass(eq=False)
class TruthChecks:
    """Checks of batches of whole events.

    Parameters
    ----------
    scheme
        Labels particles; None for none.
    places
        Where hits are, None where the file does not say.

    Attributes
    ----------
    combinations
        Kinds of particles that no rule labels, a frame a batch.
    """

    scheme: ParticleScheme | None
    places: HitPlaces | None
    combinations: list[pl.DataFrame] = field(default_factory=list)

    def faults(self, batch: Mapping[str, TableRows]) -> Iterator[Finding]:
        """What is wrong in a batch, of whose tables those are there that could be read."""
        for kind, (table, *columns) in IDENTIFIER_OF.items():
            if table in batch:
                yield from _repeated(batch[table], columns, kind)
        for kind, (table, column, of_table, none) in REFERENCES.items():
            if table in batch:
                yield from _absent(batch, table, column, of_table, column, kind, none=none)
        if POINTS in batch:
            for column in filter(_SPACEPOINT_HIT.fullmatch, batch[POINTS].columns):
                yield from _absent(batch, POINTS, column, HITS, "hit_id", "spacepoint-without-hit", none=-1)
        if HITS in batch and self.places is not None:
            yield from misplaced_hits(batch[HITS], self.places)
        if PARTICLES in batch:
            yield from _unknown_codes(batch[PARTICLES])
            yield from self._tree_faults(batch)

    def _tree_faults(self, batch: Mapping[str, TableRows]) -> Iterator[Finding]:
        rows = batch[PARTICLES]
        g4_id, parent_id = rows.integers("g4_id"), rows.integers("parent_id")
        if g4_id is None or parent_id is None or not rows.num_rows:
            return
        wanted = {} if self.scheme is None else self.scheme.columns
        others = {
            name: batch[name].frame([*wanted[name]])
            for name in (EVENT_TABLE, DEPOSITS)
            if name in wanted and name in batch
        }
        particles = rows.frame([*dict.fromkeys((*IDENTIFIERS[1:], *wanted.get(PARTICLES, ())))])
        forest = Forest.of(particles, events=others.get(EVENT_TABLE), deposits=others.get(DEPOSITS))
        orphans = np.flatnonzero((forest.parent_rows < 0) & (parent_id != 0))
        if orphans.size:
            yield rows.finding("orphan", "parent_id", orphans, parent_id)
        circles = np.flatnonzero(forest.unreached == FAULTS.index("circle"))
        if circles.size:
            yield rows.finding("circle", "parent_id", circles, parent_id)
        if self.scheme is not None and self._has_all(self.scheme, batch):
            yield from self._unlabelled(self.scheme, forest, batch)

    def _has_all(self, scheme: ParticleScheme, batch: Mapping[str, TableRows]) -> bool:
        return all(
            name in batch and all(c in batch[name].columns or c in IDENTIFIERS[:1] for c in columns)
            for name, columns in scheme.columns.items()
        )

    def _unlabelled(
        self, scheme: ParticleScheme, forest: Forest, batch: Mapping[str, TableRows]
    ) -> Iterator[Finding]:
        rows = batch[PARTICLES]
        try:
            decision = scheme.decide(forest)
        except LabelError as error:
            yield Finding("scheme-fails", PARTICLES, detail=str(error))
            return
        semantic = forest.scatter(decision.semantic)
        fault = np.where((forest.unreached < 0) & (semantic < 0), FAULTS.index("unlabelled"), -1)
        fault = np.where(forest.repeats, -1, fault).astype(np.int8)
        places = np.flatnonzero(fault >= 0)
        if not places.size:
            return
        shown = rows.frame(["type", "start_process", "end_process"])
        labelled = Labelled(forest, semantic, semantic, fault, decision)
        self.combinations.append(unlabelled_combinations(labelled, shown, _with_deposits(batch)))
        values = shown.row(int(places[0]), named=True)
        about = ", ".join(f"{name} {value}" for name, value in values.items() if name != "event_index")
        yield rows.finding("unlabelled", None, places, detail=about)


def _repeated(rows: TableRows, columns: Sequence[str], kind: str) -> Iterator[Finding]:
    """Events in which two rows have the same values; the first row that repeats one is the example."""
    from numl_polars.labels.ancestry import has_repeats

    stored = [values for values in map(rows.integers, columns) if values is not None]
    if len(stored) < len(columns) or rows.offsets is None:
        return
    names = stored[0] if len(stored) == 1 else _as_one(stored)
    events = np.flatnonzero(has_repeats(rows.offsets, names))
    if events.size:
        start, stop = rows.offsets[events[0]], rows.offsets[events[0] + 1]
        again = ~pl.Series(names[start:stop]).is_first_distinct().to_numpy()
        yield rows.finding(kind, columns[0], start + np.flatnonzero(again)[:1], stored[0], count=events.size)


def _as_one(columns: Sequence[Int64s]) -> Int64s:
    """Numbers that are equal where the values of all columns are, int64 (rows,)."""
    numbers = np.zeros(len(columns[0]), np.int64)
    for values in columns:
        distinct, place = np.unique(values, return_inverse=True)
        numbers = numbers * len(distinct) + place
    return numbers


def _absent(
    batch: Mapping[str, TableRows],
    table: str,
    column: str,
    of_table: str,
    of_column: str,
    kind: str,
    *,
    none: int | None = None,
) -> Iterator[Finding]:
    """Rows that name what is not there in their event; `none` names nothing."""
    rows = batch[table]
    named = rows.integers(column)
    found = _matched(batch, table, column, of_table, of_column)
    if named is None or found is None:
        return
    absent = np.flatnonzero(found < 0 if none is None else (found < 0) & (named != none))
    if absent.size:
        yield rows.finding(kind, column, absent, named)


def _matched(
    batch: Mapping[str, TableRows], table: str, column: str, of_table: str, of_column: str
) -> Int64s | None:
    """Row that each row names, -1 for one that is not there; None where that cannot be told."""
    from numl_polars.events.matching import match_rows

    if of_table not in batch or table not in batch:
        return None
    named, keys = batch[table].integers(column), batch[of_table].integers(of_column)
    if named is None or keys is None:
        return None
    matched: Int64s = match_rows(batch[of_table].offsets, keys, batch[table].offsets, named)
    return matched


def _with_deposits(batch: Mapping[str, TableRows]) -> Bools:
    """Whether a particle has a deposit in a hit, bool (particles,)."""
    touched = np.zeros(batch[PARTICLES].num_rows, np.bool_)
    particle = _matched(batch, DEPOSITS, "g4_id", PARTICLES, "g4_id")
    hit = _matched(batch, DEPOSITS, "hit_id", HITS, "hit_id")
    if particle is not None and hit is not None:
        touched[particle[(particle >= 0) & (hit >= 0)]] = True
    return touched


def _unknown_codes(rows: TableRows) -> Iterator[Finding]:
    """Particles whose PDG code the numbering scheme has not."""
    values = rows.integers(_CODE)
    if values is None:
        return
    unknown = [code for code in pl.Series(values).unique().to_list() if not _is_code(code)]
    if unknown:
        yield rows.finding("unknown-pdg", _CODE, np.flatnonzero(np.isin(values, unknown)), values)


@cache
def _is_code(code: int) -> bool:
    from particle import pdgid

    return bool(pdgid.is_valid(code))
