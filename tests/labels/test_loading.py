"""Labellings named by a text: what each form loads, the layers, and what is said of what is no labelling."""

import pickle
import re
from pathlib import Path

import polars as pl
import pytest

import numl_polars as nl
from numl_polars.labels.outside.loading import (
    EVENT_SCHEMES,
    PARTICLE_SCHEMES,
    event_layers,
    load_event_labels,
    load_particle_labels,
    particle_layers,
)
from tests.labels.user_files import SCHEMES, user_folder, write

PARTICLES = pl.DataFrame(
    {
        "event_index": [0, 0, 0],
        "g4_id": [1, 2, 3],
        "parent_id": [0, 1, 1],
        "type": [13, 11, 11],
        "momentum": [0.5, 0.15, 0.015],
    }
)

folder = pytest.fixture(autouse=True)(user_folder)


def labels_of(spec: str) -> list[int | None]:
    scheme = load_particle_labels(spec)
    assert scheme is not None
    return scheme.label(PARTICLES).collect()["semantic_label"].to_list()


# ---- what each form loads


def test_load__included_schemes_are_those_of_the_package() -> None:
    names = {
        "standard": nl.StandardLabels, "simple": nl.SimpleLabels, "ccqe": nl.CCQELabels,
        "delta-rays": nl.DeltaRayLabels, "topology": nl.TopologyLabels,
    }  # fmt: skip
    assert {name: type(load_particle_labels(name)) for name in PARTICLE_SCHEMES} == names
    events = {"flavor": nl.FlavorLabels, "proton-decay": nl.ProtonDecayLabels}
    assert {name: type(load_event_labels(name)) for name in EVENT_SCHEMES} == events


def test_load__none_is_no_labelling() -> None:
    assert load_particle_labels("none") is None
    assert load_event_labels(" none ") is None


@pytest.mark.parametrize(
    ("spec", "scheme"),
    [
        ("standard", nl.StandardLabels()),
        ("standard()", nl.StandardLabels()),
        (" standard ( ) ", nl.StandardLabels()),
        ("standard(gamma_threshold=0.05)", nl.StandardLabels(gamma_threshold=0.05)),
        (
            "simple(unlabelled='diffuse', orphans=\"invisible\",)",
            nl.SimpleLabels(unlabelled="diffuse", orphans="invisible"),
        ),
        ("numl_polars:SimpleLabels(hadron_threshold=1)", nl.SimpleLabels(hadron_threshold=1)),
        ("numl_polars.labels.schemes.topology:TopologyLabels", nl.TopologyLabels()),
    ],
)
def test_load__parameters_are_those_of_the_constructor(spec: str, scheme: nl.ParticleLabels) -> None:
    assert load_particle_labels(spec) == scheme


@pytest.mark.parametrize(
    ("spec", "labels", "orphans"),
    [
        ("labels.py:TrackShower", [0, 1, 0], "reject"),
        ("./labels.py:TrackShower(threshold=0.2)", [0, 0, 0], "reject"),
        ("labels:TrackShower(threshold=1e-3)", [0, 1, 1], "reject"),
        ("labels.py:Needy(margin=-1)", [0, 1, 0], "reject"),
        ("labels.py:wide", [0, 1, 0], "reject"),
        ("labels.py:loose", [0, 1, 1], "track"),
        ("labels.py:loose(threshold=0.02)", [0, 1, 0], "track"),
        ("labels.py:loose(orphans='stop')", [0, 1, 1], "stop"),
    ],
)
def test_load__scheme_of_a_file(spec: str, labels: list[int], orphans: str) -> None:
    scheme = load_particle_labels(spec)
    assert scheme is not None
    assert scheme.orphans == orphans
    assert labels_of(spec) == labels


def test_load__event_scheme_of_a_file() -> None:
    scheme = load_event_labels("labels.py:Currents(unlabelled='nc')")
    assert isinstance(scheme, nl.EventLabels)
    assert scheme.parameters == {"unlabelled": "nc"}
    events = pl.DataFrame({"event_index": [0, 1], "is_cc": [0, 1]})
    assert scheme.label(events).collect()["event_label"].to_list() == [1, 0]


