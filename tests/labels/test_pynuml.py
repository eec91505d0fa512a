import pickle
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from numl_polars.errors import LabelError, LabelWarning
from numl_polars.labels.outside.pynuml import PynumlEventLabels, PynumlLabels
from numl_polars.labels.schemes.events import FlavorLabels
from tests.labels.particles import particles

pd = pytest.importorskip("pandas")

IDS = ("event_index", "g4_id", "parent_id")
ROWS = [
    (3, 1, 0, 13, "primary", "Decay", 1.0),
    (3, 2, 1, 11, "Decay", "eIoni", 0.02),
    (3, 5, 2, 22, "eBrem", "phot", 0.01),
    (4, 1, 0, 11, "primary", "eBrem", 0.5),
    (4, 2, 1, 13, "muPairProd", "Decay", 0.25),
    (6, 1, 0, 2112, "primary", "Decay", 2.0),
]
TABLE = particles(*ROWS)
SHUFFLED = TABLE[[4, 1, 5, 0, 3, 2]]


class ByParent:
    """Whether a particle is like its parent, in the style of pynuml's labellers."""

    def __init__(self) -> None:
        self.frames: list[Any] = []

    @property
    def labels(self) -> list[str]:
        return ["primary", "lepton", "other"]

    def __call__(self, part: Any) -> Any:
        self.frames.append(part.copy())
        part["semantic_label"] = 0
        part.loc[part.parent_id > 0, "semantic_label"] = 1
        part.loc[part.type == 22, "semantic_label"] = 2
        part["instance_label"] = part.index
        return part.set_index("g4_id", drop=False)


class Faulty(ByParent):
    """Raises where there is a neutron."""

    def __call__(self, part: Any) -> Any:
        for _, row in part.iterrows():
            if row.type == 2112:
                raise KeyError(f"no label for {row.type}\nat all")
        return super().__call__(part)


