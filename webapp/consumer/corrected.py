"""What a batch's events say once their firms' corrections are heeded: computed from the checked bundle alone.

A correction is two records: one that repeats the wrong event as an error, and often one that takes its
place. Hashes over whole events are shown to authorities alone, so the public copies are paired by what they
show: a declaration repeats the event, and its firm records what takes its place right behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from traceability.operations.correct import Reason
from traceability.supply.epcis.events import begins
from traceability.verification.journey import Happening, Journey

DECLARATION: Final = "errorDeclaration"
_REPEATED: Final = (
    "type",
    "action",
    "eventTime",
    "bizStep",
    "disposition",
    "parentID",
    "epcList",
    "childEPCs",
)
_REPLACED: Final = ("type", "action", "bizStep")


@dataclass(frozen=True, slots=True)
class Correction:
    """An event that its firm took back: by which record, and what takes its place here, if anything."""

    was: Happening
    declared: Happening
    instead: Happening | None


def corrections(journey: Journey) -> tuple[Correction, ...]:
    """What was taken back or put right, in the order of the declarations.

    What is said of a recall is never taken off a page so: a recall has an end of its own.
    """
    return tuple(_corrections(journey.happenings))


def standing(journey: Journey) -> list[Happening]:
    """The events that count, in the order of what happened: none taken back, nor what takes it back."""
    gone = {id(h) for each in corrections(journey) for h in (each.was, each.declared)}
    return in_order(h for h in journey.happenings if id(h) not in gone)


def creation(journey: Journey) -> Happening:
    """The event that made the batch known, as it was put right last."""
    found = next(h for h in journey.happenings if h.event is journey.created)
    for each in corrections(journey):
        if each.was is found and each.instead is not None and _makes_too(each.instead, found, journey.batch):
            found = each.instead
    return found


def is_taken_back(journey: Journey) -> bool:
    """Whether the firm took back how the batch came to be, and put nothing in its place."""
    found = creation(journey)
    return any(each.was is found for each in corrections(journey))


def in_order(happenings: Iterator[Happening] | Sequence[Happening]) -> list[Happening]:
    """In the order of what happened; records of one moment in theirs."""
    return sorted(happenings, key=lambda h: (h.happened_ms, h.seq))


def _corrections(happenings: Sequence[Happening]) -> Iterator[Correction]:
    open_: list[Happening] = []
    behind = {h.seq: following for h, following in pairwise(happenings)}
    for happening in happenings:
        if happening.recall is not None:
            continue
        if DECLARATION not in happening.event:
            open_.append(happening)
            continue
        was = next((h for h in reversed(open_) if _repeats(happening, h)), happening)
        if was is not happening:
            open_.remove(was)
        yield Correction(was, happening, _instead(happening, behind.get(happening.seq), happenings))


def _repeats(declared: Happening, was: Happening) -> bool:
    one, other = declared.event, was.event
    if declared.party != was.party or any(one.get(name) != other.get(name) for name in _REPEATED):
        return False
    return "eventID" not in one or "eventID" not in other or one["eventID"] == other["eventID"]


def _instead(
    declared: Happening, following: Happening | None, happenings: Sequence[Happening]
) -> Happening | None:
    """By name, where names are shown; otherwise the same step of the same firm in the very next record."""
    said = declared.event[DECLARATION]
    said = said if isinstance(said, Mapping) else {}
    named = said.get("correctiveEventIDs")
    if named:
        later = (h for h in happenings if h.seq > declared.seq and h.party == declared.party)
        return next((h for h in later if h.event.get("eventID") in named), None)
    if said.get("reason") != Reason.INCORRECT_DATA or following is None:
        return None
    same = following.party == declared.party and DECLARATION not in following.event
    return following if same and _step(following.event) == _step(declared.event) else None


def _step(event: Mapping[str, Any]) -> list[Any]:
    return [event.get(name) for name in _REPLACED]


def _makes_too(instead: Happening, was: Happening, batch: str) -> bool:
    """Whether it says how the batch began, if the one before did."""
    return begins(instead.event, batch, instead.node) or not begins(was.event, batch, was.node)
