"""Recalls: held, issued and closed as signed events on everything that is affected, and followed.

    hold     do not sell until it is clear         a firm or an authority suspects something
    issue    recalled: at once, or after a hold    the scope is traced anew, and may only have grown
    close    it was safe, or it was removed        the end: it is not reopened

Each is one transaction. The scope is confirmed by its digest: nobody issues what they have not seen. A
firm may recall what bears its own company prefix, or what its own event made where nobody here holds the
prefix; what was made from that follows. Whoever opened a recall, or a regulator, goes on with it.

Between the trace and the transaction something may be recorded that belongs to it, and later something
may be made of what it names: so it begins stale, and ``recallextend`` traces stale ones again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection

from traceability.errors import (
    ConflictError,
    ForbiddenError,
    MalformedError,
    ScopeChangedError,
)
from traceability.identifiers import canonical
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.capture import record_drafts
from traceability.operations.draft import Draft, Given, draft_event
from traceability.operations.enrol import signing_key
from traceability.operations.node import Node
from traceability.operations.prefixes import owners_of
from traceability.operations.recallscope import Notice, scope
from traceability.operations.recallstatus import (
    DIGITS,
    ID,
    Status,
    find_recall,
    known_recall,
    load_recall,
    named_things,
)
from traceability.operations.tokens import is_regulator
from traceability.signing.keys import PrivateKey
from traceability.store.engine import Store, Transaction
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT
from traceability.supply.recall import Outcome, Recall, State, recall_events

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how many events are signed, and how many there are to be."""
Also: TypeAlias = Callable[[Transaction], None]
"""What else is written in the transaction of a step, or with it is not."""


def nothing_else(_: Transaction) -> None:
    """Only the step itself."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who recalls. A regulator may recall anything, and go on with what others opened."""

    party: str
    regulator: bool = False
    actor: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be held or issued, under which id; ``confirm`` is the digest of the scope that was seen."""

    id: str
    origins: tuple[str, ...]
    notice: Notice
    confirm: str


@dataclass(frozen=True, slots=True)
class _Besides:
    """What is done while a step is signed, and when it is recorded."""

    progress: Progress
    also: Also


def new_id(now_ms: int) -> str:
    """An id for a recall that is opened now."""
    day = datetime.fromtimestamp(now_ms // 1000, UTC)
    return f"R-{day:%Y%m%d}-{''.join(secrets.choice(DIGITS) for _ in range(6))}"


def issuer_of(connection: Connection, node: Node, party: str, now_ms: int) -> Issuer:
    """A party as who recalls: it is a regulator if it has a regulator's token that is valid."""
    return Issuer(party, regulator=is_regulator(connection, node, party, now_ms))


def hold(
    store: Store,
    node: Node,
    issuer: Issuer,
    order: Order,
    progress: Progress = lambda *_: None,
    also: Also = nothing_else,
) -> Status:
    """Hold lots, and all that was made of them; the same again changes nothing.

    Args:
        also: is done in the same transaction: both are recorded, or neither.

    Raises:
        ScopeChangedError: another scope, other texts or another step than were confirmed.
        ForbiddenError: a firm names what is another's, or the id is of somebody else's recall.
        ConflictError: the id has another recall, or it went on meanwhile.
        UnknownSubjectError, IdentifierError, QueryTooLargeError: see ``scope``.
        UnknownSignerError: the party has no key in this node's custody.
    """
    return _announce(store, node, issuer, order, State.HOLD, _Besides(progress, also))


def issue(
    store: Store,
    node: Node,
    issuer: Issuer,
    order: Order,
    progress: Progress = lambda *_: None,
    also: Also = nothing_else,
) -> Status:
    """Issue a recall, at once or of what was held under this id; the rest is as for ``hold``."""
    return _announce(store, node, issuer, order, State.ISSUED, _Besides(progress, also))


def close(
    store: Store,
    node: Node,
    issuer: Issuer,
    recall_id: str,
    outcome: Outcome,
    progress: Progress = lambda *_: None,
    also: Also = nothing_else,
) -> Status:
    """Close a recall on everything it names; the same again changes nothing.

    A regulator may still say that nothing was wrong, where somebody else closed it as removed.

    Raises:
        UnknownSubjectError: there is no such recall.
        ForbiddenError: it is somebody else's.
        ConflictError: it is closed with another outcome, or it went on meanwhile.
        UnknownSignerError: the party has no key in this node's custody.
    """
    with store.reading() as connection:
        before = find_recall(connection, recall_id)
        _require_right(before, issuer)
        said = load_recall(connection, before)
        things = named_things(connection, recall_id)
    if before.state is State.CLOSED:
        if said.outcome is outcome:
            return before
        if not (issuer.regulator and outcome is Outcome.SAFE):
            raise ConflictError(
                f"{recall_id} is closed as {said.outcome}, and a closed recall stays as it is"
            )
    closing = replace(said, state=State.CLOSED, outcome=outcome)
    return _record(store, node, issuer, closing, things, before, _Besides(progress, also))


