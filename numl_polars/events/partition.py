"""Cutting the events of a file into contiguous ranges: one a rank, and batches within it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]

TOLERANCE = 200
"""The heaviest rank may take one part in so many more than it must, if less is then read twice."""
_COST_OF_A_SHARE = 1000


@dataclass(frozen=True, eq=False)
class ReadTwice:
    """What cuts cost beside the events: a chunk with rows on both sides of a cut is inflated by both ranks.

    Parameters
    ----------
    before, after
        int64 (events + 1,): at each event border, the cost of what such chunks hold before it and behind it.
    """

    before: Int64s
    after: Int64s


def balanced_ranges(weights: Int64s, parts: int, twice: ReadTwice | None = None) -> list[tuple[int, int]]:
    """`parts` contiguous ranges ``[start, stop)`` of events, the heaviest as light as can be.

    Parameters
    ----------
    weights
        int64 (events,), 0 or more: what each event costs. If all are 0, events count alike.
    parts
        Number of ranges; more than there are events leaves some of them empty.
    twice
        What a range costs beside its events: ``before[start] + after[stop]``. By default nothing.

    Returns
    -------
    Ranges that are ordered, disjoint and cover every event. No other choice has a lighter heaviest range;
    below that weight, cuts lie near equal shares of what is left. With `twice`, cuts are moved, each within a
    share of the weight and of the events on either side, so that the least is read twice; the heaviest range
    may become heavier by one part in `TOLERANCE`, if all ranges together save more than they wait for it.

    Notes
    -----
    Exact on integers, and deterministic. Each of at most log2(heaviest event) trials of a weight costs
    ``parts * log(events)``; the rest is linear in events and parts, in time and memory.
    """
    if not weights.any():
        weights = np.ones_like(weights)
    total = np.concatenate([np.zeros(1, np.int64), np.cumsum(weights, dtype=np.int64)])
    if twice is None:
        return list(pairwise(_cuts_near_shares(total, total, parts, least_bottleneck(total, total, parts))))
    # a longer range is no lighter, even where costs of events do not cover those of their part of a chunk
    starts = np.minimum.accumulate((total - twice.before)[::-1])[::-1].copy()
    stops = np.maximum.accumulate(total + twice.after)
    limit = least_bottleneck(starts, stops, parts)
    cuts = np.array(_cuts_near_shares(starts, stops, parts, limit), np.int64)
    cost = twice.before + twice.after
    if cost[cuts[1:-1]].any():
        for slack in (limit // TOLERANCE, 0):
            moved = _move_cuts(starts, stops, cuts, limit + slack, cost)
            saved = int(cost[cuts].sum() - cost[moved].sum())
            heaviest = int((stops[moved[1:]] - starts[moved[:-1]])[np.diff(moved) > 0].max())
            # each rank waits for the heaviest
            if parts * (heaviest - limit) <= saved:
                cuts = moved
                break
    return list(pairwise(cuts.tolist()))


def least_bottleneck(starts: Int64s, stops: Int64s, parts: int) -> int:
    """Least weight that the heaviest of `parts` contiguous ranges can have.

    Parameters
    ----------
    starts, stops
        int64 (events + 1,), ascending: the events ``[a, b)`` weigh ``stops[b] - starts[a]``.
    """
    heaviest = int((stops[1:] - starts[:-1]).max(initial=0))
    whole = int(stops[-1] - starts[0])
    low = max(-(-whole // parts), heaviest)
    high = max(low, -(-whole // parts) + heaviest + 2 * int((stops - starts).max()))
    while low < high:
        limit = (low + high) // 2
        most, next_limit = _fill(starts, stops, parts, limit)
        if most is not None:
            high = most
        else:
            low = next_limit
    return low


def _fill(starts: Int64s, stops: Int64s, parts: int, limit: int) -> tuple[int | None, int]:
    """Heaviest range if each takes all events it can within `limit`, None if some are left.

    Second, the least limit above with which a range would take an event more.
    """
    end, start, most, next_limit = len(starts) - 1, 0, 0, int(stops[-1] - starts[0])
    for _ in range(parts):
        before = int(starts[start])
        stop = int(stops.searchsorted(before + limit, "right")) - 1
        most = max(most, int(stops[stop]) - before)
        if stop == end:
            return most, next_limit
        next_limit = min(next_limit, int(stops[stop + 1]) - before)
        start = stop
    return None, next_limit


def _cuts_near_shares(starts: Int64s, stops: Int64s, parts: int, limit: int) -> list[int]:
    """Cuts, the first event and the end included, near equal shares of what is left, none above `limit`."""
    end = len(starts) - 1
    earliest = [end] * (parts + 1)
    for k in range(parts - 1, 0, -1):
        first = int(starts.searchsorted(stops[earliest[k + 1]] - limit, "left"))
        earliest[k] = min(first, earliest[k + 1])
    cut_costs = int((stops - starts).mean())
    cuts = [0]
    for k in range(1, parts):
        before = int(starts[cuts[-1]])
        latest = max(int(stops.searchsorted(before + limit, "right")) - 1, cuts[-1])
        left = parts - k + 1
        share = before + (int(stops[-1]) - before + (left - 1) * cut_costs) // left
        nearest = int(stops.searchsorted(share, "right")) - 1
        if nearest < end and stops[nearest + 1] - share <= share - stops[nearest]:
            nearest += 1
        # an empty range leaves its work to the others
        nearest = max(nearest, min(cuts[-1] + 1, end))
        cuts.append(min(max(nearest, earliest[k]), latest))
    return [*cuts, end]


def _move_cuts(starts: Int64s, stops: Int64s, cuts: Int64s, limit: int, cost: Int64s) -> Int64s:
    # only here: what opens a file must not compile kernels
    from numl_polars.events.cuts import cheapest_cuts

    parts, end = len(cuts) - 1, len(starts) - 1
    share, share_events = -(-int(stops[-1] - starts[0]) // parts), -(-end // parts)
    first = np.maximum(starts.searchsorted(starts[cuts] - share, "left"), cuts - share_events)
    last = np.minimum(starts.searchsorted(starts[cuts] + share, "right") - 1, cuts + share_events)
    first[0] = last[0] = 0
    first[-1] = last[-1] = end
    # between cuts that cost the same, the nearer one
    unit = max(share // _COST_OF_A_SHARE, 1)
    moved: Int64s = cheapest_cuts(starts, stops, cost, first, last, cuts, limit, unit)
    return moved


def read_twice(tables: Iterable[tuple[Int64s, int, int]]) -> ReadTwice | None:
    """What cutting between events costs in chunks that are inflated by two ranks; None without tables.

    Parameters
    ----------
    tables
        For all columns of a table whose chunks are of one length: rows of the events, int64 (events + 1,),
        so that event e owns ``[offsets[e], offsets[e + 1])``; rows of a chunk; cost of inflating one, over
        these columns. The same events in each.
    """
    found = None
    for offsets, chunk_rows, chunk_cost in tables:
        past = offsets % chunk_rows
        # events pay for their rows, whatever else the first and the last chunk hold
        own_past = np.minimum(past, offsets - offsets[0])
        own_rest = np.minimum(chunk_rows - past, offsets[-1] - offsets)
        cut = (past != 0) & (own_past != 0) & (own_rest != 0)
        before, after = (cut * (rows * chunk_cost // chunk_rows) for rows in (own_past, own_rest))
        found = (before, after) if found is None else (found[0] + before, found[1] + after)
    return None if found is None else ReadTwice(*found)


def batch_ranges(num_bytes: Int64s, budget: int, start: int, stop: int) -> list[tuple[int, int]]:
    """Consecutive ranges of events in ``[start, stop)`` of at most `budget` bytes each.

    Parameters
    ----------
    num_bytes
        int64 (events,), bytes of each event of the file.
    budget
        An event that is larger is a batch of its own.
    """
    ranges = []
    total = np.cumsum(num_bytes[start:stop])
    begin, spent = start, 0
    while begin < stop:
        end = start + int(np.searchsorted(total, spent + budget, side="right"))
        end = max(end, begin + 1)
        ranges.append((begin, end))
        begin, spent = end, int(total[end - 1 - start])
    return ranges
