"""What the event files of each generation hold, and under which names."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Contents:
    """Tables and columns in which generations of event files differ.

    Attributes
    ----------
    hit_position
        "local": `local_plane`, `local_wire` and `local_time`. "stitched": these, and `global_plane`,
        `global_wire` and `global_time`, which run through all drift volumes. "views": `plane`, `wire`,
        `time`, and `view`, `proj` and `drift` in cm.
    wire_dtype
        Of wire numbers.
    particle_code
        Column of the PDG code.
    energies
        Columns of the energy of deposits.
    has_deposit_positions
        Whether deposits have a position; then a particle has one for each of its steps in a hit, else one.
    has_vertex
        Whether the neutrino vertex is kept.
    has_spacepoints
        Whether there is a `spacepoint_table`.
    has_cryostats
        Whether hits have the column `Cryostat`, and spacepoints `Chi_squared`.
    photomultipliers
        Optical table that has `yz_pos`, None where none has.
    numbers_sums_by_flash
        Whether `sumpe_id` counts from 0 in each flash, and optical hits name those of the brightest flash
        alone.
    """

    hit_position: Literal["local", "stitched", "views"]
    wire_dtype: Literal["int32", "float32"] = "int32"
    particle_code: Literal["type", "g4_pdg"] = "type"
    energies: tuple[Literal["energy", "energy_fraction"], ...] = ("energy",)
    has_deposit_positions: bool = False
    has_vertex: bool = False
    has_spacepoints: bool = True
    has_cryostats: bool = False
    photomultipliers: Literal["ophit_table", "opflashsumpe_table"] | None = None
    numbers_sums_by_flash: bool = False


MICROBOONE = Contents(
    "local", energies=("energy_fraction", "energy"), has_vertex=True, numbers_sums_by_flash=True
)
DUNE = Contents("views", wire_dtype="float32", has_deposit_positions=True)
DUNE_2024 = Contents("stitched", wire_dtype="float32", has_deposit_positions=True)
DUNE_2023 = Contents("stitched", wire_dtype="float32", energies=("energy_fraction",))
SBN = Contents(
    "stitched", has_deposit_positions=True, has_cryostats=True, photomultipliers="opflashsumpe_table"
)
TWO_VIEWS = Contents("local", has_deposit_positions=True)
