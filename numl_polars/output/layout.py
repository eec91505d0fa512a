"""What a graph file says, apart from how HDF5 holds it: file-level content, attribute names, empty arrays."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from numl_polars.errors import InputError

_CLASSES = "_classes"
ATTRIBUTES = "attributes"  # root attribute that describes those of the objects

Provenance = Mapping[str, str | int | float]

# Widths of rows that an object may have none of; an empty array in the file no longer tells its own.
_ROW_SHAPES = {"sp/pos": (3,), "hit/pos": (2,), "hit/y_position": (3,)}
_EVENT_NAME = re.compile(r"r(-?\d+)_sr(-?\d+)_evt(-?\d+)")
_REPEATED_EVENT_NAME = re.compile(rf"{_EVENT_NAME.pattern}(?:_\d+)?")
MAX_ROOT_ATTRIBUTE = 32_000  # HDF5 holds no attribute of 64 KiB or more


@dataclass(frozen=True)
class GraphMetadata:
    """What a graph file says of all its objects; equal if all but the provenance is.

    Parameters
    ----------
    planes
        Plane names in the order of their numbers, as in ``("u", "v", "y")``.
    semantic_classes, event_classes
        Class names in the order of their codes; None: not in the file.
    provenance
        Program version, input name, size and event range, options (as JSON): one root attribute each.
    gen
        Generation of the object's structure.
    layer_classes
        Class names of other labellings, and of edges, by the name of their dataset: ``topology_classes``.
    """

    planes: tuple[str, ...]
    semantic_classes: tuple[str, ...] | None = None
    event_classes: tuple[str, ...] | None = None
    provenance: Provenance = field(default_factory=dict, compare=False)
    gen: int = 2
    layer_classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in ("planes", "semantic_classes", "event_classes"):
            names = getattr(self, key)
            object.__setattr__(self, key, None if names is None else tuple(names))
        layers = {key: tuple(names) for key, names in sorted(self.layer_classes.items())}
        object.__setattr__(self, "layer_classes", layers)

    @classmethod
    def of(
        cls, planes: Sequence[str], classes: Mapping[str, Sequence[str]], provenance: Provenance
    ) -> "GraphMetadata":
        """Content of a file whose lists of classes have these names."""
        lists = {key: tuple(names) for key, names in classes.items()}
        semantic, event = lists.pop("semantic_classes", None), lists.pop("event_classes", None)
        return cls(tuple(planes), semantic, event, provenance, layer_classes=lists)

    @property
    def class_lists(self) -> dict[str, tuple[str, ...]]:
        """All lists of classes by the name of their dataset."""
        main = {"semantic_classes": self.semantic_classes, "event_classes": self.event_classes}
        return {key: names for key, names in main.items() if names is not None} | dict(self.layer_classes)


def is_metadata(name: str) -> bool:
    """Whether a dataset of that name at the root is file-level content."""
    return name in ("planes", "gen") or name.endswith(_CLASSES)


def common_metadata(found: Sequence[tuple[str, GraphMetadata]]) -> GraphMetadata:
    """The file-level content on which all agree, with their provenances joined.

    A value of the provenance on which they differ becomes a JSON list of all their values, in order.

    Parameters
    ----------
    found
        Place (for messages) and content, at least one.

    Raises
    ------
    InputError
        Two disagree.
    """
    first_place, first = found[0]
    for place, metadata in found[1:]:
        left, right = _content(first), _content(metadata)
        for key in left | right:
            if left.get(key) != right.get(key):
                raise InputError(
                    f"'{key}' differs: {left.get(key)} in {first_place}, {right.get(key)} in {place}"
                )
    provenances = [metadata.provenance for _, metadata in found]
    keys = dict.fromkeys(key for provenance in provenances for key in provenance)
    return replace(first, provenance={key: _joined(key, provenances) for key in keys})


def _content(metadata: GraphMetadata) -> dict[str, object]:
    return {"planes": metadata.planes, **metadata.class_lists, "gen": metadata.gen}


def _joined(key: str, provenances: Sequence[Provenance]) -> str | int | float:
    values = [provenance[key] for provenance in provenances if key in provenance]
    if all(value == values[0] for value in values):
        return values[0]
    text = json.dumps(values)
    return text if len(text) <= MAX_ROOT_ATTRIBUTE else f"{len(values)} values, not all equal"


def in_event_order(names: Sequence[str]) -> list[str]:
    """Names by run, subrun and event if every one is ``r{run}_sr{subrun}_evt{event}``, else as given."""
    matches = [match for match in map(_EVENT_NAME.fullmatch, names) if match]
    if len(matches) < len(names):
        return list(names)
    return [
        match.string for match in sorted(matches, key=lambda match: [int(part) for part in match.groups()])
    ]


def event_numbers(names: Sequence[str]) -> NDArray[np.int64]:
    """int64 (names, 3): run, subrun and event of each object; of ``r1_sr2_evt3_2`` those of the first such.

    Raises
    ------
    InputError
        A name is not ``r{run}_sr{subrun}_evt{event}``, with or without an ending ``_2``, ``_3``, ….
    """
    numbers = np.empty((len(names), 3), np.int64)
    for row, name in enumerate(names):
        found = event_of(name)
        if found is None:
            raise InputError(f"object '{name}' is not named r{{run}}_sr{{subrun}}_evt{{event}}")
        numbers[row] = found
    return numbers


def event_of(name: str) -> tuple[int, int, int] | None:
    """Run, subrun and event that an object's name says; None: it says none."""
    found = _REPEATED_EVENT_NAME.fullmatch(name)
    if found is None:
        return None
    run, subrun, event = map(int, found.groups())
    return run, subrun, event


def check_attribute_name(name: str) -> None:
    """Nothing, if `name` is ``store/attribute`` and a reader can take it apart again; else ValueError.

    The store has no underscore, or two where it is an edge, whose three names they join.
    """
    store, slash, attribute = name.partition("/")
    if not (store and slash and attribute) or "/" in attribute or store.count("_") not in (0, 2):
        raise ValueError(
            f"attribute '{name}' is not named store/attribute, with no underscore in the store, or two that "
            f"join the three names of an edge"
        )


def may_be_empty(name: str) -> bool:
    """Whether a scalar 0 under this ``store/attribute`` stands for an empty array."""
    store, _, attribute = name.partition("/")
    return store != "metadata" and attribute != "num_nodes"


def empty_shape(name: str) -> tuple[int, ...]:
    """Shape of the array for which a scalar 0 under this ``store/attribute`` stands, as far as known."""
    return (2, 0) if name.endswith("/edge_index") else (0, *_ROW_SHAPES.get(name, ()))
