"""The NuML tables: names, meanings, units, and what each generation of files calls a quantity.

The one place for facts about the layout. A file may hold more tables and columns than stand here, or fewer;
whatever it holds is read under the names that `scalar_names` gives.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from numl_polars.errors import InputError

EVENT_TABLE = "event_table"
EVENT_ID = "event_id"
EVENT_INDEX = "event_index"
SEQ = "event_id.seq"
SEQ_CNT = "event_id.seq_cnt"
KEY_COLUMNS = (SEQ, SEQ_CNT)

_XYZ = ("_x", "_y", "_z")
_UVY = ("_u", "_v", "_y")


@dataclass(frozen=True)
class Column:
    """A column as files have it: `components` are the suffixes of its scalar columns where it is wide.

    `also` are names that other generations have for the same quantity.
    """

    name: str
    dtype: str
    meaning: str
    unit: str = ""
    components: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table and the columns known of it, over all generations."""

    name: str
    meaning: str
    columns: tuple[Column, ...]


def _columns(*rows: tuple[str, str, str] | tuple[str, str, str, tuple[str, ...]]) -> tuple[Column, ...]:
    """Columns from ``(name[ = other name], dtype[ / unit], meaning[, components])``."""
    columns = []
    for names, kind, meaning, *components in rows:
        name, *also = names.split(" = ")
        dtype, _, unit = kind.partition(" / ")
        columns.append(Column(name, dtype, meaning, unit, components[0] if components else (), tuple(also)))
    return tuple(columns)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            EVENT_TABLE,
            "one row an event; its row number is the event's `event_index`",
            _columns(
                ("is_cc", "int32", "1 charged current, 0 neutral current"),
                ("nu_pdg", "int32", "PDG code of the neutrino"),
                ("nu_energy", "float32 / GeV", "energy of the neutrino"),
                ("lep_energy", "float32 / GeV", "energy of the outgoing lepton"),
                ("nu_dir", "float32", "direction of the neutrino", _XYZ),
                ("nu_vtx", "float32 / cm", "neutrino vertex", _XYZ),
                ("nu_vtx_corr", "float32 / cm", "vertex, corrected for space charge", _XYZ),
                ("nu_vtx_wire_pos", "int32", "vertex on the wire planes, wire number", ("_0", "_1", "_2")),
                ("nu_vtx_wire_time", "float32 / ticks", "vertex on the wire planes, time"),
            ),
        ),
        Table(
            "hit_table",
            "one row a hit of a wire",
            _columns(
                ("hit_id", "int32", "identifier within the event"),
                ("integral", "float32 / ADC", "charge"),
                ("rms", "float32 / ticks", "width in time"),
                ("tpc", "int32", "time projection chamber"),
                ("Cryostat", "int32", "cryostat (ICARUS, SBND)"),
                ("local_plane = plane", "int32", "wire plane"),
                ("local_wire = wire", "int32, float32", "wire number"),
                ("local_time = time", "float32 / ticks", "time"),
                ("global_plane", "int32", "wire plane, stitched over chambers"),
                ("global_wire", "int32, float32", "wire number, stitched over chambers"),
                ("global_time", "float32 / ticks", "time, stitched over chambers"),
                ("plane", "int32", "wire plane (DUNE, since January 2025)"),
                ("wire", "float32", "wire number (DUNE, since January 2025)"),
                ("time", "float32 / ticks", "time (DUNE, since January 2025)"),
                ("view", "int32", "global wire plane"),
                ("proj", "float32 / cm", "global projection across the wires"),
                ("drift", "float32 / cm", "global drift distance"),
            ),
        ),
        Table(
            "particle_table",
            "one row a simulated particle",
            _columns(
                ("g4_id", "int32", "identifier within the event; ascends with gaps"),
                ("parent_id", "int32", "`g4_id` of the parent, 0 for a primary"),
                ("type = g4_pdg", "int32", "PDG code"),
                ("momentum", "float32 / GeV/c", "momentum at the start"),
                ("start_process", "string", "Geant4 process that made the particle"),
                ("end_process", "string", "Geant4 process that ended it"),
                ("start_position", "float32 / cm", "start", _XYZ),
                ("end_position", "float32 / cm", "end", _XYZ),
                ("start_position_corr", "float32 / cm", "start, corrected for space charge", _XYZ),
                ("end_position_corr", "float32 / cm", "end, corrected for space charge", _XYZ),
            ),
        ),
        Table(
            "edep_table",
            "one row an energy deposit: what a particle left in a hit",
            _columns(
                ("hit_id", "int32", "hit of the same event"),
                ("g4_id", "int32", "particle of the same event"),
                ("energy", "float32 / MeV", "energy; in one DUNE mode a fraction"),
                ("energy_fraction", "float32", "share of the hit's energy"),
                ("x_position", "float32 / cm", "position"),
                ("y_position", "float32 / cm", "position"),
                ("z_position", "float32 / cm", "position"),
            ),
        ),
        Table(
            "spacepoint_table",
            "one row a reconstructed 3-D point",
            _columns(
                ("spacepoint_id", "int32", "identifier within the event"),
                ("position", "float32 / cm", "position", _XYZ),
                ("hit_id", "int32", "hit on each plane, -1 for none", _UVY),
                ("Chi_squared", "float32", "quality of the match (ICARUS, SBND)"),
            ),
        ),
        Table(
            "pandoraPrimary_table",
            "one row a primary reconstructed by Pandora",
            _columns(("vtx", "float32 / cm", "vertex", _XYZ)),
        ),
        Table(
            "opflash_table",
            "one row a flash of light",
            _columns(
                ("flash_id", "int32", "identifier within the event"),
                ("time", "float32 / us", "time after the trigger"),
                ("time_width", "float32 / us", "width in time"),
                ("totalpe", "float32 / photoelectrons", "light"),
                ("y_center", "float32 / cm", "centre in y"),
                ("y_width", "float32 / cm", "width in y"),
                ("z_center", "float32 / cm", "centre in z"),
                ("z_width", "float32 / cm", "width in z"),
                ("wire_pos", "int32", "centre on the wire planes, wire number", ("_0", "_1", "_2")),
            ),
        ),
        Table(
            "opflashsumpe_table",
            "one row a photomultiplier of a flash",
            _columns(
                ("sumpe_id", "int32", "identifier within the event; in MicroBooNE's files within the flash"),
                ("flash_id", "int32", "flash of the same event, -1 for none"),
                ("pmt_channel", "int32", "channel of the photomultiplier"),
                ("sumpe", "float32 / photoelectrons", "light"),
                ("yz_pos", "float32 / cm", "y and z of the photomultiplier (ICARUS, SBND)", ("_0", "_1")),
            ),
        ),
        Table(
            "ophit_table",
            "one row an optical hit",
            _columns(
                ("hit_id", "int32", "identifier within the event"),
                ("sumpe_id", "int32", "photomultiplier of a flash, -1 for none"),
                ("hit_channel", "int32", "channel of the photomultiplier"),
                ("amplitude", "float32 / ADC", "height"),
                ("area", "float32 / ADC", "area"),
                ("pe", "float32 / photoelectrons", "light"),
                ("peaktime", "float32 / us", "time of the peak after the trigger"),
                ("width", "float32 / us", "width in time"),
                ("wire_pos", "int32", "photomultiplier on the wire planes, wire number", ("_0", "_1", "_2")),
                ("yz_pos", "float32 / cm", "y and z of the photomultiplier (some MicroBooNE)", ("_0", "_1")),
            ),
        ),
    )
}

