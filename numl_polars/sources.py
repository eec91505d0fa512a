"""Which files are meant: paths, patterns and lists of files, in one order."""

from collections.abc import Iterable
from glob import glob, has_magic
from pathlib import Path

from numl_polars.errors import InputError

Source = str | Path
LIST_ENDINGS = (".txt", ".list")


def source_paths(sources: Source | Iterable[Source]) -> list[Path]:
    """The files that are meant, in the order in which they are given.

    Parameters
    ----------
    sources
        One or several of: the path of a file; a pattern as ``runs/*.h5`` or ``runs/**/*.h5``, whose files
        come in the order of their names; a list, a text file ending in ``.txt`` or ``.list`` with one path or
        pattern a line, relative to the list's folder, or to the current one. Empty lines and what follows
        ``#`` are not read.

    Raises
    ------
    InputError
        What is given is neither text nor a path, or is a folder; a pattern matches nothing, a list cannot be
        read, is empty or names another list, or a file is meant twice.

    Notes
    -----
    Whether files exist is seen when they are opened.
    """
    given: list[object] = (
        list(sources) if isinstance(sources, Iterable) and not isinstance(sources, str | bytes) else [sources]
    )
    for source in given:
        if not isinstance(source, str | Path) or source == "":
            raise InputError(f"{source!r} is no path, pattern or list of event files")
    paths = [path for source in given for path in _paths(str(source), Path())]
    if not paths:
        raise InputError("no file is given")
    seen: dict[Path, Path] = {}
    for path in paths:
        same = seen.setdefault(path.resolve(), path)
        if same is not path:
            raise InputError(f"{path} is given twice" + (f", also as {same}" if same != path else ""))
    return paths


def _paths(source: str, folder: Path) -> list[Path]:
    path = folder / source
    if path.suffix in LIST_ENDINGS and _is_there(path) and path.is_file():
        return _listed(path)
    # a look costs time where there are thousands of files
    if not path.suffix and path.is_dir():
        raise InputError(f"{path} is a folder; a pattern names the files in it: '{path / '*.h5'}'")
    # a file may be named as a pattern
    if not has_magic(source) or _is_there(path):
        return [path]
    found = sorted(glob(str(path), recursive=True))  # noqa: PTH207  # patterns may be absolute
    if not found:
        raise InputError(f"no file matches {path}")
    return [Path(name) for name in found]


def _listed(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a list of files: {error}") from error
    names = [line.partition("#")[0].strip() for line in lines]
    paths = [found for name in names if name for found in _entry(name, path)]
    if not paths:
        raise InputError(f"{path} lists no file: one path or pattern a line is wanted")
    return paths


def _entry(name: str, path: Path) -> list[Path]:
    if Path(name).suffix in LIST_ENDINGS:
        raise InputError(f"{path} lists {name}, which is a list itself; list its files")
    in_folder = path.parent / name
    return _paths(name, path.parent if _is_there(in_folder) or not _is_there(Path(name)) else Path())


def _is_there(path: Path) -> bool:
    """Whether there is such a file, as far as its folder may be looked into."""
    try:
        return path.exists()
    except PermissionError:
        return False
