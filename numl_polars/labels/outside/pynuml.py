"""Labellers written for pynuml, called as pynuml 25.4.0 does: with pandas, event by event."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from importlib import import_module
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import LabelError, LabelWarning
from numl_polars.labels.context import PARTICLES
from numl_polars.labels.event_labels import EventDecision, EventScheme
from numl_polars.labels.outside.given import (
    GivenLabels,
    call_name,
    check_classes,
    check_columns,
    declared,
    particle_columns,
    plain_parameters,
    quoted,
    raised,
)
from numl_polars.labels.scheme import Scheme
from numl_polars.schema import EVENT_INDEX, EVENT_TABLE

Int64s = NDArray[np.int64]
Columns = Mapping[str, tuple[str, ...]] | Sequence[str]
Failures = list[tuple[int, Exception]]

PARTICLE_COLUMNS = ("g4_id", "parent_id", "type", "momentum", "start_process", "end_process")
EVENT_COLUMNS = ("is_cc", "nu_pdg")


class PynumlScheme(Scheme):
    """Base of schemes that ask a labeller written for pynuml."""

    labeller: Callable[[Any], Any]
    classes: Sequence[str] | None = None  # type: ignore[assignment,misc]

    def __post_init__(self) -> None:
        if not callable(self.labeller):
            raise LabelError(f"{type(self).__name__}: labeller is {self.labeller!r}, which cannot be called")
        _pandas(self.name)
        classes = self._labels if self.classes is None else self.classes
        if classes is None:
            raise LabelError(f"{self.name}: the labeller has no `labels`, so name its classes=(…)")
        object.__setattr__(self, "classes", check_classes(self.name, classes))

    @property
    def name(self) -> str:
        """Name of this adapter and of the labeller."""
        return f"{type(self).__name__}({call_name(self.labeller)})"

    @property
    def _labels(self) -> Any:
        return declared(self.labeller, "labels")

    def describe(self) -> dict[str, Any]:
        """What a file records of the scheme; the labeller as ``module:name``."""
        return {**super().describe(), "parameters": plain_parameters(self)}


class PynumlLabels(PynumlScheme, GivenLabels):
    """Labels of a particle labeller written for pynuml.

    Slow: about a thousandth of the speed of rules, which it says in a `LabelWarning` when first used. An
    event on which the labeller raises gets no labels; a `LabelWarning` a batch counts those.

    Parameters
    ----------
    labeller
        Called with a pandas DataFrame of one event's particles, numbered from 0, processes as str. Returns
        a DataFrame of `g4_id`, `semantic_label` (position in `classes`, NaN or -1 for none) and, if it likes,
        `instance_label`; or None for no labels at all.
    classes
        Names of the classes. If None: attribute `labels` of the labeller. All but the last are trained, as
        pynuml has it, unless the labeller has no `labels`: then all are.
    columns
        Columns of the particle table that the DataFrame has, beside `g4_id` and `parent_id`.

    Raises
    ------
    LabelError
        pandas is not installed, or classes are not known. When particles are labelled: what the labeller
        returns is no such DataFrame, a label is no class, a row names no particle or one that another names.
    """

    columns: Columns = field(default=PARTICLE_COLUMNS, compare=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "columns", particle_columns(self.name, self.columns))

    @property
    def untrained(self) -> tuple[str, ...]:  # type: ignore[override]
        """The last of `classes`, if the labeller has `labels`."""
        return () if self._labels is None else tuple(self.classes or ())[-1:]

    def give(self, particles: pl.DataFrame) -> pl.DataFrame:
        """What the labeller says of the particles."""
        self._say_slow()
        ordered = particles.sort(EVENT_INDEX, maintain_order=True)
        table = _to_pandas(self, PARTICLES, ordered)
        failures: Failures = []
        labels = []
        stop = 0
        runs = ordered[EVENT_INDEX].rle().struct.unnest()
        for length, event in runs.iter_rows():
            start, stop = stop, stop + length
            try:
                result = self.labeller(table.iloc[start:stop].reset_index(drop=True).copy())
            except Exception as error:
                failures.append((event, error))
                continue
            if result is not None:
                labels.append(_event_labels(f"{self.name}, event_index {event}", event, result))
        _warn_of(failures, self.name, runs.height, "whose particles stay without label")
        return pl.concat([_NO_LABELS, *labels])

    def _say_slow(self) -> None:
        if "_said_slow" not in vars(self):
            object.__setattr__(self, "_said_slow", True)
            warnings.warn(
                f"{self.name} is called event by event, at the speed of pandas; rules label particles about "
                f"1,000 times as fast",
                LabelWarning,
                stacklevel=3,
            )


_NO_LABELS = pl.DataFrame(
    schema=dict.fromkeys((EVENT_INDEX, "g4_id", "semantic_label", "instance_label"), pl.Int64())
)


def _event_labels(where: str, event: int, result: Any) -> pl.DataFrame:
    """What a labeller returned for an event, with the columns of `_NO_LABELS`."""
    if not isinstance(result, _pandas(where).DataFrame):
        raise LabelError(f"{where}: the labeller returns {type(result).__name__}, not a pandas DataFrame")
    if missing := [name for name in ("g4_id", "semantic_label") if name not in result.columns]:
        raise LabelError(
            f"{where}: the labeller returns no column {quoted(missing)} (has {quoted(result.columns)})"
        )
    present = [name for name in _NO_LABELS.columns if name in result.columns]
    table = pl.DataFrame({name: _integers(where, result[name]) for name in present if name != EVENT_INDEX})
    if "instance_label" not in present:
        table = table.with_columns(instance_label=pl.lit(-1, pl.Int64))
    return table.select(
        pl.lit(event, pl.Int64).alias(EVENT_INDEX),
        "g4_id",
        pl.col("semantic_label").replace(-1, None),
        "instance_label",
    )


class PynumlEventLabels(PynumlScheme, EventScheme):
    """Labels of an event labeller written for pynuml.

    An event on which the labeller raises gets no label; a `LabelWarning` a batch counts those.

    Parameters
    ----------
    labeller
        Called with a pandas Series of one row of the event table; returns the position of its class in
        `classes`, None or -1 for none.
    classes
        Names of the classes, all of which are trained. If None: attribute `labels` of the labeller.
    columns
        Columns of the event table that the Series has.

    Raises
    ------
    LabelError
        pandas is not installed, or classes are not known. When events are labelled: a label is no class.
    """

    columns: Columns = field(default=EVENT_COLUMNS, compare=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        names = self.columns[EVENT_TABLE] if isinstance(self.columns, Mapping) else self.columns
        own = check_columns(self.name, names, (EVENT_INDEX,))
        object.__setattr__(self, "columns", {EVENT_TABLE: (EVENT_INDEX, *own)})

    def decide(self, events: pl.DataFrame) -> EventDecision:
        """Classes of events, -1 for those on which the labeller fails."""
        table = _to_pandas(self, EVENT_TABLE, events)
        failures: Failures = []
        given: list[Any] = [None] * events.height
        for row, event in enumerate(events[EVENT_INDEX]):
            try:
                given[row] = self.labeller(table.iloc[row].copy())
            except Exception as error:
                failures.append((event, error))
        _warn_of(failures, self.name, events.height, "which stay without label")
        return EventDecision(_event_codes(self, events[EVENT_INDEX], given))


def _event_codes(scheme: Scheme, event_index: pl.Series, given: list[Any]) -> Int64s:
    """Labels of events as int64, -1 for none; LabelError where one is no class."""
    series = _pandas(scheme.name).Series(given, dtype=object, name="the event label")
    codes = _integers(scheme.name, series).fill_null(-1)
    outside = ~codes.is_between(-1, len(scheme.classes) - 1)
    if outside.any():
        event, code = event_index.filter(outside)[0], codes.filter(outside)[0]
        raise LabelError(
            f"{scheme.name} gives {code} to event_index {event}; it may be the position of a class "
            f"({', '.join(scheme.classes)}), or -1 or None for none"
        )
    return codes.to_numpy()


def _pandas(where: str) -> Any:
    try:
        return import_module("pandas")
    except ImportError as error:
        raise LabelError(f"{where} needs pandas, which is not there: install pandas") from error


def _to_pandas(scheme: Scheme, table: str, rows: pl.DataFrame) -> Any:
    """The scheme's columns of a table, but `event_index`, as pandas DataFrame; texts as str."""
    _pandas(scheme.name)
    own = rows.select(scheme.columns[table]).drop(EVENT_INDEX)
    return own.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String)).to_pandas()


def _integers(where: str, values: Any) -> pl.Series:
    """A pandas Series as Int64, null where it has no value."""
    try:
        numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise LabelError(
            f"{where}: {values.name} is {values.dtype}, not integer ({raised(error)})"
        ) from error
    wrong = ~np.isnan(numbers) & (~np.isfinite(numbers) | (np.floor(numbers) != numbers))
    if wrong.any():
        raise LabelError(f"{where}: {values.name} is {numbers[wrong][0]}, not an integer")
    return pl.Series(numbers, nan_to_null=True).cast(pl.Int64)


def _warn_of(failures: Failures, scheme: str, num_events: int, consequence: str) -> None:
    if failures:
        event, error = failures[0]
        warnings.warn(
            f"{scheme}: the labeller raised on {len(failures)} of {num_events} events, {consequence}; "
            f"the first is event_index {event}: {raised(error)}",
            LabelWarning,
            stacklevel=3,
        )
