"""Every stream from its first record on: what follows one another, and what the statements say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Label, and_, case, exists, false
from sqlalchemy.orm import aliased

from traceability import media
from traceability.ledger.record import Record
from traceability.operations.audit.disclosures import audit_disclosures, read_disclosures
from traceability.operations.audit.frames import takes_frame
from traceability.operations.audit.records import (
    Edge,
    audit_bytes,
    audit_record,
    follow,
    is_whole,
    place_of,
    record_tasks,
    stored_records,
    stretches,
)
from traceability.operations.audit.report import Run
from traceability.operations.audit.rollups import Cells
from traceability.operations.audit.tasks import Done, Task
from traceability.operations.audit.told import Said, Told
from traceability.sensing.frame import parse_statement
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.verification.statements import Content, open_statement


def chain_tasks(run: Run) -> list[Task]:
    """All records and statements, in ranges."""
    return record_tasks(run, audit_range)


def audit_range(run: Run, first: Edge | None, end: Edge | None) -> tuple[Said, Done]:
    """Recompute the records from one place up to another.

    Returns:
        What the statements in them say, and what came of the cells of the streams that are whole in there.
    """
    told, cells = Told(run, first, end), Cells(run, first, end)
    behind: AnyRow | None = None
    for chunk in run.chunks(stored_records(first, end, _leads())):
        told.expect(chunk)
        disclosing = (row.statement for row in chunk if row.media_type in media.PARTY_STATEMENTS)
        read_disclosures(run, {statement for statement in disclosing if statement is not None})
        for last, rows in stretches(run, first, behind, chunk):
            if behind is not None and behind.stream != rows[0].stream:
                told.end_stream(behind.stream)
                cells.end_stream(behind.stream)
            _audit_rows(run, told, cells, last, rows)
            behind = rows[-1]
    if behind is not None:
        told.end_stream(behind.stream)
        cells.end_stream(behind.stream)
    return told.said, cells.done()


def _leads() -> Label[Any]:
    """Of an event or a notice, whether this is the first of the streams in which it stands."""
    record, other = models.Record, aliased(models.Record)
    same = and_(other.statement == record.statement, other.stream < record.stream)
    before = exists().where(same, other.media_type.in_(media.PARTY_STATEMENTS))
    return case((record.media_type.in_(media.PARTY_STATEMENTS), ~before), else_=false()).label("leads")


def _audit_rows(run: Run, told: Told, cells: Cells, last: AnyRow | None, rows: Sequence[AnyRow]) -> None:
    """Some records of one stream, behind another: one by one where they do not follow one another."""
    fits = follow(last, rows)
    for row in rows:
        if not (fits and row.media_type == media.FRAME and takes_frame(run, told, cells, row)):
            _audit_row(run, told, last, row)
            cells.take_row(row)
        last = row


def _audit_row(run: Run, told: Told, last: AnyRow | None, row: AnyRow) -> None:
    """One record behind another, and its statement."""
    where = place_of(row)
    record = audit_record(run, last, row, where)
    if record is None:
        if row.leads and is_whole(row):
            with run.noting("statement", where):
                audit_disclosures(run, row.statement, row.body, where)
        return
    if audit_bytes(run, row, where) and row.media_type != media.KEY:
        with run.noting("statement", where):
            said = parse_statement(row.body) if row.media_type == media.ROTATION else None
            told.take(row, record, where, said or _open(run, row, record, where))


def _open(run: Run, row: AnyRow, record: Record, where: str) -> Content:
    texts: dict[bytes, tuple[str, ...]] = {}
    if row.media_type in media.PARTY_STATEMENTS:
        if row.leads:
            audit_disclosures(run, row.statement, row.body, where)
        texts[row.statement] = tuple(run.texts.get(row.statement, ()))
    return open_statement(row.body, row.statement, record, texts, run.signers)
