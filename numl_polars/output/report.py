"""The report of a run: what was kept and what was not, how fast, and in how much memory."""

import json
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numl_polars.output.files import pending, writing

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class StageSeconds:
    """Wall time of one stage of the run: of all ranks together, and of the rank that took longest."""

    total: float
    slowest: float


@dataclass(frozen=True)
class LayerReport:
    """What a labelling did in the run.

    Parameters
    ----------
    scheme
        Name of the scheme.
    num_untrained_hits
        Number of hits of a class that is not trained, written as -1.
    unlabelled
        Particles that no rule labels, a row for each combination of PDG code, that of the parent, start and
        end process; see `numl_polars.labels.combinations`.
    remarks
        What to know of the rules: those that never applied, since earlier ones took all or nothing held.
    is_included
        The scheme comes with this package: remarks tell of the data only, and the summary leaves them out.
    """

    scheme: str
    num_untrained_hits: int = 0
    unlabelled: Sequence[Mapping[str, Any]] = ()
    remarks: Sequence[str] = ()
    is_included: bool = False


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a run did, of all its ranks together.

    Parameters
    ----------
    num_events
        Number of events that were looked at.
    num_kept
        Number of events that became objects.
    num_samples
        Number of objects by split; empty where the ranks' files were not merged.
    rejected
        Number of events that did not, by reason.
    noted
        Number of events with a remark, kept or not, by reason.
    layers
        What each labelling did, by layer.
    seconds
        Wall time of the run.
    stages
        Wall time by stage, in the order of the flow; see `stage_seconds`.
    peak_memory
        Bytes at the peak, one number a rank.
    outputs
        Files that the run left.
    input
        Name, size and event range of what was read.
    options
        Options of the run, resolved.
    version
        Version of this package.
    """

    num_events: int
    num_kept: int
    num_samples: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    noted: Mapping[str, int] = field(default_factory=dict)
    layers: Mapping[str, LayerReport] = field(default_factory=dict)
    seconds: float = 0.0
    stages: Mapping[str, StageSeconds] = field(default_factory=dict)
    peak_memory: Sequence[int] = ()
    outputs: Sequence[Path] = ()
    input: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""

    @property
    def num_ranks(self) -> int:
        """Number of ranks that ran."""
        return len(self.peak_memory)

    @property
    def events_per_second(self) -> float:
        """Events looked at in a second of wall time; 0 where no time was taken."""
        return self.num_events / self.seconds if self.seconds > 0 else 0.0

    def to_json(self) -> str:
        """Report as JSON, its keys in a fixed order; values that JSON does not know become their text."""
        content = asdict(self)
        content |= {"num_ranks": self.num_ranks, "events_per_second": self.events_per_second}
        return json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"

    def write(self, stem: Path, *, overwrite: bool = False) -> Path:
        """Path of the report as JSON, written to ``{stem}.report.json``.

        Raises
        ------
        OutputError
            The file cannot be written, or is there already and `overwrite` is false.
        """
        path = report_path(stem)
        with pending(path, overwrite=overwrite) as part, writing(path):
            part.write_text(self.to_json(), encoding="utf-8")
        return path

    def render(self) -> "RenderableType":
        """Summary for a rich console, which leaves out colour where it is no terminal."""
        from rich.console import Group
        from rich.table import Table

        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row("[bold]kept[/]", f"{self.num_kept:,}", f"of {counted(self.num_events, 'event')}")
        if self.num_samples:
            samples = ", ".join(f"{number:,} {name}" for name, number in self.num_samples.items())
            none = self.num_kept - sum(self.num_samples.values())
            left = f"; {none:,} with an empty store in none" if none else ""
            table.add_row("samples", f"{sum(self.num_samples.values()):,}", samples + left)
        for title, counts in (("rejected", self.rejected), ("noted", self.noted)):
            for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
                table.add_row(title, f"{count:,}", _plain(reason))
        for layer, report in self.layers.items():
            if report.num_untrained_hits:
                of_layer = "" if layer == "semantic" else f" in y_{layer}"
                table.add_row("untrained", f"{report.num_untrained_hits:,}", f"hits, written as -1{of_layer}")
        rate = f"{self.events_per_second:,.1f} events/s on {counted(self.num_ranks, 'rank')}"
        table.add_row("time", f"{self.seconds:.1f} s", rate)
        for stage, seconds in self.stages.items():
            slowest = f", {seconds.slowest:.1f} s on the slowest rank" if self.num_ranks > 1 else ""
            table.add_row("", f"{seconds.total:.1f} s", _plain(f"{stage}{slowest}"))
        if self.peak_memory:
            table.add_row("memory", f"{max(self.peak_memory) / 2**20:,.0f} MiB", "at most on a rank")
        for path in self.outputs[:_SHOWN_OUTPUTS]:
            table.add_row("output", "", _plain(str(path)))
        if len(self.outputs) > _SHOWN_OUTPUTS:
            table.add_row("", "", f"and {counted(len(self.outputs) - _SHOWN_OUTPUTS, 'more file')}")
        missing = [
            shown for name, layer in self.layers.items() if (shown := _unlabelled(name, layer)) is not None
        ]
        own = [layer for layer in self.layers.values() if not layer.is_included]
        remarks = [_plain(remark) for layer in own for remark in layer.remarks]
        return Group(table, *(shown for shown in missing if shown is not None), *remarks)


_SHOWN_OUTPUTS = 6
_SHOWN_COMBINATIONS = 10


def _unlabelled(layer_name: str, layer: LayerReport) -> "RenderableType | None":
    """What has hits and no rule, so that the physicist sees which rule is missing; None for nothing."""
    from rich.console import Group
    from rich.table import Table

    found = [row for row in layer.unlabelled if row["with_hits"]]
    if not found:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("with hits", "particles"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("PDG", "parent PDG", "start", "end", "why"):
        table.add_column(name, overflow="fold")
    for row in found[:_SHOWN_COMBINATIONS]:
        named = ("type", "parent_type", "start_process", "end_process", "fault")
        texts = ("-" if row[name] is None else _plain(str(row[name])) for name in named)
        table.add_row(f"{row['with_hits']:,}", f"{row['particles']:,}", *texts)
    left = len(found) - _SHOWN_COMBINATIONS
    more = [f"and {counted(left, 'more combination')}, all in the report"] if left > 0 else []
    of_layer = "" if layer_name == "semantic" else f" ({layer_name})"
    title = f"\n[bold]No rule of {_plain(layer.scheme)}{of_layer} labels these particles[/]"
    return Group(title, table, *more)


def report_path(stem: Path) -> Path:
    """Path of the report beside an output named by `stem`."""
    return stem.with_name(f"{stem.name}.report.json")


def stage_seconds(ranks: Sequence[Mapping[str, float]]) -> dict[str, StageSeconds]:
    """Seconds by stage, from each rank's seconds by stage; a stage that a rank lacks took it none."""
    stages = dict.fromkeys(stage for rank in ranks for stage in rank)
    taken = {stage: [rank.get(stage, 0.0) for rank in ranks] for stage in stages}
    return {stage: StageSeconds(sum(seconds), max(seconds)) for stage, seconds in taken.items()}


def peak_memory_bytes() -> int:
    """Largest resident memory of this process so far, bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def counted(number: int, noun: str) -> str:
    """How many of something: 1 file, 2,000 files."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
