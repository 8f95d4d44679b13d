"""What devices of the journey measure: which channels, how often, and what each of them feels."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from firmware_sim.journey import MINUTE_MS
from firmware_sim.plan import Plan
from firmware_sim.sampling import BACKLOG, LIVE, Sensor, frames
from tests.unit.firmware_sim.test_journey import NOW_MS, planned, samples_of


def test_an_air_that_is_blown_in_is_colder_while_the_unit_works_and_the_goods_change_slowly():
    packs = list(frames(planned(), "sensor-truck-b", 0, NOW_MS))
    air, supply, fruit = (
        [s.milli_c for s in samples_of(packs, name) if s.at_ms > NOW_MS - 160 * MINUTE_MS]
        for name in ("return", "supply", "product")
    )
    assert min(supply) < min(air) - 3_000
    changes = [max(abs(b - a) for a, b in pairwise(found)) for found in (supply, fruit)]
    assert changes[1] < 600 < changes[0]


def test_a_device_of_an_earlier_plan_goes_on_with_its_one_temperature():
    told = json.loads(planned().to_json())
    for device in told["devices"]:
        device.pop("channels", None)
    journey = Plan.from_json(json.dumps(told))
    pack = Sensor(journey, "sensor-truck-b").measure(journey.device("sensor-truck-b").from_ms, LIVE)
    assert [r.name for r in pack.readings] == ["air"] * 3 + ["humidity"]


@pytest.mark.parametrize(
    ("name", "channels"),
    [("sensor-shelf", ["air"]), ("sensor-truck-b", ["return", "supply", "product"])],
)
def test_frames_hold_ten_temperatures_a_channel_and_a_humidity_and_are_never_from_the_future(name, channels):
    journey = planned()
    device = journey.device(name)
    packs = list(frames(journey, name, 0, NOW_MS))[-20:]
    if device.until_ms is None:
        assert len(list(frames(journey, name, 0, NOW_MS))) == (NOW_MS - device.from_ms) // BACKLOG.frame_ms
    for pack in packs:
        assert [r.name for r in pack.readings] == [c for c in channels for _ in range(10)] + ["humidity"]
        times = [r.at_ms for r in pack.readings[:10]]
        assert {later - earlier for earlier, later in pairwise(times)} == {MINUTE_MS}
        assert max(times) < pack.to_ms <= NOW_MS


def test_frames_between_two_times_are_a_part_of_all():
    journey = planned()
    everything = list(frames(journey, "sensor-creamery-room", 0, NOW_MS))
    cut_ms = everything[10].to_ms
    assert list(frames(journey, "sensor-creamery-room", cut_ms, everything[20].to_ms)) == everything[11:21]


def test_live_frames_hold_a_reading_every_ten_seconds():
    journey = planned()
    device = journey.device("sensor-truck-b")
    pack = Sensor(journey, device.key).measure(device.from_ms, LIVE)
    assert [r.at_ms - device.from_ms for r in pack.readings if r.name == "product"] == [0, 10_000, 20_000]
    assert pack.to_ms - device.from_ms == 30_000


def test_dead_sensor_leaves_only_its_own_readings_out():
    journey = planned()
    device = journey.device("sensor-truck-a")
    dead = replace(
        next(f for f in journey.faults if f.kind == "dead"),
        from_ms=device.from_ms + 3 * MINUTE_MS,
        to_ms=device.from_ms + 8 * MINUTE_MS,
    )
    pack = Sensor(replace(journey, faults=(dead,)), device.key).measure(device.from_ms, BACKLOG)
    minutes = [(r.at_ms - device.from_ms) // MINUTE_MS for r in pack.readings if r.name == "return"]
    assert minutes == [0, 1, 2, 8, 9]
