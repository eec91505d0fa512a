"""Files of a user who brings labellings of his own."""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

SCHEMES = """
    import polars as pl
    import numl_polars as nl
    from numl_polars.labels import is_cc, is_electron, momentum

    CUT = 0.1

    class TrackShower(nl.ParticleLabels):
        classes = ("track", "shower")
        threshold: float = 0.02

        def rules(self):
            return [nl.Rule("shower", when=is_electron & (momentum >= self.threshold)), nl.Rule("track")]

    class Needy(TrackShower):
        margin: float

    class Currents(nl.EventLabels):
        classes = ("cc", "nc")

        def rules(self):
            return [nl.Rule("cc", when=is_cc), nl.Rule("nc")]

    class NoRules(nl.ParticleLabels):
        classes = ("all",)

    class NoClasses(nl.ParticleLabels):
        def rules(self):
            return []

    class WrongClass(TrackShower):
        def rules(self):
            return [nl.Rule("shwoer")]

    class WrongOperator(TrackShower):
        def rules(self):
            return [nl.Rule("shower", when=is_electron and momentum)]

    class WrongCheck(TrackShower):
        def __post_init__(self):
            if self.threshold < 0:
                raise ValueError(f"threshold {self.threshold} is below 0\\nand more")

    loose = TrackShower(threshold=0.01, orphans="track")
    wide = Needy(margin=2)

    def by_momentum(particles, threshold=0.1, *, below="soft"):
        label = pl.when(pl.col("momentum") >= threshold).then(pl.lit("hard")).otherwise(pl.lit(below))
        return particles.select("event_index", "g4_id", semantic_label=label)

    by_momentum.classes = ("soft", "hard", "other")

    def needy(particles, threshold):
        return by_momentum(particles, threshold)

    def of_anything(particles, **cuts):
        return particles.select("event_index", "g4_id", semantic_label=pl.lit(len(cuts)))

    class Callable:
        classes = ("soft", "hard")

        def __call__(self, particles):
            return by_momentum(particles)

    callable_object = Callable()
"""
PYNUML = """
    class Labeller:
        def __init__(self, threshold=0.1):
            self.labels = ["soft", "hard", "invisible"]
            self.threshold = threshold

        def __call__(self, rows):
            raise NotImplementedError

    class NoLabels:
        def __call__(self, rows):
            raise NotImplementedError

    class NoCall:
        labels = ("soft", "hard")

    loose = Labeller(0.01)

    def function(rows):
        raise NotImplementedError

    function.labels = ("soft", "hard")
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip(), encoding="utf-8")
    return path


def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with files to load from; for a fixture. Nothing that was imported stays."""
    write(tmp_path / "labels.py", SCHEMES)
    write(tmp_path / "labeller.py", PYNUML)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in sys.modules.keys() - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]
