"""Parts that are functions of tables: Polars frames in, Polars frames out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import NumlError, OptionError, PartError
from numl_polars.events.batch import TableListing
from numl_polars.objects.batch import INT32, Attribute
from numl_polars.objects.part import Part
from numl_polars.parameters import plain
from numl_polars.schema import EVENT_INDEX

if TYPE_CHECKING:
    from numl_polars.objects.formation import Formation
    from numl_polars.objects.training_object import TrainingObject

Frame = pl.DataFrame | pl.LazyFrame
Function = Callable[..., Mapping[str, Frame]]


@dataclass
class PartFunction:
    """A function that was made a part by `part`; calling it with its parameters gives the part."""

    function: Function
    tables: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        update_wrapper(self, self.function)

    def __call__(self, **parameters: Any) -> "FunctionPart":
        """The part with these parameters of the function."""
        return FunctionPart(function=self.function, tables=self.tables, given=parameters)


def part(**tables: Sequence[str]) -> Callable[[Function], PartFunction]:
    """Decorator that makes a function of tables a part of objects.

    Parameters
    ----------
    tables
        Columns that the function reads, by table, ``hit_table=["integral", "rms"]``. The function is given a
        LazyFrame of each, in this order: the rows of all kept events of a batch, with `event_index`.

    Notes
    -----
    The function returns a LazyFrame or DataFrame for each attribute, by its name ``store/attribute``: with
    `event_index`, in ascending order, and the columns of the attribute's array, one or several. An
    ``edge_index`` has the columns ``source`` and ``target``, which count from 0 within the event;
    ``num_nodes``, a row for each event. Its keyword arguments are parameters of the part.
    """
    return lambda function: PartFunction(function, {name: tuple(names) for name, names in tables.items()})


class FunctionPart(Part):
    """A part that is a function; see `part`."""

    function: Function
    tables: Mapping[str, Sequence[str]] = field(compare=False)
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the function."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def describe(self) -> dict[str, Any]:
        """What a file records of the part: the function's name, module and parameters."""
        parameters = {name: plain(value) for name, value in self.given.items()}
        return {"part": self.name, "module": self.function.__module__, "parameters": parameters}

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """See `Part.columns`."""
        for table, names in self.tables.items():
            try:
                events.require(table, [name for name in names if name != EVENT_INDEX])
            except NumlError as error:
                raise type(error)(f"{error}; {self.name} reads it") from error
        return {table: [n for n in names if n != EVENT_INDEX] for table, names in self.tables.items()}

    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """See `Part.attributes`.

        Raises
        ------
        PartError
            The function raises, or returns something else than it should.
        """
        kept = formation.kept_events + formation.batch.start
        try:
            found = self.function(*(formation.frame(table).lazy() for table in self.tables), **self.given)
        except Exception as error:
            text = str(error).strip().partition("\n")[0]
            raise PartError(f"{self.name} raises {type(error).__name__}: {text}") from error
        if not isinstance(found, Mapping):
            raise PartError(f"{self.name} returns {type(found).__name__}, not a mapping of names to frames")
        for name, frame in found.items():
            try:
                yield attribute_of(name, frame, kept)
            except (ValueError, pl.exceptions.PolarsError) as error:
                text = str(error).strip().partition("\n")[0]
                raise PartError(f"{self.name} returns for '{name}' {text}") from error


def attribute_of(name: str, frame: Frame, kept: NDArray[np.int64]) -> Attribute:
    """Attribute of a frame with `event_index`, ascending, and the columns of the array.

    Parameters
    ----------
    name
        ``store/attribute``.
    kept
        int64 (objects,): `event_index` of each object.

    Raises
    ------
    ValueError
        The frame is not such; the message says what it is instead.
    """
    if not isinstance(frame, Frame):
        raise ValueError(f"{type(frame).__name__}, not a LazyFrame or DataFrame of Polars")
    table = frame.lazy().collect()
    if EVENT_INDEX not in table.columns or len(table.columns) < 2:
        raise ValueError(f"no {EVENT_INDEX} and column of values (has {', '.join(table.columns)})")
    event = table[EVENT_INDEX].cast(pl.Int64).to_numpy()
    values = table.drop(EVENT_INDEX)
    if not np.isin(event, kept).all():
        raise ValueError(f"rows of event {event[~np.isin(event, kept)][0]}, which is not among those given")
    if (np.diff(event) < 0).any():
        raise ValueError(f"rows that are not in the order of {EVENT_INDEX}")
    for column in values:
        if column.null_count() or not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
            what = f"{column.null_count()} nulls" if column.null_count() else str(column.dtype)
            raise ValueError(f"column {column.name!r} of {what}, not of numbers")
    offsets = np.searchsorted(event, np.append(kept, np.iinfo(np.int64).max))
    if name.endswith("/edge_index"):
        if set(values.columns) != {"source", "target"}:
            raise ValueError(f"columns {', '.join(values.columns)}, not source and target")
        edges = values.select(pl.col("source", "target").cast(pl.Int64)).to_numpy().T
        return Attribute(name, np.ascontiguousarray(edges), offsets, axis=1, compact=INT32)
    if name.endswith("/num_nodes"):
        if len(event) != len(kept) or values.width > 1:
            raise ValueError(f"{len(event)} rows, not one of one column for each of {len(kept)} events")
        return Attribute(name, values.to_series().cast(pl.Int64).to_numpy(), compact=INT32)
    array = values.to_series().to_numpy() if values.width == 1 else values.to_numpy()
    return Attribute(name, np.ascontiguousarray(array), offsets)


def as_parts(parts: Sequence[Part | PartFunction]) -> tuple[Part, ...]:
    """Parts, of such and of functions that `part` made.

    Raises
    ------
    OptionError
        One is neither.
    """
    found = []
    for one in parts:
        if isinstance(one, type) and issubclass(one, Part):
            raise OptionError(f"part {one.__name__} is a class; write {one.__name__}()")
        made = one() if isinstance(one, PartFunction) else one
        if not isinstance(made, Part):
            raise OptionError(
                f"part {one!r} is none; a function becomes one by the decorator "
                f"@part(table=[columns]), a class by inheriting from Part"
            )
        found.append(made)
    return tuple(found)
