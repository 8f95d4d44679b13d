"""How cold it was: what the sensors of each stay say, and of all stays together; numbers only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from traceability.sensing.channels import Role
from traceability.sensing.coldchain import Excursion, Limits, exposure
from traceability.verification.journey import Journey, StayView
from traceability.verification.stays import NO_LIMITS, Curve
from webapp.consumer.corrected import standing
from webapp.i18n import named, translate


@dataclass(frozen=True, slots=True)
class Cold:
    """How a stretch of time was, summed over the stays; durations in milliseconds."""

    within_ms: int
    outside_ms: int
    unknown_ms: int
    min_milli_c: int | None
    max_milli_c: int | None
    longest_gap_ms: int
    excursions: tuple[Excursion, ...]

    @property
    def percent(self) -> int:
        """Share of the monitored time that was within the limits, rounded down."""
        total = self.within_ms + self.outside_ms + self.unknown_ms
        return 100 * self.within_ms // total if total else 0


@dataclass(frozen=True, slots=True)
class StayRow:
    """A row of the table under the chart."""

    name: str
    from_ms: int
    to_ms: int
    left: bool
    cold: Cold
    missing: int
    declared: int
    suspected: int
    judged: str
    beside: tuple[Beside, ...]


@dataclass(frozen=True, slots=True)
class Newest:
    """The last reading where the batch is now; ``role`` is empty where nobody said what is measured."""

    place: str
    role: str
    milli_c: int
    at_ms: int
    outside: bool


@dataclass(frozen=True, slots=True)
class Beside:
    """What was measured in a place and does not count: the supply air, the surroundings."""

    role: str
    min_milli_c: int
    max_milli_c: int


def stay_rows(journey: Journey) -> list[StayRow]:
    """The stays and the times with packed loggers, with what the sensors say of each."""
    return [
        StayRow(
            name=asset_name(journey, stay),
            from_ms=stay.from_ms,
            to_ms=stay.to_ms,
            left=stay.left,
            cold=_worst([_cold(turns, stay, journey.limits) for turns in relays(stay, journey.limits)])
            or _unmeasured(stay),
            missing=sum(stay.missing.values()),
            declared=sum(stay.declared.values()),
            suspected=stay.suspected,
            judged=", ".join(dict.fromkeys(role_name(r) for c in stay.judging if (r := stay.role(c)))),
            beside=tuple(_beside(stay)),
        )
        for stay in journey.stays
    ]


def newest(journey: Journey) -> Newest | None:
    """By what the goods are judged; of several sensors that speak at one time the warmest."""
    limits = journey.limits
    found = [
        (curve.samples[-1].at_ms, curve.samples[-1].milli_c, number, stay, curve)
        for stay in journey.stays
        if not stay.left
        for number, curve in enumerate(stay.judging)
        if curve.samples
    ]
    if not found:
        return None
    at_ms, milli_c, _, stay, curve = max(found, key=itemgetter(0, 1))
    role = stay.role(curve)
    outside = limits != NO_LIMITS and not limits.low_milli_c <= milli_c <= limits.high_milli_c
    return Newest(asset_name(journey, stay), role_name(role) if role else "", milli_c, at_ms, outside)


def role_name(role: Role) -> str:
    """What a channel measures, for people."""
    words = {
        Role.AIR_RETURN: translate("return air"),
        Role.AIR_SUPPLY: translate("supply air"),
        Role.PRODUCT: translate("probe in the goods"),
        Role.AMBIENT: translate("surroundings"),
    }
    return words.get(role, translate("something else"))


def beside(stay: StayView) -> Iterator[tuple[Role, Curve]]:
    """The curves of a stay by which goods are not judged, with what they measure."""
    judging = {(c.device, c.name) for c in stay.judging}
    for curve in stay.curves:
        role = stay.role(curve)
        if role is not None and (curve.device, curve.name) not in judging:
            yield role, curve


def _beside(stay: StayView) -> Iterator[Beside]:
    """By role, what such curves say of the time of the stay."""
    found: dict[Role, list[int]] = {}
    for role, curve in beside(stay):
        ends = curve.exposure.min_milli_c, curve.exposure.max_milli_c
        found.setdefault(role, []).extend(end for end in ends if end is not None)
    return (Beside(role_name(role), min(ends), max(ends)) for role, ends in found.items() if ends)


def _worst(colds: Sequence[Cold]) -> Cold | None:
    """The least favourable of several sensors in one place, with the extremes of all of them."""
    if not colds:
        return None
    lows, highs = _extremes(colds)
    worst = max(colds, key=lambda c: (c.outside_ms, c.unknown_ms))
    return replace(worst, min_milli_c=min(lows, default=None), max_milli_c=max(highs, default=None))


def _unmeasured(stay: StayView) -> Cold:
    """A stay without any sensor: all of it is unknown."""
    length_ms = stay.to_ms - stay.from_ms
    return Cold(0, 0, length_ms, None, None, length_ms, ())


def _extremes(colds: Sequence[Cold]) -> tuple[list[int], list[int]]:
    lows = [c.min_milli_c for c in colds if c.min_milli_c is not None]
    return lows, [c.max_milli_c for c in colds if c.max_milli_c is not None]


def total(rows: Sequence[StayRow]) -> Cold:
    """All stays together."""
    lows, highs = _extremes([r.cold for r in rows])
    return Cold(
        within_ms=sum(r.cold.within_ms for r in rows),
        outside_ms=sum(r.cold.outside_ms for r in rows),
        unknown_ms=sum(r.cold.unknown_ms for r in rows),
        min_milli_c=min(lows, default=None),
        max_milli_c=max(highs, default=None),
        longest_gap_ms=max((r.cold.longest_gap_ms for r in rows), default=0),
        excursions=tuple(e for r in rows for e in r.cold.excursions),
    )


def unmonitored_ms(journey: Journey) -> int:
    """Time from the first step to the last step or reading in which no sensor was with the batch."""
    spans = sorted((r.from_ms, r.to_ms) for r in stay_rows(journey))
    # A recall is said of a batch wherever it is; it is no step on its way.
    steps = [h.happened_ms for h in standing(journey) if h.recall is None] or [journey.as_of_ms]
    begin, end = min(steps), max(steps + [to_ms for _, to_ms in spans])
    reached, covered = begin, 0
    for from_ms, to_ms in spans:
        covered += max(0, to_ms - max(from_ms, reached))
        reached = max(reached, to_ms)
    return max(0, end - begin - covered)


def asset_name(journey: Journey, stay: StayView) -> str:
    """What the party that put the batch there calls the asset; a packed logger has none."""
    if stay.opened is None:
        return translate("Sensor packed with the goods")
    entering = next((h.event for h in journey.happenings if h.seq == stay.opened.entered_seq), {})
    return named(entering.get("ft:asset"), stay.opened.asset.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class Turn:
    """The part of a stay in which one sensor had its turn; ``curve.exposure`` is of this part."""

    curve: Curve
    from_ms: int
    to_ms: int


def relays(stay: StayView, limits: Limits) -> list[list[Turn]]:
    """The sensors of a stay by which goods are judged; those that took over from one another are one.

    A sensor took over if the other one had measured for the last time before it measured for the first.
    What lies between the two is without data, however short: no line joins two instruments.
    """
    lines: list[list[Curve]] = []
    for curve in sorted((c for c in stay.judging if c.samples), key=lambda c: c.samples[0].at_ms):
        line = next((found for found in lines if _takes_over(curve, found[-1])), None)
        if line is None:
            lines.append([curve])
        else:
            line.append(curve)
    return [_turns(line, stay, limits) for line in lines]


def _takes_over(curve: Curve, former: Curve) -> bool:
    other = curve.device != former.device and curve.name == former.name
    return other and former.samples[-1].at_ms < curve.samples[0].at_ms


def _turns(line: Sequence[Curve], stay: StayView, limits: Limits) -> list[Turn]:
    if len(line) == 1:
        return [Turn(line[0], stay.from_ms, stay.to_ms)]
    begins = [min(max(curve.samples[0].at_ms, stay.from_ms), stay.to_ms) for curve in line[1:]]
    found = []
    for curve, from_ms, to_ms in zip(line, (stay.from_ms, *begins), (*begins, stay.to_ms), strict=True):
        held = exposure(curve.samples, limits, from_ms, to_ms)
        found.append(Turn(replace(curve, exposure=held), from_ms, to_ms))
    return found


def gaps(turn: Turn, stay: StayView, limits: Limits) -> Sequence[tuple[int, int]]:
    """Times without data; not the end of an open stay while the next reading may be on its way."""
    found, patience_ms = turn.curve.exposure, 0 if stay.left else limits.max_gap_ms
    waiting = turn.to_ms == stay.to_ms and 0 < found.tail_ms <= patience_ms
    return found.gaps[:-1] if waiting else found.gaps


def _cold(turns: Sequence[Turn], stay: StayView, limits: Limits) -> Cold:
    """What a sensor says, and those that took over from it."""
    told = [turn.curve.exposure for turn in turns]
    lengths = [to_ms - from_ms for turn in turns for from_ms, to_ms in gaps(turn, stay, limits)]
    excursions = tuple(e for each in told for e in each.excursions)
    lows = [each.min_milli_c for each in told if each.min_milli_c is not None]
    highs = [each.max_milli_c for each in told if each.max_milli_c is not None]
    return Cold(
        within_ms=sum(each.within_ms for each in told),
        # A single reading outside the limits has no length, but it was there.
        outside_ms=max(sum(each.above_ms + each.below_ms for each in told), int(bool(excursions))),
        unknown_ms=sum(lengths),
        min_milli_c=min(lows, default=None),
        max_milli_c=max(highs, default=None),
        longest_gap_ms=max(lengths, default=0),
        excursions=excursions,
    )
