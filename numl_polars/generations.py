"""Which generation of files a file belongs to, by the tables and columns that it has."""

from collections.abc import Collection, Mapping

from numl_polars.schema import EVENT_TABLE

OPEN_DATA = "MicroBooNE open data release"
MICROBOONE = "MicroBooNE, with spacepoints"
DUNE_SINCE = "DUNE, since January 2025"
DUNE_BEFORE = "DUNE, to January 2025"
ICARUS_SBND = "ICARUS, SBND"

Columns = Mapping[str, Collection[str]]


def generation(columns: Columns) -> str | None:
    """Name of the generation, None for one that is not known.

    Parameters
    ----------
    columns
        Columns of each table, as the file has them.
    """
    hits, particles = (columns.get(name, ()) for name in ("hit_table", "particle_table"))
    deposits, events = (columns.get(name, ()) for name in ("edep_table", EVENT_TABLE))
    if "Cryostat" in hits or "Chi_squared" in columns.get("spacepoint_table", ()):
        return ICARUS_SBND
    if {"plane", "view", "proj"} <= set(hits):
        return DUNE_SINCE
    if "local_plane" not in hits:
        return None
    if "g4_pdg" in particles and "spacepoint_table" not in columns:
        return OPEN_DATA
    if {"energy", "energy_fraction"} <= set(deposits) or any(name.startswith("nu_vtx") for name in events):
        return MICROBOONE
    return DUNE_BEFORE if "global_plane" in hits or {"energy", "energy_fraction"} & set(deposits) else None
