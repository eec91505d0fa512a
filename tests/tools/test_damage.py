"""Damaged files: every run ends by itself, with a clear line or a right result, and harms no input."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.builder import Table, join, particles, simple_event, write_tables
from tests.tools.damaged import Case, Outcome, run_cases

LAYOUTS = ("contiguous", "fresh", "merged")
PROCESS = ("process", "--lower-bound", "0", "--splits", "100/0/0", "--debug")
VALIDATE = ("validate", "--debug")
INDEX, CONCAT, SHOW = ("index",), ("concat",), ("show", "1")
COMMANDS = (PROCESS, VALIDATE, INDEX, CONCAT, SHOW)
CUT_BYTES = 4096
MOST_MEGABYTES = 1000
TIMEOUT = 1200
# damaged places of each layout
PLACES = 24
FIRST_BYTES = 2048


def tables() -> dict[str, Table]:
    events = [simple_event(size, seed=size) for size in (4, 5, 6)]
    events[1]["particle_table"] = particles(
        [
            (1, 0, 13, 0.5, "primary", "Decay"),
            (4, 1, 11, 0.05, "muIoni", "eIoni"),
            (9, 1, 22, 0.02, "eBrem", "phot"),
        ]
    )
    return join(events)


def written(path: Path, layout: str, content: dict[str, Table]) -> Path:
    """An event file in one of the layouts that are seen."""
    if layout == "contiguous":
        return write_tables(path, content)
    with h5py.File(path, "w") as file:
        for name, table in content.items():
            for column, rows in table.items():
                if layout == "fresh" and column == "event_id.seq":
                    continue
                block = rows.reshape(len(rows), -1)
                width = block.shape[1]
                storage: dict[str, Any] = {"maxshape": (None, width), "compression": 6}
                storage["chunks"] = (16 if layout == "fresh" else 8192 // width, width)
                if layout == "fresh" and block.dtype.kind == "S":
                    storage["dtype"] = h5py.string_dtype("ascii")
                    block = block.astype(object)
                file.create_dataset(f"{name}/{column}", data=block, **storage)
    return path


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("intact")
    return {layout: written(folder / f"{layout}.h5", layout, tables()) for layout in LAYOUTS}


def flips(base: Path, command: tuple[str, ...], seed: int) -> list[Case]:
    """Bytes changed in the first ones of a file, and wherever it holds something, or next to it."""
    data = np.frombuffer(base.read_bytes(), np.uint8)
    used = np.flatnonzero(np.convolve(data != 0, np.ones(9), "same") > 0)
    rng = np.random.default_rng(seed)
    first = rng.choice(used[used < FIRST_BYTES], PLACES // 4, replace=False)
    later = rng.choice(used[used >= FIRST_BYTES], PLACES - PLACES // 4, replace=False)
    cases = []
    for number, offset in enumerate(np.sort(np.concatenate([first, later])).tolist()):
        match number % 3:
            case 0:
                content = bytes([int(data[offset]) ^ 0xFF])
            case 1:
                content = bytes([int(data[offset]) ^ (1 << int(rng.integers(8)))])
            case _:
                content = rng.integers(0, 256, min(16, data.size - offset), np.uint8).tobytes()
        cases.append(Case(command, str(base), offset, content))
    return cases


def assert_ended_well(case: Case, outcome: Outcome) -> None:
    said = f"{case}: status {outcome.status}: {outcome.stderr}"
    assert outcome.status in (0, 1, 3), said
    assert not (outcome.changed and (outcome.status or case.command != INDEX)), said
    assert outcome.left == [], said
    assert outcome.megabytes < MOST_MEGABYTES, f"{said}: {outcome.megabytes} MiB"
    # what is left undone by then would be done to whichever file has the descriptor next
    assert not any("Exception ignored" in line for line in outcome.stderr), said
    # a fault that nobody foresaw names its exception
    unforeseen = [line for line in outcome.stderr if "--debug shows" in line]
    assert unforeseen == [], said
    told = [line for line in outcome.stderr if line.startswith("numl-polars: ")]
    faults = [line for line in told if not line.startswith("numl-polars: warning: ")]
    if case.command != VALIDATE:
        assert len(faults) == (outcome.status != 0), said
    else:
        assert outcome.stdout or faults, said


@pytest.mark.parametrize("layout", LAYOUTS)
def test_damage__flipped_bytes_and_cuts(layout: str, intact: dict[str, Path], tmp_path: Path) -> None:
    base = intact[layout]
    size = base.stat().st_size
    cases = []
    for seed, command in enumerate((PROCESS, VALIDATE)):
        cases.append(Case(command, str(base)))
        cases += flips(base, command, seed)
        cases += [Case(command, str(base), size=cut) for cut in range(0, size, CUT_BYTES)]
    for case, outcome in zip(cases, run_cases(cases, tmp_path / "run", TIMEOUT), strict=True):
        assert_ended_well(case, outcome)
        if case.size is not None:
            assert outcome.status == 1, f"{case}: {outcome}"
        elif not case.content:
            assert outcome.status == 0, f"{case}: {outcome}"


def _at(base: Path, name: bytes) -> int:
    """Where the file has this name, alone."""
    content = base.read_bytes()
    assert content.count(b"\0" + name + b"\0") == 1
    return content.index(b"\0" + name + b"\0") + 1


def _header(base: Path, name: str) -> int:
    with h5py.File(base) as file:
        return int(h5py.h5o.get_info(file[name].id).addr)


# what is damaged of a file, and the status of each of `COMMANDS`
DELIBERATE: dict[str, tuple[Callable[[Path], tuple[int, bytes]], tuple[int, ...]]] = {
    "column's name": (lambda base: (_at(base, b"rms"), b"\xff\xfe"), (1, 3, 1, 1, 0)),
    "table's name": (lambda base: (_at(base, b"edep_table"), b"\xff\xfe"), (1, 3, 1, 1, 0)),
    "header of a column": (lambda base: (_header(base, "hit_table/rms"), b"\xff"), (1, 3, 1, 1, 0)),
    "header of a table": (lambda base: (_header(base, "hit_table"), b"\xff"), (1, 3, 1, 1, 1)),
    "header of the ids": (lambda base: (_header(base, "event_table/event_id"), b"\xff"), (1, 3, 1, 1, 1)),
    "header of the file": (lambda base: (_header(base, "/"), b"\xff"), (1, 1, 1, 1, 1)),
}


def test_damage__of_what_a_file_is_made_of(intact: dict[str, Path], tmp_path: Path) -> None:
    base = intact["fresh"]
    cases, expected = [], []
    for place, statuses in DELIBERATE.values():
        for command, status in zip(COMMANDS, statuses, strict=True):
            cases.append(Case(command, str(base), *place(base)))
            expected.append(status)
    for case, status, outcome in zip(
        cases, expected, run_cases(cases, tmp_path / "run", TIMEOUT), strict=True
    ):
        assert_ended_well(case, outcome)
        assert outcome.status == status, f"{case}: {outcome}"


def _permuted(keys: np.ndarray) -> np.ndarray:
    return keys[::-1].copy()


SCRAMBLED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "reversed": _permuted,
    "zeros": np.zeros_like,
    "large": lambda keys: keys + (1 << 60),
    "negative": lambda keys: -keys - 1,
    "noise": lambda keys: np.random.default_rng(1).integers(-(2**63), 2**63 - 1, keys.shape, np.int64),
    "short": lambda keys: keys[:1],
}


def test_damage__scrambled_keys(tmp_path: Path) -> None:
    right = written(tmp_path / "right.h5", "contiguous", tables())
    cases = [Case(PROCESS, str(right))]
    wrong: list[Case] = []
    for name, change in SCRAMBLED.items():
        content = tables()
        for table in content.values():
            for key in ("event_id.seq", "event_id.seq_cnt"):
                table[key] = change(table[key])
        path = str(written(tmp_path / f"{name}.h5", "contiguous", content))
        wrong += [Case(PROCESS, path), Case(VALIDATE, path)]
        del content["hit_table"]["event_id"]
        path = str(written(tmp_path / f"{name}.without.h5", "contiguous", content))
        wrong += [Case(PROCESS, path), Case(VALIDATE, path)]
    expected, *outcomes = run_cases([*cases, *wrong], tmp_path / "run", TIMEOUT)
    for case, outcome in zip(wrong, outcomes, strict=True):
        assert_ended_well(case, outcome)
        if "without" in case.base:
            # that all rows are of the first event is something that a key may say
            beyond_repair = "zeros" not in case.base
            status = beyond_repair * (1 if case.command == PROCESS else 3)
            assert outcome.status == status, f"{case}: {outcome}"
        elif case.command == PROCESS:
            assert outcome.objects == expected.objects, f"{case}: {outcome}"
            assert any("is wrong" in line for line in outcome.stderr)
        else:
            assert "key" in outcome.stdout
