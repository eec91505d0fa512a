import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl
import pytest

from numl_polars.errors import LabelError
from numl_polars.labels.outside.functions import FunctionLabels, known_columns
from tests.labels.particles import particles

Frame = pl.DataFrame | pl.LazyFrame

CLASSES = ("muon", "electron", "other")
IDS = ("event_index", "g4_id", "parent_id")
ROWS = [
    (3, 1, 0, 13),
    (3, 2, 1, 11),
    (3, 5, 2, 22),
    (4, 1, 0, 11),
    (4, 2, 1, 13),
]
TABLE = particles(*ROWS)
SHUFFLED = TABLE[[4, 1, 0, 3, 2]]


def by_pdg(table: pl.LazyFrame, muon: int = 13) -> pl.LazyFrame:
    kind = (
        pl.when(pl.col("type") == muon)
        .then(pl.lit("muon"))
        .when(pl.col("type") == 11)
        .then(pl.lit("electron"))
    )
    return table.with_columns(
        semantic_label=kind.otherwise(pl.lit("other")).cast(pl.Enum(CLASSES)),
        instance_label=pl.col("g4_id") - 1,
    )


def labels_of(function: Callable[[pl.LazyFrame], Frame], **options: Any) -> list[tuple[Any, ...]]:
    """Classes and objects of `TABLE` by a function."""
    labels = FunctionLabels(function=function, **options).apply(TABLE)
    return labels.select("semantic_label", "instance_label").rows()


def test_function__labels_row_for_row_in_any_order() -> None:
    scheme = FunctionLabels(function=by_pdg)
    wanted = {(3, 1): (0, 0), (3, 2): (1, 1), (3, 5): (2, 4), (4, 1): (1, 0), (4, 2): (0, 1)}
    for table in (TABLE, SHUFFLED):
        applied = scheme.apply(table)
        assert applied["fault"].null_count() == table.height
        found = zip(table.select("event_index", "g4_id").rows(), applied.drop("fault").rows(), strict=True)
        assert dict(found) == wanted
        labels = scheme.label(table.lazy()).collect()
        assert labels.select("event_index", "g4_id").equals(table.select("event_index", "g4_id"))
        assert labels.select("semantic_label", "instance_label").equals(applied.drop("fault"))


def test_function__order_of_its_rows_is_free() -> None:
    assert labels_of(lambda p: by_pdg(p).sort("momentum", "g4_id", descending=True)) == labels_of(by_pdg)
    assert labels_of(lambda p: by_pdg(p).collect().reverse(), columns=["type"]) == labels_of(by_pdg)


def test_function__classes_from_argument_attribute_or_enum() -> None:
    def texts(table: pl.LazyFrame) -> pl.LazyFrame:
        return by_pdg(table).with_columns(pl.col("semantic_label").cast(pl.String))

    assert FunctionLabels(function=by_pdg).classes == CLASSES
    assert FunctionLabels(function=texts, classes=["other", "muon", "electron"]).trained_classes[0] == "other"
    with pytest.raises(
        LabelError,
        match=r"texts does not say its classes: give classes=\(…\), set texts.classes, or return "
        r"semantic_label as Enum of them \(it is String\)",
    ):
        FunctionLabels(function=texts)
    texts.classes = CLASSES  # type: ignore[attr-defined]
    assert FunctionLabels(function=texts).classes == CLASSES
    assert FunctionLabels(function=partial(texts)).classes == CLASSES
    assert labels_of(texts) == labels_of(by_pdg)


def test_function__classes_that_are_no_targets() -> None:
    def fast(table: pl.LazyFrame) -> pl.LazyFrame:
        return by_pdg(table)

    assert FunctionLabels(function=fast).trained_classes == CLASSES
    fast.untrained = ("other",)  # type: ignore[attr-defined]
    scheme = FunctionLabels(function=fast)
    assert scheme.trained_classes == ("muon", "electron")
    scheme.check()
    fast.untrained = ("muon",)  # type: ignore[attr-defined]
    with pytest.raises(LabelError, match="fast: untrained is muon; it must be the last of its classes"):
        scheme.label(TABLE)


@pytest.mark.parametrize("dtype", [pl.String(), pl.Categorical(), pl.Enum(["unused", *reversed(CLASSES)])])
def test_function__a_class_is_known_by_its_name(dtype: pl.DataType) -> None:
    wanted = labels_of(by_pdg)
    renamed = lambda p: by_pdg(p).with_columns(pl.col("semantic_label").cast(pl.String).cast(dtype))  # noqa: E731
    assert labels_of(renamed, classes=CLASSES) == wanted


