"""``configs`` of a scenario: what devices are told over the air, within the bounds of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError, post_load

from firmware_sim.staging.fields import After, Name, Shape, Value, Whole
from firmware_sim.staging.model import Order
from traceability.errors import ConfigError
from traceability.sensing.config import LONGEST_FRAME_S, LONGEST_READING_S, SHORTEST_S, Config

FARTHEST_C: Final = 1000
"""Beyond this no number is a temperature; the bounds are those of a configuration."""


class Limits(Value):
    """Coldest and warmest by the name of a channel, as thousandths of a degree."""

    def __init__(self, does: str, **options: Any) -> None:
        super().__init__(does, unit="name: °C, °C", expected="channels with [coldest, warmest]", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> dict[str, tuple[int, int]]:
        if not isinstance(value, Mapping):
            raise self.refuse()
        found = {}
        for name, ends in value.items():
            if not isinstance(ends, list) or len(ends) != 2 or not all(type(e) in {int, float} for e in ends):
                raise self.refuse()
            if not all(abs(end) <= FARTHEST_C for end in ends):
                raise self.refuse()
            found[name] = round(ends[0] * 1000), round(ends[1] * 1000)
        return found


class OrderShape(Shape):
    """``configs``: what its owner sends a device over the air; it works by it once it is awake and linked."""

    device = Name("whose")
    since = After("from when on its owner wants it", data_key="from")
    reading_s = Whole("from one reading to the next, in tens", "s", SHORTEST_S, LONGEST_READING_S)
    frame_s = Whole("from one frame to the next, a multiple", "s", SHORTEST_S, LONGEST_FRAME_S)
    limits = Limits("what is outside is sent at once, and what comes back", load_default=dict)

    @post_load
    def _make(self, told: Mapping[str, Any], **_: Any) -> Order:
        if told["reading_s"] % 10:
            raise ValidationError({"reading_s": ["a multiple of 10 s, a step of the physics"]})
        try:
            Config("0" * 32, 1, told["reading_s"], told["frame_s"], told["limits"])
        except ConfigError as error:
            raise ValidationError({"frame_s" if not told["limits"] else "limits": [str(error)]}) from error
        names = ("device", "since", "reading_s", "frame_s", "limits")
        return Order(*(told[name] for name in names))
