"""Recalls, as events say them: a lot is held, recalled, or a recall is closed.

A recall is an ObjectEvent OBSERVE on everything it is about, with the member ``ft:recall``:

    id           of the recall, the same in all of its events
    state        ``hold`` (do not sell until it is clear), ``issued``, ``closed``
    recallClass  1 may cause serious harm, 2 may cause temporary harm, 3 is not likely to harm
    origin       the lots that were named; the others were found by tracing
    hazard, advice   what is wrong and what to do, in English and Chinese
    contact      whom to ask
    outcome      of a closed one: ``safe`` (nothing was wrong with it) or ``removed``

The newest event of a recall counts. What was recalled and removed from the shelves stays recalled:
whoever still has it is to be warned.

Source: US FDA 21 CFR 7.3 (classes); CBV 2.0 7.1.3 ``holding``, 7.2.3 ``recalled``, ``non_sellable_other``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from traceability.errors import StatementError
from traceability.supply.epcis.events import CONTEXT, format_event_time

_Kind = TypeVar("_Kind")

MEMBER: Final = "ft:recall"
PER_EVENT: Final = 1000
"""Things that one event names at most."""
_DISPOSITIONS: Final = {"hold": "non_sellable_other", "issued": "recalled", "closed": "recalled"}


class State(StrEnum):
    """How far a recall is."""

    HOLD = "hold"
    ISSUED = "issued"
    CLOSED = "closed"


class Outcome(StrEnum):
    """How a recall ended: nothing was wrong, or the goods were removed."""

    SAFE = "safe"
    REMOVED = "removed"


class Answer(StrEnum):
    """What a consumer must know; ordered from the mildest."""

    NONE = "none"
    CLEARED = "cleared"
    HELD = "held"
    RECALLED = "recalled"


@dataclass(frozen=True, slots=True)
class Recall:
    """What one event says of a recall; see the module's own words."""

    id: str
    state: State
    recall_class: int
    origin: tuple[str, ...]
    hazard: Mapping[str, str]
    advice: Mapping[str, str]
    contact: str | None = None
    outcome: Outcome | None = None

    @property
    def answer(self) -> Answer:
        """What it means for whoever has the goods."""
        if self.state is State.HOLD:
            return Answer.HELD
        return Answer.CLEARED if self.outcome is Outcome.SAFE else Answer.RECALLED

    def member(self) -> dict[str, Any]:
        """Its form in an event."""
        said = {
            "id": self.id,
            "state": self.state.value,
            "recallClass": self.recall_class,
            "origin": list(self.origin),
            "hazard": dict(self.hazard),
            "advice": dict(self.advice),
            "contact": self.contact,
            "outcome": self.outcome and self.outcome.value,
        }
        return {name: value for name, value in said.items() if value is not None}


def recall_of(event: Mapping[str, Any]) -> Recall | None:
    """What an event says of a recall; None for any other event.

    Raises:
        StatementError: it says so in another form than the one above.
    """
    said = event.get(MEMBER)
    if said is None:
        return None
    try:
        return Recall(
            id=_exactly(str, said["id"]),
            state=State(said["state"]),
            recall_class=_exactly(int, said["recallClass"]),
            origin=tuple(_exactly(str, lot) for lot in _exactly(list, said["origin"])),
            hazard=_both(said["hazard"]),
            advice=_both(said["advice"]),
            contact=None if said.get("contact") is None else _exactly(str, said["contact"]),
            outcome=Outcome(said["outcome"]) if said["state"] == State.CLOSED else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StatementError(f"not a recall as docs/formats.md describes it: {error!r:.100}") from error


def _both(names: Any) -> dict[str, str]:
    return {language: _exactly(str, names[language]) for language in ("en", "zh")}


def _exactly(kind: type[_Kind], value: Any) -> _Kind:
    """A value of a JSON type; another one is not made into it, as languages differ in how they would."""
    if type(value) is not kind:
        raise TypeError(f"{value!r:.50} where a {kind.__name__} belongs")
    return value


def recall_events(recall: Recall, things: Sequence[str], at_ms: int) -> list[dict[str, Any]]:
    """The events that say it on everything it is about.

    Args:
        things: canonical URIs of batches, items and logistic units.
    """
    return [
        _event(recall, things[first : first + PER_EVENT], at_ms) for first in range(0, len(things), PER_EVENT)
    ]


def answer_of(recalls: Iterable[Recall]) -> Answer:
    """What a batch's events, in the order of its stream, come to: the worst of its recalls counts."""
    newest = {recall.id: recall.answer for recall in recalls}
    return max(newest.values(), key=list(Answer).index, default=Answer.NONE)


def _event(recall: Recall, things: Sequence[str], at_ms: int) -> dict[str, Any]:
    lots = [{"epcClass": uri} for uri in things if "/10/" in uri]
    items = [uri for uri in things if "/10/" not in uri]
    return {
        "@context": CONTEXT,
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "holding",
        "disposition": _DISPOSITIONS[recall.state],
        "eventTime": format_event_time(at_ms),
        "eventTimeZoneOffset": "+00:00",
        **({"quantityList": lots} if lots else {}),
        **({"epcList": items} if items else {}),
        MEMBER: recall.member(),
    }
