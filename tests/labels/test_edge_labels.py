"""Labels of edges by any rules."""

import pickle
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from numl_polars.errors import LabelError
from numl_polars.labels.edge_labels import EdgeLabels, both, same_particle
from numl_polars.labels.rules import Rule
from numl_polars.labels.schemes.ccqe import CCQELabels

EDGES = np.array([[0, 1, 2, 3, 3], [1, 2, 2, 3, 0]])
SEMANTIC = np.array([0, 0, 1, -1])
G4_ID = np.array([7, 7, 8, -1])
HITS = ("track", "shower")


class Joined(EdgeLabels):
    classes = ("same", "like", "cross")

    def rules(self) -> Sequence[Rule]:
        return [
            Rule("same", when=same_particle & both("track")),
            Rule("like", when=both("track") | both("shower")),
            Rule("cross", when=pl.col("source.track") & pl.col("target.shower")),
        ]


class Unknown(EdgeLabels):
    classes = ("same",)

    def rules(self) -> Sequence[Rule]:
        return [Rule("same", when=both("muon"))]


class Misread(EdgeLabels):
    classes = ("same",)

    def rules(self) -> Sequence[Rule]:
        return [Rule("same", when=pl.col("source.g4") == 1)]


def test_edge_labels__first_rule_that_holds_and_none_for_hits_without_class() -> None:
    assert Joined().label(EDGES, SEMANTIC, G4_ID, HITS).tolist() == [0, 2, 1, -1, -1]


def test_edge_labels__hits_without_particle_are_not_of_the_same() -> None:
    nowhere = np.full(2, -1)
    assert Joined().label(np.array([[0], [1]]), np.zeros(2, np.int64), nowhere, HITS).tolist() == [1]


@pytest.mark.parametrize(
    "scheme, message",
    [
        (Unknown(), r"Unknown: .*read 'source.muon', 'target.muon'; there are .* both\(…\) of track, shower"),
        (Misread(), r"Misread: its rules read 'source\.g4'; there are same_particle, and both"),
    ],
)
def test_edge_labels__class_or_column_that_is_not_there_is_an_error(scheme: EdgeLabels, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        scheme.label(EDGES, SEMANTIC, G4_ID, HITS)


def test_edge_labels__are_values() -> None:
    Joined().label(EDGES, SEMANTIC, G4_ID, HITS)
    assert pickle.loads(pickle.dumps(Joined())) == Joined()
    assert hash(Joined()) == hash(Joined())
    assert Joined().describe() == {
        "scheme": "Joined",
        "module": __name__,
        "classes": ["same", "like", "cross"],
        "parameters": {},
    }


def test_check__edges_have_neither_descendants_nor_instances() -> None:
    class Spreading(EdgeLabels):
        classes = ("same",)

        def rules(self) -> Sequence[Rule]:
            return [Rule("same", when=same_particle, spreads=True)]

    with pytest.raises(LabelError, match=r"Spreading: rule 0 \(same\): an edge has neither descendants"):
        Spreading().check()


def test_check__of_particles_checks_the_edges_that_go_with_them() -> None:
    class Electrons(CCQELabels):
        classes = ("electrons", "muon", "hadronic")

        def rules(self) -> Sequence[Rule]:
            return [Rule("electrons")]

    with pytest.raises(LabelError, match=r"CCQEEdgeLabels: its rules read 'source.electron'"):
        Electrons().check()
