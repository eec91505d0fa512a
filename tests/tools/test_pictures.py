"""Pictures of objects: what stands in them, not how it looks."""

from pathlib import Path

import pytest

import numl_polars as nl
from tests.builder import simple_event, write_events

pytest.importorskip("matplotlib")

from numl_polars.tools.pictures import draw_graph, draw_pixels, draw_voxels

LABELS = nl.StandardLabels()


@pytest.mark.parametrize("classes", [(), LABELS.trained_classes], ids=["plain", "truth"])
@pytest.mark.parametrize("kind", ["pixels", "voxels", "graph"])
def test_draw__axes_and_legend(tmp_path: Path, kind: str, classes: tuple[str, ...]) -> None:
    scheme, draw, rows = {
        "pixels": (nl.PixelMap(particle_labels=LABELS, extent="uboone", bins=64), draw_pixels, 3),
        "voxels": (nl.VoxelMap(particle_labels=LABELS, box="uboone", voxel_size=9), draw_voxels, 1),
        "graph": (nl.HitGraph(particle_labels=LABELS), draw_graph, 3),
    }[kind]
    with nl.open(write_events(tmp_path / "e.h5", [simple_event()])) as events:
        arrays = scheme.build(events[0]).objects.arrays(0)
    figure = draw(arrays, classes=classes)  # type: ignore[operator]
    figure.savefig(tmp_path / "picture.png", dpi=40)
    named = [axes for axes in figure.axes if axes.get_title()]
    assert len(named) == rows * (2 if classes else 1)
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in named)
    assert any("charge" in axes.get_title() or "energy" in axes.get_title() for axes in named)
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert texts == (["muon"] if classes else [])


def test_draw__pixels_of_a_plane_without_any(tmp_path: Path) -> None:
    event = simple_event(5)
    event["hit_table"]["local_plane"][:] = 1
    with nl.open(write_events(tmp_path / "e.h5", [event])) as events:
        arrays = nl.PixelMap(extent="uboone").build(events[0]).objects.arrays(0)
    draw_pixels(arrays).savefig(tmp_path / "picture.png", dpi=40)


def test_draw__object_of_another_kind(tmp_path: Path) -> None:
    with nl.open(write_events(tmp_path / "e.h5", [simple_event()])) as events:
        arrays = nl.HitGraph().build(events[0]).objects.arrays(0)
    with pytest.raises(nl.InputError, match="no 'pixel/coordinates' to draw"):
        draw_pixels(arrays)
    with pytest.raises(nl.InputError, match="no 'hit/y_semantic' to draw"):
        draw_graph(arrays, classes=("a",))
