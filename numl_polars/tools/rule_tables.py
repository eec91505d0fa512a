"""The included labelling schemes as a page of documentation: ``make docs`` writes ``docs/schemes.md``."""

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence

from numl_polars.labels.edge_labels import EdgeLabels
from numl_polars.labels.event_labels import EventScheme
from numl_polars.labels.expressions import Relation
from numl_polars.labels.forest import IDENTIFIERS
from numl_polars.labels.outside.loading import EVENT_SCHEMES, PARTICLE_SCHEMES
from numl_polars.labels.particle_scheme import ParticleScheme
from numl_polars.labels.rules import Rule
from numl_polars.labels.scheme import Scheme

_INTRODUCTION = """\
# Included schemes

How the schemes that come with the package label particles, events and edges. This page is made from their
rules by `make docs`; a test keeps the two equal.

Rules stand in order, and the first that holds gives the class. They are counted from 0, as `explain` counts
them. A rule that **spreads** gives its class and its object to all descendants too, whose own rules are not
consulted. Objects are named by particles: **part of** tells by which, the particle itself (its own), its
parent, its primary or another ancestor; empty is no object. Momenta are in GeV/c, lengths in cm.

Every scheme has **policies** for what it does not label:
"""

_POLICIES = ("unlabelled", "orphans")


def render() -> str:
    """The page, Markdown."""
    meanings = parameter_meanings(ParticleScheme)
    parts = [
        _INTRODUCTION,
        _table(("policy", "meaning"), ((f"`{name}`", meanings[name]) for name in _POLICIES)),
    ]
    for name, particle_scheme in PARTICLE_SCHEMES.items():
        parts += _particle_section(name, particle_scheme())
    for name, event_scheme in EVENT_SCHEMES.items():
        parts += _event_section(name, event_scheme())
    return "\n".join(parts)


def parameter_meanings(scheme: type[Scheme]) -> dict[str, str]:
    """What each parameter means, from the numpydoc section of the class, else of the base that has it."""
    meanings: dict[str, str] = {}
    for base in reversed(scheme.__mro__):
        _, _, section = inspect.cleandoc(base.__doc__ or "").partition("\nParameters\n----------\n")
        section = re.split(r"\n[^\n]+\n-{3,}\n", section)[0]
        for names, text in re.findall(r"^(\w[\w, ]*)\n((?:(?: +.*)?(?:\n|\Z))+)", section, re.MULTILINE):
            meanings |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return meanings


def _particle_section(name: str, scheme: ParticleScheme) -> Iterator[str]:
    yield from _heading(name, scheme, "particles")
    yield _classes(scheme)
    rows = (
        (str(number), rule.label, rule.about, _spreads(rule), _part_of(rule))
        for number, rule in enumerate(_rules(scheme))
    )
    yield _table(("rule", "class", "when", "spreads", "part of"), rows)
    if scheme.edge_labels is not None:
        yield from _edge_section(scheme.edge_labels)


def _event_section(name: str, scheme: EventScheme) -> Iterator[str]:
    yield from _heading(name, scheme, "events")
    yield _classes(scheme)
    yield _plain_rules(scheme)


def _edge_section(scheme: EdgeLabels) -> Iterator[str]:
    """Section of labels of edges, below the particle scheme that has them."""
    yield f"### {scheme.name}\n\n{_summary(scheme)} Labels edges between two hits.\n"
    yield _classes(scheme)
    yield _plain_rules(scheme)


def _heading(name: str, scheme: ParticleScheme | EventScheme, what: str) -> Iterator[str]:
    """Title, summary, columns, parameters and policies."""
    yield f"## {scheme.name}\n\n{_summary(scheme)}\n"
    yield f"Labels {what}; `{name}` on the command line. Reads {_columns(scheme)}.\n"
    meanings = parameter_meanings(type(scheme))
    parameters = [(f"`{key}`", f"`{value}`", meanings[key]) for key, value in scheme.parameters.items()]
    own = [row for row in parameters if row[0].strip("`") not in _POLICIES]
    if own:
        yield _table(("parameter", "default", "meaning"), own)
    policies = (f"{key} {default}" for key, default, _ in parameters if key.strip("`") in _POLICIES)
    yield f"Policies: {', '.join(policies)}.\n"


def _classes(scheme: Scheme) -> str:
    rows = (
        (str(code), name, "yes" if name in scheme.trained_classes else "no")
        for code, name in enumerate(scheme.classes)
    )
    return _table(("code", "class", "trained"), rows)


def _plain_rules(scheme: Scheme) -> str:
    rows = ((str(number), rule.label, rule.about) for number, rule in enumerate(_rules(scheme)))
    return _table(("rule", "class", "when"), rows)


def _rules(scheme: Scheme) -> Sequence[Rule]:
    return () if scheme.rule_list is None else scheme.rule_list.rules


def _spreads(rule: Rule) -> str:
    objects = rule.spreads if rule.instance_spreads is None else rule.instance_spreads
    if rule.spreads == objects:
        return "yes" if rule.spreads else ""
    return "class only" if rule.spreads else "object only"


def _part_of(rule: Rule) -> str:
    if rule.instance is None:
        return ""
    if isinstance(rule.instance, Relation):
        return f"its {rule.instance.name}"
    return "its own" if rule.instance == "self" else f"its {rule.instance}"


def _columns(scheme: Scheme) -> str:
    """Columns that the scheme reads beside the identifiers, by table."""
    tables = []
    for table, columns in scheme.columns.items():
        read = [f"`{column}`" for column in columns if column not in IDENTIFIERS]
        tables.append(f"{', '.join(read)} of the {table}")
    return "; ".join(tables)


def _summary(scheme: Scheme) -> str:
    return inspect.cleandoc(type(scheme).__doc__ or "").partition("\n")[0]


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [_row(titles), "|" + "---|" * len(titles) + "\n", *map(_row, rows)]
    return "".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
