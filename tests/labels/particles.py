"""Particles for the tests of labels, from literal rows, at random and from the shared data; small schemes."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import polars as pl
import pytest
from hypothesis import strategies as st

from numl_polars.labels.particle_labels import ParticleLabels
from numl_polars.labels.rules import Rule

PROJECT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("NUML_POLARS_SHARED", PROJECT.parent / "shared"))
needs_shared = pytest.mark.skipif(
    not (SHARED / "data").is_dir(), reason=f"no shared data at {SHARED} (set NUML_POLARS_SHARED)"
)
REFERENCE_FILES = [
    "real/r7010_sr1705_evt85251", "synthetic/uboone", "synthetic/uboone_gaps", "synthetic/dune"
]  # fmt: skip

SCHEMA = pl.Schema(
    {
        "event_index": pl.Int64(),
        "g4_id": pl.Int32(),
        "parent_id": pl.Int32(),
        "type": pl.Int32(),
        "start_process": pl.String(),
        "end_process": pl.String(),
        "momentum": pl.Float32(),
    }
)
PROCESSES = [
    "primary", "conv", "compt", "muIoni", "hIoni", "eIoni", "eBrem", "phot", "photonNuclear", "Decay",
    "muMinusCaptureAtRest", "muPlusCaptureAtRest", "CoupledTransportation", "StepLimiter", "annihil",
    "FastScintillation", "hBertiniCaptureAtRest", "muPairProd", "msc", None,
]  # fmt: skip
CODES = [
    11, -11, 22, 13, -13, 15, 211, -211, 221, 331, 223, 321, 411, 111, 311, 310, 130, 113, 2212, -2212, 2112,
    3112, 3122, 1000180400, 1000010020, 12, 0, 99999999,
]  # fmt: skip
MOMENTA = [0.0, 0.0015, 0.02, 0.2, 0.05, 1.0, math.nan, math.inf, None]


def particles(*rows: tuple[Any, ...]) -> pl.DataFrame:
    """Table of rows (event_index, g4_id, parent_id, type, start_process, end_process, momentum).

    What a row leaves out at its end is a proton from nothing, at rest: particles of which one rule is sure.
    """
    rest = (0, 1, 0, 2212, "none", "none", 0.0)
    return pl.DataFrame([row + rest[len(row) :] for row in rows], schema=SCHEMA, orient="row")


def chain(length: int) -> pl.DataFrame:
    """One event of protons, in which every particle is the parent of the next."""
    return particles(*((0, row + 1, row) for row in range(length)))


def scheme_of(*given: Rule, names: Sequence[str] = (), **parameters: Any) -> ParticleLabels:
    """Scheme of these rules; its classes are `names`, or else those of the rules in order of appearance."""

    class Literal(ParticleLabels):
        classes = tuple(names or dict.fromkeys(rule.label for rule in given))

        def rules(self) -> Sequence[Rule]:
            return given

    return Literal(**parameters)


def class_names(scheme: ParticleLabels, table: pl.DataFrame, **tables: pl.DataFrame) -> list[str | None]:
    """Names of the classes that a scheme gives, row for row."""
    codes = scheme.apply(table, **tables)["semantic_label"].to_list()
    return [None if code is None else scheme.classes[code] for code in codes]


@st.composite
def forests(draw: st.DrawFn, *, repeats: bool = False) -> pl.DataFrame:
    """Particles of up to three events, in any order of rows: gaps of any size, orphans, circles, own parents.

    Events are interleaved. With `repeats` an identifier may occur twice in an event.
    """
    rows = []
    identifier = st.integers(-30, 60).filter(bool)
    num_events = draw(st.sampled_from([0, 1, 1, 2, 2, 3]))
    events = st.lists(st.integers(0, 9), unique=True, min_size=num_events, max_size=num_events)
    for event in draw(events):
        unique = not repeats or draw(st.integers(0, 9)) > 0
        # so that events of many particles are as likely as those of few
        size = draw(st.integers(0, 10))
        ids = draw(st.lists(identifier, min_size=size, max_size=size, unique=unique))
        for place, g4_id in enumerate(ids):
            # most descend from a primary: any other parent may close a circle
            anything = draw(st.integers(0, 5)) == 0
            parent = draw(st.sampled_from([99, *ids] if anything else [0, *ids[:place]]))
            code = draw(st.one_of(st.sampled_from([11, 22]), st.sampled_from(CODES)))
            processes = draw(st.sampled_from(PROCESSES)), draw(st.sampled_from(PROCESSES))
            rows.append((event, g4_id, parent, code, *processes, draw(st.sampled_from(MOMENTA))))
    return pl.DataFrame(draw(st.permutations(rows)), schema=SCHEMA, orient="row")


def read_particles(path: Path) -> pl.DataFrame:
    """Particle table of an event file; events are told apart by (run, subrun, event)."""
    with h5py.File(path) as file:
        events = {tuple(row): index for index, row in enumerate(file["event_table/event_id"][:].tolist())}
        table = file["particle_table"]
        columns: dict[str, Any] = {
            "event_index": [events[tuple(row)] for row in table["event_id"][:].tolist()]
        }
        for name in list(SCHEMA)[1:]:
            values = table[name][:, 0]
            if values.dtype.kind in "SO":
                values = [text.decode("ascii") for text in values.tolist()]
            columns[name] = values
    return pl.DataFrame(columns, schema=SCHEMA)


def labels_and_reference(scheme: ParticleLabels, name: str, prefix: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Labels of a shared event file and those that the reference gave, in the same order of rows.

    A scheme of which the reference gave no instances has -1 there.
    """
    wanted = pl.read_parquet(SHARED / "data" / f"{name}.labels.parquet")
    table = read_particles(SHARED / "data" / f"{name}.evt.h5")
    labels = scheme.label(table).collect().sort("event_index", "g4_id")
    assert labels.height == wanted.height > 0
    return labels, reference_columns(wanted, prefix).sort("event_index", "g4_id")


def labels_and_corpus(scheme: ParticleLabels, prefix: str) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Labels of the shared corpus, those of the reference, and rows of the corpus with faults, row for row.

    Labels are those of events that the reference labels: elsewhere they are not known.
    """
    corpus = pl.read_parquet(SHARED / "data" / "synthetic" / "label_corpus.parquet")
    error = (
        corpus[f"{prefix}_error"]
        if f"{prefix}_error" in corpus.columns
        else pl.repeat(0, len(corpus), eager=True)
    )
    labels = scheme.apply(corpus)
    faults = corpus.select("event_index", "g4_id").with_columns(labels["fault"], error=error == 1)
    labels = pl.concat([corpus.select("event_index", "g4_id"), labels.drop("fault")], how="horizontal")
    return labels.filter(error == 0), reference_columns(corpus, prefix).filter(error == 0), faults


def reference_columns(wanted: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """The reference's labels of one scheme, as `ParticleLabels.label` names and stores them."""
    instance = pl.col(f"{prefix}_instance") if f"{prefix}_instance" in wanted.columns else pl.lit(-1)
    return wanted.select(
        "event_index",
        "g4_id",
        semantic_label=pl.col(f"{prefix}_semantic").cast(pl.Int64),
        instance_label=instance.cast(pl.Int64),
    )