class Returning(ByParent):
    """Returns what it was given, made of the particles or not."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def __call__(self, part: Any) -> Any:
        return self.result(part) if callable(self.result) else self.result


def with_labels(**columns: Any) -> Returning:
    return Returning(lambda part: part.assign(semantic_label=0, instance_label=0).assign(**columns))


@contextmanager
def slow() -> Iterator[None]:
    """The warning of slowness is expected, and no other."""
    with pytest.warns(LabelWarning, match="called event by event, at the speed of pandas") as caught:
        yield
    assert len(caught) == 1


def apply(scheme: PynumlLabels, table: pl.DataFrame = TABLE) -> pl.DataFrame:
    with slow():
        return scheme.apply(table)


def test_particles__called_per_event_as_pynuml_does() -> None:
    labeller = ByParent()
    apply(PynumlLabels(labeller=labeller), TABLE.with_columns(pl.col(pl.String).cast(pl.Categorical)))
    assert [frame["g4_id"].tolist() for frame in labeller.frames] == [[1, 2, 5], [1, 2], [1]]
    second = labeller.frames[1]
    assert second.columns.tolist() == [
        "g4_id",
        "parent_id",
        "type",
        "momentum",
        "start_process",
        "end_process",
    ]
    assert second.index.tolist() == [0, 1]
    assert [str(dtype) for dtype in second.dtypes[:4]] == ["int32", "int32", "int32", "float32"]
    assert second.start_process.tolist() == ["primary", "muPairProd"]
    row = second.iloc[1]
    assert (row.end_process, row.momentum) == ("Decay", 0.25)
    assert isinstance(row.end_process, str)


def test_particles__labels_row_for_row_in_any_order() -> None:
    scheme = PynumlLabels(labeller=ByParent())
    wanted = dict(
        zip(TABLE.select(IDS[:2]).rows(), [(0, 0), (1, 1), (2, 2), (0, 0), (1, 1), (0, 0)], strict=True)
    )
    assert apply(scheme)["fault"].null_count() == TABLE.height
    found = scheme.label(TABLE.lazy()).collect()
    assert {row[:2]: row[2:] for row in found.rows()} == wanted
    # in the order of rows the first of event 4 is its second particle
    shuffled = scheme.label(SHUFFLED).collect()
    assert shuffled.select(IDS[:2]).equals(SHUFFLED.select(IDS[:2]))
    assert shuffled["semantic_label"].to_list() == [wanted[ids][0] for ids in SHUFFLED.select(IDS[:2]).rows()]
    assert shuffled["instance_label"].to_list() == [0, 0, 0, 1, 1, 2]
    assert scheme.apply(SHUFFLED).drop("fault").equals(shuffled.drop(IDS[:2]))


def test_particles__all_classes_but_the_last_are_trained() -> None:
    scheme = PynumlLabels(labeller=ByParent())
    assert scheme.classes == ("primary", "lepton", "other")
    assert (scheme.trained_classes, scheme.untrained) == (("primary", "lepton"), ("other",))
    scheme.check()
    renamed = PynumlLabels(labeller=ByParent(), classes=["a", "b", "c"])
    assert renamed.trained_classes == ("a", "b")


def only_g4_id(part: Any) -> Any:
    return part[part.type == 13][["g4_id"]].assign(semantic_label=1)


def test_particles__a_plain_function_needs_classes() -> None:
    with pytest.raises(
        LabelError, match=r"PynumlLabels\(only_g4_id\): the labeller has no `labels`, so name its"
    ):
        PynumlLabels(labeller=only_g4_id)
    scheme = PynumlLabels(labeller=only_g4_id, classes=("electron", "muon"))
    assert scheme.trained_classes == ("electron", "muon")
    applied = apply(scheme)
    assert applied["semantic_label"].to_list() == [1, None, None, None, 1, None]
    assert applied["instance_label"].to_list() == [-1, None, None, None, -1, None]
    assert applied["fault"].drop_nulls().to_list() == ["unlabelled"] * 4
    with pytest.raises(LabelError, match="labeller is 3, which cannot be called"):
        PynumlLabels(labeller=3)  # type: ignore[arg-type]


def test_particles__says_once_that_it_is_slow() -> None:
    scheme = PynumlLabels(labeller=ByParent())
    apply(scheme)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheme.apply(TABLE)


def test_particles__an_event_on_which_it_raises_has_no_labels() -> None:
    table = pl.concat([particles((2, 1, 0, 2112)), TABLE])
    scheme = PynumlLabels(labeller=Faulty())
    apply(scheme, TABLE.head(5))
    counted = (
        r"PynumlLabels\(Faulty\): the labeller raised on 2 of 4 events, whose particles stay without label; "
        r"the first is event_index 2: KeyError: 'no label for 2112"
    )
    with pytest.warns(LabelWarning, match=counted) as caught:
        applied = scheme.apply(table)
    assert len(caught) == 1
    assert applied["semantic_label"].to_list() == [None, 0, 1, 2, 0, 1, None]
    assert applied["fault"].to_list() == ["unlabelled", *[None] * 5, "unlabelled"]
    with pytest.warns(LabelWarning):
        named = replace(scheme, unlabelled="other").apply(table)
    assert named["semantic_label"].to_list() == [2, 0, 1, 2, 0, 1, 2]
    with pytest.warns(LabelWarning), pytest.raises(LabelError, match="stops at a particle without label"):
        replace(scheme, unlabelled="stop").apply(table)


def test_particles__orphans_circles_and_repeats_keep_their_fault() -> None:
    table = particles((0, 1, 0), (0, 2, 9), (0, 3, 4), (0, 4, 3), (1, 1, 0), (1, 1, 0))
    labeller = ByParent()
    applied = apply(PynumlLabels(labeller=labeller), table)
    assert applied["fault"].to_list() == [None, "orphan", "circle", "circle", *["repeated_g4_id"] * 2]
    assert applied["semantic_label"].to_list() == [0, None, None, None, None, None]
    assert len(labeller.frames) == 1


def test_particles__none_means_no_labels() -> None:
    assert apply(PynumlLabels(labeller=Returning(None)))["fault"].to_list() == ["unlabelled"] * TABLE.height
    assert PynumlLabels(labeller=Returning(None)).apply(TABLE.clear()).height == 0


@pytest.mark.parametrize("nothing", [-1, -1.0, float("nan"), None, pd.NA])
def test_particles__no_label_has_many_forms(nothing: Any) -> None:
    applied = apply(PynumlLabels(labeller=with_labels(semantic_label=nothing)))
    assert applied["fault"].to_list() == ["unlabelled"] * TABLE.height
    objects = apply(PynumlLabels(labeller=with_labels(instance_label=nothing)))
    assert objects["semantic_label"].to_list() == [0] * TABLE.height
    assert objects["instance_label"].to_list() == [-1] * TABLE.height


@pytest.mark.parametrize(
    ("labeller", "message"),
    [
        (Returning([1]), "event_index 3: the labeller returns list, not a pandas DataFrame"),
        (
            Returning(lambda part: part[["type"]]),
            r"event_index 3: the labeller returns no column 'g4_id', 'semantic_label' \(has 'type'\)",
        ),
        (with_labels(semantic_label="muon"), "event_index 3: semantic_label is (str|object), not integer"),
        (with_labels(semantic_label=0.5), "event_index 3: semantic_label is 0.5, not an integer"),
        (with_labels(instance_label=float("inf")), "event_index 3: instance_label is inf, not an integer"),
        (with_labels(semantic_label=3), "gives semantic_label 3 to event_index 3, g4_id 1"),
        (with_labels(g4_id=1), "gives several rows to one particle: event_index 3, g4_id 1"),
        (with_labels(g4_id=7), "gives labels to event_index 3, g4_id 7"),
    ],
)
def test_particles__what_it_returns_is_wrong(labeller: Returning, message: str) -> None:
    with slow(), pytest.raises(LabelError, match=rf"PynumlLabels\(Returning\).*{message}"):
        PynumlLabels(labeller=labeller).apply(TABLE)


def test_particles__columns() -> None:
    usual = ("type", "momentum", "start_process", "end_process")
    assert PynumlLabels(labeller=ByParent()).columns == {"particle_table": (*IDS, *usual)}
    labeller = ByParent()
    scheme = PynumlLabels(labeller=labeller, columns=["type", "length"])
    assert scheme.columns == {"particle_table": (*IDS, "type", "length")}
    apply(scheme, TABLE.with_columns(length=1.0))
    assert labeller.frames[0].columns.tolist() == ["g4_id", "parent_id", "type", "length"]
    with pytest.raises(LabelError, match=r"no column 'length', which PynumlLabels\(ByParent\) needs"):
        scheme.label(TABLE)


def test_particles__is_a_value() -> None:
    scheme = PynumlLabels(labeller=only_g4_id, classes=("electron", "muon"), orphans="muon")
    again = pickle.loads(pickle.dumps(scheme))
    assert again == scheme
    assert (again.classes, again.columns) == (scheme.classes, scheme.columns)
    described = scheme.describe()
    assert described["scheme"] == "PynumlLabels(only_g4_id)"
    assert described["classes"] == ["electron", "muon"]
    assert described["parameters"]["labeller"] == "tests.labels.test_pynuml:only_g4_id"
    assert PynumlLabels(labeller=ByParent()).describe()["parameters"]["labeller"].endswith(":ByParent")


def test_particles__explains_without_rules() -> None:
    with slow():
        told = PynumlLabels(labeller=ByParent()).explain(TABLE)
    assert told["label"].to_list() == ["primary", "lepton", "other", "primary", "lepton", "primary"]
    assert told["rule"].null_count() == told.height


def test_pynuml__needs_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for adapter in (PynumlLabels, PynumlEventLabels):
        with pytest.raises(
            LabelError, match=rf"{adapter.__name__}\(ByParent\) needs pandas.*: install pandas"
        ):
            adapter(labeller=ByParent())


# events

EVENTS = pl.DataFrame(
    {"event_index": [4, 5, 6, 7, 8], "is_cc": [1, 1, 1, 0, 1], "nu_pdg": [12, -14, 16, -14, 22]},
    schema={"event_index": pl.Int64(), "is_cc": pl.Int32(), "nu_pdg": pl.Int32()},
)


class Flavor:
    """Flavour of the neutrino, in the style of pynuml's labellers."""

    labels = FlavorLabels.classes

    def __call__(self, event: Any) -> int:
        if not event.is_cc:
            return 3
        try:
            return {12: 0, 14: 1, 16: 2}[abs(event.nu_pdg)]
        except KeyError:
            raise ValueError(f"PDG code {event.nu_pdg} not recognised.") from None


