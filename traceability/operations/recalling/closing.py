"""The end of a case: its recall is closed, a drill is over, or it was dropped before anything was signed."""

from __future__ import annotations

from typing import Final

from sqlalchemy import update

from traceability.errors import ConflictError
from traceability.operations.node import Node
from traceability.operations.recall import close
from traceability.operations.recalling.cases import DROPPED, Case, find_case
from traceability.operations.recalling.notices import CLOSED, leave_word, notices_of
from traceability.operations.recalling.people import Participant, read_note
from traceability.operations.recalling.proposals import follow_newest
from traceability.operations.recallstatus import known_recall
from traceability.store import recalling as tables
from traceability.store.engine import Store, Transaction
from traceability.supply.recall import Outcome

DONE: Final = "done"
"""How a drill ended that went to its end."""


def close_case(
    store: Store, node: Node, person: Participant, case_id: str, outcome: Outcome, note: str = ""
) -> Case:
    """Close a case, and its recall with it; holders are told in the same transaction, or nothing happened.

    Args:
        outcome: of the recall; a drill has none, whatever is said here.

    Raises:
        ForbiddenError: the person may not recall.
        UnknownSubjectError: there is no such case for this person.
        ConflictError: it is closed, or nothing was held or issued: drop it instead.
        UnknownSignerError: the party has no key in this node's custody.
    """
    person.require_recalls()
    text = read_note(note)
    with store.reading() as connection:
        case = find_case(connection, case_id, person)
        recall = None if case.drill else known_recall(connection, case_id)
    if case.closed_ms is not None:
        raise ConflictError(f"{case_id} is closed, and stays as it is")
    if case.issued_ms is None and recall is None:
        raise ConflictError(
            f"nothing was held or issued in {case_id}", remedy="Drop the case: nothing is signed then."
        )

    def also(tx: Transaction) -> None:
        _end(tx, node, case, person, DONE if case.drill else outcome.value, text)

    if case.drill:
        with store.transaction() as tx:
            also(tx)
    else:
        close(store, node, person.issuer, case_id, outcome, also=also)
    with store.reading() as connection:
        return find_case(connection, case_id)


def drop_case(store: Store, node: Node, person: Participant, case_id: str, note: str = "") -> Case:
    """End a case in which nothing was signed, and no drill was begun: it is kept, and goes no further.

    Raises:
        ForbiddenError: the person may not recall.
        UnknownSubjectError: there is no such case for this person.
        ConflictError: lots are held or recalled by it: close it instead.
    """
    person.require_recalls()
    text = read_note(note)
    with store.transaction(alone=True) as tx:
        case = find_case(tx.connection, case_id, person)
        case.require_open(issued=False)
        if not case.drill and known_recall(tx.connection, case_id) is not None:
            raise ConflictError(f"lots are held by {case_id}", remedy="Close it, and say how it ended.")
        _end(tx, node, case, person, DROPPED, text)
        return find_case(tx.connection, case_id)


def _end(
    tx: Transaction, node: Node, case: Case, person: Participant, outcome: str, note: str | None
) -> None:
    """Write how it ended, if nobody else did; a proposal that waits goes with it."""
    table, proposal = tables.Case, tables.Proposal
    closed = {"closed_by": person.user, "closed_party": person.party, "closed_ms": tx.now_ms}
    still = update(table).where(table.id == case.id, table.closed_ms.is_(None))
    if not tx.connection.execute(still.values({**closed, "outcome": outcome, "note": note})).rowcount:
        raise ConflictError(f"{case.id} was closed at this very moment")
    waits = (proposal.case == case.id, proposal.withdrawn_ms.is_(None), proposal.approved_ms.is_(None))
    gone = {"withdrawn_by": person.user, "withdrawn_party": person.party, "withdrawn_ms": tx.now_ms}
    tx.connection.execute(update(proposal).where(*waits).values(gone))
    leave_word(tx, node, case, [each.party for each in notices_of(tx.connection, case.id)], CLOSED)
    follow_newest(tx, case.id)
    person.note(tx, "recall-closed", case.id, outcome=outcome)