@pytest.mark.parametrize(
    ("spec", "labels"),
    [
        ("labels.py:by_momentum", [1, 1, 0]),
        ("labels.py:by_momentum(threshold=0.2)", [1, 0, 0]),
        ("labels.py:by_momentum(threshold=0.2, below='other')", [1, 2, 2]),
        ("labels.py:needy(threshold=0.2, classes=('hard', 'soft'))", [0, 1, 1]),
        ("labels.py:of_anything(a=1, b=2, classes=['x', 'y', 'z'], columns=[])", [2, 2, 2]),
        ("labels.py:callable_object", [1, 1, 0]),
    ],
)
def test_load__function(spec: str, labels: list[int]) -> None:
    assert isinstance(load_particle_labels(spec), nl.FunctionLabels)
    assert labels_of(spec) == labels


def test_load__function_leaves_policies_to_its_scheme() -> None:
    scheme = load_particle_labels("labels.py:by_momentum(unlabelled='other', orphans='stop', threshold=3)")
    assert isinstance(scheme, nl.FunctionLabels)
    assert (scheme.unlabelled, scheme.orphans) == ("other", "stop")


@pytest.mark.parametrize(
    ("name", "threshold"),
    [("Labeller", 0.1), ("Labeller(threshold=3)", 3), ("Labeller(threshold=3, unlabelled='soft')", 3)],
)
def test_load__labeller_of_pynuml(name: str, threshold: float) -> None:
    pytest.importorskip("pandas")
    particles, events = load_particle_labels(f"labeller.py:{name}"), load_event_labels(f"labeller.py:{name}")
    assert isinstance(particles, nl.PynumlLabels)
    assert isinstance(events, nl.PynumlEventLabels)
    for scheme in (particles, events):
        assert scheme.classes == ("soft", "hard", "invisible")
        assert vars(scheme.labeller)["threshold"] == threshold
        assert scheme.unlabelled == ("soft" if "unlabelled" in name else "reject")


@pytest.mark.parametrize("name", ["loose", "function", "function(orphans='soft')"])
def test_load__object_with_labels_is_a_labeller_of_pynuml(name: str) -> None:
    pytest.importorskip("pandas")
    assert isinstance(load_particle_labels(f"labeller.py:{name}"), nl.PynumlLabels)


def test_load__tilde_is_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = folder / "home"
    write(home / "labels.py", SCHEMES.replace("0.02", "0.03"))
    write(home / "recipe.toml", 'scheme = "labels.py:TrackShower"')
    monkeypatch.setenv("HOME", str(home))
    for spec in ("~/labels.py:TrackShower", "~/recipe.toml"):
        scheme = particle_layers([f"a={spec}"])["a"]
        assert scheme.parameters["threshold"] == 0.03


def test_load__same_text_is_the_same_scheme() -> None:
    one, other = (load_particle_labels("labels.py:TrackShower(threshold=1)") for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != load_particle_labels("labels.py:TrackShower(threshold=2)")
    assert pickle.loads(pickle.dumps(one)) == other


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ('scheme = "simple"', "simple"),
        ('scheme = "labels.py:TrackShower"', "sub/labels.py:TrackShower"),
        ('scheme = "numl_polars:CCQELabels"\n[parameters]\norphans = "stop"', "ccqe(orphans='stop')"),
        ('scheme = "labels.py:loose"\nparameters = {threshold = 2}', "sub/labels.py:loose(threshold=2)"),
        ('scheme = "../labels.py:loose"\n[parameters]\nthreshold = 1e-3', "labels:loose(threshold=1e-3)"),
    ],
)  # fmt: skip
def test_recipe__is_what_it_says(text: str, spec: str, folder: Path) -> None:
    write(folder / "sub/labels.py", SCHEMES.replace("0.02", "0.03"))
    write(folder / "sub/recipe.toml", text)
    one, other = load_particle_labels("sub/recipe.toml"), load_particle_labels(spec)
    assert one is not None
    assert other is not None
    same = ("scheme", "classes", "parameters")
    assert [one.describe()[key] for key in same] == [other.describe()[key] for key in same]


