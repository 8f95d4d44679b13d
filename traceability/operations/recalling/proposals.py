"""A recall by two persons: one proposes it, another one approves what there is to be seen then.

The approval, the signed events, the notices to holders and what is to be told of them are one transaction:
who is killed on the way has either issued the recall or not touched it. What leaves the node afterwards
comes from the outbox.

Both persons confirm a digest over lots, scope and texts. If the scope grew between the two, the second
sees it and confirms the new one; what nobody saw is never signed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update

from traceability.errors import ConflictError, ForbiddenError, ScopeChangedError
from traceability.operations.node import Node
from traceability.operations.recall import Order, Progress, hold, issue
from traceability.operations.recalling.cases import Case, find_case, look_at, require_unchanged
from traceability.operations.recalling.holdings import Holding, holdings
from traceability.operations.recalling.notices import leave_notices
from traceability.operations.recalling.people import Participant
from traceability.operations.recallscope import Notice, read_notice
from traceability.operations.recallstatus import Status
from traceability.store import recalling as tables
from traceability.store.engine import AnyRow, Store, Transaction
from traceability.store.projections import Recall as Row
from traceability.store.rows import insert_all
from traceability.supply.recall import State


@dataclass(frozen=True, slots=True)
class Proposal:
    """A recall as somebody would issue it; see ``store.recalling.Proposal``."""

    case: str
    number: int
    notice: Notice
    digest: str
    things: int
    party: str
    proposed_by: str
    proposed_ms: int
    withdrawn_by: str | None = None
    withdrawn_party: str | None = None
    withdrawn_ms: int | None = None
    approved_by: str | None = None
    approved_ms: int | None = None

    @property
    def waits(self) -> bool:
        """Whether it can be approved."""
        return self.withdrawn_ms is None and self.approved_ms is None


def hold_case(
    store: Store, node: Node, person: Participant, case_id: str, notice: Notice, confirm: str
) -> Status:
    """Hold the lots of a case, and all that was made of them, at once: one person can stop a sale.

    Args:
        confirm: the digest of the scope and texts for a hold, as they were seen.

    Raises:
        ConflictError: the case is past that, or a drill.
        ForbiddenError, ScopeChangedError: see ``hold``.
    """
    person.require_recalls()
    with store.reading() as connection:
        case = find_case(connection, case_id, person)
        case.require_open(issued=False)
    if case.drill:
        raise ConflictError(f"{case_id} is a drill: nothing is held in one")
    order = Order(case.id, case.origin, notice, confirm)

    def also(tx: Transaction) -> None:
        person.note(tx, "recall-held", case.id, digest=confirm)
        follow_newest(tx, case.id)

    return hold(store, node, person.issuer, order, also=also)


def propose(
    store: Store, node: Node, person: Participant, case_id: str, notice: Notice, confirm: str
) -> Proposal:
    """Propose a recall of a case's lots; nothing is signed.

    Args:
        confirm: the digest of the scope and texts for a recall, as they were seen.

    Raises:
        ForbiddenError: the person may not recall.
        UnknownSubjectError: there is no such case for this person.
        ConflictError: it is issued or closed, or another proposal waits.
        ScopeChangedError: what is reached or said is not what was seen.
    """
    person.require_recalls()
    with store.reading() as connection:
        case = find_case(connection, case_id, person)
        found = look_at(connection, node, case)
    _require_seen(found.digest(notice, State.ISSUED), confirm)
    with store.transaction(alone=True) as tx:
        case = find_case(tx.connection, case_id, person)
        case.require_open(issued=False)
        require_unchanged(tx.connection, case)
        if case.proposed:
            raise ConflictError(
                f"a proposal of {case_id} waits for approval", remedy="Approve or withdraw that one first."
            )
        last = select(func.max(tables.Proposal.number)).where(tables.Proposal.case == case_id)
        number = (tx.connection.execute(last).scalar_one() or 0) + 1
        made = Proposal(
            *(case_id, number, notice, confirm, len(found.things)), person.party, person.user, tx.now_ms
        )
        insert_all(tx, tables.Proposal, [_row(made)])
        person.note(tx, "recall-proposed", case_id, number=number, digest=confirm)
    return made


def withdraw(store: Store, person: Participant, case_id: str) -> Proposal:
    """Take back the proposal of a case that waits.

    Raises:
        ForbiddenError: the person may not recall, or it is another party's.
        ConflictError: none waits.
    """
    person.require_recalls()
    with store.transaction() as tx:
        find_case(tx.connection, case_id, person)
        made = _waiting(tx.connection, case_id)
        if made.party != person.party:
            raise ForbiddenError(f"this was proposed by somebody of {made.party}")
        _set(tx, made, withdrawn_ms=tx.now_ms, withdrawn_by=person.user, withdrawn_party=person.party)
        person.note(tx, "recall-withdrawn", case_id, number=made.number)
        return proposals_of(tx.connection, case_id)[-1]


def approve(
    store: Store,
    node: Node,
    person: Participant,
    case_id: str,
    confirm: str,
    progress: Progress = lambda *_: None,
) -> Case:
    """Approve the proposal that waits, and issue the recall; of a drill only the notices are left.

    Args:
        confirm: the digest of what is reached now, as this person saw it.

    Raises:
        ForbiddenError: it is the person's own proposal, another party's, or not among their rights.
        ConflictError: none waits, or something else happened to the recall meanwhile.
        ScopeChangedError: what is reached is not what this person saw: look again.
        UnknownSignerError: the party has no key in this node's custody.
    """
    with store.reading() as connection:
        case, made = find_case(connection, case_id, person), _waiting(connection, case_id)
        person.require_approves(made.proposed_by, made.party)
        person.require_stranger_to(connection, made.proposed_by, store.clock())
        case.require_open(issued=False)
        require_unchanged(connection, case)
        found = look_at(connection, node, case)
        _require_seen(found.digest(made.notice, State.ISSUED), confirm)
        held = holdings(connection, node, found)

    def also(tx: Transaction) -> None:
        _issued(tx, node, case, made, person, confirm, held)

    if case.drill:
        with store.transaction(alone=True) as tx:
            also(tx)
    else:
        order = Order(case.id, case.origin, made.notice, confirm)
        issue(store, node, person.issuer, order, progress, also)
    with store.reading() as connection:
        return find_case(connection, case_id)


def proposals_of(connection: Connection, case_id: str) -> Sequence[Proposal]:
    """All proposals of a case, in their order."""
    query = select(tables.Proposal).where(tables.Proposal.case == case_id).order_by(tables.Proposal.number)
    return [_proposal(row) for row in connection.execute(query)]


def _issued(
    tx: Transaction,
    node: Node,
    case: Case,
    made: Proposal,
    person: Participant,
    confirm: str,
    held: Sequence[Holding],
) -> None:
    """Write what belongs to an approval, if the proposal still waits."""
    if _waiting(tx.connection, case.id).number != made.number:
        raise ConflictError(f"{case.id} has another proposal by now", remedy="Look at it, and say it again.")
    _set(tx, made, approved_by=person.user, approved_ms=tx.now_ms, approved_digest=confirm)
    things = len({item.thing for item in held})
    issued = update(tables.Case).where(tables.Case.id == case.id, tables.Case.issued_ms.is_(None))
    tx.connection.execute(issued.values(issued_ms=tx.now_ms, things=max(things, case.things)))
    leave_notices(tx, node, case, made.notice.recall_class, held)
    person.note(tx, "recall-approved", case.id, number=made.number, digest=confirm)
    follow_newest(tx, case.id)


def follow_newest(tx: Transaction, case_id: str) -> None:
    """Note that the newest event of the recall is in the case."""
    newest = select(Row.event).where(Row.id == case_id).scalar_subquery()
    tx.connection.execute(update(tables.Case).where(tables.Case.id == case_id).values(event=newest))


def _waiting(connection: Connection, case_id: str) -> Proposal:
    found = [made for made in proposals_of(connection, case_id) if made.waits]
    if not found:
        raise ConflictError(f"no proposal of {case_id} waits for approval")
    return found[-1]


def _require_seen(digest: str, confirm: str) -> None:
    if digest != confirm:
        raise ScopeChangedError("the scope or the texts are not those that were confirmed")


def _set(tx: Transaction, made: Proposal, **values: Any) -> None:
    own = (tables.Proposal.case == made.case, tables.Proposal.number == made.number)
    tx.connection.execute(update(tables.Proposal).where(*own).values(values))


def _row(made: Proposal) -> dict[str, Any]:
    names = ("case", "number", "digest", "things", "party", "proposed_by", "proposed_ms")
    return {name: getattr(made, name) for name in names} | {"notice": _encode(made.notice)}


def _encode(notice: Notice) -> str:
    said = {
        "recallClass": notice.recall_class,
        "hazard": dict(notice.hazard),
        "advice": dict(notice.advice),
        "contact": notice.contact,
    }
    return json.dumps({name: value for name, value in said.items() if value is not None}, ensure_ascii=False)


def _proposal(row: AnyRow) -> Proposal:
    values = row._asdict()
    del values["approved_digest"]
    return Proposal(**values | {"notice": read_notice(json.loads(row.notice))})
