"""The ledger: which events were left out, or kept with a remark, and why.

Physics losses are data. An event that becomes no object has one row with ``rejected = true``; whatever else
was noticed, on events that were kept as well, has ``rejected = false``.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Int64s = NDArray[np.int64]

LEDGER_SCHEMA: dict[str, pl.DataType] = {
    "event_index": pl.Int64(),
    "run": pl.Int64(),
    "subrun": pl.Int64(),
    "event": pl.Int64(),
    "reason": pl.String(),
    "detail": pl.String(),
    "rejected": pl.Boolean(),
}

REASONS: dict[str, str] = {
    "unreadable": "rows of the event cannot be read",
    "no_hits": "the event has no hit",
    "large_integral": "its largest hit integral exceeds the limit",
    "few_hits": "a plane has fewer hits with a deposit than the lower bound",
    "unknown_plane": "a hit is on a plane that is not among the planes",
    "repeated_g4_id": "a g4_id occurs twice in the event",
    "missing_particle": "a hit's deposit names a particle that is not there",
    "orphan": "a hit's particle descends from one whose parent is not there",
    "circle": "a hit's particle descends from a circle of parents",
    "unlabelled": "no rule holds for a hit's particle",
    "event_unlabelled": "no rule of the event labels holds",
    "no_vertex": "the window is to be about the vertex, which is not a finite position",
    "large_window": "the smallest box about the event has too many bins",
    "outside_window": "the window lies wholly outside the detector",
    "empty_window": "nothing of the event is in the window",
    "no_spacepoints": "the event has no spacepoint",
    "nonfinite_position": "hits with a NaN or infinite position have no edges",
    "repeated_position": "hits that repeat another hit of their plane have no edges",
    "repeated_hit_id": "a hit_id occurs twice in the event; spacepoints are joined to the first",
    "unusable_hit": "hits whose position or charge is NaN or infinite are in no map",
    "unusable_point": "deposits or spacepoints whose position is NaN or infinite are in no map",
    "unusable_energy": "deposits whose energy is NaN, infinite or negative bring none into maps",
    "deposit_without_hit": "deposits name hits that are not there and are left out",
    "deposit_without_particle": "deposits name particles that are not there",
    "no_light": "the event has no flash, no photomultiplier of one, or no optical hit",
    "repeated_flash_id": "a flash_id occurs twice in the event; photomultipliers are joined to the first",
    "repeated_sumpe_id": "a sumpe_id occurs twice in a flash; optical hits are joined to the first",
    "sum_without_flash": "photomultipliers name flashes that are not there and are joined to none",
    "optical_hit_without_sum": "optical hits name sums that are not there and are joined to none",
    "pmt_without_position": "the position of photomultipliers is not known, or no number",
}


class Ledger:
    """Collects the rows of one batch.

    Parameters
    ----------
    start
        `event_index` of the batch's first event.
    ids
        int32 (events, 3): run, subrun, event of the batch's events.
    """

    def __init__(self, start: int, ids: NDArray[np.int32]) -> None:
        self._start = start
        self._ids = ids
        self._frames: list[pl.DataFrame] = []
        self.kept: NDArray[np.bool_] = np.ones(len(ids), np.bool_)

    def enter(
        self, reason: str, events: Int64s, detail: pl.Series | str = "", *, rejected: bool = False
    ) -> None:
        """Add a row for each of `events` (rows of the batch).

        An event that is rejected already is not rejected again: its first reason stands.
        """
        if rejected:
            now = self.kept[events]
            detail = detail.filter(pl.Series(now)) if isinstance(detail, pl.Series) else detail
            events = events[now]
            self.kept[events] = False
        if not len(events):
            return
        frame = pl.DataFrame(
            {
                "event_index": events + self._start,
                "run": self._ids[events, 0],
                "subrun": self._ids[events, 1],
                "event": self._ids[events, 2],
                "detail": detail
                if isinstance(detail, pl.Series)
                else pl.repeat(detail, len(events), eager=True),
            }
        ).with_columns(reason=pl.lit(reason), rejected=pl.lit(rejected))
        self._frames.append(frame.select(pl.col(name).cast(dtype) for name, dtype in LEDGER_SCHEMA.items()))

    def frame(self) -> pl.DataFrame:
        """The rows by event, in the order in which they were found; what two parts remark alike is one."""
        rows = concat_ledgers(self._frames).unique(maintain_order=True)
        return rows.sort("event_index", maintain_order=True)


def concat_ledgers(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """One ledger of many; an empty one of none."""
    return pl.concat([pl.DataFrame(schema=LEDGER_SCHEMA), *frames])
