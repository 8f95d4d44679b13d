"""Recalls that reach further than they name: what was made since is recalled too, before the next publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select, update

from traceability.errors import (
    MalformedError,
    QueryTooLargeError,
    RefusedError,
    TamperError,
    TraceabilityError,
)
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.enrol import signing_key
from traceability.operations.node import Node
from traceability.operations.recall import append, drafts_of
from traceability.operations.recallscope import scope
from traceability.operations.recallstatus import find_recall, load_recall, named_things
from traceability.store.engine import Store
from traceability.store.projections import Recall as Row
from traceability.store.recalling import Case
from traceability.supply.recall import State, recall_events


@dataclass(frozen=True, slots=True)
class Extended:
    """What became of stale recalls: how many things each was extended by, and why others were not."""

    added: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, TraceabilityError] = field(default_factory=dict)


def extend_recalls(store: Store, node: Node) -> Extended:
    """Trace stale recalls again, and say the same of whatever they reach now."""
    with store.reading() as connection:
        query = select(Row.id).where(Row.stale, Row.state != State.CLOSED).order_by(Row.id)
        stale = connection.execute(query).scalars().all()
    added: dict[str, int] = {}
    failed: dict[str, TraceabilityError] = {}
    for recall_id in stale:
        try:
            added[recall_id] = _extend(store, node, recall_id)
        except (RefusedError, TamperError, MalformedError) as error:
            failed[recall_id] = error
    return Extended(added, failed)


def _extend(store: Store, node: Node, recall_id: str) -> int:
    """Extend one recall; nobody else writes meanwhile, so nothing escapes between trace and record."""
    with store.transaction(alone=True) as tx:
        status = find_recall(tx.connection, recall_id)
        if status.state is State.CLOSED:
            return 0
        key = signing_key(tx.connection, node, status.by)
        said = load_recall(tx.connection, status)
        named = set(named_things(tx.connection, recall_id))
        found = scope(tx.connection, node, said.origin, named=named)
        new = [uri for uri in found.things if uri not in named]
        drafts = drafts_of(node, status.by, key, recall_events(said, new, tx.now_ms), tx.now_ms)
        append(tx, node, status.by, list(drafts))
        cut = found.trace.walked.cut
        stale = cut is not None
        tx.connection.execute(update(Row).where(Row.id == recall_id).values(stale=stale))
        if new:
            behind = update(Case).where(Case.id == recall_id).values(event=None)
            tx.connection.execute(behind)
            note(tx, Actor(None, status.by, "publisher"), "recall-extended", recall_id, things=len(new))
    if stale:
        raise QueryTooLargeError(
            f"{recall_id} reaches more than a trace follows (the limit of {cut}): it is not complete",
            remedy="Let a regulator recall fewer of the lots at a time, and look at what floods the trace.",
        )
    return len(new)
