"""What wakes somebody: hysteresis, duration, doors and defrosts; and which channel is about what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.sensing.channels import Channel, channel_of
from traceability.sensing.coldchain import Limits, Sample, exposure
from traceability.sensing.episodes import (
    LONGEST_MASK_MS,
    Episode,
    Rule,
    episodes,
    is_back,
    joined,
    switched_on,
)

MINUTE_MS = 60_000
LIMITS = Limits(0, 5000, 30 * MINUTE_MS)
CALM = Rule(500, 10 * MINUTE_MS)
STRICT = Rule(0, 0)


def by_minute(*values: int, every: int = 5) -> list[Sample]:
    return [Sample(i * every * MINUTE_MS, v) for i, v in enumerate(values)]


def test_a_curve_that_trembles_around_its_limit_is_outside_once():
    trembling = by_minute(4000, 6000, 4900, 6000, 4900, 6000, 4000)
    assert len(exposure(trembling, LIMITS, 0, 30 * MINUTE_MS).excursions) == 3
    (one,) = episodes(trembling, LIMITS, CALM)
    assert (one.side, one.extreme_milli_c, one.ongoing) == ("above", 6000, False)
    assert (one.from_ms, one.to_ms) == (150_000, 1_725_000), "from the limit to half a degree below it"


def test_a_curve_that_comes_near_its_limit_is_not_outside():
    assert episodes(by_minute(4000, 5000, 5000, 4000), LIMITS, Rule(500, 0)) == ()


@pytest.mark.parametrize(("lasting_ms", "counts"), [(10 * MINUTE_MS, True), (10 * MINUTE_MS + 1, False)])
def test_only_what_lasts_long_enough_counts(lasting_ms: int, counts: bool):
    ten_minutes = [Sample(0, 5001), Sample(10 * MINUTE_MS, 5001), Sample(10 * MINUTE_MS + 1, 0)]
    assert bool(episodes(ten_minutes[:2], LIMITS, Rule(0, lasting_ms))) is counts


def test_an_open_door_excuses_the_air_and_not_for_ever():
    warm = by_minute(4000, *[8000] * 12, 4000)
    (whole,) = episodes(warm, LIMITS, CALM)
    door = switched_on(by_minute(0, *[1000] * 12, 0), LIMITS.max_gap_ms)
    assert door == ((5 * MINUTE_MS, 5 * MINUTE_MS + LONGEST_MASK_MS),)
    (masked,) = episodes(warm, LIMITS, CALM, door)
    assert masked.outside_ms == whole.outside_ms - LONGEST_MASK_MS
    short = by_minute(4000, 8000, 8000, 4000)
    assert episodes(short, LIMITS, CALM)
    assert episodes(short, LIMITS, CALM, switched_on(by_minute(1000, 1000, 1000, 0), LIMITS.max_gap_ms)) == ()


def test_a_switch_is_believed_until_its_next_reading_or_the_longest_gap():
    states = [Sample(0, 1000), Sample(5, 0), Sample(10, 1000)]
    assert switched_on(states, 7) == ((0, 5), (10, 17))
    assert switched_on([Sample(0, 1000), Sample(100, 1000)], 7) == ((0, 7), (100, 107))
    assert joined([(10, 20), (0, 5), (5, 7), (18, 30)]) == ((0, 7), (10, 30))


def test_what_goes_on_is_said_and_what_is_back_too():
    (going_on,) = episodes(by_minute(4000, 9000, 9000, 9000), LIMITS, CALM)
    assert going_on.ongoing
    assert not is_back(Sample(0, 4700), LIMITS, CALM)
    assert is_back(Sample(0, 4500), LIMITS, CALM)
    assert not is_back(Sample(0, 300), LIMITS, CALM)


def test_nothing_measured_is_no_episode():
    assert episodes([], LIMITS, CALM) == ()


def test_a_silence_is_no_part_of_an_episode():
    warm = [Sample(0, 9000), Sample(MINUTE_MS, 9000), Sample(100 * MINUTE_MS, 9000)]
    assert [e.outside_ms for e in episodes(warm, LIMITS, STRICT)] == [MINUTE_MS, 0]


@given(st.lists(st.integers(-2000, 8000), max_size=12))
def test_without_hysteresis_and_duration_episodes_are_the_excursions(values: list[int]):
    samples = by_minute(*values)
    plain = exposure(samples, LIMITS, 0, samples[-1].at_ms).excursions if samples else ()
    assert episodes(samples, LIMITS, STRICT) == tuple(
        Episode(
            e.from_ms, e.to_ms, e.side, e.extreme_milli_c, e.to_ms - e.from_ms, e.to_ms == samples[-1].at_ms
        )
        for e in plain
    )


@given(st.lists(st.integers(-2000, 8000), max_size=12), st.integers(0, 3000))
def test_more_hysteresis_never_makes_more_episodes(values: list[int], hysteresis: int):
    samples = by_minute(*values)
    assert len(episodes(samples, LIMITS, Rule(hysteresis, 0))) <= len(episodes(samples, LIMITS, STRICT))


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("air", Channel.AIR),
        ("t", Channel.AIR),
        ("temperature", Channel.AIR),
        ("4", Channel.AIR),
        ("probe", Channel.PRODUCT),
        ("probe-2", Channel.PRODUCT),
        ("core1", Channel.PRODUCT),
        ("product_left", Channel.PRODUCT),
        ("door", Channel.DOOR),
        ("door-rear", Channel.DOOR),
        ("defrost", Channel.DEFROST),
        ("doorway-air", Channel.AIR),
    ],
)
def test_the_first_word_of_a_channel_says_what_it_measures(name: str, channel: Channel):
    assert channel_of(name) is channel
