"""Whose hit is it: the largest deposit, and the mean position."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from numl_polars import Batch, EventFile, HitGraph, StandardLabels
from numl_polars.labels.deposits import largest_deposit
from numl_polars.labels.hits import HitTruth, hit_truth, true_positions
from tests.builder import Event, simple_event, write_events

energies = st.floats(0, 3) | st.sampled_from([0.0, 1.0, float("nan")])


@pytest.mark.parametrize("run", [largest_deposit, largest_deposit.py_func], ids=["compiled", "python"])
@given(deposits=st.lists(st.tuples(st.integers(-1, 4), energies), max_size=30))
def test_largest_deposit__of_equal_ones_the_first(run, deposits: list[tuple[int, float]]) -> None:  # type: ignore[no-untyped-def]
    hit = np.array([hit for hit, _ in deposits], np.int64)
    energy = np.array([energy for _, energy in deposits], np.float64)
    expected = []
    for wanted in range(5):
        own = [row for row, (h, _) in enumerate(deposits) if h == wanted]
        own.sort(key=lambda row: -np.inf if np.isnan(energy[row]) else energy[row], reverse=True)
        expected.append(own[0] if own else -1)
    assert run(hit, energy, 5).tolist() == expected


def truth_of(path: Path, event: Event) -> tuple[HitTruth, NDArray[np.float32]]:
    """Truth and true positions of the hits of one event."""
    write_events(path, [event])
    with EventFile(path) as events:
        batch = Batch(events, 0, 1)
        graph = HitGraph(particle_labels=StandardLabels(), position=True)
        tables = {table: batch.select(table, names) for table, names in graph.columns(batch).items()}
        truth = hit_truth(batch, tables, graph.particle_layers)
        return truth, true_positions(tables["edep_table"], truth)


def test_hit_truth__position_is_weighted_by_energy(tmp_path: Path) -> None:
    event = simple_event()
    deposits = event["edep_table"]
    deposits["hit_id"][:3] = [0, 0, 2]
    deposits["energy"][:3] = [1, 3, 2]
    for axis, column in enumerate(("x_position", "y_position", "z_position")):
        deposits[column][:3] = np.array([10, 20, 30]) + axis
    truth, position = truth_of(tmp_path / "e.h5", event)
    assert position[0].tolist() == [17.5, 18.5, 19.5]
    assert np.isnan(position[1]).all()
    assert not truth.has_energy[1]
    assert truth.layers["semantic"].semantic[1] == -1
    assert truth.deposit[0] == 1


@pytest.mark.parametrize("fault", ["zero weight", "nan position", "nan weight"])
def test_hit_truth__no_position_harms_no_other(tmp_path: Path, fault: str) -> None:
    _, good = truth_of(tmp_path / "good.h5", simple_event())
    event = simple_event()
    column, value = {
        "zero weight": ("energy", 0),
        "nan position": ("y_position", np.nan),
        "nan weight": ("energy", np.nan),
    }[fault]
    event["edep_table"][column][7] = value
    truth, position = truth_of(tmp_path / "bad.h5", event)
    assert np.isnan(position[7]).all()
    others = np.arange(75) != 7
    assert np.array_equal(position[others], good[others])
    assert truth.has_energy[7] == (fault != "nan weight")
    assert truth.layers["semantic"].semantic[7] == 1


def test_hit_truth__repeated_hit_id_shares_its_deposits(tmp_path: Path) -> None:
    event = simple_event()
    event["hit_table"]["hit_id"][1] = 0
    truth, position = truth_of(tmp_path / "e.h5", event)
    assert truth.deposit[:2].tolist() == [0, 0]
    assert np.array_equal(position[0], position[1])
