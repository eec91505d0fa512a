"""The whole command: labellings of one's own, from files, modules and recipes, one or several at once."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

import numl_polars as nl
from tests.builder import Event, particles, simple_event, write_events
from tests.conftest import Run
from tests.process.builder import (
    Graphs,
    Here,
    assert_done,
    read_graphs,
    rejected_of,
    spoken,
)

NUM_EVENTS = 3
SOFT, HARD = 0.015, 0.05
LABELS = """
    import polars as pl
    import numl_polars as nl
    from numl_polars.labels import is_cc, is_electron, is_muon, momentum, parent
    from cuts import SHOWER

    class TrackShower(nl.ParticleLabels):
        classes = ("track", "shower", "rest")
        threshold: float = SHOWER

        def rules(self):
            from cuts import ABOUT
            shower = is_electron & parent(is_muon) & (momentum >= self.threshold)
            return [
                nl.Rule("shower", when=shower, spreads=True, instance="self", about=ABOUT),
                nl.Rule("track", when=is_muon, instance="self"),
            ]

    class Currents(nl.EventLabels):
        classes = ("neutral", "charged")

        def rules(self):
            return [nl.Rule("charged", when=is_cc), nl.Rule("neutral")]

    def by_momentum(particles, threshold=0.02):
        label = pl.when(pl.col("momentum") >= threshold).then(pl.lit("hard")).otherwise(pl.lit("soft"))
        return particles.select("event_index", "g4_id", semantic_label=label)

    by_momentum.classes = ("soft", "hard")
"""
RECIPE = """
    scheme = "labels.py:TrackShower"

    [parameters]
    threshold = 0.01
    unlabelled = "rest"
"""
PYNUML = """
    import pandas as pd

    class Codes:
        labels = ("muon", "electron", "invisible")

        def __call__(self, part):
            return pd.DataFrame({"g4_id": part.g4_id, "semantic_label": (part.type == 11).astype(int)})
"""


def event(seed: int) -> Event:
    """A muon (1) that frees a soft (2) and a hard (3) electron; every third hit is of each."""
    made = simple_event(25, seed=seed)
    made["particle_table"] = particles(
        [
            (1, 0, 13, 0.5, "primary", "Decay"),
            (2, 1, 11, SOFT, "muIoni", "eIoni"),
            (3, 1, 11, HARD, "muIoni", "eIoni"),
        ]
    )
    made["edep_table"]["g4_id"] = made["edep_table"]["hit_id"] % 3 + 1
    return made


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command runs: an event file, and labels in folders of their own."""
    write_events(tmp_path / "run.evt.h5", [event(seed) for seed in range(NUM_EVENTS)])
    for name, text in {
        "mine/labels.py": LABELS,
        "mine/cuts.py": "SHOWER = 0.02\nABOUT = 'a hard electron'\n",
        "mine/all.toml": RECIPE,
        "package/__init__.py": "",
        "package/codes.py": PYNUML,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(dedent(text), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    # what the command in this process adds
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "cuts", raising=False)
    return tmp_path


def process(run: Run | Here, *specs: str, stem: str = "graphs") -> Graphs:
    assert_done(run("run.evt.h5", stem, *options(specs)))
    return read_graphs(Path(f"{stem}.h5"))


def options(specs: Sequence[str]) -> list[str]:
    return [word for spec in specs for word in ("--particle-labels", spec)]


def by_particle(graphs: Graphs, field: str = "hit/y_semantic") -> list[int]:
    """Label of the hits of each of the three particles, which is the same in all events."""
    found = {tuple(_labels(graph, field)) for graph in graphs.objects.values()}
    assert len(graphs.objects) == NUM_EVENTS
    assert len(found) == 1
    return list(found.pop())


def _labels(graph: dict[str, Any], field: str) -> list[int]:
    g4_id = graph["hit/id"] % 3 + 1
    labels = [np.unique(graph[field][g4_id == particle]) for particle in (1, 2, 3)]
    assert [len(values) for values in labels] == [1, 1, 1]
    return [int(values[0]) for values in labels]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("mine/labels.py:TrackShower(unlabelled='rest')", [0, 2, 1]),
        ("mine/labels.py:by_momentum(threshold=0.1)", [1, 0, 0]),
        ("mine/all.toml", [0, 1, 1]),
    ],
)
def test_process__labels_are_those_of_the_users_scheme(spec: str, expected: list[int], run: Run) -> None:
    graphs = process(run, spec)
    assert by_particle(graphs) == expected
    classes = ["soft", "hard"] if "by_momentum" in spec else ["track", "shower", "rest"]
    assert graphs.beside["semantic_classes"] == classes
    assert rejected_of(Path("graphs")) == {}


