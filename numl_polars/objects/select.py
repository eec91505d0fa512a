"""Which events become objects: each check is one pass over a batch and fills the ledger."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.events.batch import Batch
from numl_polars.labels.hits import HitTruth
from numl_polars.objects.ledger import Ledger
from numl_polars.objects.rows import event_rows

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


def reject_unknown_planes(ledger: Ledger, offsets: Int64s, plane: Int64s, num_planes: int) -> None:
    """Events with a hit on a plane whose number is not in ``[0, num_planes)``."""
    unknown = (plane < 0) | (plane >= num_planes)
    enter_rows(
        ledger, "unknown_plane", unknown, offsets, {"plane": pl.Series(plane)},
        "{rows} hits, the first on plane {plane}", rejected=True,
    )  # fmt: skip


def reject_unlabelled(
    ledger: Ledger, batch: Batch, tables: Mapping[str, pl.DataFrame], truth: HitTruth
) -> None:
    """Events in which a hit's particle has no label, by why; and remarks on particles without hits."""
    particles, particle_offsets = tables["particle_table"], batch.offsets("particle_table")
    hit_offsets = batch.offsets("hit_table")
    shown = [n for n in ("type", "parent_id", "start_process", "end_process") if n in particles.columns]
    about = ", ".join(f"{name} {{{name}}}" for name in shown)
    of_particle = {name: particles[name] for name in ("g4_id", *shown)}
    hit = {"hit_id": tables["hit_table"]["hit_id"], "g4_id": pl.Series(truth.g4_id)}

    repeated = (truth.fault == "repeated_g4_id").fill_null(False).to_numpy()
    enter_rows(
        ledger, "repeated_g4_id", repeated & _not_first(particles), particle_offsets, of_particle,
        "{rows} particles repeat a g4_id, first {g4_id}", rejected=True,
    )  # fmt: skip
    enter_rows(
        ledger, "missing_particle", (truth.deposit >= 0) & (truth.particle < 0), hit_offsets, hit,
        "{rows} hits, the first is hit {hit_id} of particle {g4_id}", rejected=True,
    )  # fmt: skip
    for fault in ("orphan", "circle", "unlabelled"):
        faulty = (truth.fault == fault).fill_null(False).to_numpy()
        if not faulty.any():
            continue
        touched = np.flatnonzero(truth.particle >= 0)
        touched = touched[faulty[truth.particle[touched]]]
        mask = np.zeros(len(truth.particle), np.bool_)
        mask[touched] = True
        of_hit = {name: column.gather(np.maximum(truth.particle, 0)) for name, column in of_particle.items()}
        enter_rows(
            ledger, fault, mask, hit_offsets, of_hit | hit,
            f"{{rows}} hits, the first is hit {{hit_id}} of particle {{g4_id}} ({about})", rejected=True,
        )  # fmt: skip
        faulty[truth.particle[touched]] = False
        enter_rows(
            ledger, fault, faulty, particle_offsets, of_particle,
            f"{{rows}} particles without hits, the first is {{g4_id}} ({about})",
        )  # fmt: skip


def _not_first(particles: pl.DataFrame) -> Bools:
    return ~particles.select(pl.struct("event_index", "g4_id").is_first_distinct()).to_series().to_numpy()


def reject_event_unlabelled(ledger: Ledger, label: pl.Series, shown: Columns) -> None:
    """Events for which no rule of the event labels holds; `shown` are the columns that the rules read."""
    enter_rows(
        ledger, "event_unlabelled", label.is_null().to_numpy(), np.arange(len(label) + 1), shown,
        ", ".join(f"{name} {{{name}}}" for name in shown), rejected=True,
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
