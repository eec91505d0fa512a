"""The particles of events as trees with their labels, to print."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from math import isnan
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from numl_polars.errors import OptionError
from numl_polars.labels.explain import explain_forest, read_forest
from numl_polars.labels.forest import Forest
from numl_polars.labels.particle_scheme import FAULTS, Frame, ParticleScheme
from numl_polars.schema import EVENT_INDEX

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

_UNREACHED = {
    "orphan": "whose parent, or that of an ancestor, is not in the table",
    "circle": "in or below a circle of parents",
}
_UNBOUNDED = 1 << 30
_SHOWN_AS_GEV = 0.1


def tree(
    scheme: ParticleScheme,
    event: object,
    *,
    events: Frame | None = None,
    deposits: Frame | None = None,
    max_depth: int | None = 10,
    max_children: int | None = 20,
) -> str:
    """The particles as trees with their labels; see `ParticleScheme.tree`."""
    for name, value, least in (("max_depth", max_depth, 0), ("max_children", max_children, 1)):
        if value is not None and value < least:
            raise OptionError(f"{name} is {value}; it must be {least} or more, or None for no limit")
    forest = read_forest(scheme, event, events=events, deposits=deposits)
    particles = explain_forest(scheme, forest)
    if not particles.height:
        return "no particles"
    return "\n".join(_rendered(one) for one in _trees(forest, particles, max_depth, max_children))


@dataclass(frozen=True, eq=False)
class _Walk:
    """Depth-first walk over all particles, also those that no primary reaches; circles are cut open.

    Parameters
    ----------
    rows
        int64 (particles,): row at each place of the walk.
    parents
        int64 (particles,): place of the parent, -1 for what hangs on nothing.
    """

    rows: Int64s
    parents: Int64s

    @classmethod
    def of(cls, forest: Forest) -> "_Walk":
        from numl_polars.labels.ancestry import walk_order, walk_parents

        parent_rows = forest.parent_rows.copy()
        in_circle = np.flatnonzero(forest.unreached == FAULTS.index("circle"))
        parent_rows[_cuts(parent_rows, in_circle)] = -1
        rows = walk_order(parent_rows, parent_rows < 0)
        return cls(rows, walk_parents(parent_rows, rows))

    def num_below(self, counted: Bools) -> Int64s:
        """How many of the rows that are `counted` hang on each place, itself included."""
        from numl_polars.labels.ancestry import sums_over_descendants

        own = counted[self.rows].astype(np.float64)
        below: Int64s = (sums_over_descendants(self.parents, own) + own).astype(np.int64)
        return below


def _cuts(parent_rows: Int64s, rows: Int64s) -> list[int]:
    """The first row, in the order of `rows`, that leads into each circle and is part of it."""
    seen: dict[int, int] = {}
    cuts = []
    for start in rows.tolist():
        row = start
        while row not in seen:
            seen[row] = start
            row = int(parent_rows[row])
        if seen[row] == start:
            cuts.append(row)
    return cuts


@dataclass(eq=False)
class _Node:
    """A line of the tree, and how many particles below it are not shown."""

    tree: Tree
    depth: int = -1
    num_children: int = 0
    num_hidden: int = 0
    num_hidden_faults: int = 0

    def add(self, text: str) -> "_Node":
        self.num_children += 1
        return _Node(self.tree.add(Text(text)), self.depth + 1)

    def close(self) -> None:
        """Say what is not shown."""
        if self.num_hidden:
            self.tree.add(Text(f"… and {self.num_hidden:,} more below{_with_fault(self.num_hidden_faults)}"))


class _Headings:
    """What the particles without parent hang on: a line for each event, and for what no primary reaches."""

    def __init__(self, forest: Forest, has_fault: Bools) -> None:
        counts = (
            forest.particles.select(pl.col(EVENT_INDEX).cast(pl.Int64))
            .with_columns(unreached=forest.unreached, has_fault=has_fault)
            .group_by(EVENT_INDEX, "unreached")
            .agg(pl.len(), pl.col("has_fault").sum())
        )
        self._event = forest.particles[EVENT_INDEX].to_list()
        self._unreached = forest.unreached.tolist()
        self._events: dict[int, _Node] = {}
        self._nodes: dict[tuple[int, int], _Node] = {}
        for (event,), own in counts.sort(EVENT_INDEX).group_by(EVENT_INDEX, maintain_order=True):
            faults = _with_fault(int(own["has_fault"].sum()))
            heading = f"event {event}: {_num_particles(int(own['len'].sum()))}{faults}"
            self._events[event] = self._nodes[event, -1] = _Node(Tree(Text(heading)))
            for code, number in own.filter(pl.col("unreached") >= 0).select("unreached", "len").iter_rows():
                heading = f"{_num_particles(number)} {_UNREACHED[FAULTS[code]]}"
                self._nodes[event, code] = _Node(Tree(Text(heading)))

    def above(self, row: int) -> _Node:
        """Where a particle goes that has no parent."""
        return self._nodes[self._event[row], self._unreached[row]]

    def trees(self) -> Iterator[Tree]:
        """A tree for each event, in their order; what no primary reaches comes last."""
        for (event, code), node in sorted(self._nodes.items(), key=lambda item: item[0]):
            node.close()
            if code >= 0:
                self._events[event].tree.children.append(node.tree)
        return (node.tree for node in self._events.values())


def _trees(
    forest: Forest, particles: pl.DataFrame, max_depth: int | None, max_children: int | None
) -> Iterator[Tree]:
    """One tree an event, in the order of events."""
    walk = _Walk.of(forest)
    has_fault = particles["fault"].is_not_null().to_numpy()
    below, faults_below = walk.num_below(np.ones_like(has_fault)), walk.num_below(has_fault)
    headings = _Headings(forest, has_fault)
    deepest = _UNBOUNDED if max_depth is None else max_depth
    most = _UNBOUNDED if max_children is None else max_children
    shown: dict[int, _Node] = {}
    for place, (row, parent) in enumerate(zip(walk.rows.tolist(), walk.parents.tolist(), strict=True)):
        above = headings.above(row) if parent < 0 else shown.get(parent)
        if above is None:
            continue
        if above.depth < deepest and above.num_children < most:
            shown[place] = above.add(_line(particles.row(row, named=True), is_top=parent < 0))
        else:
            above.num_hidden += int(below[place])
            above.num_hidden_faults += int(faults_below[place])
    for node in shown.values():
        node.close()
    return headings.trees()


def _line(particle: Mapping[str, Any], *, is_top: bool) -> str:
    code, name = particle.get("type"), particle.get("name")
    kind = [str(part) for part in (name, code) if part is not None]
    ids = f"g4_id {particle['g4_id']}"
    if is_top and particle["parent_id"]:
        ids += f", parent_id {particle['parent_id']}"
    found = [" ".join([*dict.fromkeys(kind), f"({ids})"])]
    momentum = particle.get("momentum")
    if momentum is not None and not isnan(momentum):
        found.append(_momentum(momentum))
    processes = [particle.get("start_process"), particle.get("end_process")]
    if any(processes):
        found.append(" → ".join(process or "?" for process in processes))
    return "  ".join([*found, f" {_label(particle)}"])


def _momentum(momentum: float) -> str:
    return f"{momentum:.2f} GeV/c" if momentum >= _SHOWN_AS_GEV else f"{1000 * momentum:.3g} MeV/c"


def _label(particle: Mapping[str, Any]) -> str:
    """Class and object, ``↓`` if the class came down from an ancestor, and the fault if there is one."""
    label, fault = particle["label"], particle["fault"]
    if label is None:
        return f"no label: {fault}"
    number = "" if particle["instance"] is None else f" #{particle['instance']}"
    came_down = "" if particle["from_g4_id"] is None else " ↓"
    return f"{label}{number}{came_down}" + ("" if fault is None else f" ({fault})")


def _num_particles(number: int) -> str:
    return f"{number:,} particle{'' if number == 1 else 's'}"


def _with_fault(number: int) -> str:
    return f", {number:,} with a fault" if number else ""


def _rendered(tree: Tree) -> str:
    text = StringIO()
    # lines as wide as they are, no colour, whatever terminal or notebook this runs in
    console = Console(
        file=text,
        width=_UNBOUNDED,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        legacy_windows=False,
    )
    console.print(tree)
    return text.getvalue().rstrip("\n")
