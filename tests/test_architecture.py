"""Fences between packages, held by reading the imports of every module."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "numl_polars"

# a package may import those on its own line and on the lines above
ORDER = (
    ("errors", "parameters", "schema", "generations", "detectors", "sources"),
    ("kernels", "timing", "mpi", "threads", "overlap", "jobs"),
    ("tables",),
    ("events",),
    ("labels",),
    ("objects",),
    ("output",),
    ("pipeline", "product", "rank_run"),
    ("process", "command", "commands", "cli"),
)
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
# third-party packages and the modules, or packages, that may import them
FENCES = {
    "h5py": ("tables", "output", "tools"),
    "pyarrow": ("tables", "output", "tools"),
    "numba": ("kernels",),
    "torch": ("objects.tensors", "output.pt", "training"),
    "torch_geometric": ("objects.tensors", "output.pt", "training"),
    "pytorch_lightning": ("training.lightning",),
    "mpi4py": ("mpi",),
    "matplotlib": ("tools",),
}
MAY_PRINT = ("command", "commands", "cli", "process")


@dataclass(frozen=True)
class Import:
    """One imported module, and whether only type checkers see it."""

    module: str
    names: tuple[str, ...]
    level: int
    line: int
    typing_only: bool


@dataclass(frozen=True)
class Module:
    """A module of the package: dotted name without the package's own, and its syntax tree."""

    name: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @property
    def imports(self) -> list[Import]:
        hidden = {
            id(inner)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
            for statement in node.body
            for inner in ast.walk(statement)
        }
        return [found for node in ast.walk(self.tree) for found in _imports_of(node, id(node) in hidden)]

    @property
    def own_imports(self) -> Iterator[tuple[str, Import]]:
        """Modules of this package that the module imports, named as `name` is."""
        for found in self.imports:
            top, _, rest = found.module.partition(".")
            if top != "numl_polars":
                continue
            for name in found.names or ("",):
                whole = ".".join(part for part in (rest, name) if part)
                yield (whole if whole in modules() else rest), found


def _imports_of(node: ast.AST, typing_only: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, (), 0, node.lineno, typing_only)
    elif isinstance(node, ast.ImportFrom):
        names = tuple(alias.name for alias in node.names)
        yield Import(node.module or "", names, node.level, node.lineno, typing_only)


@cache
def modules() -> dict[str, Module]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return found


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def test_architecture__every_module_has_its_place() -> None:
    assert len(modules()) > 40
    known = {"", "tools", "training", *LEVEL}
    assert [name for name, module in modules().items() if module.package not in known] == []


def test_architecture__packages_import_only_to_their_left() -> None:
    wrong = [
        f"{name}:{found.line} imports {target}"
        for name, module in modules().items()
        if module.package in LEVEL
        for target, found in module.own_imports
        if LEVEL.get(target.partition(".")[0], -1) > LEVEL[module.package]
        or (target.partition(".")[0] in ("tools", "training") and module.package not in ("commands", "cli"))
    ]
    assert wrong == []


def test_architecture__tools_do_not_use_the_commands() -> None:
    wrong = [
        f"{name}:{found.line} imports {target}"
        for name, module in modules().items()
        if module.package == "tools"
        for target, found in module.own_imports
        if target.partition(".")[0] in ("process", "cli", "command", "commands")
    ]
    assert wrong == []


def test_architecture__the_package_itself_imports_next_to_nothing() -> None:
    at_run_time = {found.module for found in modules()[""].imports if not found.typing_only}
    # it must come before any import of Polars
    assert "numl_polars.threads" in at_run_time
    at_run_time -= {"numl_polars.threads"}
    assert [name for name in at_run_time if name.partition(".")[0] not in sys.stdlib_module_names] == []


def test_architecture__kernels_wait_for_the_pipeline() -> None:
    # what a rank imports before it is its turn to compile: ranks must not write the cache together
    before = ("process", "pipeline", "objects.hit_graph", "labels.outside.loading", "events.file")
    lines = [f"import numl_polars.{name}" for name in before]
    script = "\n".join([*lines, "import sys; print('numba' in sys.modules)"])
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_architecture__parts_name_their_kernels() -> None:
    # a rank must not meet a kernel that rank 0 has not compiled
    script = (
        "import sys; from types import SimpleNamespace; from numl_polars import pipeline\n"
        "from numl_polars.objects.parts import INCLUDED\n"
        "pipeline.compile_kernels([SimpleNamespace(all_parts=INCLUDED.values())])\n"
        "print(*(name for name in sys.modules if name.startswith('numl_polars.')))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    compiled = run.stdout.split()
    with_kernels = {
        name
        for name, module in modules().items()
        if module.package != "output" and any(target == "kernels" for target, _ in module.own_imports)
    }
    # cuts are made by rank 0 alone
    assert {name for name in with_kernels if f"numl_polars.{name}" not in compiled} == {"events.cuts"}


@pytest.mark.parametrize("library", FENCES)
def test_architecture__library_stays_behind_its_fence(library: str) -> None:
    users = {
        name
        for name, module in modules().items()
        for found in module.imports
        if found.module.partition(".")[0] == library and not found.typing_only
    }
    assert {name for name in users if not within(name, FENCES[library])} == set()
    assert users


def test_architecture__libraries_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = [
        *project["dependencies"],
        *(line for extra in ("mpi", "torch", "plot", "lightning") for line in extras[extra]),
    ]
    names = {line.partition(">")[0].strip().replace("-", "_") for line in declared}
    used = {found.module.partition(".")[0] for module in modules().values() for found in module.imports}
    assert used - names - sys.stdlib_module_names == {"numl_polars"}


def test_architecture__no_relative_and_no_star_imports() -> None:
    wrong = [
        f"{name}:{found.line}"
        for name, module in modules().items()
        for found in module.imports
        if found.level or "*" in found.names
    ]
    assert wrong == []


def test_architecture__no_bare_except() -> None:
    wrong = [
        f"{name}:{node.lineno}"
        for name, module in modules().items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert wrong == []


def _called(node: ast.AST) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def test_architecture__only_commands_print_and_exit() -> None:
    wrong = [
        f"{name}:{node.lineno}"
        for name, module in modules().items()
        if not within(name, MAY_PRINT)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and _called(node) in ("print", "sys.exit", "exit", "quit", "os._exit")
    ]
    assert wrong == []


def test_architecture__arguments_are_read_by_commands_only() -> None:
    wrong = [
        f"{name}:{node.lineno}"
        for name, module in modules().items()
        if not within(name, MAY_PRINT)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.argv"
    ]
    assert wrong == []