def test_process__module_in_the_current_folder_and_labeller_of_pynuml(run: Run, folder: Path) -> None:
    pytest.importorskip("pandas")
    result = run("run.evt.h5", "graphs", "--particle-labels", "package.codes:Codes")
    assert result.returncode == 0
    assert len(spoken(result.stderr)) == 1
    assert "PynumlLabels(Codes) is called event by event" in result.stderr
    graphs = read_graphs(folder / "graphs.h5")
    assert by_particle(graphs) == [0, 1, 1]
    assert graphs.beside["semantic_classes"] == ["muon", "electron"]


def test_process__module_in_the_current_folder_for_the_installed_command(folder: Path) -> None:
    script = Path(sys.executable).with_name("numl-polars")
    if not script.exists():
        pytest.skip(f"no {script}")
    (folder / "labels.py").write_text(dedent(LABELS).replace("from cuts", "from mine.cuts"), encoding="utf-8")
    command = [str(script), "process", "run.evt.h5", "graphs", "--particle-labels", "labels:by_momentum"]
    assert_done(subprocess.run(command, capture_output=True, text=True, check=False))
    assert by_particle(read_graphs(folder / "graphs.h5")) == [1, 0, 1]


def test_process__layers_are_what_each_scheme_gives_alone(here: Here) -> None:
    own = "mine/labels.py:TrackShower(threshold=0.01)"
    together = process(here, "standard", f"mine={own}", "hard=mine/labels.py:by_momentum", stem="together")
    standard, alone = process(here, stem="standard"), process(here, own, stem="alone")
    for name, graph in together.objects.items():
        for field, values in standard.objects[name].items():
            np.testing.assert_array_equal(graph[field], values)
        np.testing.assert_array_equal(graph["hit/y_mine"], alone.objects[name]["hit/y_semantic"])
    assert by_particle(together, "hit/y_mine") == [0, 1, 1]
    assert by_particle(together, "hit/y_hard") == [1, 0, 1]
    assert together.beside["semantic_classes"] == standard.beside["semantic_classes"]
    assert together.beside["mine_classes"] == ["track", "shower", "rest"]
    assert together.beside["hard_classes"] == ["soft", "hard"]


def test_process__two_ranks_load_the_same(folder: Path, run: Run) -> None:
    nl.simulate(folder / "run.evt.h5", events=12, seed=3, overwrite=True)
    specs = ["mine/all.toml", "shape=topology(blip_extent=2)"]
    for stem, ranks in (("one", None), ("two", 2)):
        events = ("--event-labels", "mine/labels.py:Currents", "--event-labels", "flavor=flavor")
        assert_done(run("run.evt.h5", stem, *options(specs), *events, ranks=ranks))
    one, two = (read_graphs(folder / f"{stem}.h5") for stem in ("one", "two"))
    assert len(one.names) > 2
    assert (one.names, one.records, one.beside) == (two.names, two.records, two.beside)
    assert one.beside["event_classes"] == ["neutral", "charged"]
    assert {"shape_classes", "flavor_classes"} <= one.beside.keys()
    fields = {field for graph in one.objects.values() for field in graph}
    assert {"hit/y_semantic", "hit/y_shape", "evt/y", "evt/y_flavor"} <= fields


def test_process__report_records_the_parameters(here: Here, folder: Path) -> None:
    process(here, "mine/all.toml", "hard=mine/labels.py:by_momentum(threshold=0.1)")
    recorded = json.loads((folder / "graphs.report.json").read_text())["options"]
    assert recorded["particle_labels"]["semantic"]["scheme"] == "TrackShower"
    assert recorded["particle_labels"]["semantic"]["parameters"]["threshold"] == 0.01
    function = recorded["particle_labels"]["hard"]["parameters"]["function"]
    assert function.startswith("labels_")
    assert function.endswith(":by_momentum(threshold=0.1)")


def test_process__event_labels_of_ones_own(here: Here, folder: Path) -> None:
    specs = ("--event-labels", "mine/labels.py:Currents", "--event-labels", "decay=proton-decay")
    assert_done(here("run.evt.h5", "graphs", *specs))
    graphs = read_graphs(folder / "graphs.h5")
    assert all(graph["evt/y"].tolist() == [1] for graph in graphs.objects.values())
    assert all(graph["evt/y_decay"].tolist() == [0] for graph in graphs.objects.values())
    assert graphs.beside["event_classes"] == ["neutral", "charged"]
    assert graphs.beside["decay_classes"] == ["nu", "pdk"]


