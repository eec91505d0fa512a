"""The kinds of faults that an event file may have, worst first: what each means, and what to do."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Parameters
    ----------
    name
        How programs tell kinds apart; it does not change.
    severity
        ``error``: the file, or a table, cannot be used, or events would be lost or mixed up; ``warning``: it
        is worked around, or costs events for reasons of physics; ``note``: worth knowing.
    one, many
        What is counted, if there is one, and if there are more; no `many` for what is not counted.
    remedy
        What to do; ``FILE`` stands for the file.
    """

    name: str
    severity: Severity
    one: str
    many: str | None
    remedy: str

    def counted(self, number: int) -> str:
        """The number, with what is counted."""
        if self.many is None:
            return self.one
        return f"{number:,} {self.one if number == 1 else self.many}"


_REBUILD = "numl-polars index FILE rebuilds the keys"
_REBUILD_OR_WHY = "numl-polars index FILE rebuilds the keys, or says why it cannot"
_COPY = "copy the file again from where it came"
_ORIGIN = "look at where the file came from"
_LOST = "processing leaves such events out, with a row in its ledger"
_UNREACHED = (
    "events in which they, or what descends from them, have hits are left out; a class is given to them by "
    "the scheme's parameter orphans"
)
_NO_RULE = (
    "events in which they have hits are left out; add a rule, or give them a class by the scheme's parameter "
    "unlabelled"
)
_REWRITE = "write the table again from its source"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("unreadable-file", "error", "the file cannot be opened", None,
             "see whether path and permissions are right, or copy it again from where it came"),
        Kind("no-events", "error", "it cannot be told which events there are", None,
             "see whether it is a NuML event file, or copy it again from where it came"),
        Kind("wide-event-id", "error", "event whose numbers take more than 32 bits",
             "events whose numbers take more than 32 bits", "renumber the events"),
        Kind("damaged-table", "error", "the table cannot be opened", None, _COPY),
        Kind("damaged-column", "error", "the column cannot be opened", None, _COPY),
        Kind("overlapping-storage", "error", "piece of it stands in the bytes of another column",
             "pieces of it stand in the bytes of other columns", _COPY),
        Kind("unreadable-rows", "error", "row that cannot be read", "rows that cannot be read", _COPY),
        Kind("absurd-length", "error", "it has more values than the file can hold", None, _COPY),
        Kind("unequal-lengths", "error", "it has not the length of the other columns", None, _REWRITE),
        Kind("event-id-disagrees", "error", "row whose event_id is not that of its event",
             "rows whose event_id is not that of their event", _REBUILD_OR_WHY),
        Kind("unknown-event", "error", "row of an event that is not in event_table",
             "rows of events that are not in event_table", _REWRITE),
        Kind("split-event", "error", "event whose rows are not in one piece",
             "events whose rows are not in one piece", _REWRITE),
        Kind("event-order", "error", "event that stands behind a later one of event_table",
             "events that stand behind a later one of event_table", _REWRITE),
        Kind("keys-beyond-repair", "error", "it cannot be told which rows are of which event",
             None, _REWRITE),
        Kind("not-processable", "error", "a table or column that a graph needs is not there",
             None, "if it has another name, say so by --detector, here and for numl-polars process"),
        Kind("scheme-fails", "error", "the scheme cannot label particles", None,
             "mend it, or give another by --particle-labels"),
        Kind("key-kind", "warning", "its shape or type is not that of such a key", None, _REBUILD),
        Kind("key-line-a-row", "warning", "it has one line a row, not one an event", None, _REBUILD),
        Kind("key-order", "warning", "line whose event does not come after that of the line before",
             "lines whose event does not come after that of the line before", _REBUILD),
        Kind("key-range", "warning", "line with an event that there is not",
             "lines with events that there are not", _REBUILD),
        Kind("key-counts", "warning", "line that counts less than one row",
             "lines that count less than one row", _REBUILD),
        Kind("key-sum", "warning", "its counts do not add up to the rows of the table", None, _REBUILD),
        Kind("key-unreadable", "warning", "the key cannot be read", None, _REBUILD),
        Kind("key-disagrees", "warning", "line that does not agree with event_id",
             "lines that do not agree with event_id", _REBUILD),
        Kind("unwritten-rows", "warning", "row that was never written, and is read as zeros",
             "rows that were never written, and are read as zeros", _REWRITE),
        Kind("repeated-event", "warning", "event with the run, subrun and event of one before",
             "events with the run, subrun and event of one before",
             "they are kept apart by position; look at how the file was merged"),
        Kind("repeated-hit-id", "warning", "event with a hit_id twice",
             "events with a hit_id twice", "spacepoints and deposits are joined to the first"),
        Kind("repeated-g4-id", "warning", "event with a g4_id twice", "events with a g4_id twice", _LOST),
        Kind("orphan", "warning", "particle whose parent is not in the table",
             "particles whose parent is not in the table", _UNREACHED),
        Kind("circle", "warning", "particle in or below a circle of parents",
             "particles in or below a circle of parents", _UNREACHED),
        Kind("deposit-without-hit", "warning", "deposit of a hit that is not there",
             "deposits of hits that are not there", "they are left out"),
        Kind("deposit-without-particle", "warning", "deposit of a particle that is not there",
             "deposits of particles that are not there",
             "events in which such a deposit is the largest of a hit are left out"),
        Kind("spacepoint-without-hit", "warning", "spacepoint of a hit that is not there",
             "spacepoints of hits that are not there", "they get no edge to such a plane"),
        Kind("repeated-flash-id", "warning", "event with a flash_id twice",
             "events with a flash_id twice", "photomultipliers are joined to the first"),
        Kind("repeated-sumpe-id", "warning", "event with a sumpe_id twice in a flash",
             "events with a sumpe_id twice in a flash", "optical hits are joined to the first"),
        Kind("sum-without-flash", "warning", "photomultiplier of a flash that is not there",
             "photomultipliers of flashes that are not there", "they are joined to none"),
        Kind("optical-hit-without-sum", "warning", "optical hit of a photomultiplier that is not there",
             "optical hits of photomultipliers that are not there", "they are joined to none"),
        Kind("unknown-plane", "warning", "hit on a plane that there is not",
             "hits on planes that there are not",
             "such events are left out; name the planes by --planes, or the detector by --detector"),
        Kind("unknown-chamber", "warning", "hit in a TPC or cryostat that the detector has not",
             "hits in TPCs or cryostats that the detector has not",
             "give the detector that the file is of by --detector, or describe it in TOML"),
        Kind("unlabelled", "warning", "particle that no rule of the scheme labels",
             "particles that no rule of the scheme labels",
             _NO_RULE),
        Kind("unknown-pdg", "warning", "particle with a code that the PDG's numbering has not",
             "particles with codes that the PDG's numbering has not", _ORIGIN),
        Kind("not-finite", "warning", "value that is NaN or infinite",
             "values that are NaN or infinite", "models may not bear them"),
        Kind("not-ascii", "warning", "string that is not printable ASCII",
             "strings that are not printable ASCII", _ORIGIN),
        Kind("no-keys", "note", "the table has no sequence keys",
             None, "numl-polars index FILE adds them, and reading starts sooner"),
        Kind("other-planes", "note", "wire plane, not three",
             "wire planes, not three", "name them to numl-polars process by --planes or --detector"),
        Kind("not-finite-position", "note", "position of a deposit that is NaN or infinite",
             "positions of deposits that are NaN or infinite", "such deposits take no part in maps"),
        Kind("without-events", "note", "it has no event_id", None, "it is not read"),
        Kind("unreadable-kind", "note", "its values are of a kind that cannot be read",
             None, "it is left out"),
        Kind("stray", "note", "member of the file that is no table",
             "members of the file that are no tables", "they are left out"),
    )
}  # fmt: skip
ORDER = {name: number for number, name in enumerate(KINDS)}
