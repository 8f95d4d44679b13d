"""The shipped scenarios show what they tell of."""

from __future__ import annotations

import itertools
from functools import lru_cache

import pytest

from firmware_sim.physics.route import distance_km
from firmware_sim.staging.actor import Interval, play
from firmware_sim.staging.library import load_scenario

HOUR_MS = 3_600_000


@lru_cache(maxsize=8)
def intervals(name: str) -> tuple[Interval, ...]:
    return tuple(play(load_scenario(name)))


def taken(name, device, begins=0.0, until=1000.0):
    """What a device took between two hours of a scenario."""
    start_ms = load_scenario(name).start_ms
    rows = [t for i in intervals(name) if i.device == device for t in i.taken]
    return [t for t in rows if begins <= (t.at_ms - start_ms) / HOUR_MS < until]


def most(rows, channel):
    return max(row.measured[channel] for row in rows)


def warmest(rows):
    return max(row.product_c for row in rows if row.product_c is not None)


def test_strawberries_leave_the_limits_in_the_air_only_while_the_door_is_open():
    rows = taken("strawberries", "truck-logger")
    assert most(taken("strawberries", "truck-logger", 32.5, 33.2), "air") > 10
    assert warmest(rows) < 5
    assert not taken("strawberries", "truck-logger", 36, 37)
    field = taken("strawberries", "field-station")
    air, soil = ([row.measured[c] for row in field] for c in ("air", "soil"))
    assert max(air) - min(air) > 2 * (max(soil) - min(soil))
    assert most(field, "light") > 20_000


def test_truck_arrives_by_gps_where_its_route_ends():
    scenario, rows = load_scenario("strawberries"), taken("strawberries", "tracker")
    route = scenario.library.routes["dali-chongqing"].route
    fixes = [(r.measured["lat"], r.measured["lon"]) for r in rows if r.measured["speed"] > 1]
    driven = sum(distance_km(*a, *b) for a, b in itertools.pairwise(fixes))
    assert driven == pytest.approx(route.length_km, rel=0.01)
    end = rows[-1].measured
    assert distance_km(end["lat"], end["lon"], route.places[-1].lat, route.places[-1].lon) < 0.05


def test_defrosts_of_the_pork_trailer_show_at_the_supply_probe_only_and_one_probe_is_stuck():
    defrost = taken("chilled-pork", "trailer-logger", 7.6, 8.1)
    assert most(defrost, "supply") > 10
    assert max(r.product_c for r in defrost) - min(r.product_c for r in defrost) < 0.2
    stuck = taken("chilled-pork", "trailer-logger", 7, 9)
    assert len({r.measured["return"] for r in stuck}) == 1
    assert warmest(taken("chilled-pork", "trailer-logger")) < 4


def test_milk_keeps_cold_by_its_mass_and_yoghurt_takes_hours_to_cool():
    milk = [r.product_c for r in taken("milk-to-yoghurt", "tank-logger") if r.product_c is not None]
    assert 0 < max(milk) - milk[0] < 1
    yoghurt = taken("milk-to-yoghurt", "room-logger", 16.5, 46)
    below = next(r for r in yoghurt if r.product_c is not None and r.product_c < 6)
    assert 5 < (below.at_ms - yoghurt[0].at_ms) / HOUR_MS < 14
    ahead = taken("milk-to-yoghurt", "van-logger", 45, 47)
    assert {r.said_ms - r.at_ms for r in ahead} == {900_000}


def test_shrimp_stays_frozen_without_power_for_two_hours_and_a_half():
    dark = taken("frozen-shrimp-rail", "container-logger", 8, 10.5)
    assert most(dark, "air") > -15
    assert warmest(taken("frozen-shrimp-rail", "container-logger")) < -18
    assert most(taken("frozen-shrimp-rail", "container-logger", 40, 40.1), "air") > 10, "the spike"


def test_fruit_of_the_failed_reefer_is_warm_later_and_longer_than_its_air():
    air = [r for r in taken("reefer-fails-at-night", "truck-logger", 6, 14) if r.air_c > 5]
    fruit = [r for r in taken("reefer-fails-at-night", "truck-logger", 6, 14) if (r.product_c or 0) > 5]
    assert fruit[0].at_ms - air[0].at_ms > 3 * HOUR_MS
    assert fruit[-1].at_ms - air[-1].at_ms > HOUR_MS / 2


def test_clone_claims_to_be_cold_while_the_truck_is_not():
    claimed = [i.forged for i in intervals("clone-and-thief") if i.by == "clone" and i.forged is not None]
    true = taken("clone-and-thief", "truck-logger", 4, 9)
    assert {r.value for pack in claimed for r in pack.readings} == {3.0}
    assert min(r.air_c for r in true) > 4.5


def test_warehouse_hands_over_three_days_when_its_network_is_back():
    scenario = load_scenario("warehouse-offline")
    late = [i for i in intervals("warehouse-offline") if i.sends_ms > i.to_ms]
    assert {i.sends_ms for i in late} == {scenario.at_ms(88 * 3600)}
    of_a = [i for i in late if i.device == "logger-a"]
    assert len(of_a) == 72 * 6
    assert all(i.pack.readings for i in of_a)
    ended = taken("warehouse-offline", "logger-b")[-1].at_ms
    assert scenario.start_ms + 48 * HOUR_MS < ended < scenario.end_ms - 24 * HOUR_MS, "its battery"
