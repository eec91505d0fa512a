"""Objects copied from one graph file to another, and looked at again where they were written.

HDF5 is asked for types and places object by object, under its lock. The values of a window of objects are
read, checked and written beside it, in a thread, while HDF5 is asked for those of the next: even a single
core gains, for disks make threads wait.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import compress
from pathlib import Path

import numpy as np
from h5py import h5g, h5t

from numl_polars.errors import InputError
from numl_polars.output.compounds import CompoundForm, Member, form_of
from numl_polars.output.extents import write_extents
from numl_polars.output.files import writing
from numl_polars.output.hdf5 import create_record
from numl_polars.output.hdf5_objects import Record, keep_little, not_an_object, reading
from numl_polars.output.headers import ObjectReader
from numl_polars.output.layout import may_be_empty
from numl_polars.output.windows import WindowBuffer, windows
from numl_polars.overlap import overlapped
from numl_polars.tables.opening import open_hdf5

Advance = Callable[[int], None]


class Copied:
    """What there is to check of each object, and to say of it, by its position in the merged file.

    Attributes
    ----------
    type_checksums
        uint32 (objects,): CRC-32 of its encoded type.
    value_checksums
        uint64 (objects,): XXH64 of its values.
    tensor_bytes
        int64 (objects,): bytes of its arrays, without what stands for empty ones.
    has_all_nodes
        bool (objects,): whether no array of nodes is empty.
    """

    def __init__(self, num_objects: int) -> None:
        self.type_checksums = np.empty(num_objects, np.uint32)
        self.value_checksums = np.empty(num_objects, np.uint64)
        self.tensor_bytes = np.empty(num_objects, np.int64)
        self.has_all_nodes = np.empty(num_objects, bool)


class Attributes:
    """The attributes that all objects must have, or no batch of them can be made.

    Parameters
    ----------
    scalars
        Names of those that are scalars for certain, and stand for no array.
    """

    def __init__(self, scalars: Iterable[str] = ()) -> None:
        self._scalars = frozenset(scalars)
        self.forms: list[CompoundForm] = []
        self._names: list[str] | None = None
        self._first = ""

    def scalars(self, record: Record, group: h5g.GroupID, path: Path) -> list[tuple[int, Member]]:
        """Scalars of an object that may stand for empty arrays, with their place in the record.

        Raises
        ------
        InputError
            The object has other attributes than the first one, or such as no graph has.
        """
        form = next((form for form in self.forms if form.matches(record.encoded)), None)
        if form is None:
            compound = h5t.decode(record.encoded)
            try:
                form = form_of(compound)
            except ValueError:
                raise not_an_object(group, record.name) from None
            self._check(form, record.name, path)
            if not form.matches(record.encoded):  # encoded as by later versions of HDF5
                return [
                    (compound.get_member_offset(i), member)
                    for i, member in enumerate(form.members)
                    if not member.ndim and self._may_be_empty(member.name)
                ]
            self.forms.insert(0, form)
        return [
            (place, member)
            for place, member in zip(form.scalar_places(record.encoded), form.scalars, strict=True)
            if self._may_be_empty(member.name)
        ]

    def _may_be_empty(self, name: str) -> bool:
        return may_be_empty(name) and name not in self._scalars

    def _check(self, form: CompoundForm, name: str, path: Path) -> None:
        names = [member.name for member in form.members]
        if self._names is None:
            self._names, self._first = names, f"'{name}' in {path}"
        elif names != self._names:
            odd = sorted(set(names) ^ set(self._names)) or ["their order"]
            raise InputError(
                f"objects differ in their attributes ({', '.join(odd)}): '{name}' in {path}, {self._first}"
            )


def copy_objects(
    path: Path,
    names: Sequence[str],
    group: h5g.GroupID,
    descriptor: int,
    output: Path,
    attributes: Attributes,
    copied: Copied,
    start: int,
    advance: Advance,
) -> None:
    """Copy objects, and note in `copied` what there is to check of each.

    What H5Ocopy writes depends on how the input came to be; objects that are made anew give the same file,
    byte for byte, from any number of ranks.

    Parameters
    ----------
    path, names
        The input, and its objects, in the order in which they are written.
    group, descriptor, output
        Where to: the group, its file open for writing, and the file's name for messages.
    attributes
        What all objects must have.
    copied, start
        Where to note what there is to check, and the row of the first object.
    advance
        Called with the number of objects newly copied.

    Raises
    ------
    InputError
        The input cannot be read, or has an object that is none, or has other attributes.
    OutputError
        The output cannot be written.
    """
    if not names:
        return
    buffer = WindowBuffer()

    def copy(
        window: list[Record], places: list[int], scalars: list[list[tuple[int, Member]]], row: int
    ) -> int:
        with reading(path):
            values = buffer.read(values_file.fileno(), window)
        with writing(output):
            write_extents(descriptor, places, [[record] for record in values])
        copied.value_checksums[row : row + len(window)] = buffer.checksums()
        for i, record in enumerate(values, row):
            empty = [
                member for place, member in scalars[i - row] if not any(record[place:][: member.item_size])
            ]
            copied.tensor_bytes[i] = len(record) - sum(member.item_size for member in empty)
            copied.has_all_nodes[i] = all(member.name.endswith("/edge_index") for member in empty)
        return len(window)

    def jobs(objects: ObjectReader) -> Iterator[Callable[[], int]]:
        row = start
        for window in windows(_records(objects, names, path)):
            scalars, places = [], []
            for i, record in enumerate(window, row):
                scalars.append(attributes.scalars(record, objects.group, path))
                copied.type_checksums[i] = zlib.crc32(record.encoded)
                with writing(output):
                    places.append(create_record(group, record.name, h5t.decode(record.encoded)))
            yield partial(copy, window, places, scalars, row)
            row += len(window)

    with open_hdf5(path) as file, path.open("rb", buffering=0) as values_file:
        keep_little(file)
        objects = ObjectReader(file, values_file.fileno(), attributes.forms)
        with closing(overlapped(_run, jobs(objects), spare_core=True)) as done:
            for number in done:
                advance(number)


def _run(job: Callable[[], int]) -> int:
    return job()


def _records(objects: ObjectReader, names: Sequence[str], path: Path) -> Iterator[Record]:
    for name in names:
        with reading(path):
            record = objects.record(name)
        yield record


def changed_objects(
    part: Path, objects: ObjectReader, descriptor: int, names: list[str], copied: Copied, advance: Advance
) -> list[str]:
    """Names of the objects whose type or values in the file at `part` differ from what was copied.

    Parameters
    ----------
    part, objects, descriptor
        The file: its name for messages, its objects, and it open for reading.
    names, copied
        The objects, in order, and what was noted of them.
    advance
        Called with the number of objects newly looked at.

    Raises
    ------
    InputError
        An object cannot be read.
    """
    buffer = WindowBuffer()
    types, values = np.empty_like(copied.type_checksums), np.empty_like(copied.value_checksums)

    def check(window: list[Record], row: int) -> int:
        with reading(part):
            buffer.read(descriptor, window)
        values[row : row + len(window)] = buffer.checksums()
        return len(window)

    def jobs() -> Iterator[Callable[[], int]]:
        row = 0
        for window in windows(_records(objects, names, part)):
            types[row : row + len(window)] = [zlib.crc32(record.encoded) for record in window]
            yield partial(check, window, row)
            row += len(window)

    with closing(overlapped(_run, jobs(), spare_core=True)) as done:
        for number in done:
            advance(number)
    differ = (types != copied.type_checksums) | (values != copied.value_checksums)
    return list(compress(names, differ.tolist()))
