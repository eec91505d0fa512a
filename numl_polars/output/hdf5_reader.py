"""Objects of a compound HDF5 file by row, of this program, of pynuml or of NuGraph; read beside HDF5."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5t
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.objects.batch import Array, ObjectBatch
from numl_polars.output.attribute_kinds import AttributeKind, guessed
from numl_polars.output.compounds import CompoundForm, form_of
from numl_polars.output.extents import read_extents
from numl_polars.output.hdf5_content import object_names, read_kinds, read_metadata
from numl_polars.output.hdf5_objects import Record, keep_little, not_an_object, reading
from numl_polars.output.headers import ObjectReader
from numl_polars.output.layout import may_be_empty
from numl_polars.output.samples import sample_rows
from numl_polars.output.splits import SPLIT_NAMES
from numl_polars.tables.opening import open_hdf5

Int64s = NDArray[np.int64]
Field = tuple[str, np.dtype[Any], int, tuple[int, ...]]  # name, dtype, place in the record, shape


class Hdf5Reader:
    """Objects of a compound HDF5 file; see `protocols.ObjectReader`.

    Empty arrays have the shape that the file says, or else that of other objects' rows.

    Parameters
    ----------
    path
        The file; opened again in a process that inherits the reader, or gets it pickled.

    Raises
    ------
    InputError
        The file cannot be read, or is no graph file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._opened: _Opened | None = None
        file = self._file.hdf5
        with reading(self.path):
            self.metadata = read_metadata(file)
            self.names: Sequence[str] = object_names(file)
            self._stated = read_kinds(file)

    def __reduce__(self) -> tuple[type["Hdf5Reader"], tuple[Path]]:
        return Hdf5Reader, (self.path,)

    def __len__(self) -> int:
        return len(self.names)

    def close(self) -> None:
        """Close the file; what was read stays valid. It is opened again if it is asked for more."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @cached_property
    def samples(self) -> dict[str, Int64s]:
        """Rows of each split's objects, in the split's order; empty for a file that was not merged.

        Raises
        ------
        InputError
            They cannot be read, or one is no object of the file.
        """
        file = self._file.hdf5
        if "samples" not in file:
            return {}
        try:
            names = {
                split: file[f"samples/{split}"].asstr()[()].tolist()
                for split in SPLIT_NAMES
                if split in file["samples"]
            }
        except (AttributeError, OSError, TypeError, ValueError) as error:
            raise InputError(f"'samples' are not lists of names in {self.path}") from error
        return sample_rows(names, self.names, str(self.path))

    @cached_property
    def sizes(self) -> Int64s:
        """int64 (objects,): bytes of each object's tensors: ``datasize``, and else from the objects' types.

        Raises
        ------
        InputError
            An object cannot be read.
        """
        file = self._file.hdf5
        sizes = np.full(len(self.names), -1, np.int64)
        for split, rows in self.samples.items():
            if f"datasize/{split}" in file and file[f"datasize/{split}"].shape == rows.shape:
                sizes[rows] = file[f"datasize/{split}"][()]
        for row in np.flatnonzero(sizes < 0).tolist():
            sizes[row] = sum(
                dtype.itemsize * int(np.prod(shape))
                for name, dtype, _, shape in self._file.fields(self._file.record(self.names[row]))
                if shape or self._is_scalar(name)
            )
        return sizes

    def arrays(self, row: int) -> dict[str, Array]:
        """Attributes of one object by name.

        Raises
        ------
        InputError
            It cannot be read, or is no object.
        """
        return next(self._arrays([row]))

    def batch(self, rows: Sequence[int] | NDArray[Any]) -> ObjectBatch:
        """Attributes of some objects as columns, in the order of `rows`.

        Raises
        ------
        InputError
            One cannot be read, is no object, or has other attributes, or rows of another shape, than others.
        """
        rows = [int(row) for row in rows]
        names = tuple(self.names[row] for row in rows)
        found = list(self._arrays(rows))
        for name, arrays in zip(names, found, strict=True):
            odd = [field for field in {**self.kinds, **arrays} if not self._is_usual(field, arrays)]
            if odd:
                raise InputError(f"'{odd[0]}' of '{name}' is not as in the other objects of {self.path}")
        attributes = tuple(
            kind.join(name, [arrays[name] for arrays in found]) for name, kind in self.kinds.items()
        )
        return ObjectBatch(names, np.array(rows, np.int64), attributes)

    @cached_property
    def kinds(self) -> dict[str, AttributeKind]:
        """What is common to all arrays of each attribute, in the order of the attributes.

        What the file does not say is found in as many objects as it takes to meet an array of each.
        """
        if not self.names:
            return self._stated
        found: dict[str, AttributeKind | None] = {}
        for name in self.names:
            for field, dtype, _, shape in self._file.fields(self._file.record(name)):
                if found.get(field) is None:
                    found[field] = self._stated.get(field)
                if found[field] is None and (shape or not may_be_empty(field)):
                    found[field] = AttributeKind.like(field, np.empty(shape, dtype.newbyteorder("=")))
            if all(found.values()):
                break
        else:
            return {name: kind or self._kind_of_scalars(name) for name, kind in found.items()}
        return {name: kind for name, kind in found.items() if kind is not None}

    def _is_usual(self, name: str, arrays: Mapping[str, Array]) -> bool:
        return name in arrays and name in self.kinds and self.kinds[name].holds(arrays[name])

    def _kind_of_scalars(self, name: str) -> AttributeKind:
        """Kind of an attribute that is a scalar in all objects: empty where all are 0."""
        for row in range(len(self.names)):
            values = self._file.values(self.names[row])[name]
            if values.any():
                return AttributeKind(values.dtype, None)
        return guessed(name, values.dtype)

    def _is_scalar(self, name: str) -> bool:
        kind = self._stated.get(name)
        return kind.shape is None if kind is not None else not may_be_empty(name)

    def _arrays(self, rows: Sequence[int]) -> Iterator[dict[str, Array]]:
        for values in self._file.all_values([self.names[row] for row in rows]):
            yield {name: self._restored(name, array) for name, array in values.items()}

    def _restored(self, name: str, array: Array) -> Array:
        """The array, or the empty one for which a scalar stands."""
        if array.ndim:
            return array
        kind = self._stated.get(name)
        if kind is None and may_be_empty(name) and not array.any():
            kind = self.kinds[name]
        if kind is None or kind.shape is None:
            return array
        return np.empty(kind.empty_shape, array.dtype)

    @property
    def _file(self) -> "_Opened":
        if self._opened is not None and self._opened.process != os.getpid():
            self._opened.close()
            self._opened = None
        if self._opened is None:
            self._opened = _Opened(self.path)
        return self._opened


class _Opened:
    """The file as one process has it open."""

    def __init__(self, path: Path) -> None:
        self.process = os.getpid()
        self.path = path
        self.hdf5: h5py.File = open_hdf5(path)
        self._forms: list[CompoundForm] = []
        self._objects: ObjectReader | None = None
        with reading(path):
            keep_little(self.hdf5)
            self._descriptor = os.open(path, os.O_RDONLY)

    def close(self) -> None:
        self.hdf5.close()
        os.close(self._descriptor)

    def record(self, name: str) -> Record:
        with reading(self.path):
            if self._objects is None:
                self._objects = ObjectReader(self.hdf5, self._descriptor, self._forms)
            return self._objects.record(name)

    def fields(self, record: Record) -> list[Field]:
        """Fields of an object's record."""
        form = next((form for form in self._forms if form.matches(record.encoded)), None)
        if form is None:
            compound = h5t.decode(record.encoded)
            try:
                form = form_of(compound)
            except ValueError:
                raise not_an_object(self.hdf5["dataset"].id, record.name) from None
            if not form.matches(record.encoded):  # encoded as by later versions of HDF5
                fields = np.dtype(compound.dtype).fields or {}
                return [(name, field[0].base, field[1], field[0].shape) for name, field in fields.items()]
            self._forms.insert(0, form)
        return [
            (member.name, member.dtype, place, shape) for member, place, shape in form.fields(record.encoded)
        ]

    def values(self, name: str) -> dict[str, Array]:
        return next(self.all_values([name]))

    def all_values(self, names: Sequence[str]) -> Iterator[dict[str, Array]]:
        """Fields of objects, as the file has them: a scalar 0 for an empty array."""
        records = [self.record(name) for name in names]
        with reading(self.path):
            memory = [
                np.empty(record.num_bytes, np.uint8) if record.place is not None else record.values
                for record in records
            ]
            placed = [
                (record.place, piece.data)
                for record, piece in zip(records, memory, strict=True)
                if record.place is not None
            ]
            read_extents(self._descriptor, [place for place, _ in placed], [[piece] for _, piece in placed])
        for record, piece in zip(records, memory, strict=True):
            yield {
                name: _array(piece, dtype, place, shape) for name, dtype, place, shape in self.fields(record)
            }


def _array(record: Array, dtype: np.dtype[Any], place: int, shape: tuple[int, ...]) -> Array:
    """A field of a record, of the machine's byte order and aligned."""
    found: Array = np.ndarray(shape, dtype, record.data, place)
    return np.require(found, dtype.newbyteorder("="), "A")
