"""Several labellings in one graph: what each becomes, and that none changes another."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import numl_polars as nl
from numl_polars.errors import LabelError, OptionError
from numl_polars.labels import both, event, is_muon, num_deposits
from numl_polars.labels.layers import EVENT, SEMANTIC, as_layers
from numl_polars.objects.layer_counts import add_counts
from tests.builder import Event, particles, simple_event, write_events


class MuonOrNot(nl.ParticleLabels):
    classes = ("muon", "other")

    def rules(self) -> list[nl.Rule]:
        return [nl.Rule("muon", when=is_muon, instance="self"), nl.Rule("other")]


class MuonsOnly(nl.ParticleLabels):
    classes = ("muon",)

    def rules(self) -> list[nl.Rule]:
        return [nl.Rule("muon", when=is_muon)]


class Deposits(nl.ParticleLabels):
    classes = ("few", "many")

    def rules(self) -> list[nl.Rule]:
        return [nl.Rule("many", when=(num_deposits > 20) & (event("nu_pdg") == 14)), nl.Rule("few")]


class Category(nl.ParticleLabels):
    classes = ("odd", "even")

    def rules(self) -> list[nl.Rule]:
        return [nl.Rule("even", when=pl.col("category").cat.starts_with("e")), nl.Rule("odd")]


class Neutrino(nl.EventLabels):
    classes = ("nu", "antinu")

    def rules(self) -> list[nl.Rule]:
        return [nl.Rule("nu", when=pl.col("nu_pdg") > 0), nl.Rule("antinu", when=pl.col("nu_pdg") < 0)]


def build(tmp_path: Path, graph: nl.HitGraph, *events: Event) -> nl.Built:
    write_events(tmp_path / "e.h5", list(events))
    with nl.open(tmp_path / "e.h5") as file:
        return graph.build(nl.Batch(file, 0, len(events)))


def two_particles() -> Event:
    """A muon with the hits of planes 2 and 1, and a proton with those of plane 0."""
    made = simple_event()
    made["particle_table"] = particles(
        [(1, 0, 13, 0.5, "primary", "Decay"), (2, 0, 2212, 0.5, "primary", "hIoni")]
    )
    made["edep_table"]["g4_id"][50:] = 2
    return made


def test_layers__each_becomes_attributes_of_its_own(tmp_path: Path) -> None:
    graph = nl.HitGraph(
        particle_labels={"muons": MuonOrNot(), "semantic": nl.StandardLabels()},
        event_labels={"event": nl.FlavorLabels(), "sign": Neutrino()},
    )
    arrays = build(tmp_path, graph, two_particles()).objects.arrays(0)
    assert arrays["hit/y_semantic"].tolist() == [1] * 50 + [3] * 25
    assert arrays["hit/y_muons"].tolist() == [0] * 50 + [1] * 25
    assert arrays["particle-truth/num_nodes"] == 2
    assert arrays["particle-truth-muons/num_nodes"] == 1
    edges = arrays["hit_cluster-truth_particle-truth-muons/edge_index"]
    assert edges.tolist() == [list(range(50)), [0] * 50]
    assert (arrays["evt/y"].tolist(), arrays["evt/y_sign"].tolist()) == ([1], [0])
    assert graph.classes == {
        "semantic_classes": nl.StandardLabels().classes[:-1],
        "muons_classes": ("muon", "other"),
        "event_classes": nl.FlavorLabels().classes,
        "sign_classes": ("nu", "antinu"),
    }


def test_layers__one_more_changes_nothing_else(tmp_path: Path) -> None:
    alone = nl.HitGraph(particle_labels=nl.StandardLabels(), event_labels=nl.FlavorLabels(), vertex=True)
    more = nl.HitGraph(
        particle_labels={"semantic": nl.StandardLabels(), "ccqe": nl.CCQELabels()},
        event_labels={"event": nl.FlavorLabels(), "decay": nl.ProtonDecayLabels()},
        vertex=True,
    )
    one = build(tmp_path, alone, two_particles()).objects
    other = build(tmp_path, more, two_particles()).objects
    assert [a.name for a in other.attributes if a.name in {b.name for b in one.attributes}] == [
        a.name for a in one.attributes
    ]
    for name, values in one.arrays(0).items():
        assert np.array_equal(values, other.arrays(0)[name]), name
    assert {a.name for a in other.attributes} - {a.name for a in one.attributes} == {
        "hit/y_ccqe",
        "evt/y_decay",
        "particle-truth-ccqe/num_nodes",
        "hit_cluster-truth_particle-truth-ccqe/edge_index",
        "hit_delaunay_hit/edge_label_ccqe",
        "hit_delaunay-planar_hit/edge_label_ccqe",
    }


def test_layers__without_a_main_one(tmp_path: Path) -> None:
    graph = nl.HitGraph(particle_labels={"muons": MuonOrNot()})
    arrays = build(tmp_path, graph, two_particles()).objects.arrays(0)
    assert "hit/y_semantic" not in arrays
    assert arrays["hit/y_muons"].tolist() == [0] * 50 + [1] * 25


def test_layers__edge_label_is_that_of_the_two_hits(tmp_path: Path) -> None:
    graph = nl.HitGraph(particle_labels=nl.CCQELabels())
    assert graph.classes["edge_classes"] == ("none", "electron", "muon", "hadronic")
    background = two_particles()
    background["edep_table"]["hit_id"][:2] = [1, 1]  # hit 0 has no deposit
    objects = build(tmp_path, graph, two_particles(), background).objects
    for arrays, no_truth in zip(objects, ([], [0]), strict=True):
        for kind in ("delaunay", "delaunay-planar"):
            index = arrays[f"hit_{kind}_hit/edge_index"]
            particle = np.array([1] * 50 + [2] * 25)
            particle[no_truth] = -1
            source, target = particle[index]
            expected = np.where(source == target, np.where(source == 1, 2, 3), 0) * (source > 0)
            assert arrays[f"hit_{kind}_hit/edge_label"].tolist() == expected.tolist()


def test_layers__read_deposits_events_and_own_columns(tmp_path: Path) -> None:
    made = two_particles()
    made["particle_table"]["category"] = np.array([b"even", b"odd"])
    graph = nl.HitGraph(particle_labels={"deposits": Deposits(), "category": Category()})
    columns = graph.columns
    arrays = build(tmp_path, graph, made).objects.arrays(0)
    assert arrays["hit/y_deposits"].tolist() == [1] * 75
    assert arrays["hit/y_category"].tolist() == [1] * 50 + [0] * 25
    with nl.open(tmp_path / "e.h5") as file:
        assert columns(file)["particle_table"] == ["g4_id", "parent_id", "category"]
        assert columns(file)["event_table"] == ["nu_pdg"]


def test_layers__particle_that_one_does_not_label_is_named_by_layer(tmp_path: Path) -> None:
    graph = nl.HitGraph(particle_labels={"semantic": MuonOrNot(), "only": MuonsOnly()})
    built = build(tmp_path, graph, two_particles(), simple_event())
    assert built.objects.event_index.tolist() == [1]
    assert built.ledger.select("event_index", "reason", "detail", "rejected").rows() == [
        (
            0,
            "unlabelled",
            "only: 25 hits, the first is hit 50 of particle 2 (type 2212, parent_id 0, start_process "
            "primary, end_process hIoni)",
            True,
        )
    ]
    assert built.layers["semantic"].combinations.is_empty()
    assert built.layers["only"].combinations.rows() == [(2212, 0, "primary", "hIoni", "unlabelled", 1, 1)]


def test_layers__policy_gives_a_class_and_a_remark(tmp_path: Path) -> None:
    lost = two_particles()
    lost["particle_table"]["parent_id"][1] = 99
    graph = nl.HitGraph(particle_labels=MuonsOnly(unlabelled="muon", orphans="muon"))
    built = build(tmp_path, graph, two_particles(), lost)
    assert built.objects.event_index.tolist() == [0, 1]
    assert [arrays["hit/y_semantic"].tolist() for arrays in built.objects] == [[0] * 75] * 2
    assert built.ledger.select("event_index", "reason", "detail", "rejected").rows() == [
        (
            event,
            fault,
            f"1 particles given class muon, the first is 2 (type 2212, parent_id {parent}, start_process "
            "primary, end_process hIoni)",
            False,
        )
        for event, fault, parent in ((0, "unlabelled", 0), (1, "orphan", 99))
    ]


def test_layers__policy_stops(tmp_path: Path) -> None:
    graph = nl.HitGraph(particle_labels=MuonsOnly(unlabelled="stop"))
    with pytest.raises(LabelError, match=r"MuonsOnly stops at a particle .* no rule holds for it: .*g4_id 2"):
        build(tmp_path, graph, two_particles())


def test_layers__event_layer_that_labels_nothing_is_named(tmp_path: Path) -> None:
    odd = simple_event()
    odd["event_table"]["nu_pdg"][0] = 0
    graph = nl.HitGraph(event_labels={"decay": nl.ProtonDecayLabels(), "sign": Neutrino()})
    built = build(tmp_path, graph, odd)
    assert built.ledger.select("reason", "detail").rows() == [("event_unlabelled", "sign: nu_pdg 0")]
    kept = nl.HitGraph(event_labels={"sign": Neutrino(unlabelled="antinu")})
    assert build(tmp_path, kept, odd).objects.arrays(0)["evt/y_sign"].tolist() == [1]


def test_layers__counts_add_up(tmp_path: Path) -> None:
    graph = nl.HitGraph(particle_labels={"semantic": MuonOrNot(), "only": MuonsOnly()})
    one = build(tmp_path, graph, two_particles())
    both_events = build(tmp_path, graph, two_particles(), two_particles())
    total = add_counts([one.layers, {}, one.layers])
    assert list(total) == ["semantic", "only"]
    for name, count in total.items():
        assert np.array_equal(count.holds, both_events.layers[name].holds)
        assert count.combinations.equals(both_events.layers[name].combinations)
    assert total["semantic"].holds.diagonal().tolist() == [2, 2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"my_tracks": MuonOrNot()}, r"layer 'my_tracks': a layer is named by lower-case letters and digits"),
        ({"position": MuonOrNot()}, r"layer 'position': this name means something else in the output"),
        ({"event": MuonOrNot()}, r"layer 'event': this name means something else"),
        ({"x": len}, r"layer 'x' is <built-in function len>, no labelling scheme; .* FunctionLabels"),
    ],
)
def test_as_layers__says_what_is_wrong(labels: dict[str, nl.ParticleLabels], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        as_layers(labels, SEMANTIC)


def test_as_layers__main_one_first() -> None:
    one, other = MuonOrNot(), MuonsOnly()
    assert list(as_layers({"a": one, "semantic": other}, SEMANTIC)) == ["semantic", "a"]
    assert as_layers(one, SEMANTIC) == {"semantic": one}
    assert as_layers(Neutrino(), EVENT) == {"event": Neutrino()}
    assert as_layers(None, EVENT) == {}


def test_layers__of_particles_and_events_have_different_names() -> None:
    with pytest.raises(OptionError, match="layer 'a' labels both particles and events"):
        nl.HitGraph(particle_labels={"a": MuonOrNot()}, event_labels={"a": Neutrino()})


def test_layers__classes_that_are_not_trained_are_minus_one(tmp_path: Path) -> None:
    class Known(Neutrino):
        untrained = ("antinu",)

    class Pairs(nl.EdgeLabels):
        classes = ("same", "invisible", "other")
        untrained = ("other",)

        def rules(self) -> list[nl.Rule]:
            return [
                nl.Rule("same", when=both("muon")),
                nl.Rule("invisible", when=both("rest")),
                nl.Rule("other"),
            ]

    class WithEdges(nl.ParticleLabels):
        classes = ("muon", "rest")
        untrained = ("rest",)
        edge_labels = Pairs()

        def rules(self) -> list[nl.Rule]:
            return [nl.Rule("muon", when=is_muon), nl.Rule("rest")]

    anti = two_particles()
    anti["event_table"]["nu_pdg"][0] = -14
    graph = nl.HitGraph(particle_labels=WithEdges(), event_labels={"sign": Known()})
    few = simple_event(hits=3)  # rejected, before the others
    first, second = build(tmp_path, graph, few, two_particles(), anti).objects
    assert (first["evt/y_sign"].tolist(), second["evt/y_sign"].tolist()) == ([0], [-1])
    muon = np.array([True] * 50 + [False] * 25)
    source, target = first["hit_delaunay_hit/edge_index"]
    expected = np.where(muon[source] & muon[target], 0, np.where(muon[source] | muon[target], -1, 1))
    assert first["hit_delaunay_hit/edge_label"].tolist() == expected.tolist()
    assert graph.classes["edge_classes"] == ("same", "invisible")


def test_layers__event_given_a_class_has_a_remark(tmp_path: Path) -> None:
    odd = simple_event()
    odd["event_table"]["nu_pdg"][0] = 0
    built = build(tmp_path, nl.HitGraph(event_labels=Neutrino(unlabelled="nu")), odd)
    assert built.ledger.select("reason", "detail", "rejected").rows() == [
        ("event_unlabelled", "given class nu: nu_pdg 0", False)
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"particle_labels": nl.FlavorLabels()},
            "layer 'semantic' is FlavorLabels, which does not label particles",
        ),
        (
            {"event_labels": nl.StandardLabels()},
            "layer 'event' is StandardLabels, which does not label events",
        ),
        ({"particle_labels": MuonOrNot}, r"layer 'semantic' is the class MuonOrNot; write MuonOrNot\(\)"),
    ],
)
def test_layers__scheme_of_another_kind_is_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        nl.HitGraph(**options)


def test_layers__missing_column_is_told_with_its_scheme(tmp_path: Path) -> None:
    with pytest.raises(nl.InputError, match=r"no column 'category' .*; Category reads it"):
        build(tmp_path, nl.HitGraph(particle_labels=Category()), simple_event())
