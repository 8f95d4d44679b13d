"""The drawn line: temperatures over the limit band, hours without data hatched, never joined.

What goods are not judged by, a unit's supply air, is a thin line behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from traceability.sensing.coldchain import Limits, Sample
from traceability.verification.journey import Journey
from traceability.verification.stays import NO_LIMITS, Curve
from webapp.consumer.cold import beside, gaps, relays
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
class _Span:
    """A time in which a sensor should have measured, and what it did measure."""

    from_ms: int
    to_ms: int
    curve: Curve | None
    gaps: Sequence[tuple[int, int]]


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
    spans = _spans(journey)
    curves = [s.curve for s in spans if s.curve is not None]
    quiet = [(curve, s.from_ms, s.to_ms) for s in journey.stays for _, curve in beside(s)]
    if not curves and not quiet:
        return None
    scale = _scale(journey, spans, quiet)
    limits = journey.limits if journey.limits != NO_LIMITS else None
    return Chart(
        lines=tuple(
            line
            for s in spans
            if s.curve is not None
            for line in _lines(scale, s.curve, s.from_ms, s.to_ms, journey.limits)
        ),
        beside=tuple(
            line
            for curve, from_ms, to_ms in quiet
            for line in _lines(scale, curve, from_ms, to_ms, journey.limits)
        ),
        hot=tuple(
            scale.box(e.from_ms, e.to_ms, scale.low, scale.high)
            for c in curves
            for e in c.exposure.excursions
        ),
        band=scale.box(scale.from_ms, scale.to_ms, limits.low_milli_c, limits.high_milli_c)
        if limits
        else None,
        unknown=tuple(scale.box(a, b, scale.low, scale.high) for a, b in _unknown(spans)),
        stays=tuple(scale.box(s.from_ms, s.to_ms, scale.low, scale.high) for s in journey.stays),
        x_marks=tuple(_x_marks(scale, offset)),
        y_marks=tuple(_y_marks(scale)),
    )


def _spans(journey: Journey) -> list[_Span]:
    """Every curve with the time it speaks about; a stay without readings once, without a curve."""
    found = []
    for stay in journey.stays:
        turns = [turn for each in relays(stay, journey.limits) for turn in each]
        found += [_Span(t.from_ms, t.to_ms, t.curve, gaps(t, stay, journey.limits)) for t in turns]
        if not turns:
            found.append(_Span(stay.from_ms, stay.to_ms, None, [(stay.from_ms, stay.to_ms)]))
    return found


def _scale(journey: Journey, spans: Sequence[_Span], quiet: Sequence[tuple[Curve, int, int]]) -> _Scale:
    """Time from the first stay to the end of the last; temperature over what was measured in them."""
    drawn = [(s.curve, s.from_ms, s.to_ms) for s in spans if s.curve is not None]
    values = [
        sample.milli_c
        for curve, from_ms, to_ms in (*drawn, *quiet)
        for sample in curve.samples
        if from_ms <= sample.at_ms <= to_ms
    ]
    if journey.limits != NO_LIMITS:
        values += [journey.limits.low_milli_c, journey.limits.high_milli_c]
    low, high = min(values, default=0) - 1000, max(values, default=0) + 1000
    return _Scale(min(s.from_ms for s in spans), max(s.to_ms for s in spans), low, high)


def _lines(scale: _Scale, curve: Curve, from_ms: int, to_ms: int, limits: Limits) -> Iterable[str]:
    """The samples of one stay as polylines, broken wherever the gap is too long."""
    inside = [s for s in _with_edges(curve.samples, from_ms, to_ms, limits) if from_ms <= s.at_ms <= to_ms]
    piece: list[Sample] = inside[:1]
    for before, after in pairwise(inside):
        if after.at_ms - before.at_ms > limits.max_gap_ms:
            yield _points(scale, piece)
            piece = []
        piece.append(after)
    if piece:
        yield _points(scale, piece)


def _with_edges(samples: Sequence[Sample], from_ms: int, to_ms: int, limits: Limits) -> Iterable[Sample]:
    """The samples, and where the line between two of them crosses an edge of the stay a point on it."""
    for before, after in pairwise(samples):
        yield before
        if after.at_ms - before.at_ms > limits.max_gap_ms:
            continue
        for edge_ms in (from_ms, to_ms):
            if before.at_ms < edge_ms < after.at_ms:
                share = (edge_ms - before.at_ms) / (after.at_ms - before.at_ms)
                yield Sample(edge_ms, round(before.milli_c + share * (after.milli_c - before.milli_c)))
    yield from samples[-1:]


def _points(scale: _Scale, samples: Sequence[Sample]) -> str:
    columns: dict[int, list[Sample]] = {}
    for sample in samples:
        columns.setdefault(int(scale.x(sample.at_ms) / COLUMN_PX), []).append(sample)
    kept: list[Sample] = []
    for column in columns.values():
        extremes = {min(column, key=_milli), max(column, key=_milli)}
        kept += sorted(extremes, key=lambda s: s.at_ms)
    if len(kept) == 1:  # a line of no length, which round ends make a dot
        kept *= 2
    return " ".join(f"{scale.x(s.at_ms):g},{scale.y(s.milli_c):g}" for s in kept)


def _milli(sample: Sample) -> int:
    return sample.milli_c


def _unknown(spans: Sequence[_Span]) -> Iterable[tuple[int, int]]:
    """Times without data in a place, and the times in no place; where sensors differ, all of their gaps."""
    for span in spans:
        yield from span.gaps
    reached = min(s.from_ms for s in spans)
    for from_ms, to_ms in sorted((s.from_ms, s.to_ms) for s in spans):
        if from_ms > reached:
            yield reached, from_ms
        reached = max(reached, to_ms)


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
