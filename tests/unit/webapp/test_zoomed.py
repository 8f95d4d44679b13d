"""The numbers of a chart are bounded however long the time is, and lose neither a peak nor a gap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from traceability.sensing.channels import Role
from traceability.sensing.coldchain import Limits, Sample, exposure
from traceability.verification.journey import Happening, Journey, StayView
from traceability.verification.stays import Curve
from webapp.consumer.zoomed import COLUMNS, MOST_COLUMNS, zoomed
from webapp.i18n import install

MINUTE_MS, DAY_MS = 60_000, 86_400_000
LIMITS = Limits(0, 5000, 30 * MINUTE_MS)


@pytest.fixture(autouse=True)
def request_in_english() -> Iterator[None]:
    app = Flask("test")
    install(app)
    with app.test_request_context("/?lang=en"):
        yield


def curve(name: str, samples: dict[int, int], to_ms: int, device: str = "d" * 32) -> Curve:
    found = tuple(Sample(at_ms, milli_c) for at_ms, milli_c in samples.items())
    return Curve(device, name, found, exposure(found, LIMITS, 0, to_ms))


def journey(*curves: Curve, to_ms: int, roles: dict[tuple[str, str], Role] | None = None) -> Journey:
    """One time with packed loggers, from 0 on."""
    event = {"eventTimeZoneOffset": "+08:00"}
    happening = Happening(0, event, None, 0, "p", "n", "node", 0, 0, False)
    stay = StayView(None, None, 0, to_ms, True, curves, {}, {}, 0, 0, roles or {})
    return Journey("b", event, LIMITS, (happening,), (stay,), (), {}, 1, to_ms)


def numbers(made: Journey, window: tuple[int, int] | None = None) -> Any:
    """What a script is told, by way of JSON."""
    return json.loads(json.dumps(zoomed(made, window)))


def told(line: Any) -> dict[int, int]:
    return {at_ms: milli_c for at_ms, milli_c in line["points"] if milli_c is not None}


def month(spike_ms: int) -> Journey:
    """A month by the minute, with one minute at nine degrees."""
    samples = dict.fromkeys(range(0, 30 * DAY_MS, MINUTE_MS), 3000) | {spike_ms: 9000}
    return journey(curve("air", samples, 30 * DAY_MS), to_ms=30 * DAY_MS)


def test_a_month_is_told_in_few_points_that_keep_the_one_warm_minute():
    spike_ms = 11 * DAY_MS + 7 * MINUTE_MS
    found = numbers(month(spike_ms))
    (line,) = found["lines"]
    assert len(line["points"]) <= 2 * (COLUMNS + 1)
    assert told(line)[spike_ms] == 9000
    assert found["column_ms"] > MINUTE_MS
    assert found["ends_milli_c"] == [0, 9000]
    assert (found["limits_milli_c"], found["offset"], line["name"]) == ([0, 5000], "+08:00", "air")


def test_a_shorter_time_is_told_whole_with_the_next_reading_on_either_side():
    window = 10 * DAY_MS + 30_000, 10 * DAY_MS + 90 * MINUTE_MS + 30_000
    found = numbers(month(0), window)
    assert found["column_ms"] == 0
    times = list(told(found["lines"][0]))
    assert times == list(range(10 * DAY_MS, window[1] + MINUTE_MS, MINUTE_MS))
    assert found["window_ms"] == list(window)
    assert found["whole_ms"] == [0, 30 * DAY_MS]


@pytest.mark.parametrize("window", [(5, 5), (9, 1), (10**15, 10**15 + 1), (DAY_MS, DAY_MS)])
def test_a_window_that_is_none_is_the_whole(window: tuple[int, int]):
    assert numbers(month(0), window)["window_ms"] == [0, 30 * DAY_MS]


def test_what_is_no_line_has_a_break_and_a_shaded_stretch():
    samples = dict.fromkeys(range(0, 10 * MINUTE_MS, MINUTE_MS), 3000)
    samples |= dict.fromkeys(range(100 * MINUTE_MS, 110 * MINUTE_MS, MINUTE_MS), 6000)
    found = numbers(journey(curve("air", samples, 110 * MINUTE_MS), to_ms=110 * MINUTE_MS))
    points = found["lines"][0]["points"]
    broken = [i for i, (_, milli_c) in enumerate(points) if milli_c is None]
    assert [(points[i - 1][0], points[i + 1][0]) for i in broken] == [(9 * MINUTE_MS, 100 * MINUTE_MS)]
    assert [9 * MINUTE_MS, 100 * MINUTE_MS] in found["unknown_ms"]
    assert found["outside_ms"] == [[100 * MINUTE_MS, 109 * MINUTE_MS]]


def test_lonely_readings_and_many_sensors_have_an_end_as_well():
    """A reading an hour is a piece of its own each time: no line is drawn, and yet few points are told."""
    hourly = {at: 3000 + at // (DAY_MS // 24) % 2 for at in range(0, 3000 * DAY_MS // 24, DAY_MS // 24)}
    end_ms = max(hourly)
    curves = [curve(f"probe-{n}", hourly, end_ms, device=f"{n:032x}") for n in range(12)]
    found = numbers(journey(*curves, to_ms=end_ms))
    assert len(found["lines"]) == 12
    assert sum(len(line["points"]) for line in found["lines"]) <= 2 * (MOST_COLUMNS + 2 * 12)
    assert len(found["unknown_ms"]) <= COLUMNS


def test_sensors_that_measure_the_same_at_once_are_lines_of_one_name_and_two_numbers():
    samples = dict.fromkeys(range(0, 10 * MINUTE_MS, MINUTE_MS), 3000)
    names = ("core", "core-2", "supply")
    roles = dict.fromkeys((("d" * 32, n) for n in names[:2]), Role.PRODUCT) | {
        ("d" * 32, "supply"): Role.AIR_SUPPLY
    }
    made = journey(*(curve(n, samples, 9 * MINUTE_MS) for n in names), to_ms=9 * MINUTE_MS, roles=roles)
    lines = [(line["name"], line["number"], line["judged"]) for line in numbers(made)["lines"]]
    probe = "probe in the goods"
    assert lines == [(probe, 1, True), (probe, 2, True), ("supply air", 1, False)]


def test_where_nothing_was_measured_there_is_nothing():
    assert zoomed(journey(to_ms=DAY_MS)) is None
