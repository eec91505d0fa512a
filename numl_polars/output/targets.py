"""The files of a run, named by its stem."""

from collections.abc import Collection
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from numl_polars.errors import OptionError, OutputError
from numl_polars.output.files import check_target
from numl_polars.output.hdf5 import is_own
from numl_polars.output.report import report_path


@dataclass(frozen=True)
class Targets:
    """All files of a run: ranks', merged, ledger, report."""

    stem: Path
    num_ranks: int
    merge: bool

    @classmethod
    def of(cls, output: Path, num_ranks: int, *, merge: bool) -> "Targets":
        """Files of a run that was asked for `output`: a stem, or the merged file by its whole name."""
        if output.name in ("", ".."):
            raise OptionError(f"output {output} is a folder; name the files in it: {output / 'graphs'}")
        return cls(output.with_suffix("") if output.suffix == ".h5" else output, num_ranks, merge)

    @property
    def merged(self) -> Path:
        """The merged file."""
        return self.stem.with_name(f"{self.stem.name}.h5")

    @property
    def ledger(self) -> Path:
        """Events that were left out, and remarks."""
        return self.stem.with_name(f"{self.stem.name}.ledger.parquet")

    @property
    def report(self) -> Path:
        """How the run went."""
        return report_path(self.stem)

    def rank_file(self, rank: int) -> Path:
        """File of one rank."""
        return self.stem.with_name(f"{self.stem.name}.{rank:04d}.h5")

    @property
    def rank_files(self) -> list[Path]:
        """Files of all ranks, in order."""
        return [self.rank_file(rank) for rank in range(self.num_ranks)]

    def _earlier_rank_files(self) -> list[Path]:
        """Rank files of this program under the stem; other files may have numbers too."""
        start = len(self.stem.name) + 1
        numbered = self.stem.parent.glob(f"{escape(self.stem.name)}.*.h5")
        return sorted(path for path in numbered if path.name[start:-3].isdigit() and is_own(path))

    def check(self, source: Path, *, overwrite: bool) -> None:
        """Raise an OutputError if the run could not write its files, or would write over its `source`."""
        own = [*self.rank_files, self.ledger, self.report, self.merged]
        for path in [*own, *self._earlier_rank_files()]:
            if path.resolve() == source.resolve():
                raise OutputError(f"{path} is the input of the run; choose another name for the output")
            check_target(path, overwrite=overwrite)
            if path.suffix == ".h5" and path.exists() and not is_own(path):
                raise OutputError(
                    f"{path} is no graph file of this program, and is not overwritten; remove it"
                )

    def remove_stale(self, rank_files: Collection[Path]) -> None:
        """Remove what an earlier run left that this one, with its `rank_files`, does not replace."""
        stale = set(self._earlier_rank_files()).difference(rank_files)
        for path in stale if self.merge else {*stale, self.merged}:
            path.unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        """Remove what ranks of this run were writing."""
        for path in self.stem.parent.glob(f".{escape(self.stem.name)}.[0-9][0-9][0-9][0-9].h5.*.part"):
            path.unlink(missing_ok=True)
