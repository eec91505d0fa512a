from typing import Any

import torch


def assert_same_batch(found: Any, expected: Any) -> None:
    """The batches are equal in every attribute and in what they know of their objects."""
    assert type(found) is type(expected)
    assert (found.node_types, found.edge_types) == (expected.node_types, expected.edge_types)
    for one, other in zip(found.stores, expected.stores, strict=True):
        assert list(one.keys()) == list(other.keys())
        for key in one.keys():  # noqa: SIM118, stores are no mappings
            assert_same(one[key], other[key], f"{one._key} {key}")
        assert one.__dict__.get("_num_nodes") == other.__dict__.get("_num_nodes")
        if "ptr" in other:
            assert one.num_nodes == other.num_nodes
    assert found.num_graphs == expected.num_graphs
    for name in ("_slice_dict", "_inc_dict"):
        ours = {key: values for key, values in getattr(found, name).items() if values}
        theirs = {key: values for key, values in getattr(expected, name).items() if values}
        assert ours.keys() == theirs.keys()
        for store, values in theirs.items():
            assert list(ours[store]) == list(values)
            for key, value in values.items():
                assert_same(ours[store][key], value, f"{name} {store} {key}")


def assert_same(one: Any, other: Any, what: str) -> None:
    if isinstance(other, torch.Tensor):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True, msg=what)
    else:
        assert one == other, what
