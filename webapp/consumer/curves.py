"""What there is to draw of a journey's temperatures, in milliseconds and thousandths of a degree.

Gaps longer than the limits allow are never bridged, and what lies between two places is in none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from traceability.sensing.channels import Role
from traceability.sensing.coldchain import Limits, Sample
from traceability.verification.journey import Journey
from traceability.verification.stays import NO_LIMITS, Curve
from webapp.consumer.cold import beside, gaps, relays

Stretch: TypeAlias = tuple[int, int]
"""From when to when, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a sensor should have measured, and what it did measure.

    ``role`` is what its channel was said to measure; ``judged`` whether goods are judged by it.
    """

    from_ms: int
    to_ms: int
    curve: Curve | None
    gaps: Sequence[Stretch] = ()
    role: Role | None = None
    judged: bool = True


def judged_spans(journey: Journey) -> list[Span]:
    """Every curve by which goods are judged; a stay without readings once, without a curve."""
    found = []
    for stay in journey.stays:
        turns = [turn for each in relays(stay, journey.limits) for turn in each]
        found += [
            Span(t.from_ms, t.to_ms, t.curve, gaps(t, stay, journey.limits), stay.role(t.curve))
            for t in turns
        ]
        if not turns:
            found.append(Span(stay.from_ms, stay.to_ms, None, [(stay.from_ms, stay.to_ms)]))
    return found


def quiet_spans(journey: Journey) -> list[Span]:
    """What was measured beside, and does not count."""
    return [
        Span(stay.from_ms, stay.to_ms, curve, role=role, judged=False)
        for stay in journey.stays
        for role, curve in beside(stay)
    ]


def outside(spans: Iterable[Span]) -> list[Stretch]:
    """When the goods were outside their limits, as each of the sensors says."""
    curves = [span.curve for span in spans if span.curve is not None]
    return [(e.from_ms, e.to_ms) for curve in curves for e in curve.exposure.excursions]


def unknown(spans: Sequence[Span]) -> Iterator[Stretch]:
    """Times without data in a place, and the times in no place; where sensors differ, all of their gaps."""
    for span in spans:
        yield from span.gaps
    reached = min(s.from_ms for s in spans)
    for from_ms, to_ms in sorted((s.from_ms, s.to_ms) for s in spans):
        if from_ms > reached:
            yield reached, from_ms
        reached = max(reached, to_ms)


def ends_of(spans: Iterable[Span], limits: Limits) -> tuple[int, int]:
    """The lowest and the highest that a drawing has to have room for, limits included."""
    values = [
        sample.milli_c
        for span in spans
        if span.curve is not None
        for sample in span.curve.samples
        if span.from_ms <= sample.at_ms <= span.to_ms
    ]
    if limits != NO_LIMITS:
        values += [limits.low_milli_c, limits.high_milli_c]
    return min(values, default=0), max(values, default=0)


def pieces(span: Span, limits: Limits) -> Iterator[list[Sample]]:
    """The samples of a span as unbroken lines, with a point where one crosses an edge of it."""
    samples = span.curve.samples if span.curve is not None else ()
    edged = _with_edges(samples, span.from_ms, span.to_ms, limits)
    inside = [s for s in edged if span.from_ms <= s.at_ms <= span.to_ms]
    piece = inside[:1]
    for before, after in pairwise(inside):
        if after.at_ms - before.at_ms > limits.max_gap_ms:
            yield piece
            piece = []
        piece.append(after)
    if piece:
        yield piece


def _with_edges(samples: Sequence[Sample], from_ms: int, to_ms: int, limits: Limits) -> Iterator[Sample]:
    for before, after in pairwise(samples):
        yield before
        if after.at_ms - before.at_ms > limits.max_gap_ms:
            continue
        for edge_ms in (from_ms, to_ms):
            if before.at_ms < edge_ms < after.at_ms:
                share = (edge_ms - before.at_ms) / (after.at_ms - before.at_ms)
                yield Sample(edge_ms, round(before.milli_c + share * (after.milli_c - before.milli_c)))
    yield from samples[-1:]


def extremes(samples: Iterable[Sample], column_of: Callable[[Sample], Hashable]) -> list[Sample]:
    """Of all samples in one column, the lowest and the highest; in order of time."""
    columns: dict[Hashable, list[Sample]] = {}
    for sample in samples:
        columns.setdefault(column_of(sample), []).append(sample)
    kept: list[Sample] = []
    for column in columns.values():
        found = {min(column, key=_milli), max(column, key=_milli)}
        kept += sorted(found, key=lambda s: s.at_ms)
    return kept


def _milli(sample: Sample) -> int:
    return sample.milli_c
