"""Labels that other code gives to particles: checked, and put beside the particles they name."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import LabelError
from numl_polars.labels.context import PARTICLES
from numl_polars.labels.forest import IDENTIFIERS, Forest
from numl_polars.labels.particle_scheme import Decision, ParticleScheme
from numl_polars.labels.scheme import Scheme
from numl_polars.schema import EVENT_INDEX

Int64s = NDArray[np.int64]

IDS = (EVENT_INDEX, "g4_id")


class GivenLabels(ParticleScheme):
    """Base of schemes that take their labels from code that is no list of rules."""

    @abstractmethod
    def give(self, particles: pl.DataFrame) -> pl.DataFrame:
        """Rows of `event_index`, `g4_id`, `semantic_label` and, if it likes, `instance_label`.

        In any order, and for as many of the particles as it likes. A class is named, or its position in
        `classes`; null is no label.
        """

    def decide(self, forest: Forest) -> Decision:
        """Labels of the particles that a primary reaches.

        Raises
        ------
        LabelError
            What was given contradicts the particles or the classes.
        """
        particles = forest.particles.select(self.columns[PARTICLES])
        particles = particles.with_columns(pl.col(pl.String).cast(pl.Categorical))
        # events in which g4_id names several particles get no label, and no chance to confuse
        rows = np.flatnonzero(~forest.repeats)
        if rows.size < particles.height:
            particles = particles[rows]
        labels = np.full((2, forest.num_particles), -1, np.int64)
        if particles.height:
            labels[:, rows] = _placed(self.name, self.classes, self.give(particles), particles.select(IDS))
        semantic, instance = labels[:, forest.order]
        return Decision(
            semantic=semantic,
            instance=instance,
            rule=np.full(forest.num_reached, -1, np.int64),
            giver=np.arange(forest.num_reached),
            holds=np.zeros((0, 0), np.int64),
        )


def _placed(
    scheme: str, classes: Sequence[str], given: pl.DataFrame, ids: pl.DataFrame
) -> tuple[Int64s, Int64s]:
    """Code of the class and number of the object of each particle in `ids`, -1 for none."""
    codes = _semantic_codes(scheme, classes, given)
    objects = _instances(scheme, given)
    own = given.select(_identifier(scheme, given, name) for name in IDS)
    ids = ids.cast(pl.Int64)
    if not own.equals(ids):
        own = own.with_row_index("row")
        _check_rows(scheme, own, ids)
        rows = ids.join(own, on=IDS, how="left", maintain_order="left")["row"]
        codes, objects = codes.gather(rows), objects.gather(rows)
    return codes.fill_null(-1).to_numpy(), objects.fill_null(-1).to_numpy()


def _identifier(scheme: str, given: pl.DataFrame, name: str) -> pl.Series:
    column = given[name]
    if not column.dtype.is_integer():
        raise LabelError(
            f"{scheme} gives {name} as {column.dtype}; it must be the integers of the particle table"
        )
    if nulls := column.null_count():
        raise LabelError(f"{scheme} gives {nulls} of {given.height} rows without {name}")
    return column.cast(pl.Int64)


def _check_rows(scheme: str, own: pl.DataFrame, ids: pl.DataFrame) -> None:
    """Raise LabelError where a row names no particle, or several name the same."""
    strange = own.join(ids, on=IDS, how="anti", maintain_order="left")
    if strange.height:
        raise LabelError(
            f"{scheme} gives labels to {_first_of(strange)}, which the particle table does not have"
        )
    repeated = own.filter(own.select(IDS).is_duplicated())
    if repeated.height:
        raise LabelError(f"{scheme} gives several rows to one particle: {_first_of(repeated)}")


def _first_of(rows: pl.DataFrame) -> str:
    event, g4_id = rows.select(IDS).row(0)
    more = f" (the first of {rows.height} rows)" if rows.height > 1 else ""
    return f"event_index {event}, g4_id {g4_id}{more}"


def _semantic_codes(scheme: str, classes: Sequence[str], given: pl.DataFrame) -> pl.Series:
    """Position of each row's class in `classes`, Int64, null for none."""
    values = given["semantic_label"]
    if values.dtype.is_integer() or values.dtype == pl.Null:
        codes = values.cast(pl.Int64, strict=False)
    elif isinstance(values.dtype, pl.String | pl.Categorical | pl.Enum):
        known = values.cast(pl.String).cast(pl.Enum(classes), strict=False)
        codes = known.to_physical().cast(pl.Int64)
    else:
        raise LabelError(
            f"{scheme} gives semantic_label as {values.dtype}; it must be names of classes or their positions"
        )
    outside = ~codes.is_between(0, len(classes) - 1).fill_null(False) & values.is_not_null()
    _refuse(
        scheme, given, "semantic_label", outside,
        f"a class ({', '.join(classes)}), its position (0 to {len(classes) - 1}) or null for none",
    )  # fmt: skip
    return codes


