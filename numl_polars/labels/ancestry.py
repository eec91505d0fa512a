"""Kernels over particle forests: the depth-first walk, and what goes up and down it.

Two numberings of the same particles. `walk_order`, `unreached_faults` and `has_repeats` work on rows of the
table: `parent_rows` is int64 (particles,), the row of each particle's parent in the same batch, -1 for a
primary and for a particle whose parent is not in the table; particles of an event are contiguous. All others
work on the walk, in which a parent stands before its children and a particle's descendants right behind it:
`parents` is int64 (reached,), the place of each particle's parent, -1 for a primary.

All are linear in the particles, of any depth, and end on circles.
"""

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import kernel

Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]
Bools = NDArray[np.bool_]
Float64s = NDArray[np.float64]

ORPHAN = 0
CIRCLE = 1
UNKNOWN = -2
PENDING = -3


@kernel(kernels.Int64s, kernels.Bools)
def walk_order(parent_rows: Int64s, is_primary: Bools) -> Int64s:
    """Rows that a primary reaches, depth first: primaries in table order, children in table order.

    A parent stands before its children, and events in the order of their rows.
    """
    num_rows = parent_rows.size
    first_child = np.full(num_rows, -1, np.int64)
    next_sibling = np.full(num_rows, -1, np.int64)
    for row in range(num_rows - 1, -1, -1):
        parent = parent_rows[row]
        if parent >= 0:
            next_sibling[row] = first_child[parent]
            first_child[parent] = row

    order = np.empty(num_rows, np.int64)
    num_reached = 0
    for primary in range(num_rows):
        row = primary if is_primary[primary] else -1
        while row >= 0:
            order[num_reached] = row
            num_reached += 1
            following = first_child[row]
            while following < 0 and row != primary:
                following = next_sibling[row]
                row = parent_rows[row]
            row = following
    return order[:num_reached]


@kernel(kernels.Int64s, kernels.Int64s)
def walk_parents(parent_rows: Int64s, order: Int64s) -> Int64s:
    """Place in the walk of each particle's parent, int64 (reached,), -1 for a primary."""
    place = np.empty(parent_rows.size, np.int64)
    parents = np.empty(order.size, np.int64)
    for i in range(order.size):
        place[order[i]] = i
        parent = parent_rows[order[i]]
        parents[i] = place[parent] if parent >= 0 else -1
    return parents


@kernel(kernels.Int64s, kernels.Int64s)
def unreached_faults(parent_rows: Int64s, order: Int64s) -> Int8s:
    """Why no primary reaches a particle: ORPHAN or CIRCLE, -1 where one does.

    ORPHAN: its parent, or that of an ancestor, is missing. CIRCLE: it is in or below a circle of parents.
    """
    faults = np.full(parent_rows.size, UNKNOWN, np.int8)
    for row in order:
        faults[row] = -1
    for start in range(parent_rows.size):
        row = start
        while row >= 0 and faults[row] == UNKNOWN:
            faults[row] = PENDING
            row = parent_rows[row]
        if row < 0:
            fault = ORPHAN
        elif faults[row] == PENDING:
            fault = CIRCLE
        else:
            fault = faults[row]
        row = start
        while row >= 0 and faults[row] == PENDING:
            faults[row] = fault
            row = parent_rows[row]
    return faults


@kernel(kernels.Int64s, kernels.Int64s)
def has_repeats(offsets: Int64s, ids: Int64s) -> Bools:
    """Whether an event has an identifier twice, bool (events,); n log n where identifiers do not ascend."""
    repeats = np.zeros(offsets.size - 1, np.bool_)
    for event in range(offsets.size - 1):
        own = ids[offsets[event] : offsets[event + 1]]
        ascending = True
        for i in range(1, own.size):
            if own[i] <= own[i - 1]:
                ascending = False
                break
        if ascending:
            continue
        own = np.sort(own)
        for i in range(1, own.size):
            if own[i] == own[i - 1]:
                repeats[event] = True
                break
    return repeats


