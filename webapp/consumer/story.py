"""What the page says, computed from a checked journey: numbers and words, no markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from traceability import media
from traceability.sensing.coldchain import Limits
from traceability.supply.epcis.events import begins
from traceability.verification.journey import Journey
from traceability.verification.stays import NO_LIMITS
from webapp.consumer.cold import Cold, stay_rows, total, unmonitored_ms
from webapp.consumer.corrected import creation, is_taken_back
from webapp.consumer.keeping import keeping_sentence
from webapp.consumer.timeline import Step, timeline
from webapp.i18n import (
    language,
    named,
    render_text,
    render_time,
    show_degrees,
    show_duration,
    translate,
)

MINUTE_MS: Final = 60_000
DEMONSTRATION: Final = "0952"
"""What a GTIN-14 with GS1's prefix for demonstrations begins with (GS1 prefix list)."""


@dataclass(frozen=True, slots=True)
class Told:
    """A journey in a few words, for those who came for another one; ``outside_ms`` beyond its limits."""

    product: str
    producer: str
    offset: str
    summary: list[str]
    steps: list[Step]
    outside_ms: int
    rivals: str


def tell(journey: Journey) -> Told:
    """What is told of a batch on the page of one that was made from it."""
    return Told(
        product=product_name(journey),
        producer=producer(journey),
        offset=offset_of(journey),
        summary=summary(journey),
        steps=timeline(journey),
        outside_ms=total(stay_rows(journey)).outside_ms if journey.limits != NO_LIMITS else 0,
        rivals=rivals(journey),
    )


def product_name(journey: Journey) -> str:
    """What the producer calls the product."""
    return named(created_of(journey).get("ft:product"), translate("Unnamed product"))


def created_of(journey: Journey) -> Mapping[str, Any]:
    """Master data that the producer gave the batch; none where only others named it."""
    ilmd = creation(journey).event.get("ilmd") if begins_here(journey) else None
    return ilmd if isinstance(ilmd, Mapping) else {}


def begins_here(journey: Journey) -> bool:
    """Whether it is recorded how the batch came to be; else the first event is one that only names it."""
    found = creation(journey)
    return begins(found.event, journey.batch, found.node)


def offset_of(journey: Journey) -> str:
    """The offset from UTC of the place where the batch came to be."""
    return str(creation(journey).event.get("eventTimeZoneOffset", "+00:00"))


def producer(journey: Journey) -> str:
    """The name of the party by whose event the batch came to be."""
    maker = producer_of(journey)
    return translate("not recorded here") if maker is None else named(journey.names.get(maker), maker)


def producer_of(journey: Journey) -> str | None:
    """URI of that party; None where it is not recorded here how the batch came to be."""
    return creation(journey).party if begins_here(journey) else None


def rivals(journey: Journey) -> str:
    """A sentence that warns of firms who each say that they made the batch; empty if there is one at most."""
    if len(journey.makers) < 2:
        return ""
    names = [named(journey.names.get(party), party) for party in journey.makers]
    return translate(
        "More than one firm says that it made this lot: %(names)s. They contradict each other; "
        "this page follows the one whose record is the first.",
        names=("、" if language() == "zh" else ", ").join(names),
    )


def frames_and_sensors(journey: Journey) -> tuple[int, int]:
    """How many frames and how many devices the temperatures come from; each counted once."""
    frames = {(r.stream, r.seq) for r in journey.records if r.media_type == media.FRAME}
    return len(frames), len({c.device for s in journey.stays for c in s.curves})


def summary(journey: Journey) -> list[str]:
    """One paragraph of computed sentences."""
    said = [_origin(journey)]
    rows = stay_rows(journey)
    if not rows:
        return [*said, translate("Its temperature was not monitored.")]
    cold = total(rows)
    if cold.min_milli_c is None:
        return [*said, translate("Its places were monitored, but no reading has arrived yet.")]
    said.append(_measured(cold))
    known = cold.within_ms + cold.outside_ms >= MINUTE_MS
    if journey.limits != NO_LIMITS:
        if known:
            said.append(_within(cold, journey.limits))
        said.append(_outside(cold))
    if known or cold.longest_gap_ms:
        said.append(_gaps(cold, journey.limits.max_gap_ms))
    if (unmonitored := unmonitored_ms(journey)) >= MINUTE_MS:
        said.append(translate("Between monitored places for %(t)s.", t=show_duration(unmonitored)))
    return [*said, *filter(None, [keeping_sentence(journey)])]


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


def _origin(journey: Journey) -> str:
    made = creation(journey)
    event = made.event
    if is_taken_back(journey):
        return translate("The firm that recorded how this lot came to be has taken that back.")
    if not begins_here(journey):
        return translate("How this lot came to be is not recorded here.")
    when = render_time(made.happened_ms, offset_of(journey), "day")
    region = named(event.get("ft:region"))
    if is_made(journey):
        if region:
            return render_text("Made on %(day)s in %(region)s.", day=when, region=region)
        return render_text("Made on %(day)s.", day=when)
    if region and was_harvested(journey):
        return render_text("Harvested on %(day)s in %(region)s.", day=when, region=region)
    if region:
        return render_text("This batch began on %(day)s in %(region)s.", day=when, region=region)
    return render_text("This batch began on %(day)s.", day=when)


def is_made(journey: Journey) -> bool:
    """Whether the batch was made from others."""
    return bool(creation(journey).event.get("type") == "TransformationEvent")


def was_harvested(journey: Journey) -> bool:
    """Whether the producer says that the batch began with a harvest."""
    return "cbvmda:harvestStartDate" in created_of(journey)


def _within(cold: Cold, limits: Limits) -> str:
    low, high = show_degrees(limits.low_milli_c), show_degrees(limits.high_milli_c)
    return translate(
        "Within its limits (%(low)s to %(high)s) for %(p)d %% of the monitored time.",
        low=low,
        high=high,
        p=cold.percent,
    )


def _measured(cold: Cold) -> str:
    low, high = show_degrees(cold.min_milli_c), show_degrees(cold.max_milli_c)
    if low == high:
        return translate("Measured: %(t)s.", t=low)
    return translate("Measured between %(low)s and %(high)s.", low=low, high=high)


def _outside(cold: Cold) -> str:
    lasting = [max(e.to_ms - e.from_ms, 1) for e in cold.excursions]
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
