"""Every kind of object through every format, and into batches: what is read is what was formed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch_geometric")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch

import numl_polars as nl
from numl_polars import parts
from numl_polars.objects.batch import ObjectBatch
from numl_polars.objects.maps.grid import SIZED, WINDOWS
from numl_polars.output.convert import convert
from numl_polars.output.formats import FORMATS, open_objects
from numl_polars.training import Dataset, collate
from tests.builder import simple_event, without_rows, write_events
from tests.objects.light import light
from tests.objects.maps.random_events import random_event
from tests.output.builder import METADATA
from tests.training.comparing import assert_same_batch

EXTENT = ((0, 64), (0, 128))
BOX = ((-20, 40), (-20, 40), (-20, 40))
EMPTY, ONE_HIT, NO_SPACEPOINTS, NO_DEPOSITS = range(4)
NUM_EVENTS = 9

Options = dict[str, Any]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[nl.EventFile]:
    """Events without rows, with one hit, without spacepoints, without deposits, some random; with light."""
    some: list[Any] = [random_event(seed, hits=20) for seed in range(NUM_EVENTS - 1)]
    some[ONE_HIT] = random_event(7, hits=1, plain=True)
    for number, table in ((NO_SPACEPOINTS, "spacepoint_table"), (NO_DEPOSITS, "edep_table")):
        some[number][table] = without_rows(some[number])[table]
    plain = simple_event() | {"event_table": some[1]["event_table"]}
    for number, event in enumerate([*some, plain]):
        event |= light(np.random.default_rng(number), flashes=number % 3, sums=number % 4, pulses=number)
    some[EMPTY] = without_rows(some[EMPTY])
    with nl.open(write_events(tmp_path_factory.mktemp("e") / "e.h5", [*some, plain])) as file:
        yield file


@st.composite
def hit_graphs(draw: st.DrawFn) -> nl.TrainingObject:
    """Graphs with any parts."""
    labels: Any = draw(st.sampled_from([None, nl.StandardLabels(), nl.SimpleLabels(), "layers"]))
    if labels == "layers":
        labels = {"semantic": nl.StandardLabels(), "ccqe": nl.CCQELabels()}
    of, planar = draw(st.sampled_from([("hits", True), ("hits", False), ("spacepoints", True)]))
    further: list[nl.Part] = [
        parts.NearestEdges(k=draw(st.integers(1, 4)), of=of, planar=planar),
        parts.RadiusEdges(radius=draw(st.sampled_from([0.5, 20.0])), of=of, planar=planar),
        parts.Optical(nearest_pmts=draw(st.integers(0, 2)), tick=0.5, trigger_tick=0.0, drift_time=50.0),
    ]
    if not labels:  # a map has instances of its own
        pixels = parts.Pixels(window="whole", bins=(4, 8), extent=EXTENT)
        further.append(draw(st.sampled_from([pixels, parts.Voxels(window="tight", voxel_size=16.0)])))
    return nl.HitGraph(
        particle_labels=labels,
        event_labels=draw(st.sampled_from([None, nl.FlavorLabels()])),
        vertex=draw(st.booleans()),
        position=draw(st.booleans()) if labels else False,
        detailed_truth=draw(st.booleans()) if labels else False,
        node_features=draw(st.sampled_from([(), ("rms",), ("integral", "rms", "tpc")])),
        lower_bound=draw(st.sampled_from([0, 1])),
        parts=draw(st.lists(st.sampled_from(further), unique=True)),
    )


@st.composite
def of_maps(draw: st.DrawFn, size: Any) -> Options:
    """What pixel and voxel maps share."""
    window = draw(st.sampled_from(WINDOWS))
    return {
        "particle_labels": draw(st.sampled_from([None, nl.StandardLabels(), nl.SimpleLabels()])),
        "event_labels": draw(st.sampled_from([None, nl.FlavorLabels()])),
        "vertex": draw(st.booleans()),
        "window": window,
        "dense": draw(st.booleans()),
        **({"size": size} if window in SIZED else {}),
    }


def sized(options: Options, **bin_size: float) -> Options:
    """The options with bins of that size, or a number of them where the map would have no fixed shape."""
    if options["window"] == "tight" and options["dense"]:
        return options | {"bins": 5}
    return options | bin_size


@st.composite
def pixel_maps(draw: st.DrawFn) -> nl.TrainingObject:
    """Pixel maps of any window."""
    options = draw(of_maps((32, 64)))
    options = options | {"bins": (4, 6)} if draw(st.booleans()) else sized(options, bin_size=16)
    return nl.PixelMap(**options, extent=EXTENT, spread=draw(st.booleans()), hits=draw(st.booleans()))


@st.composite
def voxel_maps(draw: st.DrawFn) -> nl.TrainingObject:
    """Voxel maps of any window."""
    options = draw(of_maps(24))
    options = options | {"bins": (1, 5, 2)} if draw(st.booleans()) else sized(options, voxel_size=12)
    return nl.VoxelMap(**options, box=BOX, source=draw(st.sampled_from(["deposits", "spacepoints"])))


def assert_equal(found: ObjectBatch, expected: ObjectBatch) -> None:
    assert found.names == expected.names
    for one, other in zip(found.attributes, expected.attributes, strict=True):
        assert (one.name, one.axis, one.by_source) == (other.name, other.axis, other.by_source)
        assert (one.offsets is None) == (other.offsets is None)
        assert (one.compact or one.values.dtype) == (other.compact or other.values.dtype), one.name
        assert one.values.dtype == other.values.dtype, one.name
    for one_arrays, other_arrays in zip(found, expected, strict=True):
        assert_equal_arrays(one_arrays, other_arrays)


def assert_equal_arrays(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name], array, strict=True, err_msg=name)


def taken(objects: ObjectBatch, rows: Sequence[int]) -> list[Mapping[str, Any]]:
    return [objects.arrays(row) for row in rows]


def files(folder: Path, objects: ObjectBatch, cut: int) -> Iterator[Path]:
    """The objects in each format, written in two batches where there are two; then converted in a circle."""
    written: list[Path] = []
    formats: tuple[tuple[str, Any], ...] = (
        ("hdf5", {}),
        ("arrow", {}),
        ("arrow", {"compression": "zstd"}),
        ("arrow", {"compression": "lz4"}),
        ("pt", {}),
    )
    for name, options in formats:
        path = folder / f"{len(written)}{FORMATS[name].suffix}"
        with FORMATS[name].writer(path, METADATA, **options) as writer:
            for rows in (range(cut), range(cut, len(objects))):
                if len(rows) or not len(objects):
                    writer.write(part_of(objects, rows))
        written.append(path)
        yield path
    path = written[0]
    for suffix in (".arrow", ".pt", ".h5"):
        path = convert(path, folder / f"converted{suffix}").output
        yield path
    assert path.read_bytes() == written[0].read_bytes()


def part_of(objects: ObjectBatch, rows: range) -> ObjectBatch:
    """Some objects of a batch, their values views of the batch's."""
    attributes = []
    for one in objects.attributes:
        if one.offsets is None:
            attributes.append(replace(one, values=one.values[rows.start : rows.stop]))
        else:
            attributes.append(replace(one, offsets=one.offsets[rows.start : rows.stop + 1]))
    names = objects.names[rows.start : rows.stop]
    return ObjectBatch(names, objects.event_index[rows.start : rows.stop], tuple(attributes))


