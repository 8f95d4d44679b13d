"""Projecting again the events that have no rows: of an earlier version, or given back after a loss."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, select

from traceability import media
from traceability.operations.project import CHUNK, insert_projections, projection_of
from traceability.store import models, projections
from traceability.store.engine import Store, Transaction


def project_missing(store: Store, node: str, say: Callable[[str], None] = lambda _: None) -> int:
    """Project the events that were recorded before there were these tables; returns how many."""
    done = 0
    while True:
        with store.transaction() as tx:
            some = project_some(tx, node)
        done += some
        if some < CHUNK:
            return done
        say(f"reading the events again: {done} so far")


def project_some(tx: Transaction, node: str) -> int:
    """Project up to ``CHUNK`` events that have no rows; returns how many there were."""
    record = models.Record
    query = (
        select(record.statement, func.min(record.time_ms).label("time_ms"))
        .outerjoin(projections.Event, projections.Event.statement == record.statement)
        .where(record.media_type == media.EVENT, record.statement.is_not(None))
        .where(projections.Event.id.is_(None))
        .group_by(record.statement)
        .order_by(func.min(record.time_ms), record.statement)
        .limit(CHUNK)
    )
    rows = tx.connection.execute(query).all()
    insert_projections(tx, node, [projection_of(tx.connection, node, r.statement, r.time_ms) for r in rows])
    return len(rows)
