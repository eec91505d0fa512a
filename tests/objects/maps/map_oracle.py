"""Maps of one event, from its tables, by loops over hits, deposits and dictionaries.

Where the windows are is taken from the object; what is in them is found anew.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tests.objects.maps.oracles import Box, bin_of, shares, winner

Arrays = Mapping[str, np.ndarray]
Tables = Mapping[str, pl.DataFrame]
Cell = tuple[int, ...]
Shared = dict[int, dict[Cell, float]]


class Map:
    """What an event has in each cell."""

    def __init__(self) -> None:
        self.charge: dict[tuple[Cell, int], float] = defaultdict(float)
        self.cells: set[Cell] = set()
        self.energy: dict[Cell, float] = defaultdict(float)
        self.by_class: dict[Cell, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        self.by_instance: dict[Cell, dict[int, float]] = defaultdict(lambda: defaultdict(float))

    def add_charge(self, share: Mapping[Cell, float], plane: int, charge: float) -> None:
        for cell, weight in share.items():
            self.cells.add(cell)
            self.charge[cell, plane] += charge * weight

    def add_energy(self, share: Mapping[Cell, float], energy: float, label: tuple[int, int]) -> None:
        for cell, weight in share.items():
            self.energy[cell] += energy * weight
            self.by_class[cell][label[0]] += energy * weight
            self.by_instance[cell][label[1]] += energy * weight


def box_of(arrays: Arrays, plane: int | None, bins: tuple[int, ...]) -> Box:
    """Lower edge, width and number of bins on each axis."""
    at: Any = (0,) if plane is None else (0, plane)
    lower, width = arrays["window/lower"][at], arrays["window/bin"][at]
    if "window/shape" in arrays:
        bins = tuple(arrays["window/shape"][at].tolist())
    return list(zip(lower.astype(float).tolist(), width.astype(float).tolist(), bins, strict=True))


def _rounded(position: Sequence[float]) -> list[float]:
    """The position in the precision that objects have."""
    return [float(np.float32(value)) for value in position]


def first_rows(tables: Tables) -> dict[int, int]:
    """Row of the first hit of each identifier."""
    rows: dict[int, int] = {}
    for row, hit_id in enumerate(tables["hit_table"]["hit_id"].to_list()):
        rows.setdefault(hit_id, row)
    return rows


def deposits(
    tables: Tables, labels: Mapping[int, tuple[int, int]]
) -> list[tuple[int, float, tuple[int, int], int]]:
    """Hit row, usable energy, labels and row of each deposit whose hit is there."""
    rows, found = first_rows(tables), []
    table = tables["edep_table"]
    for row, (hit_id, g4_id, energy) in enumerate(
        zip(table["hit_id"].to_list(), table["g4_id"].to_list(), table["energy"].to_list(), strict=True)
    ):
        usable = energy if np.isfinite(energy) and energy > 0 else 0.0
        if hit_id in rows:
            found.append((rows[hit_id], usable, labels.get(g4_id, (-1, -1)), row))
    return found


def pixels(
    tables: Tables,
    arrays: Arrays,
    labels: Mapping[int, tuple[int, int]],
    bins: tuple[int, ...],
    *,
    spread: bool,
    ticks_per_unit: float = 1,
    columns: tuple[str, str, str] = ("local_plane", "local_wire", "local_time"),
) -> Map:
    """The pixel map; cells are (plane, wire bin, time bin)."""
    found, shared = Map(), dict[int, dict[Cell, float]]()
    hits = tables["hit_table"]
    for row, hit in enumerate(hits.select(*columns, "integral", *(["rms"] if spread else [])).rows()):
        plane, wire, time, charge = hit[:4]
        box = box_of(arrays, plane, bins)
        inside = bin_of(_rounded((wire, time)), box)
        if inside is None or not np.isfinite(charge):
            continue
        in_time = {inside[1]: 1.0}
        if spread:
            in_time = shares(float(np.float32(time)), hit[4] / ticks_per_unit, inside[1], *box[1])
        shared[row] = {(plane, inside[0], place): weight for place, weight in in_time.items()}
        found.add_charge(shared[row], 0, charge)
    for hit_row, energy, label, _ in deposits(tables, labels):
        found.add_energy(shared.get(hit_row, {}), energy, label)
    return found


def voxels(
    tables: Tables,
    arrays: Arrays,
    labels: Mapping[int, tuple[int, int]],
    bins: tuple[int, ...],
    *,
    source: str,
    plane_column: str = "local_plane",
) -> Map:
    """The voxel map; cells are (x bin, y bin, z bin)."""
    found, box = Map(), box_of(arrays, None, bins)
    planes = tables["hit_table"][plane_column].to_list()
    if source == "deposits":
        positions = tables["edep_table"].select("x_position", "y_position", "z_position").rows()
        for hit_row, energy, label, row in deposits(tables, labels):
            inside = bin_of(_rounded(positions[row]), box)
            if inside is not None:
                found.add_charge({inside: 1.0}, planes[hit_row], energy)
                found.add_energy({inside: 1.0}, energy, label)
        return found
    rows, points = first_rows(tables), tables["spacepoint_table"]
    charges = tables["hit_table"]["integral"].to_list()
    of_hit: dict[int, list[Cell]] = defaultdict(list)
    for suffix in "uvy":
        for hit_id, *position in points.select(
            f"hit_id_{suffix}", "position_x", "position_y", "position_z"
        ).rows():
            inside = bin_of(_rounded(position), box)
            if inside is not None and hit_id in rows and np.isfinite(charges[rows[hit_id]]):
                of_hit[rows[hit_id]].append(inside)
    shared: Shared = {}
    for row, cells in of_hit.items():
        shared[row] = {cell: cells.count(cell) / len(cells) for cell in cells}
        found.add_charge(shared[row], planes[row], charges[row])
    for hit_row, energy, label, _ in deposits(tables, labels):
        found.add_energy(shared.get(hit_row, {}), energy, label)
    return found


def compare(
    arrays: Arrays, expected: Map, store: str, trained: int, num_columns: int, *, exact: bool = False
) -> None:
    """Assert that an object's cells are those expected; sums that are `exact` tell labels that tie."""
    coordinates = arrays[f"{store}/coordinates"]
    if store == "pixel":
        coordinates = np.column_stack([arrays["pixel/plane"], coordinates])
    cells = [tuple(cell) for cell in coordinates.tolist()]
    assert cells == sorted(expected.cells)
    instances: dict[int, int] = {}
    for row, cell in enumerate(cells):
        for column in range(num_columns):
            found = arrays[f"{store}/x"][row, column]
            assert abs(found - expected.charge.get((cell, column), 0)) <= 1e-5 * max(1, abs(found))
        total = expected.energy.get(cell, 0.0)
        assert abs(arrays[f"{store}/y_energy"][row] - total) <= 1e-5 * max(1, total)
        by_class = expected.by_class.get(cell, {})
        for code in range(trained):
            share = by_class.get(code, 0) / total if total > 0 else 0
            assert abs(arrays[f"{store}/y_semantic_fraction"][row, code] - share) <= 1e-5
        if exact or _is_clear(by_class):
            best = winner(by_class)
            assert arrays[f"{store}/y_semantic"][row] == (best if best < trained else -1)
        if exact or _is_clear(expected.by_instance.get(cell, {})):
            label, number = (
                winner(expected.by_instance.get(cell, {})),
                arrays[f"{store}/y_semantic_instance"][row],
            )
            assert (label < 0) == (number < 0)
            if label >= 0:
                assert instances.setdefault(label, number) == number
    numbers = sorted(set(arrays[f"{store}/y_semantic_instance"].tolist()) - {-1})
    assert numbers == list(range(arrays["particle-truth/num_nodes"].item()))
    assert [instances[label] for label in sorted(instances)] == sorted(instances.values())


def _is_clear(energies: Mapping[int, float]) -> bool:
    """Whether which label has the most energy is no matter of rounding."""
    first, second, *_ = [*sorted(energies.values(), reverse=True), 0.0, 0.0]
    return first == 0 or first - second > 1e-9 * first
