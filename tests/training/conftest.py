from pathlib import Path

import pytest

pytest.importorskip("torch_geometric")

import numpy as np

import numl_polars as nl
from numl_polars.output.formats import format_named
from tests.output.builder import METADATA, batch_of, graphs
from tests.output.test_arrow import compact

EVENTS = tuple(range(40))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A merged file of small graphs, in each format."""
    folder = tmp_path_factory.mktemp("small")
    found = {}
    for name in ("arrow", "hdf5", "pt"):
        known = format_named(name)
        part = folder / f"part{known.suffix}"
        with known.writer(part, METADATA) as writer:
            writer.write(compact(batch_of(graphs(*EVENTS))))
        found[name] = folder / f"small{known.suffix}"
        known.merge([part], found[name], splits=nl.Splits(0.5, 0.25, 0.25))
    return found


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(1)
