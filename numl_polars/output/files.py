"""Output that appears whole or not at all: written beside its target, renamed when finished.

A file takes the place of another in one step. A folder cannot: the earlier one is put aside under a hidden
name, the new one takes its name, and only then the earlier one is removed. A process that is killed between
the two renames leaves both whole, under hidden names; the next look at the target says so.
"""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from numl_polars.errors import OutputError
from numl_polars.output.hidden_names import hidden_name, is_abandoned

_ASIDE = "aside"


def check_target(target: Path, *, overwrite: bool = False, folder: bool = False) -> None:
    """Nothing, if `target` can be written; meant to be called before hours of work as well.

    Parameters
    ----------
    target
        File that is going to be written.
    overwrite
        Whether a file that is there may be replaced.
    folder
        Whether a folder is going to be written.

    Raises
    ------
    OutputError
        `target` exists and `overwrite` is false, or it is a folder where a file is wanted, or the other way
        round, or its folder is missing or cannot be written.
    """
    parent = target.parent
    with writing(target):
        if not parent.exists():
            raise OutputError(f"cannot write {target}: folder {parent} does not exist")
        if not parent.is_dir():
            raise OutputError(f"cannot write {target}: {parent} is not a folder")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise OutputError(f"cannot write {target}: no permission to write in folder {parent}")
        if target.exists() and target.is_dir() != folder:
            raise OutputError(f"cannot write {target}: it is a {'file' if folder else 'folder'}")
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists already; --overwrite replaces it")


@contextmanager
def unfinished(target: Path, *, overwrite: bool = False, folder: bool = False) -> Iterator[Path]:
    """Hidden name in the folder of `target`, under which a whole file is left when the block ends well.

    What is written under the name is brought to the disk; `finish` gives it the name of `target`. If the
    block raises, it is removed. A process that is killed leaves the hidden file, never a visible one, and the
    next on that machine that writes `target` removes it. Exceptions of the block pass unchanged.

    Parameters
    ----------
    target
        File to write; it is left as it is.
    overwrite
        Whether a file that is there may be replaced.
    folder
        Whether a folder is to be written; it is made.

    Raises
    ------
    OutputError
        As `check_target`; also if the file cannot be brought to the disk.
    """
    check_target(target, overwrite=overwrite, folder=folder)
    remove_abandoned(target.parent, f".{escape(target.name)}.*.part")
    part = hidden_name(target, "part")
    try:
        if folder:
            with writing(target):
                part.mkdir()
        yield part
        with writing(target):
            if folder:
                _bring_folder_to_disk(part)
            else:
                _bring_to_disk(part)
    except BaseException:
        remove(part)
        raise


def finish(part: Path, target: Path, *, overwrite: bool = False) -> None:
    """Give the whole file, or folder, at `part` the name of `target`: a file in one step.

    Raises
    ------
    OutputError
        It cannot be renamed, or another file has appeared under the name meanwhile and `overwrite` is false.
    """
    with writing(target):
        check_target(target, overwrite=overwrite, folder=part.is_dir())
        if target.is_dir():
            _replace_folder(part, target)
        else:
            part.replace(target)
        if overwrite:
            for earlier in put_aside(target):
                shutil.rmtree(earlier, ignore_errors=True)
        with suppress(OSError):  # some network file systems refuse to sync a folder
            _bring_to_disk(target.parent)


def _replace_folder(part: Path, target: Path) -> None:
    aside = hidden_name(target, _ASIDE)
    target.rename(aside)
    try:
        part.rename(target)
    except OSError:
        aside.rename(target)
        raise


def put_aside(target: Path) -> list[Path]:
    """Folders that were under the name of `target`, whole, when they began to be replaced."""
    return sorted(target.parent.glob(f".{escape(target.name)}.*.{_ASIDE}"))


@contextmanager
def pending(target: Path, *, overwrite: bool = False, folder: bool = False) -> Iterator[Path]:
    """Hidden name in the folder of `target`, which takes the place of `target` when the block ends well.

    As `unfinished`, then `finish`.
    """
    with unfinished(target, overwrite=overwrite, folder=folder) as part:
        yield part
    try:
        finish(part, target, overwrite=overwrite)
    finally:
        remove(part)


def remove(path: Path) -> None:
    """Remove a file, or a folder with what is in it; one that is not there is none to remove."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_abandoned(folder: Path, pattern: str) -> None:
    """Remove what processes that have ended have left unfinished in a folder under names of a pattern."""
    for path in folder.glob(pattern):
        if is_abandoned(path):
            with suppress(OSError):  # it does no harm
                remove(path)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Nothing; a fault of the operating system or of HDF5 in the block is an OutputError naming `target`."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot write {target}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """One line on `error`: the system's words where it has an error number, else its first line."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error).partition("\n")[0] or type(error).__name__


def _bring_folder_to_disk(folder: Path) -> None:
    """Bring all files of a folder to the disk: by one call for its file system, where the system has it.

    A call for each of many small files takes as long as writing them, or longer.
    """
    with suppress(AttributeError):
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            if syncfs(descriptor):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        finally:
            os.close(descriptor)
        return
    for path in folder.iterdir():
        _bring_to_disk(path)
    _bring_to_disk(folder)


def _bring_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