def test_process__what_no_rule_of_the_user_covers_is_counted(here: Here, folder: Path) -> None:
    result = here("run.evt.h5", "graphs", "--particle-labels", "mine/labels.py:TrackShower")
    assert_done(result)
    assert rejected_of(folder / "graphs") == dict.fromkeys(range(NUM_EVENTS), "unlabelled")
    assert "rule of TrackShower labels these particles" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--particle-labels", "best"], "'best' names no labels of particles; these may be standard, simple"),
        (["--event-labels", "standard"], "'standard' labels particles, not events; these may be flavor"),
        (
            ["--particle-labels", "mine/label.py:X"],
            "there is no file mine/label.py (did you mean labels.py?)",
        ),
        (
            ["--particle-labels", "mine/labels.py:TrackShower(treshold=1)"],
            "mine/labels.py:TrackShower has no parameter 'treshold'; it takes unlabelled='reject', ",
        ),
        (
            ["--particle-labels", "standard", "--particle-labels", "simple"],
            "standard and simple both label particles in layer 'semantic'; write NAME=SPEC to give one a",
        ),
    ],
)
def test_process__wrong_labels_are_status_2_and_one_line(
    arguments: list[str], told: str, here: Here, folder: Path
) -> None:
    before = set(folder.iterdir())
    result = here("run.evt.h5", "graphs", *arguments)
    assert result.returncode == 2
    (line,) = spoken(result.stderr)
    assert line.startswith(f"numl-polars: {told}")
    assert set(folder.iterdir()) == before


def test_process__error_in_the_users_file_is_said_once_by_two_ranks(run: Run, folder: Path) -> None:
    (folder / "broken.py").write_text("print('loading')\n1 / 0\n", encoding="utf-8")
    result = run("run.evt.h5", "graphs", "--particle-labels", "broken.py:X", ranks=2)
    assert result.returncode == 2
    told = "broken.py cannot be imported: ZeroDivisionError: division by zero"
    assert spoken(result.stderr) == [f"numl-polars: {told} ({folder}/broken.py:2)"]
    assert result.stdout.splitlines().count("loading") == 1
    assert not list(folder.glob("graphs*"))


def test_process__scheme_that_contradicts_itself_is_told_before_anything_is_read(
    here: Here, folder: Path
) -> None:
    result = here("no.h5", "graphs", "--particle-labels", "standard(unlabelled='nothing')")
    assert result.returncode == 2
    assert "StandardLabels: unlabelled is 'nothing'; it may be 'reject', 'stop' or a class" in result.stderr
    assert not list(folder.glob("graphs*"))


def test_process__help_names_the_forms_and_loads_no_scheme() -> None:
    code = """
import sys
from numl_polars.process import process_command
try:
    process_command(["--help"])
except SystemExit:
    print(*sorted({name.partition(".")[0] for name in sys.modules} & {"numba", "torch", "polars"}), "loaded")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text = " ".join(result.stdout.split())
    for form in (
        "standard, simple, ccqe, delta-rays, topology or none",
        "flavor, proton-decay or none",
        "path/to/labels.py:NAME",
        "package.module:NAME",
        "path/to/recipe.toml",
        "LAYER=SPEC",
        "[default: standard]",
        '--particle-labels "labels.py:TrackShower(shower_threshold=0.05)"',
    ):
        assert form in text
    assert text.endswith(" loaded")
    assert not text.endswith(("numba loaded", "torch loaded", "numba polars loaded"))


def test_process__rules_that_never_apply_are_told(run: Run, folder: Path) -> None:
    (folder / "order.py").write_text(
        dedent("""
        import numl_polars as nl
        from numl_polars.labels import is_electron, is_muon, start_process


        class Order(nl.ParticleLabels):
            classes = ("lepton", "muon", "rest")

            def rules(self):
                return [
                    nl.Rule("lepton", when=is_electron | is_muon),
                    nl.Rule("muon", when=is_muon),
                    nl.Rule("rest", when=start_process == "misspelt"),
                    nl.Rule("rest"),
                ]
        """)
    )
    for ranks in (None, 2):
        result = run(
            "run.evt.h5", "graphs", "--particle-labels", "order.py:Order", "--overwrite", ranks=ranks
        )
        assert_done(result)
        told = [line for line in result.stdout.splitlines() if line.startswith("rule")]
        assert [line.partition(":")[0] for line in told] == [
            "rule 1 (muon) of Order never applies",
            "rules of Order that hold for none of the particles",
        ]
        assert "2 (rest)" in told[1]
