import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from numl_polars.errors import OutputError
from numl_polars.output.report import LayerReport, RunReport, StageSeconds, peak_memory_bytes, stage_seconds

Kind = dict[str, str | int | None]
KINDS = ("type", "parent_type", "start_process", "end_process", "fault", "particles", "with_hits")
COMBINATIONS: list[Kind] = [
    dict(zip(KINDS, (12, 0, "primary", None, "unlabelled", 1200, 1000), strict=True)),
    *[dict(zip(KINDS, (14, None, "[x]", "y", "orphan", 5, 5), strict=True))] * 11,
    dict(zip(KINDS, (16, 0, "primary", "y", "unlabelled", 5, 0), strict=True)),
]
REPORT = RunReport(
    num_events=1200,
    num_kept=1000,
    rejected={"no hit": 50, "too few hits in a plane": 150},
    noted={"[orphan] hits": 2},
    layers={
        "semantic": LayerReport("Standard", 31, remarks=["rule 1 never applies"], is_included=True),
        "tracks": LayerReport("Tracks", 2, COMBINATIONS, ["rule 3 of [Tracks] never applies"]),
    },
    seconds=8.0,
    stages={"read": StageSeconds(4.0, 2.5), "write": StageSeconds(3.0, 1.5)},
    peak_memory=(300 * 2**20, 500 * 2**20),
    outputs=(Path("out.h5"),),
    input={"name": "run.evt.h5", "size": 5, "events": [0, 1200]},
    options={"vertex": True, "folder": Path("here")},
    version="0.1",
)


def rendered(report: RunReport) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100).print(report.render())
    return stream.getvalue()


def test_to_json() -> None:
    content = json.loads(REPORT.to_json())
    assert list(content) == [
        "num_events", "num_kept", "num_samples", "rejected", "noted", "layers", "seconds",
        "stages", "peak_memory", "outputs", "input", "options", "version", "num_ranks", "events_per_second",
    ]  # fmt: skip
    assert content["events_per_second"] == 150
    assert content["num_ranks"] == 2
    assert content["stages"]["read"] == {"total": 4.0, "slowest": 2.5}
    assert content["outputs"] == ["out.h5"]
    assert content["options"] == {"vertex": True, "folder": "here"}
    assert REPORT.to_json().startswith('{\n  "num_events": 1200,')


def test_write(tmp_path: Path) -> None:
    path = REPORT.write(tmp_path / "run.1")
    assert path == tmp_path / "run.1.report.json"
    assert path.read_text(encoding="utf-8") == REPORT.to_json()
    with pytest.raises(OutputError, match=r"run\.1\.report\.json exists already; --overwrite"):
        RunReport(num_events=0, num_kept=0).write(tmp_path / "run.1")
    assert path.read_text(encoding="utf-8") == REPORT.to_json()
    REPORT.write(tmp_path / "run.1", overwrite=True)


def test_render__plain_where_no_terminal() -> None:
    text = rendered(REPORT)
    assert "\x1b" not in text
    words = [" ".join(line.split()) for line in text.splitlines()]
    assert words == [
        "kept 1,000 of 1,200 events",
        "rejected 150 too few hits in a plane",
        "rejected 50 no hit",
        "noted 2 [orphan] hits",
        "untrained 31 hits, written as -1",
        "untrained 2 hits, written as -1 in y_tracks",
        "time 8.0 s 150.0 events/s on 2 ranks",
        "4.0 s read, 2.5 s on the slowest rank",
        "3.0 s write, 1.5 s on the slowest rank",
        "memory 500 MiB at most on a rank",
        "output out.h5",
        "",
        "No rule of Tracks (tracks) labels these particles",
        "with hits particles PDG parent PDG start end why",
        "1,000 1,200 12 0 primary - unlabelled",
        *["5 5 14 - [x] y orphan"] * 9,
        "and 2 more combinations, all in the report",
        "rule 3 of [Tracks] never applies",
    ]


def test_render__nothing_kept() -> None:
    report = RunReport(
        num_events=1, num_kept=0, peak_memory=(1,), outputs=[Path(f"{i}.h5") for i in range(9)]
    )
    text = rendered(report)
    assert text.splitlines()[0].split() == ["kept", "0", "of", "1", "event"]
    assert "0.0 events/s on 1 rank" in text
    assert "and 3 more files" in text


def test_stage_seconds() -> None:
    assert stage_seconds([{"read": 1.0, "write": 2.0}, {"read": 3.0}]) == {
        "read": StageSeconds(4.0, 3.0),
        "write": StageSeconds(2.0, 2.0),
    }
    assert stage_seconds([]) == {}


def test_peak_memory_bytes() -> None:
    peak = peak_memory_bytes()
    assert 10 * 2**20 < peak < 2**40
    assert peak_memory_bytes() >= peak


def test_import__light() -> None:
    code = (
        "import sys, numl_polars.output.merge, numl_polars.output.report\n"
        "heavy = {'torch', 'numba', 'rich', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    project = Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"
