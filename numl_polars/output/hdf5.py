"""Graph files: one scalar dataset of compound type an object, at ``dataset/{name}``.

The layout is that of pynuml 25.4.0, which NuGraph reads: a compound has one field an attribute, named
``store/attribute``, packed in the order of the attributes. HDF5 has no array of length zero, so an empty
array is written as a scalar 0 of its dtype. At file level stand ``planes``, ``semantic_classes`` and
``event_classes`` (variable-length strings) and ``gen`` (int64, (1,)); where the file comes from stands in
attributes of the root, which no reader of the layout looks at.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from h5py import h5d, h5f, h5g, h5o, h5p, h5s, h5t

from numl_polars.errors import InputError, OutputError
from numl_polars.objects.batch import Array, ObjectBatch
from numl_polars.output.files import pending, reason, unfinished, writing
from numl_polars.output.layout import (
    GraphMetadata,
    check_attribute_name,
    empty_shape,
    in_event_order,
    is_metadata,
    may_be_empty,
)

__all__ = [
    "GraphMetadata",
    "Hdf5Writer",
    "create_file",
    "create_object_group",
    "is_own",
    "object_names",
    "read_metadata",
    "read_object",
    "read_record",
    "reading",
    "write_metadata",
    "write_record",
    "write_strings",
]

_SCALAR = h5s.create(h5s.SCALAR)


class Hdf5Writer:
    """Context manager that writes the objects of one rank to one file, visible only when it is whole.

    Parameters
    ----------
    path
        File to write.
    metadata
        File-level content.
    overwrite
        Whether a file that is there may be replaced.
    hidden
        Leave the whole file under its hidden name, `part`; `files.finish` gives it that of `path`.

    Raises
    ------
    OutputError
        On entering, if `path` cannot be written (see `files.check_target`); on leaving, if the file cannot
        be completed.
    """

    def __init__(
        self, path: Path, metadata: GraphMetadata, *, overwrite: bool = False, hidden: bool = False
    ) -> None:
        self.path = path
        self.metadata = metadata
        self.overwrite = overwrite
        self._target = unfinished if hidden else pending
        self._record = np.empty(1 << 16, np.uint8)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.part = stack.enter_context(self._target(self.path, overwrite=self.overwrite))
            file = stack.enter_context(create_file(self.part, self.path))
            with writing(self.path):
                write_metadata(file, self.metadata)
                self._group = create_object_group(file)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, objects: ObjectBatch) -> None:
        """Write each object of the batch, in order.

        Parameters
        ----------
        objects
            Attributes of integers, floats or booleans, of any shape. Their names are
            ``store/attribute``; a store has no underscore, or two where three names are joined (an edge).

        Raises
        ------
        OutputError
            The disk is full or fails, or an object of that name is in the file already.
        ValueError
            An attribute's name is not of the above form.
        """
        for attribute in objects.attributes:
            check_attribute_name(attribute.name)
        fields = [attribute.name.encode() for attribute in objects.attributes]
        with writing(self.path):
            for i, name in enumerate(objects.names):
                if name.encode() in self._group:
                    raise OutputError(f"object '{name}' is written to {self.path} a second time")
                arrays = [attribute.of(i) for attribute in objects.attributes]
                self._write_object(name, fields, arrays)

    def _write_object(self, name: str, fields: list[bytes], arrays: list[Array]) -> None:
        arrays = [array if array.size else np.zeros((), array.dtype) for array in arrays]
        size = sum(array.nbytes for array in arrays)
        if size > self._record.size:
            self._record = np.empty(max(size, 2 * self._record.size), np.uint8)
        # The compound type built from cached ones and the record packed in one buffer take less than half the
        # time of Group.create_dataset with the arrays.
        compound = h5t.create(h5t.COMPOUND, size)
        start = 0
        for field_name, array in zip(fields, arrays, strict=True):
            compound.insert(field_name, start, _field_type(array.dtype, array.shape))
            np.ndarray(array.shape, array.dtype, self._record.data, start)[...] = array
            start += array.nbytes
        write_record(self._group, name, compound, self._record[:size])


@contextmanager
def create_file(part: Path, target: Path) -> Iterator[h5py.File]:
    """New HDF5 file at `part`, closed at the end; faults of opening and closing name `target`."""
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)  # as h5py.File
    # With a sieve buffer HDF5 writes small objects when they are closed, and h5py drops errors of closing.
    access.set_sieve_buf_size(0)
    with writing(target):
        file = h5py.File(h5f.create(os.fsencode(part), h5f.ACC_TRUNC, fapl=access))
    try:
        yield file
    except BaseException:
        with suppress(OSError, RuntimeError):  # the first error is the one to report
            file.close()
        raise
    with writing(target):  # a full disk may show only now
        file.close()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Nothing; a fault of the operating system or of HDF5 in the block is an InputError naming `path`."""
    try:
        yield
    except (OSError, RuntimeError, KeyError) as error:
        if "truncated file" in str(error):
            raise InputError(f"{path} is truncated: it was not written or copied to its end") from error
        raise InputError(f"cannot read {path}: {reason(error)}") from error


def create_object_group(file: h5py.File) -> h5g.GroupID:
    """Group ``dataset`` of a new file, which remembers the order in which objects are written."""
    creation = h5p.create(h5p.GROUP_CREATE)
    creation.set_link_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
    creation.set_obj_track_times(False)  # equal input gives equal files
    return h5g.create(file.id, b"dataset", gcpl=creation)


