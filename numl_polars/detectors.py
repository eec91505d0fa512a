"""Detectors: their planes and chambers, what they span, how time is drift, and what their files call things.

The included ones are `DETECTORS`; others are described in TOML:

    like = "icarus"                     # what is not said here
    planes = ["u", "v", "y"]            # or { u = 0, y = 2 }: their numbers in the file
    coordinates = "global"              # or the columns of plane, wire and time
    node_features = ["integral", "rms"]

    [columns.particle_table]            # names under which columns are read = what the files call them
    type = "pdg_code"
"""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from pathlib import Path
from typing import Any

from numl_polars.errors import OptionError
from numl_polars.schema import COORDINATES

Range = tuple[float, float]
Coordinates = str | tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Detector:
    """A detector, and what its files call things.

    Parameters
    ----------
    name
        What it is called.
    planes
        Names of the wire planes of a chamber.
    plane_numbers
        Their numbers in files, from 0 by default.
    coordinates
        Which columns say a hit's plane, wire and time: ``auto``, ``local`` to a chamber, or ``global``,
        stitched over chambers; or the names of the three.
    node_features
        Columns of the hit table that are features of hits.
    columns
        By table, what files call columns, by the names under which they are read.
    cryostats, tpcs
        Number of cryostats, and of time projection chambers in each.
    planes_per_tpc
        Whether the planes of each chamber are planes of their own.
    tpc_offsets
        Added to wire and time of hits, a pair for each chamber of all cryostats, so that local coordinates of
        several do not overlap.
    extents
        For each plane the range of wires, or of projections, and that of time, or drift: in the units of the
        columns that files have. None where it is not known.
    extents_of
        Names of the columns of wire and time that `extents` are of; None for whichever are chosen.
    box
        Ranges of x, y and z, cm. None where it is not known.
    ticks_per_unit
        Ticks of the clock in a unit of the time axis, where that is drift in cm.
    tick_us
        Length of a tick, us.
    zero_tick, tick_cm
        Time of what drifts from x = 0 at once, and cm of drift in a tick, where time is counted in ticks.
    drift_us
        Time that charge drifts at most, us.
    pmts
        Number of photomultipliers, whose channels are numbered through the cryostats, as many in each. None
        where it is not known.
    pmt_positions
        y and z of each photomultiplier, cm, by channel, where files do not have them.

    Raises
    ------
    OptionError
        A value has no meaning.
    """

    name: str = "detector"
    planes: tuple[str, ...] = ("u", "v", "y")
    plane_numbers: tuple[int, ...] | None = None
    coordinates: Coordinates = "auto"
    node_features: tuple[str, ...] = ("integral", "rms", "tpc")
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    cryostats: int = 1
    tpcs: int | None = None
    planes_per_tpc: bool = False
    tpc_offsets: tuple[Range, ...] | None = None
    extents: tuple[tuple[Range, Range], ...] | None = None
    extents_of: tuple[tuple[str, str], ...] | None = None
    box: tuple[Range, Range, Range] | None = None
    ticks_per_unit: float = 1.0
    tick_us: float = 0.5
    zero_tick: float | None = None
    tick_cm: float | None = None
    drift_us: float | None = None
    pmts: int | None = None
    pmt_positions: tuple[Range, ...] | None = None

    def __post_init__(self) -> None:
        _check_planes(self.planes, self.plane_numbers)
        _check_coordinates(self.coordinates)
        if self.cryostats < 1 or (self.tpcs is not None and self.tpcs < 1):
            raise OptionError(f"detector {self.name}: {self.cryostats} cryostats of {self.tpcs} TPCs")
        if self.pmts is not None and (self.pmts < 1 or self.pmts % self.cryostats):
            raise OptionError(
                f"detector {self.name}: {self.pmts} photomultipliers in {self.cryostats} cryostats; each has "
                "as many"
            )
        if self.pmt_positions is not None and len(self.pmt_positions) != self.pmts:
            raise OptionError(
                f"detector {self.name}: pmt_positions are {len(self.pmt_positions)} pairs, and there are "
                f"{self.pmts or 'no number of'} photomultipliers (pmts)"
            )
        if self.planes_per_tpc and self.tpcs is None:
            raise OptionError(
                f"planes per TPC: {self.name} does not say how many TPCs there are; give a detector that "
                "does, or a TOML file with tpcs = N"
            )
        if self.tpc_offsets is not None and len(self.tpc_offsets) != self.num_tpcs:
            raise OptionError(
                f"detector {self.name}: tpc_offsets are {len(self.tpc_offsets)} pairs, and there are "
                f"{self.num_tpcs or 'no number of'} TPCs"
            )

    @property
    def num_tpcs(self) -> int | None:
        """Number of chambers of all cryostats, None where it is not known."""
        return None if self.tpcs is None else self.cryostats * self.tpcs

    @property
    def numbers(self) -> tuple[int, ...]:
        """Number in files of each of `planes`."""
        return self.plane_numbers or tuple(range(len(self.planes)))

    @property
    def _num_sets(self) -> int:
        return self.num_tpcs if self.planes_per_tpc and self.num_tpcs is not None else 1

    @property
    def all_planes(self) -> tuple[str, ...]:
        """Names of all planes; where chambers have their own, ``u0``, ``v0``, ``y0``, ``u1``, …."""
        if not self.planes_per_tpc:
            return self.planes
        return tuple(f"{plane}{tpc}" for tpc in range(self._num_sets) for plane in self.planes)

    @property
    def all_numbers(self) -> tuple[int, ...]:
        """Number in files of each of `all_planes`."""
        return self.numbers * self._num_sets

    @property
    def renamed(self) -> dict[str, dict[str, str]]:
        """By table, names under which columns are read, by what files call them."""
        return {table: {file: name for name, file in names.items()} for table, names in self.columns.items()}


