"""Where hits are: the planes and chambers of the detector, and hits that are in none of them."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.detectors import Detector
from numl_polars.errors import NumlError
from numl_polars.labels.particle_scheme import ParticleScheme
from numl_polars.objects.hit_graph import HitGraph
from numl_polars.objects.hit_places import HitPlaces
from numl_polars.schema import CRYOSTAT, TPC
from numl_polars.tools.validate.findings import Finding
from numl_polars.tools.validate.rows import TableRows
from numl_polars.tools.validate.tables import Listing

Bools = NDArray[np.bool_]

POINTS = "spacepoint_table"
_USUAL_PLANES = 3


def hit_places(
    listing: Listing, scheme: ParticleScheme | None, detector: Detector | None
) -> tuple[HitPlaces | None, list[Finding]]:
    """Where a file's hits are, None where its columns do not say; and what a graph of it lacks.

    Parameters
    ----------
    listing
        The file's tables and columns.
    scheme
        What is to label particles.
    detector
        What is known of it; None: as many planes as the file has, and any chamber.
    """
    found = []
    if detector is None:
        number = _num_planes(listing)
        detector = Detector(planes=tuple(f"plane {n}" for n in range(number)))
        if number != _USUAL_PLANES:
            found.append(Finding("other-planes", POINTS, "hit_id", number))
    graph = HitGraph(particle_labels=scheme, event_labels=None, detector=detector)
    try:
        graph.columns(listing)
    except NumlError as error:
        found.append(Finding("not-processable", detail=str(error)))
    try:
        return graph.hit_places(listing), found
    except NumlError:
        return None, found


def _num_planes(listing: Listing) -> int:
    """Number of planes by the hits of spacepoints: three have names, others are numbered."""
    if POINTS not in listing.tables:
        return _USUAL_PLANES
    names = listing.column_names(POINTS)
    number = 0
    while f"hit_id_{number}" in names:
        number += 1
    return number or _USUAL_PLANES


def misplaced_hits(hits: TableRows, places: HitPlaces) -> Iterator[Finding]:
    """Hits on planes, and in chambers, that the detector has not."""
    plane = hits.columns.get(places.plane)
    if plane is not None and not (isinstance(plane, np.ndarray) and plane.dtype.kind not in "iu"):
        view = places.views_of(pl.DataFrame(hits.series([places.plane])))
        unknown = np.flatnonzero((view < 0) | (view >= len(places.detector.planes)))
        if unknown.size:
            yield hits.finding("unknown-plane", places.plane, unknown, plane)
    detector = places.detector
    if detector.tpcs is None:
        return
    # without a column of cryostats, chambers are numbered through
    num_tpcs = detector.tpcs if places.cryostat is not None else detector.tpcs * detector.cryostats
    for column, number in ((TPC, num_tpcs), (CRYOSTAT, detector.cryostats)):
        stored = hits.integers(column)
        if stored is not None:
            outside = np.flatnonzero((stored < 0) | (stored >= number))
            if outside.size:
                yield hits.finding("unknown-chamber", column, outside, stored)