def write_record(group: h5g.GroupID, name: str, compound: h5t.TypeID, record: Array) -> None:
    """Write one object: `record` (uint8, as many as the compound's size) under `name`, without conversion."""
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)
    dataset = h5d.create(group, name.encode(), compound, _SCALAR, creation)
    dataset.write(_SCALAR, _SCALAR, record, compound)


def read_record(group: h5g.GroupID, name: str) -> tuple[h5t.TypeID, Array]:
    """Compound type and raw record (uint8) of one object, as they stand in the file.

    Raises
    ------
    InputError
        ``dataset/{name}`` is not a scalar of compound type, or has fields of variable length.
    KeyError, OSError, RuntimeError
        It cannot be read; see `reading`.
    """
    dataset = h5o.open(group, name.encode())
    if not isinstance(dataset, h5d.DatasetID):
        raise _not_an_object(group, name)
    compound = dataset.get_type()
    if (
        compound.get_class() != h5t.COMPOUND
        or dataset.get_space().get_simple_extent_type() != h5s.SCALAR
        or any(compound.detect_class(kind) for kind in (h5t.VLEN, h5t.STRING, h5t.REFERENCE))
    ):
        raise _not_an_object(group, name)
    record = np.empty(compound.get_size(), np.uint8)
    dataset.read(_SCALAR, _SCALAR, record, compound)
    return compound, record


def write_metadata(file: h5py.File, metadata: GraphMetadata) -> None:
    """Write the file-level content of a new graph file."""
    for key, names in {"planes": metadata.planes, **metadata.class_lists}.items():
        write_strings(file, key, names)
    file.create_dataset("gen", data=np.array([metadata.gen], np.int64))
    file.attrs.update(sorted(metadata.provenance.items()))


def write_strings(group: h5py.Group, name: str, strings: Sequence[str]) -> None:
    """Write variable-length strings, of which there may be none."""
    group.create_dataset(name, data=np.array(strings, dtype=object), dtype=h5py.string_dtype())


def read_metadata(file: h5py.File) -> GraphMetadata | None:
    """File-level content, or None where the file has none of it, as all but the first of pynuml's rank files.

    A file without ``gen`` is of the first generation, as NuGraph takes it.

    Raises
    ------
    InputError
        Some of it is there but not the planes, or one is not of its type.
    """
    if not any(map(is_metadata, file)):
        return None
    if "planes" not in file:
        raise InputError(f"{file.filename} has no 'planes' (has {_listed(file)})")
    classes = {key: _read_strings(file, key) for key in file if is_metadata(key) and key != "gen"}
    try:
        gen = int(np.asarray(file["gen"]).item()) if "gen" in file else 1
    except (TypeError, ValueError) as error:
        raise InputError(f"'gen' is not one integer in {file.filename}") from error
    values = {
        key: value.item() if isinstance(value, np.generic) else value for key, value in file.attrs.items()
    }
    provenance = {key: value for key, value in values.items() if isinstance(value, str | int | float)}
    planes = classes.pop("planes")
    return replace(GraphMetadata.of(planes, classes, provenance), gen=gen)


def is_own(path: Path) -> bool:
    """True for a graph file that this program wrote."""
    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs.get("program", "")).startswith("numl-polars ")
    except OSError:
        return False


def object_names(file: h5py.File) -> list[str]:
    """Names of the objects, in the order in which they were written where the file keeps it.

    Else (in pynuml's files) by run, subrun and event, where every name is ``r{run}_sr{subrun}_evt{event}``,
    and else as HDF5 lists them.

    Raises
    ------
    InputError
        The file has no group ``dataset``; one that is empty, or has file-level content only, need not.
    """
    if "dataset" not in file:
        if all(map(is_metadata, file)):
            return []
        raise InputError(f"{file.filename} is not a graph file: it has no 'dataset' (has {_listed(file)})")
    if not isinstance(file["dataset"], h5py.Group):
        raise InputError(f"{file.filename} is not a graph file: its 'dataset' is not a group")
    group = file["dataset"]
    names = list(group)
    if group.id.get_create_plist().get_link_creation_order() & h5p.CRT_ORDER_TRACKED:
        return names
    return in_event_order(names)


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
        raise _not_an_object(dataset.parent.id, dataset.name.rpartition("/")[2])
    record = dataset[()]
    arrays = {name: np.array(record[name]) for name in dataset.dtype.names}
    return {
        name: np.empty(empty_shape(name), array.dtype)
        if array.ndim == 0 and may_be_empty(name) and not array.any()
        else array
        for name, array in arrays.items()
    }


@lru_cache(maxsize=1024)
def _field_type(dtype: np.dtype[Any], shape: tuple[int, ...]) -> h5t.TypeID:
    if dtype.kind not in "biuf":
        raise ValueError(
            f"an attribute of dtype {dtype} cannot be written, only integers, floats and booleans"
        )
    return h5t.array_create(_field_type(dtype, ()), shape) if shape else h5t.py_create(dtype)


def _read_strings(file: h5py.File, key: str) -> tuple[str, ...]:
    try:
        return tuple(file[key].asstr()[()].tolist())
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"'{key}' is not a list of strings in {file.filename}") from error


def _not_an_object(group: h5g.GroupID, name: str) -> InputError:
    path = h5f.get_name(group).decode(errors="replace")
    return InputError(
        f"'dataset/{name}' is not a graph object, a scalar compound of numbers and arrays, in {path}"
    )


def _listed(file: h5py.File) -> str:
    names = list(file)
    shown = ", ".join(f"'{name}'" for name in names[:6])
    return (shown + (", …" if len(names) > 6 else "")) or "nothing"