def check(folder: Path, events: nl.EventFile, scheme: nl.TrainingObject, data: st.DataObject) -> None:
    """The objects of some events, in all formats, as data sets and as batches."""
    first = data.draw(st.integers(0, NUM_EVENTS - 1))
    last = data.draw(st.integers(first, NUM_EVENTS))
    objects = scheme.build(nl.Batch(events, first, last)).objects
    rows = data.draw(st.lists(st.integers(0, len(objects) - 1), max_size=5)) if len(objects) else []
    for path in files(folder, objects, data.draw(st.integers(0, len(objects)))):
        reader = open_objects(path)
        assert_equal(reader.batch(range(len(objects))), objects)
        for row in range(len(objects)):
            assert_equal_arrays(reader.arrays(row), objects.arrays(row))
        for found, expected in zip(reader.batch(rows), taken(objects, rows), strict=True):
            assert_equal_arrays(found, expected)
        reader.close()
        if rows:
            dataset = Dataset(path)
            items = [dataset[row] for row in rows]
            assert_same_batch(collate(dataset.__getitems__(rows)), Batch.from_data_list(items))
            assert_equal_item(items[-1], objects.arrays(rows[-1]))
            dataset.close()


def assert_equal_item(item: Any, arrays: Mapping[str, Any]) -> None:
    found = {
        f"{'_'.join(store._key) if isinstance(store._key, tuple) else store._key}/{key}": value
        for store in item.stores
        for key, value in store.items()
    }
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        value = found[name].numpy() if isinstance(found[name], torch.Tensor) else np.array(found[name])
        np.testing.assert_array_equal(value, array, err_msg=name)


@pytest.mark.parametrize(
    "schemes", [hit_graphs(), pixel_maps(), voxel_maps()], ids=["graph", "pixel", "voxel"]
)
def test_every_object__is_read_as_it_was_formed(
    tmp_path_factory: pytest.TempPathFactory, events: nl.EventFile, schemes: st.SearchStrategy[Any]
) -> None:
    @settings(max_examples=8)
    @given(schemes, st.data())
    def run(scheme: nl.TrainingObject, data: st.DataObject) -> None:
        check(tmp_path_factory.mktemp("o"), events, scheme, data)

    run()
