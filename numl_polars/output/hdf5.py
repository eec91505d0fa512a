"""Graph files: one scalar dataset of compound type an object, at ``dataset/{name}``.

The layout is that of pynuml 25.4.0, which NuGraph reads: a compound has one field an attribute, named
``store/attribute``, packed in the order of the attributes. HDF5 has no array of length zero, so an empty
array is written as a scalar 0 of its dtype. At file level stand ``planes``, ``semantic_classes`` and
``event_classes`` (variable-length strings) and ``gen`` (int64, (1,)). Where the file comes from, and what an
empty array does not tell of itself, stands in attributes of the root, which no reader of the layout looks at.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
import numpy as np
from h5py import h5d, h5f, h5g, h5o, h5p, h5s, h5t
from numpy.typing import NDArray

from numl_polars.errors import InputError, OutputError
from numl_polars.objects.batch import Array, ObjectBatch
from numl_polars.output.attribute_kinds import (
    AttributeKind,
    Kinds,
    agreed_kinds,
    from_json,
    kinds_of,
    to_json,
)
from numl_polars.output.extents import write_extents
from numl_polars.output.files import pending, reason, unfinished, writing
from numl_polars.output.layout import (
    ATTRIBUTES,
    MAX_ROOT_ATTRIBUTE,
    GraphMetadata,
    empty_shape,
    in_event_order,
    is_metadata,
    may_be_empty,
)
from numl_polars.output.records import record_pieces, record_types
from numl_polars.output.samples import Samples, Tally, named

__all__ = [
    "META_BLOCK_BYTES",
    "GraphMetadata",
    "Hdf5Writer",
    "Record",
    "create_file",
    "create_object_group",
    "create_record",
    "keep_little",
    "not_an_object",
    "object_names",
    "open_for_values",
    "open_record",
    "read_kinds",
    "read_metadata",
    "read_object",
    "reading",
    "write_kinds",
    "write_metadata",
    "write_samples",
    "write_strings",
]

# Room for the headers of some 45 objects: larger blocks mean fewer writes, and objects next to each other.
META_BLOCK_BYTES = 1 << 16

Int64s = NDArray[np.int64]
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
    samples
        Rows of the objects of each split, counted as they are written; None: the file has no samples.

    Raises
    ------
    OutputError
        On entering, if `path` cannot be written (see `files.check_target`); on leaving, if the file cannot
        be completed.
    """

    def __init__(
        self,
        path: Path,
        metadata: GraphMetadata,
        *,
        overwrite: bool = False,
        hidden: bool = False,
        samples: Samples | None = None,
    ) -> None:
        self.path = path
        self.metadata = metadata
        self.overwrite = overwrite
        self._target = unfinished if hidden else pending
        self._samples = samples
        self._kinds: list[Kinds] = []
        self._written = Tally()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.part = stack.enter_context(self._target(self.path, overwrite=self.overwrite))
            file = stack.enter_context(create_file(self.part, self.path, meta_block_bytes=META_BLOCK_BYTES))
            self._descriptor = stack.enter_context(open_for_values(self.part, self.path))
            with writing(self.path):
                write_metadata(file, self.metadata)
                self._group = create_object_group(file)
            stack.enter_context(self._described(file))
            self._stack = stack.pop_all()
        return self

    @contextmanager
    def _described(self, file: h5py.File) -> Iterator[None]:
        """Nothing; what is known of all objects is added when the block has ended well."""
        yield
        with writing(self.path):
            write_kinds(file, agreed_kinds(self._kinds))
            if self._samples is not None:
                sizes = self._written.tensor_bytes[self._samples.get("train", [])]
                write_samples(file, named(self._samples, self._written.names), sizes)

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
            The disk is full or fails, an object of that name is in the file already, or one is larger than
            HDF5 allows.
        ValueError
            An attribute's name is not of the above form.
        """
        types = record_types(objects)
        with writing(self.path):
            places = []
            for name, encoded in zip(objects.names, types, strict=True):
                try:
                    places.append(create_record(self._group, name, h5t.decode(encoded)))
                except ValueError as error:
                    if name.encode() not in self._group:
                        raise
                    raise OutputError(f"object '{name}' is written to {self.path} a second time") from error
            write_extents(self._descriptor, places, record_pieces(objects))
        kinds = kinds_of(objects)
        if kinds not in self._kinds:
            self._kinds.append(kinds)
        if self._samples is not None:
            self._written.add(objects)


@contextmanager
def create_file(part: Path, target: Path, *, meta_block_bytes: int | None = None) -> Iterator[h5py.File]:
    """New HDF5 file at `part`, closed at the end; faults of opening and closing name `target`.

    HDF5 reserves room for what is not data in blocks of `meta_block_bytes`, 2 KiB if nothing is said.
    """
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)  # as h5py.File
    # With a sieve buffer HDF5 writes small objects when they are closed, and h5py drops errors of closing.
    access.set_sieve_buf_size(0)
    if meta_block_bytes is not None:
        access.set_meta_block_size(meta_block_bytes)
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


def create_record(group: h5g.GroupID, name: str, compound: h5t.TypeID) -> int:
    """Where the values of a new object are to be written, bytes from the beginning of the file.

    HDF5 gives the place at once (`ALLOC_TIME_EARLY`) and puts nothing there; what is written there by other
    means than HDF5 is the object's record. H5Dwrite would need it packed, and holds h5py's lock meanwhile.
    """
    dataset = h5d.create(group, name.encode(), compound, _SCALAR, _record_creation())
    place: int = dataset.get_offset()
    return place


@lru_cache
def _record_creation() -> h5p.PropDCID:
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)
    creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5d.FILL_TIME_NEVER)
    return creation


@contextmanager
def open_for_values(part: Path, target: Path) -> Iterator[int]:
    """Descriptor to write the values of `create_record` by, beside HDF5; faults name `target`."""
    with writing(target):
        descriptor = os.open(part, os.O_WRONLY)
    try:
        yield descriptor
    finally:
        with writing(target):
            os.close(descriptor)


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


def write_metadata(file: h5py.File, metadata: GraphMetadata) -> None:
    """Write the file-level content of a new graph file."""
    for key, names in {"planes": metadata.planes, **metadata.class_lists}.items():
        write_strings(file, key, names)
    file.create_dataset("gen", data=np.array([metadata.gen], np.int64))
    file.attrs.update(sorted(metadata.provenance.items()))


def write_kinds(file: h5py.File, kinds: Kinds) -> None:
    """Write what the attributes of a new file's objects are, unless that is more than HDF5 can hold."""
    text = to_json(kinds)
    if kinds and len(text) <= MAX_ROOT_ATTRIBUTE:
        file.attrs[ATTRIBUTES] = text


