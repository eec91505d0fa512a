"""The hit graph of an event: attributes, options, tensors."""

from pathlib import Path

import numpy as np
import pytest

from numl_polars import Batch, EventFile, FlavorLabels, HitGraph, InputError, OptionError, StandardLabels
from tests.builder import Event, particles, simple_event, write_events

FULL = HitGraph(
    particle_labels=StandardLabels(),
    event_labels=FlavorLabels(),
    vertex=True,
    position=True,
    detailed_truth=True,
)


def arrays_of(path: Path, event: Event, graph: HitGraph = FULL) -> dict[str, np.ndarray]:
    with EventFile(write_events(path, [event])) as events:
        return graph.build(Batch(events, 0, 1)).objects.arrays(0)


def test_build__every_attribute_in_order(tmp_path: Path) -> None:
    arrays = arrays_of(tmp_path / "e.h5", simple_event())
    assert {
        name: (array.dtype.str[1:], array.shape) for name, array in arrays.items() if "_" not in name
    } == {
        "metadata/run": ("i4", ()),
        "metadata/subrun": ("i4", ()),
        "metadata/event": ("i4", ()),
        "sp/pos": ("f4", (25, 3)),
        "hit/plane": ("i8", (75,)),
        "hit/pos": ("f4", (75, 2)),
        "hit/x": ("f4", (75, 6)),
        "hit/id": ("i8", (75,)),
        "hit/pdg": ("i8", (75,)),
        "evt/y": ("i8", (1,)),
    }
    assert list(arrays) == [
        "metadata/run", "metadata/subrun", "metadata/event", "sp/pos", "hit/plane", "hit/pos", "hit/x",
        "hit/y_position", "hit/id", "hit/y_semantic", "hit/g4_id", "hit/parent_id", "hit/pdg",
        "evt/num_nodes", "evt/y", "evt/y_vtx", "particle-truth/num_nodes", "hit_delaunay_hit/edge_index",
        "hit_delaunay-planar_hit/edge_index", "hit_nexus_sp/edge_index", "hit_in_evt/edge_index",
        "sp_in_evt/edge_index", "hit_cluster-truth_particle-truth/edge_index",
    ]  # fmt: skip
    assert arrays["hit_nexus_sp/edge_index"].T[:2].tolist() == [[50, 0], [51, 1]]
    assert arrays["evt/y_vtx"].tolist() == [[1, 2, 3]]
    assert arrays["evt/y"].tolist() == [1]


def test_build__without_truth(tmp_path: Path) -> None:
    event = simple_event()
    del event["particle_table"], event["edep_table"]
    arrays = arrays_of(tmp_path / "e.h5", event, HitGraph())
    assert not [name for name in arrays if "/y" in name or "truth" in name]


def test_build__last_class_is_no_target(tmp_path: Path) -> None:
    event = simple_event()
    event["particle_table"] = particles(
        [(1, 0, 13, 0.5, "primary", "Decay"), (2, 0, 111, 0.5, "primary", "Decay")]
    )
    event["edep_table"]["g4_id"][:5] = 2
    with EventFile(write_events(tmp_path / "e.h5", [event])) as events:
        built = FULL.build(Batch(events, 0, 1))
    arrays = built.objects.arrays(0)
    assert built.layers["semantic"].untrained_hits == 5
    assert arrays["hit/y_semantic"].tolist() == [-1] * 5 + [1] * 70
    assert arrays["particle-truth/num_nodes"] == 1
    assert arrays["hit_cluster-truth_particle-truth/edge_index"][0].tolist() == list(range(5, 75))


def test_build__instances_are_renumbered_among_those_with_hits(tmp_path: Path) -> None:
    event = simple_event()
    rows = [(g4_id, 0, 211, 0.5, "primary", "Decay") for g4_id in (1, 5, 6, 9)]
    event["particle_table"] = particles(rows)
    event["edep_table"]["g4_id"][:] = [9] * 30 + [5] * 45
    arrays = arrays_of(tmp_path / "e.h5", event)
    edges = arrays["hit_cluster-truth_particle-truth/edge_index"]
    assert edges[1].tolist() == [1] * 30 + [0] * 45
    assert arrays["particle-truth/num_nodes"] == 2


