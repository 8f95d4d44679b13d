"""Cases that follow their recalls: what was said without the workspace, and what a recall reaches later.

A recall may also be held, issued or closed by token or from the command line, and the publisher extends
it to what is made later. Its case remembers the newest event that it has seen; where the recall has a
newer one, the case is brought up to it, and whoever holds something new is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, or_, select, update

from traceability.errors import MalformedError, RefusedError, TamperError, TraceabilityError
from traceability.operations.node import Node
from traceability.operations.recalling.cases import Case, find_case, insert_case, look_at
from traceability.operations.recalling.holdings import Holding, holdings
from traceability.operations.recalling.notices import CLOSED, leave_notices, leave_word, notices_of
from traceability.operations.recalling.proposals import follow_newest
from traceability.operations.recalling.public import steps_of
from traceability.operations.recallstatus import Status, find_recall, load_recall
from traceability.store import recalling as tables
from traceability.store.engine import Store, Transaction
from traceability.store.projections import Recall as Row
from traceability.supply.recall import Recall, State


@dataclass(frozen=True, slots=True)
class Followed:
    """Which cases were brought up to their recalls, and what hindered others."""

    cases: Sequence[str] = ()
    failed: Mapping[str, TraceabilityError] = field(default_factory=dict)


def follow_recalls(store: Store, node: Node) -> Followed:
    """Bring cases up to their recalls, and open one for each recall that has none.

    Raises:
        StoreUnavailableError: again later; what was followed stays.
    """
    table = tables.Case
    behind = or_(table.id.is_(None), table.event.is_(None), table.event != Row.event)
    query = select(Row.id).outerjoin(table, table.id == Row.id).where(behind).order_by(Row.id)
    with store.reading() as connection:
        waiting = connection.execute(query).scalars().all()
    done: list[str] = []
    failed: dict[str, TraceabilityError] = {}
    for recall_id in waiting:
        try:
            _follow(store, node, recall_id)
            done.append(recall_id)
        except (RefusedError, TamperError, MalformedError) as error:
            failed[recall_id] = error
    return Followed(done, failed)


def _follow(store: Store, node: Node, recall_id: str) -> None:
    with store.reading() as connection:
        status = find_recall(connection, recall_id)
        said = load_recall(connection, status)
        known = connection.execute(select(tables.Case.id).where(tables.Case.id == recall_id)).first()
        case = _case(connection, status, said) if known is None else find_case(connection, recall_id)
        tells = status.state is State.ISSUED
        held = holdings(connection, node, look_at(connection, node, case)) if tells else []
    with store.transaction() as tx:
        if known is None:
            insert_case(tx, case)
        _bring_up(tx, node, find_case(tx.connection, recall_id), status, said, held)
        if find_recall(tx.connection, recall_id).statement == status.statement:
            follow_newest(tx, recall_id)


def _case(connection: Connection, status: Status, said: Recall) -> Case:
    """A case for a recall that no person opened here: as its first event says."""
    steps = steps_of(connection, said.id, said.origin[0])
    opened_ms = next((at_ms for at_ms, _, _ in steps), status.since_ms)
    return Case(said.id, status.party, said.origin, status.things, None, opened_ms, opened_ms)


def _bring_up(
    tx: Transaction, node: Node, case: Case, status: Status, said: Recall, held: Sequence[Holding]
) -> None:
    """Write what the recall says that the case does not yet."""
    values: dict[str, object] = {"things": status.things}
    steps = steps_of(tx.connection, said.id, said.origin[0])
    issued_ms = next((at_ms for at_ms, _, step in steps if step.state is State.ISSUED), None)
    if case.issued_ms is None:
        values["issued_ms"] = issued_ms
    if held:
        leave_notices(tx, node, case, said.recall_class, held)
    if status.state is State.CLOSED:
        if case.closed_ms is None:
            leave_word(tx, node, case, [each.party for each in notices_of(tx.connection, case.id)], CLOSED)
            values["closed_ms"] = status.since_ms
        values["outcome"] = said.outcome and said.outcome.value
    tx.connection.execute(update(tables.Case).where(tables.Case.id == case.id).values(values))
