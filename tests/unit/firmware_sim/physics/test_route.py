"""Distances on the Earth, and trucks that arrive."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from firmware_sim.physics.route import Place, Route, arcsine, cosine, distance_km, sine

ROUTE = Route(
    [
        Place(25.607, 100.268, 600, 80.0),
        Place(25.045, 101.528, 1800, 90.0),
        Place(25.04, 102.71, 0, 70.0),
        Place(26.65, 106.63),
    ]
)


def test_own_sines_are_those_of_the_library():
    for n in range(-150, 151):
        x = n / 100
        assert sine(x) == pytest.approx(math.sin(x), abs=1e-14)
        assert cosine(x) == pytest.approx(math.cos(x), abs=1e-14)
    for n in range(100):
        assert arcsine(n / 100) == pytest.approx(math.asin(n / 100), abs=1e-12)


def test_distance_of_a_degree_and_of_two_cities():
    assert distance_km(0, 0, 0, 1) == pytest.approx(111.195, abs=0.001)
    assert distance_km(25.607, 100.268, 29.563, 106.551) == pytest.approx(762, abs=3)
    assert distance_km(30, 110, 30, 110) == 0


def test_way_summed_over_its_fixes_is_the_routes_length():
    fixes = [ROUTE.at(60 * n) for n in range(int(ROUTE.lasts_s / 60) + 2)]
    summed = sum(distance_km(a.lat, a.lon, b.lat, b.lon) for a, b in pairwise(fixes))
    assert summed == pytest.approx(ROUTE.length_km, rel=1e-3)
    assert fixes[-1].km == pytest.approx(ROUTE.length_km)
    assert [f.km for f in fixes] == sorted(f.km for f in fixes)


def test_speed_is_the_distance_by_the_time_and_0_at_stops():
    for n in range(0, int(ROUTE.lasts_s) - 61, 60):
        here, there = ROUTE.at(n), ROUTE.at(n + 60)
        if here.leg == there.leg and here.kmh == there.kmh:
            assert there.km - here.km == pytest.approx(here.kmh / 60, abs=1e-6)
    assert ROUTE.at(0).kmh == ROUTE.at(599).kmh == 0
    assert ROUTE.at(601).kmh == 80
    assert [p.kmh for p in (ROUTE.at(-5), ROUTE.at(ROUTE.lasts_s + 5))] == [0, 0]


def test_stops_take_their_time():
    moving_s = sum(
        distance_km(a.lat, a.lon, b.lat, b.lon) / a.kmh * 3600
        for a, b in zip(ROUTE.places, ROUTE.places[1:], strict=False)
    )
    assert ROUTE.lasts_s == pytest.approx(moving_s + 2400)