def _instances(scheme: str, given: pl.DataFrame) -> pl.Series:
    """Number of each row's object, Int64, null or -1 for none."""
    if "instance_label" not in given.columns:
        return pl.Series(np.full(given.height, -1, np.int64))
    values = given["instance_label"]
    if not (values.dtype.is_integer() or values.dtype == pl.Null):
        raise LabelError(f"{scheme} gives instance_label as {values.dtype}; it must be integers")
    numbers = values.cast(pl.Int64, strict=False)
    outside = ~(numbers >= -1).fill_null(False) & values.is_not_null()
    _refuse(scheme, given, "instance_label", outside, "a 64-bit number from 0, or null or -1 for none")
    return numbers


def _refuse(scheme: str, given: pl.DataFrame, column: str, wrong: pl.Series, allowed: str) -> None:
    if count := wrong.sum():
        event, g4_id, value = given.filter(wrong).select(*IDS, column).row(0)
        raise LabelError(
            f"{scheme} gives {column} {value!r} to event_index {event}, g4_id {g4_id} ({count} of "
            f"{given.height} rows are wrong); it may be {allowed}"
        )


def check_classes(scheme: str, classes: Sequence[str]) -> tuple[str, ...]:
    """The classes as a tuple.

    Raises
    ------
    LabelError
        There is none, one is no name, or two are the same.
    """
    names = tuple(classes)
    if isinstance(classes, str) or not names or not all(isinstance(name, str) for name in names):
        raise LabelError(f"{scheme}: classes is {classes!r}; it must be a list of names")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LabelError(f"{scheme} names class {twice!r} twice: {', '.join(names)}")
    return names


def particle_columns(
    scheme: str, columns: Sequence[str] | Mapping[str, Sequence[str]]
) -> Mapping[str, tuple[str, ...]]:
    """`columns` of the particle table in the form of `Scheme.columns`, the identifiers first."""
    names = columns[PARTICLES] if isinstance(columns, Mapping) else columns
    return {PARTICLES: (*IDENTIFIERS, *check_columns(scheme, names, IDENTIFIERS))}


def check_columns(scheme: str, columns: Sequence[str], but: Sequence[str]) -> tuple[str, ...]:
    """The columns in order, each once, without those in `but`; LabelError if they are no list of names."""
    if isinstance(columns, str) or not all(isinstance(name, str) for name in columns):
        raise LabelError(f"{scheme}: columns is {columns!r}; it must be a list of names of columns")
    return tuple(name for name in dict.fromkeys(columns) if name not in but)


def call_name(code: Any) -> str:
    """What to call a function, what `functools.partial` made of one, or an object that can be called."""
    inner = _unwrapped(code)
    return str(getattr(inner, "__name__", type(inner).__name__))


def call_place(code: Any) -> str:
    """Where a function, or the class of an object that can be called, is defined: ``module:name``."""
    inner = _unwrapped(code)
    defined = inner if hasattr(inner, "__qualname__") else type(inner)
    place = f"{defined.__module__}:{defined.__qualname__}"
    if not isinstance(code, partial):
        return place
    given = [*map(repr, code.args), *(f"{name}={value!r}" for name, value in code.keywords.items())]
    return f"{place}({', '.join(given)})"


def _unwrapped(code: Any) -> Any:
    return _unwrapped(code.func) if isinstance(code, partial) else code


def declared(code: Any, attribute: str) -> Any:
    """Attribute of a function, also of one that `functools.partial` bound, or object; None without."""
    return getattr(code, attribute, getattr(_unwrapped(code), attribute, None))


def plain_parameters(scheme: Scheme) -> dict[str, Any]:
    """Parameters of a scheme as plain values; code by where it is defined, classes left out."""
    return {
        name: call_place(value) if callable(value) else value
        for name, value in scheme.parameters.items()
        if name != "classes"
    }


def quoted(names: Iterable[str]) -> str:
    """Names in quotation marks, for messages."""
    return ", ".join(repr(name) for name in names)


def raised(error: Exception) -> str:
    """Kind and first line of an exception, for messages."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
