"""Records as they are stored: numbers, times, hashes, and bytes that hash to what was recorded.

Records are read in ranges. Where a range begins within a stream, it goes on from the record before it:
what is compared is always with the stored hash of the one before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, TypeAlias

from sqlalchemy import Select, func, select, tuple_

from traceability.errors import ChainMismatchError, TraceabilityError
from traceability.ledger.record import GENESIS, Record, chain_hashes
from traceability.operations.audit.report import Run
from traceability.operations.audit.tasks import Task
from traceability.operations.log import commitment_of
from traceability.store import models
from traceability.store.engine import AnyRow

RANGE: Final = 4_000
"""Records that one part of the audit reads, about."""

Edge: TypeAlias = tuple[bytes, int]
"""A stream and a number in it."""


def record_tasks(run: Run, work: Callable[[Run, Edge | None, Edge | None], object]) -> list[Task]:
    """Work on all records, in ranges that do not depend on who reads them."""
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
    pairs = zip([None, *edges], [*edges, None], strict=True)
    return [Task("records", weight, work, pair) for weight, pair in zip(weights, pairs, strict=True)]


def audit_records(run: Run, first: Edge | None, end: Edge | None) -> None:
    """Recompute the records from one place up to another, and hash their statements."""
    behind: AnyRow | None = None
    for chunk in run.chunks(stored_records(first, end)):
        for last, rows in stretches(run, first, behind, chunk):
            if not (follow(last, rows) and all(map(is_whole, rows))):
                _audit_each(run, last, rows)
        behind = chunk[-1]


def _audit_each(run: Run, last: AnyRow | None, rows: Sequence[AnyRow]) -> None:
    for row in rows:
        where = place_of(row)
        if audit_record(run, last, row, where) is not None:
            audit_bytes(run, row, where)
        last = row


def stored_records(first: Edge | None, end: Edge | None, *more: Any) -> Select[*tuple[Any, ...]]:
    """Records with their streams' URIs and their statements, and with more columns about them."""
    record, stream, statement = models.Record, models.Stream, models.Statement
    query = select(record.__table__, stream.uri, statement.body, *more)
    query = query.outerjoin(stream, stream.hash == record.stream)
    query = query.outerjoin(statement, statement.sha256 == record.statement)
    if first is not None:
        query = query.where(tuple_(record.stream, record.seq) >= tuple_(*first))
    if end is not None:
        query = query.where(tuple_(record.stream, record.seq) < tuple_(*end))
    return query.order_by(record.stream, record.seq)


def stretches(
    run: Run, first: Edge | None, last: AnyRow | None, chunk: Sequence[AnyRow]
) -> Iterator[tuple[AnyRow | None, Sequence[AnyRow]]]:
    """Records that were read, those of one stream at a time, each time with the record before them."""
    for stream, own in groupby(chunk, key=attrgetter("stream")):
        rows = list(own)
        run.counts["records"] += len(rows)
        if last is None or last.stream != stream:
            last = _before(run, first, stream)
        yield last, rows
        last = rows[-1]


def _before(run: Run, first: Edge | None, name: bytes) -> AnyRow | None:
    """The record of a stream before the range, if it does not begin in it."""
    if first is None or first[0] != name:
        return None
    record = models.Record
    query = select(record.__table__).where(record.stream == name, record.seq < first[1])
    return run.connection.execute(query.order_by(record.seq.desc()).limit(1)).one_or_none()


def follow(last: AnyRow | None, rows: Sequence[AnyRow]) -> bool:
    """Whether records follow one another from a record on, each as it is stored."""
    _, seqs, times, types, statements, salts, commitments, hashes, places, uris, *_ = zip(*rows, strict=True)
    number, (seq, head, time_ms, published) = len(rows), _end(last)
    if None in statements or None in salts or commitments.count(None) != number:
        return False
    unlogged = places.count(None)
    if places[number - unlogged :].count(None) != unlogged or (unlogged < number and not published):
        return False
    if seqs != tuple(range(seq, seq + number)) or time_ms > times[0] or sorted(times) != list(times):
        return False
    links = zip(times, types, statements, salts, strict=True)
    try:
        return hashes == tuple(chain_hashes(uris[0] or "", seq, head, links))
    except TraceabilityError:
        return False


def is_whole(row: AnyRow) -> bool:
    """Whether a record's statement is there, byte for byte."""
    return row.body is not None and hashlib.sha256(row.body).digest() == row.statement


def _end(last: AnyRow | None) -> tuple[int, bytes, int, bool]:
    """What a record says of the next one: number, hash before it, earliest time, whether it may be logged."""
    if last is None:
        return 0, GENESIS, 0, True
    return last.seq + 1, last.hash, last.time_ms, last.log_index is not None


def place_of(row: AnyRow) -> str:
    """A record for people."""
    return f"record {row.seq} of {row.uri or row.stream.hex()}"


def audit_record(run: Run, last: AnyRow | None, row: AnyRow, where: str) -> Record | None:
    """Name all that is wrong with a record behind another; None if it is not what was hashed."""
    length, head, time_ms, published = _end(last)
    run.same("record", where, "number", length, row.seq)
    if row.time_ms < time_ms:
        run.found("record", where, "its time is earlier than that of the record before it")
    if row.log_index is not None and not published:
        run.found("record", where, "it is in the log, but one before it is not")
    try:
        return _made(row, head)
    except TraceabilityError as error:
        run.found("record", where, str(error))
        return None


def _made(row: AnyRow, head: bytes) -> Record:
    """The record that the columns give; raises ChainMismatchError, MalformedError where it is not there."""
    if row.uri is None:
        raise ChainMismatchError("its stream has no row")
    record = Record(row.uri, row.seq, head, row.time_ms, row.media_type, commitment_of(row))
    if record.hash != row.hash:
        raise ChainMismatchError("it does not hash to what is stored", expected=record.hash, got=row.hash)
    return record


def audit_bytes(run: Run, row: AnyRow, where: str) -> bool:
    """Whether a genuine record's statement is there as it was recorded; named if it is not."""
    if row.statement is None and row.salt is None and row.log_index is not None:
        run.lost.append(where)
        return False
    if row.statement is None or row.salt is None or row.commitment is not None:
        run.found("record", where, "it is neither whole nor a lost one that the log has")
    elif row.body is None:
        run.found("statement", where, f"its statement {row.statement.hex()} is missing")
    elif not is_whole(row):
        run.found("statement", where, "the statement's bytes are not those that were recorded")
    else:
        return True
    return False
