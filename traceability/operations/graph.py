"""The lineage graph as a walk reads it from the store.

A trace reads up to a million rows. So the ids that are asked for travel as one parameter, whatever their
number, and the rows come as the driver made them, without an object around each.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    and_,
    bindparam,
    column,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, aliased

from traceability.store.projections import Event, Link, Mention
from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.packing import LinkRow, WeighedRow
from traceability.supply.tracing.trace import End, Part


@dataclass(frozen=True, slots=True)
class Stops:
    """Where a trace ends: at things that an event of one of these kinds names. Whole URIs."""

    biz_steps: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    parties: frozenset[str] = frozenset()

    def condition(self) -> ColumnElement[bool] | None:
        """What such an event looks like; None if nothing stops a trace."""
        given = (
            (Event.biz_step, self.biz_steps),
            (Event.read_point, self.places),
            (Event.biz_location, self.places),
            (Event.party, self.parties),
        )
        found = [member.in_(sorted(values)) for member, values in given if values]
        return or_(*found) if found else None


class StoredLinks:
    """``supply.tracing.trace.Links`` over the tables."""

    def __init__(self, connection: Connection, stops: Stops | None = None) -> None:
        self._connection = connection
        stopping = stops.condition() if stops else None
        mentioned = select(Mention.thing).distinct().join(Event, Event.id == Mention.event)
        self._stopped = None if stopping is None else mentioned.where(stopping, standing())

    def at(self, ids: Sequence[int], end: End, part: Part, *, limit: int) -> list[LinkRow]:
        """The links whose ``end`` is one of these."""
        return fetch(self._connection, _LINKS[part], _near(end), ids, limit=limit)

    def weighed(self, children: Sequence[int]) -> list[WeighedRow]:
        """The packings of these, with quantities."""
        return fetch(self._connection, _PACKED, Link.src, children)

    def of_processes(self, processes: Sequence[int]) -> list[WeighedRow]:
        """All that went into these and came out of them, with quantities."""
        ins = fetch(self._connection, _MADE_OF[LinkKind.INPUT], Link.dst, processes)
        return ins + fetch(self._connection, _MADE_OF[LinkKind.OUTPUT], Link.src, processes)

    def stopping(self, ids: Sequence[int]) -> Collection[int]:
        """Which of these an event names that stops the trace."""
        if self._stopped is None:
            return ()
        return [row[0] for row in fetch(self._connection, self._stopped, Mention.thing, ids)]


_ENDS: Final = select(Link.src, Link.kind, Link.at_ms, Link.dst).limit(bindparam("limit"))
_LINKS: Final = {
    Part.POINTS: _ENDS.where(Link.kind < int(LinkKind.PACK)),
    Part.PACKS: _ENDS.where(Link.kind >= int(LinkKind.PACK)),
    Part.ALL: _ENDS,
}
_WEIGHED: Final = select(Link.src, Link.kind, Link.at_ms, Link.dst, Link.quantity, Link.uom)
_PACKED: Final = _WEIGHED.where(Link.kind >= int(LinkKind.PACK))
_MADE_OF: Final = {kind: _WEIGHED.where(Link.kind == int(kind)) for kind in (LinkKind.INPUT, LinkKind.OUTPUT)}


def standing() -> ColumnElement[bool]:
    """Of events: neither an error declaration nor what one is about."""
    other = aliased(Event)
    declared = exists().where(
        and_(other.event_id == Event.event_id, other.party == Event.party, other.corrects.is_(True))
    )
    return and_(Event.corrects.is_(False), ~declared)


def fetch(
    connection: Connection,
    query: Select[*tuple[Any, ...]],
    member: InstrumentedAttribute[int],
    ids: Sequence[int],
    **parameters: int,
) -> list[Any]:
    """The rows of a query in which ``member`` is one of the ids, in any order, as plain tuples.

    A query that is asked often is made once, and goes to the driver as it is: making it, and looking
    at its parts again each time, cost several times what a small answer does.
    """
    sql, order, fixed = _prepared(query, member, connection.dialect)
    given = list(ids) if order is None else json.dumps(list(ids))
    values: dict[str, object] = {**fixed, "ids": given, **parameters}
    rows = connection.exec_driver_sql(
        sql, values if order is None else tuple([values[name] for name in order])
    ).cursor.fetchall()
    return cast("list[Any]", rows)  # both drivers give a list; a copy of a million rows is not free


@lru_cache(maxsize=64)
def _prepared(
    query: Select[*tuple[Any, ...]], member: InstrumentedAttribute[int], dialect: Dialect
) -> tuple[str, Sequence[str] | None, Mapping[str, Any]]:
    """Its text, the order of its parameters where they go by place, and those that are always the same."""
    if dialect.name == "postgresql":
        array = func.unnest(bindparam("ids", None, ARRAY(BigInteger)))
        wanted = array.table_valued(column("value", BigInteger)).render_derived("wanted")
    else:
        wanted = func.json_each(bindparam("ids", None)).table_valued("value", name="wanted")
    joined = query.join(wanted, member == wanted.c.value)
    compiled = joined.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return compiled.string, compiled.positiontup, compiled.params


def _near(end: End) -> InstrumentedAttribute[int]:
    return Link.src if end is End.SRC else Link.dst
