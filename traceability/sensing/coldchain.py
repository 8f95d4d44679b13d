"""How long a temperature was above, below or within its limits, and how long nobody knows.

Integers only, thousandths of a degree Celsius and milliseconds, so that every
language gives the same result to the last digit. Between two samples no farther
apart than ``max_gap_ms`` the temperature is taken to be the straight line between
them, and each millisecond counts by its last instant: crossings are floor-divided.
A longer interval, and whatever lies before the first or after the last sample, is
unknown, never safe.

A limit itself is within: above means strictly above. Totals add up exactly to the
length of the window, and cutting a window in two changes no total.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from traceability.errors import ReadingsError
from traceability.sensing.senml import Reading
from traceability.sensing.senml import milli as milli

Side = Literal["above", "below", "within"]
_MIRRORED: Final[dict[Side, Side]] = {"above": "below", "below": "above", "within": "within"}


@dataclass(frozen=True, slots=True)
class Sample:
    """A temperature in thousandths of a degree Celsius at a time in milliseconds."""

    at_ms: int
    milli_c: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a product bears; ``max_gap_ms`` is the longest interval to interpolate over."""

    low_milli_c: int
    high_milli_c: int
    max_gap_ms: int

    def __post_init__(self) -> None:
        if self.low_milli_c > self.high_milli_c or self.max_gap_ms <= 0:
            raise ReadingsError(f"not a pair of limits and a longest gap: {self}")


