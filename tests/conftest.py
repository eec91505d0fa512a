"""What tests share: the folder of expected data, and running the command."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# the first example of a process imports, and compiles or loads kernels
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with event files and the outputs expected for them; tests skip where it is absent."""
    folder = Path(os.environ.get("NUML_POLARS_SHARED", "../shared"))
    folder = folder if folder.is_absolute() else ROOT / folder
    if not folder.is_dir():
        pytest.skip(f"no expected data at {folder} (set NUML_POLARS_SHARED)")
    return folder


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run ``python -m numl_polars.process`` with arguments, on `ranks` ranks of mpirun if given."""

    def run_process(
        *arguments: object,
        ranks: int | None = None,
        module: str = "numl_polars.process",
        timeout: float = 120,
    ) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", module, *map(str, arguments)]
        if ranks is not None:
            command = [str(Path(sys.executable).with_name("mpirun")), "-n", str(ranks), *command]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    return run_process
