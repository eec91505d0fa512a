"""Merging in all formats: the same samples and sizes, the same checks, nothing half-written."""

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from numl_polars.errors import InputError, OptionError, OutputError
from numl_polars.output import pt_merge
from numl_polars.output.convert import convert
from numl_polars.output.formats import FORMATS, Format, open_objects
from numl_polars.output.layout import GraphMetadata
from numl_polars.output.merge import merge
from numl_polars.output.splits import SplitBy, Splits
from tests.output.builder import METADATA, graphs, hidden, visible
from tests.output.formats_builder import (
    KNOWN,
    assert_same,
    read_objects,
    samples_of,
    write_events,
    write_objects,
)

EVENTS = (12, 3, 7, 100, 1, 2, 9, 44, 5, 6)
every_format = pytest.mark.parametrize("known", [FORMATS[name] for name in KNOWN], ids=KNOWN)


def parts(folder: Path, known: Format, number: int) -> list[Path]:
    """The objects of `EVENTS` in that many files, some of them empty."""
    bounds = np.linspace(0, len(EVENTS), number + 1).astype(int)
    return [
        write_events(folder / f"part{rank}{known.suffix}", *EVENTS[start:stop])
        for rank, (start, stop) in enumerate(itertools.pairwise(bounds.tolist()))
    ]


@every_format
@pytest.mark.parametrize("by", ["shuffle", "hash"])
def test_merge__same_from_any_number_of_inputs(tmp_path: Path, known: Format, by: SplitBy) -> None:
    splits = Splits(0.5, 0.3, 0.2, by=by)
    eligible = [f"r1_sr0_evt{event}" for event in EVENTS if event % 3]
    expected = graphs(*EVENTS)
    sizes = [sum(array.nbytes for array in arrays.values()) for arrays in expected.values()]
    for number in (1, 2, 3, 7, 12):
        folder = tmp_path / str(number)
        folder.mkdir()
        summary = merge(parts(folder, known, number), folder / f"out{known.suffix}", splits=splits)
        assert summary.num_objects == len(EVENTS)
        assert samples_of(summary.output) == splits.assign(eligible)
        assert_same(read_objects(summary.output), expected)
        reader = open_objects(summary.output)
        assert reader.sizes.tolist() == sizes
        assert summary.num_samples == {split: len(rows) for split, rows in reader.samples.items()}
        assert reader.metadata is not None
        assert ('"by": "hash"' in str(reader.metadata.provenance["splits"])) == (by == "hash")
        reader.close()


