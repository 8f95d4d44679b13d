"""Frames, which nearly all records hold: quickly, where nothing about one is new or wrong."""

from __future__ import annotations

import hashlib

from traceability import media
from traceability.errors import SignatureMismatchError, TraceabilityError
from traceability.operations.audit.report import Run
from traceability.operations.audit.told import Told
from traceability.operations.tally import ACCEPTED
from traceability.sensing.frame import parse_statement
from traceability.sensing.quickread import QuickFrame
from traceability.store.engine import AnyRow


def takes_frame(run: Run, told: Told, row: AnyRow) -> bool:
    """Whether a record holds a genuine frame of which its device's row says what it should; it is taken then.

    Nothing is named here: what this does not take is looked at again, rule by rule. The record itself is
    known to follow the one before it.
    """
    body = row.body
    if body is None or hashlib.sha256(body).digest() != row.statement:
        return False
    frame = run.reader.read(body)
    if frame is None:
        frame = _learned(run, body)
    if frame is None or frame.stream != row.uri:
        return False
    signer = run.signers.by_kid.get(frame.kid)
    if signer is None or signer.subject != frame.issuer or not signer.speaks_at(row.time_ms):
        return False
    if run.signatures:
        try:
            signer.key.verify(frame.signed, frame.signature)
        except SignatureMismatchError:
            return False
    device, counter = frame.issuer[-32:], frame.counter
    begin_ms, end_ms = frame.span
    said = (device, counter, row.statement, frame.prev, frame.boot, ACCEPTED, row.stream, row.seq)
    return told.takes(device, row.stream, row.seq, (*said, begin_ms, end_ms))


def _learned(run: Run, body: bytes) -> QuickFrame | None:
    """A frame of which not all is known yet, read by the strict rules first."""
    try:
        statement = parse_statement(body)
        if statement.media_type == media.FRAME:
            run.reader.learn(statement)
    except TraceabilityError:
        return None
    return run.reader.read(body)
