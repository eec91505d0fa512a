"""Hypothesis strategies for objects of every kind that formats hold."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from numl_polars.objects.batch import Array

Objects = dict[str, dict[str, Array]]

DTYPES: st.SearchStrategy[np.dtype[Any]] = st.sampled_from(
    [np.dtype(code) for code in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")]
)
# None: as many as the object has
FIELDS: dict[str, tuple[int | None, ...]] = {
    "metadata/run": (),
    "sp/num_nodes": (),
    "evt/energy": (),
    "sp/pos": (None, 3),
    "hit/id": (None,),
    "hit/table": (None, 2, 3),
    "evt/y": (1,),
    "map/dense": (1, 3, 2, 4),
    "hit_nexus_sp/edge_index": (2, None),
    "hit_delaunay-planar_hit/edge_index": (2, None),
}
EVENT_NAMES = st.integers(0, 99).map(lambda event: f"r1_sr0_evt{event}")
OTHER_NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=12
).filter(lambda name: name not in (".", ".."))


@st.composite
def object_sets(draw: st.DrawFn) -> Objects:
    """Up to 6 objects of the same attributes, of which arrays may be empty."""
    chosen = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, min_size=1))
    dtypes = {field: draw(DTYPES) for field in chosen}
    names = draw(st.lists(EVENT_NAMES | OTHER_NAMES, max_size=6, unique=True))

    def drawn(field: str) -> Array:
        shape = tuple(draw(st.integers(0, 4)) if size is None else size for size in FIELDS[field])
        return np.asarray(draw(npst.arrays(dtypes[field], shape)))

    return {name: {field: drawn(field) for field in chosen} for name in names}
