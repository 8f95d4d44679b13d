"""Curves of a stay from signed frames: whose readings count, and which of two stands."""

from __future__ import annotations

from typing import Any

import pytest

from traceability.errors import ReadingsError
from traceability.identifiers import asset_uri, device_uri
from traceability.sensing.coldchain import Limits
from traceability.sensing.frame import (
    NO_PREVIOUS,
    Clock,
    DeviceStatement,
    Gap,
    encode_frame,
    encode_gap,
    parse_statement,
)
from traceability.sensing.senml import Reading
from traceability.signing.keys import PrivateKey
from traceability.verification.stays import DEFAULT_GAP_MS, NO_LIMITS, curves, limits_of, series_of

KEY = PrivateKey.from_seed(bytes(32))
DEVICE = KEY.public.device_id
START = 1_767_225_600_000
LIMITS = Limits(0, 5000, DEFAULT_GAP_MS)
LIMITED = {"lowMilliCelsius": 0, "highMilliCelsius": 5000, "maxGapSeconds": 1800}


def head(counter: int, clock: Clock = Clock.NETWORK) -> Any:
    return {
        "issuer": device_uri("node.example", DEVICE),
        "stream": asset_uri("T1", "node.example"),
        "counter": counter,
        "boot": 1,
        "prev": NO_PREVIOUS,
        "uptime_s": 10_000,
        "clock": clock,
        "issued_at": None if clock is Clock.UNSYNCHRONISED else START // 1000,
    }


def frame(counter: int, *readings: Reading, clock: Clock = Clock.NETWORK) -> DeviceStatement:
    return parse_statement(encode_frame(KEY, readings=readings, **head(counter, clock)))


def air(minute: int, value: float, name: str = "air", unit: str = "Cel") -> Reading:
    return Reading(name, unit, START + minute * 60_000, value)


def test_the_first_of_two_readings_at_one_time_stands_and_order_of_arrival_does_not_matter():
    said = [frame(1, air(10, 6.0)), frame(0, air(0, 4.0)), frame(2, air(10, 3.0))]
    (curve,) = curves(said, [DEVICE], LIMITS, START, START + 600_000)
    assert [s.milli_c for s in curve.samples] == [4000, 6000]
    line = series_of(curve)
    assert (line.readings, line.min_milli_c, line.max_milli_c) == (2, 4000, 6000)
    assert line.above_ms + line.below_ms + line.unknown_ms == line.above_ms == 300_000


def test_other_devices_units_gaps_and_frames_without_a_clock_are_left_out():
    gap = parse_statement(encode_gap(KEY, gaps=[Gap(0, 0, "corrupt")], **head(4)))
    early = Reading("air", "Cel", 5_000, 9.0)
    said = [frame(1, air(0, 50.0, "rh", "%RH")), frame(2, early, clock=Clock.UNSYNCHRONISED), gap]
    assert curves(said, [DEVICE], LIMITS, START, START + 1) == ()
    assert curves([frame(1, air(0, 1.0))], ["0" * 32], LIMITS, START, START + 1) == ()


def test_limits_are_those_of_the_event_or_none():
    assert limits_of({"ilmd": {"ft:temperature": LIMITED}}) == LIMITS
    assert limits_of({"ilmd": {}}) == limits_of({}) == limits_of({"ilmd": 5}) == NO_LIMITS
    for odd in ({"lowMilliCelsius": "0"}, LIMITED | {"maxGapSeconds": None}, 5):
        with pytest.raises(ReadingsError):
            limits_of({"ilmd": {"ft:temperature": odd}})
