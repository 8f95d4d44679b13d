"""Every stream from its first record on: numbers, hashes, statements, and what these say.

Records are read in ranges. Where a range begins within a stream, it goes on from the record before it:
what is compared is always with the stored hash of the one before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any, Final, TypeAlias

from sqlalchemy import Select, and_, case, exists, false, func, select, tuple_
from sqlalchemy.orm import aliased

from traceability import media
from traceability.errors import ChainMismatchError, TraceabilityError
from traceability.ledger.record import GENESIS, Record, chain_hashes
from traceability.operations.audit.disclosures import audit_disclosures, read_disclosures
from traceability.operations.audit.frames import takes_frame
from traceability.operations.audit.report import CHUNK, Run
from traceability.operations.audit.tasks import Task
from traceability.operations.audit.told import Said, Told
from traceability.operations.log import commitment_of
from traceability.sensing.frame import parse_statement
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.verification.statements import Content, open_statement

RANGE: Final = 4_000
"""Records that one part of the audit reads, about."""

Edge: TypeAlias = tuple[bytes, int]
"""A stream and a number in it."""


def chain_tasks(run: Run) -> list[Task]:
    """All records, in ranges that do not depend on who reads them."""
    record, edges, weights = models.Record, list[Edge](), [0]
    query = select(record.stream, func.count().label("number")).group_by(record.stream)
    for row in run.rows(query.order_by(record.stream)):
        if weights[-1] >= RANGE:
            edges.append((row.stream, 0))
            weights.append(0)
        for first in range(RANGE, row.number, RANGE):
            edges.append((row.stream, first))
            weights[-1] += RANGE
            weights.append(0)
        weights[-1] += row.number - (row.number - 1) // RANGE * RANGE
    pairs = zip([None, *edges], [*edges, None], weights, strict=True)
    return [Task("records", weight, audit_range, (first, end)) for first, end, weight in pairs]


def audit_range(run: Run, first: Edge | None, end: Edge | None) -> Said:
    """Recompute the records from one place up to another; returns what the statements in them say."""
    told = Told(run, first, end)
    last: AnyRow | None = None
    name: bytes | None = None
    for chunk in _chunks(run, first, end):
        told.expect(chunk)
        disclosing = (row.statement for row in chunk if row.media_type in media.PARTY_STATEMENTS)
        read_disclosures(run, {statement for statement in disclosing if statement is not None})
        for stream, own in groupby(chunk, key=lambda row: row.stream):
            if stream != name:
                _end_stream(told, name)
                name, last = stream, _before(run, first, stream)
            rows = list(own)
            _audit_rows(run, told, last, rows)
            last = rows[-1]
    _end_stream(told, name)
    return told.said


def _end_stream(told: Told, name: bytes | None) -> None:
    if name is not None:
        told.end_stream(name)


def _chunks(run: Run, first: Edge | None, end: Edge | None) -> Iterator[Sequence[AnyRow]]:
    """Records of the range, some at a time."""
    rows = run.rows(_records(first, end))
    while some := list(islice(rows, CHUNK)):
        yield some


def _records(first: Edge | None, end: Edge | None) -> Select[*tuple[Any, ...]]:
    """Records with their streams' URIs and their statements.

    ``leads`` says of an event or a notice that this is the first of the streams in which it stands.
    """
    record, stream, statement, other = models.Record, models.Stream, models.Statement, aliased(models.Record)
    same = and_(other.statement == record.statement, other.stream < record.stream)
    before = exists().where(same, other.media_type.in_(media.PARTY_STATEMENTS))
    leads = case((record.media_type.in_(media.PARTY_STATEMENTS), ~before), else_=false()).label("leads")
    query = select(record.__table__, stream.uri, statement.body, leads)
    query = query.outerjoin(stream, stream.hash == record.stream)
    query = query.outerjoin(statement, statement.sha256 == record.statement)
    if first is not None:
        query = query.where(tuple_(record.stream, record.seq) >= tuple_(*first))
    if end is not None:
        query = query.where(tuple_(record.stream, record.seq) < tuple_(*end))
    return query.order_by(record.stream, record.seq)


def _before(run: Run, first: Edge | None, name: bytes) -> AnyRow | None:
    """The record of a stream before the range, if it does not begin in it."""
    if first is None or first[0] != name:
        return None
    record = models.Record
    query = select(record.__table__).where(record.stream == name, record.seq < first[1])
    return run.connection.execute(query.order_by(record.seq.desc()).limit(1)).one_or_none()


def _audit_rows(run: Run, told: Told, last: AnyRow | None, rows: Sequence[AnyRow]) -> None:
    """Some records of one stream, behind another: one by one where they do not follow one another."""
    run.counts["records"] += len(rows)
    follow = _follow(last, rows)
    for row in rows:
        if not (follow and row.media_type == media.FRAME and takes_frame(run, told, row)):
            _audit_row(run, told, last, row)
        last = row


def _follow(last: AnyRow | None, rows: Sequence[AnyRow]) -> bool:
    """Whether records follow one another from a record on, each as it is stored."""
    seq, head, time_ms, published = _end(last)
    if any(row.statement is None or row.salt is None or row.commitment is not None for row in rows):
        return False
    links = ((row.time_ms, row.media_type, row.statement, row.salt) for row in rows)
    try:
        made = list(chain_hashes(rows[0].uri or "", seq, head, links))
    except TraceabilityError:
        return False
    for row, digest in zip(rows, made, strict=True):
        if row.seq != seq or row.hash != digest or row.time_ms < time_ms:
            return False
        if row.log_index is not None and not published:
            return False
        seq, time_ms, published = seq + 1, row.time_ms, row.log_index is not None
    return True


def _end(last: AnyRow | None) -> tuple[int, bytes, int, bool]:
    """What a record says of the next one: number, hash before it, earliest time, whether it may be logged."""
    if last is None:
        return 0, GENESIS, 0, True
    return last.seq + 1, last.hash, last.time_ms, last.log_index is not None


def _audit_row(run: Run, told: Told, last: AnyRow | None, row: AnyRow) -> None:
    """One record behind another, and its statement."""
    where = f"record {row.seq} of {row.uri or row.stream.hex()}"
    length, head, time_ms, published = _end(last)
    run.same("record", where, "number", length, row.seq)
    if row.time_ms < time_ms:
        run.found("record", where, "its time is earlier than that of the record before it")
    if row.log_index is not None and not published:
        run.found("record", where, "it is in the log, but one before it is not")
    try:
        record = _made(row, head)
    except TraceabilityError as error:
        run.found("record", where, str(error))
        if row.leads and row.body is not None and hashlib.sha256(row.body).digest() == row.statement:
            with run.noting("statement", where):
                audit_disclosures(run, row.statement, row.body, where)
        return
    _audit_statement(run, told, row, record, where)


def _made(row: AnyRow, head: bytes) -> Record:
    """The record that the columns give; raises ChainMismatchError, MalformedError where it is not there."""
    if row.uri is None:
        raise ChainMismatchError("its stream has no row")
    record = Record(row.uri, row.seq, head, row.time_ms, row.media_type, commitment_of(row))
    if record.hash != row.hash:
        raise ChainMismatchError("it does not hash to what is stored", expected=record.hash, got=row.hash)
    return record


def _audit_statement(run: Run, told: Told, row: AnyRow, record: Record, where: str) -> None:
    if row.statement is None and row.salt is None and row.log_index is not None:
        run.lost.append(where)
        return
    if row.statement is None or row.salt is None or row.commitment is not None:
        run.found("record", where, "it is neither whole nor a lost one that the log has")
        return
    if row.body is None:
        run.found("statement", where, f"its statement {row.statement.hex()} is missing")
        return
    if hashlib.sha256(row.body).digest() != row.statement:
        run.found("statement", where, "the statement's bytes are not those that were recorded")
        return
    if row.media_type == media.KEY:
        return
    with run.noting("statement", where):
        if row.media_type == media.ROTATION:
            told.take(row, record, where, parse_statement(row.body))
            return
        told.take(row, record, where, _open(run, row, record, where))


def _open(run: Run, row: AnyRow, record: Record, where: str) -> Content:
    texts: dict[bytes, tuple[str, ...]] = {}
    if row.media_type in media.PARTY_STATEMENTS:
        if row.leads:
            audit_disclosures(run, row.statement, row.body, where)
        texts[row.statement] = tuple(run.texts.get(row.statement, ()))
    return open_statement(row.body, row.statement, record, texts, run.signers)
