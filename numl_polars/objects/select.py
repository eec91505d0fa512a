"""Which events become objects: each check is one pass over a batch and fills the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.events.batch import Batch
from numl_polars.labels.event_labels import EventScheme, LabelledEvents
from numl_polars.labels.hits import HitTruth, LayerTruth
from numl_polars.labels.layers import SEMANTIC, suffix
from numl_polars.labels.particle_scheme import FAULTS, ParticleScheme
from numl_polars.objects.ledger import Ledger
from numl_polars.objects.rows import event_rows
from numl_polars.schema import EVENT_INDEX

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]
Columns = Mapping[str, pl.Series]


def reject_without_hits(ledger: Ledger, offsets: Int64s) -> None:
    """Events that have no row in the hit table."""
    ledger.enter("no_hits", np.flatnonzero(np.diff(offsets) == 0), rejected=True)


def reject_large_integral(ledger: Ledger, offsets: Int64s, integral: pl.Series, limit: float) -> None:
    """Events whose largest hit integral exceeds `limit`, ADC; NaN does not."""
    large = integral.to_numpy() > limit
    enter_rows(
        ledger, "large_integral", large, offsets, {"integral": integral},
        f"{{rows}} hits above {limit:g} ADC, the first with {{integral}}", rejected=True,
    )  # fmt: skip


def reject_few_hits(
    ledger: Ledger, offsets: Int64s, plane: Int64s, counted: Bools | None, planes: Sequence[str], bound: int
) -> None:
    """Events in which a plane has fewer than `bound` hits that are `counted` (all, if None)."""
    num_events, num_planes = len(offsets) - 1, len(planes)
    valid = (plane >= 0) & (plane < num_planes)
    if counted is not None:
        valid &= counted
    cell = event_rows(offsets)[valid] * num_planes + plane[valid]
    counts = np.bincount(cell, minlength=num_events * num_planes).reshape(num_events, num_planes)
    events = np.flatnonzero((counts < bound).any(axis=1))
    first = (counts[events] < bound).argmax(axis=1)
    found = pl.DataFrame({"plane": np.array(planes)[first], "hits": counts[events, first]})
    what = "hits" if counted is None else "hits with a deposit"
    detail = found.select(pl.format(f"plane {{}} has {{}} {what}, fewer than {bound}", "plane", "hits"))
    ledger.enter("few_hits", events, detail.to_series(), rejected=True)


def reject_unknown_planes(ledger: Ledger, offsets: Int64s, unknown: Bools, plane: pl.Series) -> None:
    """Events with a hit on a plane that is `unknown`; `plane` is what the file says of each hit."""
    enter_rows(
        ledger, "unknown_plane", unknown, offsets, {"plane": plane},
        "{rows} hits, the first on plane {plane}", rejected=True,
    )  # fmt: skip


def reject_unlabelled(
    ledger: Ledger, batch: Batch, hit_id: pl.Series, truth: HitTruth, schemes: Mapping[str, ParticleScheme]
) -> None:
    """Events in which a hit's particle has no label, by why; and remarks on what else has none."""
    columns = [name for name in _SHOWN if name in batch.column_names("particle_table")]
    particles = batch.select("particle_table", ["g4_id"])
    offsets = batch.offsets("particle_table")
    hit_offsets = batch.offsets("hit_table")
    hit = {"hit_id": hit_id, "g4_id": pl.Series(truth.g4_id)}
    first = next(iter(truth.layers.values())).labelled
    if (repeats := first.forest.repeats).any():
        enter_rows(
            ledger, "repeated_g4_id", repeats & _not_first(particles), offsets,
            {"g4_id": particles["g4_id"]}, "{rows} particles repeat a g4_id, first {g4_id}", rejected=True,
        )  # fmt: skip
    enter_rows(
        ledger, "missing_particle", (truth.deposit >= 0) & (truth.particle < 0), hit_offsets, hit,
        "{rows} hits, the first is hit {hit_id} of particle {g4_id}", rejected=True,
    )  # fmt: skip
    for name, layer in truth.layers.items():
        for fault in ("orphan", "circle", "unlabelled"):
            faulty = layer.labelled.fault == FAULTS.index(fault)
            if faulty.any():
                shown = batch.select("particle_table", ["g4_id", *columns])
                found = _Faulty(fault, faulty, layer, schemes[name].classes, suffix(name, SEMANTIC), shown)
                found.enter(ledger, batch, truth.particle, hit)


_SHOWN = ("type", "parent_id", "start_process", "end_process")


