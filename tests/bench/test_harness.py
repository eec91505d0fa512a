"""Running programs, and the floors of reading and writing."""

import sys
from pathlib import Path

import floors
import h5py
import harness
import pytest

import numl_polars as nl


def test_run__what_a_program_took_and_said() -> None:
    run = harness.run(
        [sys.executable, "-c", "import sys; print(1); print('{\"a\": 2}'); print(3, file=sys.stderr)"]
    )
    assert (run.content, run.log) == ({"a": 2}, "3\n")
    assert 0 < run.cpu_seconds < 60
    assert run.peak_memory > 2**20


def test_run__a_fault_has_the_end_of_the_output() -> None:
    with pytest.raises(harness.ProgramError, match=r"(?s)python.* -c .*ended with status 3:\nreason"):
        harness.run([sys.executable, "-c", "import sys; print('reason', file=sys.stderr); sys.exit(3)"])


def test_run__without_json_is_a_fault() -> None:
    run = harness.run([sys.executable, "-c", "print('no JSON')"])
    with pytest.raises(harness.ProgramError, match="'no JSON"):
        _ = run.content


def test_run__variables_are_set_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONE", "x")
    code = "import json, os; print(json.dumps({name: os.environ.get(name) for name in ('GONE', 'NEW')}))"
    run = harness.run([sys.executable, "-c", code], {"GONE": None, "NEW": "y"})
    assert run.content == {"GONE": None, "NEW": "y"}


@pytest.mark.parametrize("layout", ["merged", "contiguous"])
def test_stored_chunks__are_the_columns_that_graphs_read(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "a.evt.h5"
    nl.simulate(path, events=3, detector="dune", seed=1, layout=layout)  # type: ignore[arg-type]
    chunks = floors.stored_chunks(path, nl.HitGraph(particle_labels=nl.StandardLabels()))
    with h5py.File(path) as file:
        read = [file["hit_table"][name] for name in ("hit_id", "integral", "rms", "tpc")]
        stored = {dataset.id.get_storage_size() for dataset in read}
        assert stored <= {size for _, size, _ in chunks}
        start, size, is_deflated = chunks[0]
    (data,) = floors.read(path, [(start, size, is_deflated)])
    assert len(data) == size
    assert is_deflated is (layout == "merged")
    assert not is_deflated or floors.chosen_inflater()[1](data)
