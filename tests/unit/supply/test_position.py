"""Positions are read from ``geo`` URIs, the place itself before the region, and nothing else is one."""

from __future__ import annotations

import pytest

from traceability.supply.position import Position, distance_km, parse_position, position_of


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("geo:25.6,100.2", Position(25.6, 100.2, 1)),
        ("geo:-33,151", Position(-33.0, 151.0, 0)),
        ("GEO:25.612345,100,1800.5;crs=wgs84;u=35", Position(25.612345, 100.0, 6)),
        ("geo:90.1,0", None),
        ("geo:0,181", None),
        ("geo:1,2;crs=moon", None),
        ("geo:1,2\n", None),
        ("geo:١,2", None),
        ("geo:nan,1", None),
        ("https://id.gs1.org/414/9521141111116", None),
        (7, None),
    ],
)
def test_a_position_is_two_numbers_of_degrees(text, found):
    assert parse_position(text) == found


def test_the_place_itself_goes_before_the_region_and_the_reading_point_before_the_site():
    event = {
        "ft:regionCentre": "geo:1,1",
        "bizLocation": {"id": "geo:2.222,2"},
        "readPoint": {"id": "geo:3.333,3"},
    }
    assert position_of(event) == (Position(3.333, 3.0, 3), True)
    del event["readPoint"]
    assert position_of(event) == (Position(2.222, 2.0, 3), True)
    event["bizLocation"] = {"id": "https://id.gs1.org/414/9521141111116"}
    assert position_of(event) == (Position(1.0, 1.0, 0), False)
    assert position_of({}) is None


def test_distances_are_those_of_a_sphere_and_the_same_in_both_directions():
    dali, shanghai = Position(25.6, 100.2, 1), Position(31.2, 121.5, 1)
    assert distance_km(dali, shanghai) == pytest.approx(2170, rel=0.02)
    assert distance_km(shanghai, dali) == distance_km(dali, shanghai)
    assert distance_km(Position(0, 179.9, 1), Position(0, -179.9, 1)) == pytest.approx(22.2, rel=0.01)
    assert distance_km(dali, dali) == 0
