"""Day and night, sun, rain, and the soil that lags behind the air."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from firmware_sim.physics.noise import chance, noise, smooth

STEP_MS: Final = 10_000
"""One step of every integration here: ten seconds."""
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

COLDEST_MS: Final = (23 * 60 + 20) * MINUTE_MS
"""Time of day, in UTC, of the lowest temperature: 07:20 in China, about sunrise in Dali (assumed)."""
RISE_MS: Final = 9 * HOUR_MS
"""From the lowest to the highest temperature of a day (assumed: mid-afternoon, 16:20 in China)."""
DAYLIGHT_MS: Final = 12 * HOUR_MS
"""The sun is up for as long from the coldest hour on, whatever the season (assumed)."""
WEATHER_C: Final = 0.7
"""Standard deviation of a day's mean from the climate (assumed)."""
RAIN_COOLS_C: Final = 2.5
"""How much rain cools the air (assumed); it does so within half an hour, and it ends as slowly."""
FRONT_MS: Final = 30 * MINUTE_MS
SUN_UNDER_RAIN: Final = 0.2
"""Share of the clear sky's sun on a day of rain (assumed)."""

SOIL_LAG_MS: Final = 8 * HOUR_MS
"""Time constant of soil at 10 cm: with the damping depth of 12 cm of a moist loam (Hillel, Introduction
to Environmental Soil Physics, ch. 12) a day's swing is 43 % of the surface's, as of this one stage."""
SOIL_DEPTH_MM: Final = 200.0
"""The layer whose water is counted (assumed: where strawberries root)."""
FIELD_CAPACITY: Final = 0.30
WILTING: Final = 0.12
"""Volume of water by that of soil at field capacity and at wilting (loam; FAO Irrigation and Drainage
Paper 56, table 19)."""
EVAPORATION_MM_H: Final = 0.25
"""What sun of 1,000 W/m2 and plants take out of it, by full water (assumed: some 2 mm on a clear day)."""


@dataclass(frozen=True, slots=True)
class Climate:
    """Air outside: mean of the day, and how far noon and dawn are from it, in degrees Celsius.

    ``sun_w_m2`` is the sun of a clear noon on a level square metre; ``rainy`` the share of rainy days.
    """

    mean_c: float
    swing_c: float
    sun_w_m2: float = 0.0
    rainy: float = 0.0


@dataclass(frozen=True, slots=True)
class Outside:
    """The weather at one moment: degrees Celsius, W/m2, mm/h, percent."""

    air_c: float
    sun_w_m2: float
    rain_mm_h: float
    humidity: float


@dataclass(frozen=True, slots=True)
class Shower:
    """A day's rain: from and to as Unix time in milliseconds, mm/h."""

    from_ms: int
    to_ms: int
    rate_mm_h: float


def outside(climate: Climate, seed: int, at_ms: int) -> float:
    """Dry air outside in degrees Celsius: smooth between the dawn's low and the afternoon's high."""
    day, of_day = divmod(at_ms - COLDEST_MS, DAY_MS)
    if of_day < RISE_MS:
        height = smooth(of_day / RISE_MS)
    else:
        height = 1 - smooth((of_day - RISE_MS) / (DAY_MS - RISE_MS))
    share = of_day / DAY_MS
    weather = (1 - share) * _weather(seed, day) + share * _weather(seed, day + 1)
    return climate.mean_c + climate.swing_c * (2 * height - 1) + WEATHER_C * weather


def weather(climate: Climate, seed: int, at_ms: int) -> Outside:
    """Air, sun, rain and humidity at one moment.

    Humidity falls by 3 % for each degree above the day's mean, from 75 %, and is 96 % in rain (assumed).
    """
    shower = _shower(seed, (at_ms - COLDEST_MS) // DAY_MS, climate.rainy)
    air_c, wet = outside(climate, seed, at_ms), _wet(shower, at_ms)
    air_c -= RAIN_COOLS_C * wet
    raining = shower is not None and shower.from_ms <= at_ms < shower.to_ms
    dry = min(max(75 - 3 * (air_c - climate.mean_c), 10.0), 100.0)
    return Outside(
        air_c=air_c,
        sun_w_m2=_sun(climate, seed, at_ms) * (SUN_UNDER_RAIN if shower else 1.0),
        rain_mm_h=shower.rate_mm_h if shower and raining else 0.0,
        humidity=dry + wet * (96 - dry),
    )


def between(one: Climate, other: Climate, share: float) -> Climate:
    """A climate on the way from one to another."""
    return Climate(
        one.mean_c + share * (other.mean_c - one.mean_c),
        one.swing_c + share * (other.swing_c - one.swing_c),
        one.sun_w_m2 + share * (other.sun_w_m2 - one.sun_w_m2),
        one.rainy + share * (other.rainy - one.rainy),
    )


class Soil:
    """The soil of a field: its warmth follows the air's, its water the rain; moved on in steps."""

    def __init__(self, climate: Climate) -> None:
        self.temp_c = climate.mean_c
        self.water = (FIELD_CAPACITY + WILTING) / 2

    def step(self, now: Outside) -> None:
        """Ten seconds of this weather."""
        self.temp_c += (now.air_c - self.temp_c) * (STEP_MS / SOIL_LAG_MS)
        hours = STEP_MS / HOUR_MS
        wetness = (self.water - WILTING) / (FIELD_CAPACITY - WILTING)
        lost_mm_h = EVAPORATION_MM_H * now.sun_w_m2 / 1000 * wetness
        self.water += (now.rain_mm_h - lost_mm_h) * hours / SOIL_DEPTH_MM
        self.water = min(self.water, FIELD_CAPACITY)


def _sun(climate: Climate, seed: int, at_ms: int) -> float:
    """A parabola over the daylight (assumed; close to the sine of the sun's height), less the clouds."""
    day, of_day = divmod(at_ms - COLDEST_MS, DAY_MS)
    if of_day >= DAYLIGHT_MS:
        return 0.0
    share = of_day / DAYLIGHT_MS
    return climate.sun_w_m2 * 4 * share * (1 - share) * (1 - 0.4 * chance(seed, "clouds", day))


def _wet(shower: Shower | None, at_ms: int) -> float:
    """How far a shower has cooled the air: 0 to 1."""
    if shower is None:
        return 0.0
    in_, out = (at_ms - shower.from_ms) / FRONT_MS, (shower.to_ms + FRONT_MS - at_ms) / FRONT_MS
    return smooth(min(max(min(in_, out), 0.0), 1.0))


@lru_cache(maxsize=64)
def _weather(seed: int, day: int) -> float:
    return noise(seed, "weather", day)


@lru_cache(maxsize=256)
def _shower(seed: int, day: int, rainy: float) -> Shower | None:
    """A day's one shower, that begins and ends within the day: one to five hours, 1 to 6 mm/h (assumed)."""
    if chance(seed, "rain", day) >= rainy:
        return None
    length_ms = round((1 + 4 * chance(seed, "rain lasts", day)) * HOUR_MS)
    latest_ms = DAY_MS - length_ms - FRONT_MS
    from_ms = COLDEST_MS + day * DAY_MS + int(latest_ms * chance(seed, "rain begins", day))
    return Shower(from_ms, from_ms + length_ms, 1 + 5 * chance(seed, "rain falls", day))
