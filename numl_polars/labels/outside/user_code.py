"""Code of the user's own: imported from a file or a module, and its errors told with their place."""

import ast
import importlib
import importlib.util
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from numl_polars.errors import NumlError, OptionError
from numl_polars.labels.outside.references import Reference, nearest, read_bytes
from numl_polars.parameters import Parameters


def find(reference: Reference, what: str = "labelling") -> object:
    """What a reference means in its file or module.

    Parameters
    ----------
    what
        The kind of thing that is looked for, for messages.

    Raises
    ------
    OptionError
        The file or module is not there or cannot be imported, or it has nothing of that name.
    """
    place = str(reference.file or reference.module)
    module = load_file(reference.file) if reference.file is not None else load_module(place)
    if not reference.name:
        raise OptionError(f"{place}: say which {what}, as {place}:NAME; {_own_names(module, what)}")
    with told_as_option_error(f"{reference} cannot be read"):
        try:
            return getattr(module, reference.name)
        except AttributeError:
            near = nearest(reference.name, (name for name in dir(module) if not name.startswith("_")))
            raise OptionError(
                f"{place} has no {reference.name!r}{near}; {_own_names(module, what)}"
            ) from None


def _own_names(module: ModuleType, what: str) -> str:
    """What a module has of its own that may be meant, in words."""

    def is_own(value: object) -> bool:
        home = str(getattr(value, "__module__", "")).partition(".")[0]
        return isinstance(value, Parameters) or (
            callable(value) and home == module.__name__.partition(".")[0]
        )

    names = [name for name, value in vars(module).items() if not name.startswith("_") and is_own(value)]
    return f"it has {', '.join(names) or f'no {what}'}"


def load_file(file: Path) -> ModuleType:
    """The module of a file; the one of before if neither its place nor its text has changed.

    Raises
    ------
    OptionError
        It is not there or cannot be imported.
    """
    source = read_bytes(file)
    path = file.resolve()
    digest = sha256(os.fsencode(path) + b"\0" + source).hexdigest()[:12]
    # without dots, which would make it a part of a package
    name = re.sub(r"\W", "_", path.stem) + f"_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    with told_as_option_error(f"{file} cannot be imported"), _importable(path.parent):
        tree = ast.parse(source, str(path))
        _check_siblings(tree, path)
        # dataclasses and pickle look for a class in the module that it names
        sys.modules[name] = module
        try:
            # a loader might run the bytecode of an earlier text, if that was written in the same second
            exec(compile(tree, str(path), "exec"), vars(module))
        except BaseException:
            del sys.modules[name]
            raise
    return module


def load_module(name: str) -> ModuleType:
    """The module of that name, which may stand in the current folder.

    Raises
    ------
    OptionError
        It is not there or cannot be imported.
    """
    with told_as_option_error(f"{name} cannot be imported"), _importable(Path.cwd()):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
            raise OptionError(
                f"there is no module {error.name!r} in the current folder or where Python looks for modules "
                f"(a file is named with its ending, path/to/{error.name}.py:NAME)"
            ) from None


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    # First while a file runs, as for a script: it imports what stands beside it. Last from then on: imports
    # inside its functions, which run later, find that still, and nothing is hidden from anyone else.
    entry = str(folder)
    importlib.invalidate_caches()
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)
        if entry not in sys.path:
            sys.path.append(entry)


def _check_siblings(tree: ast.Module, path: Path) -> None:
    """Raise OptionError if a file imports what stands beside it, but would get another of that name."""
    for name in _imported(tree):
        loaded = getattr(sys.modules.get(name), "__file__", None)
        beside = {path.with_name(f"{name}.py"), path.with_name(name) / "__init__.py"} - {path}
        if loaded and Path(loaded).resolve() not in beside and any(file.is_file() for file in beside):
            raise OptionError(
                f"{path} imports {name!r}, which stands beside it, but {loaded} is already imported under "
                f"that name; rename one of them"
            )


def _imported(tree: ast.Module) -> Iterator[str]:
    """Names of the modules that a module imports, without what follows a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@contextmanager
def told_as_option_error(problem: str) -> Iterator[None]:
    """Have what the user's code raises told as OptionError, with its file and line.

    Parameters
    ----------
    problem
        How the message starts.
    """
    try:
        yield
    except NumlError:
        raise
    except (Exception, SystemExit) as error:
        text = (error.msg if isinstance(error, SyntaxError) else str(error)).strip().partition("\n")[0]
        if "truth value of an Expr" in text:
            text += "; join conditions by &, | and ~, and ask .is_in([…]) instead of `in`"
        raise OptionError(f"{problem}: {type(error).__name__}: {text}{_place(error)}") from error


def _place(error: BaseException) -> str:
    """File and line, in parentheses, of the last step that the user's own code took."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}:{error.lineno})"
    libraries = (Path(__file__).parents[2], Path(sysconfig.get_path("stdlib")))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        installed = not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
        if (
            path.is_absolute()
            and not installed
            and not any(path.is_relative_to(folder) for folder in libraries)
        ):
            return f" ({path}:{frame.lineno})"
    return ""
