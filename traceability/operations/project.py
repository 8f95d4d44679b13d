"""Projecting: the rows by which queries, traces and recalls find an event. All follow from statements."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, delete, exists, or_, select

from traceability.errors import ChainMismatchError, IdentifierError
from traceability.identifiers import canonical, parse_party
from traceability.operations.events import View, load_event, view_events
from traceability.operations.recalled import Said, insert_recalls, mark_stale
from traceability.signing.disclosure import Audience
from traceability.signing.strictjson import json_encode
from traceability.store import projections
from traceability.store.engine import Transaction
from traceability.store.rows import insert_all, insert_new
from traceability.supply.epcis.context import Context, read_context
from traceability.supply.epcis.eventhash import event_hash
from traceability.supply.epcis.events import event_time_ms
from traceability.supply.lineage import SINGLE, Link, Mention, links_of, mentions_of, thing_id
from traceability.supply.recall import Recall, recall_of

NO_CONTENT: Final = bytes(32)
"""In the place of the hash of an event of which something was erased: it would confirm guesses."""
OPAQUE: Final = "erased:"
"""Begins what stands for the name of an event whose ``eventID`` was erased."""
CHUNK: Final = 500
"""Rows that are asked for at a time."""


@dataclass(frozen=True, slots=True)
class Projection:
    """An event's rows: columns of ``events``, what it names and links, and what it says of a recall."""

    row: Mapping[str, Any]
    terms: tuple[tuple[str, str], ...]
    mentions: tuple[Mention, ...]
    links: tuple[Link, ...]
    recall: Recall | None = None

    @property
    def id(self) -> int:
        """The event's number."""
        return int(self.row["id"])

    def recorded(self, at_ms: int) -> Projection:
        """The same, recorded at a time in milliseconds since 1970 UTC."""
        return replace(self, row={**self.row, "recorded_ms": at_ms})

    @property
    def said(self) -> tuple[Said, ...]:
        """What it says of a recall, if anything."""
        if self.recall is None:
            return ()
        things = tuple(dict.fromkeys(thing_id(mention.uri) for mention in self.mentions))
        return (Said(self.id, self.row["party"], self.row["recorded_ms"], self.recall, things),)


def opaque_name(statement: bytes) -> str:
    """What stands for the name of an event whose ``eventID`` was erased, from its statement's SHA-256."""
    return f"{OPAQUE}{statement[:8].hex()}"


def event_number(statement: bytes) -> int:
    """The number of an event: the first eight bytes of its statement's SHA-256, signed."""
    return int.from_bytes(statement[:8], "big", signed=True)


def process_name(statement: bytes) -> str:
    """What an event is called as a node of the lineage graph, where it has no name of its own."""
    return f"{SINGLE}{statement.hex()}"


def content_of(event: Mapping[str, Any], context: object) -> bytes:
    """SHA-256 of an event as written, without what a node adds to it."""
    written = {name: value for name, value in event.items() if name not in {"eventID", "recordTime"}}
    return hashlib.sha256(json_encode([context, written])).digest()


def project(
    event: Mapping[str, Any],
    context: Context,
    *,
    node: str,
    party: str,
    statement: bytes,
    content: bytes,
    recorded_ms: int,
) -> Projection:
    """The rows of an event.

    Args:
        event: with its ``eventID``; of an erased one, what is left.
        statement, content: SHA-256 of the statement; see ``content_of``.
    """
    at_ms = event_time_ms(event)
    number = event_number(statement)
    corrects = "errorDeclaration" in event
    row = {
        "id": number,
        "statement": statement,
        "event_id": event.get("eventID") or opaque_name(statement),
        "corrects": corrects,
        "content": content,
        "party": party,
        "type": event.get("type", ""),
        "action": event.get("action"),
        "at_ms": at_ms,
        "recorded_ms": recorded_ms,
        "biz_step": _word(context, "bizStep", event),
        "disposition": _word(context, "disposition", event),
        "read_point": _place(event, "readPoint", node),
        "biz_location": _place(event, "bizLocation", node),
        "transformation": event.get("transformationID"),
    }
    links = () if corrects else links_of(event, process_name(statement), node)
    recall = None if corrects else recall_of(event)
    return Projection(row, tuple(_terms(event, context, node)), mentions_of(event, node), links, recall)


def insert_projections(tx: Transaction, node: str, new: Sequence[Projection]) -> None:
    """Put the rows of events where queries find them.

    An error declaration takes the links of the event that it is about away, whichever came first.
    """
    if not new:
        return
    insert_all(tx, projections.Event, (p.row for p in new))
    annulled = _annulled(tx, [p for p in new if p.links])
    live = [p for p in new if p.id not in annulled]
    uris = {mention.uri for p in new for mention in p.mentions}
    uris |= {uri for p in live for link in p.links for uri in (link.src, link.dst)}
    insert_new(tx, projections.Thing, ({"id": thing_id(uri), "uri": uri} for uri in sorted(uris)))
    insert_new(tx, projections.Term, [row for p in new for row in term_rows(p)])
    insert_new(tx, projections.Mention, [row for p in new for row in mention_rows(p)])
    insert_new(tx, projections.Link, [row for p in live for row in link_rows(p)])
    insert_recalls(tx, [said for p in new for said in p.said])
    gone = [link for p in new if p.row["corrects"] for link in _annul(tx, node, p)]
    mark_stale(tx, [*(link for p in live for link in p.links), *gone])