def _announce(
    store: Store, node: Node, issuer: Issuer, order: Order, state: State, besides: _Besides
) -> Status:
    if not ID.fullmatch(order.id):
        raise MalformedError(f"{order.id[:64]!r} is no id of a recall: such as R-20261124-4F7K2M")
    with store.reading() as connection:
        before, origins = known_recall(connection, order.id), order.origins
        if before is not None:
            _require_right(before, issuer)
            said = load_recall(connection, before)
            _require_no_other(order, said, state, node.name)
            if said.state is state:
                return before
            origins = said.origin
        found = scope(connection, node, origins, named=named_things(connection, order.id))
        require_own(connection, issuer, found.origins)
    if found.digest(order.notice, state) != order.confirm:
        raise ScopeChangedError("the step, the scope or the texts are not those that were confirmed")
    notice = order.notice
    recall = Recall(
        *(order.id, state, notice.recall_class, found.origins),
        *(notice.hazard, notice.advice, notice.contact),
    )
    return _record(store, node, issuer, recall, found.things, before, besides)


def _require_right(before: Status, issuer: Issuer) -> None:
    if issuer.party != before.party and not issuer.regulator:
        raise ForbiddenError(
            f"{before.id} was opened by {before.party}",
            remedy="Only whoever opened a recall, or a regulator, goes on with it.",
        )


def require_own(connection: Connection, issuer: Issuer, origins: Sequence[str]) -> None:
    """A firm recalls, and sees the reach of, what bears its prefix, or what it made under nobody's.

    Raises:
        ForbiddenError: one of these is somebody else's, and it is no regulator that asks.
    """
    for origin, owner in () if issuer.regulator else owners_of(connection, origins):
        if owner != issuer.party:
            raise ForbiddenError(
                f"{origin} is {owner or 'nobody'}'s by its company prefix, or else by who made it",
                remedy="A firm recalls what is its own; a regulator recalls anything.",
            )


def _require_no_other(order: Order, said: Recall, state: State, node: str) -> None:
    """What has this id must be the recall that is meant: before it goes on, or as it stands already."""
    given = {canonical(uri, node) for uri in order.origins}
    if given and given != set(said.origin):
        raise ConflictError(f"{said.id} is about other lots")
    if said.state is state:
        notice = Notice(said.recall_class, said.hazard, said.advice, said.contact)
        if notice != order.notice:
            raise ConflictError(f"{said.id} is {state} already, with other words")
    elif (said.state, state) != (State.HOLD, State.ISSUED):
        raise ConflictError(f"{said.id} is {said.state}: it cannot become {state}")


def _record(
    store: Store,
    node: Node,
    issuer: Issuer,
    recall: Recall,
    things: Sequence[str],
    before: Status | None,
    besides: _Besides,
) -> Status:
    """Sign outside, then record all or nothing, unless the recall went on meanwhile."""
    with store.reading() as connection:
        key = signing_key(connection, node, issuer.party)
    now_ms, drafts = store.clock(), []
    events = recall_events(recall, things, now_ms)
    for draft in drafts_of(node, issuer.party, key, events, now_ms):
        drafts.append(draft)
        besides.progress(len(drafts), len(events))
    with store.transaction(alone=True) as tx:
        if _mark(known_recall(tx.connection, recall.id)) != _mark(before):
            raise ConflictError(
                f"{recall.id} went on at this very moment", remedy="Look at it, and say it again."
            )
        append(tx, node, issuer.party, drafts)
        besides.also(tx)
        note(tx, issuer.actor.in_name_of(issuer.party), f"recall-{recall.state.value}", recall.id)
        return find_recall(tx.connection, recall.id)


def drafts_of(
    node: Node, party: str, key: PrivateKey, events: Sequence[Mapping[str, Any]], now_ms: int
) -> Iterator[Draft]:
    """The events, signed one after the other."""
    context = read_context(CONTEXT)
    return (draft_event(node.name, party, key, Given(event, context), now_ms) for event in events)


def append(tx: Transaction, node: Node, party: str, drafts: Sequence[Draft]) -> None:
    """Record signed events; one that is refused refuses all."""
    for answer in record_drafts(tx, node, party, drafts):
        if answer.refused is not None:
            raise answer.refused


def _mark(status: Status | None) -> tuple[object, ...]:
    """What changes when a recall goes on or reaches further."""
    return () if status is None else (status.statement, status.things)
