"""Tracing: from things, a place or a party to everything that came of them, or that they came from.

``trace`` reads the graph and nothing else, which is what a recall waits for; ``describe`` then looks up
places, parties, quantities, balances, and what is missing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, or_, select

from traceability.errors import QueryError, QueryTooLargeError, UnknownSubjectError
from traceability.identifiers import canonical
from traceability.operations.graph import Stops, StoredLinks, fetch, standing
from traceability.operations.node import Node
from traceability.store.projections import Event, Mention, Term, Thing
from traceability.supply.lineage import thing_id
from traceability.supply.tracing.labels import ThingKind, kind_of
from traceability.supply.tracing.trace import Direction, Options, Trace, chunks
from traceability.supply.tracing.walk import walk

MAX_STARTS: Final = 10_000
_URIS: Final = select(Thing.id, Thing.uri)


@dataclass(frozen=True, slots=True)
class Request:
    """What to trace: things, or all that was at a place or in a party's hands in a period.

    Args:
        things: URIs of batches, items or logistic units, in any form.
        place, party: URIs, with the ``period`` in milliseconds, both ends included.
    """

    things: tuple[str, ...] = ()
    place: str | None = None
    party: str | None = None
    period: tuple[int, int] | None = None
    options: Options = field(default_factory=Options)
    stops: Stops = field(default_factory=Stops)


def trace(connection: Connection, node: Node, request: Request) -> Trace:
    """Trace forward or backward.

    Raises:
        QueryError: not exactly one of things, place and party, or a place without a period.
        QueryTooLargeError: more things were there in that period than a trace starts from.
        UnknownSubjectError: a thing that no event names, or a place or party where nothing was.
    """
    with _without_collecting():
        starts = _starts(connection, node, request)
        walked = walk(StoredLinks(connection, request.stops), starts, request.options)
        uris = uris_of(connection, sorted({*starts, *(thing.id for thing in walked.things)}))
    return Trace(request.options.direction, frozenset(starts), walked, uris)


def uris_of(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """The URIs of things and processes."""
    return dict(row for part in chunks(ids) for row in fetch(connection, _URIS, Thing.id, part))


def _starts(connection: Connection, node: Node, request: Request) -> Mapping[int, int | None]:
    given = (bool(request.things), request.place is not None, request.party is not None)
    if sum(given) != 1:
        raise QueryError("a trace starts from things, or from a place, or from a party: give one of these")
    if request.things:
        return named_things(connection, node, request.things)
    if request.period is None:
        raise QueryError("a trace from a place or a party needs a period: from when to when")
    if request.place is not None:
        place = canonical(request.place, node.name)
        found = or_(Event.read_point == place, Event.biz_location == place)
        return _present(connection, found, place, request)
    party = canonical(str(request.party), node.name)
    holds = select(Term.event).where(Term.name == "reader", Term.value == party)
    return _present(connection, or_(Event.party == party, Event.id.in_(holds)), party, request)


def named_things(connection: Connection, node: Node, things: Iterable[str]) -> Mapping[int, int | None]:
    """The numbers of things by their URIs.

    Raises:
        QueryTooLargeError: more than ``MAX_STARTS``.
        UnknownSubjectError: no event names one of them.
    """
    wanted = {thing_id(uri): uri for uri in (canonical(thing, node.name) for thing in things)}
    if len(wanted) > MAX_STARTS:
        raise QueryTooLargeError(f"a trace starts from at most {MAX_STARTS:,} things, not {len(wanted):,}")
    known = uris_of(connection, sorted(wanted))
    for number, uri in wanted.items():
        if known.get(number) != uri:
            raise UnknownSubjectError(f"no event names {uri[:200]}")
    return dict.fromkeys(wanted)


def _present(
    connection: Connection, found: ColumnElement[bool], where: str, request: Request
) -> Mapping[int, int | None]:
    """What events name there in the period, from its first time there (backward: until its last).

    Assets stay out: what is in a truck or a cold room at other times has nothing to do with it.
    """
    first, last = request.period or (0, 0)
    when = func.min if request.options.direction is Direction.FORWARD else func.max
    query = (
        select(Thing.id, when(Mention.at_ms), Thing.uri)
        .join(Mention, Mention.thing == Thing.id)
        .join(Event, Event.id == Mention.event)
        .where(found, Event.at_ms.between(first, last), standing())
        .group_by(Thing.id, Thing.uri)
        .limit(2 * MAX_STARTS + 1)
    )
    rows = connection.execute(query).all()
    starts = {row[0]: row[1] for row in rows if kind_of(row[2]) in _TRACED}
    if len(rows) > 2 * MAX_STARTS or len(starts) > MAX_STARTS:
        raise QueryTooLargeError(
            f"more than {MAX_STARTS:,} things were at {where[:200]} then: narrow the period"
        )
    if not starts:
        raise UnknownSubjectError(f"no event of that period names a thing at {where[:200]}")
    return starts


_TRACED: Final = frozenset({ThingKind.BATCH, ThingKind.ITEM, ThingKind.UNIT, ThingKind.OTHER})


@contextmanager
def _without_collecting() -> Iterator[None]:
    """A walk makes a million small objects and no cycles; looking for some took a third of its time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.freeze()
            gc.unfreeze()
            gc.enable()
