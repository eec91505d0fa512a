"""Slow, plain twins of the walk and of the included schemes, written from their specification."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import polars as pl
from particle import pdgid

PION, MUON, KAON, HADRON, SHOWER, MICHEL, DIFFUSE, INVISIBLE = range(8)
TABLE = {
    **dict.fromkeys((211, 221, 331, 223), PION),
    13: MUON,
    **dict.fromkeys((321, 411), KAON),
    **dict.fromkeys((111, 311, 310, 130, 113), INVISIBLE),
}
STANDARD = {code: code for code in range(8)}
MIP, HIP = 0, 1
SIMPLE = {PION: MIP, MUON: MIP, KAON: HIP, HADRON: HIP, SHOWER: 2, MICHEL: 3, DIFFUSE: 4, INVISIBLE: 5}

Particle = dict[str, Any]
Labels = tuple[int | None, int | None, str | None]


class Tree:
    """Particles of one event, each known by its row, and how they descend from one another."""

    def __init__(self, rows: list[Particle]) -> None:
        self.rows = rows
        self.row_of = {one["g4_id"]: row for row, one in reversed(list(enumerate(rows)))}

    def is_primary(self, row: int) -> bool:
        return bool(self.rows[row]["parent_id"] == 0)

    def parent(self, row: int) -> int | None:
        return None if self.is_primary(row) else self.row_of.get(self.rows[row]["parent_id"])

    def children(self, row: int) -> list[int]:
        return [child for child in range(len(self.rows)) if self.parent(child) == row]

    def below(self, row: int) -> Iterator[int]:
        """The row, then its descendants, depth first."""
        yield row
        for child in self.children(row):
            yield from self.below(child)

    def descendants(self, row: int) -> list[int]:
        return list(self.below(row))[1:]

    def walk(self) -> list[int]:
        """What a primary reaches, depth first, primaries and children in table order."""
        return [
            row for primary in filter(self.is_primary, range(len(self.rows))) for row in self.below(primary)
        ]

    def ancestors(self, row: int) -> list[int]:
        """Nearest first; of a row that a primary reaches."""
        parent = self.parent(row)
        return [] if parent is None else [parent, *self.ancestors(parent)]

    def primary(self, row: int) -> int:
        return [row, *self.ancestors(row)][-1]

    def fault(self, row: int) -> str | None:
        """Why no primary reaches a particle: parents are followed until they end or return."""
        seen: set[int] = set()
        while not self.is_primary(row):
            if row in seen:
                return "circle"
            seen.add(row)
            parent = self.parent(row)
            if parent is None:
                return "orphan"
            row = parent
        return None


def trees(table: pl.DataFrame) -> Iterator[tuple[list[int], Tree]]:
    """Rows of the table, and the tree, of each event."""
    for event in table["event_index"].unique():
        rows = [row for row, other in enumerate(table["event_index"]) if other == event]
        yield rows, Tree(table[rows].to_dicts())


def label_table(table: pl.DataFrame, label: Callable[[Tree], list[Labels]]) -> list[Labels]:
    """Labels and faults row for row, by a function that labels one event whose identifiers are unique."""
    wanted: list[Labels] = [(None, None, None)] * table.height
    for rows, tree in trees(table):
        repeated = len(tree.row_of) < len(tree.rows)
        labels = [(None, None, "repeated_g4_id")] * len(rows) if repeated else label(tree)
        for row, one in zip(rows, labels, strict=True):
            wanted[row] = one
    return wanted


def label_tree(
    tree: Tree,
    own: Callable[[int], tuple[int | None, bool]],
    object_of: Callable[[int, int], tuple[Any, bool]],
    code: Callable[[int], int] = int,
) -> list[Labels]:
    """Class, instance and fault of every particle of an event, by a recursive walk.

    Parameters
    ----------
    own
        What the rules say of a row, None where none holds, and whether it spreads.
    object_of
        Object of a row for which that was said, None for none, and whether it spreads.
    code
        Class that goes with what the rules say.
    """
    labels: list[Labels] = [(None, None, tree.fault(row)) for row in range(len(tree.rows))]
    numbers: dict[Any, int] = {}

    def visit(row: int, said_above: tuple[int | None] | None, object_above: tuple[Any] | None) -> None:
        said, spreads = (said_above[0], True) if said_above else own(row)
        belongs, object_spreads = None, False
        if object_above:
            belongs, object_spreads = object_above[0], True
        elif said is not None:
            belongs, object_spreads = object_of(row, said)
        if said is None:
            labels[row] = None, None, "unlabelled"
        else:
            number = -1 if belongs is None else numbers.setdefault(belongs, len(numbers))
            labels[row] = code(said), number, None
        for child in tree.children(row):
            visit(child, (said,) if spreads else None, (belongs,) if object_spreads else None)

    for primary in filter(tree.is_primary, range(len(tree.rows))):
        visit(primary, None, None)
    return labels


def standard_class(tree: Tree, row: int, gamma: float, hadron: float) -> tuple[int | None, bool]:
    """Class of a particle by the standard rules, and whether it spreads; None where no rule holds."""
    one, above = tree.rows[row], tree.parent(row)
    parent_type = 0 if above is None else abs(tree.rows[above]["type"])
    start, end, code = one["start_process"], one["end_process"], abs(one["type"])
    momentum = math.nan if one["momentum"] is None else float(one["momentum"])
    charge = pdgid.charge(one["type"])
    if code == 15:
        return HADRON, False
    if pdgid.is_baryon(one["type"]) and charge is not None and charge != 0:
        return (HADRON if code == 2212 and momentum >= hadron else DIFFUSE), False
    if (pdgid.is_baryon(one["type"]) and charge == 0) or pdgid.is_nucleus(one["type"]):
        return DIFFUSE, False
    if charge == 0 and end == "CoupledTransportation":
        return INVISIBLE, False
    if code in TABLE:
        return TABLE[code], False
    if code not in (11, 22):
        return None, False
    converted = (SHOWER if momentum >= gamma else DIFFUSE), True
    converts = {start, end} & {"conv", "compt"}
    if code == 22:
        if converts:
            return converted
        return (DIFFUSE if start == "eBrem" or end in ("phot", "photonNuclear") else None), False
    if start == "primary":
        return SHOWER, True
    if parent_type == 13 and start in ("muMinusCaptureAtRest", "muPlusCaptureAtRest", "Decay"):
        return MICHEL, True
    return converted if converts else electron_class(start, end, parent_type, momentum)


def electron_class(
    start: str | None, end: str | None, parent_type: int, momentum: float
) -> tuple[int | None, bool]:
    """Electron rules 4 to 9."""
    if start == "muIoni":
        return MUON, False
    if start == "hIoni" and parent_type == 2212:
        return (DIFFUSE if momentum <= 0.0015 else HADRON), False
    if start == "hIoni":
        return PION, False
    if start in ("eIoni", "eBrem") or end in ("phot", "photonNuclear", "eIoni"):
        return DIFFUSE, False
    if end in ("StepLimiter", "annihil", "eBrem", "FastScintillation"):
        return DIFFUSE, True
    if start in ("hBertiniCaptureAtRest", "muPairProd", "phot"):
        return DIFFUSE, True
    return None, False


def standard_object(tree: Tree, row: int, code: int, merged: dict[int, int]) -> tuple[int | None, bool]:
    """Identifier of a particle's object, None for none, and whether it spreads, by merged classes."""
    one, start = tree.rows[row], tree.rows[row]["start_process"]
    if code in (merged[DIFFUSE], merged[INVISIBLE]):
        return None, False
    if code == merged[MUON] and start == "muIoni":
        return one["parent_id"], False
    if code in (merged[PION], merged[HADRON]) and start == "hIoni":
        return one["parent_id"], False
    return one["g4_id"], code in (merged[SHOWER], merged[MICHEL])


def label_standard(
    tree: Tree, *, merged: dict[int, int] = STANDARD, gamma: float = 0.02, hadron: float = 0.2
) -> list[Labels]:
    """Labels of an event by the standard scheme, or by one that merges its classes."""

    def own(row: int) -> tuple[int | None, bool]:
        code, spreads = standard_class(tree, row, gamma, hadron)
        return (None if code is None else merged[code]), spreads

    return label_tree(tree, own, partial(standard_object, tree, merged=merged))


def label_ccqe(tree: Tree) -> list[Labels]:
    """Labels of an event by the CCQE scheme: the class of the primary, hadronic without one, no objects."""
    labels: list[Labels] = []
    for row in range(len(tree.rows)):
        fault = tree.fault(row)
        primary_type = 0 if fault else abs(tree.rows[tree.primary(row)]["type"])
        labels.append(({11: 0, 13: 1}.get(primary_type, 2), -1, fault))
    return labels
