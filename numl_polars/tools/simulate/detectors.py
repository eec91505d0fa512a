"""The detectors that events are simulated in, by the names of the generations of their files."""

from dataclasses import replace
from itertools import product

from numl_polars.detectors import DETECTORS as KNOWN
from numl_polars.tools.simulate import contents
from numl_polars.tools.simulate.detector import Detector, Drift, Photomultipliers

Range = tuple[float, float]


def _grid(rows: int, columns: int, y: Range, z: Range) -> tuple[Range, ...]:
    """Places (y, z) of a regular grid between these bounds, column by column."""

    def middles(number: int, bounds: Range) -> list[float]:
        return [bounds[0] + (place + 0.5) / number * (bounds[1] - bounds[0]) for place in range(number)]

    return tuple((one, other) for other, one in product(middles(columns, z), middles(rows, y)))


UBOONE = Detector(
    name="uboone",
    contents=contents.MICROBOONE,
    lower=(0.0, -116.5, 0.0),
    upper=(256.35, 116.5, 1036.8),
    drifts=(Drift(0.0, 256.35, 0.0),),
    angles=(60.0, -60.0, 0.0),
    pitches=(0.3, 0.3, 0.3),
    tick_us=0.5,
    tick_cm=0.05491,
    trigger_tick=800.0,
    step_cm=0.25,
    delta_gev=9e-4,
    energy_scale=0.72,
)
UBOONE_OPTICAL = replace(
    UBOONE,
    name="uboone-optical",
    contents=replace(contents.MICROBOONE, photomultipliers="ophit_table"),
    photomultipliers=Photomultipliers(places=KNOWN["uboone"].pmt_positions or (), beam_us=(3.2, 1.6)),
)
UBOONE_OPEN = replace(
    UBOONE_OPTICAL,
    name="uboone-open",
    contents=replace(contents.MICROBOONE, particle_code="g4_pdg", has_spacepoints=False),
)
DUNE = Detector(
    name="dune",
    contents=contents.DUNE,
    lower=(-360.0, -600.0, 0.0),
    upper=(360.0, 600.0, 1394.0),
    drifts=(Drift(-360.0, 0.0, 0.0), Drift(0.0, 360.0, 0.0)),
    rows=2,
    columns=6,
    angles=(35.7, -35.7, 0.0),
    pitches=(0.4669, 0.4669, 0.479),
    tick_us=0.5,
    tick_cm=0.08,
    trigger_tick=0.0,
    step_cm=0.55,
    delta_gev=1.05e-4,
    energy_scale=0.84,
    swapped_views=(0, 1),
)
DUNE_2024 = replace(DUNE, name="dune-2024", contents=contents.DUNE_2024)
DUNE_2023 = replace(DUNE, name="dune-2023", contents=contents.DUNE_2023)
ICARUS = Detector(
    name="icarus",
    contents=contents.SBN,
    lower=(-358.0, -182.0, -895.0),
    upper=(358.0, 135.0, 895.0),
    drifts=(
        Drift(-358.0, -210.0, -358.0),
        Drift(-210.0, -62.0, -62.0),
        Drift(62.0, 210.0, 62.0),
        Drift(210.0, 358.0, 358.0),
    ),
    columns=2,
    angles=(90.0, 30.0, -30.0),
    pitches=(0.3, 0.3, 0.3),
    tick_us=0.4,
    tick_cm=0.063,
    trigger_tick=850.0,
    step_cm=0.3,
    delta_gev=3e-4,
    energy_scale=0.8,
    swapped_views=(1, 2),
    cryostats=2,
    photomultipliers=Photomultipliers(
        places=_grid(3, 30, (-182.0, 135.0), (-895.0, 895.0)), beam_us=(0.0, 1.6)
    ),
)
SBND = Detector(
    name="sbnd",
    contents=contents.SBN,
    lower=(-200.0, -200.0, 0.0),
    upper=(200.0, 200.0, 500.0),
    drifts=(Drift(-200.0, 0.0, -200.0), Drift(0.0, 200.0, 200.0)),
    angles=(60.0, -60.0, 0.0),
    pitches=(0.3, 0.3, 0.3),
    tick_us=0.5,
    tick_cm=0.079,
    trigger_tick=400.0,
    step_cm=0.3,
    delta_gev=3e-4,
    energy_scale=0.8,
    swapped_views=(0, 1),
    photomultipliers=Photomultipliers(places=_grid(6, 10, (-200.0, 200.0), (0.0, 500.0)), beam_us=(0.0, 1.6)),
)
TWO_VIEWS = Detector(
    name="two-views",
    contents=contents.TWO_VIEWS,
    lower=(0.0, -100.0, 0.0),
    upper=(100.0, 100.0, 400.0),
    drifts=(Drift(0.0, 100.0, 0.0),),
    angles=(60.0, -60.0),
    pitches=(0.4, 0.4),
    tick_us=0.4,
    tick_cm=0.064,
    trigger_tick=200.0,
    step_cm=0.3,
    delta_gev=3e-4,
    energy_scale=0.8,
)
DETECTORS = {
    detector.name: detector
    for detector in (
        UBOONE, UBOONE_OPTICAL, UBOONE_OPEN, DUNE, DUNE_2024, DUNE_2023, ICARUS, SBND, TWO_VIEWS,
    )
}  # fmt: skip
