"""Labels from a function of the particles; which columns it reads is seen by running it on an empty table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

import polars as pl
from polars.exceptions import ColumnNotFoundError
from polars.io.plugins import register_io_source

from numl_polars.errors import LabelError
from numl_polars.labels.context import PARTICLES
from numl_polars.labels.outside.given import (
    IDS,
    GivenLabels,
    call_name,
    check_classes,
    declared,
    particle_columns,
    plain_parameters,
    quoted,
    raised,
)
from numl_polars.schema import EVENT_ID, EVENT_INDEX, TABLES, scalar_names

Columns = Mapping[str, tuple[str, ...]]
Frame = pl.DataFrame | pl.LazyFrame
ParticleFunction = Callable[[pl.LazyFrame], Frame]

# as `numl_polars.events` gives them
DTYPES: dict[str, pl.DataType] = {"int32": pl.Int32(), "float32": pl.Float32(), "string": pl.Categorical()}


class FunctionLabels(GivenLabels):
    """Labels that a function gives to the particles of a batch.

    Parameters
    ----------
    function
        Takes a LazyFrame of one row a particle, of whole events, with the identifiers and `columns`;
        processes are Categorical. Returns a LazyFrame or DataFrame of `event_index`, `g4_id`,
        `semantic_label` (name of a class, or its position in `classes`) and, if it likes, `instance_label`
        (integer, from 0 in each event), rows in any order. A particle that it leaves out, or whose
        `semantic_label` is null, has no label.
    classes
        Names of the classes. If None: attribute `classes` of the function, or else the categories of
        `semantic_label`, if that is an Enum. All are trained but those in its attribute `untrained`.
    columns
        Columns of the particle table that the function reads, beside the identifiers `event_index`, `g4_id`
        and `parent_id`. If None, the function is run on an empty table of all known columns, to see which of
        them its labels need, and on an empty table of those.

    Raises
    ------
    LabelError
        Classes or columns cannot be found out. When particles are labelled: the function raises, a label
        column is missing, a label is no class, a row names no particle or one that another row names.
    """

    function: ParticleFunction
    classes: Sequence[str] | None = None  # type: ignore[assignment,misc]
    columns: Columns | Sequence[str] | None = field(default=None, compare=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise LabelError(f"FunctionLabels: function is {self.function!r}, which cannot be called")
        classes = declared(self.function, "classes") if self.classes is None else self.classes
        columns = None if self.columns is None else particle_columns(self.name, self.columns)
        if columns is None or classes is None:
            columns, semantic = _tried(self.function, columns, classes)
            classes = _categories(self.name, semantic) if classes is None else classes
        object.__setattr__(self, "classes", check_classes(self.name, classes))
        object.__setattr__(self, "columns", columns)

    @property
    def name(self) -> str:
        """Name of the function."""
        return call_name(self.function)

    @property
    def untrained(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the function says so of: the last of `classes`, if they are no training targets."""
        return tuple(declared(self.function, "untrained") or ())

    def describe(self) -> dict[str, Any]:
        """What a file records of the scheme: name, classes, parameters; the function as ``module:name``."""
        return {**super().describe(), "parameters": plain_parameters(self)}

    def give(self, particles: pl.DataFrame) -> pl.DataFrame:
        """What the function says of the particles."""
        try:
            return _label_columns(self.function, particles.lazy())
        except LabelError:
            raise
        except Exception as error:
            hint = ""
            if isinstance(error, ColumnNotFoundError):
                hint = f" (it is given {quoted(particles.columns)}; name all that it reads with columns=(…))"
            raise LabelError(f"{self.name} raises {raised(error)}{hint}") from error


def _label_columns(function: ParticleFunction, particles: pl.LazyFrame) -> pl.DataFrame:
    """The label columns of what the function returns."""
    name = call_name(function)
    result = function(particles)
    if not isinstance(result, Frame):
        raise LabelError(f"{name} returns {type(result).__name__}, not a LazyFrame or DataFrame of Polars")
    labels = result.lazy()
    present = labels.collect_schema().names()
    if missing := [column for column in (*IDS, "semantic_label") if column not in present]:
        raise LabelError(f"{name} returns no column {quoted(missing)} (has {quoted(present)})")
    return labels.select(*IDS, "semantic_label", *({"instance_label"} & set(present))).collect()


def _tried(
    function: ParticleFunction, columns: Columns | None, classes: Sequence[str] | None
) -> tuple[Columns, pl.DataType]:
    """Columns that the function reads, if not given, and dtype of its `semantic_label`; on empty tables.

    Raises
    ------
    LabelError
        It does not run on them; the message names the arguments that make this needless.
    """
    name = call_name(function)
    wanted = {"columns=(…)": columns, "classes=(…)": classes}
    remedy = " and ".join(argument for argument, given in wanted.items() if given is None)
    fault = f"{name} does not run on an empty particle table, so give {remedy}"
    known = known_columns()
    if columns is None:
        columns = particle_columns(name, _columns_read(function, known, fault))
        fault = f"{name} names columns that its labels do not need, so give columns=(…), all that it names"
    # a column that is not known is most likely measured
    schema = {column: known.get(column, pl.Float32()) for column in columns[PARTICLES]}
    return columns, _on_empty(function, pl.LazyFrame(schema=schema), fault).schema["semantic_label"]


def _on_empty(function: ParticleFunction, particles: pl.LazyFrame, fault: str) -> pl.DataFrame:
    """The label columns; what the function raises becomes a LabelError that begins with `fault`."""
    try:
        return _label_columns(function, particles)
    except LabelError:
        raise
    except Exception as error:
        raise LabelError(f"{fault}: {raised(error)}") from error


def _columns_read(function: ParticleFunction, known: Mapping[str, pl.DataType], fault: str) -> list[str]:
    """Those of the `known` columns that the labels of the function need."""
    read: set[str] = set()

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        names = list(known) if with_columns is None else with_columns
        read.update(names, () if predicate is None else predicate.meta.root_names())
        yield pl.DataFrame(schema={name: known[name] for name in names})

    _on_empty(function, register_io_source(source, schema=known), fault)
    if read.issuperset(known):
        raise LabelError(
            f"{call_name(function)} reads all columns of the particle table, whether its labels need them or "
            f"not; say with columns=(…) which it needs"
        )
    return [name for name in known if name in read]


def _categories(name: str, semantic: pl.DataType) -> list[str]:
    """Classes that an Enum lists."""
    if not isinstance(semantic, pl.Enum):
        raise LabelError(
            f"{name} does not say its classes: give classes=(…), set {name}.classes, or return "
            f"semantic_label as Enum of them (it is {semantic})"
        )
    return semantic.categories.to_list()


def known_columns() -> dict[str, pl.DataType]:
    """Columns that a particle table may have, with the dtypes in which they are read."""
    columns: dict[str, pl.DataType] = {EVENT_INDEX: pl.Int64()}
    columns |= dict.fromkeys(scalar_names(PARTICLES, EVENT_ID, 3), pl.Int32())
    for column in TABLES[PARTICLES].columns:
        names = [column.name + suffix for suffix in column.components or ("",)]
        columns |= dict.fromkeys(names, DTYPES[column.dtype])
    return columns
