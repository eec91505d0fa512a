"""What was found wrong: counts by kind and place, with the first of each as example."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from numl_polars.tools.validate.kinds import KINDS, ORDER, Kind


@dataclass(frozen=True)
class Finding:
    """Faults of one kind in one column: how many, and the first of them.

    Parameters
    ----------
    kind
        Name of the kind.
    table, column
        Where, None where that has no meaning.
    count
        How many there are of what the kind's sentence says.
    event
        Index of the example's event in event_table.
    triple
        Its run, subrun, event.
    row
        Row of the table.
    value
        What stands there.
    detail
        More about the example.
    """

    kind: str
    table: str | None = None
    column: str | None = None
    count: int = 1
    event: int | None = None
    triple: tuple[int, ...] | None = None
    row: int | None = None
    value: Any = None
    detail: str | None = None

    @property
    def about(self) -> Kind:
        """What its kind means."""
        return KINDS[self.kind]

    @property
    def example(self) -> str:
        """The example in words."""
        words = []
        if self.event is not None:
            name = "/".join(map(str, self.triple or ()))
            words.append(f"event {self.event}" + (f" ({name})" if name else ""))
        if self.row is not None:
            words.append(f"row {self.row}")
        text = ", ".join(words)
        for more in (self.value, self.detail):
            if more is not None:
                text += (": " if text else "") + str(more)
        return text


class Findings:
    """Findings of one file, added up by kind, table and column."""

    def __init__(self, found: Iterable[Finding] = ()) -> None:
        self._found: dict[tuple[str, str | None, str | None], Finding] = {}
        for finding in found:
            self.add(finding)

    def add(self, finding: Finding) -> None:
        """Count a finding, if its kind is counted; of several in one place, the first is the example."""
        place = (finding.kind, finding.table, finding.column)
        before = self._found.get(place)
        if before is not None:
            more = finding.count if finding.about.many is not None else 0
            finding = replace(before, count=before.count + more)
        self._found[place] = finding

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found.values())

    def __contains__(self, kind: str) -> bool:
        return any(finding.kind == kind for finding in self)

    def worst_first(self) -> list[Finding]:
        """Errors, then warnings, then notes; within these by kind, then in the order of the file."""
        return sorted(self, key=lambda finding: ORDER[finding.kind])
