"""Every word of rules as an expression, and as a plain twin that goes from particle to particle."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
from particle import pdgid

from numl_polars.labels.expressions import (
    ancestor,
    deposited_energy,
    depth,
    event,
    extent,
    has_ancestor,
    has_child,
    has_deposits,
    has_descendant,
    is_primary,
    itself,
    momentum,
    num_children,
    num_deposits,
    num_descendants,
    parent,
    pdg,
    primary,
    start_process,
    sum_over_children,
    sum_over_descendants,
)
from numl_polars.labels.particle_codes import charge, is_baryon, is_charged, is_electron, is_photon
from tests.labels.walk_oracle import Particle, Tree


@dataclass(frozen=True)
class Seen:
    """A row of a tree, with what was deposited and the row of the event table; None for no particle."""

    tree: Tree
    row: int | None
    deposits: dict[int, list[float | None]]
    event: dict[str, Any]

    @property
    def one(self) -> Particle:
        assert self.row is not None
        return self.tree.rows[self.row]

    def at(self, row: int | None) -> "Seen":
        return Seen(self.tree, row, self.deposits, self.event)

    @property
    def parent(self) -> "Seen":
        return self.at(None if self.row is None else self.tree.parent(self.row))

    @property
    def primary(self) -> "Seen":
        assert self.row is not None
        return self.at(self.tree.primary(self.row))

    def ancestors(self) -> Iterator["Seen"]:
        assert self.row is not None
        return map(self.at, self.tree.ancestors(self.row))

    def children(self) -> Iterator["Seen"]:
        assert self.row is not None
        return map(self.at, self.tree.children(self.row))

    def descendants(self) -> Iterator["Seen"]:
        assert self.row is not None
        return map(self.at, self.tree.descendants(self.row))

    @property
    def mine(self) -> list[float | None]:
        return self.deposits.get(self.one["g4_id"], [])


def code(of: Seen) -> int:
    return abs(int(of.one["type"]))


def electron(of: Seen) -> bool:
    return of.row is not None and code(of) == 11


def photon(of: Seen) -> bool:
    return of.row is not None and code(of) == 22


def value_of(column: str, of: Seen) -> Any:
    return None if of.row is None else of.one[column]


def p(of: Seen) -> float | None:
    value = value_of("momentum", of)
    return None if value is None or math.isnan(value) else float(value)


def fast(of: Seen) -> bool:
    value = p(of)
    return value is not None and value > 0.02


def total(values: Iterator[float | None]) -> float:
    return sum(value for value in values if value is not None and not math.isnan(value))


def nearest(of: Seen, where: Callable[[Seen], bool], *, or_self: bool = False) -> Seen:
    if or_self and where(of):
        return of
    return next(filter(where, of.ancestors()), of.at(None))


def length(of: Seen) -> float | None:
    ends = [(of.one[f"start_position_{x}"], of.one[f"end_position_{x}"]) for x in "xyz"]
    if any(value is None or math.isnan(value) for pair in ends for value in pair):
        return None
    return math.dist(*zip(*ends, strict=True))


def _charge(of: Seen) -> float | None:
    charge = None if of.row is None else pdgid.charge(of.one["type"])
    return None if charge is None else float(charge)


def _plus(value: float | None, of: Seen) -> float | None:
    return None if value is None else value + len(list(of.ancestors()))


def words() -> dict[str, tuple[pl.Expr, Callable[[Seen], Any]]]:
    """Expressions, and their plain twins."""
    fast_here = momentum > 0.02
    return {
        "pdg": (pdg, lambda s: s.one["type"]),
        "momentum": (momentum, p),
        "extent": (extent, length),
        "depth": (depth, lambda s: len(list(s.ancestors()))),
        "num_children": (num_children, lambda s: len(list(s.children()))),
        "num_descendants": (num_descendants, lambda s: len(list(s.descendants()))),
        "is_primary": (is_primary, lambda s: s.one["parent_id"] == 0),
        "num_deposits": (num_deposits, lambda s: len(s.mine)),
        "has_deposits": (has_deposits, lambda s: bool(s.mine)),
        "deposited_energy": (deposited_energy, lambda s: total(iter(s.mine))),
        "event": (event("nu_pdg"), lambda s: s.event.get("nu_pdg")),
        "condition on the event": (event("nu_pdg") == 12, lambda s: s.event.get("nu_pdg") == 12),
        "event through the primary": (primary(event("nu_pdg")), lambda s: s.event.get("nu_pdg")),
        "itself": (itself(pdg), lambda s: s.one["type"]),
        "column of the parent": (parent("type"), lambda s: value_of("type", s.parent)),
        "text of the parent": (parent(start_process), lambda s: value_of("start_process", s.parent)),
        "expression of the parent": (parent(momentum + depth), lambda s: _plus(p(s.parent), s.parent)),
        "condition on the parent": (parent(is_electron), lambda s: electron(s.parent)),
        "no such parent": (~parent(is_electron), lambda s: not electron(s.parent)),
        "null condition on the parent": (parent(fast_here), lambda s: fast(s.parent)),
        "charge of the parent": (parent(charge), lambda s: _charge(s.parent)),
        "charged parent": (parent(is_charged), lambda s: bool(_charge(s.parent))),
        "baryon above": (
            parent(is_baryon),
            lambda s: s.parent.row is not None and pdgid.is_baryon(s.parent.one["type"]),
        ),
        "constant of the parent": (parent(pl.lit(7)), lambda s: None if s.parent.row is None else 7),
        "parent exists": (parent.exists, lambda s: s.parent.row is not None),
        "grandparent": (parent(parent("g4_id")), lambda s: value_of("g4_id", s.parent.parent)),
        "condition on the grandparent": (parent(parent(is_electron)), lambda s: electron(s.parent.parent)),
        "not the grandparent": (
            parent(~parent(is_photon)),
            lambda s: s.parent.row is not None and not photon(s.parent.parent),
        ),
        "primary": (primary("g4_id"), lambda s: s.primary.one["g4_id"]),
        "primary's parent": (primary(parent("g4_id")), lambda s: None),
        "children of the primary": (primary(num_children), lambda s: len(list(s.primary.children()))),
        "ancestor": (ancestor(is_electron)("g4_id"), lambda s: value_of("g4_id", nearest(s, electron))),
        "ancestor or self": (
            ancestor(is_electron, or_self=True)("g4_id"),
            lambda s: value_of("g4_id", nearest(s, electron, or_self=True)),
        ),
        "ancestor where null": (ancestor(fast_here)("g4_id"), lambda s: value_of("g4_id", nearest(s, fast))),
        "ancestor or self where null": (
            ancestor(fast_here, or_self=True)("g4_id"),
            lambda s: value_of("g4_id", nearest(s, fast, or_self=True)),
        ),
        "ancestor's parent": (
            ancestor(is_photon)(parent("g4_id")),
            lambda s: value_of("g4_id", nearest(s, photon).parent),
        ),
        "ancestor whose parent": (
            ancestor(parent(is_photon))("g4_id"),
            lambda s: value_of("g4_id", nearest(s, lambda a: photon(a.parent))),
        ),
        "any ancestor": (ancestor(pl.lit(True))("g4_id"), lambda s: value_of("g4_id", s.parent)),
        "has_ancestor": (has_ancestor(is_electron), lambda s: any(map(electron, s.ancestors()))),
        "has no ancestor": (~has_ancestor(fast_here), lambda s: not any(map(fast, s.ancestors()))),
        "ancestor deposits": (
            has_ancestor(has_deposits & is_electron),
            lambda s: any(bool(a.mine) and electron(a) for a in s.ancestors()),
        ),
        "has_child": (has_child(is_electron), lambda s: any(map(electron, s.children()))),
        "has_child where null": (has_child(fast_here), lambda s: any(map(fast, s.children()))),
        "has_descendant": (has_descendant(is_photon), lambda s: any(map(photon, s.descendants()))),
        "sum_over_children": (
            sum_over_children("type"),
            lambda s: float(sum(c.one["type"] for c in s.children())),
        ),
        "sum of energy": (
            sum_over_children(deposited_energy),
            lambda s: sum(total(iter(c.mine)) for c in s.children()),
        ),
        "count": (sum_over_children(is_electron), lambda s: float(sum(map(electron, s.children())))),
        "sum_over_descendants": (
            sum_over_descendants(deposited_energy),
            lambda s: sum(total(iter(d.mine)) for d in s.descendants()),
        ),
        "sum with nulls": (
            sum_over_descendants(momentum.clip(0, 8).round(0)),
            lambda s: total(None if p(d) is None else round(min(p(d) or 0.0, 8.0)) for d in s.descendants()),
        ),
        "sum of the parent": (
            parent(sum_over_children(is_photon)),
            lambda s: None if s.parent.row is None else float(sum(map(photon, s.parent.children()))),
        ),
        "share": (
            deposited_energy > parent(deposited_energy),
            lambda s: s.parent.row is not None and total(iter(s.mine)) > total(iter(s.parent.mine)),
        ),
    }
