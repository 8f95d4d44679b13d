"""The temperatures of a journey as numbers, for a script that zooms into them.

However long the time that is asked for, what is answered is bounded: of the samples in one column of the
drawing the lowest and the highest are told, and a shorter time has narrower columns.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from traceability.sensing.coldchain import Sample
from traceability.verification.journey import Journey
from traceability.verification.stays import NO_LIMITS
from webapp.consumer.cold import asset_name, role_name
from webapp.consumer.curves import (
    Span,
    Stretch,
    ends_of,
    extremes,
    judged_spans,
    outside,
    pieces,
    quiet_spans,
    unknown,
)
from webapp.consumer.story import offset_of
from webapp.i18n import translate

Point: TypeAlias = "tuple[int, int | None]"
COLUMNS: Final = 800
"""Of one line in one answer; two points each at most."""
MOST_COLUMNS: Final = 6400
"""Of all lines together."""


@dataclass(slots=True)
class _Line:
    """What one channel measured in one place after another; ``number`` tells those of one name apart."""

    name: str
    judged: bool
    number: int
    spans: list[Span] = field(default_factory=list)


def zoomed(journey: Journey, window: Stretch | None = None) -> Mapping[str, Any] | None:
    """Lines, limits and shaded stretches of a window; None when nothing was measured.

    Args:
        window: from when to when, in milliseconds; the whole journey if there is none, and no more than it.

    Returns:
        What JSON can hold: times in milliseconds, temperatures in thousandths of a degree; between two
        pieces of a line stands None. ``column_ms`` is 0 where every sample of the window is told.
    """
    spans, quiet = judged_spans(journey), quiet_spans(journey)
    lines = _lines([span for span in (*spans, *quiet) if span.curve is not None])
    if not lines:
        return None
    whole = min(s.from_ms for s in spans), max(s.to_ms for s in spans)
    from_ms, to_ms = _within(whole, window)
    column_ms = max(1, (to_ms - from_ms) // min(COLUMNS, max(1, MOST_COLUMNS // len(lines))))
    told = [_points(line, journey, (from_ms, to_ms), column_ms) for line in lines]
    low, high = ends_of((*spans, *quiet), journey.limits)
    limits = journey.limits if journey.limits != NO_LIMITS else None
    return {
        "whole_ms": whole,
        "window_ms": (from_ms, to_ms),
        "column_ms": column_ms if any(left_out for _, left_out in told) else 0,
        "offset": offset_of(journey),
        "limits_milli_c": (limits.low_milli_c, limits.high_milli_c) if limits else None,
        "ends_milli_c": (low, high),
        "stays": [
            {"name": asset_name(journey, stay), "ms": (stay.from_ms, stay.to_ms)} for stay in journey.stays
        ],
        "outside_ms": _joined(outside(spans), column_ms),
        "unknown_ms": _joined(unknown(spans), column_ms),
        "lines": [
            {"name": line.name, "number": line.number, "judged": line.judged, "points": points}
            for line, (points, _) in zip(lines, told, strict=True)
        ],
    }


def _within(whole: Stretch, window: Stretch | None) -> Stretch:
    if window is None:
        return whole
    from_ms, to_ms = max(window[0], whole[0]), min(window[1], whole[1])
    return (from_ms, to_ms) if from_ms < to_ms else whole


def _lines(spans: Iterable[Span]) -> list[_Line]:
    """Spans of one name as one line; those that overlap as several."""
    lines: list[_Line] = []
    for span in sorted(spans, key=lambda s: (not s.judged, s.from_ms)):
        name = _name(span)
        alike = [line for line in lines if (line.name, line.judged) == (name, span.judged)]
        free = next((line for line in alike if line.spans[-1].to_ms <= span.from_ms), None)
        if free is None:
            free = _Line(name, span.judged, len(alike) + 1)
            lines.append(free)
        free.spans.append(span)
    return lines


def _name(span: Span) -> str:
    """What is measured, in the reader's words; else what the device calls it."""
    own = span.curve.name if span.curve is not None else ""
    return role_name(span.role) if span.role else translate("air") if own == "air" else own


def _points(line: _Line, journey: Journey, window: Stretch, column_ms: int) -> tuple[list[Point], bool]:
    """Time and temperature of what is drawn, and whether samples were left out.

    Nothing stands between two pieces that are nearer to each other than can be seen.
    """
    found = [_seen(piece, window) for span in line.spans for piece in pieces(span, journey.limits)]
    seen = [sample for piece in found for sample in piece]
    begins = [piece[0].at_ms for piece in found if piece]
    kept = extremes(seen, lambda s: s.at_ms // column_ms)
    points: list[Point] = []
    for sample in kept:
        before_ms = points[-1][0] if points else sample.at_ms
        broken = bisect_right(begins, before_ms) < bisect_right(begins, sample.at_ms)
        if broken and sample.at_ms - before_ms > column_ms:
            points.append(((before_ms + sample.at_ms) // 2, None))
        points.append((sample.at_ms, sample.milli_c))
    return points, len(kept) < len(seen)


def _seen(piece: Sequence[Sample], window: Stretch) -> Sequence[Sample]:
    """The samples in a window and the next on either side, so that a line goes on to the edge."""
    inside = [i for i, s in enumerate(piece) if window[0] <= s.at_ms <= window[1]]
    if inside:
        return piece[max(0, inside[0] - 1) : inside[-1] + 2]
    after = next((i for i, s in enumerate(piece) if s.at_ms > window[1]), None)
    return piece[after - 1 : after + 1] if after else ()


def _joined(stretches: Iterable[Stretch], least_ms: int) -> list[Stretch]:
    """The same in order, with those as one that are nearer to each other than can be seen."""
    return list(_join(sorted(stretches), least_ms))


def _join(stretches: Sequence[Stretch], least_ms: int) -> Iterator[Stretch]:
    if not stretches:
        return
    from_ms, to_ms = stretches[0]
    for begin, end in stretches[1:]:
        if begin - to_ms > least_ms:
            yield from_ms, to_ms
            from_ms, to_ms = begin, end
        to_ms = max(to_ms, end)
    yield from_ms, to_ms
