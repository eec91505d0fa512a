"""How objects and parts are named from outside: included ones, code of one's own, or a recipe.

==============================  ============================================================
``graph``                       an included object, see `OBJECTS`; or an included part
``path/to/parts.py:NAME``       something of a file
``package.module:NAME``         something of a module, which may stand in the current folder
``path/to/recipe.toml``         ``scheme = "…"``, one of these, and a table ``[parameters]``
==============================  ============================================================

Parameters follow in parentheses: ``nearest-edges(k=5)``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from numl_polars.errors import OptionError
from numl_polars.labels.outside.calls import check_parameters, signature, what
from numl_polars.labels.outside.references import Reference, nearest, read_reference, split_name
from numl_polars.labels.outside.user_code import find, told_as_option_error
from numl_polars.objects.hit_graph import HitGraph
from numl_polars.objects.maps.pixel_map import PixelMap
from numl_polars.objects.maps.voxel_map import VoxelMap
from numl_polars.objects.part import Part
from numl_polars.objects.parts import INCLUDED
from numl_polars.objects.parts.functions import PartFunction
from numl_polars.objects.training_object import TrainingObject, check_object_name

OBJECTS: Mapping[str, type[TrainingObject]] = {
    "graph": HitGraph,
    "pixels": PixelMap,
    "voxels": VoxelMap,
    "bare": TrainingObject,
}
"""Objects that come with this package; ``bare`` has the parts that it is given only."""

_PART = "a subclass of Part or an instance of one, or a function with the decorator @part"
_OBJECT = "a subclass of TrainingObject or an instance of one"


def load_part(spec: str) -> Part:
    """Part that a text names, ``parts.py:density(scale=2)``.

    Raises
    ------
    OptionError
        It names nothing, or something that is no part; the file, module or recipe is not there or in error; a
        parameter is unknown, missing, or without meaning.
    """
    reference, target = _find(spec, "part", INCLUDED)
    if isinstance(target, PartFunction):
        takes = signature(target.function)[len(target.tables) :]
    elif isinstance(target, Part):
        takes = signature(type(target))
    elif isinstance(target, type) and issubclass(target, Part):
        takes = signature(target)
    else:
        raise OptionError(f"{reference} is {what(target)}; a part is {_PART}")
    own = target.parameters if isinstance(target, Part) else {}
    check_parameters(reference, takes, present=own)
    with told_as_option_error(f"{reference} cannot be made"):
        make = type(target) if isinstance(target, Part) else target
        made = make(**{**own, **reference.parameters})
        assert isinstance(made, Part)
        return made


def load_objects(
    specs: Sequence[str], defaults: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, TrainingObject]:
    """Objects by name, of texts ``SPEC`` or ``NAME=SPEC``; without a name, an object has that of its `SPEC`.

    Parameters
    ----------
    defaults
        Options for every object that does not decide on them itself.
    given
        Options for every object that knows them, in place of its own; parameters in parentheses stand above
        these.

    Raises
    ------
    OptionError
        Two objects have one name; no object knows an option that is given; or as `load_part`.
    """
    objects: dict[str, TrainingObject] = {}
    unknown = set(given)
    for text in specs:
        name, spec = split_name(text)
        if name is not None:
            check_object_name(name)
        reference, target = _find(spec, "object", OBJECTS)
        name = reference.name.lower() if name is None else name
        if name in objects:
            raise OptionError(f"two objects are named {name!r}; write NAME={spec} to give one another name")
        objects[name] = _made(reference, target, defaults, given)
        unknown -= _options(type(objects[name]))
    if unknown:
        option = "--" + sorted(unknown)[0].replace("_", "-")
        raise OptionError(f"{option} means nothing to {', '.join(objects)}")
    return objects


def _made(
    reference: Reference, target: object, defaults: Mapping[str, Any], given: Mapping[str, Any]
) -> TrainingObject:
    if isinstance(target, TrainingObject):
        make, own = type(target), target.parameters
    elif isinstance(target, type) and issubclass(target, TrainingObject):
        make = target
        decided = {name for name in defaults if getattr(make, name) != getattr(TrainingObject, name)}
        own = {name: value for name, value in defaults.items() if name not in decided}
    else:
        raise OptionError(f"{reference} is {what(target)}; an object is {_OBJECT}")
    known = _options(make)
    check_parameters(reference, signature(make), present=own)
    options = {name: value for name, value in {**own, **given}.items() if name in known}
    with told_as_option_error(f"{reference} cannot be made"):
        return make(**{**options, **reference.parameters})


def _options(make: type[TrainingObject]) -> set[str]:
    return {field.name for field in fields(make)}


def _find(spec: str, kind: str, included: Mapping[str, Any]) -> tuple[Reference, object]:
    """What a text refers to, and that itself."""
    reference = read_reference(spec.strip())
    if reference is not None and (reference.file is not None or reference.module is not None):
        return reference, find(reference, kind)
    if reference is None or reference.name not in included:
        text = spec.strip() if reference is None else reference.name
        raise OptionError(
            f"{text!r} names no {kind}{nearest(text, included)}; it may be {', '.join(included)}, "
            f"path/to/{kind}s.py:NAME or package.module:NAME, all with parameters in parentheses, "
            f"NAME(parameter=value); or path/to/recipe.toml"
        )
    return reference, included[reference.name]
