"""Every stream from its first record on: numbers, hashes, statements, and what these say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from sqlalchemy import and_, func, select

from traceability import media
from traceability.errors import ChainMismatchError
from traceability.ledger.record import GENESIS, Record, commit, require_stream
from traceability.ledger.state import stream_hash
from traceability.operations.audit.disclosures import audit_disclosures
from traceability.operations.audit.report import Run
from traceability.operations.audit.told import Told
from traceability.operations.disclosures import disclosures_of
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.verification.statements import Content, open_statement

RECENT: Final = 64
"""Events whose disclosures are kept at hand."""


def audit_chains(run: Run) -> Told:
    """Recompute all chains; returns what the statements in them say."""
    record, stream, statement = models.Record, models.Stream, models.Statement
    total = run.connection.execute(select(func.count()).select_from(record)).scalar_one()
    query = (
        select(record, stream.uri, statement.body)
        .outerjoin(stream, stream.hash == record.stream)
        .outerjoin(statement, statement.sha256 == record.statement)
        .order_by(record.stream, record.seq)
    )
    told = Told(run)
    ends: dict[bytes, tuple[int, bytes, int]] = {}
    for name, rows in groupby(run.rows(query), key=lambda row: row.stream):
        ends[name] = _audit_chain(run, told, rows, total)
        told.end_stream(name)
    _audit_heads(run, ends)
    _audit_unused(run)
    return told


def _audit_chain(run: Run, told: Told, rows: Iterable[AnyRow], total: int) -> tuple[int, bytes, int]:
    """One stream; returns its length, head and newest time as its records give them."""
    length, head, time_ms, published = 0, GENESIS, 0, True
    for row in rows:
        where = f"record {row.seq} of {row.uri or row.stream.hex()}"
        run.same("record", where, "number", length, row.seq)
        if row.time_ms < time_ms:
            run.found("record", where, "its time is earlier than that of the record before it")
        if row.log_index is not None and not published:
            run.found("record", where, "it is in the log, but one before it is not")
        published = row.log_index is not None
        with run.noting("record", where):
            if row.uri is None:
                raise ChainMismatchError("its stream has no row")
            made = Record(
                row.uri, row.seq, head, row.time_ms, row.media_type, commit(row.statement, row.salt)
            )
            if made.hash != row.hash:
                raise ChainMismatchError(
                    "it does not hash to what is stored", expected=made.hash, got=row.hash
                )
            _audit_statement(run, told, row, made, where)
        length, head, time_ms = row.seq + 1, row.hash, row.time_ms
        run.counts["records"] += 1
        if run.progress is not None and run.counts["records"] % 200 == 0:
            run.progress("records", run.counts["records"], total)
    return length, head, time_ms


def _audit_statement(run: Run, told: Told, row: AnyRow, record: Record, where: str) -> None:
    if row.body is None:
        run.found("statement", where, f"its statement {row.statement.hex()} is missing")
        return
    if hashlib.sha256(row.body).digest() != row.statement:
        run.found("statement", where, "the statement's bytes are not those that were recorded")
        return
    if row.media_type == media.KEY:
        return
    with run.noting("statement", where):
        told.take(row, record, where, _open(run, row, record, where))


def _open(run: Run, row: AnyRow, record: Record, where: str) -> Content:
    texts: dict[bytes, tuple[str, ...]] = {}
    if row.media_type in media.PARTY_STATEMENTS:
        if row.statement not in run.disclosed:
            run.disclosed.add(row.statement)
            audit_disclosures(run, row.statement, row.body, where)
        texts[row.statement] = _disclosures(run, row.statement)
    return open_statement(row.body, row.statement, record, texts, run.signers)


def _disclosures(run: Run, statement: bytes) -> tuple[str, ...]:
    """The disclosures of an event, read once for many of the streams that it stands in."""
    texts = run.recent.get(statement)
    if texts is None:
        texts = run.recent[statement] = tuple(disclosures_of(run.connection, statement))
        if len(run.recent) > RECENT:
            del run.recent[next(iter(run.recent))]
    return texts


def _audit_heads(run: Run, ends: dict[bytes, tuple[int, bytes, int]]) -> None:
    """The rows of streams: each says what its records give, and there is one for each."""
    for row in run.rows(select(models.Stream)):
        run.counts["streams"] += 1
        where = f"stream {row.uri}"
        with run.noting("stream", where):
            require_stream(row.uri)
        run.same("stream", where, "hash", stream_hash(row.uri), row.hash)
        length, head, time_ms = ends.pop(row.hash, (0, GENESIS, 0))
        if not length:
            run.found("stream", where, "it has no records")
        run.same("stream", where, "length", length, row.length)
        run.same("stream", where, "head", head, row.head)
        run.same("stream", where, "time of the newest record", time_ms, row.time_ms)


def _audit_unused(run: Run) -> None:
    """Statements that no record commits to, and disclosures of no such statement."""
    statement, record = models.Statement, models.Record
    run.counts["statements"] = run.connection.execute(
        select(func.count()).select_from(statement)
    ).scalar_one()
    query = select(statement.sha256).outerjoin(record, record.statement == statement.sha256)
    for row in run.rows(query.where(record.statement.is_(None))):
        run.found("statement", f"statement {row.sha256.hex()}", "no record commits to it")
    table = models.Disclosures
    disclosing = record.media_type.in_(media.PARTY_STATEMENTS)
    orphans = (
        select(table.statement)
        .outerjoin(record, and_(record.statement == table.statement, disclosing))
        .where(record.statement.is_(None))
    )
    for row in run.rows(orphans):
        run.found("disclosure", f"disclosures of {row.statement.hex()}", "there is no such statement")
