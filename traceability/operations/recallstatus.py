"""Recalls as they stand: what programs and people look up of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, func, select

from traceability.errors import TamperError, UnknownSubjectError
from traceability.operations.events import load_event
from traceability.store.engine import AnyRow
from traceability.store.projections import Event, Recalled, Thing
from traceability.store.projections import Recall as Row
from traceability.supply.recall import Answer, Recall, State, answer_of, recall_of

LISTED: Final = 50
"""Recalls of one answer."""
DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ID: Final = re.compile(rf"R-[0-9]{{8}}-[{DIGITS}]{{6}}", re.ASCII)
"""Of a recall: the day it was opened, and 30 random bits in Crockford's base32."""


@dataclass(frozen=True, slots=True)
class Status:
    """A recall as it stands: who opened it, who said the newest (``by``), since when it is in this state.

    ``statement`` is the SHA-256 of its newest event, ``things`` how many it names.
    """

    id: str
    party: str
    by: str
    state: State
    since_ms: int
    statement: bytes
    things: int
    stale: bool


def find_recall(connection: Connection, recall_id: str) -> Status:
    """A recall by its id.

    Raises:
        UnknownSubjectError: there is none.
    """
    found = known_recall(connection, recall_id)
    if found is None:
        raise UnknownSubjectError(
            f"there is no recall {recall_id[:64]!r}",
            remedy="All are shown by traceability recall list, or GET /recalls.",
        )
    return found


def list_recalls(
    connection: Connection, limit: int = LISTED, states: Collection[State] = tuple(State)
) -> Sequence[Status]:
    """The recalls whose state changed last, newest first."""
    query = _statuses().where(Row.state.in_([state.value for state in states]))
    query = query.order_by(Row.since_ms.desc(), Row.id.desc()).limit(limit)
    return [_status(row) for row in connection.execute(query)]


def open_recalls(connection: Connection, uris: Collection[str]) -> Sequence[Status]:
    """The recalls that name one of these things and are not closed, the oldest first.

    Args:
        uris: canonical; at most as many as one recall begins with.
    """
    naming = select(Recalled.recall).join(Thing, Thing.id == Recalled.thing).where(Thing.uri.in_(uris))
    query = _statuses().where(Row.id.in_(naming), Row.state != State.CLOSED.value)
    return [_status(row) for row in connection.execute(query.order_by(Row.since_ms, Row.id))]


def answers_of(connection: Connection, uris: Collection[str]) -> dict[str, Answer]:
    """What the recalls that name these things come to, for those that any names.

    Args:
        uris: canonical; a page of them.
    """
    naming = select(Thing.uri, Recalled.recall).join(Recalled, Recalled.thing == Thing.id)
    said: dict[str, list[str]] = {}
    for row in connection.execute(naming.where(Thing.uri.in_(uris))):
        said.setdefault(row.uri, []).append(row.recall)
    wanted = {recall for recalls in said.values() for recall in recalls}
    rows = connection.execute(_statuses().where(Row.id.in_(wanted)))
    known = {row.id: load_recall(connection, _status(row)) for row in rows}
    return {uri: answer_of(known[recall] for recall in recalls) for uri, recalls in said.items()}


def load_recall(connection: Connection, status: Status) -> Recall:
    """What a recall says, from its newest event."""
    said = recall_of(load_event(connection, status.statement))
    if said is None:
        raise TamperError(f"the newest event of {status.id} says nothing of a recall")
    return said


def named_things(connection: Connection, recall_id: str) -> Sequence[str]:
    """The URIs of everything a recall names."""
    query = select(Thing.uri).join(Recalled, Recalled.thing == Thing.id)
    return connection.execute(query.where(Recalled.recall == recall_id).order_by(Thing.uri)).scalars().all()


def known_recall(connection: Connection, recall_id: str) -> Status | None:
    """A recall by its id; None if there is none."""
    if not ID.fullmatch(recall_id):
        return None
    row = connection.execute(_statuses().where(Row.id == recall_id)).one_or_none()
    return None if row is None else _status(row)


def _statuses() -> Select[*tuple[Any, ...]]:
    named = select(func.count()).where(Recalled.recall == Row.id).scalar_subquery()
    columns = (Row.id, Row.party, Event.party.label("by"), Row.state, Row.since_ms, Event.statement)
    return select(*columns, named.label("things"), Row.stale).join(Event, Event.id == Row.event)


def _status(row: AnyRow) -> Status:
    return Status(
        *(row.id, row.party, row.by, State(row.state)), *(row.since_ms, row.statement, row.things, row.stale)
    )
