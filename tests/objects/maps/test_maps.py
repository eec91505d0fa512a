"""Pixel and voxel maps: equal to loops over dictionaries, alone, in batches, and dense."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numl_polars as nl
from numl_polars.objects.maps.grid import WINDOWS
from tests.builder import simple_event, without_rows, write_events
from tests.objects.maps.map_oracle import compare, pixels, voxels
from tests.objects.maps.random_events import random_event

LABELS = nl.StandardLabels()
TRAINED = len(LABELS.trained_classes)
EXTENT = ((0, 64), (0, 128))
BOX = ((-20, 40), (-20, 40), (-20, 40))
SIZED = ("vertex", "centroid", "densest")

pixel_options = st.fixed_dictionaries(
    {
        "window": st.sampled_from(WINDOWS),
        "spread": st.booleans(),
        "grid": st.sampled_from(
            [("bins", (8, 16)), ("bins", 1), ("bin_size", (4, 8)), ("bin_size", (1, 0.5))]
        ),
    }
)
voxel_options = st.fixed_dictionaries(
    {
        "window": st.sampled_from(WINDOWS),
        "source": st.sampled_from(["deposits", "spacepoints"]),
        "grid": st.sampled_from(
            [("bins", 5), ("bins", (1, 9, 2)), ("voxel_size", 4), ("voxel_size", (2, 1, 8))]
        ),
    }
)


def pixel_map(options: Mapping[str, Any], **more: Any) -> nl.PixelMap:
    size: dict[str, Any] = {"size": (32, 64)} if options["window"] in SIZED else {}
    grid = dict([options["grid"]])
    return nl.PixelMap(
        particle_labels=LABELS,
        window=options["window"],
        spread=options["spread"],
        extent=EXTENT,
        **size,
        **grid,
        **more,
    )


def voxel_map(options: Mapping[str, Any], **more: Any) -> nl.VoxelMap:
    size: dict[str, Any] = {"size": 24} if options["window"] in SIZED else {}
    grid = dict([options["grid"]])
    return nl.VoxelMap(
        particle_labels=LABELS,
        window=options["window"],
        source=options["source"],
        box=BOX,
        **size,
        **grid,
        **more,
    )


def bins_of(scheme: Any) -> tuple[int, ...]:
    part = scheme.preset[1]
    extents = [EXTENT] if isinstance(scheme, nl.PixelMap) else [BOX]
    return part.grid.shape(extents) or (0,) * len(part.grid.axes)


def labels_of(events: nl.EventFile) -> list[dict[int, tuple[int, int]]]:
    """Class and instance of the particles of each event."""
    table = LABELS.label(events.scan("particle_table")).collect()
    found: list[dict[int, tuple[int, int]]] = [{} for _ in range(len(events))]
    columns = ("event_index", "g4_id", "semantic_label", "instance_label")
    for event, g4_id, *codes in table.select(columns).rows():
        semantic, instance = (-1 if code is None else code for code in codes)
        found[event][g4_id] = semantic, instance
    return found


def oracle(scheme: Any, tables: Mapping[str, pl.DataFrame], arrays: Any, labels: Any, **options: Any) -> Any:
    if isinstance(scheme, nl.PixelMap):
        return pixels(tables, arrays, labels, bins_of(scheme), spread=scheme.spread, **options)
    return voxels(tables, arrays, labels, bins_of(scheme), source=scheme.source, **options)


def check(path: Path, scheme: Any, others: Any, *, exact: bool, **options: Any) -> None:
    """All events of a file against the oracle, alone, and in the dense form."""
    store, columns = ("pixel", 1) if isinstance(scheme, nl.PixelMap) else ("voxel", 3)
    with nl.open(path) as events:
        built = scheme.build(nl.Batch(events, 0, len(events)))
        labels = labels_of(events)
        for number, event in enumerate(built.objects.event_index.tolist()):
            arrays = built.objects.arrays(number)
            tables = {name: events[event][name] for name in events.tables}
            expected = oracle(scheme, tables, arrays, labels[event], **options)
            compare(arrays, expected, store, TRAINED, columns, exact=exact)
            alone = scheme.build(events[event]).objects.arrays(0)
            assert alone.keys() == arrays.keys()
            assert all(np.array_equal(alone[name], arrays[name]) for name in arrays)
        left_out = set(range(len(events))) - set(built.objects.event_index.tolist())
        assert left_out == set(built.ledger.filter("rejected")["event_index"])
        for event in left_out:
            assert not len(scheme.build(events[event]).objects)
        if others is not None:
            dense = others.build(nl.Batch(events, 0, len(events))).objects
            assert dense.names == built.objects.names
            for one, other in zip(built.objects, dense, strict=True):
                check_dense(one, other, store)


def check_dense(sparse: Mapping[str, np.ndarray], dense: Mapping[str, np.ndarray], store: str) -> None:
    """Assert that both forms hold the same numbers."""
    array = "image" if store == "pixel" else "volume"
    cells = tuple(sparse[f"{store}/coordinates"].T)
    plane = (sparse["pixel/plane"],) if store == "pixel" else ()
    for name, values in sparse.items():
        group, _, attribute = name.partition("/")
        if group != store:
            assert np.array_equal(dense[name], values)
            continue
        if attribute in ("coordinates", "plane"):
            continue
        whole = dense[f"{array}/{attribute}"][0]
        if values.ndim == 2 and not (store == "pixel" and attribute == "x"):
            found = whole[(*plane, slice(None), *cells)] if plane else whole[(slice(None), *cells)].T
        else:
            found = whole[(*plane, *cells)]
        assert np.array_equal(found, values[:, 0] if attribute == "x" and store == "pixel" else values)
        empty = -1 if attribute in ("y_semantic", "y_semantic_instance") else 0
        assert (whole != empty).sum() == (values != empty).sum()


@settings(max_examples=25)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4), st.booleans(), pixel_options)
def test_pixel_map__equals_loops(
    tmp_path_factory: pytest.TempPathFactory, seeds: list[int], plain: bool, options: dict[str, Any]
) -> None:
    events = [random_event(seed, plain=plain) for seed in seeds]
    path = write_events(tmp_path_factory.mktemp("e") / "e.h5", [without_rows(events[0]), *events])
    varies = options["window"] == "tight" and options["grid"][0] == "bin_size"
    dense = None if varies else pixel_map(options, dense=True)
    check(path, pixel_map(options), dense, exact=not options["spread"])


@settings(max_examples=25)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4), st.booleans(), voxel_options)
def test_voxel_map__equals_loops(
    tmp_path_factory: pytest.TempPathFactory, seeds: list[int], plain: bool, options: dict[str, Any]
) -> None:
    events = [random_event(seed, plain=plain) for seed in seeds]
    path = write_events(tmp_path_factory.mktemp("e") / "e.h5", [without_rows(events[0]), *events])
    varies = options["window"] == "tight" and options["grid"][0] == "voxel_size"
    dense = None if varies else voxel_map(options, dense=True)
    check(path, voxel_map(options), dense, exact=options["source"] == "deposits")


@pytest.mark.parametrize("detector", ["uboone", "dune"])
def test_maps__of_simulated_events(tmp_path: Path, detector: str) -> None:
    path = tmp_path / "e.h5"
    nl.simulate(path, events=4, detector=detector, seed=5)  # type: ignore[arg-type]
    dune = detector == "dune"
    columns = {"columns": ("view", "proj", "drift"), "ticks_per_unit": 12.5} if dune else {}
    plane = {"plane_column": "view"} if dune else {}
    for spread in (False, True):
        check(
            path, nl.PixelMap(particle_labels=LABELS, bins=256, spread=spread), None, exact=False, **columns
        )
    source = "deposits" if dune else "spacepoints"
    with nl.open(path) as events:
        box = ((-362, 362), (-602, 602), (-2, 1396)) if dune else ((0, 257), (-117, 117), (0, 1037))
        scheme = nl.VoxelMap(particle_labels=LABELS, source=source, voxel_size=2.5)  # type: ignore[arg-type]
        built = scheme.build(nl.Batch(events, 0, len(events))).objects
        bins = scheme.preset[1].grid.shape([box])  # type: ignore[attr-defined]
        labels = labels_of(events)
        for number, event in enumerate(built.event_index.tolist()):
            tables, arrays = {name: events[event][name] for name in events.tables}, built.arrays(number)
            expected = voxels(tables, arrays, labels[event], bins, source=source, **plane)
            compare(arrays, expected, "voxel", TRAINED, 3)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=3), pixel_options)
def test_pixel_map__conserves(
    tmp_path_factory: pytest.TempPathFactory, seeds: list[int], options: dict[str, Any]
) -> None:
    events = [random_event(seed, plain=True) for seed in seeds]
    path = write_events(tmp_path_factory.mktemp("e") / "e.h5", events)
    with nl.open(path) as file:
        batch = nl.Batch(file, 0, len(file))
        plain = pixel_map({**options, "spread": False}).build(batch).objects
        built = pixel_map({**options, "spread": True}).build(batch).objects
        assert built.names == plain.names
        for one, other in zip(built, plain, strict=True):
            for plane in range(3):
                own, its = one["pixel/plane"] == plane, other["pixel/plane"] == plane
                for name in ("pixel/x", "pixel/y_energy"):
                    assert one[name][own].sum() == pytest.approx(other[name][its].sum(), rel=1e-5, abs=1e-5)
            shares = one["pixel/y_semantic_fraction"].sum(axis=1)
            assert (shares <= 1 + 1e-5).all()
            energy = one["pixel/y_semantic_fraction"] * one["pixel/y_energy"][:, None]
            of_classes = (other["pixel/y_semantic_fraction"] * other["pixel/y_energy"][:, None]).sum(axis=0)
            assert energy.sum(axis=0) == pytest.approx(of_classes, rel=1e-4, abs=1e-4)
        if options["window"] == "tight":
            hits = file.scan("hit_table").collect()
            assert sum(one["pixel/x"].sum(dtype=float) for one in built) == pytest.approx(
                hits["integral"].sum()
            )


def test_pixel_map__one_hit(tmp_path: Path) -> None:
    event = simple_event(1)
    for table in ("hit_table", "edep_table"):
        event[table] = {name: column[:1] for name, column in event[table].items()}
    event["hit_table"]["local_wire"][:], event["hit_table"]["local_time"][:] = 100, 200.5
    with nl.open(write_events(tmp_path / "e.h5", [event])) as events:
        arrays = (
            nl.PixelMap(particle_labels=LABELS, bin_size=1, hits=True, extent="uboone")
            .build(nl.Batch(events, 0, 1))
            .objects.arrays(0)
        )
    assert arrays["pixel/plane"].tolist() == [2]
    assert arrays["pixel/coordinates"].tolist() == [[100, 200]]
    assert arrays["pixel/x"].tolist() == [event["hit_table"]["integral"].tolist()]
    assert arrays["pixel/hits"].tolist() == [1]
    assert arrays["pixel/y_energy"].tolist() == event["edep_table"]["energy"].tolist()
    assert arrays["particle-truth/num_nodes"] == 1


def test_maps__names_and_dtypes(tmp_path: Path) -> None:
    with nl.open(write_events(tmp_path / "e.h5", [simple_event()])) as events:
        batch = nl.Batch(events, 0, 1)
        layers = {"semantic": LABELS, "topology": nl.SimpleLabels()}
        some = {"particle_labels": layers, "event_labels": nl.FlavorLabels(), "vertex": True}
        pixel = nl.PixelMap(**some, extent="uboone").build(batch).objects  # type: ignore[arg-type]
        image = nl.PixelMap(**some, dense=True, bins=(4, 8), extent="uboone").build(batch).objects  # type: ignore[arg-type]
        voxel = nl.VoxelMap(**some, box="uboone").build(batch).objects  # type: ignore[arg-type]
    num, cells = len(pixel.arrays(0)["pixel/plane"]), len(voxel.arrays(0)["voxel/x"])
    topology = len(nl.SimpleLabels().trained_classes)
    assert shapes(pixel) == {
        "metadata/run": ("<i4", ()), "metadata/subrun": ("<i4", ()), "metadata/event": ("<i4", ()),
        "pixel/plane": ("<i8", (num,)), "pixel/coordinates": ("<i8", (num, 2)), "pixel/x": ("<f4", (num, 1)),
        "pixel/y_semantic": ("<i8", (num,)), "pixel/y_semantic_fraction": ("<f4", (num, TRAINED)),
        "pixel/y_semantic_instance": ("<i8", (num,)), "particle-truth/num_nodes": ("<i8", ()),
        "pixel/y_topology": ("<i8", (num,)), "pixel/y_topology_fraction": ("<f4", (num, topology)),
        "pixel/y_topology_instance": ("<i8", (num,)), "particle-truth-topology/num_nodes": ("<i8", ()),
        "pixel/y_energy": ("<f4", (num,)),
        "window/lower": ("<f4", (1, 3, 2)), "window/bin": ("<f4", (1, 3, 2)),
        "evt/num_nodes": ("<i8", ()), "evt/y": ("<i8", (1,)), "evt/y_vtx": ("<f4", (1, 3)),
    }  # fmt: skip
    found = shapes(image)
    assert found["image/x"] == ("<f4", (1, 3, 4, 8))
    assert found["image/y_semantic_fraction"] == ("<f4", (1, 3, TRAINED, 4, 8))
    assert found["image/y_semantic_instance"] == ("<i8", (1, 3, 4, 8))
    assert shapes(voxel)["voxel/x"] == ("<f4", (cells, 3))
    assert shapes(voxel)["window/lower"] == ("<f4", (1, 3))
    compact = {one.name: one.compact for one in pixel.attributes if one.compact is not None}
    values = {one.name: one.values for one in pixel.attributes}
    assert {name: str(dtype) for name, dtype in compact.items() if name.startswith("pixel")} == {
        "pixel/plane": "int8", "pixel/coordinates": "int16", "pixel/y_semantic": "int8",
        "pixel/y_semantic_instance": "int32",
        "pixel/y_topology": "int8", "pixel/y_topology_instance": "int32",
    }  # fmt: skip
    assert all(np.array_equal(values[name].astype(dtype), values[name]) for name, dtype in compact.items())
    assert not [name for name in values if "index" in name]


def shapes(objects: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (array.dtype.str, array.shape) for name, array in objects.arrays(0).items()}


def test_maps__as_parts_of_one_object_and_as_tensors(tmp_path: Path) -> None:
    pytest.importorskip("torch_geometric")
    parts = [nl.parts.Pixels(extent="uboone", bins=16), nl.parts.HitNodes()]
    with nl.open(write_events(tmp_path / "e.h5", [simple_event()])) as events:
        data = nl.TrainingObject(parts=parts)(events[0])
    assert data is not None
    assert data["pixel"].num_nodes == len(data["pixel"].plane)
    assert data["hit"].num_nodes == 75
    assert data["pixel"].x.sum() == pytest.approx(float(data["hit"].x[:, 0].sum()), rel=1e-5)


@pytest.mark.parametrize("dense", [False, True])
def test_graph__with_maps_has_the_truth_of_each(tmp_path: Path, dense: bool) -> None:
    path = write_events(tmp_path / "e.h5", [simple_event(), without_rows(simple_event()), simple_event(30)])
    extent, box = ((-1e4, 1e4), (-1e4, 1e4)), ((-1e4, 1e4),) * 3
    pixel = nl.parts.Pixels(bins=(8, 16), extent=extent, dense=dense)
    voxel = nl.parts.Voxels(source="spacepoints", bins=5, box=box, dense=dense)
    options: dict[str, Any] = {"particle_labels": LABELS, "lower_bound": 0}
    with nl.open(path) as file:
        batch = nl.Batch(file, 0, 3)
        both = nl.HitGraph(parts=[pixel, voxel], **options).build(batch).objects
        graph = nl.HitGraph(**options).build(batch).objects
        alone = nl.PixelMap(bins=(8, 16), extent=extent, dense=dense, **options).build(batch)
    cells = ("image", "volume") if dense else ("pixel", "voxel")
    assert len(both) == len(alone.objects) > 0
    for name, arrays in zip(both.names, both, strict=True):
        for key, expected in graph.arrays(graph.names.index(name)).items():
            np.testing.assert_array_equal(arrays[key], expected)
        own = alone.objects.arrays(alone.objects.names.index(name))
        for key, expected in own.items():
            other = key.startswith(("window/", "particle-truth/"))
            np.testing.assert_array_equal(arrays[f"{cells[0]}-{key}" if other else key], expected)
        assert arrays[f"{cells[1]}-window/lower"].shape == (1, 3)
