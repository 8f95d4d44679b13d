"""The rows of streams, and statements and disclosures that nothing refers to."""

from __future__ import annotations

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from traceability import media
from traceability.ledger.record import GENESIS, require_stream
from traceability.ledger.state import stream_hash
from traceability.operations.audit.report import Run
from traceability.operations.audit.tasks import Task, ranges
from traceability.store import models

RANGE = 2_000
"""Streams that one part of the audit reads, about."""


def stream_tasks(run: Run) -> list[Task]:
    """The rows of all streams, and what no record refers to."""
    number = run.connection.execute(select(func.count()).select_from(models.Stream)).scalar_one()
    heads = [Task("streams", RANGE, audit_heads, pair) for pair in ranges(number, RANGE)]
    return [*heads, Task("unused", 0, audit_unused)]


def audit_heads(run: Run, first: bytes, end: bytes) -> None:
    """The rows of some streams: each says what its newest record gives, and has one."""
    stream, record, other = models.Stream, models.Record, aliased(models.Record)
    newest = select(func.max(other.seq)).where(other.stream == stream.hash).scalar_subquery()
    columns = (record.seq, record.hash.label("newest"), record.time_ms.label("at_ms"))
    query = select(stream.__table__, *columns)
    query = query.outerjoin(record, and_(record.stream == stream.hash, record.seq == newest))
    for row in run.rows(query.where(stream.hash >= first, stream.hash < end).order_by(stream.hash)):
        run.counts["streams"] += 1
        where = f"stream {row.uri}"
        with run.noting("stream", where):
            require_stream(row.uri)
        run.same("stream", where, "hash", stream_hash(row.uri), row.hash)
        if row.seq is None:
            run.found("stream", where, "it has no records")
        length, head, time_ms = (0, GENESIS, 0) if row.seq is None else (row.seq + 1, row.newest, row.at_ms)
        run.same("stream", where, "length", length, row.length)
        run.same("stream", where, "head", head, row.head)
        run.same("stream", where, "time of the newest record", time_ms, row.time_ms)


def audit_unused(run: Run) -> None:
    """Statements that no record commits to, and disclosures of no such statement."""
    statement, record = models.Statement, models.Record
    run.counts["statements"] = run.connection.execute(
        select(func.count()).select_from(statement)
    ).scalar_one()
    query = select(statement.sha256).outerjoin(record, record.statement == statement.sha256)
    query = query.where(record.statement.is_(None)).order_by(statement.sha256)
    for row in run.rows(query):
        run.found("statement", f"statement {row.sha256.hex()}", "no record commits to it")
    table = models.Disclosures
    disclosing = record.media_type.in_(media.PARTY_STATEMENTS)
    stated = and_(record.statement == table.statement, disclosing)
    orphans = select(table.statement).outerjoin(record, stated).where(record.statement.is_(None))
    for row in run.rows(orphans.order_by(table.statement)):
        run.found("disclosure", f"disclosures of {row.statement.hex()}", "there is no such statement")
