"""The map draws what has a position, in its place on the Earth; the list has every place that is told."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from traceability.supply.position import parse_position
from traceability.verification.journey import Happening, Journey
from traceability.verification.stays import NO_LIMITS
from webapp.consumer import outlines
from webapp.consumer.ingredients import Made
from webapp.consumer.map import HEIGHT, WIDTH, draw_map
from webapp.consumer.outlines import Window, coasts
from webapp.consumer.places import LISTED, Place, Places, Way, distance_sentence, gather_places
from webapp.i18n import install

BATCH = "https://id.gs1.org/01/09520000000011/10/L1"


@pytest.fixture(autouse=True)
def request_in_english():
    app = Flask("test")
    install(app)
    with app.test_request_context("/?lang=en"):
        yield


def journey(*places: tuple[str, str | None]) -> Journey:
    """A lot that was at these regions and positions, one after the other."""
    happenings = []
    for number, (name, position) in enumerate(places):
        event: dict[str, Any] = {"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping"}
        event |= {"ft:region": {"en": name, "zh": name}} if name else {}
        event |= {"ft:regionCentre": position} if position else {}
        happenings.append(Happening(number, event, None, 0, "p", "n", "self", number, number, False))
    return Journey(BATCH, happenings[0].event, NO_LIMITS, tuple(happenings), (), (), {}, 1, 1)


def places_of(*places: tuple[str, str | None]) -> Places:
    return gather_places(journey(*places), Made((), 0, ()))


def test_a_place_without_a_position_stands_in_the_list_alone():
    hidden = ("Roadside", None), ("", None)
    places = places_of(("Dali", "geo:25.6,100.2"), *hidden, ("Shanghai", "geo:31.2,121.5"))
    assert [(p.number, p.name) for p in places.listed] == [(1, "Dali"), (2, "Roadside"), (3, "Shanghai")]
    drawn = draw_map(places)
    assert drawn is not None
    assert [dot.text for dot in drawn.dots] == ["1", "3"]
    assert draw_map(places_of(("Roadside", None))) is None


def test_east_is_right_north_is_up_and_the_scale_is_true():
    drawn = draw_map(places_of(("Dali", "geo:25.6,100.2"), ("Shanghai", "geo:31.2,121.5")))
    assert drawn is not None
    west, east = drawn.dots
    assert 0 < west.x < east.x < WIDTH
    assert HEIGHT > west.y > east.y > 0
    px_per_km = drawn.scale_px / drawn.scale_km
    away = ((east.x - west.x) ** 2 + (east.y - west.y) ** 2) ** 0.5
    assert away / px_per_km == pytest.approx(2170, rel=0.03)


@pytest.mark.parametrize(
    "places", [("geo:-17,179.9", "geo:-17,-179.9"), ("geo:89.9,10", "geo:89.9,-170"), ("geo:-90,0",)]
)
def test_the_date_line_and_the_poles_are_places_like_others(places):
    drawn = draw_map(places_of(*((f"P{n}", at) for n, at in enumerate(places))))
    assert drawn is not None
    assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in drawn.dots)
    if len(places) == 2 and "179" in places[0]:
        assert [dot.text for dot in drawn.dots] == ["1–2"]


def test_places_that_would_cover_each_other_share_a_dot_and_the_own_way_lies_on_top():
    near = [Place(n, str(n), parse_position(f"geo:30,{100 + n / 100}"), False, n) for n in (1, 2, 3, 5)]
    far = Place(6, "far", parse_position("geo:30,110"), False, 6)
    drawn = draw_map(Places((*near, far), (Way((near[0], far), True), Way((far, near[0]), False))))
    assert drawn is not None
    assert [dot.text for dot in drawn.dots] == ["1–3, 5", "6"]
    assert [own for _, own in drawn.ways] == [False, True]


def test_many_places_end_somewhere():
    places = places_of(*((f"P{n}", f"geo:{n % 80},{n % 170}") for n in range(LISTED + 5)))
    assert len(places.listed) == LISTED


def test_the_distance_is_told_from_positions_and_not_where_there_is_none_to_tell():
    told = distance_sentence(journey(("A", "geo:25.6,100.2"), ("B", None), ("C", "geo:31.2,121.5")))
    assert told.startswith("About 2150 km")
    assert distance_sentence(journey(("A", "geo:25.6,100.2"), ("B", "geo:25.6,100.3"))) == ""
    assert distance_sentence(journey(("A", "geo:25.6,100.2"))) == ""


def test_land_is_cut_at_the_edges_of_the_window(monkeypatch):
    square = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0))
    monkeypatch.setattr(outlines, "coasts", lambda: ((square, (0.0, 0.0, 10.0, 10.0)),))
    (cut,) = Window(5, 5, 20, 20).land()
    assert sorted(set(cut)) == [(5.0, 5.0), (5.0, 10.0), (10.0, 5.0), (10.0, 10.0)]
    (turned,) = Window(365, 5, 380, 20).land()
    assert sorted(set(turned)) == [(365.0, 5.0), (365.0, 10.0), (370.0, 5.0), (370.0, 10.0)]
    assert list(Window(20, 20, 30, 30).land()) == []


def test_without_the_built_file_there_are_places_and_no_coasts(monkeypatch, tmp_path):
    coasts.cache_clear()
    monkeypatch.setattr(outlines, "FILE", tmp_path / "none.json")
    drawn = draw_map(places_of(("Dali", "geo:25.6,100.2")))
    coasts.cache_clear()
    assert drawn is not None
    assert (drawn.land, drawn.has_coasts, len(drawn.dots)) == ("", False, 1)


def test_the_built_coasts_know_land_from_sea():
    if not outlines.FILE.is_file():
        pytest.skip("the coasts are not built: make verifier")
    assert sum(1 for _ in Window(100, 25, 101, 26).land()) == 1
    assert list(Window(-140, 10, -139, 11).land()) == []
