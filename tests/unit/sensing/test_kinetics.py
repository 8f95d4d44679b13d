"""Mean kinetic temperature and what is left of a shelf life: worked cases, and what must always hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import ReadingsError
from traceability.sensing.coldchain import Limits, Sample, exposure
from traceability.sensing.kinetics import (
    Q10,
    SquareRoot,
    held,
    mean_kinetic_milli_c,
    spent_ms,
)
from traceability.sensing.profiles import DAY_MS, PROFILES, Profile

HOUR_MS = 3_600_000
DOCUMENT = Path(__file__).parents[3] / "docs" / "coldchain.md"


def test_one_warm_hour_in_a_day_counts_as_three_degrees():
    """USP <1160>: 23 hours at 4 degrees and one at 25 are 7.08 degrees; their mean is 4.9."""
    assert round(mean_kinetic_milli_c({4000: 46 * HOUR_MS, 25_000: 2 * HOUR_MS}), -1) == 7080


def test_a_steady_temperature_is_its_own_mean():
    assert [mean_kinetic_milli_c({t: 1}) for t in (-18_000, 0, 4001)] == [-18_000, 0, 4001]


@given(st.dictionaries(st.integers(-20_000, 30_000), st.integers(1, DAY_MS), min_size=1, max_size=6))
def test_it_lies_between_the_plain_mean_and_the_warmest(temperatures: dict[int, int]):
    mean = sum(t * share for t, share in temperatures.items()) / sum(temperatures.values())
    assert mean - 1 <= mean_kinetic_milli_c(temperatures) <= max(temperatures)


def test_nothing_held_has_no_mean():
    with pytest.raises(ReadingsError):
        mean_kinetic_milli_c({})


def test_half_of_a_line_belongs_to_each_of_its_ends():
    line = [Sample(0, 0), Sample(10, 1000), Sample(100, 1000)]
    assert held(line, 50, 0, 100) == {0: 10, 1000: 10}, "the long one is left out"
    assert held(line, 50, 5, 8) == {500: 3, 800: 3}, "cut at the window"
    assert held(line[:1], 50, 0, 100) == {}


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(-9000, 9000)), max_size=8),
    st.integers(0, 60),
    st.integers(0, 100),
)
def test_what_is_held_is_the_time_that_is_known(steps: list[tuple[int, int]], start_ms: int, length_ms: int):
    times = [sum(step for step, _ in steps[: i + 1]) for i in range(len(steps))]
    samples = [Sample(t, v) for t, (_, v) in zip(times, steps, strict=True)]
    unknown = exposure(samples, Limits(0, 0, 20), start_ms, start_ms + length_ms).unknown_ms
    assert sum(held(samples, 20, start_ms, start_ms + length_ms).values()) == 2 * (length_ms - unknown)


def test_q10_doubles_every_ten_degrees():
    model = Q10(2000, 4000)
    assert [model.rate(t) for t in (-6000, 4000, 14_000, 24_000)] == [0.5, 1, 2, 4]
    assert spent_ms({14_000: 2 * HOUR_MS, 4000: 2 * HOUR_MS}, model) == 3 * HOUR_MS


def test_fresh_fish_spoils_by_the_square_of_one_and_a_tenth_of_the_degrees():
    """Dalgaard 2002: the relative rate of spoilage at t degrees is (1 + 0.1 t) squared."""
    model = SquareRoot(-10_000, 0)
    assert [model.rate(t) for t in (-12_000, -10_000, 0, 5000, 10_000)] == pytest.approx([0, 0, 1, 2.25, 4])
    assert spent_ms({10_000: 2 * HOUR_MS}, model) == 4 * HOUR_MS


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_can_be_used_and_says_where_it_is_from(name: str):
    profile = PROFILES[name]
    assert profile.low_milli_c < profile.high_milli_c
    assert profile.source
    assert profile.low_source
    if profile.life is not None:
        assert profile.life.source
        day_at_reference = {profile.life.model.reference_milli_c: 2 * DAY_MS}
        assert spent_ms(day_at_reference, profile.life.model) == DAY_MS
        assert spent_ms({profile.high_milli_c: 2}, profile.life.model) >= 1


def test_the_document_has_the_whole_table():
    products = DOCUMENT.read_text("utf-8").partition("## Products\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", products, re.MULTILINE))
    assert rows == {name: _row(profile) for name, profile in PROFILES.items()}


def _row(profile: Profile) -> str:
    limits = f"{profile.low_milli_c / 1000:g} to {profile.high_milli_c / 1000:g}"
    life = profile.life
    if life is None:
        return f"{limits} | {profile.source} | |"
    model = life.model
    how = (
        f"Q10 {model.factor_milli / 1000:g}"
        if isinstance(model, Q10)
        else f"square root from {model.least_milli_c / 1000:g} °C"
    )
    lasts = f"{life.at_reference_ms / DAY_MS:g} d at {model.reference_milli_c / 1000:g} °C, {how}"
    return f"{limits} | {profile.source} | {lasts} | {life.source}"
