"""What `numl-polars describe` prints."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from numl_polars import HitGraph, InputError, StandardLabels, process
from numl_polars.tools.describe import describe
from tests.builder import simple_event, write_events
from tests.output.formats_builder import write_events as write_events_of_objects


def text_of(path: Path) -> str:
    text = StringIO()
    Console(file=text, width=120).print(describe(path))
    return text.getvalue()


def test_describe__classes_objects_and_attributes(tmp_path: Path) -> None:
    events = write_events(tmp_path / "e.h5", [simple_event(), simple_event(30), simple_event(5)])
    process(events, HitGraph(particle_labels=StandardLabels()), tmp_path / "graphs")
    text = text_of(tmp_path / "graphs.h5")
    assert "u, v, y" in text
    assert "pion, muon, kaon, hadron, shower, michel, diffuse" in text
    assert "event classes     none" in text
    assert "2 train, 0 validation, 0 test" in text
    assert "r1_sr0_evt1:" in text
    assert "(90, 6)" in text


def test_describe__folder(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    text = text_of(write_events_of_objects(tmp_path / "a.pt", 1, 2))
    assert text.startswith("folder")
    assert "format            pt" in text
    assert "samples" not in text


def test_describe__no_objects(tmp_path: Path) -> None:
    assert "objects           0" in text_of(write_events_of_objects(tmp_path / "a.h5"))


def test_describe__not_a_graph_file(tmp_path: Path) -> None:
    path = write_events(tmp_path / "e.h5", [simple_event()])
    with pytest.raises(InputError, match="is not a graph file"):
        describe(path)
