"""What damaged files raise."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numl_polars.errors import InputError

DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError)
"""What h5py raises where it cannot make sense of what HDF5 read."""


class DamageError(OSError):
    """The bytes are not what the file says of them. HDF5, which may believe it, is not to be asked."""


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """What damage makes of the block, where nobody foresaw it, as an InputError that names the file."""
    try:
        yield
    except (*DAMAGE, IndexError, MemoryError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
