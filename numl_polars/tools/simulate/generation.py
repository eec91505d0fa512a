"""The particles of a block of events that stand equally deep in their trees, and their directions."""

from dataclasses import dataclass

import numpy as np

from numl_polars.tools.simulate.species import Bools, Floats, Ints, masses


@dataclass(frozen=True)
class Generation:
    """Particles at birth, as columns of equal length n.

    Attributes
    ----------
    event
        int64 (n,), the event's position in its block.
    mother
        int64 (n,), row of the mother among all particles of the block, -1 for a primary.
    pdg, start
        int64 (n,), PDG code; code of the process that made the particle.
    momentum, position
        float64 (n, 3), GeV/c and cm.
    """

    event: Ints
    mother: Ints
    pdg: Ints
    start: Ints
    momentum: Floats
    position: Floats

    @property
    def size(self) -> int:
        """Number of particles."""
        return self.event.size

    @property
    def magnitude(self) -> Floats:
        """Momentum of each particle, GeV/c, float64 (n,)."""
        return lengths(self.momentum)

    @property
    def mass(self) -> Floats:
        """Rest mass of each particle, GeV, float64 (n,)."""
        return masses(self.pdg)

    def take(self, rows: Ints | Bools) -> "Generation":
        """Those of the particles, by row (repeats allowed) or by mask."""
        return Generation(
            self.event[rows],
            self.mother[rows],
            self.pdg[rows],
            self.start[rows],
            self.momentum[rows],
            self.position[rows],
        )


class Births:
    """Collects particles as they are made, to be followed next."""

    def __init__(self) -> None:
        none, vectors = np.empty(0, np.int64), np.empty((0, 3))
        self._parts = [Generation(none, none, none, none, vectors, vectors)]

    def add(
        self, origin: Generation, pdg: Ints | int, momentum: Floats, *, start: Ints | int | None = None
    ) -> None:
        """Take in one particle for each row of `origin`, which gives its event, mother and position.

        `momentum` is float64 (n, 3), GeV/c. `start` is the code of the process, that of `origin` if left out.
        """
        if origin.size:
            codes = np.broadcast_to(np.asarray(pdg, np.int64), origin.size)
            process = origin.start if start is None else start
            starts = np.broadcast_to(np.asarray(process, np.int64), origin.size)
            self._parts.append(
                Generation(origin.event, origin.mother, codes, starts, momentum, origin.position)
            )

    def generation(self) -> Generation:
        """All particles taken in, in that order."""
        return concatenate(self._parts)


def concatenate(parts: list[Generation]) -> Generation:
    """One generation of the particles of all parts, in order."""
    return Generation(
        np.concatenate([part.event for part in parts]),
        np.concatenate([part.mother for part in parts]),
        np.concatenate([part.pdg for part in parts]),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.momentum for part in parts]),
        np.concatenate([part.position for part in parts]),
    )


def lengths(vectors: Floats) -> Floats:
    """Length of each of the vectors, float64 (n, 3)."""
    result: Floats = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return result


def unit(vectors: Floats) -> Floats:
    """Vectors of length 1 along `vectors`, float64 (n, 3); a zero vector points along z."""
    length = lengths(vectors)
    result = vectors / np.where(length > 0, length, 1.0)[:, None]
    result[length == 0] = (0.0, 0.0, 1.0)
    return result


def isotropic(size: int, rng: np.random.Generator) -> Floats:
    """Directions spread evenly over the sphere, float64 (size, 3)."""
    return unit(rng.standard_normal((size, 3)))


def cone(axis: Floats, spread: float, rng: np.random.Generator) -> Floats:
    """Directions about those of `axis`, float64 (n, 3); `spread` is the width in radians where small."""
    return unit(unit(axis) + spread * rng.standard_normal(axis.shape))


def split(total: Floats, owner: Ints, rng: np.random.Generator) -> Floats:
    """Random shares of the amounts ``total[owner]``, float64 (n,); those of one owner add up to its own."""
    weight = rng.standard_exponential(owner.size) + 1e-9
    result: Floats = total[owner] * weight / np.bincount(owner, weight, total.size)[owner]
    return result
