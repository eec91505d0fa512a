"""Conversions between formats keep objects, samples and file-level content."""

import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.errors import InputError, NumlError, OptionError, OutputError
from numl_polars.objects.batch import Array
from numl_polars.output import convert as convert_module
from numl_polars.output.convert import convert
from numl_polars.output.formats import FORMATS, open_objects
from numl_polars.output.merge import merge
from tests.output.builder import graphs, hidden, visible, write_graphs, write_like_pynuml
from tests.output.formats_builder import (
    KNOWN,
    assert_same,
    read_objects,
    samples_of,
    write_events,
    write_objects,
)
from tests.output.strategies import Objects, object_sets
from tests.tools.test_describe import text_of

ROOT = Path(__file__).resolve().parents[2]
needs_torch = pytest.mark.skipif("pt" not in KNOWN, reason="needs torch")


@settings(deadline=None, max_examples=25)
@given(objects=object_sets(), data=st.data())
def test_convert__round_through_all_formats(
    tmp_path_factory: pytest.TempPathFactory, objects: Objects, data: st.DataObject
) -> None:
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("round")
    rows = data.draw(st.permutations(range(len(objects))))
    cut = data.draw(st.integers(0, len(rows)))
    samples = {"train": np.array(rows[:cut], np.int64), "test": np.array(rows[cut:], np.int64)}
    first = path = write_objects(folder / "first.h5", objects, samples=samples)
    for name in [*KNOWN[1:], KNOWN[0]]:
        output = folder / f"next{FORMATS[name].suffix}"
        summary = convert(path, output)
        assert (summary.format, summary.num_objects) == (name, len(objects))
        assert summary.num_samples == {"train": cut, "test": len(rows) - cut}
        path = output
    assert_same(read_objects(path), objects)
    assert samples_of(path) == samples_of(first)
    assert path.read_bytes() == first.read_bytes()


@pytest.mark.parametrize("source", KNOWN)
@pytest.mark.parametrize("target", KNOWN)
def test_convert__merged_file(tmp_path: Path, source: str, target: str) -> None:
    suffix = FORMATS[source].suffix
    merged = tmp_path / f"merged{suffix}"
    merge([write_events(tmp_path / f"a{suffix}", *range(12))], merged)
    output = convert(merged, tmp_path / "out", format=target).output
    assert output == tmp_path / f"out{FORMATS[target].suffix}"
    assert_same(read_objects(output), graphs(*range(12)))
    assert samples_of(output) == samples_of(merged)
    left, right = open_objects(merged), open_objects(output)
    assert left.metadata == right.metadata
    assert left.metadata is not None
    assert right.metadata is not None
    assert left.metadata.provenance == right.metadata.provenance
    assert left.sizes.tolist() == right.sizes.tolist()
    left.close()
    right.close()


@needs_torch
def test_convert__no_samples_and_no_objects(tmp_path: Path) -> None:
    for path in (write_graphs(tmp_path / "a.h5"), write_graphs(tmp_path / "b.h5", 1)):
        summary = convert(path, path.with_suffix(".pt"))
        assert summary.num_samples == {}
        again = convert(summary.output, tmp_path / f"{path.stem}-again.h5").output
        assert again.read_bytes() == path.read_bytes()
        with h5py.File(again) as file:
            assert "samples" not in file


def test_convert__compression(tmp_path: Path) -> None:
    arrays: dict[str, Array] = {"hit/x": np.zeros((1000, 2), np.float32), "hit/id": np.arange(1000)}
    path = write_objects(tmp_path / "a.h5", {str(event): arrays for event in range(10)})
    plain = convert(path, tmp_path / "plain.arrow").num_bytes
    small = convert(path, tmp_path / "small.arrow", compression="zstd")
    assert small.num_bytes < plain / 2
    again = merge([small.output], tmp_path / "again.arrow", compression="lz4").output
    assert "arrow, lz4" in text_of(again)
    assert "arrow, zstd" in text_of(small.output)
    assert_same(read_objects(again), read_objects(path))
    with pytest.raises(OptionError, match="format hdf5 has no such option: compression='zstd'"):
        merge([path], tmp_path / "b.h5", compression="zstd")


def test_convert__pynuml_file(tmp_path: Path) -> None:
    path = write_like_pynuml(tmp_path / "a.h5", 12, 3, 7)
    assert_same(read_objects(convert(path, tmp_path / "b.h5").output), graphs(3, 7, 12))


def test_convert__progress_and_memory(tmp_path: Path) -> None:
    objects = {
        f"r0_sr0_evt{event}": {"hit/x": np.full((100_000, 2), event, np.float64)} for event in range(40)
    }
    path = write_objects(tmp_path / "a.h5", objects)
    del objects
    steps: list[tuple[int, int]] = []
    tracemalloc.start()
    try:
        convert(path, tmp_path / "b.h5", progress=lambda done, total: steps.append((done, total)))
        assert tracemalloc.get_traced_memory()[1] < 4 * convert_module._WINDOW_BYTES
    finally:
        tracemalloc.stop()
    assert steps == [(done, 40) for done in range(5, 41, 5)]


