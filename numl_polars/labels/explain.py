"""Why each particle of an event has its label, as a table."""

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import LabelError
from numl_polars.events.batch import Batch
from numl_polars.labels.context import DEPOSITS, PARTICLES, check_tables
from numl_polars.labels.forest import IDENTIFIERS, Forest
from numl_polars.labels.particle_scheme import FAULTS, Frame, ParticleScheme
from numl_polars.labels.rules import REJECT, STOP
from numl_polars.schema import EVENT_TABLE

Int64s = NDArray[np.int64]

DESCRIPTION = ("type", "momentum", "start_process", "end_process")
"""Columns of particles that are shown where they are there."""


def explain(
    scheme: ParticleScheme, event: object, *, events: Frame | None = None, deposits: Frame | None = None
) -> pl.DataFrame:
    """One row a particle: its class and object, and why; see `ParticleScheme.explain`."""
    return explain_forest(scheme, read_forest(scheme, event, events=events, deposits=deposits))


def read_forest(
    scheme: ParticleScheme, event: object, *, events: Frame | None = None, deposits: Frame | None = None
) -> Forest:
    """Particles with the columns that a scheme needs, and those of `DESCRIPTION` that are there.

    Parameters
    ----------
    event
        An event, a batch or a range of events of a file; or one row a particle.
    events, deposits
        Rows of the event table and of the deposits, where `event` is a frame and the scheme reads them.

    Raises
    ------
    LabelError
        A table or a column of the frames is missing, an identifier is null, the scheme contradicts itself.
    InputError
        A table or a column of the file is missing.
    """
    scheme.check()
    needed = {name: tuple(columns) for name, columns in scheme.columns.items()}
    needed[PARTICLES] = tuple(dict.fromkeys((*IDENTIFIERS, *needed.get(PARTICLES, ()))))
    if isinstance(event, pl.DataFrame | pl.LazyFrame):
        tables = _of_frames(scheme.name, needed, {PARTICLES: event, EVENT_TABLE: events, DEPOSITS: deposits})
    elif events is not None or deposits is not None:
        raise LabelError(
            f"events= and deposits= go with a frame of particles; {event!r} has tables of its own"
        )
    else:
        batch = _as_batch(event)
        columns = needed | {PARTICLES: _described(needed[PARTICLES], batch.column_names(PARTICLES))}
        tables = {name: batch.select(name, columns[name]) for name in columns}
    return Forest.of(tables[PARTICLES], events=tables.get(EVENT_TABLE), deposits=tables.get(DEPOSITS))


def explain_forest(scheme: ParticleScheme, forest: Forest) -> pl.DataFrame:
    """What `explain` gives, of particles that have been read."""
    # an explanation is asked for just where a scheme stops
    lenient = {name: REJECT for name in ("unlabelled", "orphans") if getattr(scheme, name) == STOP}
    labelled = (replace(scheme, **lenient) if lenient else scheme).label_forest(forest)
    rule = np.where(labelled.fault < 0, forest.scatter(labelled.decision.rule), -1)
    giver = forest.scatter(forest.order[labelled.decision.giver])
    came_down = (rule >= 0) & (giver != np.arange(giver.size))
    classes, particles = tuple(scheme.classes), forest.particles
    return particles.select(
        *IDENTIFIERS,
        *([particle_names(particles["type"])] if "type" in particles.columns else []),
        *(name for name in DESCRIPTION if name in particles.columns),
        label=_pick(pl.Series(classes, dtype=pl.Enum(classes)), labelled.semantic),
        instance=_or_null(labelled.instance),
        rule=_or_null(rule),
        about=_pick(_words(scheme), rule),
        from_g4_id=_pick(particles["g4_id"], np.where(came_down, giver, -1)),
        fault=_pick(pl.Series(FAULTS, dtype=pl.Enum(FAULTS)), labelled.fault),
    )


def particle_names(codes: pl.Series) -> pl.Series:
    """Names of particles by PDG code, ``mu-``; the code itself where the package `particle` has no name."""
    distinct = codes.drop_nulls().unique()
    names = pl.Series([_particle_name(code) for code in distinct.to_list()], dtype=pl.String)
    return codes.replace_strict(distinct, names, default=None, return_dtype=pl.String).alias("name")


@cache
def _particle_name(code: int) -> str:
    from particle import InvalidParticle, Particle, ParticleNotFound

    try:
        return str(Particle.from_pdgid(code).name)
    except (InvalidParticle, ParticleNotFound):
        return str(code)


def _of_frames(
    scheme: str, needed: dict[str, tuple[str, ...]], given: dict[str, Frame | None]
) -> dict[str, pl.DataFrame]:
    tables = {name: table.lazy() for name, table in given.items() if table is not None}
    schemas = {name: table.collect_schema() for name, table in tables.items()}
    check_tables(scheme, needed, schemas)
    columns = needed | {PARTICLES: _described(needed[PARTICLES], tuple(schemas[PARTICLES]))}
    collected = pl.collect_all([tables[name].select(columns[name]) for name in columns])
    return dict(zip(columns, collected, strict=True))


def _described(needed: tuple[str, ...], present: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*needed, *(name for name in DESCRIPTION if name in present))))


def _as_batch(event: object) -> Batch:
    from numl_polars.events.file import EventFile

    if isinstance(event, EventFile):
        return Batch(event, event.start, event.stop)
    if not isinstance(event, Batch):
        raise LabelError(
            f"{event!r} is no event: give one (events[12]), a range of them (events[3:9]), a batch, or a "
            f"frame of particles"
        )
    return event


def _words(scheme: ParticleScheme) -> pl.Series:
    """What each rule means, null where it does not say; no rows for a scheme without rules."""
    rules = scheme.rule_list.rules if scheme.rule_list is not None else ()
    return pl.Series([rule.about or None for rule in rules], dtype=pl.String)


def _or_null(numbers: Int64s) -> pl.Series:
    return pl.Series(numbers, dtype=pl.Int64).replace(-1, None)


def _pick(values: pl.Series, rows: NDArray[np.integer]) -> pl.Series:
    """Values at the rows, null where a row is -1."""
    return values.gather(pl.Series(rows).cast(pl.UInt32, strict=False))