@every_format
def test_merge__steps_and_removed_inputs(tmp_path: Path, known: Format) -> None:
    steps: list[tuple[int, int]] = []
    inputs = parts(tmp_path, known, 3)
    output = tmp_path / f"out{known.suffix}"
    merge(inputs, output, remove_inputs=True, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (20, 20)
    assert visible(tmp_path) == [output.name]
    assert len(read_objects(output)) == len(EVENTS)


@every_format
def test_merge__metadata_differs(tmp_path: Path, known: Format) -> None:
    inputs = [
        write_events(tmp_path / f"a{known.suffix}", 1),
        write_events(tmp_path / f"b{known.suffix}", 2, metadata=GraphMetadata(("u", "v"))),
    ]
    with pytest.raises(
        InputError, match=r"'planes' differs: \('u', 'v', 'y'\) in .*a\.\w+, \('u', 'v'\) in .*b"
    ):
        merge(inputs, tmp_path / f"out{known.suffix}")


@every_format
def test_merge__repeated_objects(tmp_path: Path, known: Format) -> None:
    inputs = [
        write_events(tmp_path / f"a{known.suffix}", 1, 2),
        write_events(tmp_path / f"b{known.suffix}", 3, 2),
    ]
    with pytest.raises(
        InputError, match=r"1 object of more than one input, first 'r1_sr0_evt2' in .*a\.\w+ and"
    ):
        merge(inputs, tmp_path / f"out{known.suffix}", remove_inputs=True)
    assert len(visible(tmp_path)) == 2
    assert hidden(tmp_path) == []


@every_format
def test_merge__other_attributes(tmp_path: Path, known: Format) -> None:
    objects = {name: {**arrays, "evt/y": np.zeros(1)} for name, arrays in graphs(5).items()}
    inputs = [
        write_events(tmp_path / f"a{known.suffix}", 1),
        write_objects(tmp_path / f"b{known.suffix}", objects),
    ]
    with pytest.raises(InputError, match=r"differ in their attributes \(evt/y\)"):
        merge(inputs, tmp_path / f"out{known.suffix}")


@every_format
def test_merge__no_objects(tmp_path: Path, known: Format) -> None:
    write_events(tmp_path / f"a{known.suffix}")
    summary = merge([tmp_path / f"a{known.suffix}"], tmp_path / f"out{known.suffix}")
    assert summary.num_objects == 0
    assert samples_of(summary.output) == {"train": [], "validation": [], "test": []}


@every_format
def test_merge__merged_files(tmp_path: Path, known: Format) -> None:
    inputs = parts(tmp_path, known, 4)
    once = merge(inputs, tmp_path / f"once{known.suffix}").output
    halves = [
        merge(half, tmp_path / f"half{i}{known.suffix}").output
        for i, half in enumerate((inputs[:2], inputs[2:]))
    ]
    twice = merge(halves, tmp_path / f"twice{known.suffix}").output
    assert samples_of(once) == samples_of(twice)
    assert_same(read_objects(once), read_objects(twice))


def test_merge__several_formats(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    inputs = [write_events(tmp_path / "a.h5", 1), write_events(tmp_path / "b.pt", 2)]
    message = r"b\.pt is of format pt, and cannot be merged into hdf5 \(.*a\.h5\): convert it first"
    with pytest.raises(OptionError, match=message):
        merge(inputs, tmp_path / "out")
    with pytest.raises(
        OptionError, match=r"a\.h5 is of format hdf5, and cannot be merged into pt \(.*out\.pt\)"
    ):
        merge(inputs[:1], tmp_path / "out.pt")
    convert(inputs[1], tmp_path / "b.h5")
    assert merge([inputs[0], tmp_path / "b.h5"], tmp_path / "out.h5").num_objects == 2


def test_merge_pt__hard_links(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = write_events(tmp_path / "a.pt", 1)
    merge([path], tmp_path / "out.pt")
    assert (tmp_path / "out.pt" / "r1_sr0_evt1.pt").samefile(path / "r1_sr0_evt1.pt")


def no_links(source: Path, target: Path) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_merge_pt__copies_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(os, "link", no_links)
    path = write_events(tmp_path / "a.pt", 1, 2)
    merge([path], tmp_path / "out.pt", remove_inputs=True)
    assert_same(read_objects(tmp_path / "out.pt"), graphs(1, 2))


def flip_a_byte(part: Path) -> None:
    file = part / "r1_sr0_evt2.pt"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def put_another(part: Path) -> None:
    file = part / "r1_sr0_evt2.pt"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)


def change_the_index(part: Path) -> None:
    index = part / "index.arrow"
    index.write_bytes(index.read_bytes().replace(b"r1_sr0_evt2", b"r1_sr0_evt3"))


def cut_the_index(part: Path) -> None:
    index = part / "index.arrow"
    index.write_bytes(index.read_bytes()[:-9])


@pytest.mark.parametrize(
    "damage, links, message",
    [
        (flip_a_byte, False, r"1 of its contents differ, first file r1_sr0_evt2\.pt; the inputs are kept"),
        (put_another, True, r"1 of its contents differ, first file r1_sr0_evt2\.pt"),
        (change_the_index, True, "differ, first its index"),
        (cut_the_index, True, r"cannot read back what was written for .*out\.pt: .* is cut short"),
    ],
)
def test_merge_pt__damage_is_found_before_the_rename(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], None],
    links: bool,
    message: str,
) -> None:
    pytest.importorskip("torch")
    verify = pt_merge._verify

    def damage_and_verify(part: Path, *rest: object) -> None:
        damage(part)
        verify(part, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(pt_merge, "_verify", damage_and_verify)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path = write_events(tmp_path / "a.pt", 1, 2)
    write_events(tmp_path / "out.pt", 9)
    with pytest.raises(OutputError, match=message):
        merge([path], tmp_path / "out.pt", overwrite=True, remove_inputs=True)
    assert list(read_objects(tmp_path / "out.pt")) == ["r1_sr0_evt9"]
    assert path.exists()
    assert hidden(tmp_path) == []


def test_merge_pt__faulty_inputs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    whole = write_events(tmp_path / "whole.pt", 9)
    (write_events(tmp_path / "missing.pt", 1) / "r1_sr0_evt1.pt").unlink()
    (write_events(tmp_path / "short.pt", 1) / "r1_sr0_evt1.pt").write_bytes(b"short")
    (write_events(tmp_path / "no-index.pt", 1) / "index.arrow").unlink()
    for name, message in {
        "missing.pt": r"no such file: .*evt1\.pt, which the index of its folder lists",
        "short.pt": r"evt1\.pt has 5 bytes, and [\d,]+ by the index of its folder",
        "no-index.pt": r"no-index\.pt is not of format pt, or was not written to its end",
        "absent.pt": r"no such file: .*absent\.pt",
    }.items():
        with pytest.raises(InputError, match=message):
            merge([whole, tmp_path / name], tmp_path / "out.pt", remove_inputs=True)
        assert whole.exists()
        assert not (tmp_path / "out.pt").exists()
        assert hidden(tmp_path) == []


def test_merge_pt__other_dtypes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    inputs = [
        write_objects(tmp_path / f"{code}.pt", {code: {"hit/x": np.zeros(3, code)}}) for code in ("f4", "f8")
    ]
    with pytest.raises(InputError, match=r"differ in their attributes \(hit/x\): 'f8' in .*, 'f4' in"):
        merge(inputs, tmp_path / "out.pt")


def test_merge__output_is_a_folder_in_the_way(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.h5", 1)
    (tmp_path / "out.h5").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*out\.h5: it is a folder"):
        merge([path], tmp_path / "out.h5", overwrite=True)


def test_merge__nothing_to_merge(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of the 0 inputs has 'planes'"):
        merge([], tmp_path / "out")
    assert merge([], tmp_path / "out.h5", metadata=METADATA).num_objects == 0