def test_convert__refused(tmp_path: Path) -> None:
    path = write_graphs(tmp_path / "a.h5", 1)
    bare = write_like_pynuml(tmp_path / "bare.h5", 1, metadata=None)
    (tmp_path / "text.h5").write_text("no objects")
    cases: list[tuple[Path, str, dict[str, Any], type[NumlError], str]] = [
        (path, "out", {}, OptionError, r"out says no format: none of the endings \.h5, \.arrow, \.pt"),
        (path, "out.h5", {"format": "csv"}, OptionError, r"no format 'csv' \(has hdf5, arrow, pt\)"),
        (path, "out.h5", {"format": "pt"}, OptionError, "has the ending of format hdf5, not of pt"),
        (path, "out.h5", {"compression": "zstd"}, OptionError, "hdf5 has no such option: compression"),
        (path, "a.h5", {"overwrite": True}, OptionError, r"a\.h5 is both what is converted and what is"),
        (path, "bare.h5", {}, OutputError, r"bare\.h5 exists already; --overwrite replaces it"),
        (path, "no/out.h5", {}, OutputError, r"folder .*no does not exist"),
        (
            bare,
            "out.h5",
            {},
            InputError,
            r"bare\.h5 has no planes and classes: merge it with a file",
        ),
        (tmp_path / "text.h5", "out.h5", {}, InputError, r"text\.h5 is not an HDF5 file"),
        (tmp_path / "absent.h5", "out.h5", {}, InputError, r"no such file: .*absent\.h5"),
    ]
    for source, target, options, fault, message in cases:
        with pytest.raises(fault, match=message):
            convert(source, tmp_path / target, **options)
    assert visible(tmp_path) == ["a.h5", "bare.h5", "text.h5"]
    assert hidden(tmp_path) == []


def test_convert__what_is_written_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_graphs(tmp_path / "a.h5", 1, 2)
    earlier = write_graphs(tmp_path / "b.h5", 3).read_bytes()
    check = convert_module._check

    def damage_and_check(wanted: object, part: Path, *rest: object) -> int:
        with h5py.File(part, "r+") as file:
            del file["dataset/r1_sr0_evt2"]
        return check(wanted, part, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(convert_module, "_check", damage_and_check)
    with pytest.raises(OutputError, match=r"b\.h5 is not what was to be written: its objects differ"):
        convert(path, tmp_path / "b.h5", overwrite=True)
    assert (tmp_path / "b.h5").read_bytes() == earlier
    assert hidden(tmp_path) == []


@needs_torch
def test_convert__damaged_source_leaves_nothing(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.pt", 1, 2)
    (path / "r1_sr0_evt2.pt").unlink()
    with pytest.raises(NumlError, match=r"no such file: .*evt2\.pt"):
        convert(path, tmp_path / "b.h5")
    assert visible(tmp_path) == ["a.pt"]
    assert hidden(tmp_path) == []


MERGE = ("merge", "all.h5", "a.h5", "b.h5", "--split-by", "hash", "--splits", "50/25/25")


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from numl_polars.cli import main; main()"
    line = [sys.executable, "-c", code, *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


@needs_torch
def test_commands__merge_convert_describe(tmp_path: Path) -> None:
    write_graphs(tmp_path / "a.h5", 1, 2)
    write_graphs(tmp_path / "b.h5", 4, 5, 6)
    merged = command(
        tmp_path, *["merge", "all.h5", "a.h5", "b.h5", "--split-by", "hash", "--splits", "50/25/25"]
    )
    assert merged.returncode == 0, merged.stderr
    assert merged.stdout.startswith("all.h5: 5 objects (")
    converted = command(tmp_path, "convert", "all.h5", "all", "--format", "pt")
    assert converted.returncode == 0, converted.stderr
    assert converted.stdout.startswith("all.pt: 5 objects (")
    described = command(tmp_path, "describe", "all.pt")
    assert described.returncode == 0, described.stderr
    lines = [" ".join(line.split()) for line in described.stdout.splitlines()]
    assert lines[0].startswith("folder all.pt, ")
    assert {"format pt", "planes u, v, y", "objects 5", "r1_sr0_evt2:", "hit/x float32 (3, 6)"} <= set(lines)
    assert samples_of(tmp_path / "all.pt") == samples_of(tmp_path / "all.h5")


def test_commands__faults(tmp_path: Path) -> None:
    write_graphs(tmp_path / "a.h5", 1)
    refused = command(tmp_path, "convert", "a.h5", "b.h5", "--compression", "zstd")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "format hdf5 has no such option" in refused.stderr
    absent = command(tmp_path, "convert", "absent.h5", "b.h5")
    assert (absent.returncode, absent.stderr) == (1, "numl-polars: no such file: absent.h5\n")
    assert visible(tmp_path) == ["a.h5"]
