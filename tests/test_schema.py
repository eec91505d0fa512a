"""The schema: names of scalar columns, and the page that is made from it."""

from pathlib import Path

import pytest

from numl_polars.schema import TABLES, scalar_names, spacepoint_hits
from numl_polars.tools.data_model import render

ROOT = Path(__file__).parents[1]


def test_data_model__page_is_made_from_the_schema() -> None:
    page = (ROOT / "docs" / "data-model.md").read_text()
    assert page == render(), "make docs writes it"


@pytest.mark.parametrize(
    "table, column, width, expected",
    [
        ("hit_table", "event_id", 3, ("run", "subrun", "event")),
        ("event_table", "nu_vtx_corr", 3, ("nu_vtx_corr_x", "nu_vtx_corr_y", "nu_vtx_corr_z")),
        ("pandoraPrimary_table", "vtx", 3, ("vtx_x", "vtx_y", "vtx_z")),
        ("ophit_table", "yz_pos", 2, ("yz_pos_0", "yz_pos_1")),
        ("spacepoint_table", "hit_id", 3, ("hit_id_u", "hit_id_v", "hit_id_y")),
        ("spacepoint_table", "hit_id", 2, ("hit_id_0", "hit_id_1")),
        ("hit_table", "hit_id", 1, ("hit_id",)),
        ("my_table", "hit_id", 2, ("hit_id_0", "hit_id_1")),
    ],
)
def test_scalar_names(table: str, column: str, width: int, expected: tuple[str, ...]) -> None:
    assert scalar_names(table, column, width) == expected


def test_tables__columns_are_named_once() -> None:
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "present, numbers, expected",
    [
        ("u v y", (0, 1, 2), "u v y"),
        ("u v y", (0, 2), "u y"),
        ("u v y", (1, 2), "v y"),
        ("u v y", (1, 2, 3), "u v y"),
        ("u v y", (3, 1, 2), "y u v"),
        ("u v y", (0, 3), "u 3"),
        ("0 1", (0, 1), "0 1"),
        ("0 1", (1, 2), "0 1"),
        ("0 1 2 3", (0, 3), "0 3"),
        ("", (0, 1), "u v"),
    ],
)
def test_spacepoint_hits__by_number_or_by_order(
    present: str, numbers: tuple[int, ...], expected: str
) -> None:
    columns = ["event", "position_x", *(f"hit_id_{name}" for name in present.split())]
    assert spacepoint_hits(columns, numbers) == tuple(f"hit_id_{name}" for name in expected.split())
