"""What the page says, computed from a checked journey: numbers and words, no markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from traceability.sensing.coldchain import Excursion
from traceability.verification.journey import Happening, Journey, StayView
from traceability.verification.stays import NO_LIMITS, Curve
from webapp.i18n import named, show_degrees, show_duration, show_time, translate

STEP_WORDS: Mapping[tuple[str, str], str] = {
    ("creating_class_instance", "ADD"): "Harvested",
    ("packing", "OBSERVE"): "Packed",
    ("inspecting", "OBSERVE"): "Inspected",
    ("shipping", "OBSERVE"): "Shipped",
    ("receiving", "OBSERVE"): "Received",
    ("stocking", "OBSERVE"): "On sale",
    ("storing", "ADD"): "Put into cold storage",
    ("staging_outbound", "DELETE"): "Taken out of cold storage",
    ("loading", "ADD"): "Loaded",
    ("unloading", "DELETE"): "Unloaded",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the timeline."""

    word: str
    region: str
    asset: str
    party: str
    by_node: bool
    happened_ms: int
    recorded_ms: int
    offset: str
    hidden: int


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
    sensors: int


def created_of(journey: Journey) -> Mapping[str, Any]:
    """Master data that the producer gave the batch."""
    ilmd = journey.created.get("ilmd")
    return ilmd if isinstance(ilmd, Mapping) else {}


def steps(journey: Journey) -> list[Step]:
    """The timeline, in order of what happened."""
    ordered = sorted(journey.happenings, key=lambda h: (h.happened_ms, h.seq))
    return [_step(h, journey) for h in ordered]


def stay_rows(journey: Journey) -> list[StayRow]:
    """The stays, with what the sensors say of each."""
    return [
        StayRow(
            name=asset_name(journey, stay),
            from_ms=stay.from_ms,
            to_ms=stay.to_ms,
            left=stay.left,
            cold=worst(stay, journey.limits.max_gap_ms),
            missing=sum(stay.missing.values()),
            declared=sum(stay.declared.values()),
            sensors=len(stay.curves),
        )
        for stay in journey.stays
    ]


def worst(stay: StayView, max_gap_ms: int) -> Cold:
    """The least favourable of several sensors in one place; without any, all of it is unknown."""
    if not stay.curves:
        length_ms = stay.to_ms - stay.from_ms
        return Cold(0, 0, length_ms, None, None, length_ms, ())
    colds = [_cold(curve, 0 if stay.left else max_gap_ms) for curve in stay.curves]
    return max(colds, key=lambda c: (c.outside_ms, c.unknown_ms))


def total(rows: Sequence[StayRow]) -> Cold:
    """All stays together."""
    lows = [r.cold.min_milli_c for r in rows if r.cold.min_milli_c is not None]
    highs = [r.cold.max_milli_c for r in rows if r.cold.max_milli_c is not None]
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
    """Time between the first and the last step in which the batch was in no monitored asset."""
    begin = min(h.happened_ms for h in journey.happenings)
    end = max([h.happened_ms for h in journey.happenings] + [s.to_ms for s in journey.stays])
    reached, covered = begin, 0
    for from_ms, to_ms in sorted((s.from_ms, s.to_ms) for s in journey.stays):
        covered += max(0, to_ms - max(from_ms, reached))
        reached = max(reached, to_ms)
    return max(0, end - begin - covered)


def summary(journey: Journey) -> list[str]:
    """One paragraph of computed sentences."""
    said = [_origin(journey)]
    rows = stay_rows(journey)
    if not rows:
        return [*said, translate("Its temperature was not monitored.")]
    cold = total(rows)
    if cold.min_milli_c is None:
        return [*said, translate("Its places were monitored, but no reading has arrived yet.")]
    extremes = {"low": show_degrees(cold.min_milli_c), "high": show_degrees(cold.max_milli_c)}
    said.append(translate("Measured between %(low)s and %(high)s.", **extremes))
    if journey.limits != NO_LIMITS:
        said.append(translate("Within its limits for %(p)d %% of the monitored time.", p=cold.percent))
        said.append(_outside(cold))
    said.append(_gaps(cold, journey.limits.max_gap_ms))
    if unmonitored := unmonitored_ms(journey):
        said.append(translate("Not monitored for %(t)s.", t=show_duration(unmonitored)))
    return said


def asset_name(journey: Journey, stay: StayView) -> str:
    """What the party that put the batch there calls the asset."""
    entering = next((h.event for h in journey.happenings if h.seq == stay.opened.entered_seq), {})
    return named(entering.get("ft:asset"), stay.opened.asset.rpartition("/")[2])


def chart_description(journey: Journey) -> str:
    """What the drawing shows, for those who do not see it."""
    cold = total(stay_rows(journey))
    return translate(
        "Lowest %(low)s, highest %(high)s; outside the limits for %(out)s, without data for %(gap)s.",
        low=show_degrees(cold.min_milli_c),
        high=show_degrees(cold.max_milli_c),
        out=show_duration(cold.outside_ms),
        gap=show_duration(cold.unknown_ms),
    )


def _cold(curve: Curve, patience_ms: int) -> Cold:
    """One sensor; the end of an open stay is not called a gap while the next reading may be on its way."""
    e = curve.exposure
    due_ms = e.tail_ms if e.tail_ms <= patience_ms else 0
    gaps = e.gaps[:-1] if due_ms else e.gaps
    longest = max((to_ms - from_ms for from_ms, to_ms in gaps), default=0)
    outside = e.above_ms + e.below_ms
    return Cold(
        e.within_ms, outside, e.unknown_ms - due_ms, e.min_milli_c, e.max_milli_c, longest, e.excursions
    )


def _step(happening: Happening, journey: Journey) -> Step:
    event = happening.event
    word = STEP_WORDS.get((str(event.get("bizStep")), str(event.get("action"))), str(event.get("bizStep")))
    return Step(
        word=translate(word),
        region=named(event.get("ft:region")),
        asset=named(event.get("ft:asset")) if event.get("type") == "AggregationEvent" else "",
        party=named(journey.names.get(happening.party), happening.party),
        by_node=happening.custody == "node",
        happened_ms=happening.happened_ms,
        recorded_ms=happening.recorded_ms,
        offset=str(event.get("eventTimeZoneOffset", "+00:00")),
        hidden=happening.hidden,
    )


def _origin(journey: Journey) -> str:
    event = journey.created
    first = next(h for h in journey.happenings if h.event is event)
    when = show_time(first.happened_ms, str(event.get("eventTimeZoneOffset", "+00:00")), "day")
    region = named(event.get("ft:region"))
    if region:
        return translate("Harvested on %(day)s in %(region)s.", day=when, region=region)
    return translate("Recorded as a batch on %(day)s.", day=when)


def _outside(cold: Cold) -> str:
    lasting = [e.to_ms - e.from_ms for e in cold.excursions]
    if not lasting:
        return translate("Never measured outside its limits.")
    if len(lasting) == 1:
        return translate("Once outside its limits, for %(t)s.", t=show_duration(lasting[0]))
    return translate(
        "%(n)d times outside its limits, the longest %(t)s.", n=len(lasting), t=show_duration(max(lasting))
    )


def _gaps(cold: Cold, max_gap_ms: int) -> str:
    if not cold.longest_gap_ms:
        return translate("No gap over %(t)s.", t=show_duration(max_gap_ms))
    return translate(
        "Without data for %(t)s, the longest gap %(g)s.",
        t=show_duration(cold.unknown_ms),
        g=show_duration(cold.longest_gap_ms),
    )
