"""Cells of five minutes: what is in them, and that no order of readings or frames changes them."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from traceability.sensing.rollup import CELL_MS, Cell, cells_of, merged
from traceability.sensing.senml import Columns, Reading

START_MS = 1_767_225_600_000
readings = st.lists(
    st.builds(
        Reading,
        st.sampled_from(["air", "probe"]),
        st.sampled_from(["Cel", "%RH"]),
        st.integers(START_MS, START_MS + 3 * CELL_MS),
        st.one_of(st.integers(-5, 5), st.floats(-5, 5)),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda r: (r.name, r.unit, r.at_ms),
)


def columns(some: list[Reading]) -> Columns:
    return Columns(*zip(*some, strict=True))


def folded(*frames: list[Reading]) -> dict[tuple[str, str, int], Cell]:
    found: dict[tuple[str, str, int], Cell] = {}
    for name, unit, from_ms, cell in (c for frame in frames for c in cells_of(columns(frame))):
        place = name, unit, from_ms
        found[place] = merged(found[place], cell) if place in found else cell
    return found


@given(readings)
def test_a_cell_is_what_its_readings_add_up_to(some: list[Reading]):
    for (name, unit, from_ms), cell in folded(some).items():
        own = [
            (r.at_ms, int((r.value * 1000 + 0.5) // 1))
            for r in sorted(some, key=lambda r: r.at_ms)
            if (r.name, r.unit, r.at_ms // CELL_MS * CELL_MS) == (name, unit, from_ms)
        ]
        values = [value for _, value in own]
        assert cell == Cell(len(own), min(values), max(values), sum(values), *own[0], *own[-1])
    assert sum(cell.n for cell in folded(some).values()) == len(some)


@given(readings, st.data())
def test_neither_order_nor_cutting_changes_a_cell(some: list[Reading], data: st.DataObject):
    shuffled = data.draw(st.permutations(some))
    cut = data.draw(st.integers(0, len(some) - 1))
    parts = [part for part in (list(shuffled[:cut]), list(shuffled[cut:])) if part]
    assert folded(*parts) == folded(some)


cells = st.builds(
    lambda values, times: Cell(
        len(values), min(values), max(values), sum(values), min(times), values[0], max(times), values[-1]
    ),
    st.lists(st.integers(-9, 9), min_size=1, max_size=4),
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
)


@given(st.lists(cells, min_size=1, max_size=5), st.data())
def test_cells_of_one_instant_merge_in_any_order_too(some: list[Cell], data: st.DataObject):
    assert reduce(merged, data.draw(st.permutations(some))) == reduce(merged, some)


def test_places_on_earth_are_not_added_up():
    assert folded([Reading("lat", "lat", START_MS, 25.6), Reading("lon", "lon", START_MS, 100.2)]) == {}
