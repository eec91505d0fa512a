"""The files of a run, named by its stem."""

from dataclasses import dataclass
from glob import escape
from pathlib import Path

from numl_polars.output.files import check_target
from numl_polars.output.report import report_path


@dataclass(frozen=True)
class Targets:
    """All files of a run: ranks', merged, ledger, report."""

    stem: Path
    num_ranks: int
    merge: bool

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

    def _earlier_rank_files(self) -> list[Path]:
        return sorted(
            path
            for path in self.stem.parent.glob(f"{escape(self.stem.name)}.*.h5")
            if path.name[len(self.stem.name) + 1 : -3].isdigit()
        )

    def check(self, *, overwrite: bool) -> None:
        """Raise an OutputError if the run could not write its files."""
        files = [self.rank_file(rank) for rank in range(self.num_ranks)]
        files += [self.ledger, self.report, *([self.merged] if self.merge else [])]
        for path in [*files, *self._earlier_rank_files()]:
            check_target(path, overwrite=overwrite)

    def remove_stale(self) -> None:
        """Remove files of ranks that an earlier, overwritten run had and this one has not."""
        own = {self.rank_file(rank) for rank in range(self.num_ranks)}
        for path in self._earlier_rank_files():
            if path not in own:
                path.unlink()

    def remove_unfinished(self) -> None:
        """Remove what ranks of this run were writing."""
        for path in self.stem.parent.glob(f".{escape(self.stem.name)}.[0-9][0-9][0-9][0-9].h5.*.part"):
            path.unlink(missing_ok=True)
