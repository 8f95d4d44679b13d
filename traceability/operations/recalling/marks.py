"""Marks of cases: another one when a holder acknowledged or answered, or when a case went on.

What a mark is: ``operations.live``. Of a case that somebody may not see there is none.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from traceability.operations.live import mark_of
from traceability.operations.recalling.cases import find_case, list_cases
from traceability.operations.recalling.notices import heard_of
from traceability.operations.recalling.people import Participant
from traceability.store.recalling import HolderAnswer, NoticeDelivery, Proposal


def case_mark(connection: Connection, case_id: str, person: Participant, now_ms: int) -> str:
    """The mark of a case: of its stage, proposals, notices, answers, and the words that were sent.

    Raises:
        UnknownSubjectError: there is none, or it is another party's.
    """
    found = find_case(connection, case_id, person)
    table, made = NoticeDelivery, Proposal
    answers = select(func.max(HolderAnswer.id)).where(HolderAnswer.case == case_id)
    sent = select(func.count(), func.count(table.done_ms)).where(table.case == case_id)
    proposals = select(func.count(), func.count(made.withdrawn_ms), func.count(made.approved_ms))
    rows = [
        connection.execute(query).one() for query in (answers, sent, proposals.where(made.case == case_id))
    ]
    return mark_of(
        [found, heard_of(connection, [case_id], now_ms), *(value for row in rows for value in row)]
    )


def cases_mark(connection: Connection, person: Participant, now_ms: int) -> str:
    """The mark of the list of cases that somebody sees."""
    found = list_cases(connection, person)
    return mark_of([*found, heard_of(connection, [each.id for each in found], now_ms)])
