"""Air and product in a box behave as heat does: nothing is lost, nothing comes from nowhere."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import pytest

from firmware_sim.physics.cooling import Defrost, Kind, Machine, Sensed, Unit
from firmware_sim.physics.food import Food
from firmware_sim.physics.thermal import STEP_S, Box, Load, Room

HOUR = 360
"""Steps."""
BOX = Box(ua_w_k=45.0, air_j_k=540_000.0, roof=0.25, door_m2=5.5, door_m=2.4)
STRAWBERRIES = Food(4000.0, 1840.0, 306_000.0, -0.8, 0.045, 0.010)
SHRIMP = Food(3650.0, 1980.0, 253_000.0, -2.2)
ON_OFF = Machine(Kind.ON_OFF, Sensed.RETURN, 2.0, 0.5, 6000.0, 300.0, 1500.0, 180.0, True)
DEFROST = Defrost(every_s=6 * 3600, lasts_s=20 * 60, heater_w=4000.0, leak=0.15)


def loaded(temp_c: float = 2.0, mass_kg: float = 3000.0, food: Food = STRAWBERRIES) -> Load:
    lag_s = 12 * 3600
    return Load(food, mass_kg, food.heat(temp_c), mass_kg * food.above_j_kg_k / lag_s)


def run(room, steps, *, unit=None, around_c=25.0, sun=0.0, opens=range(0), powered=True):
    """Air, supply air and product after every step."""
    found = []
    for n in range(steps):
        work = unit.step(room.air_c, powered=powered, is_open=n in opens) if unit else None
        room.step(
            around_c,
            sun,
            is_open=n in opens,
            unit_w=work.unit_w if work else 0.0,
            fan_w=work.fan_w if work else 0.0,
        )
        found.append((room.air_c, work.supply_c if work else room.air_c, room.load and room.load.temp_c))
    return [list(column) for column in zip(*found, strict=True)]


@pytest.mark.parametrize("food", [STRAWBERRIES, SHRIMP])
def test_energy_balance_closes_over_doors_sun_defrosts_and_respiration(food):
    room = Room(BOX, 8.0, loaded(6.0, food=food))
    assert room.load is not None
    before_c, before_j = room.air_c, room.load.heat_j_kg
    run(
        room,
        30 * HOUR,
        unit=Unit(replace(ON_OFF, setpoint_c=-5.0, defrost=DEFROST)),
        sun=400.0,
        opens=range(500, 800),
    )
    held = BOX.air_j_k * (room.air_c - before_c) + room.load.mass_kg * (room.load.heat_j_kg - before_j)
    assert held == pytest.approx(room.flows.total(), rel=1e-9)
    flows = room.flows
    assert min(flows.wall, flows.sun, flows.door, flows.fans) > 1e6
    assert flows.unit < -1e7
    assert (flows.respiration > 0) == (food is STRAWBERRIES)


def test_closed_box_without_unit_tends_to_the_outside_with_its_time_constant():
    room = Room(BOX, 5.0)
    time_constant_s = BOX.air_j_k / BOX.ua_w_k
    (air, _, _) = run(room, int(4 * time_constant_s / STEP_S))
    for constants in (0.5, 1, 2, 3):
        step = round(constants * time_constant_s / STEP_S)
        assert air[step - 1] == pytest.approx(25 - 20 * exp(-constants), abs=0.02)
    assert air == sorted(air)


def test_product_lags_the_air_and_swings_less():
    room = Room(BOX, 2.0, loaded())
    (air, _, product) = run(room, 2 * HOUR)
    (cooler, _, later) = run(room, 6 * HOUR, unit=Unit(ON_OFF))
    assert air[-1] - 2 > 5 * (product[-1] - 2) > 0
    warmest = later.index(max(later))
    assert cooler[warmest] < air[-1] - 3, "the product still warms up while the air is being cooled"


def test_open_door_warms_the_air_faster_than_the_product_and_more_than_the_walls_do():
    shut, opened = (Room(BOX, 2.0, loaded()) for _ in range(2))
    (through_walls, _, _) = run(shut, 60)
    (air, _, product) = run(opened, 60, opens=range(60))
    assert air[-1] - 2 > 10 * (product[-1] - 2) > 0
    assert air[-1] - 2 > 3 * (through_walls[-1] - 2)


def test_door_exchange_grows_with_the_doorway_and_ends_at_equal_temperatures():
    assert BOX.door_w_k(0.0) == 0.0
    assert BOX.door_w_k(20.0) > BOX.door_w_k(10.0) > 0
    assert replace(BOX, door_m2=11.0).door_w_k(10.0) == pytest.approx(2 * BOX.door_w_k(10.0))
    assert replace(BOX, doorway=0.2).door_w_k(10.0) == pytest.approx(BOX.door_w_k(10.0) / 4)


def test_sun_on_the_roof_warms_as_so_many_degrees_outside_would():
    sunny, warmer = Room(BOX, 10.0), Room(BOX, 10.0)
    run(sunny, 100, around_c=20.0, sun=800.0)
    run(warmer, 100, around_c=20.0 + 0.25 * 0.026 * 800.0)
    assert sunny.air_c == pytest.approx(warmer.air_c)


@pytest.mark.parametrize(
    ("machine", "probe", "within_k"),
    [
        (ON_OFF, "air", 0.6),
        (replace(ON_OFF, kind=Kind.MODULATING), "air", 0.1),
        (replace(ON_OFF, kind=Kind.MODULATING, sensed=Sensed.SUPPLY), "supply", 0.1),
    ],
)
def test_control_holds_its_set_point_within_its_band(machine, probe, within_k):
    room = Room(BOX, 6.0, loaded())
    (air, supply, _) = run(room, 24 * HOUR, unit=Unit(machine))
    settled = {"air": air, "supply": supply}[probe][12 * HOUR :]
    assert 2.0 - within_k < min(settled) <= max(settled) < 2.0 + within_k
    if machine.kind is Kind.ON_OFF:
        assert max(settled) - min(settled) > 0.9, "it goes on and off"


def test_compressor_rests_before_it_starts_again():
    small = replace(BOX, air_j_k=120_000.0)
    machine = replace(ON_OFF, rest_s=600.0)
    room, unit, starts, was_on, stopped = Room(small, 2.0), Unit(machine), 0, False, -1000
    for n in range(6 * HOUR):
        work = unit.step(room.air_c)
        is_on = work.unit_w < 0
        if is_on and not was_on:
            assert n - stopped >= 60
            starts += 1
        if was_on and not is_on:
            stopped = n
        was_on = is_on
        room.step(30.0, 0.0, is_open=False, unit_w=work.unit_w, fan_w=work.fan_w)
    assert starts > 5


def test_defrost_is_seen_by_the_supply_probe_and_not_by_the_product():
    room = Room(BOX, 2.0, loaded())
    (air, supply, product) = run(room, 12 * HOUR, unit=Unit(replace(ON_OFF, defrost=DEFROST)))
    defrost = range(6 * HOUR - 120, 6 * HOUR)
    assert max(supply[n] for n in defrost) > 10
    assert max(supply[: defrost.start]) < 4
    assert max(air[n] for n in defrost) < 6
    (_, _, undisturbed) = run(Room(BOX, 2.0, loaded()), 12 * HOUR, unit=Unit(ON_OFF))
    assert max(abs(a - b) for a, b in zip(product, undisturbed, strict=True)) < 0.1
    assert supply[defrost.stop + 30] < 4


def test_modulating_control_uses_all_it_has_until_a_disturbance_is_gone():
    machine = replace(ON_OFF, kind=Kind.MODULATING)
    room, unit = Room(BOX, 2.0, loaded()), Unit(machine)
    run(room, 12 * HOUR, unit=unit)
    (air, _, _) = run(room, 2 * HOUR, unit=unit, opens=range(60))
    assert air[59] > 8
    assert unit.step(9.0).unit_w == -machine.capacity_w
    back = next(n for n in range(60, 2 * HOUR) if air[n] < 3.0)
    assert back - 60 < 180, "within half an hour"
    assert min(air) > 1.0, "and not far below"


def test_unit_without_power_does_nothing():
    room = Room(BOX, 2.0, loaded())
    run(room, HOUR, unit=Unit(ON_OFF), powered=False)
    assert (room.flows.unit, room.flows.fans) == (0.0, 0.0)
    assert room.air_c > 3


def test_door_switch_stops_the_unit():
    unit = Unit(ON_OFF)
    assert unit.step(9.0).unit_w < 0
    assert unit.step(9.0, is_open=True).unit_w == 0.0


def test_box_too_small_for_the_step_is_refused():
    with pytest.raises(ValueError, match="within a step of 10 s"):
        Room(replace(BOX, air_j_k=5_000.0), 2.0)


@pytest.mark.parametrize("food", [STRAWBERRIES, SHRIMP])
def test_heat_and_temperature_follow_from_each_other(food):
    heats = [food.heat(c / 4) for c in range(-160, 120)]
    assert heats == sorted(heats)
    for quarter, heat in zip(range(-160, 120), heats, strict=True):
        assert food.temperature(heat) == pytest.approx(quarter / 4, abs=1e-9)
    assert food.temperature(0.0) == food.freezes_c


def test_freezing_takes_most_of_the_heat_near_the_freezing_point():
    thawing = SHRIMP.heat(-2.2) - SHRIMP.heat(-5.0)
    frozen = SHRIMP.heat(-20.0) - SHRIMP.heat(-22.8)
    assert thawing > 15 * frozen
    assert SHRIMP.heat(-2.2) - SHRIMP.heat(-40.0) == pytest.approx(
        1980 * 37.8 + 253_000 * (1 - 2.2 / 40), rel=1e-9
    )


def test_respiration_grows_with_warmth_and_stops_in_frost():
    assert STRAWBERRIES.respiration(10.0) > STRAWBERRIES.respiration(2.0) > 0
    assert STRAWBERRIES.respiration(-1.0) == 0.0
