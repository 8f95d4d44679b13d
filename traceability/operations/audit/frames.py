"""Frames, which nearly all records hold: quickly, where nothing about one is new or wrong."""

from __future__ import annotations

from traceability.errors import TraceabilityError
from traceability.operations.audit.report import Run
from traceability.operations.audit.rollups import Cells
from traceability.operations.audit.told import Told
from traceability.operations.tally import ACCEPTED
from traceability.sensing.frame import Clock, parse_statement
from traceability.store.engine import AnyRow


def takes_frame(run: Run, told: Told, cells: Cells, row: AnyRow) -> bool:
    """Whether a record holds a genuine frame of which its device's row says what it should; it is taken then.

    Nothing is named here: what this does not take is looked at again, rule by rule. The record itself is
    known to follow the one before it.
    """
    if row.body is None:
        return False
    try:
        frame = parse_statement(row.body)
        if frame.sha256 != row.statement:
            return False
        signer = run.signers.by_kid.get(frame.kid)
        if frame.stream != row.uri or frame.clock is Clock.UNSYNCHRONISED or signer is None:
            return False
        if signer.subject != frame.issuer or not signer.speaks_at(row.time_ms, frame.counter):
            return False
        frame.verify(signer.key)
        at_ms = frame.columns().at_ms
    except TraceabilityError:
        return False
    said = (frame.device, frame.counter, row.statement, frame.prev, frame.boot, ACCEPTED, row.stream, row.seq)
    if not told.takes(frame.device, row.stream, row.seq, (*said, min(at_ms), max(at_ms))):
        return False
    cells.take(row.stream, frame)
    return True
