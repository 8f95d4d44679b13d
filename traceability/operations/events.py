"""Events as the store holds them: the signed statement, and its disclosures beside it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from traceability.errors import UnknownSubjectError
from traceability.signing import sdjwt
from traceability.signing.disclosure import EVENT_CLAIM
from traceability.store import models


def disclosures_of(connection: Connection, statement: bytes) -> list[str]:
    """The disclosures of a statement (by its SHA-256) that were not erased."""
    table = models.Disclosure
    query = select(table.body).where(table.statement == statement, table.body.is_not(None))
    return [body for body in connection.execute(query.order_by(table.digest)).scalars() if body is not None]


def load_event(connection: Connection, statement: bytes) -> dict[str, Any]:
    """An event with everything that was not erased, as the node itself sees it."""
    body = connection.execute(
        select(models.Statement.body).where(models.Statement.sha256 == statement)
    ).scalar_one()
    revealed = sdjwt.reveal(sdjwt.parse(body).payload, disclosures_of(connection, statement))
    event = revealed.claims.get(EVENT_CLAIM)
    return event if isinstance(event, dict) else {}


def batch_event(connection: Connection, batch: bytes) -> dict[str, Any]:
    """The event that made a batch known.

    Raises:
        UnknownSubjectError: there is no such batch.
    """
    query = select(models.Batch.statement).where(models.Batch.stream == batch)
    statement = connection.execute(query).scalar_one_or_none()
    if statement is None:
        raise UnknownSubjectError("this batch was not recorded on this node")
    return load_event(connection, statement)
