"""What everybody may read of recalls: those that were issued, and nothing of holds and drills.

It is read from the signed events alone. Cases, proposals and drills are working rows, and not looked at:
so nothing of them can come out here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, select

from traceability.errors import UnknownSubjectError
from traceability.operations.describe import HELD
from traceability.operations.events import load_event
from traceability.operations.names import party_names, product_names
from traceability.operations.recallstatus import LISTED, Status, known_recall, list_recalls, load_recall
from traceability.store.projections import Event, Mention, Recalled, Thing
from traceability.supply.recall import Outcome, Recall, State, recall_of
from traceability.supply.tracing.labels import product_of

LOTS: Final = 1_000
"""Lots that one notice lists; it counts them all."""
_TONGUES: Final = ("en", "zh")


@dataclass(frozen=True, slots=True)
class PublicNotice:
    """A recall as the public is told of it; texts and names by language, times in milliseconds.

    Attributes:
        title: what it is, and what is wrong with it.
        products: names by GTIN-14, as far as an event gives one; else no languages.
        lots: canonical URIs of lots, items and logistic units that it names, at most ``LOTS``.
        things: how many it names.
        origin: those of them that it began with.
        parties: names of whoever opened it and whoever spoke last, by URI, in this order.
        outcome: how it ended; None while it is open.
    """

    id: str
    recall_class: int
    title: Mapping[str, str]
    hazard: Mapping[str, str]
    advice: Mapping[str, str]
    contact: str | None
    products: Mapping[str, Mapping[str, str]]
    lots: tuple[str, ...]
    things: int
    origin: tuple[str, ...]
    parties: Mapping[str, Mapping[str, str]]
    issued_ms: int
    closed_ms: int | None
    outcome: Outcome | None


def public_notices(connection: Connection, limit: int = LISTED) -> Sequence[PublicNotice]:
    """The recalls that were issued, those that changed last first; closed ones too."""
    known = list_recalls(connection, limit, states=(State.ISSUED, State.CLOSED))
    found = (_notice(connection, status) for status in known)
    return [notice for notice in found if notice is not None]


def public_notice(connection: Connection, recall_id: str) -> PublicNotice:
    """One of them.

    Raises:
        UnknownSubjectError: there is none, or it was never issued.
    """
    status = known_recall(connection, recall_id)
    found = None if status is None else _notice(connection, status)
    if found is None:
        raise UnknownSubjectError(f"there is no notice {recall_id[:64]!r}", remedy="GET /recalls shows all.")
    return found


def steps_of(connection: Connection, recall_id: str, origin: str) -> Iterator[tuple[int, str, Recall]]:
    """Record time, party and word of each event by which a recall went on, in their order.

    Args:
        origin: a lot that it began with, and so one that each step names.
    """
    query = select(Event.recorded_ms, Event.party, Event.statement).join(Mention, Mention.event == Event.id)
    query = query.join(Thing, Thing.id == Mention.thing).where(Thing.uri == origin, Event.biz_step == HELD)
    for row in connection.execute(query.order_by(Event.recorded_ms, Event.id)).all():
        said = recall_of(load_event(connection, row.statement))
        if said is not None and said.id == recall_id:
            yield row.recorded_ms, row.party, said


def _notice(connection: Connection, status: Status) -> PublicNotice | None:
    """None of a hold, and of one that was closed before it was issued."""
    if status.state is State.HOLD:
        return None
    said = load_recall(connection, status)
    steps = steps_of(connection, status.id, said.origin[0])
    issued_ms = next((at_ms for at_ms, _, step in steps if step.state is State.ISSUED), None)
    if issued_ms is None:
        return None
    lots, names = _lots(connection, status.id), party_names(connection, {status.party, status.by})
    products = _products(connection, status.id, lots)
    return PublicNotice(
        *(status.id, said.recall_class, _title(said, products), said.hazard, said.advice, said.contact),
        products=products,
        lots=lots,
        things=status.things,
        origin=said.origin,
        parties={party: names.get(party, {}) for party in (status.party, status.by)},
        issued_ms=issued_ms,
        closed_ms=status.since_ms if status.state is State.CLOSED else None,
        outcome=said.outcome,
    )


def _lots(connection: Connection, recall_id: str) -> tuple[str, ...]:
    query = select(Thing.uri).join(Recalled, Recalled.thing == Thing.id).where(Recalled.recall == recall_id)
    return tuple(connection.execute(query.order_by(Thing.uri).limit(LOTS)).scalars())


def _products(connection: Connection, recall_id: str, lots: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Every product of the lots; where more is named than is listed, those beyond are looked up too."""
    uris = list(lots)
    if len(uris) == LOTS:
        part = func.substr(Thing.uri, 1, func.length("https://id.gs1.org/01/") + 14)
        query = select(func.min(Thing.uri)).join(Recalled, Recalled.thing == Thing.id)
        uris += connection.execute(query.where(Recalled.recall == recall_id).group_by(part)).scalars()
    names: Mapping[str, Mapping[str, Any]] = product_names(connection, uris)
    gtins = sorted({gtin for uri in uris if (gtin := product_of(uri)) is not None})
    return {gtin: names.get(gtin, {}) for gtin in gtins}


def _title(said: Recall, products: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What is wrong, behind the names of up to three products."""
    return {tongue: _titled(said, products, tongue) for tongue in _TONGUES}


def _titled(said: Recall, products: Mapping[str, Mapping[str, str]], tongue: str) -> str:
    names = sorted({str(each[tongue]) for each in products.values() if tongue in each})
    joint, colon = {"en": (", ", ": "), "zh": ("、", "：")}[tongue]
    shown = joint.join(names[:3]) + (" …" if len(names) > 3 else "")
    return f"{shown}{colon}{said.hazard[tongue]}" if names else said.hazard[tongue]
