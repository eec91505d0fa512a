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
    sentence
        What is counted.
    remedy
        What to do; ``FILE`` stands for the file.
    """

    name: str
    severity: Severity
    sentence: str
    remedy: str


_REBUILD = "numl-polars index FILE rebuilds the keys"
_COPY = "copy the file again from where it came"
_ORIGIN = "look at where the file came from"
_LOST = "processing leaves such events out, with a row in its ledger"
_REWRITE = "write the table again from its source"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("unreadable-file", "error", "file that cannot be opened", _COPY),
        Kind("no-events", "error", "event_table that is missing or cannot be read", _COPY),
        Kind("wide-event-id", "error", "events whose numbers take more than 32 bits", "renumber the events"),
        Kind("damaged-table", "error", "table that cannot be opened", _COPY),
        Kind("damaged-column", "error", "column that cannot be opened", _COPY),
        Kind("overlapping-storage", "error", "columns that stand in bytes of another", _COPY),
        Kind("unreadable-rows", "error", "rows that cannot be read", _COPY),
        Kind("absurd-length", "error", "columns with more values than the file can hold", _COPY),
        Kind("unequal-lengths", "error", "columns of another length than the others", _REWRITE),
        Kind("event-id-disagrees", "error", "rows whose event_id is not that of their event", _REBUILD),
        Kind("unknown-event", "error", "rows of events that are not in event_table", _REWRITE),
        Kind("split-event", "error", "events whose rows are not in one piece", _REWRITE),
        Kind("event-order", "error", "events in another order than in event_table", _REWRITE),
        Kind("keys-beyond-repair", "error", "table whose rows cannot be told to events", _REWRITE),
        Kind("not-processable", "error", "table or column that a graph needs and that is not there",
             "see the options of numl-polars process"),
        Kind("key-kind", "warning", "key of another shape or type than (rows, 1) or (events, 2) of int64",
             _REBUILD),
        Kind("key-line-a-row", "warning", "key event_id.seq_cnt with one line a row", _REBUILD),
        Kind("key-order", "warning", "lines of a key whose events do not increase", _REBUILD),
        Kind("key-range", "warning", "lines of a key with events that there are not", _REBUILD),
        Kind("key-counts", "warning", "lines of a key with fewer rows than one", _REBUILD),
        Kind("key-sum", "warning", "key whose counts do not add up to the rows", _REBUILD),
        Kind("key-unreadable", "warning", "key that cannot be read", _REBUILD),
        Kind("key-disagrees", "warning", "lines of a key that are not those of event_id", _REBUILD),
        Kind("unwritten-rows", "warning", "rows that were never written, and read as zeros", _REWRITE),
        Kind("repeated-event", "warning", "events with the run, subrun and event of one before",
             "they are kept apart by position; look at how the file was merged"),
        Kind("repeated-hit-id", "warning", "events with a hit_id twice",
             "spacepoints and deposits are joined to the first"),
        Kind("repeated-g4-id", "warning", "events with a g4_id twice", _LOST),
        Kind("orphan", "warning", "particles whose parent is not in the table",
             "events in which they, or what descends from them, have hits are left out, or see --orphans of "
             "schemes"),
        Kind("circle", "warning", "particles in or below a circle of parents", _LOST),
        Kind("deposit-without-hit", "warning", "deposits of hits that are not there", "they are left out"),
        Kind("deposit-without-particle", "warning", "deposits of particles that are not there", _LOST),
        Kind("spacepoint-without-hit", "warning", "spacepoints of hits that are not there",
             "they get no edge to such a plane"),
        Kind("unknown-plane", "warning", "hits on planes that there are not", "name the planes by --planes"),
        Kind("unlabelled", "warning", "particles that no rule of the scheme labels",
             "add a rule, or give them a class by the scheme's parameter unlabelled"),
        Kind("unknown-pdg", "warning", "particles whose PDG code is none", _ORIGIN),
        Kind("not-finite", "warning", "values that are NaN or infinite", "models may not bear them"),
        Kind("not-ascii", "warning", "strings that are not printable ASCII", _ORIGIN),
        Kind("no-keys", "note", "table without event_id.seq and event_id.seq_cnt",
             "numl-polars index FILE adds them, and reading starts sooner"),
        Kind("not-finite-position", "note", "positions of deposits that are NaN or infinite",
             "such deposits take no part in maps"),
        Kind("without-events", "note", "table that has no event_id", "it is not read"),
        Kind("unreadable-kind", "note", "column of a kind that cannot be read", "it is left out"),
        Kind("stray", "note", "member of the file that is no table", "it is left out"),
    )
}  # fmt: skip
ORDER = {name: number for number, name in enumerate(KINDS)}
