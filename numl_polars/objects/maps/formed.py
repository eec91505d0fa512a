"""What a map part makes of a batch once, and uses twice: to select events, and for their attributes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import OptionError
from numl_polars.objects.batch import Attribute
from numl_polars.objects.maps.attributes import Layout
from numl_polars.objects.maps.cells import Cells
from numl_polars.objects.maps.truth import CellTruth, Energies
from numl_polars.objects.part import Part

if TYPE_CHECKING:
    from numl_polars.objects.formation import Formation
    from numl_polars.objects.training_object import TrainingObject

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

KERNELS = ("objects.maps.binning", "objects.maps.densest", "objects.maps.energies")
"""Modules of the kernels that maps use, see `Part.kernels`."""


class MapPart(Part, is_base=True):
    """Base of the parts that are maps."""

    kernels = KERNELS

    def prefix(self, store: str, scheme: "TrainingObject") -> str:
        """What names of the instances and windows of a map begin with; none is that of another part."""
        from numl_polars.objects.parts.truth import InstanceTruth

        others = [part for part in scheme.all_parts if part != self]
        return f"{store}-" if any(isinstance(part, MapPart | InstanceTruth) for part in others) else ""


@dataclass(frozen=True, eq=False)
class Remark:
    """Rows of a table that are in no map, what to call them, and the column by which the first is known."""

    reason: str
    table: str
    where: Bools
    what: str
    column: str


@dataclass(frozen=True, eq=False)
class Formed:
    """Cells of all events of a batch, and what is in them.

    Parameters
    ----------
    extent
        float64 (sets, axes, 2): of the detector, if it is known.
    cells
        The cells.
    values
        float64 (cells, columns): charge, or energy.
    num_hits
        int64 (cells,): hits that are there themselves; of pixels only.
    energies
        Deposits in cells; None without labels of particles.
    remarks
        Rows that could not be used.
    """

    extent: Float64s | None
    cells: Cells
    values: Float64s
    num_hits: Int64s
    energies: Energies | None
    remarks: tuple[Remark, ...]


def formed_once(part: Part, formation: "Formation", make: Callable[["Formation"], Formed]) -> Formed:
    """What `make` gives for a part, made when it is first asked for."""
    if part not in formation.results:
        formation.results[part] = make(formation)
    formed: Formed = formation.results[part]
    return formed


def check_layers(scheme: "TrainingObject", nodes: str) -> None:
    """Raise an OptionError if a layer's name means something else in a map."""
    if "energy" in scheme.particle_layers:
        raise OptionError(f"layer 'energy': {nodes} have their energy under this name; take another")


def truth_attributes(layout: Layout, formed: Formed, formation: "Formation") -> Iterator[Attribute]:
    """Truth of the cells by all layers, and their energy; nothing without labels of particles."""
    energies, cells = formed.energies, formed.cells
    if energies is None:
        return
    for layer, scheme in formation.scheme.particle_layers.items():
        yield from layout.truth(layer, CellTruth.of(layer, scheme, formation.truth, energies, cells))
    total = energies.by_code(np.zeros(len(energies.energy), np.int64), 1, cells)
    yield layout.attribute("y_energy", total[:, 0].astype(np.float32))