@dataclass(frozen=True, slots=True)
class Excursion:
    """An unbroken time on one side of the limits.

    It has no length where a single sample outside the limits stands between gaps.
    ``extreme_milli_c`` is the farthest value, interpolated only where the window's
    edge cuts a line, and then rounded towards the sample before.
    """

    from_ms: int
    to_ms: int
    side: Literal["above", "below"]
    extreme_milli_c: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """Totals of a window; ``above_ms + below_ms + within_ms + unknown_ms`` is its length.

    ``samples``, ``min_milli_c`` and ``max_milli_c`` are of the samples inside the
    window, both ends included. ``tail_ms`` is the part of ``unknown_ms`` after the
    last sample: a live window's next reading is not yet due while it is short.
    """

    samples: int
    min_milli_c: int | None
    max_milli_c: int | None
    above_ms: int
    below_ms: int
    within_ms: int
    unknown_ms: int
    tail_ms: int
    gaps: tuple[tuple[int, int], ...]
    excursions: tuple[Excursion, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the line between two samples that lies on one side throughout."""

    from_ms: int
    to_ms: int
    side: Side
    farthest_milli_c: int


def sample_of(reading: Reading) -> Sample:
    """A reading in degrees Celsius as a sample.

    Raises:
        ReadingsError: another unit.
    """
    if reading.unit != "Cel":
        raise ReadingsError(f"{reading.name} is in {reading.unit}, not in Cel")
    return Sample(reading.at_ms, milli(reading.value))


def exposure(samples: Sequence[Sample], limits: Limits, start_ms: int, end_ms: int) -> Exposure:
    """Time above, below, within and unknown in a window.

    Args:
        samples: n >= 0, strictly increasing ``at_ms``, one sensor. Those just outside
            the window are used for the line across its edges.
        limits: see ``Limits``.
        start_ms, end_ms: the window, start <= end.

    Returns:
        Totals, gaps and excursions, all inside the window.

    Raises:
        ReadingsError: a time repeats or goes back, or the window ends before it starts.
    """
    if start_ms > end_ms:
        raise ReadingsError(f"a window from {start_ms} ms cannot end at {end_ms} ms")
    for earlier, later in pairwise(samples):
        if later.at_ms <= earlier.at_ms:
            raise ReadingsError(f"a sample at {later.at_ms} ms follows one at {earlier.at_ms} ms")
    inside = [sample.milli_c for sample in samples if start_ms <= sample.at_ms <= end_ms]
    pieces = list(_pieces(samples, limits, start_ms, end_ms))
    gaps = tuple(_gaps(samples, limits.max_gap_ms, start_ms, end_ms))
    total_ms: dict[Side, int] = {"above": 0, "below": 0, "within": 0}
    for piece in pieces:
        total_ms[piece.side] += piece.to_ms - piece.from_ms
    last_ms = max(samples[-1].at_ms, start_ms) if samples else start_ms
    return Exposure(
        samples=len(inside),
        min_milli_c=min(inside, default=None),
        max_milli_c=max(inside, default=None),
        above_ms=total_ms["above"],
        below_ms=total_ms["below"],
        within_ms=total_ms["within"],
        unknown_ms=sum(to_ms - from_ms for from_ms, to_ms in gaps),
        tail_ms=max(end_ms - last_ms, 0),
        gaps=gaps,
        excursions=_excursions(pieces),
    )


def _pieces(samples: Sequence[Sample], limits: Limits, start_ms: int, end_ms: int) -> Iterator[_Piece]:
    """Each sample in the window, and each line from it to the next, in order of time."""
    low, high = limits.low_milli_c, limits.high_milli_c
    for a, b in zip(samples, (*samples, None)[1:], strict=True):
        if start_ms <= a.at_ms <= end_ms:
            yield _Piece(a.at_ms, a.at_ms, _side(a.milli_c, low, high), a.milli_c)
        if b is None or b.at_ms - a.at_ms > limits.max_gap_ms:
            continue
        for line_from, line_to, side in _split(a.at_ms, b.at_ms, a.milli_c, b.milli_c, low, high):
            from_ms, to_ms = max(line_from, start_ms), min(line_to, end_ms)
            if from_ms < to_ms:
                farther = max if side == "above" else min
                yield _Piece(from_ms, to_ms, side, farther(value_at(a, b, from_ms), value_at(a, b, to_ms)))


def _split(
    from_ms: int, to_ms: int, first: int, last: int, low: int, high: int
) -> Iterator[tuple[int, int, Side]]:
    """A straight line cut where it crosses a limit; a falling one is a rising one mirrored."""
    if last < first:
        for part_from, part_to, side in _split(from_ms, to_ms, -first, -last, -high, -low):
            yield part_from, part_to, _MIRRORED[side]
    elif last == first:
        yield from_ms, to_ms, _side(first, low, high)
    else:
        span_ms, rise = to_ms - from_ms, last - first
        low_ms = from_ms + min(max((low - first) * span_ms // rise, 0), span_ms)
        high_ms = from_ms + min(max((high - first) * span_ms // rise, 0), span_ms)
        yield from_ms, low_ms, "below"
        yield low_ms, high_ms, "within"
        yield high_ms, to_ms, "above"


def _side(milli_c: int, low: int, high: int) -> Side:
    if milli_c > high:
        return "above"
    return "below" if milli_c < low else "within"


def value_at(a: Sample, b: Sample, at_ms: int) -> int:
    """The line from ``a`` to ``b`` at a time, rounded towards ``a``."""
    change = abs(b.milli_c - a.milli_c) * (at_ms - a.at_ms) // (b.at_ms - a.at_ms)
    return a.milli_c + change if b.milli_c > a.milli_c else a.milli_c - change


def _gaps(
    samples: Sequence[Sample], max_gap_ms: int, start_ms: int, end_ms: int
) -> Iterator[tuple[int, int]]:
    """What no line covers, inside the window."""
    times = [start_ms, *(sample.at_ms for sample in samples), end_ms]
    for position, (earlier, later) in enumerate(pairwise(times)):
        outermost = position in (0, len(samples))
        from_ms, to_ms = max(earlier, start_ms), min(later, end_ms)
        if from_ms < to_ms and (outermost or later - earlier > max_gap_ms):
            yield from_ms, to_ms


def _excursions(pieces: Sequence[_Piece]) -> tuple[Excursion, ...]:
    """Pieces outside the limits, those that touch joined."""
    joined: list[Excursion] = []
    for piece in pieces:
        if piece.side == "within":
            continue
        from_ms, extreme = piece.from_ms, piece.farthest_milli_c
        if joined and joined[-1].side == piece.side and joined[-1].to_ms == from_ms:
            before = joined.pop()
            farther = max if piece.side == "above" else min
            from_ms, extreme = before.from_ms, farther(before.extreme_milli_c, extreme)
        joined.append(Excursion(from_ms, piece.to_ms, piece.side, extreme))
    return tuple(joined)
