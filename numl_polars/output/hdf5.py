"""Graph files: one scalar dataset of compound type an object, at ``dataset/{name}``.

The layout is that of pynuml 25.4.0, which NuGraph reads: a compound has one field an attribute, named
``store/attribute``, packed in the order of the attributes. HDF5 has no array of length zero, so an empty
array is written as a scalar 0 of its dtype. At file level stand ``planes``, ``semantic_classes`` and
``event_classes`` (variable-length strings) and ``gen`` (int64, (1,)). Where the file comes from, and what an
empty array does not tell of itself, stands in attributes of the root, which no reader of the layout looks at.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
import numpy as np
from h5py import h5d, h5f, h5g, h5p, h5s, h5t
from numpy.typing import NDArray

from numl_polars.errors import OutputError
from numl_polars.objects.batch import ObjectBatch
from numl_polars.output.attribute_kinds import (
    Kinds,
    agreed_kinds,
    kinds_of,
)
from numl_polars.output.extents import write_extents
from numl_polars.output.files import pending, unfinished, writing
from numl_polars.output.hdf5_content import write_kinds, write_metadata, write_samples
from numl_polars.output.layout import (
    GraphMetadata,
)
from numl_polars.output.records import record_pieces, record_types
from numl_polars.output.samples import Samples, Tally, named

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