def test_recipe__arrays_are_tuples_and_scheme_is_hashable(folder: Path) -> None:
    text = """
        import numl_polars as nl
        from numl_polars.labels import abs_pdg

        class Codes(nl.ParticleLabels):
            classes = ("known", "other")
            codes: tuple[int, ...] = (11,)

            def rules(self):
                return [nl.Rule("known", when=abs_pdg.is_in(self.codes + (0,))), nl.Rule("other")]
    """
    write(folder / "codes.py", text)
    write(folder / "recipe.toml", 'scheme = "codes.py:Codes"\n[parameters]\ncodes = [13, 15]')
    assert hash(load_particle_labels("recipe.toml")) == hash(
        load_particle_labels("codes.py:Codes(codes=(13, 15))")
    )
    assert labels_of("recipe.toml") == [0, 1, 1]


def test_recipe__of_events(folder: Path) -> None:
    write(folder / "recipe.toml", 'scheme = "labels.py:Currents"\n[parameters]\nunlabelled = "nc"')
    scheme = load_event_labels("recipe.toml")
    assert scheme is not None
    assert scheme.parameters == {"unlabelled": "nc"}


# ---- layers


def test_layers__name_before_the_scheme() -> None:
    specs = ["standard(unlabelled='diffuse')", "shape = topology", "d2=labels.py:TrackShower(threshold=1)"]
    layers = particle_layers([*specs, "no=none", "none"])
    assert {name: type(scheme).__name__ for name, scheme in layers.items()} == {
        "semantic": "StandardLabels",
        "shape": "TopologyLabels",
        "d2": "TrackShower",
    }
    assert list(event_layers(["decay=proton-decay", "flavor"])) == ["decay", "event"]


@pytest.mark.parametrize("specs", [[], ["none"], ["none", "x=none"]])
def test_layers__none_gives_no_layer(specs: list[str]) -> None:
    assert particle_layers(specs) == {}
    assert event_layers(specs) == {}


@pytest.mark.parametrize("spec", ["./x=y/labels.py:loose", "labels.py:loose(orphans='a=b')"])
def test_layers__equals_sign_of_a_path_or_parameter_names_no_layer(spec: str, folder: Path) -> None:
    write(folder / "x=y/labels.py", SCHEMES)
    write(folder / "labels.py", SCHEMES.replace('("track", "shower")', '("track", "shower", "a=b")'))
    assert list(particle_layers([spec])) == ["semantic"]


@pytest.mark.parametrize(
    ("specs", "told"),
    [
        (
            ["standard", "simple"],
            "standard and simple both label particles in layer 'semantic'; write NAME=SPEC to give one a "
            "layer of its own, as in other=simple",
        ),
        (["standard", "semantic=simple"], "standard and simple both label particles in layer 'semantic'"),
        (["a=standard", "a=standard"], "standard and standard both label particles in layer 'a'"),
        (["Delta-Ray=simple"], "layer 'Delta-Ray': a layer is named by lower-case letters"),
        (["=simple"], "layer '': a layer is named by lower-case letters and digits"),
        (["2d=none"], "layer '2d': a layer is named by"),
        (["a=b=simple"], "'b=simple' names no labels of particles"),
    ],
)
def test_layers__wrong_names_are_told(specs: list[str], told: str) -> None:
    with pytest.raises(nl.OptionError, match=f"^{re.escape(told)}"):
        particle_layers(specs)


# ---- what is said of what is no labelling

