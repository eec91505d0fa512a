"""The page of included schemes."""

import inspect

import pytest

import numl_polars as nl
from numl_polars.labels.edge_labels import EdgeLabels
from numl_polars.labels.event_labels import EventLabels
from numl_polars.labels.particle_labels import ParticleLabels
from numl_polars.labels.schemes.ccqe import CCQEEdgeLabels
from numl_polars.tools.rule_tables import parameter_meanings, render
from tests.conftest import ROOT

INCLUDED = [
    scheme
    for scheme in (getattr(nl, name) for name in nl.__all__)
    if isinstance(scheme, type)
    and issubclass(scheme, ParticleLabels | EventLabels | EdgeLabels)
    and not inspect.isabstract(scheme)
]


def section(title: str) -> str:
    """Text below a title, to the next of any level."""
    _, found, rest = render().partition(f"# {title}\n")
    assert found, title
    return rest.partition("\n#")[0]


def rows(text: str, title: str) -> list[list[str]]:
    """Cells of the table whose title row begins with `title`, without its first two lines."""
    _, found, rest = text.partition(f"| {title} |")
    assert found, title
    table = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_schemes_page__is_made_from_the_rules() -> None:
    page = (ROOT / "docs" / "schemes.md").read_text(encoding="utf-8")
    assert page == render(), "make docs writes it"


@pytest.mark.parametrize("scheme", [*INCLUDED, CCQEEdgeLabels], ids=lambda scheme: scheme.__name__)
def test_schemes_page__has_classes_and_rules_of_every_scheme(
    scheme: type[ParticleLabels | EventLabels | EdgeLabels],
) -> None:
    text = section(scheme.__name__)
    made = scheme()
    classes = [[str(code), name] for code, name in enumerate(made.classes)]
    assert [row[:2] for row in rows(text, "code")] == classes
    trained = [row[1] for row in rows(text, "code") if row[2] == "yes"]
    assert trained == list(made.trained_classes)
    rules = [[str(number), rule.label, rule.about] for number, rule in enumerate(made.rules())]
    assert [row[:3] for row in rows(text, "rule")] == rules
    assert all(rule.about for rule in made.rules())


def test_schemes_page__there_are_schemes() -> None:
    assert len(INCLUDED) >= 7


def test_schemes_page__parameters_with_defaults_and_meaning() -> None:
    parameters = rows(section("StandardLabels"), "parameter")
    assert [row[:2] for row in parameters] == [
        ["`gamma_threshold`", "`0.02`"],
        ["`hadron_threshold`", "`0.2`"],
    ]
    assert all("GeV/c" in row[2] for row in parameters)
    assert rows(section("SimpleLabels"), "parameter") == parameters
    assert "| parameter |" not in section("CCQELabels")


def test_schemes_page__policies() -> None:
    assert "Policies: `unlabelled` `reject`, `orphans` `hadronic`." in section("CCQELabels")
    assert "Policies: `unlabelled` `reject`.\n" in section("FlavorLabels")


def test_schemes_page__what_spreads_and_what_a_particle_is_part_of() -> None:
    found = {tuple(row[3:]) for row in rows(section("StandardLabels"), "rule")}
    assert found == {("", ""), ("", "its own"), ("", "its parent"), ("yes", "its own"), ("yes", "")}
    by_about = {row[2]: row[3:] for row in rows(section("StandardLabels"), "rule")}
    assert by_about["electron started by muIoni"] == ["", "its parent"]
    assert by_about["electron started by primary"] == ["yes", "its own"]


@pytest.mark.parametrize("scheme", INCLUDED, ids=lambda scheme: scheme.__name__)
def test_parameter_meanings__every_parameter_has_one(scheme: type[ParticleLabels | EventLabels]) -> None:
    meanings = parameter_meanings(scheme)
    assert sorted(meanings) == sorted(scheme().parameters)
    assert all(meanings.values())


def test_parameter_meanings__several_names_and_other_sections() -> None:
    class Documented(nl.EventLabels):
        """A scheme.

        Parameters
        ----------
        near, far
            Distance, cm,

            from the wall.
        mass
            Of it.

        Raises
        ------
        LabelError
            Never.
        """

        near: float = 1.0
        far: float = 2.0
        mass: float = 3.0
        classes = ("a",)

        def rules(self) -> list[nl.Rule]:
            return []

    meanings = parameter_meanings(Documented)
    assert {name: meanings[name] for name in ("near", "far", "mass")} == {
        "near": "Distance, cm, from the wall.",
        "far": "Distance, cm, from the wall.",
        "mass": "Of it.",
    }
    assert "LabelError" not in meanings
