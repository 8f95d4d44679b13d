"""Answering queries: which events, as who asks may see them, a page at a time.

Whether an event matches is decided over what its reader sees of it. Events are left out beforehand
only by members that this reader sees: otherwise the number of pages, a token, or the time an
answer takes would tell what is hidden. A page looks at so many events and no more, whether they
match or not; it may hold fewer than were asked for, or none, and go on.

The store itself leaves out only what it finds by an index. Nobody can make it read all its events,
or sort them, for one page.

Shown are only events whose record is in the published log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, exists, select, true, tuple_

from traceability.errors import QueryTooLargeError
from traceability.ledger.record import format_time
from traceability.operations.events import Reader, View, view_events
from traceability.operations.log import latest_checkpoint
from traceability.operations.node import Node
from traceability.operations.pagetoken import LIFE_MS, Position, read_token, write_token
from traceability.operations.prefilter import COLUMNS, Arm, arms_for, order_column
from traceability.signing.strictjson import Json
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.store.projections import Event
from traceability.supply.epcis.context import Context, read_context
from traceability.supply.queries.query import MAX_PER_PAGE, Query, matches, parse_query, sort_key

MAX_PASSED: Final = 5_000
"""Rows of events that a page looks at."""
MAX_OPENED: Final = 500
"""Events that a page opens; those whose row says that they cannot match are not opened."""
MAX_SHOWN: Final = 8_388_608
"""Characters of the events that a page opens, as their reader sees them: what it takes in memory and time."""
MAX_SORTED: Final = 2_000
"""Events that are opened in order to sort by an extension."""
CHUNK: Final = 50
"""Events that are opened at a time."""
WINDOW: Final = 500
"""Rows that are read at a time where some may not be opened, or where they must be sorted first."""


@dataclass(frozen=True, slots=True)
class Found:
    """An event as it is answered, and the context of the document that it came in, if any."""

    event: Mapping[str, Json]
    context: Json


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a query's events; ``next_token`` (until ``expires_ms``) if there may be more."""

    events: tuple[Found, ...]
    next_token: str | None
    expires_ms: int | None


def run(connection: Connection, node: Node, query: Query, reader: Reader, *, now_ms: int) -> Page:
    """One page of a query's answer.

    Args:
        connection: a snapshot (``Store.reading``).
        reader: who asks. A party gets its own events, whole, and as partners see them those in
            which it is source, destination, owner or possessor; a regulator gets all, whole; anybody
            else gets of each event what its party makes public.
        now_ms: this node's time, by which page tokens expire.

    Raises:
        QueryError: the page token is not for this query and this reader, or has expired.
        QueryTooLargeError: more events match than ``maxEventCount``, or there are too many to sort.
    """
    start = read_token(node, query, reader, now_ms)
    if start is None:
        latest = latest_checkpoint(connection)
        start = Position(latest.size if latest is not None else 0, 0, 0, 0)
    search = _Search(connection, query, reader, start)
    events, position = search.sorted_page() if query.order.find is not None else search.page()
    if position is None:
        return Page(events, None, None)
    expires_ms = now_ms + LIFE_MS
    return Page(events, write_token(node, query, reader, position, expires_ms), expires_ms)


def find(connection: Connection, node: Node, event_id: str, reader: Reader) -> tuple[Found, ...]:
    """The events under a name, if their reader sees that name: an event, and error declarations about it.

    Raises:
        QueryError: not something that could be a name.
    """
    query = parse_query({"EQ_eventID": [event_id], "perPage": MAX_PER_PAGE}, Context({}), node.name)
    latest = latest_checkpoint(connection)
    start = Position(latest.size if latest is not None else 0, 0, 0, 0)
    named = Event.event_id == event_id
    events, _ = _Search(connection, query, reader, start, among=named).page()
    return events


@dataclass(frozen=True, slots=True)
class _Seen:
    """A candidate as its reader sees it."""

    found: Found
    context: Context
    size: int