def test_events__equal_to_rules() -> None:
    scheme = PynumlEventLabels(labeller=Flavor())
    assert scheme.classes == scheme.trained_classes == FlavorLabels.classes
    known = EVENTS.head(4)
    labels = scheme.label(known.lazy())
    assert labels.collect_schema() == {"event_index": pl.Int64(), "event_label": pl.Int64()}
    assert labels.collect().equals(FlavorLabels().label(known).collect())
    assert scheme.label(EVENTS.clear()).collect().height == 0


def test_events__one_on_which_it_raises_has_no_label() -> None:
    scheme = PynumlEventLabels(labeller=Flavor())
    counted = (
        r"raised on 1 of 5 events, which stay without label; .* event_index 8: ValueError: PDG code 22 not"
    )
    with pytest.warns(LabelWarning, match=counted):
        assert scheme.label(EVENTS).collect()["event_label"].to_list() == [0, 1, 2, 3, None]
    with pytest.warns(LabelWarning):
        named = replace(scheme, unlabelled="nc").label(EVENTS).collect()
    assert named["event_label"].to_list() == [0, 1, 2, 3, 3]
    with pytest.warns(LabelWarning), pytest.raises(LabelError, match=r"stops at an event .* nu_pdg 22"):
        replace(scheme, unlabelled="stop").label(EVENTS).collect()
    with pytest.raises(LabelError, match="unlabelled is 'none'; it may be 'reject', 'stop' or a class"):
        replace(scheme, unlabelled="none").label(EVENTS)