def _check_planes(planes: Sequence[str], numbers: Sequence[int] | None) -> None:
    """Raise an OptionError if planes cannot be named, and numbered in files, so."""
    if not planes or len(set(planes)) < len(planes):
        raise OptionError(f"planes {list(planes)}: one name for each plane is needed, none twice")
    if numbers is not None and (len(numbers) != len(planes) or len(set(numbers)) < len(planes)):
        raise OptionError(f"plane numbers {list(numbers)}: one for each of {list(planes)}, none twice")


def _check_coordinates(coordinates: str | Sequence[str]) -> None:
    """Raise an OptionError if these are no coordinates of hits."""
    if isinstance(coordinates, str):
        if coordinates not in COORDINATES:
            raise OptionError(
                f"coordinates {coordinates!r} are none of {', '.join(COORDINATES)}; or name the three "
                "columns of plane, wire and time"
            )
    elif len(coordinates) != 3 or not all(isinstance(one, str) for one in coordinates):
        raise OptionError(f"coordinates {list(coordinates)}: name the three columns of plane, wire and time")


_LOCAL = (("local_wire", "local_time"), ("wire", "time"))
_TICKS = (0.0, 6400.0)
_DRIFT = (-362.0, 362.0)
_ARGONEUT = ((0.0, 240.0), (0.0, 2048.0))
# y and z of the 32 photomultipliers of MicroBooNE, by optical channel
_UBOONE_PMTS = (
    (55.313, 951.862), (55.822, 911.065), (27.607, 989.711), (-0.722, 865.599),
    (-28.625, 990.356), (-56.514, 951.865), (-56.309, 911.940), (55.625, 751.883),
    (55.800, 711.073), (-0.502, 796.208), (-0.051, 664.203), (-56.284, 751.906),
    (-56.408, 711.274), (55.822, 540.930), (55.771, 500.134), (-0.549, 585.284),
    (-0.875, 453.095), (-56.205, 540.617), (-56.323, 500.220), (54.693, 328.212),
    (54.646, 287.977), (-0.706, 373.839), (-0.829, 242.014), (-57.022, 328.341),
    (-56.261, 287.639), (55.249, 128.355), (55.249, 87.760), (27.431, 51.102),
    (-0.303, 173.743), (-28.576, 50.474), (-56.203, 128.180), (-56.615, 87.869),
)  # fmt: skip

DETECTORS: dict[str, Detector] = {
    detector.name: detector
    for detector in (
        # 2,400 wires on the induction planes, 3,456 on the collection plane, 6,400 ticks of 0.5 us
        Detector(
            name="uboone",
            tpcs=1,
            extents=(((0.0, 2400.0), _TICKS), ((0.0, 2400.0), _TICKS), ((0.0, 3456.0), _TICKS)),
            extents_of=_LOCAL,
            box=((0.0, 257.0), (-117.0, 117.0), (0.0, 1037.0)),
            zero_tick=800.0,
            tick_cm=0.05491,
            drift_us=2340.0,
            pmts=32,
            pmt_positions=_UBOONE_PMTS,
        ),
        # the part of a far detector module that is simulated (1 x 2 x 6 anode assemblies): proj and drift, cm
        Detector(
            name="dune",
            tpcs=24,
            extents=(((-352.0, 1484.0), _DRIFT), ((-352.0, 1484.0), _DRIFT), ((-2.0, 1396.0), _DRIFT)),
            extents_of=(("proj", "drift"),),
            box=((-362.0, 362.0), (-602.0, 602.0), (-2.0, 1396.0)),
            ticks_per_unit=12.5,
            drift_us=2250.0,
        ),
        # two cryostats, each with a cathode in the middle and two chambers on either side of it
        Detector(
            name="icarus",
            coordinates="global",
            cryostats=2,
            tpcs=4,
            box=((-358.5, 358.5), (-181.9, 135.0), (-895.0, 895.0)),
            tick_us=0.4,
            zero_tick=850.0,
            drift_us=960.0,
            pmts=360,
        ),
        Detector(
            name="sbnd",
            coordinates="global",
            tpcs=2,
            box=((-200.0, 200.0), (-200.0, 200.0), (0.0, 500.0)),
            zero_tick=400.0,
            drift_us=1300.0,
        ),
        # two views of 240 wires, 2,048 ticks of 0.198 us
        Detector(
            name="argoneut",
            planes=("u", "v"),
            tpcs=1,
            extents=(_ARGONEUT, _ARGONEUT),
            extents_of=_LOCAL,
            box=((0.0, 47.5), (-20.0, 20.0), (0.0, 90.0)),
            tick_us=0.198,
            drift_us=300.0,
        ),
    )
}