HIT_COORDINATES = (
    ("local_plane", "local_wire", "local_time"),
    ("view", "proj", "drift"),
    ("global_plane", "global_wire", "global_time"),
    ("plane", "wire", "time"),
)
"""Columns of plane, wire or projection, and time or drift: the first whose columns a file has."""
COORDINATES = {
    "auto": HIT_COORDINATES,
    "local": (HIT_COORDINATES[0], HIT_COORDINATES[3]),
    "global": (HIT_COORDINATES[2], HIT_COORDINATES[1]),
}
"""The same by what they are: within a chamber, or stitched over chambers."""
SPACEPOINT_HITS = tuple("hit_id" + suffix for suffix in _UVY)
TPC, CRYOSTAT = "tpc", "Cryostat"
DEPOSIT_WEIGHT = (("energy",), ("energy_fraction",))
EITHER_WEIGHT = "energy or energy_fraction"
EITHER = {"edep_table": {EITHER_WEIGHT: ("energy", "energy_fraction")}}
"""By table, columns of several files that hold what serves for the same in each: the first that a file has.

They are there where the first is in some of the files only, and the others have another of these.
"""
DEPOSIT_POSITION = ("x_position", "y_position", "z_position")
SPACEPOINT_POSITION = ("position_x", "position_y", "position_z")
OPTICAL_POSITION = ("yz_pos_0", "yz_pos_1")
VERTEX = ("nu_vtx_corr_x", "nu_vtx_corr_y", "nu_vtx_corr_z")


