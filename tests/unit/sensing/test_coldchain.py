"""Time above, below, within and unknown: worked cases, and an oracle that looks at every millisecond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import ReadingsError
from traceability.sensing.coldchain import Excursion, Exposure, Limits, Sample, exposure, milli, sample_of
from traceability.sensing.senml import Reading

CHILLED = Limits(low_milli_c=2000, high_milli_c=8000, max_gap_ms=10_000)


def samples_of(*points: tuple[int, int]) -> list[Sample]:
    return [Sample(at_ms, milli_c) for at_ms, milli_c in points]


def totals(result: Exposure) -> tuple[int, int, int, int]:
    return result.above_ms, result.below_ms, result.within_ms, result.unknown_ms


@st.composite
def recordings(draw: st.DrawFn) -> tuple[list[Sample], Limits, int, int]:
    times = sorted(draw(st.sets(st.integers(0, 120), max_size=8)))
    samples = [Sample(at_ms, draw(st.integers(-12, 12))) for at_ms in times]
    low = draw(st.integers(-8, 8))
    limits = Limits(low, draw(st.integers(low, 9)), draw(st.integers(1, 40)))
    start_ms = draw(st.integers(-5, 125))
    return samples, limits, start_ms, draw(st.integers(start_ms, 130))


def side_of_millisecond(samples: Sequence[Sample], limits: Limits, at_ms: int) -> str:
    """Where the line is just before ``at_ms + 1``: every line is straight inside a millisecond."""
    for a, b in pairwise(samples):
        if a.at_ms <= at_ms < b.at_ms and b.at_ms - a.at_ms <= limits.max_gap_ms:
            slope = Fraction(b.milli_c - a.milli_c, b.at_ms - a.at_ms)
            value = a.milli_c + slope * (at_ms + 1 - Fraction(1, 10**9) - a.at_ms)
            if value > limits.high_milli_c:
                return "above"
            return "below" if value < limits.low_milli_c else "within"
    return "unknown"


@given(recordings())
def test_every_millisecond_is_counted_once_and_on_its_side(
    case: tuple[list[Sample], Limits, int, int],
) -> None:
    samples, limits, start_ms, end_ms = case
    result = exposure(*case)
    sides = {at_ms: side_of_millisecond(samples, limits, at_ms) for at_ms in range(start_ms, end_ms)}
    counted = [list(sides.values()).count(side) for side in ("above", "below", "within", "unknown")]
    assert list(totals(result)) == counted
    for side in ("above", "below"):
        covered = [at_ms for e in result.excursions if e.side == side for at_ms in range(e.from_ms, e.to_ms)]
        assert covered == [at_ms for at_ms in sides if sides[at_ms] == side], f"excursions {side}"
    unknown = [at_ms for from_ms, to_ms in result.gaps for at_ms in range(from_ms, to_ms)]
    assert unknown == [at_ms for at_ms in sides if sides[at_ms] == "unknown"]


@given(recordings())
def test_totals_add_up_to_the_window(case: tuple[list[Sample], Limits, int, int]) -> None:
    assert sum(totals(exposure(*case))) == case[3] - case[2]


@given(recordings(), st.data())
def test_cutting_the_window_changes_no_total(
    case: tuple[list[Sample], Limits, int, int], data: st.DataObject
) -> None:
    samples, limits, start_ms, end_ms = case
    cut_ms = data.draw(st.integers(start_ms, end_ms))
    left = totals(exposure(samples, limits, start_ms, cut_ms))
    right = totals(exposure(samples, limits, cut_ms, end_ms))
    assert tuple(map(sum, zip(left, right, strict=True))) == totals(exposure(*case))


@given(recordings())
def test_below_is_above_upside_down(case: tuple[list[Sample], Limits, int, int]) -> None:
    samples, limits, start_ms, end_ms = case
    result = exposure(*case)
    mirrored = exposure(
        [Sample(sample.at_ms, -sample.milli_c) for sample in samples],
        Limits(-limits.high_milli_c, -limits.low_milli_c, limits.max_gap_ms),
        start_ms,
        end_ms,
    )
    swapped = tuple(
        Excursion(e.from_ms, e.to_ms, "above" if e.side == "below" else "below", -e.extreme_milli_c)
        for e in result.excursions
    )
    assert mirrored == replace(
        result,
        min_milli_c=None if result.max_milli_c is None else -result.max_milli_c,
        max_milli_c=None if result.min_milli_c is None else -result.min_milli_c,
        above_ms=result.below_ms,
        below_ms=result.above_ms,
        excursions=swapped,
    )


@given(
    st.integers(-20_000, 20_000),
    st.integers(-50, 50),
    st.integers(2, 9_000),
    st.integers(1, 9_000),
    st.integers(1, 9_000),
)
def test_a_sample_exactly_on_the_line_changes_nothing(
    first: int, slope: int, high: int, before_ms: int, after_ms: int
) -> None:
    limits = Limits(high - 2000, high, 20_000)
    end_ms = before_ms + after_ms
    ends = samples_of((0, first), (end_ms, first + slope * end_ms))
    between = Sample(before_ms, first + slope * before_ms)
    plain = exposure(ends, limits, 0, end_ms)
    assert totals(exposure([ends[0], between, ends[1]], limits, 0, end_ms)) == totals(plain)


@given(st.integers(-20_000, 20_000), st.integers(-20_000, 20_000), st.integers(2, 9_000), st.data())
def test_a_sample_rounded_off_the_line_moves_a_crossing_by_what_a_thousandth_takes(
    first: int, last: int, span_ms: int, data: st.DataObject
) -> None:
    at_ms = data.draw(st.integers(1, span_ms - 1))
    rounded = first + (last - first) * at_ms // span_ms
    ends = samples_of((0, first), (span_ms, last))
    plain = totals(exposure(ends, CHILLED, 0, span_ms))
    more = totals(exposure([ends[0], Sample(at_ms, rounded), ends[1]], CHILLED, 0, span_ms))
    milli_takes_ms = span_ms if first == last else -(-span_ms // abs(last - first))
    for one, other in zip(plain, more, strict=True):
        assert abs(one - other) <= 2 * (milli_takes_ms + 1), "one thousandth at each of two crossings"


@given(recordings(), st.integers(-5, 125))
def test_a_silence_longer_than_the_longest_gap_is_never_safe(
    case: tuple[list[Sample], Limits, int, int], from_ms: int
) -> None:
    samples, limits, _, _ = case
    to_ms = from_ms + limits.max_gap_ms + 1
    silent = [sample for sample in samples if not from_ms < sample.at_ms < to_ms]
    assert totals(exposure(silent, limits, from_ms, to_ms)) == (0, 0, 0, to_ms - from_ms)


def test_steady_and_inside_the_limits_is_within() -> None:
    assert exposure(samples_of((0, 5000), (1000, 5000)), CHILLED, 0, 1000) == Exposure(
        samples=2,
        min_milli_c=5000,
        max_milli_c=5000,
        above_ms=0,
        below_ms=0,
        within_ms=1000,
        unknown_ms=0,
        tail_ms=0,
        gaps=(),
        excursions=(),
    )


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        pytest.param([(0, 4000), (1000, 12_000)], (500, 0, 500, 0), id="half of it above"),
        pytest.param([(0, 7999), (1000, 8002)], (667, 0, 333, 0), id="rising: a third, floored"),
        pytest.param([(0, 8002), (1000, 7999)], (666, 0, 334, 0), id="falling: two thirds, floored"),
        pytest.param([(0, 2001), (1000, 1998)], (0, 667, 333, 0), id="falling below"),
        pytest.param([(0, 10_000), (1000, 0)], (200, 200, 600, 0), id="through both limits"),
        pytest.param([(0, 0), (1000, 10_000)], (200, 200, 600, 0), id="and back"),
        pytest.param([(0, 8000), (1000, 8000)], (0, 0, 1000, 0), id="the high limit is within"),
        pytest.param([(0, 2000), (1000, 2000)], (0, 0, 1000, 0), id="the low limit is within"),
        pytest.param([(0, 8001), (1000, 8001)], (1000, 0, 0, 0), id="a thousandth above is above"),
        pytest.param([(0, 1999), (1000, 1999)], (0, 1000, 0, 0), id="a thousandth below is below"),
        pytest.param([(0, 8000), (1, 8001), (2, 8000), (1000, 8000)], (2, 0, 998, 0), id="a needle"),
    ],
)
def test_worked_cases(points: list[tuple[int, int]], expected: tuple[int, int, int, int]) -> None:
    assert totals(exposure(samples_of(*points), CHILLED, 0, 1000)) == expected


def test_neighbouring_pieces_are_one_excursion_with_the_farthest_sample() -> None:
    points = samples_of((0, 4000), (1000, 12_000), (2000, 11_000), (3000, 5000), (4000, 1000), (5000, 5000))
    assert exposure(points, CHILLED, 0, 5000).excursions == (
        Excursion(500, 2500, "above", 12_000),
        Excursion(3750, 4250, "below", 1000),
    )


def test_an_excursion_that_only_touches_the_limit_in_between_is_one() -> None:
    points = samples_of((0, 9000), (1000, 8000), (2000, 9000))
    assert exposure(points, CHILLED, 0, 2000).excursions == (Excursion(0, 2000, "above", 9000),)


def test_from_one_side_straight_to_the_other_are_two_excursions() -> None:
    knife = Limits(5000, 5000, 10_000)
    assert exposure(samples_of((0, 6000), (1000, 4000)), knife, 0, 1000).excursions == (
        Excursion(0, 500, "above", 6000),
        Excursion(500, 1000, "below", 4000),
    )


def test_the_longest_gap_is_still_a_line_and_one_millisecond_more_is_unknown() -> None:
    assert totals(exposure(samples_of((0, 5000), (10_000, 5000)), CHILLED, 0, 10_000)) == (0, 0, 10_000, 0)
    result = exposure(samples_of((0, 5000), (10_001, 5000)), CHILLED, 0, 10_001)
    assert totals(result) == (0, 0, 0, 10_001)
    assert result.gaps == ((0, 10_001),)


def test_before_the_first_and_after_the_last_sample_nothing_is_known() -> None:
    result = exposure(samples_of((1000, 5000), (3000, 5000)), CHILLED, 0, 7000)
    assert result.gaps == ((0, 1000), (3000, 7000))
    assert (result.within_ms, result.unknown_ms, result.tail_ms) == (2000, 5000, 4000)


def test_samples_outside_the_window_carry_the_line_across_its_edges() -> None:
    result = exposure(samples_of((-1000, 6001), (1000, 10_000), (3000, 5999)), CHILLED, 0, 2000)
    assert result.excursions == (Excursion(0, 1999, "above", 10_000),), (
        "8000.5 at the start, 7999.5 at the end"
    )
    assert (result.samples, result.min_milli_c, result.max_milli_c) == (1, 10_000, 10_000)
    assert (result.gaps, result.tail_ms) == ((), 0)


def test_an_edge_inside_an_excursion_shows_the_interpolated_value() -> None:
    rising = samples_of((0, 9000), (1000, 10_001))
    assert exposure(rising, CHILLED, 250, 750).excursions == (Excursion(250, 750, "above", 9750),)
    falling = samples_of((0, 10_001), (1000, 9000))
    assert exposure(falling, CHILLED, 250, 750).excursions == (Excursion(250, 750, "above", 9751),)


def test_a_lone_hot_sample_between_gaps_is_shown_though_its_time_is_unknown() -> None:
    result = exposure(samples_of((50_000, 9000)), CHILLED, 0, 100_000)
    assert result.excursions == (Excursion(50_000, 50_000, "above", 9000),)
    assert (result.above_ms, result.unknown_ms) == (0, 100_000)
    assert result.gaps == ((0, 50_000), (50_000, 100_000))


@pytest.mark.parametrize("at_ms", [0, 1000])
def test_a_lone_hot_sample_at_an_edge_of_the_window_is_inside(at_ms: int) -> None:
    result = exposure(samples_of((at_ms, 9000)), CHILLED, 0, 1000)
    assert result.excursions == (Excursion(at_ms, at_ms, "above", 9000),)
    assert (result.samples, result.max_milli_c) == (1, 9000)


def test_without_samples_all_is_unknown() -> None:
    result = exposure([], CHILLED, 5, 1005)
    assert totals(result) == (0, 0, 0, 1000)
    assert (result.samples, result.min_milli_c, result.max_milli_c, result.tail_ms) == (0, None, None, 1000)
    assert (result.gaps, result.excursions) == (((5, 1005),), ())


@pytest.mark.parametrize(("at_ms", "tail_ms"), [(-500, 1000), (1500, 0), (0, 1000), (1000, 0)])
def test_the_tail_is_what_follows_the_last_sample(at_ms: int, tail_ms: int) -> None:
    result = exposure(samples_of((at_ms, 5000)), CHILLED, 0, 1000)
    assert (result.tail_ms, result.unknown_ms) == (tail_ms, 1000)


def test_an_empty_window_holds_nothing() -> None:
    assert totals(exposure(samples_of((0, 9000), (10, 9000)), CHILLED, 5, 5)) == (0, 0, 0, 0)


@pytest.mark.parametrize("points", [[(0, 5000), (0, 5000)], [(0, 5000), (0, 6000)], [(5, 5000), (4, 5000)]])
def test_times_that_repeat_or_go_back_are_refused(points: list[tuple[int, int]]) -> None:
    with pytest.raises(ReadingsError, match="follows one at"):
        exposure(samples_of(*points), CHILLED, 0, 1000)


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ReadingsError, match="cannot end"):
        exposure([], CHILLED, 1, 0)


@pytest.mark.parametrize(("low", "high", "max_gap_ms"), [(8001, 8000, 1), (0, 1, 0), (0, 1, -1)])
def test_limits_that_nothing_can_meet_are_refused(low: int, high: int, max_gap_ms: int) -> None:
    with pytest.raises(ReadingsError, match="not a pair of limits"):
        Limits(low, high, max_gap_ms)


def test_a_reading_in_degrees_celsius_becomes_a_sample() -> None:
    assert sample_of(Reading("temp", "Cel", 17, -18.0625)) == Sample(17, -18062)
    assert milli(4.0625) == 4063
    with pytest.raises(ReadingsError, match="%RH"):
        sample_of(Reading("rh", "%RH", 17, 80))