def load_detector(given: str | Path | Detector) -> Detector:
    """Detector of a name, or of a TOML file.

    Raises
    ------
    OptionError
        No detector is called so; the file cannot be read, or says something that has no meaning.
    """
    if isinstance(given, Detector):
        return given
    if str(given) in DETECTORS:
        return DETECTORS[str(given)]
    path = Path(given)
    if path.suffix != ".toml":
        raise OptionError(
            f"detector {str(given)!r} is none of {', '.join(DETECTORS)}, nor a TOML file, NAME.toml"
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"detector {path} cannot be read: {error}") from error
    try:
        return _described(content, path)
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error


def _described(content: dict[str, Any], path: Path) -> Detector:
    like = content.pop("like", None)
    if like is not None and like not in DETECTORS:
        raise OptionError(f"like = {like!r} is none of {', '.join(DETECTORS)}")
    base = Detector() if like is None else DETECTORS[like]
    known = {one.name: getattr(base, one.name) for one in fields(Detector)}
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise OptionError(f"unknown entry {unknown[0]!r}; a detector has like, {', '.join(known)}")
    planes = content.get("planes")
    if isinstance(planes, dict):
        content |= {"planes": list(planes), "plane_numbers": list(planes.values())}
    values = {name: _checked(name, as_tuple(value)) for name, value in content.items()}
    return replace(base, **{"name": path.stem, **values})


def as_tuple(value: Any) -> Any:
    """Lists, and lists within, as tuples; other values as they are."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(map(as_tuple, value))
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_range(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value))


def _all(fits: Any) -> Any:
    return lambda value: isinstance(value, tuple) and all(map(fits, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_RANGES = "ranges [lower, upper]"
_KINDS: Mapping[str, tuple[str, Any]] = {
    "name": ("text", _is_text),
    "planes": ("a list of names", _all(_is_text)),
    "plane_numbers": ("whole numbers", _all(_is_count)),
    "coordinates": ("text, or a list of three columns", lambda one: _is_text(one) or _all(_is_text)(one)),
    "node_features": ("a list of columns", _all(_is_text)),
    "columns": (
        "tables of text",
        lambda one: (
            isinstance(one, dict)
            and all(isinstance(names, dict) and all(map(_is_text, names.values())) for names in one.values())
        ),
    ),
    "cryostats": ("a whole number", _is_count),
    "tpcs": ("a whole number", _is_count),
    "pmts": ("a whole number", _is_count),
    "planes_per_tpc": ("true or false", lambda one: isinstance(one, bool)),
    "tpc_offsets": ("pairs [wire, time]", _all(_is_range)),
    "pmt_positions": ("pairs [y, z]", _all(_is_range)),
    "extents": (f"two {_RANGES} for each plane", _all(lambda one: _all(_is_range)(one) and len(one) == 2)),
    "extents_of": ("pairs of columns", _all(lambda one: _all(_is_text)(one) and len(one) == 2)),
    "box": (f"three {_RANGES}", lambda one: _all(_is_range)(one) and len(one) == 3),
}


def _checked(name: str, value: Any) -> Any:
    """The value, if it is of the kind that an entry of this name has."""
    wanted, fits = _KINDS.get(name, ("a finite number", _is_number))
    if not fits(value):
        raise OptionError(f"{name} = {value!r}; it must be {wanted}")
    return value


def detector_of(event_columns: Collection[str], hit_columns: Collection[str]) -> Detector | None:
    """Detector that wrote files with such columns of events and hits, None if they do not tell.

    Parameters
    ----------
    event_columns, hit_columns
        Columns of `event_table` and of `hit_table`.
    """
    if {"proj", "drift"} <= set(hit_columns):
        return DETECTORS["dune"]
    return DETECTORS["uboone"] if "nu_vtx_wire_pos_0" in event_columns else None
