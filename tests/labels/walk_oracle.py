"""The standard scheme as a slow recursive walk over plain dicts, written from its specification."""

import math
from typing import Any

from particle import pdgid

PION, MUON, KAON, HADRON, SHOWER, MICHEL, DIFFUSE, INVISIBLE = range(8)
TABLE = {
    **dict.fromkeys((211, 221, 331, 223), PION),
    13: MUON,
    **dict.fromkeys((321, 411), KAON),
    **dict.fromkeys((111, 311, 310, 130, 113), INVISIBLE),
}

Particle = dict[str, Any]
Labels = tuple[int | None, int | None, str | None]


def children_of(parents: list[int | None]) -> dict[int | None, list[int]]:
    """Rows of the children of each row, in table order."""
    children: dict[int | None, list[int]] = {}
    for row, parent in enumerate(parents):
        children.setdefault(parent, []).append(row)
    return children


def unreached_fault(parents: dict[int, int], g4_id: int) -> str | None:
    """Why a particle is not reached: parents are followed until they end or return."""
    seen = set()
    while g4_id != 0:
        if g4_id in seen:
            return "circle"
        if g4_id not in parents:
            return "orphan"
        seen.add(g4_id)
        g4_id = parents[g4_id]
    return None


def semantic_rule(one: Particle, parent_type: int, gamma: float, hadron: float) -> tuple[int | None, bool]:
    """Class of a particle and whether it spreads; None where no rule holds."""
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
    converts = {start, end} & {"conv", "compt"}
    converted = (SHOWER if momentum >= gamma else DIFFUSE), True
    if code == 22:
        if converts:
            return converted
        if start == "eBrem" or end in ("phot", "photonNuclear"):
            return DIFFUSE, False
        return None, False
    if start == "primary":
        return SHOWER, True
    if abs(parent_type) == 13 and start in ("muMinusCaptureAtRest", "muPlusCaptureAtRest", "Decay"):
        return MICHEL, True
    if converts:
        return converted
    if start == "muIoni":
        return MUON, False
    if start == "hIoni" and abs(parent_type) == 2212:
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


def instance_rule(one: Particle, semantic: int | None) -> tuple[int, bool]:
    """Identifier of the particle's object and whether it spreads; -1 for none."""
    if semantic is None or semantic in (DIFFUSE, INVISIBLE):
        return -1, False
    if semantic == MUON and one["start_process"] == "muIoni":
        return one["parent_id"], False
    if semantic in (PION, HADRON) and one["start_process"] == "hIoni":
        return one["parent_id"], False
    return one["g4_id"], semantic in (SHOWER, MICHEL)


def label_event(event: list[Particle], gamma: float = 0.02, hadron: float = 0.2) -> list[Labels]:
    """Class, instance and fault of every particle of an event, in table order."""
    ids = [one["g4_id"] for one in event]
    if len(set(ids)) < len(ids):
        return [(None, None, "repeated_g4_id")] * len(event)
    parents = {one["g4_id"]: one["parent_id"] for one in event}
    labels: list[Labels] = [(None, None, unreached_fault(parents, g4_id)) for g4_id in ids]
    children = children_of([one["parent_id"] for one in event])
    numbers: dict[int, int] = {}

    def walk(row: int, parent_type: int, semantic_above: int | None, instance_above: int | None) -> None:
        one = event[row]
        semantic, semantic_below = semantic_above, semantic_above
        if semantic is None:
            semantic, spreads = semantic_rule(one, parent_type, gamma, hadron)
            semantic_below = semantic if spreads else None
        instance, instance_below = instance_above, instance_above
        if instance is None:
            instance, spreads = instance_rule(one, semantic)
            instance_below = instance if spreads else None
        if semantic is None:
            labels[row] = None, None, "unlabelled"
        else:
            number = -1 if instance == -1 else numbers.setdefault(instance, len(numbers))
            labels[row] = semantic, number, None
        for child in children.get(one["g4_id"], []):
            walk(child, one["type"], semantic_below, instance_below)

    for primary in children.get(0, []):
        walk(primary, 0, None, None)
    return labels
