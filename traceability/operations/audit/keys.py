"""Key streams: each is one enrolment, signed by its own key and by whoever vouches for it."""

from __future__ import annotations

from sqlalchemy import select

from traceability import media
from traceability.errors import TamperError, UnknownSignerError
from traceability.operations.audit.report import Run
from traceability.signing.keystatement import KeyStatement, parse_key_statement
from traceability.store import models


def audit_keys(run: Run) -> None:
    """Read every key statement; those that are genuine are the signers from here on."""
    record = models.Record
    query = (
        select(models.Stream.uri, record.seq, models.Statement.body)
        .join(record, record.stream == models.Stream.hash)
        .join(models.Statement, models.Statement.sha256 == record.statement)
        .where(record.media_type == media.KEY)
        .order_by(record.stream, record.seq)
    )
    places: dict[bytes, str] = {}
    for row in run.rows(query):
        where = f"record {row.seq} of {row.uri}"
        with run.noting("key", where):
            statement = parse_key_statement(row.body)
            if row.seq or statement.stream != row.uri:
                raise TamperError("this key statement does not belong here", expected=statement.stream)
            statement.message.verify(0, statement.key)
            run.signers.by_kid[statement.key.kid] = statement
            places[statement.key.kid] = where
    parties = {s.subject: s for s in run.signers.by_kid.values() if s.owner is None}
    for kid, statement in list(run.signers.by_kid.items()):
        with run.noting("key", places[kid]):
            _check_voucher(run, statement, parties.get(statement.owner or ""))


def _check_voucher(run: Run, statement: KeyStatement, owner: KeyStatement | None) -> None:
    if statement.owner is None:
        statement.verify(run.node.policy.registrar.key)
    elif owner is None:
        raise UnknownSignerError(f"its owner {statement.owner} is not enrolled")
    else:
        statement.verify(owner.key)