class _Search:
    """One page of one query."""

    def __init__(
        self,
        connection: Connection,
        query: Query,
        reader: Reader,
        start: Position,
        *,
        among: ColumnElement[bool] | None = None,
    ) -> None:
        self.connection, self.query, self.start = connection, query, start
        self.among = true() if among is None else among
        self.left = query.limit - start.served if query.limit is not None else None
        self.wanted = query.per_page if self.left is None else min(query.per_page, self.left)
        self.most = query.most - start.served if query.most is not None else None
        self.arms = arms_for(connection, query, reader)
        self.window = WINDOW if len(self.arms) > 1 or any(arm.filters for arm in self.arms) else CHUNK

    def page(self) -> tuple[tuple[Found, ...], Position | None]:
        """The next events in the order of a time, and where to go on.

        It looks for one more than was asked for, to know whether there is another page; with
        ``maxEventCount`` as far as it may, to say at once that there are too many.
        """
        events: list[Found] = []
        behind, matched, opened, shown, ended = self.start, 0, 0, 0, True
        for passed, (row, seen) in enumerate(self._rows(self.start, self.query.order.descending), 1):
            if seen is not None:
                opened, shown = opened + 1, shown + seen.size
            if seen is not None and self._matches(seen):
                matched += 1
                self._require_few(matched)
                if matched <= self.wanted:
                    events.append(seen.found)
            if matched <= self.wanted:
                behind = self._behind(row, len(events))
            if matched > self.wanted and self.most is None:
                break
            full = passed == MAX_PASSED or opened == MAX_OPENED or shown >= MAX_SHOWN
            if len(events) == self.left or full:
                ended = False
                break
        ended = len(events) == self.left or (ended and matched == len(events))
        return tuple(events), None if ended else behind

    def sorted_page(self) -> tuple[tuple[Found, ...], Position | None]:
        """The next events in the order of an extension; those that lack it are the last.

        All events are looked at for every page, which is why there may not be many.
        """
        ranked: list[tuple[Any, Found]] = []
        others: list[Found] = []
        opened, shown = 0, 0
        for passed, (_, seen) in enumerate(self._rows(Position(self.start.size, 0, 0, 0), descending=False)):
            if passed == MAX_PASSED or opened == MAX_SORTED or shown >= MAX_SHOWN:
                raise QueryTooLargeError(f"more than {passed} events to order by {self.query.order.by[:128]}")
            if seen is not None:
                opened, shown = opened + 1, shown + seen.size
            if seen is not None and self._matches(seen):
                key = sort_key(self.query, seen.found.event, seen.context)
                others.append(seen.found) if key is None else ranked.append((key, seen.found))
        ranked.sort(key=lambda pair: pair[0], reverse=self.query.order.descending)
        events = [found for _, found in ranked] + others
        self._require_few(len(events) - self.start.served)
        end = self.start.served + self.wanted
        last = end >= len(events) or end == self.query.limit
        position = None if last else Position(self.start.size, 0, 0, end)
        return tuple(events[self.start.served : end]), position

    def _require_few(self, matched: int) -> None:
        if self.most is not None and matched > self.most:
            raise QueryTooLargeError(f"more than maxEventCount={self.query.most} events match")

    def _behind(self, row: AnyRow, more: int) -> Position:
        return Position(self.start.size, row.time, row.id, self.start.served + more)

    def _matches(self, seen: _Seen) -> bool:
        return matches(self.query, seen.found.event, seen.context, {})

    def _rows(self, position: Position, descending: bool) -> Iterator[tuple[AnyRow, _Seen | None]]:
        """Rows of events behind a position, with the event where its row does not speak against it."""
        while True:
            read = [
                (row, arm)
                for arm in self.arms
                for row in self.connection.execute(self._select(arm, position, descending=descending))
            ]
            read.sort(key=lambda pair: (pair[0].time, pair[0].id), reverse=descending)
            rows = read[: self.window]
            for first in range(0, len(rows), CHUNK):
                yield from self._open(rows[first : first + CHUNK])
            if len(rows) < self.window:
                return
            position = self._behind(rows[-1][0], 0)

    def _open(self, rows: Sequence[tuple[AnyRow, Arm]]) -> Iterator[tuple[AnyRow, _Seen | None]]:
        wanted = {row.statement: arm.audience for row, arm in rows if arm.may_match(row)}
        views = view_events(self.connection, wanted) if wanted else {}
        for row, _ in rows:
            view = views.get(row.statement)
            yield row, None if view is None else _seen(row, view)

    def _select(self, arm: Arm, position: Position, *, descending: bool) -> Select[*tuple[Any, ...]]:
        record, time = models.Record, order_column(self.query)
        published = exists().where(record.statement == Event.statement, record.log_index < position.size)
        query = select(Event.id, Event.statement, time.label("time"), *COLUMNS)
        query = query.where(published, arm.events, self.among)
        keys = tuple_(time, Event.id)
        if position.id or position.time_ms:
            here = (position.time_ms, position.id)
            query = query.where(keys < here if descending else keys > here)
        order = (time.desc(), Event.id.desc()) if descending else (time, Event.id)
        return query.order_by(*order).limit(self.window)


def _seen(row: AnyRow, view: View) -> _Seen:
    event = {**view.event, "recordTime": format_time(row.recorded_ms)}
    return _Seen(
        Found(event, view.context), read_context(view.context, view.event.get("@context")), view.size
    )
