"""Pictures of one object: what is seen, and beside it what is true.

Colours are told apart by all kinds of colour vision (Okabe and Ito); what has no class is grey.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Arrays = Mapping[str, NDArray[Any]]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
NO_CLASS = "#BBBBBB"
CHARGE = "viridis"


def draw_pixels(
    arrays: Arrays,
    *,
    planes: Sequence[str] = ("u", "v", "y"),
    classes: Sequence[str] = (),
    units: tuple[str, str] = ("wire", "time [ticks]"),
    layer: str = "semantic",
) -> "Figure":
    """A row for each plane: charge of its pixels, and their class.

    Parameters
    ----------
    arrays
        Attributes of one object that has ``pixel`` and ``window``.
    planes
        Names of the planes.
    classes
        Names of classes in the order of their codes; without, there is no truth beside.
    units
        Names of the axes, with units.
    layer
        Labelling that classes are of.

    Raises
    ------
    InputError
        The object has no pixels, or no such labelling.
    """
    _require(arrays, "pixel/coordinates", *([f"pixel/y_{layer}"] if classes else []))
    figure = _figure(len(planes), 2 if classes else 1)
    charge = arrays["pixel/x"][:, 0]
    scale = _scale(charge, 1.0)
    for number, name in enumerate(planes):
        own = arrays["pixel/plane"] == number
        lower, width = (arrays[f"window/{what}"][0, number].astype(float) for what in ("lower", "bin"))
        corner = lower + arrays["pixel/coordinates"][own] * width
        seen = _axes(figure, len(planes), 2 if classes else 1, number, 0)
        drawn = _rectangles(seen, corner, width)
        drawn.set_array(np.maximum(charge[own], 1.0))
        drawn.set(**scale)
        figure.colorbar(drawn, ax=seen, label="charge [ADC]")
        _name_axes(seen, units, f"plane {name}: charge")
        if classes:
            true = _axes(figure, len(planes), 2, number, 1)
            drawn = _rectangles(true, corner, width)
            drawn.set_facecolor(_colours(arrays[f"pixel/y_{layer}"][own]))
            true.set(xlim=seen.get_xlim(), ylim=seen.get_ylim())
            _name_axes(true, units, f"plane {name}: class of the most energy")
    _legend(figure, arrays, f"pixel/y_{layer}", classes)
    return figure


def draw_voxels(
    arrays: Arrays,
    *,
    classes: Sequence[str] = (),
    layer: str = "semantic",
    label: str = "energy, mean of planes [MeV]",
) -> "Figure":
    """Voxels in space: what the planes see on average, and their class.

    Parameters
    ----------
    arrays
        Attributes of one object that has ``voxel`` and ``window``.
    classes, layer
        As of `draw_pixels`.
    label
        What is seen, with its unit.

    Raises
    ------
    InputError
        The object has no voxels, or no such labelling.
    """
    _require(arrays, "voxel/coordinates", *([f"voxel/y_{layer}"] if classes else []))
    lower, width = (arrays[f"window/{what}"][0].astype(float) for what in ("lower", "bin"))
    x, y, z = (lower + (arrays["voxel/coordinates"] + 0.5) * width).T
    columns = 2 if classes else 1
    figure = _figure(1.6, columns)
    for column in range(columns):
        axes: Any = figure.add_subplot(1, columns, column + 1, projection="3d")
        # the beam goes to the right, and up is up
        if column == 0:
            seen = np.maximum(arrays["voxel/x"].mean(axis=1), 1e-2)
            drawn = axes.scatter(z, x, y, c=seen, s=4, marker="s", linewidths=0, **_scale(seen, 1e-2))
            figure.colorbar(drawn, ax=axes, label=label, shrink=0.6, pad=0.1)
        else:
            colours = _colours(arrays[f"voxel/y_{layer}"])
            axes.scatter(z, x, y, c=colours, s=4, marker="s", linewidths=0)
        axes.set(xlabel="z [cm]", ylabel="x [cm]", zlabel="y [cm]")
        axes.set_box_aspect((1.6, 1, 1), zoom=0.85)
        axes.set_title("class of the most energy" if column else label.partition(" [")[0])
    _legend(figure, arrays, f"voxel/y_{layer}", classes)
    return figure


def draw_graph(
    arrays: Arrays,
    *,
    planes: Sequence[str] = ("u", "v", "y"),
    classes: Sequence[str] = (),
    units: tuple[str, str] = ("wire", "time [ticks]"),
    layer: str = "semantic",
) -> "Figure":
    """A row for each plane: its hits by charge with their triangulation, and by class.

    Parameters
    ----------
    arrays
        Attributes of a hit graph; ``hit/x`` begins with the charge.
    planes, classes, units, layer
        As of `draw_pixels`.

    Raises
    ------
    InputError
        The object has no hits, or no such labelling.
    """
    from matplotlib.collections import LineCollection

    _require(arrays, "hit/pos", *([f"hit/y_{layer}"] if classes else []))
    columns = 2 if classes else 1
    figure = _figure(len(planes), columns)
    position, plane = arrays["hit/pos"], arrays["hit/plane"]
    wire, time = position.T
    edges = arrays.get("hit_delaunay-planar_hit/edge_index", np.zeros((2, 0), np.int64))
    edges = edges[:, edges[0] < edges[1]]
    scale = _scale(arrays["hit/x"][:, 0], 1.0)
    for number, name in enumerate(planes):
        own = plane == number
        lines = position[edges[:, plane[edges[0]] == number].T]
        for column in range(columns):
            axes = _axes(figure, len(planes), columns, number, column)
            axes.add_collection(LineCollection(list(lines), colors="#DDDDDD", linewidths=0.4, zorder=1))
            shown: dict[str, Any] = {"s": 5, "linewidths": 0, "zorder": 2}
            if column == 0:
                charge = np.maximum(arrays["hit/x"][own, 0], 1.0)
                drawn = axes.scatter(wire[own], time[own], c=charge, **scale, **shown)
                figure.colorbar(drawn, ax=axes, label="charge [ADC]")
            else:
                axes.scatter(wire[own], time[own], c=_colours(arrays[f"hit/y_{layer}"][own]), **shown)
            axes.autoscale_view()
            _name_axes(axes, units, f"plane {name}: {'class of the hit' if column else 'charge'}")
    _legend(figure, arrays, f"hit/y_{layer}", classes)
    return figure


def _require(arrays: Arrays, *names: str) -> None:
    missing = [name for name in names if name not in arrays]
    if missing:
        raise InputError(f"the object has no {missing[0]!r} to draw (has {', '.join(arrays)})")


def _scale(values: NDArray[Any], least: float) -> dict[str, Any]:
    """Colours on a logarithmic scale, the same for all planes."""
    from matplotlib.colors import LogNorm

    low = max(float(values.min(initial=np.inf)), least) if len(values) else least
    return {"cmap": CHARGE, "norm": LogNorm(low, max(float(values.max(initial=0.0)), 10 * low))}


def _figure(rows: float, columns: int) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    # names of axes in space need room at the right
    layout = ConstrainedLayoutEngine(rect=(0, 0, 0.97, 1))
    return Figure(figsize=(5.6 * columns, 3.2 * rows + 0.5), dpi=130, layout=layout)


def _axes(figure: "Figure", rows: int, columns: int, row: int, column: int) -> "Axes":
    return figure.add_subplot(rows, columns, row * columns + column + 1)


def _rectangles(axes: "Axes", corner: NDArray[np.float64], width: NDArray[np.float64]) -> Any:
    """A rectangle at each corner, no smaller than can be seen."""
    from matplotlib.collections import PolyCollection

    span = np.ptp(corner, axis=0) + width if len(corner) else width
    size = np.maximum(width, span / 160)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * size
    drawn = axes.add_collection(PolyCollection(list(corner[:, None] + square), linewidths=0))
    low, high = (corner.min(axis=0), corner.max(axis=0)) if len(corner) else (np.zeros(2), np.ones(2))
    margin = 0.03 * (high - low) + size
    axes.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    return drawn


def _colours(codes: NDArray[np.int64]) -> list[str]:
    return [COLOURS[code % len(COLOURS)] if code >= 0 else NO_CLASS for code in codes.tolist()]


def _name_axes(axes: "Axes", units: tuple[str, str], title: str) -> None:
    axes.set(xlabel=units[0], ylabel=units[1])
    axes.set_title(title, fontsize=10)


def _legend(figure: "Figure", arrays: Arrays, name: str, classes: Sequence[str]) -> None:
    """Names of the classes that there are, below the picture."""
    from matplotlib.lines import Line2D

    if not classes:
        return
    codes = np.unique(arrays[name]).tolist()
    entries = [
        Line2D([], [], color=_colours(np.array([code]))[0], marker="s", linestyle="", label=label)
        for code, label in [*enumerate(classes), (-1, "none")]
        if code in codes
    ]
    figure.legend(handles=entries, loc="outside lower center", ncols=min(len(entries), 8), frameon=False)
