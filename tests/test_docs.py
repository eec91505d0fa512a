"""The documentation is true: what it shows runs, and its tables are those of the program."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import h5py
import pytest

import numl_polars as nl
from numl_polars.cli import cli
from numl_polars.objects.ledger import REASONS
from numl_polars.objects.outside import OBJECTS
from numl_polars.objects.parts import INCLUDED, Pixels, Voxels
from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
OWN_PAGES = ("getting-started.md", "command.md", "files.md", "labelling.md", "objects.md", "pynuml.md")
SIMULATED_EVENTS = 15
RUN = ("numl-polars", "mpirun", "python -m")

COMMAND = (DOCS / "command.md").read_text(encoding="utf-8")


def _blocks(text: str) -> Iterator[tuple[str, int, str]]:
    """Language, line and text of each fenced block."""
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield found[1], text[: found.start(2)].count("\n"), found[2]


def _section(title: str) -> str:
    """Text of a section of the command's page, its subsections included."""
    _, _, rest = COMMAND.partition(f"\n## {title}\n")
    assert rest, f"docs/command.md has no section {title!r}"
    return rest.partition("\n## ")[0]


def _rows(section: str) -> list[list[str]]:
    """Cells of the rows of all tables in a section."""
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _options(command: click.Command) -> list[click.Option]:
    return [option for option in command.params if isinstance(option, click.Option)]


# ---- the pages run


def _run_line(line: str, folder: Path) -> None:
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        shlex.split(line, comments=True),
        cwd=folder,
        env=os.environ | {"PATH": programs},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stderr}"


def _run_here(line: str, folder: Path) -> None:
    """Run a line of ``numl-polars`` in this process, which saves its start."""
    program, *arguments = shlex.split(line, comments=True)
    assert program == "numl-polars"
    cli.main(arguments, standalone_mode=False)


