"""Triangulations of hits: the expected ones, and defined where hits are not fit for one."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from numl_polars.objects import hit_edges as module
from numl_polars.objects.hit_edges import hit_edges


def test_hit_edges__expected_graphs(shared: Path) -> None:
    num_events = 0
    for path in sorted(shared.glob("data/*/*.graphs.h5")):
        with h5py.File(path) as file:
            for name in file["dataset"]:
                graph = file["dataset"][name][()]
                plane, position = graph["hit/plane"], graph["hit/pos"]
                edges = hit_edges(plane, position, np.array([0, len(plane)]))
                assert np.array_equal(edges.joint[0], graph["hit_delaunay_hit/edge_index"])
                assert np.array_equal(edges.planar[0], graph["hit_delaunay-planar_hit/edge_index"])
                num_events += 1
    assert num_events


def test_hit_edges__repeated_and_nonfinite_hits() -> None:
    rng = np.random.default_rng(0)
    position = rng.uniform(0, 100, (30, 2)).astype(np.float32)
    plane = np.repeat([2, 1, 0], 10)
    position[3] = position[1]  # same plane: a repeat
    position[25] = position[12]  # other plane: a hit of its own
    position[5, 0], position[17, 1] = np.nan, np.inf
    edges = hit_edges(plane, position, np.array([0, 30]))
    assert np.flatnonzero(edges.repeated).tolist() == [3]
    assert np.flatnonzero(edges.nonfinite).tolist() == [5, 17]
    joint, planar = set(edges.joint[0][0].tolist()), set(edges.planar[0][0].tolist())
    assert joint == planar == set(range(30)) - {3, 5, 17}


def test_hit_edges__planes_ascend_within_events() -> None:
    rng = np.random.default_rng(0)
    plane = np.array([2] * 8 + [0] * 8 + [1] * 8 + [1] * 6 + [0] * 6)
    position = rng.uniform(0, 100, (36, 2)).astype(np.float32)
    edges, starts = hit_edges(plane, position, np.array([0, 24, 36])).planar
    assert edges.max() < 24
    for event, (first, hits) in enumerate([(0, 24), (24, 12)]):
        own = edges[:, starts[event] : starts[event + 1]]
        assert own.max() < hits
        planes = plane[first + own]
        assert (planes[0] == planes[1]).all()
        assert (np.diff(planes[0]) >= 0).all()


@pytest.mark.parametrize("refuses", [False, True], ids=["Qhull", "Qhull refuses"])
def test_hit_edges__events_with_shared_positions_stand_in_their_place(
    monkeypatch: pytest.MonkeyPatch, refuses: bool
) -> None:
    rng = np.random.default_rng(1)
    position = rng.uniform(0, 100, (60, 2)).astype(np.float32)
    plane = np.tile([0, 1, 2], 20)
    offsets = np.array([0, 12, 12, 36, 60])
    position[13] = position[12]
    position[59] = position[40]
    if refuses:
        monkeypatch.setattr(module, "_qhull_edges", lambda points: None)
    edges, starts = hit_edges(plane, position, offsets).joint
    for event in range(4):
        own = slice(offsets[event], offsets[event + 1])
        alone = hit_edges(plane[own], position[own], np.array([0, offsets[event + 1] - offsets[event]]))
        assert np.array_equal(edges[:, starts[event] : starts[event + 1]], alone.joint[0])
    assert set(edges[0, starts[2] : starts[3]].tolist()) == set(range(24))
