import pytest

from numl_polars.errors import InputError
from numl_polars.output.layout import (
    GraphMetadata,
    check_attribute_name,
    common_metadata,
    empty_shape,
    in_event_order,
    may_be_empty,
)


def test_in_event_order__by_number() -> None:
    names = ["r1_sr0_evt10", "r1_sr0_evt9", "r10_sr0_evt1", "r2_sr0_evt1", "r1_sr0_evt-1"]
    assert in_event_order(names) == [
        "r1_sr0_evt-1",
        "r1_sr0_evt9",
        "r1_sr0_evt10",
        "r2_sr0_evt1",
        "r10_sr0_evt1",
    ]


def test_in_event_order__other_names_stay() -> None:
    assert in_event_order(["r1_sr0_evt10", "b", "a"]) == ["r1_sr0_evt10", "b", "a"]


@pytest.mark.parametrize("name", ["hit/x", "particle-truth/num_nodes", "hit_delaunay-planar_hit/edge_index"])
def test_check_attribute_name(name: str) -> None:
    check_attribute_name(name)


@pytest.mark.parametrize("name", ["x", "/x", "hit/", "hit/x/y", "my_hit/x", "a_b_c_d/edge_index"])
def test_check_attribute_name__refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"attribute '{name}' is not named store/attribute"):
        check_attribute_name(name)


def test_empty__shapes() -> None:
    assert empty_shape("hit_nexus_sp/edge_index") == (2, 0)
    assert empty_shape("sp/pos") == (0, 3)
    assert empty_shape("hit/pos") == (0, 2)
    assert empty_shape("hit/id") == (0,)
    assert may_be_empty("hit/id")
    assert not may_be_empty("sp/num_nodes")
    assert not may_be_empty("metadata/run")


def test_common_metadata__provenance_joined() -> None:
    one = GraphMetadata(("u",), provenance={"version": "1", "input": "a.h5", "size": 3})
    other = GraphMetadata(("u",), provenance={"version": "1", "input": "b.h5", "note": "x"})
    joined = common_metadata([("a", one), ("b", other)])
    assert joined.provenance == {"version": "1", "input": '["a.h5", "b.h5"]', "size": 3, "note": "x"}


def test_common_metadata__long_provenance_fits_an_attribute() -> None:
    found = [(str(i), GraphMetadata(("u",), provenance={"input": 100 * str(i)})) for i in range(400)]
    assert common_metadata(found).provenance == {"input": "400 values, not all equal"}


@pytest.mark.parametrize(
    "other, message",
    [
        (GraphMetadata(("u", "v")), r"'planes' differs: \('u',\) in a.h5, \('u', 'v'\) in b.h5"),
        (GraphMetadata(("u",), ("mip",)), r"'semantic_classes' differs: None in a.h5, \('mip',\) in b.h5"),
        (GraphMetadata(("u",), gen=1), r"'gen' differs: 2 in a.h5, 1 in b.h5"),
    ],
)
def test_common_metadata__disagreement(other: GraphMetadata, message: str) -> None:
    with pytest.raises(InputError, match=message):
        common_metadata([("a.h5", GraphMetadata(("u",))), ("b.h5", other)])
