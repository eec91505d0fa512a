"""Kernels that walk particle forests: depth-first order, what spreads down it, and what it never reaches.

Common to all: `parent_rows` is int64 (particles,), the row of each particle's parent in the same batch, -1
for a primary and for a particle whose parent is not in the table; particles of an event are contiguous. All
are linear in the particles, of any depth, and end on circles.
"""

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import kernel

Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]
Bools = NDArray[np.bool_]

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


@kernel(kernels.Int64s, kernels.Int64s, kernels.Bools)
def spread_down(parent_rows: Int64s, order: Int64s, spreads: Bools) -> Int64s:
    """Row whose own value each particle has: itself, or the ancestor it came down from.

    Parameters
    ----------
    order
        int64 (reached,): rows that have a value, parents before children.
    spreads
        bool (particles,): the particle's own value, unless replaced from above, goes to all descendants.

    Returns
    -------
    int64 (particles,): -1 outside `order`. ``own[sources]`` are the values after spreading.
    """
    sources = np.full(parent_rows.size, -1, np.int64)
    for row in order:
        parent = parent_rows[row]
        source = sources[parent] if parent >= 0 else -1
        sources[row] = source if source >= 0 and spreads[source] else row
    return sources


@kernel(kernels.Int64s, kernels.Int64s, kernels.Int64s)
def number_objects(offsets: Int64s, order: Int64s, objects: Int64s) -> Int64s:
    """Numbers 0, 1, 2, … of objects within their event, in the order in which a walk first meets them.

    Parameters
    ----------
    offsets
        int64 (events + 1,): event e owns particles ``[offsets[e], offsets[e + 1])``.
    order
        int64 (reached,): the walk, events ascending.
    objects
        int64 (particles,): what each particle belongs to: the row of a particle, or ``particles + e`` for
        event e itself, the parent of its primaries; -1 for nothing.

    Returns
    -------
    int64 (particles,): -1 where a particle belongs to nothing or is not in `order`.
    """
    numbers = np.full(objects.size, -1, np.int64)
    number_of = np.full(objects.size + offsets.size - 1, -1, np.int64)
    event = 0
    num_objects = 0
    for row in order:
        while row >= offsets[event + 1]:
            event += 1
            num_objects = 0
        belongs = objects[row]
        if belongs >= 0:
            if number_of[belongs] < 0:
                number_of[belongs] = num_objects
                num_objects += 1
            numbers[row] = number_of[belongs]
    return numbers


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
