"""Schemes as values: parameters, equality, copies, and what becomes of particles that no rule labels."""

import copy
import pickle
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from numl_polars.errors import LabelError
from numl_polars.labels.event_labels import EventLabels
from numl_polars.labels.expressions import has_ancestor, momentum, parent, sum_over_children
from numl_polars.labels.particle_codes import is_baryon, is_electron, is_muon
from numl_polars.labels.particle_labels import ParticleLabels
from numl_polars.labels.rules import Rule
from numl_polars.labels.scheme import Scheme
from tests.labels.particles import class_names, particles, scheme_of

TABLE = particles((0, 1, 0, 13, "", "", 1.0), (0, 2, 1, 11, "", "", 0.2), (0, 3, 0, 22))


class TrackShower(ParticleLabels):
    """What a user writes."""

    threshold: float = 0.1
    kind: str = "both"

    classes = ("track", "shower")

    def rules(self) -> Sequence[Rule]:
        near = parent(is_muon) | has_ancestor(is_baryon) | (sum_over_children(momentum) > 100)
        return [
            Rule("shower", when=is_electron & near & (momentum > self.threshold), spreads=True),
            Rule("track", when=is_muon),
        ]


class Stricter(TrackShower):
    threshold: float = 0.5
    extra: int = 1


class Plain(ParticleLabels):
    classes = ("all",)

    def rules(self) -> Sequence[Rule]:
        return [Rule("all")]


def test_scheme__annotated_attributes_are_arguments_of_the_constructor() -> None:
    scheme = TrackShower(threshold=0.3)
    assert (scheme.threshold, scheme.kind) == (0.3, "both")
    assert class_names(scheme, TABLE) == ["track", None, None]
    assert class_names(TrackShower(), TABLE) == ["track", "shower", None]
    assert scheme.parameters == {
        "unlabelled": "reject", "orphans": "reject", "threshold": 0.3, "kind": "both"
    }  # fmt: skip
    assert repr(scheme) == ("TrackShower(unlabelled='reject', orphans='reject', threshold=0.3, kind='both')")


@pytest.mark.parametrize(
    "arguments, message",
    [({"treshold": 1}, "unexpected keyword argument 'treshold'"), ({"classes": ("a",)}, "'classes'")],
)
def test_scheme__takes_no_other_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        TrackShower(**arguments)


def test_scheme__takes_no_arguments_by_position() -> None:
    with pytest.raises(TypeError, match="positional argument"):
        TrackShower(*[0.3])


def test_scheme__parameters_are_inherited_and_may_be_changed() -> None:
    assert Stricter().parameters["threshold"] == 0.5
    assert Stricter(threshold=0.1, extra=2).extra == 2
    assert class_names(Stricter(), TABLE) == ["track", None, None]


@pytest.mark.parametrize("base", [ParticleLabels, EventLabels, TrackShower])
def test_scheme__own_constructor_is_an_error_in_words(base: type[Scheme]) -> None:
    def initialise(self: object, threshold: float) -> None: ...

    with pytest.raises(
        LabelError, match=r"Mine has an __init__; write its parameters as annotated attributes .*float = 0.1"
    ):
        type("Mine", (base,), {"__init__": initialise})


def test_scheme__without_rules_cannot_be_made() -> None:
    with pytest.raises(TypeError, match=r"abstract method .?rules"):
        type("Mine", (ParticleLabels,), {"classes": ("a",)})()


@pytest.mark.parametrize("given", [None, Rule("a"), Rule])
def test_scheme__whose_rules_are_no_list_is_an_error_in_words(given: Any) -> None:
    scheme = type("Mine", (ParticleLabels,), {"classes": ("a",), "rules": lambda self: given})()
    with pytest.raises(LabelError, match=r"Mine.*rules"):
        scheme.check()


def test_scheme__without_classes_is_an_error_in_words() -> None:
    scheme = type("Mine", (ParticleLabels,), {"rules": lambda self: [Rule("a")]})()
    with pytest.raises(LabelError, match="Mine names no classes"):
        scheme.check()


def test_scheme__classes_that_are_one_text_are_an_error_in_words() -> None:
    scheme = type("Mine", (ParticleLabels,), {"classes": "track", "rules": lambda self: [Rule("track")]})()
    with pytest.raises(LabelError, match=r"Mine: classes is 'track'; it must be a list of names"):
        scheme.check()