NEED = (
    "need a subclass of ParticleLabels or an instance of one, a function from a particle LazyFrame to one "
    "with label columns, or a labeller written for pynuml, which has `labels` and `__call__`$"
)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            "",
            "'' names no labels of particles; these may be standard, simple, ccqe, delta-rays, topology, "
            "path/to/labels.py:NAME or package.module:NAME, all with parameters in parentheses, "
            "NAME(parameter=value); or path/to/recipe.toml, or none$",
        ),
        ("standrd(a=1)", "'standrd' names no labels of particles (did you mean standard?); these may be"),
        ("flavor", "'flavor' labels events, not particles; these may be standard"),
        ("sub/labels:X", "'sub/labels:X' names no labels of particles"),
        ("recipe.toml(a=1)", "'recipe.toml(a=1)' names no labels of particles"),
        ("none(a=1)", "'none' names no labels of particles"),
        ("labels.py:loose)", "'labels.py:loose)' names no labels of particles"),
        ("labels.py:CUT", f"labels.py:CUT is 0.1 (float); labels of particles {NEED}"),
        ("labels.py:pl", f"labels.py:pl is a module; labels of particles {NEED}"),
        ("labeller.py:NoCall", f"labeller.py:NoCall is a class; labels of particles {NEED}"),
        ("labeller.py:NoLabels", f"labeller.py:NoLabels is a class; labels of particles {NEED}"),
        ("labels.py:Currents", f"labels.py:Currents labels events, not particles; these {NEED}"),
        ("numl_polars:FlavorLabels", "numl_polars:FlavorLabels labels events, not particles"),
        ("numl_polars:EdgeLabels", "numl_polars:EdgeLabels labels edges, not particles"),
        ("labels.py:NoRules", "labels.py:NoRules is no whole scheme: it does not define rules$"),
        ("numl_polars:ParticleLabels", "numl_polars:ParticleLabels is no whole scheme: it does not define"),
    ],
)
def test_load__what_is_no_labelling_is_told(spec: str, told: str) -> None:
    ends = "$" if told.endswith("$") else ""
    with pytest.raises(nl.OptionError, match=f"^{re.escape(told.removesuffix('$'))}{ends}"):
        load_particle_labels(spec)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("standard", "'standard' labels particles, not events; these may be flavor, proton-decay, path/to/"),
        (
            "labels.py:TrackShower",
            "labels.py:TrackShower labels particles, not events; these need a subclass of EventLabels or an "
            "instance of one, or a labeller written for pynuml",
        ),
        ("labels.py:by_momentum", "labels.py:by_momentum is a function; labels of events need"),
        ("labels.py:callable_object", "labels.py:callable_object is <"),
        (
            "labels.py:Currents(orphans='nc')",
            "labels.py:Currents has no parameter 'orphans'; it takes unlabelled='reject'",
        ),
    ],
)
def test_load__what_is_no_labelling_of_events_is_told(spec: str, told: str) -> None:
    with pytest.raises(nl.OptionError, match=f"^{re.escape(told)}"):
        load_event_labels(spec)


POLICIES = "unlabelled='reject', orphans='reject'"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("TrackShower(treshold=1)", f"has no parameter 'treshold'; it takes {POLICIES}, threshold=0.02$"),
        ("loose(treshold=1)", f"has no parameter 'treshold'; it takes {POLICIES}, threshold=0.02$"),
        ("Needy", f"needs parameter 'margin'; it takes {POLICIES}, threshold=0.02, margin$"),
        (
            "by_momentum(cut=1)",
            f"has no parameter 'cut'; it takes threshold=0.1, below='soft', {POLICIES}, classes=None, "
            f"columns=None$",
        ),
        ("by_momentum(particles=1)", "has no parameter 'particles'; it takes threshold"),
        ("by_momentum(function=1)", "has no parameter 'function'; it takes threshold"),
        ("needy", "needs parameter 'threshold'; it takes threshold, unlabelled="),
    ],
)
def test_load__parameter_that_is_unknown_or_missing_is_told(spec: str, told: str) -> None:
    whole = f"labels.py:{spec.partition('(')[0]} {told}"
    ends = "$" if told.endswith("$") else ""
    with pytest.raises(nl.OptionError, match=f"^{re.escape(whole.removesuffix('$'))}{ends}"):
        load_particle_labels(f"labels.py:{spec}")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("Labeller(cut=1)", "Labeller has no parameter 'cut'; it takes threshold=0.1, unlabelled='reject', "),
        ("loose(threshold=1)", "loose has no parameter 'threshold'; it takes unlabelled='reject', "),
    ],
)
def test_load__unknown_parameter_of_a_labeller_of_pynuml_is_told(spec: str, told: str) -> None:
    with pytest.raises(nl.OptionError, match=f"^{re.escape(f'labeller.py:{told}')}"):
        load_particle_labels(f"labeller.py:{spec}")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("labels.py:WrongClass", "rule 0 gives class 'shwoer', which is not one of its classes"),
        ("labels.py:TrackShower(unlabelled='shwoer')", "TrackShower: unlabelled is 'shwoer'; it may be"),
        ("standard(orphans='nowhere')", "StandardLabels: orphans is 'nowhere'; it may be"),
    ],
)
def test_load__scheme_that_contradicts_itself_is_told_at_once(spec: str, told: str) -> None:
    with pytest.raises(nl.OptionError, match=re.escape(told)):
        load_particle_labels(spec)
