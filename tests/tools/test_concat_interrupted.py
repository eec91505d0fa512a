"""Whenever `concat` is killed, its inputs are untouched, and what has the name of the output is whole."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.tools.index.builder import Keys, keys_of, others_of, write_file

CHILD = """
import sys
from numl_polars.tools.concat import concat
small, output, mode, *files = sys.argv[1:]
concat(small, small + ".joined")
print("ready", flush=True)
sys.stdin.readline()
concat(files, output, **{"append": {"append": True}, "overwrite": {"overwrite": True}}.get(mode, {}))
"""
KILLS = 2


def killed(arguments: list[object], seconds: float | None) -> float:
    """Run the child, kill it after `seconds`; how long it ran."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.stdin.write("\n")
    child.stdin.flush()
    begin = time.perf_counter()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
    child.wait()
    taken = time.perf_counter() - begin
    child.stdin.close()
    child.stdout.close()
    assert child.returncode in (0, -signal.SIGKILL)
    return taken


def content_of(path: Path) -> tuple[dict[str, tuple[object, ...]], dict[str, dict[str, list[object]]]]:
    def plain(keys: Keys) -> dict[str, list[object]]:
        return {name: lines.tolist() for name, lines in keys.items()}

    return others_of(path), {table: plain(keys) for table, keys in keys_of(path).items()}


@pytest.mark.parametrize("mode", ["new", "overwrite", "append"])
def test_concat__killed_at_any_moment(tmp_path: Path, mode: str) -> None:
    inputs, output = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    output.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        counts = {f"table_{table}": rng.integers(0, 60, 100).tolist() for table in range(3)}
        write_file(inputs / f"{number}.h5", [(number, 0, event) for event in range(100)], counts)
    write_file(tmp_path / "small.h5")
    files = sorted(inputs.iterdir())
    before = {path: path.read_bytes() for path in files}
    target = output / "joined.h5"
    earlier = None
    if mode != "new":
        write_file(target, [(9, 9, event) for event in range(100)], counts)
        earlier = (content_of(target), target.read_bytes())
    arguments: list[object] = [tmp_path / "small.h5", target, mode, *files]
    taken = killed(arguments, None)
    after = content_of(target)
    for number in range(KILLS):
        (tmp_path / "small.h5.joined").unlink()
        if earlier is None:
            target.unlink(missing_ok=True)
        else:
            target.write_bytes(earlier[1])
        killed(arguments, taken * random.Random(number).uniform(0.1, 1.05))
        assert {path: path.read_bytes() for path in inputs.iterdir()} == before
        visible = [path for path in output.iterdir() if not path.name.startswith(".")]
        assert visible in ([target], [] if earlier is None else [target])
        if visible:
            assert content_of(target) in ([after] if earlier is None else [after, earlier[0]])
