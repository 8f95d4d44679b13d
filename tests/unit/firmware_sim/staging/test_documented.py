"""docs/simulator.md has every key of a scenario, with its unit, bounds and default."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_sim.staging import boxes, orders, schema, script
from firmware_sim.staging.fields import Choice, Number, Shape, Value, Whole
from firmware_sim.staging.library import shipped
from firmware_sim.staging.model import QUANTITIES
from firmware_sim.staging.program import parser

DOCUMENT = (Path(__file__).parents[4] / "docs" / "simulator.md").read_text(encoding="utf-8")
SHAPES = [
    script.ScenarioShape,
    script.AssetShape,
    script.GoodsShape,
    script.StayShape,
    script.FittedShape,
    script.ShownShape,
    orders.OrderShape,
    *script.FAULTS.values(),
    *script.ATTACKS.values(),
    schema.ClimateShape,
    schema.ProductShape,
    boxes.BoxShape,
    boxes.UnitShape,
    boxes.DefrostShape,
    boxes.FieldShape,
    schema.DeviceShape,
    schema.ChannelShape,
    schema.CalibrationShape,
    schema.BatteryShape,
    schema.DrainShape,
    schema.ClockShape,
    schema.RouteShape,
    schema.PlaceShape,
]


def rows(shape: type[Shape]) -> Iterator[str]:
    """A row of the document for each key of a shape."""
    for name, field in shape().fields.items():
        assert isinstance(field, Value)
        unit, does = field.metadata["unit"], field.metadata["does"]
        yield f"| `{field.data_key or name}` | {bounds(field, unit)} | {default(field)} | {does} |"


def bounds(field: Value, unit: str) -> str:
    if isinstance(field, (Number, Whole)):
        return f"{plain(field.low)} to {plain(field.high)} {unit}".strip()
    if isinstance(field, Choice):
        return ", ".join(f"`{word}`" for word in field.words)
    return unit or "true, false"


def plain(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:g}"


def default(field: Value) -> str:
    if field.required:
        return "needed"
    value = field.load_default
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value in (None, (), dict) else f"{value:g}" if isinstance(value, float) else f"{value}"


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_key_stands_in_the_document(shape):
    missing = [row for row in rows(shape) if row not in DOCUMENT.splitlines()]
    assert not missing, "\n".join(missing)


def test_every_scenario_quantity_and_option_stands_in_the_document():
    for name in [*shipped(), *QUANTITIES]:
        assert f"`{name}`" in DOCUMENT
    for word in parser().format_usage().split():
        if word.startswith("[--"):
            assert f"`{word.strip('[')}" in DOCUMENT