@dataclass(frozen=True)
class _Faulty:
    """Particles that no rule of a layer labels, by why."""

    fault: str
    where: Bools
    layer: LayerTruth
    classes: Sequence[str]
    prefix: str
    particles: pl.DataFrame

    def enter(self, ledger: Ledger, batch: Batch, particle: Int64s, hit: Columns) -> None:
        """Reject events in which one has hits but no class; remark on those with a class, or without hits."""
        before = f"{self.prefix}: " if self.prefix else ""
        about = ", ".join(f"{name} {{{name}}}" for name in self.particles.columns if name in _SHOWN)
        of_particle = {name: self.particles[name] for name in self.particles.columns}
        semantic = self.layer.labelled.semantic
        named = self.where & (semantic >= 0)
        nameless = self.where & (semantic < 0)

        touched = np.flatnonzero(particle >= 0)
        touched = touched[nameless[particle[touched]]]
        mask = np.zeros(len(particle), np.bool_)
        mask[touched] = True
        of_hit = {name: column.gather(np.maximum(particle, 0)) for name, column in of_particle.items()}
        enter_rows(
            ledger, self.fault, mask, batch.offsets("hit_table"), of_hit | dict(hit),
            f"{before}{{rows}} hits, the first is hit {{hit_id}} of particle {{g4_id}} ({about})",
            rejected=True,
        )  # fmt: skip
        nameless[particle[touched]] = False
        given = f"given class {self.classes[semantic[named][0]]}" if named.any() else ""
        for rows, what in ((nameless, "without hits"), (named, given)):
            enter_rows(
                ledger, self.fault, rows, batch.offsets("particle_table"), of_particle,
                f"{before}{{rows}} particles {what}, the first is {{g4_id}} ({about})",
            )  # fmt: skip


def _not_first(particles: pl.DataFrame) -> Bools:
    return ~particles.select(pl.struct("event_index", "g4_id").is_first_distinct()).to_series().to_numpy()


def enter_event_unlabelled(
    ledger: Ledger, scheme: EventScheme, labelled: LabelledEvents, events: pl.DataFrame, prefix: str
) -> None:
    """Reject events that no rule labels, with what the rules read; remark on those given a class."""
    shown = {name: events[name] for name in events.columns if name != EVENT_INDEX}
    about = ", ".join(f"{name} {{{name}}}" for name in shown)
    codes, missing = labelled.codes, labelled.missing
    given = f"given class {scheme.classes[codes[missing][0]]}: " if missing.any() else ""
    before = f"{prefix}: " if prefix else ""
    offsets = np.arange(len(codes) + 1)
    for where, text in ((codes < 0, about), (missing & (codes >= 0), given + about)):
        enter_rows(
            ledger, "event_unlabelled", where, offsets, shown, before + text, rejected=text == about
        )  # fmt: skip


def note_deposits(ledger: Ledger, batch: Batch, deposits: pl.DataFrame, truth: HitTruth) -> None:
    """Deposits that name a hit or a particle that is not there."""
    offsets = batch.offsets("edep_table")
    for reason, row, name in (
        ("deposit_without_hit", truth.deposit_hit, "hit_id"),
        ("deposit_without_particle", truth.deposit_particle, "g4_id"),
    ):
        detail = f"{{rows}} deposits, the first names {name} {{{name}}}"
        enter_rows(ledger, reason, row < 0, offsets, {name: deposits[name]}, detail)


def enter_rows(
    ledger: Ledger,
    reason: str,
    where: Bools,
    offsets: Int64s,
    values: Columns,
    detail: str,
    *,
    rejected: bool = False,
) -> None:
    """Enter each event with rows `where` something holds, once, with their number and the first of them.

    Parameters
    ----------
    where
        bool (rows,) of a table with these `offsets`.
    values
        Columns of that table: the first row's value stands for ``{name}`` in `detail`, the count for
        ``{rows}``.
    rejected
        Leave the event out, or remark only.
    """
    rows = np.flatnonzero(where)
    if not rows.size:
        return
    frame = pl.DataFrame({name: column.gather(rows).cast(pl.String) for name, column in values.items()})
    frame = frame.with_columns(pl.Series("in_event", event_rows(offsets)[rows]))
    first = frame.group_by("in_event", maintain_order=True).agg(pl.all().first(), rows=pl.len())
    names = [part.split("}")[0] for part in detail.split("{")[1:]]
    for name in names:
        detail = detail.replace("{" + name + "}", "{}", 1)
    shown = (pl.col(name).cast(pl.String).fill_null("none") for name in names)
    text = first.select(pl.format(detail, *shown)).to_series()
    ledger.enter(reason, first["in_event"].to_numpy(), text, rejected=rejected)