@pytest.mark.parametrize("dtype", [pl.UInt8(), pl.Int32(), pl.Int64()])
def test_function__a_class_is_known_by_its_position(dtype: pl.DataType) -> None:
    codes = lambda p: by_pdg(p).with_columns(pl.col("semantic_label").to_physical().cast(dtype))  # noqa: E731
    assert labels_of(codes, classes=CLASSES) == labels_of(by_pdg)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ((), r"by_pdg: classes is \(\); it must be a list of names"),
        ("muon", "by_pdg: classes is 'muon'; it must be a list of names"),
        (("muon", 1), r"by_pdg: classes is \('muon', 1\)"),
        (("muon", "other", "muon"), "by_pdg names class 'muon' twice: muon, other, muon"),
    ],
)
def test_function__wrong_classes(classes: Any, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        FunctionLabels(function=by_pdg, classes=classes)


def test_function__what_it_leaves_out_has_no_label() -> None:
    left_out = lambda p: by_pdg(p).filter(pl.col("type") != 22)  # noqa: E731
    null = lambda p: by_pdg(p).with_columns(  # noqa: E731
        pl.when(pl.col("type") != 22).then(pl.col("semantic_label"))
    )
    for function in (left_out, null):
        applied = FunctionLabels(function=function).apply(TABLE)
        assert applied["semantic_label"].to_list() == [0, 1, None, 1, 0]
        assert applied["instance_label"].to_list() == [0, 1, None, 0, 1]
        assert applied["fault"].to_list() == [None, None, "unlabelled", None, None]
    named = FunctionLabels(function=left_out, unlabelled="other").apply(TABLE)
    assert named["semantic_label"].to_list() == [0, 1, 2, 1, 0]
    with pytest.raises(LabelError, match="<lambda> stops at a particle without label, no rule holds for it"):
        FunctionLabels(function=left_out, unlabelled="stop").apply(TABLE)
    with pytest.raises(LabelError, match="unlabelled is 'none'; it may be 'reject', 'stop' or a class"):
        FunctionLabels(function=left_out, unlabelled="none").label(TABLE)


def test_function__nothing_has_a_label() -> None:
    none = lambda p: p.with_columns(semantic_label=pl.lit(None), instance_label=pl.lit(None))  # noqa: E731
    assert labels_of(none, classes=CLASSES, columns=[]) == [(None, None)] * TABLE.height
    assert labels_of(lambda p: by_pdg(p).head(0), columns=["type"]) == [(None, None)] * TABLE.height


def test_function__objects_are_taken_as_given() -> None:
    number = pl.when(pl.col("g4_id") > 1).then(pl.col("g4_id") * 10)
    gaps = lambda p: by_pdg(p).with_columns(instance_label=number)  # noqa: E731
    assert [instance for _, instance in labels_of(gaps)] == [-1, 20, 50, -1, 20]
    assert {instance for _, instance in labels_of(lambda p: by_pdg(p).drop("instance_label"))} == {-1}


def test_function__orphans_circles_and_repeats_keep_their_fault() -> None:
    table = particles((0, 1, 0), (0, 2, 9), (0, 3, 4), (0, 4, 3), (1, 1, 0), (1, 1, 0), (2, 1, 0, 13))
    seen = []

    def watch(p: pl.LazyFrame) -> pl.LazyFrame:
        seen.append(p.collect()["event_index"].to_list())
        return by_pdg(p)

    scheme = FunctionLabels(function=watch, columns=["type"])
    seen.clear()
    applied = scheme.apply(table)
    repeated = "repeated_g4_id"
    assert applied["fault"].to_list() == [None, "orphan", "circle", "circle", repeated, repeated, None]
    assert applied["semantic_label"].to_list() == [2, None, None, None, None, None, 0]
    assert seen == [[0, 0, 0, 0, 2]]
    named = replace(scheme, orphans="electron").apply(table)
    assert named["semantic_label"].to_list() == [2, 1, 1, 1, None, None, 0]
    with pytest.raises(LabelError, match="event_index 1 has g4_id 1 on 2 particles"):
        scheme.label(table).collect()


def test_function__no_particles() -> None:
    assert FunctionLabels(function=by_pdg).apply(TABLE.clear()).height == 0
    assert FunctionLabels(function=by_pdg).label(TABLE.clear()).collect().height == 0


# what it reads


def parents_momentum(table: pl.LazyFrame) -> pl.LazyFrame:
    above = table.select("event_index", parent_id="g4_id", above="momentum")
    label = pl.when(pl.col("above") > 1).then(pl.lit("fast")).cast(pl.Enum(["fast"]))
    return table.join(above, on=["event_index", "parent_id"], how="left").with_columns(semantic_label=label)


def fast_primaries(table: pl.LazyFrame) -> pl.LazyFrame:
    rows = table.filter(pl.col("start_process") == "primary")
    return rows.select("event_index", "g4_id", semantic_label=pl.lit("fast").cast(pl.Enum(["fast"])))


@pytest.mark.parametrize(
    ("function", "columns"),
    [
        (by_pdg, ("type",)),
        (parents_momentum, ("momentum",)),
        (fast_primaries, ("start_process",)),
        (lambda p: by_pdg(p).sort("end_position_x"), ("type", "end_position_x")),
        (lambda p: by_pdg(p.filter(pl.col("momentum").max().over("run") > 1)), ("run", "type", "momentum")),
        (lambda p: by_pdg(p.select("type", *IDS).collect().lazy()), ("type",)),
        (lambda p: by_pdg(p).collect_schema() and by_pdg(p), ("type",)),
    ],
)
def test_function__columns_are_those_its_labels_need(function: Any, columns: tuple[str, ...]) -> None:
    assert FunctionLabels(function=function).columns == {"particle_table": (*IDS, *columns)}


def test_function__gets_exactly_its_columns() -> None:
    seen = []

    def watch(p: pl.LazyFrame) -> pl.LazyFrame:
        seen.append(p.collect_schema())
        return by_pdg(p)

    scheme = FunctionLabels(function=watch)
    assert seen[0] == known_columns()
    assert seen[1].names() == [*IDS, "type"]
    scheme.apply(SHUFFLED)
    assert seen[2:] == [SHUFFLED.select(*IDS, "type").schema]
    given = FunctionLabels(function=watch, classes=CLASSES, columns=("momentum", "type", "g4_id"))
    assert given.columns == {"particle_table": (*IDS, "momentum", "type")}
    assert len(seen) == 3
    given.apply(TABLE)
    assert seen[3].names() == [*IDS, "momentum", "type"]


def test_function__columns_that_no_schema_knows_are_named() -> None:
    def heavy(table: pl.LazyFrame) -> pl.LazyFrame:
        label = pl.when(pl.col("mass") > 1).then(pl.lit("heavy")).cast(pl.Enum(["heavy"]))
        return table.select("event_index", "g4_id", semantic_label=label)

    with pytest.raises(
        LabelError,
        match=r"heavy does not run on an empty particle table, so give columns=\(…\) and classes=\(…\): "
        r'ColumnNotFoundError: unable to find column "mass"',
    ):
        FunctionLabels(function=heavy)
    scheme = FunctionLabels(function=heavy, columns=["mass"])
    assert scheme.classes == ("heavy",)
    assert scheme.apply(TABLE.with_columns(mass=2.0))["semantic_label"].to_list() == [0] * TABLE.height
    with pytest.raises(LabelError, match="particle_table has no column 'mass', which heavy needs"):
        scheme.label(TABLE)


def test_function__columns_that_cannot_be_found_out() -> None:
    eager = lambda p: by_pdg(p.collect().lazy())  # noqa: E731
    with pytest.raises(
        LabelError, match=r"<lambda> reads all columns .* say with columns=\(…\) which it needs"
    ):
        FunctionLabels(function=eager)
    unneeded = lambda p: by_pdg(p.with_columns(fast=pl.col("momentum") > 1))  # noqa: E731
    with pytest.raises(LabelError, match=r'names columns that its labels do not need, .* column "momentum"'):
        FunctionLabels(function=unneeded, classes=CLASSES)
    for function in (eager, unneeded):
        assert labels_of(function, columns=("type", "momentum")) == labels_of(by_pdg)
    with pytest.raises(LabelError, match="columns is 'type'; it must be a list of names of columns"):
        FunctionLabels(function=by_pdg, columns="type")


# what is wrong with it


def changed(**columns: pl.Expr) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
    return lambda p: by_pdg(p).with_columns(**columns)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            changed(semantic_label=pl.col("g4_id") - 1),
            r"gives semantic_label 4 to event_index 3, g4_id 5 \(1 of 5 rows are wrong\); it may be a class "
            r"\(muon, electron, other\), its position \(0 to 2\) or null for none",
        ),
        (changed(semantic_label=pl.lit(-1)), "gives semantic_label -1 to event_index 3, g4_id 1"),
        (
            changed(semantic_label=pl.when(pl.col("type") == 22).then(pl.lit("photon"))),
            "gives semantic_label 'photon' to event_index 3, g4_id 5",
        ),
        (changed(semantic_label=pl.lit(1.0)), "gives semantic_label as Float64; it must be names of classes"),
        (changed(instance_label=pl.lit(1.0)), "gives instance_label as Float64; it must be integers"),
        (changed(instance_label=pl.lit(-2)), "gives instance_label -2 to event_index 3, g4_id 1"),
        (changed(instance_label=pl.lit(2**63, pl.UInt64)), f"gives instance_label {2**63} to event_index 3"),
        (
            changed(g4_id=pl.when(pl.col("g4_id") == 5).then(7).otherwise("g4_id")),
            "gives labels to event_index 3, g4_id 7, which the particle table does not have",
        ),
        (
            lambda p: pl.concat([by_pdg(p), by_pdg(p).filter(pl.col("type") == 22)]),
            r"gives several rows to one particle: event_index 3, g4_id 5 \(the first of 2 rows\)",
        ),
        (changed(g4_id=pl.lit(None, pl.Int32)), "gives 5 of 5 rows without g4_id"),
        (changed(g4_id=pl.col("g4_id").cast(pl.String)), "gives g4_id as String; it must be the integers"),
        (
            lambda p: by_pdg(p).drop("semantic_label"),
            "returns no column 'semantic_label' .has 'event_index', ",
        ),
        (lambda p: by_pdg(p).drop("event_index", "g4_id"), "returns no column 'event_index', 'g4_id'"),
        (lambda p: [p], "returns list, not a LazyFrame or DataFrame of Polars"),
        (lambda p: 1 / 0, "raises ZeroDivisionError: division by zero"),
        (
            lambda p: by_pdg(p.filter(pl.col("momentum") > 1)),
            r'raises ColumnNotFoundError: unable to find column "momentum".*it is given .*columns=\(…\)',
        ),
    ],
)
def test_function__what_it_gives_is_wrong(function: Any, message: str) -> None:
    scheme = FunctionLabels(function=function, classes=CLASSES, columns=("type",))
    with pytest.raises(LabelError, match=f"<lambda> {message}"):
        scheme.apply(TABLE)
    with pytest.raises(LabelError, match=f"<lambda> {message}"):
        scheme.label(TABLE).collect()