def read_kinds(file: h5py.File) -> dict[str, AttributeKind]:
    """What the attributes of the file's objects are, as far as it says, which files of this program do."""
    try:
        return from_json(file.attrs.get(ATTRIBUTES, "{}"))
    except (TypeError, ValueError):
        return {}


def write_samples(file: h5py.File, samples: Mapping[str, Sequence[str]], train_sizes: Int64s) -> None:
    """Write the names of each split's objects, and the bytes of the tensors of each that is trained on."""
    group = file.create_group("samples")
    for split, names in samples.items():
        write_strings(group, split, names)
    file.create_dataset("datasize/train", data=train_sizes)


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
    provenance = {
        key: value
        for key, value in values.items()
        if isinstance(value, str | int | float) and key != ATTRIBUTES
    }
    planes = classes.pop("planes")
    return replace(GraphMetadata.of(planes, classes, provenance), gen=gen)


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
        raise not_an_object(dataset.parent.id, dataset.name.rpartition("/")[2])
    record = dataset[()]
    arrays = {name: np.array(record[name]) for name in dataset.dtype.names}
    return {
        name: np.empty(empty_shape(name), array.dtype)
        if array.ndim == 0 and may_be_empty(name) and not array.any()
        else array
        for name, array in arrays.items()
    }


def _read_strings(file: h5py.File, key: str) -> tuple[str, ...]:
    try:
        return tuple(file[key].asstr()[()].tolist())
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"'{key}' is not a list of strings in {file.filename}") from error


def not_an_object(group: h5g.GroupID, name: str) -> InputError:
    """Error that says that ``dataset/{name}`` is no object of a graph file."""
    path = h5f.get_name(group).decode(errors="replace")
    return InputError(
        f"'dataset/{name}' is not a graph object, a scalar compound of numbers and arrays, in {path}"
    )


def _listed(file: h5py.File) -> str:
    names = list(file)
    shown = ", ".join(f"'{name}'" for name in names[:6])
    return (shown + (", …" if len(names) > 6 else "")) or "nothing"