def kind(table: str, column: str) -> Literal["strings", "numbers"] | None:
    """What a column holds by the schema; None for a column that the schema does not know."""
    known = TABLES[table].columns if table in TABLES else ()
    for c in known:
        if column in (c.name, *(c.name + suffix for suffix in c.components)):
            return "strings" if c.dtype == "string" else "numbers"
    return None


def read_as(table: str, column: str, present: Collection[str]) -> str:
    """Name under which a column of a file is read: the schema's, where the file has a name of its own for it.

    Parameters
    ----------
    present
        All columns of the table in the file.
    """
    for known in TABLES[table].columns if table in TABLES else ():
        if column in known.also and known.name not in present and column not in _names(table):
            return known.name
    return column


def same_quantity(table: str, column: str) -> tuple[str, ...]:
    """Names of a scalar column's quantity in files, its own first, then those of other generations."""
    either = EITHER.get(table, {}).get(column)
    if either is not None:
        return either
    for known in TABLES[table].columns if table in TABLES else ():
        if column in (known.name, *known.also):
            return tuple(dict.fromkeys([column, known.name, *known.also]))
    return (column,)


def _names(table: str) -> tuple[str, ...]:
    return tuple(known.name for known in TABLES[table].columns)


def scalar_names(table: str, column: str, width: int) -> tuple[str, ...]:
    """Names of the scalar columns that a dataset of `width` values a row becomes."""
    if column == EVENT_ID and width == 3:
        return ("run", "subrun", "event")
    known = {c.name: c for c in TABLES[table].columns}.get(column) if table in TABLES else None
    if known is not None and len(known.components) == width:
        return tuple(column + suffix for suffix in known.components)
    if width == 1:
        return (column,)
    return tuple(f"{column}_{i}" for i in range(width))


def spacepoint_hits(present: Collection[str], numbers: Sequence[int]) -> tuple[str, ...]:
    """Columns of the spacepoint table with the hits on planes of these numbers.

    A file has a column for each of its planes, the first for plane 0. Where planes are numbered otherwise,
    and are as many as the columns, the first is for the lowest number.

    Parameters
    ----------
    present
        All columns of the table: `hit_id_u`, `hit_id_v`, `hit_id_y` of three planes, else `hit_id_0`, ….
    numbers
        Those of planes in the hit table.
    """
    numbered = tuple(f"hit_id_{place}" for place in range(len(present)))
    columns = tuple(name for name in numbered if name in present) or SPACEPOINT_HITS
    if max(numbers) >= len(columns) == len(numbers):
        return tuple(columns[sorted(numbers).index(number)] for number in numbers)
    return tuple(columns[number] if 0 <= number < len(columns) else f"hit_id_{number}" for number in numbers)


def first_present(
    alternatives: Collection[tuple[str, ...]], present: Collection[str], what: str, where: str
) -> tuple[str, ...]:
    """First of the `alternatives` whose columns are all `present`.

    Raises
    ------
    InputError
        None is; the message lists what was looked for and what is there.
    """
    for columns in alternatives:
        if all(column in present for column in columns):
            return columns
    looked = " or ".join("(" + ", ".join(columns) + ")" for columns in alternatives)
    raise InputError(f"{where} has no {what}: looked for {looked}; it has {', '.join(sorted(present))}")
