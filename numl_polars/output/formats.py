"""The formats of training files: by name, by path, and any file opened.

A format's module is imported when it is first used: only that of pt imports torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from numl_polars.errors import InputError, OptionError
from numl_polars.output.layout import GraphMetadata
from numl_polars.output.merging import MergeSummary
from numl_polars.output.protocols import ObjectReader, ObjectWriter
from numl_polars.output.pt_index import INDEX, read_index


@dataclass(frozen=True)
class Format:
    """One format.

    Parameters
    ----------
    name
        As in ``--format``.
    suffix
        Ending of the names of its files.
    is_folder
        Whether a file of it is a folder.
    """

    name: str
    suffix: str
    is_folder: bool
    _writer: str
    _reader: str
    _merge: str

    def writer(
        self,
        path: Path,
        metadata: GraphMetadata,
        *,
        overwrite: bool = False,
        hidden: bool = False,
        **options: Any,
    ) -> ObjectWriter:
        """Writer of a new file; `options` are those of the format.

        Raises
        ------
        OptionError
            The format has no such option.
        """
        writer: ObjectWriter = self._call(
            self._writer, path, metadata, overwrite=overwrite, hidden=hidden, **options
        )
        return writer

    def reader(self, path: Path) -> ObjectReader:
        """Reader of a file of this format.

        Raises
        ------
        InputError
            It cannot be read, or is none.
        """
        found: ObjectReader = _named(self._reader)(path)
        return found

    def merge(self, inputs: Sequence[Path], output: Path, **options: Any) -> MergeSummary:
        """One file from several of this format; see `merge.merge`.

        Raises
        ------
        OptionError
            The format has no such option; or as `merge.merge`.
        """
        summary: MergeSummary = self._call(self._merge, inputs, output, **options)
        return summary

    def _call(self, name: str, *arguments: Any, **options: Any) -> Any:
        function = _named(name)
        known = signature(function).parameters
        takes_any = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in known.values())
        for option, value in options.items():
            if option not in known and not takes_any:
                raise OptionError(f"format {self.name} has no such option: {option}={value!r}")
        return function(*arguments, **options)


FORMATS = {
    known.name: known
    for known in (
        Format("hdf5", ".h5", False, "hdf5.Hdf5Writer", "hdf5_reader.Hdf5Reader", "hdf5_merge.merge_hdf5"),
        Format("arrow", ".arrow", False, "arrow.ArrowWriter", "arrow.ArrowReader", "arrow.merge_arrow"),
        Format("pt", ".pt", True, "pt.PtWriter", "pt.PtReader", "pt_merge.merge_pt"),
    )
}
_SUFFIXES = {known.suffix: known for known in FORMATS.values()} | {".hdf5": FORMATS["hdf5"]}
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HDF5_PLACES = (0, 512, 1024, 2048)  # behind a block of the user's
_ARROW_SIGNATURE = b"ARROW1"
_ZIP_SIGNATURE = b"PK"


def format_named(name: str) -> Format:
    """Format of that name.

    Raises
    ------
    OptionError
        There is none.
    """
    if name not in FORMATS:
        raise OptionError(f"no format {name!r} (has {', '.join(FORMATS)})")
    return FORMATS[name]


def format_by_suffix(path: Path) -> Format | None:
    """Format that the name of a file to be written says; None: it says none."""
    return _SUFFIXES.get(path.suffix)


def format_of(path: str | Path) -> Format:
    """Format of a file by its first bytes, or else by its name; of a folder by what is in it.

    Raises
    ------
    InputError
        There is no such file, it may not be read, or it is of no format, with what it is instead.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"no such file: {path}")
    by_name = format_by_suffix(path)
    if path.is_dir():
        if (path / INDEX).exists() or (by_name is not None and by_name.is_folder):
            return FORMATS["pt"]
        raise InputError(f"{path} is a folder without {INDEX}: neither a training file nor one of format pt")
    if path.name == INDEX:
        raise InputError(f"{path} is the index of a folder of format pt; name the folder, {path.parent}")
    found = _first_bytes(path)
    if found.startswith(_ARROW_SIGNATURE):
        return FORMATS["arrow"]
    if any(found.startswith(_HDF5_SIGNATURE, place) for place in _HDF5_PLACES):
        return FORMATS["hdf5"]
    if found.startswith(_ZIP_SIGNATURE) and path.suffix == ".pt":
        raise InputError(f"{path} is one object of format pt; name the folder that it is in, {path.parent}")
    if by_name is not None and not by_name.is_folder:
        return by_name  # its reader says what is wrong
    shown = f"it begins with {found[:8]!r}" if found else "it is empty"
    known = ", ".join(f"{known.name} ({known.suffix})" for known in FORMATS.values())
    raise InputError(f"{path} is no training file of a known format, {known}: {shown}")


def open_objects(path: str | Path) -> ObjectReader:
    """Reader of a training file of any format.

    Raises
    ------
    InputError
        As `format_of`; or the file is damaged.
    """
    return format_of(path).reader(Path(path))


def is_own(path: Path) -> bool:
    """Whether this program wrote the training file, or folder."""
    try:
        metadata = _metadata(path, format_of(path))
    except InputError:
        return False
    return metadata is not None and str(metadata.provenance.get("program", "")).startswith("numl-polars ")


def _metadata(path: Path, known: Format) -> GraphMetadata | None:
    """File-level content, without the objects where that takes less."""
    if known.is_folder:
        return read_index(path).metadata
    if known.name == "hdf5":
        from numl_polars.output.hdf5_content import read_metadata
        from numl_polars.output.hdf5_objects import reading
        from numl_polars.tables.opening import open_hdf5

        with open_hdf5(path) as file, reading(path):
            return read_metadata(file)
    reader = known.reader(path)
    reader.close()
    return reader.metadata


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HDF5_PLACES[-1] + len(_HDF5_SIGNATURE))
    except PermissionError as error:
        raise InputError(f"no permission to read {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _named(name: str) -> Any:
    module, _, member = name.partition(".")
    try:
        return getattr(import_module(f"numl_polars.output.{module}"), member)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise OptionError(f"format {module} needs torch: pip install 'numl-polars[torch]'") from error