def test_scheme__is_equal_to_those_of_its_class_with_equal_parameters() -> None:
    scheme = TrackShower(threshold=0.5)
    assert scheme == TrackShower(threshold=0.5)
    assert scheme != TrackShower()
    assert scheme != Stricter(threshold=0.5)
    assert len({Plain(), Plain(), TrackShower()}) == 2
    assert len({scheme, TrackShower(threshold=0.5), TrackShower()}) == 2


def test_scheme__cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'threshold'"):
        TrackShower().threshold = 1  # type: ignore[misc]
    assert replace(TrackShower(), threshold=1) == TrackShower(threshold=1)


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("copied", [lambda s: pickle.loads(pickle.dumps(s)), copy.copy, copy.deepcopy])
def test_scheme__copies_are_equal_and_label_alike(copied: Any, used: bool) -> None:
    scheme = TrackShower(threshold=0.15, unlabelled="track")
    if used:
        assert class_names(scheme, TABLE) == ["track", "shower", "track"]
        assert scheme.columns
        assert scheme.rule_list
    again = copied(scheme)
    assert again == scheme
    assert hash(again) == hash(scheme)
    assert class_names(again, TABLE) == ["track", "shower", "track"]


def test_scheme__describes_itself() -> None:
    assert TrackShower(threshold=0.5).describe() == {
        "scheme": "TrackShower",
        "module": __name__,
        "classes": ["track", "shower"],
        "parameters": {"unlabelled": "reject", "orphans": "reject", "threshold": 0.5, "kind": "both"},
    }
    assert TrackShower().trained_classes == ("track", "shower")
    assert TrackShower().name == "TrackShower"
    assert scheme_of(Rule("a")).edge_labels is None


@pytest.mark.parametrize("policy", ["unlabelled", "orphans"])
@pytest.mark.parametrize("value", ["nosuch", "Reject", "", None])
def test_policy__that_is_no_class_is_an_error(policy: str, value: Any) -> None:
    scheme = TrackShower(**{policy: value})
    with pytest.raises(
        LabelError,
        match=rf"TrackShower: {policy} is {value!r}; it may be 'reject', 'stop' or a class \(track, shower\)",
    ):
        scheme.check()
    with pytest.raises(LabelError, match=f"TrackShower: {policy} is"):
        scheme.label(TABLE)


@pytest.mark.parametrize("name", ["reject", "stop"])
def test_policy__has_a_name_that_no_class_may_have(name: str) -> None:
    with pytest.raises(LabelError, match=f"no class can be named '{name}', which names a policy"):
        scheme_of(Rule("a"), names=["a", name]).check()


@pytest.mark.parametrize("policy", ["unlabelled", "orphans"])
def test_policy__codes(policy: str) -> None:
    codes = {}
    for value in ("reject", "stop", "track", "shower"):
        arguments: dict[str, Any] = {policy: value}
        codes[value] = TrackShower(**arguments).policy_code(policy)
    assert codes == {"reject": None, "stop": None, "track": 0, "shower": 1}


def test_check__tells_of_wrong_rules_and_policies_before_there_are_particles() -> None:
    with pytest.raises(LabelError, match="rule 1 gives class 'b'"):
        scheme_of(Rule("a"), Rule("b"), names=["a"]).check()
    scheme_of(Rule("a"), Rule("b"), unlabelled="b").check()


def test_scheme__override_of_a_parameter_needs_no_annotation() -> None:
    class Later(TrackShower):
        threshold = 0.7
        unlabelled = "track"

    assert Later().parameters["threshold"] == 0.7
    assert Later().policy_code("unlabelled") == 0
    assert Later(threshold=0.1) != Later()
    assert TrackShower().unlabelled == "reject"


def test_describe__is_plain_and_the_same_on_every_rank() -> None:
    class Many(ParticleLabels):
        classes = ("a",)
        cuts: Any = None

        def rules(self) -> list[Rule]:
            return [Rule("a")]

    given = {"names": frozenset({"b", "a", "c"}), 1: (1, 2.5), "call": len, "thing": object()}
    assert Many(cuts=given).describe()["parameters"]["cuts"] == {
        "names": ["a", "b", "c"],
        "1": [1, 2.5],
        "call": "builtins:len",
        "thing": "builtins:object",
    }