def test_function__is_a_function() -> None:
    with pytest.raises(LabelError, match="function is 'by_pdg', which cannot be called"):
        FunctionLabels(function="by_pdg")  # type: ignore[arg-type]


# as a value


class ByCharge:
    """A function that is an object."""

    classes = ("charged", "neutral")

    def __call__(self, table: pl.LazyFrame) -> pl.LazyFrame:
        return table.with_columns(semantic_label=(pl.col("type") == 22).cast(pl.Int8))


@pytest.mark.parametrize(
    ("function", "name", "place"),
    [
        (by_pdg, "by_pdg", "tests.labels.test_functions:by_pdg"),
        (partial(by_pdg, muon=11), "by_pdg", "tests.labels.test_functions:by_pdg(muon=11)"),
        (ByCharge(), "ByCharge", "tests.labels.test_functions:ByCharge"),
        (partial(ByCharge()), "ByCharge", "tests.labels.test_functions:ByCharge()"),
    ],
)
def test_function__says_what_it_is(function: Any, name: str, place: str) -> None:
    scheme = FunctionLabels(function=function)
    assert scheme.name == name
    assert scheme.describe() == {
        "scheme": name,
        "module": "numl_polars.labels.outside.functions",
        "classes": list(scheme.classes or ()),
        "parameters": {
            "unlabelled": "reject",
            "orphans": "reject",
            "function": place,
            "columns": {"particle_table": (*IDS, "type")},
        },
    }


def test_function__bound_arguments_count() -> None:
    scheme = FunctionLabels(function=partial(by_pdg, muon=22))
    assert scheme.apply(TABLE)["semantic_label"].to_list() == [2, 1, 0, 1, 2]


def test_function__pickles_if_the_function_does() -> None:
    for scheme in (
        FunctionLabels(function=by_pdg, orphans="other"),
        FunctionLabels(function=partial(by_pdg)),
    ):
        again = pickle.loads(pickle.dumps(scheme))
        assert (again.classes, again.columns, again.orphans) == (
            scheme.classes,
            scheme.columns,
            scheme.orphans,
        )
        assert again.apply(TABLE).equals(scheme.apply(TABLE))
    assert pickle.loads(pickle.dumps(FunctionLabels(function=by_pdg))) == FunctionLabels(function=by_pdg)


def test_function__explains_without_rules() -> None:
    told = FunctionLabels(function=by_pdg, orphans="stop").explain(pl.concat([TABLE, particles((4, 3, 9))]))
    assert told["label"].to_list() == ["muon", "electron", "other", "electron", "muon", None]
    assert told["rule"].to_list() == [None] * 6
    assert told["fault"].to_list() == [None] * 5 + ["orphan"]
