"""Derived tables of events: every row that the statements give is there, as they give it, and no other.

The rows that must be there are looked up by their whole keys and counted; a table that holds as many
rows as were found holds no others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import exists, func, or_, select, tuple_

from traceability import media
from traceability.errors import TraceabilityError
from traceability.operations.audit.report import Run, shown
from traceability.operations.audit.tasks import Task, ranges
from traceability.operations.project import (
    OPAQUE,
    Projection,
    link_rows,
    mention_rows,
    opaque_name,
    projection_of,
    projections_of,
    term_rows,
)
from traceability.operations.recalled import Said, recall_rows
from traceability.store import models, projections
from traceability.supply.lineage import thing_id

CHUNK: Final = 100
"""Events that are looked at together."""
RANGE: Final = 300
"""Events that one part of the audit reads, about."""

Rows = Callable[[Projection], list[dict[str, Any]]]
_TABLES: Final[Sequence[tuple[str, type[models.Base], Rows]]] = (
    ("term", projections.Term, term_rows),
    ("mention", projections.Mention, mention_rows),
    ("link", projections.Link, link_rows),
)
_RECALLS: Final[Sequence[tuple[str, type[models.Base]]]] = (
    ("recall", projections.Recall),
    ("recalled", projections.Recalled),
)


@dataclass(slots=True)
class Told:
    """What some events say of recalls, and how many rows of each table they give."""

    found: Counter[str] = field(default_factory=Counter)
    said: list[Said] = field(default_factory=list)


def projection_tasks(run: Run) -> list[Task]:
    """The rows of all events, in ranges that do not depend on who reads them."""
    number = run.connection.execute(select(func.count()).select_from(projections.Event)).scalar_one()
    parts = ranges(number, RANGE)
    return [Task("events", -(-number // len(parts)), audit_events, pair) for pair in parts]


def audit_events(run: Run, first: bytes, end: bytes) -> Told:
    """Compare the rows of the events whose statements have hashes from ``first`` on and before ``end``."""
    told = Told()
    for statements in _events(run, first, end):
        told.said += _audit_some(run, statements, told.found)
    return told


def audit_projections(run: Run, parts: Iterable[Told]) -> None:
    """Compare what all events say together, and look for rows that no event gives."""
    found: Counter[str] = Counter()
    said: list[Said] = []
    for part in parts:
        found.update(part.found)
        said += part.said
    _audit_recalls(run, said, found)
    tables: list[tuple[str, type[models.Base]]] = [("event", projections.Event), *_RECALLS]
    for word, table in tables + [(word, table) for word, table, _ in _TABLES]:
        total = run.connection.execute(select(func.count()).select_from(table)).scalar_one()
        if total > found[word]:
            run.found(word, table.__tablename__, f"{total - found[word]} rows that no event gives")
    run.counts["events"] = found["event"]


def _events(run: Run, first: bytes, end: bytes) -> Iterator[list[tuple[bytes, int]]]:
    """The statements of events, with the times at which they were first recorded."""
    record, some = models.Record, []
    query = select(record.statement, func.min(record.time_ms).label("time_ms"))
    query = query.where(record.media_type == media.EVENT, record.statement >= first, record.statement < end)
    query = query.group_by(record.statement).order_by(record.statement)
    for row in run.connection.execute(query).all():
        some.append((row.statement, row.time_ms))
        if len(some) == CHUNK:
            yield some
            some = []
    if some:
        yield some


def _audit_some(run: Run, statements: Sequence[tuple[bytes, int]], found: Counter[str]) -> Iterable[Said]:
    """Compare the rows of some events; returns what these say of recalls."""
    expected = [_named(run, made) for made in _projected(run, statements)]
    annulled = _annulled(run, expected)
    found["event"] += _compare(run, "event", projections.Event, [dict(p.row) for p in expected])
    for code, table, rows in _TABLES:
        live = [p for p in expected if table is not projections.Link or p.id not in annulled]
        found[code] += _compare(run, code, table, [row for p in live for row in rows(p)])
    return (said for p in expected for said in p.said)


def _projected(run: Run, statements: Sequence[tuple[bytes, int]]) -> Sequence[Projection]:
    """What the rows of events must be; one by one if there is one of which that cannot be told."""
    with suppress(TraceabilityError):
        found = projections_of(run.connection, run.node.name, dict(statements))
        if len(found) == len(statements):
            return [found[statement] for statement, _ in statements]
    expected = []
    for statement, recorded_ms in statements:
        with run.noting("event", f"event {statement.hex()}"):
            expected.append(projection_of(run.connection, run.node.name, statement, recorded_ms))
    return expected


def _audit_recalls(run: Run, said: Sequence[Said], found: Counter[str]) -> None:
    """Compare recalls with what all of their events leave; whether one is stale is no evidence."""
    things = {(row["thing"], row["recall"]): row for each in said for row in each.rows()}
    for (code, table), rows in zip(_RECALLS, (recall_rows(said), list(things.values())), strict=True):
        found[code] += _compare(run, code, table, rows)


def _named(run: Run, made: Projection) -> Projection:
    """An event whose name was erased is called by itself, or by the one that it shares its name with.

    That ties it to its error declaration, and is not to be read from either of them any more.
    """
    if not made.row["event_id"].startswith(OPAQUE):
        return made
    table = projections.Event
    name = run.connection.execute(select(table.event_id).where(table.id == made.id)).scalar_one_or_none()
    if name is None:
        return made
    sharing = select(table.statement).where(table.party == made.row["party"], table.event_id == name)
    if name not in map(opaque_name, run.connection.execute(sharing).scalars()):
        return made
    return replace(made, row={**made.row, "event_id": name})


def _compare(run: Run, code: str, model: type[models.Base], wanted: Sequence[Mapping[str, Any]]) -> int:
    """Compare rows with what is stored under their keys; returns how many are there."""
    table, title, found = model.__table__, model.__tablename__, 0
    keys = [column.name for column in table.primary_key]
    for first in range(0, len(wanted), CHUNK):
        some = {tuple(row[key] for key in keys): row for row in wanted[first : first + CHUNK]}
        query = select(table).where(tuple_(*(table.c[key] for key in keys)).in_(list(some)))
        there = {tuple(row[key] for key in keys): row for row in run.connection.execute(query).mappings()}
        for key, row in some.items():
            where = f"{title} {' '.join(map(shown, key))}"
            if key not in there:
                run.found(code, where, "this row is missing")
                continue
            found += 1
            for name, value in row.items():
                run.same(code, where, name, value, there[key][name])
    return found


def _annulled(run: Run, expected: Sequence[Projection]) -> set[int]:
    """The events among these that were declared an error."""
    table = projections.Event
    names = {(p.row["party"], p.row["event_id"]): p.id for p in expected if not p.row["corrects"]}
    query = select(table.party, table.event_id).where(
        tuple_(table.party, table.event_id).in_(list(names)), table.corrects.is_(True)
    )
    return {names[row.party, row.event_id] for row in run.connection.execute(query)}


def audit_things(run: Run) -> None:
    """Each thing bears the number of its URI, and something names it."""
    thing, mention, link = projections.Thing, projections.Mention, projections.Link
    unnamed = ~or_(
        exists().where(mention.thing == thing.id),
        exists().where(link.src == thing.id),
        exists().where(link.dst == thing.id),
    )
    every = select(thing.id, thing.uri, unnamed.label("unnamed")).order_by(thing.id)
    for row in run.rows(every):
        run.same("thing", f"thing {row.uri}", "number", thing_id(row.uri), row.id)
        if row.unnamed:
            run.found("thing", f"thing {row.uri}", "no event names it")
    for column in (mention.thing, link.src, link.dst):
        named = select(column).outerjoin(thing, thing.id == column).where(thing.id.is_(None)).distinct()
        for row in run.rows(named.order_by(column)):
            run.found("thing", f"thing {row[0]}", "it has no row")
