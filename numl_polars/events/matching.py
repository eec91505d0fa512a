"""Kernel that finds rows by identifiers that are local to their event."""

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import kernel

Int64s = NDArray[np.int64]

# places of a table by identifier that may stay empty, for each key and query
_SPARSE = 8


@kernel(kernels.Int64s, kernels.Int64s, kernels.Int64s, kernels.Int64s)
def match_rows(key_offsets: Int64s, keys: Int64s, query_offsets: Int64s, queries: Int64s) -> Int64s:
    """Row of the first key equal to each query within the same event, or -1.

    Parameters
    ----------
    key_offsets, query_offsets
        int64 (events + 1,): event e owns rows ``[offsets[e], offsets[e + 1])``; both have the same events.
    keys, queries
        int64 identifiers in any order, gaps and repeats allowed.

    Returns
    -------
    int64 (queries,): row in `keys` (of the whole batch), -1 where no key of the event is equal.

    Notes
    -----
    Linear in keys and queries where the identifiers of an event span no more than some times their number,
    n log n otherwise.
    """
    rows = np.full(queries.size, -1, np.int64)
    table = np.empty(0, np.int64)
    for event in range(key_offsets.size - 1):
        start, stop = key_offsets[event], key_offsets[event + 1]
        begin, end = query_offsets[event], query_offsets[event + 1]
        if start == stop or begin == end:
            continue
        low = high = keys[start]
        for row in range(start, stop):
            low = min(low, keys[row])
            high = max(high, keys[row])
        room = _SPARSE * (stop - start + end - begin)
        # the difference of far identifiers would overflow
        if high < low + room:
            span = high - low + 1
            if span > table.size:
                table = np.empty(2 * span, np.int64)
            table[:span] = -1
            for row in range(stop - 1, start - 1, -1):
                table[keys[row] - low] = row
            for query in range(begin, end):
                if low <= queries[query] <= high:
                    rows[query] = table[queries[query] - low]
            continue
        order = np.argsort(keys[start:stop], kind="mergesort")
        own = keys[start:stop][order]
        for query in range(begin, end):
            place = np.searchsorted(own, queries[query])
            if place < own.size and own[place] == queries[query]:
                rows[query] = start + order[place]
    return rows
