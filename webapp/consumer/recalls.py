"""Point 1 of the page: whether this lot, or something that it was made of, is recalled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from traceability.errors import IdentifierError
from traceability.identifiers import Kind, parse_stream
from traceability.operations.recallstatus import ID
from traceability.supply.recall import Answer, Outcome, Recall, State
from traceability.verification.journey import Happening, Journey
from traceability.verification.standing import standing_of
from webapp.consumer.ingredients import Ingredient, Made
from webapp.consumer.story import product_name
from webapp.i18n import named, noted, translate

ALARMS: Final = frozenset({Answer.HELD, Answer.RECALLED})
CLASSES: Final[Mapping[int, str]] = {
    1: noted("Class 1: it may cause serious harm."),
    2: noted("Class 2: it may cause temporary harm."),
    3: noted("Class 3: it is not likely to cause harm."),
}
NAMED: Final = 5
"""Lots and ingredients that are named in one sentence."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One recall in the reader's language.

    Attributes:
        answer: what it means for whoever has the goods.
        kind: its class in words; empty if it has none of the three.
        origin: lots that it began with, if not with the one it is told of.
        made_with: whether those are among the ingredients shown on the page.
        removed: whether it was closed and the goods were removed from sale.
        ingredient: of the one it is about, product and lot; empty for the page's own lot.
        recall: its id, if there is a public notice of it.
    """

    answer: Answer
    hazard: str
    advice: str
    contact: str
    kind: str
    by: str
    at_ms: int
    origin: tuple[str, ...]
    made_with: bool
    removed: bool
    ingredient: str = ""
    recall: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """The answer: its state ("none", "cleared", "held", "recalled", "ingredient-held",
    "ingredient-recalled", "unchecked"), as of when, and what it rests on."""

    state: str
    as_of_ms: int | None = None
    notices: tuple[Notice, ...] = ()
    unsure: int = 0


UNCHECKED: Final = Point("unchecked")


def first_point(journey: Journey, made: Made) -> Point:
    """What a shopper must know first: of this lot; if that is in order, of its ingredients."""
    standing = standing_of(journey)
    if standing.answer is None:
        return Point("unchecked", standing.as_of_ms)
    lots = {i.uri: _title(i.journey) for i in made.shown() if i.journey is not None}
    own = [_notice(recall, event, journey, lots) for recall, event in standing.recalls]
    alarms = {Answer.HELD, Answer.RECALLED}
    told = {recall.id for recall, _ in standing.recalls} if standing.answer in alarms else set()
    worst, others = Answer.NONE, []
    for found, recall, event in _of_ingredients(made.shown()):
        if recall.id not in told:
            worst = max(worst, recall.answer, key=list(Answer).index)
            others.append(_notice(recall, event, found, {}, _title(found)))
    state = str(standing.answer)
    if standing.answer not in alarms and others:
        state, own = f"ingredient-{worst}", []
    return Point(state, standing.as_of_ms, (*own, *others), made.unsure)


def alarm_of(journey: Journey) -> Answer | None:
    """Held or recalled; None where neither is known."""
    answer = standing_of(journey).answer
    return answer if answer in ALARMS else None


def _of_ingredients(shown: Iterable[Ingredient]) -> Iterator[tuple[Journey, Recall, Happening]]:
    """The alarms of all ingredients, each recall once: with the one nearest to the page's own lot."""
    known = set()
    for ingredient in shown:
        if ingredient.journey is None or alarm_of(ingredient.journey) is None:
            continue
        for recall, event in standing_of(ingredient.journey).recalls:
            if recall.id not in known:
                known.add(recall.id)
                yield ingredient.journey, recall, event


def _notice(
    recall: Recall, event: Happening, journey: Journey, lots: Mapping[str, str], ingredient: str = ""
) -> Notice:
    origin = () if journey.batch in recall.origin else recall.origin
    return Notice(
        answer=recall.answer,
        hazard=named(recall.hazard),
        advice=named(recall.advice),
        contact=recall.contact or "",
        kind=translate(CLASSES[recall.recall_class]) if recall.recall_class in CLASSES else "",
        by=named(journey.names.get(event.party), event.party),
        at_ms=event.happened_ms,
        origin=tuple(lots.get(uri) or _lot(uri) for uri in origin[:NAMED]),
        made_with=bool(origin) and all(uri in lots for uri in origin[:NAMED]),
        removed=recall.outcome is Outcome.REMOVED,
        ingredient=ingredient,
        recall=recall.id if _is_public(recall, journey) else "",
    )


def _is_public(recall: Recall, journey: Journey) -> bool:
    """Whether there is a public notice: it was issued, and has an id that this node gives."""
    said = (h.recall for h in journey.happenings if h.recall is not None and h.recall.id == recall.id)
    return bool(ID.fullmatch(recall.id)) and any(each.state is State.ISSUED for each in said)


def _title(journey: Journey) -> str:
    """Product and lot, as people name them."""
    return translate(
        "%(product)s, lot %(lot)s", product=product_name(journey), lot=parse_stream(journey.batch).batch.lot
    )


def _lot(uri: str) -> str:
    """The lot in a batch's URI; of anything else the URI as it is."""
    try:
        stream = parse_stream(uri)
    except IdentifierError:
        return uri
    return stream.batch.lot if stream.kind is Kind.BATCH else uri
