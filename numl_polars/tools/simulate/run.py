"""Writes a simulated event file: checks what is asked for, then block after block of events."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from numl_polars.errors import OptionError
from numl_polars.output.files import pending, writing
from numl_polars.output.hdf5 import create_file
from numl_polars.tools.simulate.detector import Detector
from numl_polars.tools.simulate.detectors import DETECTORS
from numl_polars.tools.simulate.layout import LAYOUTS, EventFileWriter, Layout
from numl_polars.tools.simulate.species import Ints
from numl_polars.tools.simulate.tables import BLOCK_EVENTS, simulate_block

DetectorName = Literal[
    "uboone", "uboone-optical", "uboone-open", "dune", "dune-2024", "dune-2023", "icarus", "sbnd", "two-views"
]
RUN = 1
EVENTS_IN_SUBRUN = 100


@dataclass(frozen=True)
class SimulationSummary:
    """What was written.

    Attributes
    ----------
    path
        The event file.
    events, rows, bytes
        Number of events, rows by table, size of the file.
    """

    path: Path
    events: int
    rows: dict[str, int]
    bytes: int


def simulate(
    path: str | Path,
    *,
    events: int,
    detector: DetectorName = "uboone",
    seed: int = 0,
    layout: Layout = "merged",
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> SimulationSummary:
    """Write an event file of simulated neutrino interactions; for demonstrations, tests and benchmarks.

    The same detector and seed give the same events, whatever their number and the layout. Costs about 10 ms
    an event; memory does not grow with their number.

    Parameters
    ----------
    path
        Event file to write. It appears under this name when it is whole.
    events
        Number of events, at least 1; some of them are empty.
    detector
        Geometry and generation of event files: "uboone" (vertex columns, deposits summed over a hit and
        particle), "uboone-optical" (the same events, with optical tables), "uboone-open" (the same as in the
        open data release: `g4_pdg`, no spacepoints), "dune" (view, proj and drift, positions of deposits),
        "dune-2024" and "dune-2023" (the same events as written to January 2025, and to May 2024: `local_*`
        and `global_*`, the older `energy_fraction` without positions), "icarus" (two cryostats of four TPCs,
        stitched columns, optical tables), "sbnd" (one cryostat of two TPCs), "two-views" (planes 0 and 1).
    seed
        Not negative.
    layout
        See `EventFileWriter`.
    overwrite
        Whether a file at `path` may be replaced.
    progress
        Called with the number of events newly done, after each block.

    Raises
    ------
    OptionError
        An option has a value that is not allowed.
    OutputError
        The file is there already, its folder is not, or it cannot be written.
    """
    chosen = _chosen_detector(events, detector, seed, layout)
    target = Path(path)
    with (
        pending(target, overwrite=overwrite) as part,
        TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as spool,
        create_file(part, target) as file,
    ):
        writer = EventFileWriter(file, layout, Path(spool))
        for first_event in range(0, events, BLOCK_EVENTS):
            number = min(BLOCK_EVENTS, events - first_event)
            tables = simulate_block(first_event // BLOCK_EVENTS, chosen, seed)
            cut = {name: table.before(number) for name, table in tables.items()}
            with writing(target):
                writer.append(cut, event_ids(first_event, number), first_event)
            if progress is not None:
                progress(number)
        with writing(target):
            writer.close()
    return SimulationSummary(target, events, writer.num_rows, target.stat().st_size)


def event_ids(first_event: int, number: int) -> Ints:
    """Run, subrun and event of some successive events, int64 (number, 3)."""
    event = np.arange(first_event, first_event + number)
    return np.stack((np.full(number, RUN), event // EVENTS_IN_SUBRUN, event), axis=1)


def _chosen_detector(events: int, detector: str, seed: int, layout: str) -> Detector:
    """The detector, where all options have a meaning."""
    if events < 1:
        raise OptionError(f"events is {events}; allowed are 1 and more")
    if seed < 0:
        raise OptionError(f"seed is {seed}; allowed are 0 and more")
    if detector not in DETECTORS:
        raise OptionError(f"detector is {detector!r}; allowed are {_listed(DETECTORS)}")
    if layout not in LAYOUTS:
        raise OptionError(f"layout is {layout!r}; allowed are {_listed(LAYOUTS)}")
    return DETECTORS[detector]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
