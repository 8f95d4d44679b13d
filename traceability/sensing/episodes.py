"""Excursions as an alarm sees them: with hysteresis, with a least duration, without doors and defrosts.

What a verdict says of a stay is `coldchain.exposure`, to the millisecond and without mercy. A
person is to be woken for less: once outside its limits a curve is outside until it is back by
the hysteresis, and counts when that has lasted long enough. While a door is open or a unit
defrosts the air is warm and the goods are not: that time is not counted, for the air alone,
and never for longer than ``LONGEST_MASK_MS`` at a stretch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from traceability.sensing.coldchain import Excursion, Limits, Sample, exposure

LONGEST_MASK_MS: Final = 30 * 60 * 1000
"""So long a door or a defrost excuses the air (assumed); what lasts longer warms the goods too."""
ON_MILLI: Final = 500
"""A switch is on from here: channels in the unit ``/`` are 0 or 1, or a share of the interval."""

Span = tuple[int, int]
"""From and to, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """By how much a curve must come back, and how long it must have been outside to count."""

    hysteresis_milli_c: int
    lasting_ms: int


@dataclass(frozen=True, slots=True)
class Episode:
    """A time outside that counts; ``outside_ms`` is its length without what is masked.

    ``ongoing`` says that the last sample is part of it.
    """

    from_ms: int
    to_ms: int
    side: Literal["above", "below"]
    extreme_milli_c: int
    outside_ms: int
    ongoing: bool


def episodes(
    samples: Sequence[Sample], limits: Limits, rule: Rule, masks: Sequence[Span] = ()
) -> tuple[Episode, ...]:
    """The episodes of a curve, in order of time.

    Args:
        samples: n >= 0, strictly increasing in time, one sensor.
        masks: times that do not count, disjoint: see ``switched_on``; none for a probe in the goods.

    Raises:
        ReadingsError: see ``coldchain.exposure``.
    """
    if not samples:
        return ()
    start_ms, end_ms = samples[0].at_ms, samples[-1].at_ms
    outside = exposure(samples, limits, start_ms, end_ms).excursions
    lasting = exposure(samples, _narrower(limits, rule), start_ms, end_ms).excursions
    found = []
    for long in lasting:
        inner = [e for e in outside if e.side == long.side and long.from_ms <= e.from_ms <= long.to_ms]
        if inner:
            found.append(_episode(inner, long.to_ms, end_ms, masks))
    return tuple(e for e in found if e.outside_ms >= rule.lasting_ms)


def is_back(sample: Sample, limits: Limits, rule: Rule) -> bool:
    """Whether a sample is within the limits by the hysteresis."""
    inner = _narrower(limits, rule)
    return inner.low_milli_c <= sample.milli_c <= inner.high_milli_c


def switched_on(states: Sequence[Sample], max_gap_ms: int) -> tuple[Span, ...]:
    """When a switch was on: from a reading that says so to the next one, none longer than a mask may be.

    Args:
        states: its readings in thousandths, strictly increasing in time.
        max_gap_ms: so long a reading is believed where none follows it.
    """
    spans: list[Span] = []
    for state, after in zip(states, (*states[1:], None), strict=True):
        if state.milli_c < ON_MILLI:
            continue
        believed_ms = state.at_ms + max_gap_ms
        to_ms = believed_ms if after is None else min(after.at_ms, believed_ms)
        touches = spans and spans[-1][1] == state.at_ms
        spans.append((spans.pop()[0] if touches else state.at_ms, to_ms))
    return tuple((from_ms, min(to_ms, from_ms + LONGEST_MASK_MS)) for from_ms, to_ms in spans)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans as few, disjoint and in order."""
    merged: list[Span] = []
    for from_ms, to_ms in sorted(spans):
        if merged and from_ms <= merged[-1][1]:
            begun, reached = merged.pop()
            from_ms, to_ms = begun, max(reached, to_ms)
        merged.append((from_ms, to_ms))
    return tuple(merged)


def _narrower(limits: Limits, rule: Rule) -> Limits:
    by = min(rule.hysteresis_milli_c, (limits.high_milli_c - limits.low_milli_c) // 2)
    return Limits(limits.low_milli_c + by, limits.high_milli_c - by, limits.max_gap_ms)


def _episode(inner: Sequence[Excursion], to_ms: int, end_ms: int, masks: Sequence[Span]) -> Episode:
    from_ms, side = inner[0].from_ms, inner[0].side
    farthest = max if side == "above" else min
    masked_ms = sum(_overlaps((from_ms, to_ms), masks))
    return Episode(
        from_ms=from_ms,
        to_ms=to_ms,
        side=side,
        extreme_milli_c=farthest(e.extreme_milli_c for e in inner),
        outside_ms=to_ms - from_ms - masked_ms,
        ongoing=to_ms == end_ms,
    )


def _overlaps(span: Span, masks: Sequence[Span]) -> Iterator[int]:
    for from_ms, to_ms in masks:
        yield max(0, min(span[1], to_ms) - max(span[0], from_ms))