def energy_class(event: Any) -> Any:
    return {4: None, 5: -1, 6: 1.0, 7: float("nan"), 8: 0}[int(event.nu_energy)]


def test_events__columns_classes_and_missing_labels() -> None:
    scheme = PynumlEventLabels(labeller=energy_class, classes=["low", "high"], columns=["nu_energy"])
    assert scheme.columns == {"event_table": ("event_index", "nu_energy")}
    labels = scheme.label(EVENTS.with_columns(nu_energy=pl.col("event_index").cast(pl.Float32))).collect()
    assert labels["event_label"].to_list() == [None, None, 1, None, 0]
    assert pickle.loads(pickle.dumps(scheme)) == scheme
    with pytest.raises(LabelError, match="event_table has no column 'nu_energy'"):
        scheme.label(EVENTS)
    with pytest.raises(LabelError, match="the labeller has no `labels`"):
        PynumlEventLabels(labeller=energy_class)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (2, r"gives 2 to event_index 4; it may be the position of a class \(low, high\), or -1 or None"),
        (-2, "gives -2 to event_index 4"),
        (0.5, "the event label is 0.5, not an integer"),
        ("low", "the event label is object, not integer"),
    ],
)
def test_events__what_it_returns_is_wrong(label: Any, message: str) -> None:
    scheme = PynumlEventLabels(labeller=lambda event: label, classes=["low", "high"])
    with pytest.raises(LabelError, match=message):
        scheme.label(EVENTS).collect()
