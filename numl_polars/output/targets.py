"""The files of a run, named by its stem."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from numl_polars.errors import OptionError, OutputError
from numl_polars.output.files import check_target, remove, remove_abandoned
from numl_polars.output.formats import FORMATS, Format, is_own
from numl_polars.output.report import report_path


@dataclass(frozen=True)
class Targets:
    """All files of one kind of object of a run: ranks', merged, ledger, report."""

    stem: Path
    num_ranks: int
    format: Format
    merge: bool

    @classmethod
    def of(
        cls, output: Path, num_ranks: int, format: Format = FORMATS["hdf5"], name: str = "", *, merge: bool
    ) -> "Targets":
        """Files of a run that was asked for `output`: a stem, or the merged file by its whole name.

        Parameters
        ----------
        name
            Of the kind of object, where the run makes several: it follows the stem.
        """
        if output.name in ("", ".."):
            raise OptionError(f"output {output} is a folder; name the files in it: {output / 'graphs'}")
        stem = output.with_suffix("") if output.suffix == format.suffix else output
        return cls(stem.with_name(f"{stem.name}.{name}") if name else stem, num_ranks, format, merge)

    def _named(self, ending: str) -> Path:
        return self.stem.with_name(f"{self.stem.name}.{ending}")

    @property
    def merged(self) -> Path:
        """The merged file."""
        return self.stem.with_name(self.stem.name + self.format.suffix)

    @property
    def ledger(self) -> Path:
        """Events that were left out, and remarks."""
        return self._named("ledger.parquet")

    @property
    def report(self) -> Path:
        """How the run went."""
        return report_path(self.stem)

    def rank_file(self, rank: int) -> Path:
        """File of one rank."""
        return self._named(f"{rank:04d}{self.format.suffix}")

    @property
    def rank_files(self) -> list[Path]:
        """Files of all ranks, in order."""
        return [self.rank_file(rank) for rank in range(self.num_ranks)]

    def _earlier_rank_files(self) -> list[Path]:
        """Rank files of this program under the stem; other files may have numbers too."""
        start, stop = len(self.stem.name) + 1, -len(self.format.suffix)
        numbered = self.stem.parent.glob(f"{escape(self.stem.name)}.*{self.format.suffix}")
        return sorted(path for path in numbered if path.name[start:stop].isdigit() and is_own(path))

    def check(self, sources: Iterable[Path], *, overwrite: bool) -> None:
        """Raise an OutputError if the run could not write its files, or would write over its `sources`."""
        inputs = {source.resolve() for source in sources}
        objects = [*self.rank_files, self.merged, *self._earlier_rank_files()]
        for path in [*objects, self.ledger, self.report]:
            if path.resolve() in inputs:
                raise OutputError(f"{path} is an input of the run; choose another name for the output")
            check_target(path, overwrite=overwrite, folder=self.format.is_folder and path in objects)
            if path in objects and path.exists() and not is_own(path):
                raise OutputError(
                    f"{path} is no training file of this program, and is not overwritten; remove it"
                )

    def remove_stale(self, rank_files: Collection[Path]) -> None:
        """Remove what an earlier run left that this one, with its `rank_files`, does not replace."""
        stale = set(self._earlier_rank_files()).difference(rank_files)
        for path in stale if self.merge else {*stale, self.merged}:
            remove(path)
        # an earlier run may have had more ranks
        remove_abandoned(self.stem.parent, self._unfinished)

    def remove_unfinished(self) -> None:
        """Remove what ranks of this run were writing."""
        for path in self.stem.parent.glob(self._unfinished):
            remove(path)

    @property
    def _unfinished(self) -> str:
        return f".{escape(self.stem.name)}.[0-9][0-9][0-9][0-9]{self.format.suffix}.*.part"
