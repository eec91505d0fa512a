"""Kernel that finds rows by identifiers that are local to their event."""

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import kernel

Int64s = NDArray[np.int64]


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
    Linear in keys and queries where keys ascend without gaps, n log n otherwise.
    """
    rows = np.full(queries.size, -1, np.int64)
    for event in range(key_offsets.size - 1):
        start, stop = key_offsets[event], key_offsets[event + 1]
        if start == stop:
            continue
        own = keys[start:stop]
        ascending = True
        for i in range(1, own.size):
            if own[i] <= own[i - 1]:
                ascending = False
                break
        order = np.empty(0, np.int64)
        if not ascending:
            order = np.argsort(own, kind="mergesort")
            own = own[order]
        first = own[0]
        for q in range(query_offsets[event], query_offsets[event + 1]):
            wanted = queries[q]
            guess = wanted - first
            if ascending and 0 <= guess < own.size and own[guess] == wanted:
                rows[q] = start + guess
                continue
            place = np.searchsorted(own, wanted)
            if place < own.size and own[place] == wanted:
                rows[q] = start + (place if ascending else order[place])
    return rows
