"""Key streams: every act stands where it may, signed by its own key and by whoever vouches for it."""

from __future__ import annotations

from sqlalchemy import select

from traceability import media
from traceability.operations.audit.report import Run
from traceability.store import models


def audit_keys(run: Run) -> None:
    """Read every key statement; those that are genuine are the signers from here on."""
    record = models.Record
    query = (
        select(models.Stream.uri, record.seq, record.time_ms, record.media_type, models.Statement.body)
        .join(record, record.stream == models.Stream.hash)
        .join(models.Statement, models.Statement.sha256 == record.statement)
        .where(record.media_type.in_(media.KEY_ACTS))
        .order_by(record.stream, record.seq)
    )
    places: list[str] = []
    for row in run.rows(query):
        where = f"record {row.seq} of {row.uri}"
        with run.noting("key", where):
            run.signers.take(row.uri, row.body, row.time_ms, row.media_type)
            places.append(where)
    registrar = run.node.policy.registrar.key
    for where, (act, at_ms) in zip(places, run.signers.acts, strict=True):
        with run.noting("key", where):
            run.signers.check_voucher(act, at_ms, registrar)
