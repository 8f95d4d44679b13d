"""Who did what in a case and when, put together from what they left: signed events and working rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection

from traceability.operations.recalling.answers import answers_of
from traceability.operations.recalling.cases import Case
from traceability.operations.recalling.notices import notices_of
from traceability.operations.recalling.people import Participant
from traceability.operations.recalling.proposals import proposals_of
from traceability.operations.recalling.public import steps_of
from traceability.supply.recall import State


class Step(StrEnum):
    """What happened; a closed set."""

    OPENED = "opened"
    FOUND = "scope found"
    HELD = "held"
    PROPOSED = "proposed"
    WITHDRAWN = "withdrawn"
    APPROVED = "approved"
    ISSUED = "issued"
    NOTIFIED = "holder notified"
    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    CLOSED = "closed"


_SIGNED = {State.HOLD: Step.HELD, State.ISSUED: Step.ISSUED, State.CLOSED: Step.CLOSED}


@dataclass(frozen=True, slots=True)
class Entry:
    """One step: a person of a party, or the party alone where a signed event or the node says so.

    ``signed`` tells what is evidence from what the node wrote down; ``thing`` is the URI that it is about.
    """

    at_ms: int
    step: Step
    party: str
    user: str | None = None
    detail: str = ""
    signed: bool = False
    thing: str = ""


def timeline(connection: Connection, case: Case, reader: Participant | None = None) -> Sequence[Entry]:
    """Everything that happened in a case, the first first; a firm reads no names of others' people."""
    order = list(Step)
    found = sorted(_entries(connection, case), key=lambda entry: (entry.at_ms, order.index(entry.step)))
    if reader is None:
        return found
    return [entry if reader.knows(entry.party) else replace(entry, user=None) for entry in found]


def _entries(connection: Connection, case: Case) -> Iterator[Entry]:
    yield Entry(case.opened_ms, Step.OPENED, case.party, case.opened_by)
    yield Entry(case.found_ms, Step.FOUND, case.party, None, str(case.things))
    if not case.drill:
        for at_ms, party, said in steps_of(connection, case.id, case.origin[0]):
            outcome = said.outcome.value if said.outcome else ""
            yield Entry(at_ms, _SIGNED[said.state], party, None, outcome, signed=True)
    for made in proposals_of(connection, case.id):
        yield Entry(made.proposed_ms, Step.PROPOSED, made.party, made.proposed_by, made.digest)
        if made.withdrawn_ms is not None:
            by = made.withdrawn_party or made.party  # who closes a case withdraws what waits
            yield Entry(made.withdrawn_ms, Step.WITHDRAWN, by, made.withdrawn_by)
        if made.approved_ms is not None:
            yield Entry(made.approved_ms, Step.APPROVED, made.party, made.approved_by, made.digest)
    for notice in notices_of(connection, case.id):
        yield Entry(notice.made_ms, Step.NOTIFIED, notice.party)
        if notice.acknowledged_ms is not None:
            yield Entry(notice.acknowledged_ms, Step.ACKNOWLEDGED, notice.party, notice.acknowledged_by)
    for each in answers_of(connection, case.id):
        detail = f"{each.fate} {each.amount:f} {each.uom or ''}".strip()
        yield Entry(each.at_ms, Step.ANSWERED, each.party, each.by, detail, thing=each.thing)
    if case.closed_ms is not None:
        by, detail = case.closed_party or case.party, case.note or case.outcome or ""
        yield Entry(case.closed_ms, Step.CLOSED, by, case.closed_by, detail)