def _run_page(page: Path, folder: Path, run_line: Callable[[str, Path], None] | None) -> None:
    """Run the page's blocks in order: Python in one namespace, and command lines, if there is what runs them.

    A block whose first line is a comment with a file's name becomes that file.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for language, line, block in _blocks(page.read_text(encoding="utf-8")):
        if named := re.match(r"# (\S+\.(py|toml))\n", block):
            (folder / named[1]).write_text(block, encoding="utf-8")
        elif language == "python":
            exec(compile("\n" * line + block, str(page), "exec"), namespace)
        elif run_line is not None and language in ("bash", "console"):
            for command in block.splitlines():
                command = command.removeprefix("$ ")
                if command.startswith(RUN):
                    run_line(command, folder)
    for value in namespace.values():
        if isinstance(value, nl.EventFile):
            value.close()


def test_readme__python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    code = "".join(block for language, _, block in _blocks(text) if language == "python")
    if "torch" in code:
        pytest.importorskip("torch_geometric")
    monkeypatch.chdir(tmp_path)
    for name in set(re.findall(r"""nl\.open\(["']([^"']+)["']\)""", code)):
        nl.simulate(tmp_path / name, events=SIMULATED_EVENTS, seed=1)
    _run_page(page, tmp_path, None)


def test_labelling__runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mpi4py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "labels", raising=False)
    _run_page(DOCS / "labelling.md", tmp_path, _run_line)


def test_labelling__has_every_word_of_rules() -> None:
    from numl_polars import labels

    text = (DOCS / "labelling.md").read_text(encoding="utf-8").partition("## Words")[2].partition("\n## ")[0]
    words = {word for cell in _quoted(text) for word in re.findall(r"\w+", cell)}
    assert set(labels.__all__) - words == set()


def test_getting_started__runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch_geometric")
    pytest.importorskip("mpi4py")
    monkeypatch.chdir(tmp_path)
    _run_page(DOCS / "getting-started.md", tmp_path, _run_line)


def test_objects__runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch_geometric")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    _run_page(DOCS / "objects.md", tmp_path, _run_here)


def test_files__runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mpi4py")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    for number, name in enumerate(("run.evt.h5", "runs/a.h5", "runs/b.h5"), 1):
        nl.simulate(tmp_path / name, events=SIMULATED_EVENTS, seed=number)
        with h5py.File(tmp_path / name, "r+") as file:
            for table in file.values():
                table["event_id"][:, 0] = number
    (tmp_path / "files.txt").write_text("runs/a.h5\nruns/b.h5\n")

    def run_line(line: str, folder: Path) -> None:
        (_run_here if line.startswith("numl-polars") else _run_line)(line, folder)

    _run_page(DOCS / "files.md", tmp_path, run_line)


def test_objects__tables_are_complete() -> None:
    text = (DOCS / "objects.md").read_text(encoding="utf-8")
    named = {word for row in _rows(text) for cell in row[:2] for word in _quoted(cell)}
    assert {*INCLUDED, *OBJECTS} - named == set()
    classes = {re.match(r"\w+", word)[0] for word in named if re.match(r"\w+\(", word)}  # type: ignore[index]
    assert {part.__name__ for part in INCLUDED.values()} - classes == set()
    maps = {field.name for kind in (Pixels, Voxels) for field in fields(kind)}
    assert maps - named == set()


def test_training__runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch_geometric")
    pytest.importorskip("pytorch_lightning")
    monkeypatch.chdir(tmp_path)
    _run_page(DOCS / "training.md", tmp_path, None)


def test_scaling__runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mpi4py")
    monkeypatch.chdir(tmp_path)
    _run_page(DOCS / "scaling.md", tmp_path, _run_line)


# ---- the tables are those of the program


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_command__options_table_is_complete(name: str) -> None:
    command = cli.commands[name]
    rows = {tuple(_quoted(row[0])): row for row in _rows(_section(f"numl-polars {name}")) if "`--" in row[0]}
    options = {(*option.opts, *option.secondary_opts): option for option in _options(command)}
    assert sorted(rows) == sorted(options)
    for names, option in options.items():
        default, meaning = rows[names][1:]
        choices = option.type.choices if isinstance(option.type, click.Choice) else ()
        assert all(f"`{choice}`" in default + meaning for choice in choices), names
        if option.is_flag:
            on = {"--merge": "merge", "--progress": "on a terminal"}
            assert default == on.get(names[0], "off"), names
        elif not option.required:
            values = [*option.default] if isinstance(option.default, tuple) else [option.default]
            values = [value for value in values if isinstance(value, str | int | float)]
            assert _quoted(default) == [str(value) for value in values], names


@pytest.mark.parametrize("name", OWN_PAGES)
def test_page__names_no_option_that_is_not_there(name: str) -> None:
    known = {
        word
        for command in cli.commands.values()
        for option in _options(command)
        for word in (*option.opts, *option.secondary_opts)
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", (DOCS / name).read_text(encoding="utf-8")))
    assert named - known - {"--help"} == set()


def test_command__ledger_table_is_complete() -> None:
    rows = [row for row in _rows(_section("The ledger")) if row[1] in ("left out", "kept")]
    assert [_quoted(row[0]) for row in rows] == [[reason] for reason in REASONS]


def test_command__object_table_is_complete(tmp_path: Path) -> None:
    written: set[str] = set()
    for detector in ("uboone", "dune"):
        path = tmp_path / f"{detector}.evt.h5"
        nl.simulate(path, events=SIMULATED_EVENTS, detector=detector, seed=1)
        graph = nl.HitGraph(
            particle_labels=nl.StandardLabels(),
            event_labels=nl.FlavorLabels(),
            vertex=detector == "uboone",
            position=detector == "dune",
            detailed_truth=True,
        )
        with nl.open(path) as events:
            (batch,) = events.batches(1 << 30)
            written |= {attribute.name for attribute in graph.build(batch).objects.attributes}
    table = [name for row in _rows(_section("The object")) for name in _quoted(row[0])]
    assert sorted(table) == sorted({*written, "sp/num_nodes"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page__links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in anchors, target


def test_index__names_every_page() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    missing = [
        page.name for page in DOCS.glob("*.md") if page.name != "index.md" and f"({page.name})" not in index
    ]
    assert missing == []
