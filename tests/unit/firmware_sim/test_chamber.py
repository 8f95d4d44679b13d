"""Temperatures behave like temperatures, and the same everywhere."""

from __future__ import annotations

import struct
from statistics import fmean, pstdev

import pytest

from firmware_sim.chamber import (
    KINDS,
    PICKED_C,
    Chamber,
    Goods,
    humidity_reading,
    temperature_reading,
)
from firmware_sim.physics.noise import noise
from firmware_sim.physics.outdoors import COLDEST_MS, DAY_MS, MINUTE_MS, RISE_MS, STEP_MS, outside
from firmware_sim.staging.library import shipped_profiles

START_MS = 20_000 * DAY_MS
HOUR_MS = 60 * MINUTE_MS
COOLED = sorted(name for name, kind in KINDS.items() if kind.profile is not None)
DALI = shipped_profiles().climates["dali"]


def series(kind, hours, *, doors=(), goods=()):
    chamber = Chamber(KINDS[kind], 1, START_MS, doors, goods)
    return [chamber.air_at(START_MS + i * MINUTE_MS) for i in range(hours * 60)]


def test_noise_is_about_normal_and_pinned():
    values = [noise(1, "sensor", i) for i in range(4000)]
    assert abs(fmean(values)) < 0.06
    assert 0.95 < pstdev(values) < 1.05
    assert noise(1, "sensor", 0) != noise(2, "sensor", 0) != noise(1, "other", 0)
    assert noise(1, "sensor", 0) == 0.34765625


def test_outside_follows_the_day_within_the_climate():
    for day in range(100, 130):
        dawn = outside(DALI, 1, day * DAY_MS + COLDEST_MS)
        noon = outside(DALI, 1, day * DAY_MS + COLDEST_MS + RISE_MS)
        assert 5 < dawn < noon < 26
        assert noon - dawn == pytest.approx(2 * DALI.swing_c, abs=1.5)


def test_outside_never_jumps():
    for minute in range(3 * 24 * 60):
        at_ms = START_MS + minute * MINUTE_MS
        assert abs(outside(DALI, 1, at_ms + MINUTE_MS) - outside(DALI, 1, at_ms)) < 0.05


@pytest.mark.parametrize("kind", COOLED)
def test_closed_room_stays_near_its_set_point_also_while_it_defrosts(kind):
    air = series(kind, 48)
    setpoint_c = KINDS[kind].setpoint_c
    assert setpoint_c - 0.8 < min(air) < setpoint_c < max(air) < setpoint_c + 2.5
    assert max(air) - min(air) > 0.8


def test_open_door_lets_the_air_rise_and_the_unit_brings_it_down_again():
    doors = [(START_MS + 2 * HOUR_MS, START_MS + 2 * HOUR_MS + 30 * MINUTE_MS)]
    air = series("truck", 4, doors=doors, goods=[Goods(START_MS, START_MS + DAY_MS, 300, 3.0)])
    assert max(air[:120]) < 3.5
    assert 7 < air[150] < 16
    assert max(air) == max(air[149:153])
    assert max(air[190:]) < 3.5


def test_warm_fruit_cools_in_the_precooling_room_within_hours_and_the_air_stays_in_bounds():
    chamber = Chamber(
        KINDS["precooling"], 1, START_MS, goods=[Goods(START_MS, START_MS + DAY_MS, 480, PICKED_C)]
    )
    air, fruit = [], []
    for minute in range(1, 8 * 60):
        air.append(chamber.air_at(START_MS + minute * MINUTE_MS))
        assert chamber._room is not None
        assert chamber._room.load is not None
        fruit.append(chamber._room.load.temp_c)
    assert max(air) < 5
    assert fruit[0] > 15 > fruit[60] > 5 > fruit[-1]


def test_goods_that_stay_keep_their_heat_when_others_come_and_go():
    chamber = Chamber(
        KINDS["warehouse"],
        1,
        START_MS,
        goods=[
            Goods(START_MS, START_MS + DAY_MS, 100, 10.0),
            Goods(START_MS + HOUR_MS, START_MS + 2 * HOUR_MS, 100, 2.0),
        ],
    )
    seen = []
    for minute in (1, 59, 61, 119, 121):
        chamber.air_at(START_MS + minute * MINUTE_MS)
        load = chamber._room.load if chamber._room else None
        assert load is not None
        seen.append((load.mass_kg, load.temp_c))
    assert [mass for mass, _ in seen] == [100, 100, 200, 200, 100]
    assert seen[0][1] > seen[1][1] > seen[2][1], "mixed with colder goods"
    assert seen[2][1] == pytest.approx((seen[1][1] + 2.0) / 2, abs=0.2)


def test_air_does_not_depend_on_how_often_it_is_read():
    often, seldom = (Chamber(KINDS["truck"], 1, START_MS) for _ in range(2))
    for at_ms in range(START_MS, START_MS + HOUR_MS, STEP_MS):
        often.air_at(at_ms)
    assert often.air_at(START_MS + HOUR_MS) == seldom.air_at(START_MS + HOUR_MS)


def test_readings_are_sixteenths_that_half_precision_holds():
    for i in range(-300, 300):
        value = temperature_reading(i * 0.1, 1, "sensor", START_MS + i)
        assert value * 16 == int(value * 16)
        assert struct.unpack(">e", struct.pack(">e", value))[0] == value
        assert abs(value - i * 0.1) < 0.3


def test_humidity_falls_as_it_gets_warmer_and_stays_a_percentage():
    field, truck = KINDS["field"], KINDS["truck"]
    for kind, cold_c, warm_c in ((field, 8.0, 24.0), (truck, 2.0, 12.0)):
        cold, warm = (humidity_reading(kind, air_c, 1, "s", 0) for air_c in (cold_c, warm_c))
        assert warm < cold
    assert humidity_reading(field, 60.0, 1, "s", 0) == 10.0
    assert humidity_reading(field, -40.0, 1, "s", 0) == 100.0
