"""What events cost: by their rows, and by the chunks that cuts between them share."""

import numpy as np

from numl_polars.events.cost import (
    EVENT,
    GRAPH,
    HIT_DOUBLING,
    INFLATED_VALUE,
    OTHER_ROW,
    ROW,
    cut_costs,
    doublings,
    event_costs,
)


def test_event_costs__rows_of_each_table() -> None:
    rows = {"hit_table": np.array([0, 1, 16]), "edep_table": np.array([0, 0, 20])}
    more = ROW["hit_table"] * 16 + HIT_DOUBLING * 64 + ROW["edep_table"] * 20
    assert event_costs(rows).tolist() == [EVENT, EVENT + GRAPH + ROW["hit_table"], EVENT + GRAPH + more]
    assert event_costs(rows).dtype == np.int64


def test_event_costs__of_tables_without_measured_cost() -> None:
    rows = {"hit_table": np.array([0]), "opflash_table": np.array([3])}
    assert event_costs(rows).tolist() == [EVENT + 3 * OTHER_ROW]


def test_event_costs__no_event_costs_nothing() -> None:
    assert EVENT > 0
    assert min(GRAPH, HIT_DOUBLING, OTHER_ROW, *ROW.values()) >= 0


def test_event_costs__largest_events_do_not_overflow() -> None:
    rows = {"hit_table": np.full(1_200_000, 1_000_000), "edep_table": np.full(1_200_000, 3_000_000)}
    assert 0 < event_costs(rows).sum(dtype=np.float64) == float(event_costs(rows).sum())


def test_doublings__counts_times_their_logarithm() -> None:
    assert doublings(np.array([0, 1, 2, 3, 1024])).tolist() == [0, 0, 2, 5, 10240]


def test_cut_costs__values_of_a_chunk_on_both_sides() -> None:
    hits, deposits = np.array([0, 3, 8]), np.array([0, 5, 10])
    cuts = cut_costs([(hits, {4: 400, 2: 20}), (deposits, {})])
    assert cuts is not None
    assert cuts.before.tolist() == [0, (300 + 10) * INFLATED_VALUE, 0]
    assert cuts.after.tolist() == [0, (100 + 10) * INFLATED_VALUE, 0]


def test_cut_costs__none_without_chunks() -> None:
    assert cut_costs([(np.array([0, 3, 8]), {})]) is None
