"""The batches that a party has to do with, what it recorded about each, and what it entered last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, func, or_, select

from traceability.identifiers import Batch, Kind, parse_stream
from traceability.ledger.state import stream_hash
from traceability.operations.events import view_events
from traceability.operations.graph import standing
from traceability.operations.names import product_names
from traceability.signing.disclosure import Audience
from traceability.store import models
from traceability.store.projections import Event, Mention, Thing
from traceability.supply.lineage import thing_id

PAGE: Final = 50
MOST: Final = 200
"""Events of one batch that are shown, the newest."""
LOOKED_BACK: Final = 50
"""Events among which the last of a step is sought."""


@dataclass(frozen=True, slots=True)
class Lot:
    """A batch as a list shows it: what its product is called, the last that the party said of it, and when.

    ``step`` is a bare word of the CBV, or a whole URI of somebody's own.
    """

    batch: Batch
    uri: str
    names: Mapping[str, Any]
    step: str
    action: str | None
    at_ms: int
    key: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which batches: of a product, with a lot that begins so, by the last step, between two times in ms.

    ``after`` is the ``key`` of the batch behind which the list goes on.
    """

    gtin: str = ""
    lot: str = ""
    step: str = ""
    from_ms: int | None = None
    to_ms: int | None = None
    after: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """An event that a party recorded, whole; ``corrected`` says that it was declared an error."""

    event_id: str
    event: Mapping[str, Any]
    at_ms: int
    recorded_ms: int
    corrects: bool
    corrected: bool


def list_lots(connection: Connection, party: str, wanted: Wanted, limit: int = PAGE) -> Sequence[Lot]:
    """Batches that a party recorded something of, those with the newest event first."""
    newest = _newest(party).subquery()
    last = (
        select(Event.biz_step, Event.action)
        .join(Mention, Mention.event == Event.id)
        .where(Event.party == party, standing())
    )
    query = select(Thing.uri, newest.c.thing, newest.c.last_ms).join(newest, newest.c.thing == Thing.id)
    query = query.where(*_conditions(wanted, newest.c.last_ms, newest.c.thing))
    query = query.order_by(newest.c.last_ms.desc(), newest.c.thing.desc())
    found: list[Lot] = []
    for row in connection.execute(query.limit(limit if not wanted.step else None)):
        this = last.where(Mention.thing == row.thing).order_by(Event.at_ms.desc(), Event.id.desc()).limit(1)
        step, action = connection.execute(this).one_or_none() or ("", None)
        bare = (step or "").rpartition("BizStep-")[2]
        if wanted.step in {"", bare}:
            batch, key = parse_stream(row.uri).batch, f"{row.last_ms}:{row.thing}"
            found.append(Lot(batch, row.uri, {}, bare, action, row.last_ms, key))
        if len(found) == limit:
            break
    return _with_names(connection, found)


def lot_events(connection: Connection, party: str, batch: str) -> Sequence[Said]:
    """What a party recorded about a batch (by its URI), the newest first, and what it took back."""
    query = select(Event).join(Mention, Mention.event == Event.id)
    query = query.where(Mention.thing == thing_id(batch), Event.party == party).distinct()
    rows = connection.execute(query.order_by(Event.at_ms.desc(), Event.recorded_ms.desc()).limit(MOST)).all()
    views = view_events(connection, {row.statement: Audience.REGULATOR for row in rows})
    taken_back = {row.event_id for row in rows if row.corrects}
    return [
        Said(
            event_id=row.event_id,
            event=views[row.statement].event,
            at_ms=row.at_ms,
            recorded_ms=row.recorded_ms,
            corrects=row.corrects,
            corrected=row.event_id in taken_back and not row.corrects,
        )
        for row in rows
    ]


def speaks_of(connection: Connection, party: str, stream: bytes) -> bool:
    """Whether a party recorded anything about a batch (by the hash of its URI)."""
    query = select(models.Stream.uri).where(models.Stream.hash == stream)
    uri = connection.execute(query).scalar_one_or_none()
    if uri is None or parse_stream(uri).kind is not Kind.BATCH:
        return False
    said = select(Event.id).join(Mention, Mention.event == Event.id)
    said = said.where(Mention.thing == thing_id(uri), Event.party == party)
    return connection.execute(said.limit(1)).first() is not None


def last_event(connection: Connection, party: str, biz_step: str) -> Mapping[str, Any]:
    """The newest event of a step (a bare word) that a party recorded, whole; empty if there is none."""
    query = select(Event.statement, Event.biz_step).where(Event.party == party, standing())
    rows = connection.execute(query.order_by(Event.recorded_ms.desc(), Event.id.desc()).limit(LOOKED_BACK))
    for row in rows:
        if (row.biz_step or "").rpartition("BizStep-")[2] == biz_step:
            return view_events(connection, {row.statement: Audience.REGULATOR})[row.statement].event
    return {}


def newest_events(connection: Connection, party: str, limit: int) -> Sequence[Mapping[str, Any]]:
    """What a party recorded last, whole."""
    query = select(Event.statement).where(Event.party == party, standing())
    query = query.order_by(Event.recorded_ms.desc(), Event.id.desc()).limit(limit)
    statements = connection.execute(query).scalars().all()
    views = view_events(connection, dict.fromkeys(statements, Audience.REGULATOR))
    return [views[statement].event for statement in statements]


def is_known(connection: Connection, batch: str) -> bool:
    """Whether anything is recorded here of a batch (by its URI)."""
    length = select(models.Stream.length).where(models.Stream.hash == stream_hash(batch))
    return bool(connection.execute(length).scalar_one_or_none())


def _newest(party: str) -> Select[*tuple[Any, ...]]:
    """Each batch, and when the newest event of the party was that names it."""
    last_ms = func.max(Mention.at_ms).label("last_ms")
    query = select(Mention.thing, last_ms).join(Event, Event.id == Mention.event)
    query = query.join(Thing, Thing.id == Mention.thing)
    lots = and_(Thing.uri.contains("/01/"), Thing.uri.contains("/10/"))
    return query.where(Event.party == party, lots).group_by(Mention.thing)


def _conditions(wanted: Wanted, last_ms: Any, thing: Any) -> list[Any]:
    found = [Thing.uri.contains(f"/01/{wanted.gtin}", autoescape=True)] if wanted.gtin else []
    if wanted.lot:
        found.append(Thing.uri.contains(f"/10/{wanted.lot}", autoescape=True))
    found += [last_ms >= wanted.from_ms] if wanted.from_ms is not None else []
    found += [last_ms <= wanted.to_ms] if wanted.to_ms is not None else []
    if wanted.after:
        before, _, number = wanted.after.partition(":")
        found.append(or_(last_ms < int(before), and_(last_ms == int(before), thing < int(number))))
    return found


def _with_names(connection: Connection, lots: Sequence[Lot]) -> list[Lot]:
    names = product_names(connection, [lot.uri for lot in lots])
    return [replace(lot, names=names.get(lot.batch.gtin, {})) for lot in lots]
