"""File-level content of graph files: planes, classes, where the file comes from, attributes, samples."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import h5py
import numpy as np
from h5py import h5p
from numpy.typing import NDArray

from numl_polars.errors import InputError
from numl_polars.output.attribute_kinds import AttributeKind, Kinds, from_json, to_json
from numl_polars.output.layout import (
    ATTRIBUTES,
    MAX_ROOT_ATTRIBUTE,
    GraphMetadata,
    in_event_order,
    is_metadata,
)

Int64s = NDArray[np.int64]


def write_metadata(file: h5py.File, metadata: GraphMetadata) -> None:
    """Write the file-level content of a new graph file."""
    for key, names in {"planes": metadata.planes, **metadata.class_lists}.items():
        write_strings(file, key, names)
    file.create_dataset("gen", data=np.array([metadata.gen], np.int64))
    file.attrs.update(sorted(metadata.provenance.items()))


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


def write_strings(group: h5py.Group, name: str, strings: Sequence[str]) -> None:
    """Write variable-length strings, of which there may be none."""
    group.create_dataset(name, data=np.array(strings, dtype=object), dtype=h5py.string_dtype())


def _read_strings(file: h5py.File, key: str) -> tuple[str, ...]:
    try:
        return tuple(file[key].asstr()[()].tolist())
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"'{key}' is not a list of strings in {file.filename}") from error


def _listed(file: h5py.File) -> str:
    names = list(file)
    shown = ", ".join(f"'{name}'" for name in names[:6])
    return (shown + (", …" if len(names) > 6 else "")) or "nothing"
