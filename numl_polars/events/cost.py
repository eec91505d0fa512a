"""What an event costs a rank, from the numbers of its rows: a model fitted to measured times.

The constants are nanoseconds of one core. `bench/cost_model.py` measures the stages of a run over batches of
simulated events of different make-up, fits, and prints the lines below. Only ratios matter for balance. On
batches that were not fitted, the sum was told to 1 %, nine in ten to 27 %: what a batch costs as such is not
in the model, for a rank has many.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from numl_polars.events.partition import ReadTwice, read_twice

Int64s = NDArray[np.int64]

EVENT = 1_000
"""Each event, empty or not."""
GRAPH = 44_000
"""Each event with hits, which becomes a graph more often than not."""
ROW = {
    "hit_table": 347,
    "particle_table": 726,
    "edep_table": 302,
    "spacepoint_table": 1_330,
}
"""Each row of a table that is read; of other tables `OTHER_ROW`."""
OTHER_ROW = 100
HIT_DOUBLING = 99
"""Each hit, times the binary logarithm of the hits of its event: triangulation."""
INFLATED_VALUE = 11
"""Each value of a compressed chunk, used or not. A string counts as one: its padding costs little."""


def event_costs(rows: Mapping[str, Int64s]) -> Int64s:
    """What each event costs, int64 (events,), ns.

    Parameters
    ----------
    rows
        int64 (events,): rows of each event in each table that is read, `hit_table` among them.
    """
    hits = rows["hit_table"]
    costs = EVENT + GRAPH * (hits > 0) + HIT_DOUBLING * doublings(hits)
    for table, counts in rows.items():
        costs = costs + ROW.get(table, OTHER_ROW) * counts
    found: Int64s = costs
    return found


def doublings(counts: Int64s) -> Int64s:
    """Each count times its binary logarithm, rounded, int64; 0 for none."""
    found: Int64s = np.rint(counts * np.log2(np.maximum(counts, 1))).astype(np.int64)
    return found


def cut_costs(tables: Iterable[tuple[Int64s, Mapping[int, int]]]) -> ReadTwice | None:
    """What cutting at each event border costs in chunks that two ranks inflate; None without chunks.

    Parameters
    ----------
    tables
        Of each table that is read, the offsets of the events, int64 (events + 1,), and its chunks, see
        `EventFile.chunks`.
    """
    return read_twice(
        (offsets, chunk_rows, num_values * INFLATED_VALUE)
        for offsets, chunks in tables
        for chunk_rows, num_values in chunks.items()
    )
