"""HDF5 files opened for reading; without Polars, which worker processes must not load."""

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
    if not path.exists():
        raise InputError(f"no such file: {path}")
    if path.is_dir():
        raise InputError(f"{path} is a folder; an HDF5 file is wanted")
    try:
        with path.open("rb"):
            pass
        return h5py.File(path, "r", locking=False)
    except PermissionError as error:
        raise InputError(f"no permission to read {path}") from error
    except OSError as error:
        if "truncated" in str(error):
            raise InputError(f"{path} is truncated: it was not written or copied to its end") from error
        if not h5py.is_hdf5(path):
            raise InputError(f"{path} is not an HDF5 file") from error
        raise InputError(f"{path} cannot be read: {error}") from error
