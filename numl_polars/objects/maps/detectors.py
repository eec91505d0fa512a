"""Where the detectors are: what their planes and their volume span, and how time is drift."""

from collections.abc import Collection
from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Detector:
    """One detector.

    Parameters
    ----------
    planes
        For each plane the range of wires, or of projections, and that of time, or drift: in the units of the
        columns that its files have.
    box
        Ranges of x, y and z, cm.
    ticks_per_unit
        Ticks of the clock in a unit of the time axis.
    zero_tick, tick_cm
        Time of what drifts from x = 0, and cm of drift in a tick, where time is counted in ticks.
    """

    planes: tuple[tuple[Range, Range], ...]
    box: tuple[Range, Range, Range]
    ticks_per_unit: float = 1.0
    zero_tick: float | None = None
    tick_cm: float | None = None


_TICKS = (0.0, 6400.0)
_DRIFT = (-362.0, 362.0)

DETECTORS: dict[str, Detector] = {
    # 2,400 wires on the induction planes, 3,456 on the collection plane, 6,400 ticks of 0.5 us
    "uboone": Detector(
        planes=(((0.0, 2400.0), _TICKS), ((0.0, 2400.0), _TICKS), ((0.0, 3456.0), _TICKS)),
        box=((0.0, 257.0), (-117.0, 117.0), (0.0, 1037.0)),
        zero_tick=800.0,
        tick_cm=0.05491,
    ),
    # the part of a far detector module that is simulated (1 x 2 x 6 anode assemblies): proj and drift, cm
    "dune": Detector(
        planes=(((-352.0, 1484.0), _DRIFT), ((-352.0, 1484.0), _DRIFT), ((-2.0, 1396.0), _DRIFT)),
        box=((-362.0, 362.0), (-602.0, 602.0), (-2.0, 1396.0)),
        ticks_per_unit=12.5,
    ),
}


def detector_of(event_columns: Collection[str], hit_columns: Collection[str]) -> str | None:
    """Name of the detector that wrote files with such columns of events and hits, None if they do not tell.

    Parameters
    ----------
    event_columns, hit_columns
        Columns of `event_table` and of `hit_table`.
    """
    if {"proj", "drift"} <= set(hit_columns):
        return "dune"
    return "uboone" if "nu_vtx_wire_pos_0" in event_columns else None
