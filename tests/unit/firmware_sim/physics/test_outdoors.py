"""Days, nights, rain and soil: smooth, plausible, the same for the same seed."""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean

import pytest

from firmware_sim.physics.outdoors import (
    COLDEST_MS,
    DAY_MS,
    DAYLIGHT_MS,
    FIELD_CAPACITY,
    HOUR_MS,
    MINUTE_MS,
    STEP_MS,
    WILTING,
    Climate,
    Soil,
    between,
    weather,
)

DRY = Climate(16.0, 6.0, 950.0, 0.0)
WET = Climate(16.0, 6.0, 950.0, 1.0)
START_MS = 20_000 * DAY_MS + COLDEST_MS


def hours(climate, days, every_ms=10 * MINUTE_MS):
    return [weather(climate, 1, START_MS + t) for t in range(0, days * DAY_MS, every_ms)]


def test_sun_shines_by_day_only_and_most_at_noon():
    day = [weather(DRY, 1, START_MS + t).sun_w_m2 for t in range(0, DAY_MS, HOUR_MS)]
    assert max(day) == day[6] > 500
    assert set(day[DAYLIGHT_MS // HOUR_MS :]) == {0.0}


def test_rain_falls_on_rainy_days_dims_the_sun_cools_and_wets_the_air():
    dry, wet = hours(DRY, 20), hours(WET, 20)
    assert not any(w.rain_mm_h for w in dry)
    fallen_mm = sum(w.rain_mm_h for w in wet) / 6 / 20
    assert 4 < fallen_mm < 20, "millimetres a day"
    raining = [n for n, w in enumerate(wet) if w.rain_mm_h]
    assert fmean(wet[n].air_c - dry[n].air_c for n in raining) < -1.5
    assert fmean(wet[n].humidity for n in raining) > 88
    assert sum(w.sun_w_m2 for w in wet) == pytest.approx(0.2 * sum(w.sun_w_m2 for w in dry))


def test_weather_never_jumps_even_where_rain_begins_and_at_midnight():
    air = [w.air_c for w in hours(WET, 10, MINUTE_MS)]
    assert max(abs(a - b) for a, b in pairwise(air)) < 0.25


def test_soil_follows_the_air_later_and_swings_less():
    soil, air, ground = Soil(DRY), [], []
    for t in range(0, 6 * DAY_MS, STEP_MS):
        now = weather(DRY, 1, START_MS + t)
        soil.step(now)
        air.append(now.air_c)
        ground.append(soil.temp_c)
    day = slice(5 * DAY_MS // STEP_MS, None)
    swing = [max(series[day]) - min(series[day]) for series in (air, ground)]
    assert 0.3 < swing[1] / swing[0] < 0.55
    later_ms = (ground[day].index(max(ground[day])) - air[day].index(max(air[day]))) * STEP_MS
    assert 2 * HOUR_MS < later_ms < 6 * HOUR_MS


def test_rain_wets_the_soil_up_to_its_capacity_and_sun_dries_it():
    dry, wet = Soil(DRY), Soil(WET)
    before = dry.water
    for t in range(0, 5 * DAY_MS, STEP_MS):
        dry.step(weather(DRY, 1, START_MS + t))
        wet.step(weather(WET, 1, START_MS + t))
    assert WILTING < dry.water < before < wet.water <= FIELD_CAPACITY


def test_climate_changes_along_the_way():
    assert between(DRY, Climate(26.0, 4.0, 850.0, 1.0), 0.5) == Climate(21.0, 5.0, 900.0, 0.5)
