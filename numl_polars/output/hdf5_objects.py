"""Objects of graph files as HDF5 has them: where their values are, their types, and their arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from h5py import h5d, h5f, h5g, h5o, h5s, h5t

from numl_polars.errors import InputError
from numl_polars.objects.batch import Array
from numl_polars.output.files import reason
from numl_polars.output.layout import empty_shape, may_be_empty

_SCALAR = h5s.create(h5s.SCALAR)


@dataclass(frozen=True)
class Record:
    """One object of a file: its type, and where its values are.

    Parameters
    ----------
    name
        Of the object.
    encoded
        Its type as HDF5 encodes it.
    num_bytes
        Bytes of its values.
    place
        Where they stand, bytes from the beginning of the file; None if they do not stand by themselves.
    values
        uint8 (num_bytes,): the values, where they have no place; else empty.
    """

    name: str
    encoded: bytes
    num_bytes: int
    place: int | None
    values: Array


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Nothing; a fault of the operating system or of HDF5 in the block is an InputError naming `path`."""
    try:
        yield
    except (OSError, RuntimeError, KeyError) as error:
        if "truncated file" in str(error):
            raise InputError(f"{path} is truncated: it was not written or copied to its end") from error
        raise InputError(f"cannot read {path}: {reason(error)}") from error


def keep_little(file: h5py.File) -> None:
    """Let HDF5 keep no more than 2 MiB of what it has read to find and describe objects.

    By default it keeps 32 MiB as they stand in the file; types of objects take ten times as much decoded.
    """
    config = file.id.get_mdc_config()
    config.set_initial_size = True
    config.initial_size = config.max_size = 1 << 21
    config.min_size = min(config.min_size, config.max_size)
    file.id.set_mdc_config(config)


def open_record(group: h5g.GroupID, name: str) -> Record:
    """One object, of which only what is no value is read.

    Raises
    ------
    InputError
        ``dataset/{name}`` is not a scalar of compound type.
    KeyError, OSError, RuntimeError
        It cannot be read; see `reading`.
    """
    dataset = h5o.open(group, name.encode())
    if not isinstance(dataset, h5d.DatasetID):
        raise not_an_object(group, name)
    compound = dataset.get_type()
    if (
        not isinstance(compound, h5t.TypeCompoundID)
        or dataset.get_space().get_simple_extent_type() != h5s.SCALAR
    ):
        raise not_an_object(group, name)
    num_bytes, place = compound.get_size(), dataset.get_offset()
    values = np.empty(num_bytes if place is None else 0, np.uint8)
    if place is None and not compound.detect_class(h5t.VLEN):
        dataset.read(_SCALAR, _SCALAR, values, compound)
    return Record(name, compound.encode(), num_bytes, place, values)


def read_object(dataset: h5py.Dataset) -> dict[str, Array]:
    """Attributes of one object by name (``store/attribute``), each an array of its own.

    Empty arrays, which the file holds as a scalar 0, are restored: ``edge_index`` to (2, 0); positions to
    (0, 3) and (0, 2); of any other attribute the shape of a row is not known, and it comes back as (0,). What
    is a scalar by the layout, ``metadata/…`` and ``…/num_nodes``, and any scalar other than 0, comes back
    with shape ().

    Raises
    ------
    InputError
        The dataset is not a scalar of compound type.
    """
    if dataset.shape != () or dataset.dtype.names is None:
        raise not_an_object(dataset.parent.id, dataset.name.rpartition("/")[2])
    record = dataset[()]
    arrays = {name: np.array(record[name]) for name in dataset.dtype.names}
    return {
        name: np.empty(empty_shape(name), array.dtype)
        if array.ndim == 0 and may_be_empty(name) and not array.any()
        else array
        for name, array in arrays.items()
    }


def not_an_object(group: h5g.GroupID, name: str) -> InputError:
    """Error that says that ``dataset/{name}`` is no object of a graph file."""
    path = h5f.get_name(group).decode(errors="replace")
    return InputError(
        f"'dataset/{name}' is not a graph object, a scalar compound of numbers and arrays, in {path}"
    )
