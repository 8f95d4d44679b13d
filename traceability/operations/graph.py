"""The lineage graph as a walk reads it from the store.

A trace reads up to a million rows. So the ids that are asked for travel as one parameter, whatever their
number, and the rows come as the driver made them, without an object around each.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    TableValuedAlias,
    and_,
    bindparam,
    case,
    column,
    exists,
    false,
    func,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, aliased

from traceability.store.projections import Event, Link, Mention
from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.packing import WeighedRow
from traceability.supply.tracing.trace import Direction, End, Options, Part

FEW: Final[Mapping[str, int]] = {"sqlite": 0, "postgresql": 200}
"""By measurement: a question to SQLite costs no more than the links of some things, and each thing that
is read ahead costs twice, because its links are followed and then read."""


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
        self.few = FEW[connection.dialect.name]
        stopping = stops.condition() if stops else None
        mentioned = select(Mention.thing).distinct().join(Event, Event.id == Mention.event)
        self._stopped = None if stopping is None else mentioned.where(stopping, standing())

    def at(self, ids: Sequence[int], end: End, part: Part, *, limit: int) -> list[WeighedRow]:
        """The links whose ``end`` is one of these."""
        return fetch(self._connection, _LINKS[part], _near(end), ids, limit=limit)

    def ahead(self, ids: Sequence[int], options: Options, *, limit: int) -> list[tuple[int, bool]]:
        """What may be asked about after these; in SQLite nothing but these."""
        if not self.few:
            return [(each, False) for each in ids]
        forward = options.direction is Direction.FORWARD
        query = _ahead(forward, options.contact, self._connection.dialect)
        return _rows(self._connection, query, ids, limit=limit)

    def of_processes(self, processes: Sequence[int]) -> list[WeighedRow]:
        """All that went into these and came out of them, with quantities."""
        ins = fetch(self._connection, _MADE_OF[LinkKind.INPUT], Link.dst, processes)
        return ins + fetch(self._connection, _MADE_OF[LinkKind.OUTPUT], Link.src, processes)

    def stopping(self, ids: Sequence[int]) -> Collection[int]:
        """Which of these an event names that stops the trace."""
        if self._stopped is None:
            return ()
        return [row[0] for row in fetch(self._connection, self._stopped, Mention.thing, ids)]


_ENDS: Final = (Link.src, Link.kind, Link.at_ms, Link.dst)
_IS_PACKING: Final = Link.kind >= int(LinkKind.PACK)
_LIMIT: Final[BindParameter[int]] = bindparam("limit")
_LINKS: Final = {
    Part.POINTS: select(*_ENDS, null(), null()).where(~_IS_PACKING).limit(_LIMIT),
    Part.PACKS: select(*_ENDS, Link.quantity, Link.uom).where(_IS_PACKING).limit(_LIMIT),
    Part.ALL: select(*_ENDS, *(case((_IS_PACKING, each)) for each in (Link.quantity, Link.uom))).limit(
        _LIMIT
    ),
}
_WEIGHED: Final = select(*_ENDS, Link.quantity, Link.uom)
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
    return _rows(connection, _prepared(query, member, connection.dialect), ids, **parameters)


class _Prepared(NamedTuple):
    """A query's text, the order of its parameters where they go by place, and those always the same."""

    sql: str
    order: Sequence[str] | None
    fixed: Mapping[str, Any]


def _rows(connection: Connection, query: _Prepared, ids: Sequence[int], **parameters: int) -> list[Any]:
    sql, order, fixed = query
    given = list(ids) if order is None else json.dumps(list(ids))
    values: dict[str, object] = {**fixed, "ids": given, **parameters}
    rows = connection.exec_driver_sql(
        sql, values if order is None else tuple([values[name] for name in order])
    ).cursor.fetchall()
    return cast("list[Any]", rows)  # both drivers give a list; a copy of a million rows is not free


@lru_cache(maxsize=64)
def _prepared(
    query: Select[*tuple[Any, ...]], member: InstrumentedAttribute[int], dialect: Dialect
) -> _Prepared:
    wanted = _wanted(dialect)
    return _compiled(query.join(wanted, member == wanted.c.value), dialect)


@lru_cache(maxsize=8)
def _ahead(forward: bool, contact: bool, dialect: Dialect) -> _Prepared:
    """Follow a walk's moves from the ids on, whatever their times.

    LATERAL, so that PostgreSQL looks links up by their ends however many it takes there to be.
    """
    wanted = _wanted(dialect)
    ahead = select(wanted.c.value.label("id"), false().label("lesser")).cte("ahead", recursive=True)
    full = true() if contact else ~ahead.c.lesser
    lesser = false() if contact else _IS_PACKING
    up = select(Link.dst.label("id"), lesser.label("lesser")).where(Link.src == ahead.c.id)
    down = select(Link.src, false()).where(Link.dst == ahead.c.id)
    if forward:
        down = down.where(_IS_PACKING, full)
    else:
        up, down = up.where(_IS_PACKING), down.where(or_(~_IS_PACKING, full))
    moves = union_all(up.correlate(ahead), down.correlate(ahead)).lateral("moves")
    reached = ahead.union(select(moves.c.id, moves.c.lesser).select_from(ahead.join(moves, true())))
    return _compiled(select(reached.c.id, reached.c.lesser).limit(_LIMIT), dialect)


def _wanted(dialect: Dialect) -> TableValuedAlias:
    """The ids that are asked for, as a table."""
    if dialect.name == "postgresql":
        array = func.unnest(bindparam("ids", None, ARRAY(BigInteger)))
        return array.table_valued(column("value", BigInteger)).render_derived("wanted")
    return func.json_each(bindparam("ids", None)).table_valued("value", name="wanted")


def _compiled(query: Select[*tuple[Any, ...]], dialect: Dialect) -> _Prepared:
    compiled = query.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return _Prepared(compiled.string, compiled.positiontup, compiled.params)


def _near(end: End) -> InstrumentedAttribute[int]:
    return Link.src if end is End.SRC else Link.dst