def _annulled(tx: Transaction, new: Sequence[Projection]) -> set[int]:
    """Which of these events were declared an error before they came."""
    table, found = projections.Event, set()
    by_name = {(p.row["party"], p.row["event_id"]): p.id for p in new}
    for some in _chunks([name for _, name in by_name]):
        query = select(table.party, table.event_id)
        query = query.where(table.event_id.in_(some), table.corrects.is_(True))
        found |= {by_name.get((r.party, r.event_id), 0) for r in tx.connection.execute(query)}
    return found


def _annul(tx: Transaction, node: str, declared: Projection) -> tuple[Link, ...]:
    """Take away the links of the event that an error declaration is about; returns them."""
    table, link = projections.Event, projections.Link
    query = select(table.id, table.statement).where(
        table.party == declared.row["party"],
        table.event_id == declared.row["event_id"],
        table.corrects.is_(False),
    )
    original = tx.connection.execute(query).one_or_none()
    if original is None:
        return ()
    event, thing = load_event(tx.connection, original.statement), projections.Thing
    links = links_of(event, process_name(original.statement), node)
    sources = sorted({thing_id(each.src) for each in links})
    ends = sorted({thing_id(uri) for each in links for uri in (each.src, each.dst)})
    for some in _chunks(sources):
        tx.connection.execute(delete(link).where(link.src.in_(some), link.event == original.id))
    for some in _chunks(ends):
        unnamed = ~or_(
            exists().where(projections.Mention.thing == thing.id),
            exists().where(link.src == thing.id),
            exists().where(link.dst == thing.id),
        )
        tx.connection.execute(delete(thing).where(thing.id.in_(some), unnamed))
    return links


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[first : first + CHUNK] for first in range(0, len(values), CHUNK))


def term_rows(projection: Projection) -> list[dict[str, Any]]:
    """Its rows of ``terms``."""
    return [{"name": n, "value": v, "event": projection.id} for n, v in dict.fromkeys(projection.terms)]


def mention_rows(projection: Projection) -> list[dict[str, Any]]:
    """Its rows of ``mentions``."""
    at_ms = projection.row["at_ms"]
    return [
        {"thing": thing_id(m.uri), "role": m.role, "at_ms": at_ms, "event": projection.id}
        for m in dict.fromkeys(projection.mentions)
    ]


def link_rows(projection: Projection) -> list[dict[str, Any]]:
    """Its rows of ``links``."""
    return [
        {
            "src": thing_id(link.src),
            "kind": int(link.kind),
            "at_ms": link.at_ms,
            "dst": thing_id(link.dst),
            "event": projection.id,
            "quantity": link.quantity,
            "uom": link.uom,
        }
        for link in projection.links
    ]


def _word(context: Context, name: str, event: Mapping[str, Any]) -> str | None:
    value = event.get(name)
    return context.expand_word(name, value) if isinstance(value, str) else None


def _place(event: Mapping[str, Any], name: str, node: str) -> str | None:
    value = event.get(name)
    place = value.get("id") if isinstance(value, Mapping) else None
    return canonical(place, node) if isinstance(place, str) else None


def _terms(event: Mapping[str, Any], context: Context, node: str) -> Iterable[tuple[str, str]]:
    """Documents by type, sources and destinations by type, and the parties among these as readers."""
    for name, member, field in _TERMS:
        for item in event.get(member, ()):
            kind = item.get("type")
            word = context.expand_word(member, kind) if isinstance(kind, str) else ""
            value = canonical(str(item[field]), node)
            yield f"{name}/{word}", value
            if name != "bizTransaction" and _is_party(value):
                yield "reader", value


def _is_party(uri: str) -> bool:
    try:
        parse_party(uri)
    except IdentifierError:
        return False
    return True


_TERMS: Final = (
    ("bizTransaction", "bizTransactionList", "bizTransaction"),
    ("source", "sourceList", "source"),
    ("destination", "destinationList", "destination"),
)


def projection_of(connection: Connection, node: str, statement: bytes, recorded_ms: int) -> Projection:
    """The rows of an event as its statement and its disclosures give them.

    Raises:
        ChainMismatchError: the statement is not there.
    """
    found = projections_of(connection, node, {statement: recorded_ms})
    if statement not in found:
        raise ChainMismatchError("its statement is missing")
    return found[statement]


def projections_of(
    connection: Connection, node: str, recorded_ms: Mapping[bytes, int]
) -> dict[bytes, Projection]:
    """The same of several events, by their statements; those that are not there are left out.

    An event of old bears no ``eventID``: it is known by its hash, unless something of it was erased.
    """
    views = view_events(connection, dict.fromkeys(recorded_ms, Audience.REGULATOR))
    return {key: _project_view(view, node, key, recorded_ms[key]) for key, view in views.items()}


def _project_view(view: View, node: str, statement: bytes, recorded_ms: int) -> Projection:
    event, context = dict(view.event), read_context(view.context, view.event.get("@context"))
    content = content_of(event, view.context) if not view.hidden else NO_CONTENT
    if "eventID" not in event and not view.hidden:
        event["eventID"] = event_hash(event, context)
    return project(
        event,
        context,
        node=node,
        party=view.party,
        statement=statement,
        content=content,
        recorded_ms=recorded_ms,
    )
