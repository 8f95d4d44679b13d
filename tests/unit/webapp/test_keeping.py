"""What is estimated of a batch: which sensors count, which time counts, and when nothing is said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from traceability.sensing.coldchain import Limits, Sample, exposure
from traceability.verification.journey import Happening, Journey, StayView
from traceability.verification.stays import Curve
from webapp.consumer.keeping import keeping, keeping_sentence

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LIMITS = Limits(0, 5000, HOUR_MS)


def curve(name: str, *hourly: int, from_ms: int = 0) -> Curve:
    samples = tuple(Sample(from_ms + i * HOUR_MS, v) for i, v in enumerate(hourly))
    return Curve("d" * 32, name, samples, exposure(samples, LIMITS, from_ms, samples[-1].at_ms))


def stay(*curves: Curve, from_ms: int = 0, hours: int = 24, packed: bool = False) -> StayView:
    opened: Any = None if packed else SimpleNamespace(entered_seq=0)
    return StayView(opened, None, from_ms, from_ms + hours * HOUR_MS, True, curves, {}, {}, 0, 0)


def journey(*stays: StayView, profile: object = "fresh-fish", began_ms: int = 0) -> Journey:
    created = {"ilmd": {"ft:temperature": {"profile": profile}}}
    happening = Happening(0, created, None, 0, "p", "n", "node", began_ms, began_ms, False)
    return Journey("b", created, LIMITS, (happening,), stays, (), {}, 1, 2 * DAY_MS)


def left_h(journey: Journey) -> float:
    kept = keeping(journey)
    assert kept is not None
    assert kept.left_ms is not None
    return 240 - kept.left_ms / HOUR_MS


def test_a_day_on_ice_takes_a_day_and_a_day_at_ten_degrees_takes_four():
    assert left_h(journey(stay(curve("air", *[0] * 25)))) == 24
    warm = journey(stay(curve("air", *[10_000] * 25)))
    assert left_h(warm) == 96
    kept = keeping(warm)
    assert kept is not None
    assert (kept.mean_milli_c, kept.reference_milli_c) == (10_000, 0)


def test_a_probe_in_the_goods_counts_before_the_air_and_else_the_worst_sensor():
    air, other, probe = (curve(n, *[t] * 25) for n, t in (("air", 10_000), ("air-2", 5000), ("probe", 0)))
    assert left_h(journey(stay(air, other))) == 96
    assert left_h(journey(stay(air, other, probe))) == 24


def test_two_measured_places_at_once_count_once_and_a_packed_logger_first():
    room = stay(curve("air", *[10_000] * 25))
    logger = stay(curve("air", *[0] * 13, from_ms=6 * HOUR_MS), from_ms=6 * HOUR_MS, hours=12, packed=True)
    assert left_h(journey(room, logger)) == 12 * 4 + 12


def test_time_without_data_counts_as_the_warmest_that_was_measured():
    first = stay(curve("air", *[0] * 3), hours=2)
    second = stay(curve("air", 10_000, 10_000, from_ms=10 * HOUR_MS), from_ms=10 * HOUR_MS, hours=1)
    assert left_h(journey(first, second)) == pytest.approx(2 + (8 + 1) * 4)
    assert left_h(journey(first, second, began_ms=-HOUR_MS)) == pytest.approx(2 + (8 + 1 + 1) * 4)


@pytest.mark.parametrize("profile", [None, "unheard-of", 7])
def test_nothing_is_said_without_a_known_product(profile: object):
    assert keeping(journey(stay(curve("air", 0, 0)), profile=profile)) is None


def test_nothing_is_said_of_what_was_not_measured():
    assert keeping(journey(stay(curve("air", 0)))) is None
    assert keeping(journey(stay(hours=5))) is None


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (journey(stay(curve("air", *[0] * 25))), "0.0 °C, and when last measured about 9 d 0 h"),
        (journey(stay(curve("air", *[25_000] * 25))), "25.0 °C, and no shelf life was left"),
        (journey(stay(curve("air", 4000, 4000)), profile="red-meat"), "temperature 4.0 °C."),
        (journey(), ""),
    ],
)
def test_one_sentence_says_it_in_both_languages(made: Journey, said: str):
    app = Flask(__name__)
    with app.test_request_context("/?lang=en"):
        assert said in keeping_sentence(made)
    with app.test_request_context("/?lang=zh"):
        assert ("估算值，未经证明" in keeping_sentence(made)) is bool(said)
        assert "Estimated" not in keeping_sentence(made)