@pytest.mark.parametrize(
    "names, columns",
    [
        (("view", "proj", "drift"), ("local_plane", "local_wire", "local_time")),
        (("global_plane", "global_wire", "global_time"), ("local_plane", "local_wire", "local_time")),
        (("plane", "wire", "time"), ("local_plane", "local_wire", "local_time")),
    ],
)
def test_build__generations_give_the_same_graph(
    tmp_path: Path, names: tuple[str, ...], columns: tuple[str, ...]
) -> None:
    expected = arrays_of(tmp_path / "local.h5", simple_event())
    event = simple_event()
    for new, old in zip(names, columns, strict=True):
        event["hit_table"][new] = event["hit_table"].pop(old)
    found = arrays_of(tmp_path / "other.h5", event)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_build__wide_dtypes_and_fraction_weights(tmp_path: Path) -> None:
    expected = arrays_of(tmp_path / "narrow.h5", simple_event())
    event = simple_event()
    for table in event.values():
        for name, column in table.items():
            if column.dtype.kind in "if":
                table[name] = column.astype("i8" if column.dtype.kind == "i" else "f8")
    event["edep_table"]["energy_fraction"] = event["edep_table"].pop("energy")
    found = arrays_of(tmp_path / "wide.h5", event)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert np.allclose(found[name], array, rtol=1e-6)


def test_build__spacepoints_without_position(tmp_path: Path) -> None:
    event = simple_event()
    del event["spacepoint_table"]["position"]
    arrays = arrays_of(tmp_path / "e.h5", event)
    assert arrays["sp/num_nodes"] == 25
    assert "sp/pos" not in arrays


def test_build__missing_quantity_lists_what_was_looked_for(tmp_path: Path) -> None:
    event = simple_event()
    del event["hit_table"]["local_time"]
    with pytest.raises(
        InputError, match=r"no hit plane, wire and time: looked for \(local_plane, .*it has event, hit_id"
    ):
        arrays_of(tmp_path / "e.h5", event)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"planes": ()}, "one name for each plane"),
        ({"planes": ("u", "u")}, "one name for each plane"),
        ({"plane_numbers": (0, 1)}, "one for each of"),
        ({"coordinates": "stitched"}, "none of auto, local, global"),
        ({"coordinates": ("plane", "wire")}, "name the three columns"),
        ({"planes_per_tpc": True}, "does not say how many TPCs"),
        ({"detector": "nova"}, "none of uboone, dune"),
        ({"node_features": ("rms", "rms")}, "named twice"),
        ({"lower_bound": -1}, "lower bound -1 is below 0"),
        ({"max_integral": float("nan")}, "max integral nan"),
        ({"detailed_truth": True}, "detailed truth needs particle labels"),
    ],
)
def test_init__options_without_meaning(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        HitGraph(**options)  # type: ignore[arg-type]


def test_call__tensors_share_memory_with_columns(tmp_path: Path) -> None:
    pytest.importorskip("torch_geometric")
    event = simple_event()
    hits = event["hit_table"]
    hits["hit_id"], hits["local_plane"] = (
        hits["hit_id"].astype(np.int64),
        hits["local_plane"].astype(np.int64),
    )
    with EventFile(write_events(tmp_path / "e.h5", [event])) as events:
        one = events[0]
        data = FULL(one)
        assert data is not None
        for attribute, column in (("id", "hit_id"), ("plane", "local_plane")):
            buffer = one["hit_table"][column].to_arrow().buffers()[1]
            assert data["hit"][attribute].data_ptr() == buffer.address
    assert data["hit"].num_nodes == 75
    assert data["hit", "nexus", "sp"].edge_index.shape == (2, 75)
    assert data["metadata"].run == 1


def test_call__equals_the_arrays_of_build(tmp_path: Path) -> None:
    pytest.importorskip("torch_geometric")
    with EventFile(write_events(tmp_path / "e.h5", [simple_event(), simple_event(seed=1)])) as events:
        built = FULL.build(Batch(events, 0, 2)).objects
        for number in range(2):
            data = FULL(events[number])
            assert data is not None
            for name, array in built.arrays(number).items():
                store, attribute = name.split("/")
                value = data[tuple(store.split("_")) if "_" in store else store][attribute]
                assert np.array_equal(np.asarray(value), array)


def test_call__event_that_is_left_out_is_none(tmp_path: Path) -> None:
    with EventFile(write_events(tmp_path / "e.h5", [simple_event(5)])) as events:
        assert FULL(events[0]) is None


def test_build__column_of_another_type(tmp_path: Path) -> None:
    event = simple_event()
    event["hit_table"]["integral"] = np.full(75, b"much", "S64")
    with pytest.raises(InputError, match=r"column .integral. holds Categorical, not numbers"):
        arrays_of(tmp_path / "e.h5", event)
    event["hit_table"]["integral"] = np.zeros(75, np.float16)
    with pytest.raises(InputError, match=r"column 'integral', float16 of shape \(75, 1\), is of no kind"):
        arrays_of(tmp_path / "e.h5", event)
