"""A server that runs the command line on damaged files, each in a child that is forked after all imports.

``python -m tests.tools.damaged FOLDER`` reads cases from stdin, one JSON object a line, and answers each with
another. So a case costs no start of an interpreter, and a crash is the signal of one child.
"""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py

MOST_SECONDS = 100
MOST_MEMORY = 8 << 30
GRAPHS = "graphs"


@dataclass(frozen=True)
class Case:
    """A command on a file that is damaged in one way.

    Parameters
    ----------
    command
        Subcommand and options; its output, if it has one, is `GRAPHS`.
    base
        The intact file.
    offset, content
        Bytes that stand there instead.
    size
        Where the file is cut, None for nowhere.
    """

    command: tuple[str, ...]
    base: str
    offset: int = 0
    content: bytes = b""
    size: int | None = None

    def __str__(self) -> str:
        what = f"cut at {self.size}" if self.size is not None else f"{self.content.hex()} at {self.offset}"
        return f"{self.command[0]} {Path(self.base).name}, {what}"

    def damaged(self) -> bytes:
        data = bytearray(Path(self.base).read_bytes())
        data[self.offset : self.offset + len(self.content)] = self.content
        return bytes(data[: self.size])

    def arguments(self, events: Path, stem: Path) -> list[str]:
        """Of the command line."""
        name, *options = self.command
        places = {"process": (events, stem), "concat": (stem.with_suffix(".h5"), events)}
        return [name, *map(str, places.get(name, (events,))), *options]


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit status, or minus a signal; what it said, took and left."""

    status: int
    stderr: list[str]
    stdout: str
    megabytes: int
    changed: bool
    left: list[str]
    objects: str | None


def run_cases(cases: Iterable[Case], folder: Path, timeout: float) -> list[Outcome]:
    """Outcomes of the cases, by a server in `folder`."""
    lines = [
        json.dumps([case.command, case.base, case.offset, case.content.hex(), case.size]) for case in cases
    ]
    server = subprocess.run(
        [sys.executable, "-m", "tests.tools.damaged", str(folder)],
        input="\n".join(lines), capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert server.returncode == 0, server.stderr
    outcomes = [Outcome(**json.loads(line)) for line in server.stdout.splitlines()]
    assert len(outcomes) == len(lines), server.stderr
    return outcomes


def _objects(stem: Path) -> str:
    """Hash of all objects of a graph file, and of what else stands in them."""
    found = hashlib.sha256()
    with h5py.File(stem.with_name(f"{stem.name}.h5")) as file:
        for name in sorted(file["dataset"]):
            value = file[f"dataset/{name}"][()]
            found.update(repr((name, value.dtype)).encode())
            for field in value.dtype.names or ():
                found.update(value[field].tobytes())
    return found.hexdigest()


def _command_line(arguments: list[str]) -> int:
    from numl_polars.cli import main

    sys.argv = ["numl-polars", *arguments]
    warnings.simplefilter("default")
    try:
        main()
    except SystemExit as stop:
        sys.stdout.flush()
        return stop.code if isinstance(stop.code, int) else 99
    return 99


def _child(arguments: list[str], folder: Path, stem: Path | None) -> int:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    # C code that hangs is ended, too
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(MOST_SECONDS)
    status = _command_line(arguments)
    if status == 0 and stem is not None:
        (folder / "objects").write_text(_objects(stem))
    return status


def _forked(arguments: list[str], folder: Path, stem: Path | None) -> tuple[int, int]:
    """Exit status and memory, MiB, of a command in a child."""
    child = os.fork()
    if child == 0:
        status = 98
        try:
            status = _child(arguments, folder, stem)
        finally:
            sys.stderr.flush()
            os._exit(status)
    _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss >> 10


def _run(case: Case, folder: Path) -> dict[str, Any]:
    for path in folder.iterdir():
        path.unlink()
    events, stem = folder / "events.h5", folder / GRAPHS
    data = case.damaged()
    events.write_bytes(data)
    is_process = case.command[0] == "process"
    status, megabytes = _forked(case.arguments(events, stem), folder, stem if is_process else None)
    objects = folder / "objects"
    return {
        "status": status,
        "stderr": (folder / "stderr").read_text(errors="replace").splitlines(),
        "stdout": (folder / "stdout").read_text(errors="replace"),
        "megabytes": megabytes,
        "changed": events.read_bytes() != data,
        "left": [path.name for path in folder.iterdir() if GRAPHS in path.name] if status else [],
        "objects": objects.read_text() if objects.exists() else None,
    }


def _import_what_is_used(case: Case, folder: Path) -> None:
    """Import what the command imports on the intact file, as a child of its own tells."""
    listed = folder.parent / f"{folder.name}.modules"
    child = os.fork()
    if child == 0:
        try:
            _run_here(case, folder)
            listed.write_text("\n".join(sys.modules))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    for name in listed.read_text().splitlines():
        # kernels and schemes too; threads are started by none
        if name.startswith(("numl_polars.", "particle", "rich.", "click", "pyarrow.", "concurrent.", "json")):
            import_module(name)


def _run_here(case: Case, folder: Path) -> None:
    events, stem = folder / "events.h5", folder / GRAPHS
    events.write_bytes(Path(case.base).read_bytes())
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        _command_line(case.arguments(events, stem))


def main() -> None:
    """Answer all cases."""
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    known: set[str] = set()
    for line in sys.stdin:
        command, base, offset, content, size = json.loads(line)
        case = Case(tuple(command), base, offset, bytes.fromhex(content), size)
        if case.command[0] not in known:
            known.add(case.command[0])
            _import_what_is_used(case, folder)
        print(json.dumps(_run(case, folder)), flush=True)


if __name__ == "__main__":
    begin = time.perf_counter()
    main()
    print(f"{time.perf_counter() - begin:.1f} s", file=sys.stderr)
