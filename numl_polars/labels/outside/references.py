"""What the text that names a labelling says: what it refers to, and with which parameters."""

import ast
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from numl_polars.errors import OptionError


@dataclass(frozen=True)
class Reference:
    """Something of a file, of a module or, if neither is given, of this package; and its parameters.

    Parameters
    ----------
    name
        What it is called there; empty if the text does not say.
    parameters
        Plain values by name.
    """

    name: str
    file: Path | None = None
    module: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        place = self.file or self.module
        return f"{place}:{self.name}" if place else self.name


_MODULE = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_FORM = re.compile(
    rf"(?:(?P<file>.+?\.py):|(?P<module>{_MODULE}):)?(?P<name>[^\W\d][\w-]*)\s*(?P<call>\(.*)?", re.DOTALL
)
_FILE = re.compile(r"(?P<file>.+\.py):?", re.DOTALL)
_RECIPE = re.compile(r".+\.toml", re.DOTALL)


def split_name(text: str) -> tuple[str | None, str]:
    """Name and rest of a text ``NAME=SPEC``; no name of a text ``SPEC``."""
    # a `=` of parameters or of a path has one of these before it
    found = re.fullmatch(r"([^=(:/.]*)=(.*)", text, re.DOTALL)
    return (found[1].strip(), found[2].strip()) if found else (None, text.strip())


def read_reference(text: str, folder: Path = Path()) -> Reference | None:
    """What a text refers to; None if it has none of the forms that `loading` lists.

    Parameters
    ----------
    folder
        Where a relative file stands.

    Raises
    ------
    OptionError
        Parameters are malformed, or no literals; a recipe cannot be read, or holds something else.
    """
    if _RECIPE.fullmatch(text):
        return _read_recipe(_path(text, folder))
    if found := _FILE.fullmatch(text):
        return Reference("", _path(found["file"], folder))
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    file = _path(found["file"], folder) if found["file"] else None
    reference = Reference(found["name"], file, found["module"])
    return (
        replace(reference, parameters=_parameters(found["call"], reference)) if found["call"] else reference
    )


def _path(text: str, folder: Path) -> Path:
    # a shell leaves the tilde of NAME=~/labels.py as it is
    return folder / (Path(text).expanduser() if text.startswith("~/") else Path(text))


def _parameters(call: str, reference: Reference) -> dict[str, object]:
    """Values by name of ``(name=value, …)``."""
    problem = "something follows the parenthesis"
    try:
        tree: ast.expr | None = ast.parse(f"f{call}", mode="eval").body
    except SyntaxError as error:
        tree, problem = None, error.msg
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise OptionError(f"{reference}: {call} are no parameters ({problem}); write (name=value, …)")
    unnamed = [*tree.args, *(keyword.value for keyword in tree.keywords if keyword.arg is None)]
    if unnamed:
        raise OptionError(f"{reference}: {ast.unparse(unnamed[0])} has no name; write (name=value, …)")
    values: dict[str, object] = {}
    for keyword in tree.keywords:
        name = str(keyword.arg)
        if name in values:
            raise OptionError(f"{reference}: parameter {name!r} is given twice")
        try:
            values[name] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError):
            raise _no_literal(reference, name, ast.unparse(keyword.value)) from None
        _check_plain(reference, name, values[name])
    return values


def _check_plain(reference: Reference, name: str, value: object) -> None:
    # files record parameters as JSON
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        for item in value:
            _check_plain(reference, name, item)
    elif not isinstance(value, bool | int | float | str | None):
        raise _no_literal(reference, name, str(value))


def _no_literal(reference: Reference, name: str, value: str) -> OptionError:
    quotes = f" (text needs quotes: {name}='{value}')" if value.isidentifier() else ""
    return OptionError(
        f"{reference}: parameter {name!r} is {value}{quotes}; it may be a number, text in quotes, True, "
        f"False, None, or a list, tuple or dict of these"
    )


def _read_recipe(path: Path) -> Reference:
    """What a recipe refers to, with the parameters of its table."""
    try:
        recipe = tomllib.loads(read_bytes(path).decode())
    except ValueError as error:
        raise OptionError(f"{path} is no TOML: {error}") from None
    allowed = 'a recipe has scheme = "…" and, if it likes, a table [parameters]'
    for key in recipe:
        if key not in ("scheme", "parameters"):
            raise OptionError(f"{path}: unknown key {key!r}; {allowed}")
    text, parameters = recipe.get("scheme"), recipe.get("parameters", {})
    if not isinstance(text, str):
        raise OptionError(f"{path}: scheme is {text!r}; {allowed}")
    if not isinstance(parameters, dict):
        raise OptionError(f"{path}: parameters is {parameters!r}; {allowed}")
    reference = None if _RECIPE.fullmatch(text) else read_reference(text, path.parent)
    if reference is None:
        raise OptionError(f"{path}: scheme is {text!r}, which names no scheme; {allowed}")
    if reference.parameters:
        raise OptionError(f"{path}: parameters of {reference} stand in the table [parameters], not in scheme")
    for name, value in parameters.items():
        _check_plain(reference, name, value)
    # TOML has no tuples, and what a scheme holds is compared and hashed
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
    return replace(reference, parameters=values)


def read_bytes(path: Path) -> bytes:
    """Content of a file.

    Raises
    ------
    OptionError
        It is not there, or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        near = nearest(path.name, (file.name for file in path.parent.glob(f"*{path.suffix}")))
        raise OptionError(f"there is no file {path}{near}") from None
    except OSError as error:
        raise OptionError(f"{path} cannot be read: {error.strerror}") from error


def nearest(name: str, names: Iterable[str]) -> str:
    """The names most like one that is not there, in words, or an empty text."""
    near = get_close_matches(name, list(names))
    return f" (did you mean {' or '.join(near)}?)" if near else ""
