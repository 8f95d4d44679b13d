"""The way of a lot, step by step, as its firms put it right; and every event as it was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from traceability.supply.epcis.events import begins
from traceability.supply.recall import Outcome, Recall, State
from traceability.verification.journey import Happening, Journey
from webapp.consumer.corrected import DECLARATION, Correction, corrections, in_order
from webapp.i18n import named, noted, translate

STEP_WORDS: Final[Mapping[tuple[str, str | None], str]] = {
    ("creating_class_instance", "ADD"): noted("The batch begins"),
    ("creating_class_instance", None): noted("Made"),
    ("packing", "OBSERVE"): noted("Packed"),
    ("inspecting", "OBSERVE"): noted("Inspected"),
    ("shipping", "OBSERVE"): noted("Shipped"),
    ("receiving", "OBSERVE"): noted("Received"),
    ("stocking", "OBSERVE"): noted("On sale"),
    ("storing", "OBSERVE"): noted("Cooled"),
    ("destroying", "DELETE"): noted("Destroyed"),
    ("storing", "ADD"): noted("Put into cold storage"),
    ("staging_outbound", "DELETE"): noted("Taken out of cold storage"),
    ("loading", "ADD"): noted("Loaded"),
    ("unloading", "DELETE"): noted("Unloaded"),
    ("installing", "ADD"): noted("Sensor put in"),
    ("removing", "DELETE"): noted("Sensor taken out"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the timeline.

    Attributes:
        was: what stood here before it was corrected, each as a line, and when it was: the newest first.
        taken_back_ms: when its firm took it back without anything in its place.
    """

    word: str
    region: str
    asset: str
    party: str
    by_node: bool
    happened_ms: int
    recorded_ms: int
    hidden: int
    alarm: bool
    suspected: bool
    was: tuple[tuple[int, Step], ...] = ()
    taken_back_ms: int | None = None


def steps(journey: Journey) -> list[Step]:
    """Every event as it was recorded, in order of what happened."""
    return [_step(h, journey) for h in in_order(journey.happenings)]


def timeline(journey: Journey) -> list[Step]:
    """The way: what was put right stands once, with what it was; what was taken back is marked as that."""
    known = corrections(journey)
    behind = {id(each.instead): each for each in known if each.instead is not None}
    taken = {id(each.was): each for each in known if each.instead is None}
    gone = {id(each.declared) for each in known if each.declared is not each.was}
    gone |= {id(each.was) for each in known if each.instead is not None}
    return [
        replace(_step(h, journey), was=_was(h, behind, journey), taken_back_ms=_taken_back_ms(h, taken))
        for h in in_order(journey.happenings)
        if id(h) not in gone
    ]


def word_of(happening: Happening, journey: Journey) -> str:
    """What happened, in English."""
    event = happening.event
    if happening.recall is not None:
        return _recall_word(happening.recall)
    here = begins(event, journey.batch, happening.node)
    if here and _is_harvest(event):
        return noted("Harvested")
    if event.get("type") == "TransformationEvent" and not here:
        return noted("Used in another product")
    step, action = str(event.get("bizStep") or noted("A step")), event.get("action")
    return STEP_WORDS.get((step, None if action is None else str(action)), step)


def declares(happening: Happening) -> bool:
    """Whether this record takes an event back."""
    return DECLARATION in happening.event


def _was(
    happening: Happening, behind: Mapping[int, Correction], journey: Journey
) -> tuple[tuple[int, Step], ...]:
    found = []
    correction = behind.get(id(happening))
    while correction is not None:
        found.append((correction.declared.recorded_ms, _step(correction.was, journey)))
        correction = behind.get(id(correction.was))
    return tuple(found)


def _taken_back_ms(happening: Happening, taken: Mapping[int, Correction]) -> int | None:
    found = taken.get(id(happening))
    return None if found is None else found.declared.recorded_ms


def _is_harvest(event: Mapping[str, Any]) -> bool:
    ilmd = event.get("ilmd")
    return isinstance(ilmd, Mapping) and "cbvmda:harvestStartDate" in ilmd


def _step(happening: Happening, journey: Journey) -> Step:
    event = happening.event
    return Step(
        word=translate(word_of(happening, journey)),
        region=named(event.get("ft:region")),
        asset=named(event.get("ft:asset")) if event.get("type") == "AggregationEvent" else "",
        party=named(journey.names.get(happening.party), happening.party),
        by_node=happening.custody == "node",
        happened_ms=happening.happened_ms,
        recorded_ms=happening.recorded_ms,
        hidden=happening.hidden,
        alarm=happening.recall is not None and happening.recall.outcome is not Outcome.SAFE,
        suspected=happening.suspected,
    )


def _recall_word(recall: Recall) -> str:
    if recall.state is State.HOLD:
        return noted("Held for examination")
    if recall.state is State.ISSUED:
        return noted("Recalled")
    if recall.outcome is Outcome.SAFE:
        return noted("Recall closed: nothing was wrong")
    return noted("Recall closed: removed from sale")
