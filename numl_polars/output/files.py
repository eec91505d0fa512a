"""Output that appears whole or not at all: written beside its target, renamed when finished."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from numl_polars.errors import OutputError


def check_target(target: Path, *, overwrite: bool = False) -> None:
    """Nothing, if `target` can be written; meant to be called before hours of work as well.

    Parameters
    ----------
    target
        File that is going to be written.
    overwrite
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        `target` exists and `overwrite` is false, or it is a folder, or its folder is missing or cannot be
        written.
    """
    folder = target.parent
    with writing(target):
        if not folder.exists():
            raise OutputError(f"cannot write {target}: folder {folder} does not exist")
        if not folder.is_dir():
            raise OutputError(f"cannot write {target}: {folder} is not a folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"cannot write {target}: no permission to write in folder {folder}")
        if target.is_dir():
            raise OutputError(f"cannot write {target}: it is a folder")
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists already; --overwrite replaces it")


@contextmanager
def unfinished(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Hidden name in the folder of `target`, under which a whole file is left when the block ends well.

    What is written under the name is brought to the disk; `finish` gives it the name of `target`. If the
    block raises, the file is removed. A process that is killed leaves the hidden file, never a visible one.
    Exceptions of the block pass unchanged.

    Parameters
    ----------
    target
        File to write; it is left as it is.
    overwrite
        Whether a file that is there may be replaced.

    Raises
    ------
    OutputError
        As `check_target`; also if the file cannot be brought to the disk.
    """
    check_target(target, overwrite=overwrite)
    # Ranks on two machines may have one process number in one shared folder, so the number is not enough.
    part = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        yield part
        with writing(target):
            _bring_to_disk(part)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def finish(part: Path, target: Path, *, overwrite: bool = False) -> None:
    """Give the whole file at `part` the name of `target`, in one step.

    Raises
    ------
    OutputError
        It cannot be renamed, or another file has appeared under the name meanwhile and `overwrite` is false.
    """
    with writing(target):
        check_target(target, overwrite=overwrite)
        part.replace(target)
        with suppress(OSError):  # some network file systems refuse to sync a folder
            _bring_to_disk(target.parent)


@contextmanager
def pending(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Hidden name in the folder of `target`, which takes the place of `target` when the block ends well.

    As `unfinished`, then `finish`.
    """
    with unfinished(target, overwrite=overwrite) as part:
        yield part
    try:
        finish(part, target, overwrite=overwrite)
    finally:
        part.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file, or a folder with what is in it; one that is not there is none to remove."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


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


def _bring_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
