"""Draws the pictures of docs/objects.md anew, of a simulated event: python docs/pictures.py."""

import tempfile
from pathlib import Path

import numpy as np

import numl_polars as nl
from numl_polars.tools.pictures import draw_graph, draw_pixels, draw_voxels

IMAGES = Path(__file__).with_name("images")


def main() -> None:
    """Draw each kind of object of one event with many classes."""
    labels = nl.StandardLabels()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.evt.h5"
        nl.simulate(path, events=40, seed=3)
        with nl.open(path) as events:
            (batch,) = events.batches(1 << 30)
            graphs = nl.HitGraph(particle_labels=labels).build(batch).objects
            chosen = max(range(len(graphs)), key=lambda i: _interest(graphs.arrays(i)["hit/y_semantic"]))
            event = events[int(graphs.event_index[chosen])]
            pixels = nl.PixelMap(window="tight", bin_size=(2, 8), particle_labels=labels)
            voxels = nl.VoxelMap(source="spacepoints", particle_labels=labels)
            drawn = {
                "graph": draw_graph(graphs.arrays(chosen), classes=labels.trained_classes),
                "pixels": draw_pixels(pixels.build(event).objects.arrays(0), classes=labels.trained_classes),
                "voxels": draw_voxels(
                    voxels.build(event).objects.arrays(0),
                    classes=labels.trained_classes,
                    label="charge, mean of planes [ADC]",
                ),
            }
    IMAGES.mkdir(exist_ok=True)
    for name, figure in drawn.items():
        figure.savefig(IMAGES / f"{name}.png", dpi=90)


def _interest(classes: np.ndarray) -> tuple[int, int]:
    """Number of classes with more than a few hits, of moderate events."""
    counts = np.bincount(classes[classes >= 0], minlength=8)
    return int((counts > 15).sum()) if len(classes) < 3000 else 0, -len(classes)


if __name__ == "__main__":
    main()
