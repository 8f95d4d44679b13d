"""Leaving events out before they are opened: by indexes of the store, and by what their rows say.

Only members that a reader sees may speak against an event. To a partner or to anybody those are the
kept ones, which no policy withholds; to its party and to a regulator all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    any_,
    bindparam,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from traceability.operations.events import Reader
from traceability.signing.disclosure import Audience, kept
from traceability.store.engine import AnyRow
from traceability.store.projections import Event, Mention, Term, Thing
from traceability.supply.lineage import thing_id
from traceability.supply.queries.query import Narrowing, Query, narrow

READER: Final = "reader"
"""Name of the terms that say which parties may read an event as partners."""

COLUMNS: Final = (
    Event.type,
    Event.action,
    Event.at_ms,
    Event.recorded_ms,
    Event.biz_step,
    Event.disposition,
    Event.read_point,
    Event.biz_location,
    Event.transformation,
)
"""What a row says of its event. None of it but the times has an index."""

MAX_LISTED: Final = 5_000
"""Events, and things, that are looked up by a name; where there are more, all events are gone through."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Arm:
    """Events that a reader sees as one audience.

    ``events`` says which the store reads; ``filters`` are compared with their rows.
    """

    audience: Audience
    events: ColumnElement[bool]
    filters: tuple[Narrowing, ...]

    def may_match(self, row: AnyRow) -> bool:
        """Whether nothing in a row of ``COLUMNS`` speaks against its event."""
        return all(_may_match(narrowing, row) for narrowing in self.filters)


def arms_for(connection: Connection, query: Query, reader: Reader) -> tuple[Arm, ...]:
    """The events that a reader may see, less those that the store can leave out."""
    every = narrow(query)
    safe = tuple(n for n in every if all(kept((part,)) for part in n.parts))
    known: dict[Narrowing, ColumnElement[bool] | None] = {}

    def arm(audience: Audience, events: ColumnElement[bool], narrowings: Sequence[Narrowing]) -> Arm:
        for narrowing in narrowings:
            if narrowing not in known:
                known[narrowing] = _clause(connection, query, narrowing)
        clauses = [clause for n in narrowings if (clause := known[n]) is not None]
        filters = tuple(n for n in narrowings if known[n] is None and n.index.table == "column")
        return Arm(audience, and_(events, *clauses), filters)

    if reader.regulator:
        return (arm(Audience.REGULATOR, true(), every),)
    if reader.party is None:
        return (arm(Audience.PUBLIC, true(), safe),)
    own = Event.party == reader.party
    shared = Event.id.in_(select(Term.event).where(Term.name == READER, Term.value == reader.party))
    return arm(Audience.REGULATOR, own, every), arm(Audience.PARTNER, and_(~own, shared), safe)


def order_column(query: Query) -> InstrumentedAttribute[int]:
    """The time by which a query's events are read."""
    return Event.at_ms if query.order.by == "eventTime" else Event.recorded_ms


def _clause(connection: Connection, query: Query, narrowing: Narrowing) -> ColumnElement[bool] | None:
    """A condition that the store answers by an index and in the order wanted; None if there is none."""
    index, texts = narrowing.index, _texts(narrowing)
    if index.names == ("event_id",):
        return Event.event_id.in_(texts)
    if index.names == (order_column(query).key,):
        return _within(order_column(query), narrowing)
    found: Sequence[int] | None = None
    if index.table == "term":
        terms = select(Term.event).where(Term.name.in_(index.names), Term.value.in_(texts))
        found = connection.execute(terms.distinct().limit(MAX_LISTED + 1)).scalars().all()
    elif index.table == "mention":
        found = _mentioning(connection, query, narrowing)
    return None if found is None or len(found) > MAX_LISTED else _one_of(connection, Event.id, found)


def _mentioning(connection: Connection, query: Query, narrowing: Narrowing) -> Sequence[int]:
    """The events that name any of the things asked for, as far as they can be listed."""
    things = {thing_id(text) for text in _texts(narrowing)}
    for prefix in narrowing.prefixes:
        begun = select(Thing.id).where(begins(connection, prefix)).limit(MAX_LISTED + 1)
        things.update(connection.execute(begun).scalars())
        if len(things) > MAX_LISTED:
            return sorted(things)
    named = _one_of(connection, Mention.thing, things)
    events = select(Mention.event).where(named, Mention.role.in_(narrowing.index.names))
    for other in narrow(query):
        if other.index.names == (Mention.at_ms.key,):
            events = events.where(_within(Mention.at_ms, other))
    return connection.execute(events.distinct().limit(MAX_LISTED + 1)).scalars().all()


def _one_of(
    connection: Connection, column: InstrumentedAttribute[int], ids: Iterable[int]
) -> ColumnElement[bool]:
    """Whether a column is one of many numbers, which travel as one parameter: databases limit how many."""
    given = sorted(ids)
    if connection.dialect.name == "postgresql":
        return column == any_(bindparam(None, given, ARRAY(BigInteger)))
    return column.in_(select(func.json_each(json.dumps(given)).table_valued("value").c.value))


def _within(column: InstrumentedAttribute[int], narrowing: Narrowing) -> ColumnElement[bool]:
    limit = _limit_ms(narrowing)
    return column >= limit if narrowing.operator == "GE" else column <= limit


def begins(connection: Connection, prefix: str) -> ColumnElement[bool]:
    """Whether a thing's URI begins with a text; said to SQLite so that it uses its index."""
    begins: ColumnElement[bool] = Thing.uri.startswith(prefix, autoescape=True)
    if connection.dialect.name == "sqlite":
        return and_(Thing.uri >= prefix, Thing.uri < prefix + chr(0x10FFFF), begins)
    return begins


def _may_match(narrowing: Narrowing, row: AnyRow) -> bool:
    value = getattr(row, narrowing.index.names[0])
    if narrowing.operator == "EQ":
        return value is not None and (value in _texts(narrowing) or value.startswith(narrowing.prefixes))
    limit = _limit_ms(narrowing)
    return bool(value >= limit if narrowing.operator == "GE" else value <= limit)


def _limit_ms(narrowing: Narrowing) -> int:
    """A limit in whole milliseconds, cut off as the times in rows are: its own millisecond may match."""
    (moment,) = (value for _, value in narrowing.values if isinstance(value, datetime))
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _texts(narrowing: Narrowing) -> list[Any]:
    return [value for kind, value in narrowing.values if kind == "text"]
