"""What a run makes of one kind of object: a file a rank, the merged file, ledger and report."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from numl_polars.errors import OutputError
from numl_polars.events.readable import UnreadableEvent
from numl_polars.labels.rule_usage import RuleUsage
from numl_polars.objects.layer_counts import LayerCounts, add_counts
from numl_polars.objects.ledger import REASONS, Ledger, concat_ledgers
from numl_polars.objects.training_object import Built, TrainingObject
from numl_polars.output.files import finish, remove, unfinished, writing
from numl_polars.output.layout import GraphMetadata
from numl_polars.output.merging import MergeSummary
from numl_polars.output.protocols import ObjectWriter
from numl_polars.output.report import LayerReport, RunReport
from numl_polars.output.splits import Splits
from numl_polars.output.targets import Targets
from numl_polars.timing import Progress, Stages


@dataclass
class Share:
    """What one rank made of one kind of object; `part` is its file, whole, under its hidden name."""

    part: Path = Path()
    num_kept: int = 0
    layers: dict[str, LayerCounts] = field(default_factory=dict)
    ledgers: list[pl.DataFrame] = field(default_factory=list)

    def add(self, built: Built) -> None:
        """Count what a batch became."""
        self.num_kept += len(built.objects)
        self.layers = add_counts([self.layers, built.layers])
        self.ledgers.append(built.ledger)

    def leave_out(self, event: UnreadableEvent, ids: NDArray[np.int32]) -> None:
        """Enter an event into the ledger; `ids` are its run, subrun and event, int32 (1, 3)."""
        ledger = Ledger(event.event_index, ids)
        ledger.enter("unreadable", np.zeros(1, np.int64), event.why, rejected=True)
        self.ledgers.append(ledger.frame())


@dataclass(frozen=True, kw_only=True)
class Product:
    """One kind of object that a run makes of its events.

    Parameters
    ----------
    scheme
        What events become.
    targets
        The files that are made of it.
    facts
        What the output records of the run: ``input``, ``options`` and ``version``.
    overwrite
        Replace earlier output.
    writer_options
        Options of the format's writer, as `compression`.
    """

    scheme: TrainingObject
    targets: Targets
    facts: Mapping[str, Any]
    overwrite: bool
    writer_options: Mapping[str, Any]

    def writer(self, rank: int) -> ObjectWriter:
        """Writer of a rank's file, which stays hidden until `finish`.

        Raises
        ------
        OptionError
            The format has no such options.
        """
        provenance = {
            "program": f"numl-polars {self.facts['version']}",
            "input": json.dumps(self.facts["input"]),
            "options": json.dumps(self.facts["options"], default=str),
        }
        metadata = GraphMetadata.of(self.scheme.plane_names, self.scheme.classes, provenance)
        path = self.targets.rank_file(rank)
        return self.targets.format.writer(
            path, metadata, overwrite=self.overwrite, hidden=True, **self.writer_options
        )

    def finish(
        self,
        shares: Sequence[Share],
        *,
        splits: Splits,
        remove_rank_files: bool,
        progress: Progress | None,
        stages: Stages,
        about_run: Callable[[], Mapping[str, Any]],
    ) -> RunReport:
        """Report, once the ranks' files are merged and all files have their names.

        Parameters
        ----------
        shares
            What the ranks made, in order.
        splits, remove_rank_files, progress, stages
            As in `pipeline.process`; the time to merge is added to `stages`.
        about_run
            What the report says of the run, asked when the files are there.

        Raises
        ------
        InputError, OutputError
            The files cannot be merged or named; what ranks have written stays, as the message says.
        """
        targets, overwrite = self.targets, self.overwrite
        parts = [share.part for share in shares]
        frames = [frame for share in shares for frame in share.ledgers]
        ledger = concat_ledgers(frames).sort("event_index", maintain_order=True)
        summary = None
        with ExitStack() as unnamed:
            for part in parts:
                unnamed.callback(remove, part)
            ledger_part = unnamed.enter_context(unfinished(targets.ledger, overwrite=overwrite))
            with writing(targets.ledger):
                ledger.write_parquet(ledger_part)
            if targets.merge:
                try:
                    with stages("merge"):
                        summary = self._merge(parts, splits, progress)
                except OutputError as error:
                    unnamed.pop_all()
                    raise OutputError(
                        f"{error}; the ranks' files are whole, under hidden names: make room, then "
                        f"numl-polars merge {targets.merged} {' '.join(map(str, parts))}"
                    ) from error
            rank_files = [] if remove_rank_files else targets.rank_files
            for part, path in zip(parts, rank_files, strict=False):
                finish(part, path, overwrite=overwrite)
        finish(ledger_part, targets.ledger, overwrite=overwrite)
        targets.remove_stale(rank_files)
        report = RunReport(
            num_kept=sum(share.num_kept for share in shares),
            num_samples=summary.num_samples if summary is not None else {},
            rejected=_count_by_reason(ledger, rejected=True),
            noted=_count_by_reason(ledger, rejected=False),
            layers=self._layer_reports(add_counts(share.layers for share in shares)),
            outputs=[
                *([targets.merged] if targets.merge else []),
                targets.report,
                targets.ledger,
                *rank_files,
            ],
            **about_run(),
            **self.facts,
        )
        report.write(targets.stem, overwrite=overwrite)
        return report

    def _merge(self, parts: Sequence[Path], splits: Splits, progress: Progress | None) -> MergeSummary:
        return self.targets.format.merge(
            parts,
            self.targets.merged,
            splits=splits,
            overwrite=self.overwrite,
            progress=None if progress is None else partial(progress, "merge"),
            **self.writer_options,
        )

    def _layer_reports(self, counts: Mapping[str, LayerCounts]) -> dict[str, LayerReport]:
        """What each labelling did, in the order of the layers; nothing of one that labelled no batch."""
        schemes = {**self.scheme.particle_layers, **self.scheme.event_layers}
        reports = {}
        for layer, scheme in schemes.items():
            if layer in counts:
                count, rules = counts[layer], scheme.rule_list
                counted = "particles" if layer in self.scheme.particle_layers else "events"
                remarks = RuleUsage(rules, count.holds, counted).remarks() if rules is not None else []
                reports[layer] = LayerReport(
                    scheme=scheme.name,
                    num_untrained_hits=count.untrained_hits,
                    unlabelled=count.combinations.to_dicts(),
                    remarks=remarks,
                    is_included=type(scheme).__module__.startswith("numl_polars."),
                )
        return reports


def _count_by_reason(ledger: pl.DataFrame, *, rejected: bool) -> dict[str, int]:
    """Number of ledger rows by reason, in the order of the reasons."""
    rows = ledger.filter(pl.col("rejected") == rejected)["reason"].to_list()
    counts = Counter(rows)
    return {reason: counts[reason] for reason in REASONS if counts[reason]}
