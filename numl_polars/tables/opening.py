"""HDF5 files opened for reading; without Polars, which worker processes must not load."""

from errno import EMFILE, ENFILE
from pathlib import Path

import h5py

from numl_polars.errors import InputError


def open_hdf5(path: Path) -> h5py.File:
    """The file, open for reading.

    Raises
    ------
    InputError
        There is no such file, it may not be read, is no HDF5 file, or is truncated.
    """
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise InputError(_why_not(path, error)) from error


def _why_not(path: Path, error: OSError) -> str:
    """Why a file cannot be opened."""
    if error.errno in (EMFILE, ENFILE):
        return f"{path} cannot be opened: too many files are open; `ulimit -n` says how many may be"
    # before the path is looked at, which may be in a folder that may not be looked into
    if isinstance(error, PermissionError):
        return f"no permission to read {path}"
    if not path.exists():
        return f"no such file: {path}"
    if path.is_dir():
        return f"{path} is a folder; an HDF5 file is wanted"
    if "truncated" in str(error):
        return f"{path} is truncated: it was not written or copied to its end"
    if not h5py.is_hdf5(path):
        return f"{path} is not an HDF5 file"
    return f"{path} cannot be read: {error}"