@kernel(kernels.Int64s, kernels.Bools)
def spread_down(parents: Int64s, spreads: Bools) -> Int64s:
    """Place whose own value each particle has: itself, or the ancestor it came down from.

    Parameters
    ----------
    spreads
        bool (reached,): the particle's own value, unless replaced from above, goes to all descendants.

    Returns
    -------
    int64 (reached,); ``own[sources]`` are the values after spreading.
    """
    sources = np.empty(parents.size, np.int64)
    for i in range(parents.size):
        source = sources[parents[i]] if parents[i] >= 0 else -1
        sources[i] = source if source >= 0 and spreads[source] else i
    return sources


@kernel(kernels.Int64s)
def primaries(parents: Int64s) -> Int64s:
    """Place of the primary that each particle descends from, of a primary itself, int64 (reached,)."""
    found = np.empty(parents.size, np.int64)
    for i in range(parents.size):
        found[i] = found[parents[i]] if parents[i] >= 0 else i
    return found


@kernel(kernels.Int64s)
def depths(parents: Int64s) -> Int64s:
    """Number of ancestors, int64 (reached,); 0 for a primary."""
    depth = np.zeros(parents.size, np.int64)
    for i in range(parents.size):
        if parents[i] >= 0:
            depth[i] = depth[parents[i]] + 1
    return depth


@kernel(kernels.Int64s, kernels.Bools)
def nearest_ancestors(parents: Int64s, holds: Bools) -> Int64s:
    """Place of each particle's nearest ancestor that `holds`, int64 (reached,), -1 without one."""
    nearest = np.full(parents.size, -1, np.int64)
    for i in range(parents.size):
        parent = parents[i]
        if parent >= 0:
            nearest[i] = parent if holds[parent] else nearest[parent]
    return nearest


@kernel(kernels.Int64s, kernels.Float64s)
def sums_over_children(parents: Int64s, values: Float64s) -> Float64s:
    """Sum of `values` over each particle's children, float64 (reached,); NaN counts as 0."""
    sums = np.zeros(parents.size, np.float64)
    for i in range(parents.size):
        if parents[i] >= 0 and not np.isnan(values[i]):
            sums[parents[i]] += values[i]
    return sums


@kernel(kernels.Int64s, kernels.Float64s)
def sums_over_descendants(parents: Int64s, values: Float64s) -> Float64s:
    """Sum of `values` over each particle's descendants, float64 (reached,); NaN counts as 0."""
    sums = np.zeros(parents.size, np.float64)
    for i in range(parents.size - 1, -1, -1):
        if parents[i] >= 0:
            sums[parents[i]] += sums[i] + (0.0 if np.isnan(values[i]) else values[i])
    return sums


@kernel(kernels.Int64s, kernels.Int64s)
def number_objects(offsets: Int64s, objects: Int64s) -> Int64s:
    """Numbers 0, 1, 2, … of objects within their event, in the order in which the walk first meets them.

    Parameters
    ----------
    offsets
        int64 (events + 1,): event e owns the places ``[offsets[e], offsets[e + 1])``.
    objects
        int64 (reached,): what each particle belongs to: the place of a particle, or ``reached + e`` for
        event e itself, the parent of its primaries; -1 for nothing.

    Returns
    -------
    int64 (reached,): -1 where a particle belongs to nothing.
    """
    numbers = np.full(objects.size, -1, np.int64)
    number_of = np.full(objects.size + offsets.size - 1, -1, np.int64)
    for event in range(offsets.size - 1):
        num_objects = 0
        for i in range(offsets[event], offsets[event + 1]):
            belongs = objects[i]
            if belongs >= 0:
                if number_of[belongs] < 0:
                    number_of[belongs] = num_objects
                    num_objects += 1
                numbers[i] = number_of[belongs]
    return numbers
