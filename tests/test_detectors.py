"""Detectors: presets, and descriptions in TOML."""

from pathlib import Path

import pytest

from numl_polars.detectors import DETECTORS, Detector, load_detector
from numl_polars.errors import OptionError


def described(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_load__a_name_or_a_detector_itself() -> None:
    assert load_detector("icarus") is DETECTORS["icarus"]
    mine = Detector(name="mine")
    assert load_detector(mine) is mine


def test_load__a_file_says_what_differs(tmp_path: Path) -> None:
    text = """
    like = "icarus"
    planes = { u = 0, y = 2 }
    coordinates = ["plane_id", "wire_id", "tick"]
    node_features = ["integral"]
    box = [[0, 1], [0, 1], [0, 2.5]]
    [columns.particle_table]
    type = "pdg_code"
    """
    found = load_detector(described(tmp_path, text))
    assert found.name == "mine"
    assert (found.planes, found.plane_numbers) == (("u", "y"), (0, 2))
    assert found.coordinates == ("plane_id", "wire_id", "tick")
    assert (found.cryostats, found.tpcs) == (2, 4)
    assert found.box is not None
    assert list(found.box[2]) == [0, 2.5]
    assert found.renamed == {"particle_table": {"pdg_code": "type"}}


def test_planes__those_of_each_tpc_are_named_by_its_number() -> None:
    detector = Detector(planes=("u", "y"), plane_numbers=(0, 2), cryostats=2, tpcs=1, planes_per_tpc=True)
    assert detector.all_planes == ("u0", "y0", "u1", "y1")
    assert detector.all_numbers == (0, 2, 0, 2)


@pytest.mark.parametrize(
    "text, message",
    [
        ("like = 'nova'", r"like = 'nova' is none of uboone"),
        ("plane = ['u']", r"unknown entry 'plane'; a detector has like, name, planes"),
        ("planes = 'uvy'", r"planes = 'uvy'; it must be a list of names"),
        ("planes = { u = 0, v = 'one' }", r"plane_numbers = .*whole numbers"),
        ("planes = ['u', 'u']", r"one name for each plane"),
        ("coordinates = 'stitched'", r"none of auto, local, global"),
        ("coordinates = ['a', 'b']", r"name the three columns"),
        ("tpcs = 0", r"1 cryostats of 0 TPCs"),
        ("tpcs = true", r"tpcs = True; it must be a whole number"),
        ("planes_per_tpc = true", r"mine does not say how many TPCs"),
        ("tpcs = 2\ntpc_offsets = [[0, 0]]", r"tpc_offsets are 1 pairs, and there are 2 TPCs"),
        ("cryostats = 2\npmts = 31", r"31 photomultipliers in 2 cryostats; each has as many"),
        ("pmt_positions = [[0, 0]]", r"pmt_positions are 1 pairs, and there are no number of photomultip"),
        ("pmts = 1\npmt_positions = [0, 0]", r"pmt_positions = .*must be pairs \[y, z\]"),
        ("tick_us = nan", r"tick_us = nan; it must be a finite number"),
        ("box = [[0, 1]]", r"box = .*three ranges"),
        ("[columns]\nhit_table = 'x'", r"tables of text"),
        ("name = ", r"cannot be read: "),
    ],
)
def test_load__what_has_no_meaning_says_so(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError, match=rf"mine\.toml.*{message}"):
        load_detector(described(tmp_path, text))


@pytest.mark.parametrize("name", ["nova", "icarus.json"])
def test_load__unknown_detectors_list_the_known(name: str) -> None:
    with pytest.raises(OptionError, match=f"{name!r} is none of uboone, dune, icarus, sbnd"):
        load_detector(name)


def test_load__a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"gone\.toml cannot be read"):
        load_detector(tmp_path / "gone.toml")
