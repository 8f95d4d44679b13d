"""Where a truck or a train is: straight lines between places, a speed for each, and stops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

EARTH_KM: Final = 6371.0088
"""Mean radius of the Earth (IUGG)."""
RADIANS: Final = 3.141592653589793 / 180


@dataclass(frozen=True, slots=True)
class Place:
    """A point of a route, in degrees (WGS 84): how long one stops there, and how fast one goes on."""

    lat: float
    lon: float
    stop_s: int = 0
    kmh: float = 0.0


@dataclass(frozen=True, slots=True)
class Position:
    """Where it is: degrees, km/h, km since the departure; ``share`` of the way from place ``leg`` on."""

    lat: float
    lon: float
    kmh: float
    km: float
    leg: int
    share: float


@dataclass(frozen=True, slots=True)
class _Leg:
    from_s: float
    leaves_s: float
    to_s: float
    from_km: float
    km: float


class Route:
    """Places in order, n >= 2, each but the last with a speed above 0.

    A road winds, so its length is more than that of a route with few places.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = tuple(places)
        self._legs: list[_Leg] = []
        at_s = at_km = 0.0
        for one, other in pairwise(self.places):
            km, leaves_s = distance_km(one.lat, one.lon, other.lat, other.lon), at_s + one.stop_s
            to_s = leaves_s + km / one.kmh * 3600
            self._legs.append(_Leg(at_s, leaves_s, to_s, at_km, km))
            at_s, at_km = to_s, at_km + km
        self.length_km, self.lasts_s = at_km, at_s

    def at(self, elapsed_s: float) -> Position:
        """The position so long after the departure; before and after it stands at an end."""
        leg = next((n for n, leg in enumerate(self._legs) if elapsed_s < leg.to_s), None)
        if leg is None:
            end = self.places[-1]
            return Position(end.lat, end.lon, 0.0, self.length_km, len(self._legs) - 1, 1.0)
        way, one, other = self._legs[leg], self.places[leg], self.places[leg + 1]
        if elapsed_s < way.leaves_s:
            return Position(one.lat, one.lon, 0.0, way.from_km, leg, 0.0)
        share = (elapsed_s - way.leaves_s) / (way.to_s - way.leaves_s)
        lat, lon = one.lat + share * (other.lat - one.lat), one.lon + share * (other.lon - one.lon)
        return Position(lat, lon, one.kmh, way.from_km + share * way.km, leg, share)


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """The way between two points on a sphere, along a great circle (haversine)."""
    half_lat, half_lon = (other_lat - lat) / 2 * RADIANS, (other_lon - lon) / 2 * RADIANS
    high, wide = sine(half_lat), sine(half_lon)
    share = high * high + cosine(lat * RADIANS) * cosine(other_lat * RADIANS) * wide * wide
    return 2 * EARTH_KM * arcsine(math.sqrt(share))


def sine(x: float) -> float:
    """The sine of an angle in radians, within half a turn of 0: a series, the same on every platform."""
    term = total = x
    for n in range(2, 30, 2):
        term *= -x * x / (n * (n + 1))
        total += term
    return total


def cosine(x: float) -> float:
    """The cosine of an angle in radians, within half a turn of 0."""
    return sine(RADIANS * 90 - abs(x))


def arcsine(y: float) -> float:
    """The angle of a sine from 0 to 1, in radians: Newton's method on ``sine``."""
    if y >= 1:
        return RADIANS * 90
    x = y
    for _ in range(30):
        x += (y - sine(x)) / max(cosine(x), 1e-6)
    return x
