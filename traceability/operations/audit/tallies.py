"""Tallies and quarantine: every message is counted once, and what was refused is there or counted."""

from __future__ import annotations

import hashlib

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from traceability import media
from traceability.errors import EquivocationError, ForeignTopicError, KeyNotInForceError, TraceabilityError
from traceability.operations.audit.report import Run
from traceability.operations.ingest import MAX_COUNTER
from traceability.operations.tally import ACCEPTED, MAX_KEPT_BYTES, UNKNOWN, WORDS
from traceability.sensing import topics
from traceability.sensing.frame import parse_statement
from traceability.store import models
from traceability.store.engine import AnyRow


def audit_tallies(run: Run) -> None:
    """Check each source's sums against the tables that they count."""
    said, kept = models.DeviceStatement, models.Quarantine
    devices = set(run.connection.execute(select(models.Device.id)).scalars())
    accepted = _count(run, said.device, said.outcome == ACCEPTED)
    refused = _count(run, said.device, said.outcome != ACCEPTED)
    rows = _count(run, kept.source, kept.id.is_not(None))
    sizes = select(kept.source, func.sum(func.length(kept.body)).label("size")).group_by(kept.source)
    held_bytes = {row.source: int(row.size) for row in run.connection.execute(sizes)}
    for row in run.rows(select(models.Tally)):
        where = f"tally of {row.source}"
        if row.source not in devices | {UNKNOWN}:
            run.found("tally", where, "no such device is enrolled")
        run.same("tally", where, "received", sum(getattr(row, word) for word in WORDS), row.received)
        run.same("tally", where, "accepted", accepted.pop(row.source, 0), row.accepted)
        if row.quarantined < refused.pop(row.source, 0):
            run.found("tally", where, "fewer are quarantined than counters were refused")
        held = row.rejected + row.quarantined - row.unkept
        run.same("tally", where, "refused and kept", rows.pop(row.source, 0), held)
        run.same("tally", where, "bytes kept", held_bytes.get(row.source, 0), row.kept_bytes)
        if min(getattr(row, name) for name in ("received", *WORDS, "unkept")) < 0:
            run.found("tally", where, "a count is negative")
    for source in sorted({*accepted, *refused, *rows}):
        run.found("tally", f"tally of {source}", "this row is missing")
    for row in run.rows(select(kept)):
        run.counts["quarantined"] += 1
        _audit_kept(run, row, devices)


def _count(run: Run, source: InstrumentedAttribute[str], counted: ColumnElement[bool]) -> dict[str, int]:
    query = select(source.label("source"), func.count().label("number")).where(counted).group_by(source)
    return {row.source: row.number for row in run.connection.execute(query)}


def _audit_kept(run: Run, row: AnyRow, devices: set[str]) -> None:
    """One kept message: its source, and its size and hash if it was kept whole."""
    where = f"quarantine {row.id}"
    run.same("quarantine", where, "kept bytes", min(row.size, MAX_KEPT_BYTES), len(row.body))
    if row.size <= MAX_KEPT_BYTES:
        run.same("quarantine", where, "sha256", hashlib.sha256(row.body).digest(), row.sha256)
    try:
        _, device = topics.parse_frame_topic(row.topic)
    except ForeignTopicError:
        device = UNKNOWN
    if row.source != UNKNOWN:
        run.same("quarantine", where, "source by its topic", device, row.source)
        _audit_genuine(run, row, where)


def _audit_genuine(run: Run, row: AnyRow, where: str) -> None:
    """What a device really signed has settled its counter, or its counter was settled otherwise."""
    try:
        statement = parse_statement(row.body)
        signer = run.signers.by_kid.get(statement.kid)
        if signer is None or (signer.subject, row.source) != (statement.issuer, statement.device):
            return
        if signer.rotated is not None and row.received_ms <= signer.from_ms:
            return  # nobody knew its key then
        statement.verify(signer.key)
    except TraceabilityError:
        return
    if statement.counter > MAX_COUNTER:
        return
    said = models.DeviceStatement
    query = select(said.sha256, said.outcome)
    query = query.where(said.device == row.source, said.counter == statement.counter)
    settled = run.connection.execute(query).one_or_none()
    unheard = settled is None or settled.sha256 != statement.sha256
    if unheard and row.code == KeyNotInForceError.code:
        counter = None if statement.media_type == media.ROTATION else statement.counter
        ended_ms = max(row.received_ms, signer.until_ms or 0)
        spoke = signer.speaks_at(ended_ms, counter)
        run.same("quarantine", where, "whether its key speaks", False, spoke)
    elif settled is None:
        place = f"counter {statement.counter} of device {row.source}"
        run.found("device-statement", place, f"its row is missing, its statement is {where}")
    elif settled.sha256 == statement.sha256:
        run.same("quarantine", where, "code", settled.outcome, row.code)
    else:
        run.same("quarantine", where, "code", EquivocationError.code, row.code)
