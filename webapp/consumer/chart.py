"""The drawn line: temperatures over the limit band, hours without data hatched, never joined.

What goods are not judged by, a unit's supply air, is a thin line behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from traceability.sensing.coldchain import Sample
from traceability.verification.journey import Journey
from traceability.verification.stays import NO_LIMITS
from webapp.consumer.curves import (
    Span,
    ends_of,
    extremes,
    judged_spans,
    outside,
    pieces,
    quiet_spans,
    unknown,
)
from webapp.i18n import show_time

WIDTH: Final = 600
HEIGHT: Final = 340
LEFT: Final = 42
RIGHT: Final = 8
TOP: Final = 34
BOTTOM: Final = 30
COLUMN_PX: Final = 1.5
"""Of all samples in one column of this width, the lowest and the highest are drawn."""
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in drawing units."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled place on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template draws."""

    lines: tuple[str, ...]
    beside: tuple[str, ...]
    hot: tuple[Box, ...]
    band: Box | None
    unknown: tuple[Box, ...]
    stays: tuple[Box, ...]
    x_marks: tuple[Mark, ...]
    y_marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class _Scale:
    from_ms: int
    to_ms: int
    low: int
    high: int

    def x(self, at_ms: int) -> float:
        share = (min(max(at_ms, self.from_ms), self.to_ms) - self.from_ms) / max(1, self.to_ms - self.from_ms)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, milli_c: int) -> float:
        share = (min(max(milli_c, self.low), self.high) - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def box(self, from_ms: int, to_ms: int, low: int, high: int) -> Box:
        x, y = self.x(from_ms), self.y(high)
        return Box(x, y, round(max(1.0, self.x(to_ms) - x), 1), round(max(1.0, self.y(low) - y), 1))


def draw(journey: Journey, offset: str) -> Chart | None:
    """The chart of a journey's stays; None when nothing was measured."""
    spans, quiet = judged_spans(journey), quiet_spans(journey)
    if not quiet and all(span.curve is None for span in spans):
        return None
    scale = _scale(journey, spans, quiet)
    limits = journey.limits if journey.limits != NO_LIMITS else None
    return Chart(
        lines=tuple(_points(scale, piece) for span in spans for piece in pieces(span, journey.limits)),
        beside=tuple(_points(scale, piece) for span in quiet for piece in pieces(span, journey.limits)),
        hot=tuple(scale.box(a, b, scale.low, scale.high) for a, b in outside(spans)),
        band=scale.box(scale.from_ms, scale.to_ms, limits.low_milli_c, limits.high_milli_c)
        if limits
        else None,
        unknown=tuple(scale.box(a, b, scale.low, scale.high) for a, b in unknown(spans)),
        stays=tuple(scale.box(s.from_ms, s.to_ms, scale.low, scale.high) for s in journey.stays),
        x_marks=tuple(_x_marks(scale, offset)),
        y_marks=tuple(_y_marks(scale)),
    )


def _scale(journey: Journey, spans: Sequence[Span], quiet: Sequence[Span]) -> _Scale:
    """Time from the first stay to the end of the last; temperature over what was measured in them."""
    low, high = ends_of((*spans, *quiet), journey.limits)
    return _Scale(min(s.from_ms for s in spans), max(s.to_ms for s in spans), low - 1000, high + 1000)


def _points(scale: _Scale, samples: Sequence[Sample]) -> str:
    kept = extremes(samples, lambda s: int(scale.x(s.at_ms) / COLUMN_PX))
    if len(kept) == 1:  # a line of no length, which round ends make a dot
        kept *= 2
    return " ".join(f"{scale.x(s.at_ms):g},{scale.y(s.milli_c):g}" for s in kept)


def _x_marks(scale: _Scale, offset: str) -> Iterable[Mark]:
    """Midnights at the journey's own offset; for a short journey its two ends."""
    sign = -1 if offset[0] == "-" else 1
    shift = sign * (int(offset[1:3]) * 60 + int(offset[4:6])) * 60_000
    first = -((-scale.from_ms - shift) // _DAY_MS) * _DAY_MS - shift
    midnights = range(first, scale.to_ms, _DAY_MS)
    if len(midnights) < 2:
        return [Mark(scale.x(t), show_time(t, offset, "short")) for t in (scale.from_ms, scale.to_ms)]
    every = -(-len(midnights) // 6)
    return [Mark(scale.x(t), show_time(t, offset, "date")) for t in midnights[::every]]


def _y_marks(scale: _Scale) -> Iterable[Mark]:
    span = (scale.high - scale.low) // 1000
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 500) if span <= 6 * s or s == 500)
    first = -(-scale.low // 1000 // step) * step
    degrees = range(first, scale.high // 1000 + 1, step)
    return [Mark(scale.y(d * 1000), f"{d}".replace("-", "\N{MINUS SIGN}") + "°") for d in degrees]
