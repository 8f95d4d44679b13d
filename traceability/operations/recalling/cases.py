"""Cases: what is done about some lots, from the first suspicion on, and drills of the same.

A drill has an id that no recall can have, so whatever signs or tells of recalls cannot take it for one.
Of a case its party and regulators see everything; to others it is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from traceability.errors import ConflictError, ScopeChangedError, UnknownSubjectError
from traceability.operations.node import Node
from traceability.operations.recall import new_id, require_own
from traceability.operations.recalling.people import Participant
from traceability.operations.recallscope import Notice, Scope, origins_of, scope
from traceability.operations.recallstatus import known_recall, named_things
from traceability.store import recalling as tables
from traceability.store.engine import AnyRow, Store, Transaction
from traceability.store.projections import Recall as Row
from traceability.store.rows import insert_all
from traceability.supply.recall import State

LISTED: Final = 100
DROPPED: Final = "dropped"
"""How a case ended in which nothing was signed."""


class Stage(StrEnum):
    """How far a case is."""

    OPEN = "open"
    HELD = "held"
    PROPOSED = "proposed"
    ISSUED = "issued"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Case:
    """A case or drill; see ``store.recalling.Case``. ``held`` says that its recall is a hold."""

    id: str
    party: str
    origin: tuple[str, ...]
    things: int
    opened_by: str | None
    opened_ms: int
    found_ms: int
    drill: bool = False
    mailing: bool = True
    issued_ms: int | None = None
    closed_by: str | None = None
    closed_party: str | None = None
    closed_ms: int | None = None
    outcome: str | None = None
    note: str | None = None
    held: bool = False
    proposed: bool = False

    @property
    def stage(self) -> Stage:
        """How far it is."""
        if self.closed_ms is not None:
            return Stage.CLOSED
        if self.issued_ms is not None:
            return Stage.ISSUED
        if self.proposed:
            return Stage.PROPOSED
        return Stage.HELD if self.held else Stage.OPEN

    def require_open(self, *, issued: bool) -> None:
        """Refuse what its stage does not allow.

        Raises:
            ConflictError: it is closed, or issued already, or not issued yet.
        """
        if self.closed_ms is not None:
            raise ConflictError(f"{self.id} is closed, and stays as it is")
        if issued != (self.issued_ms is not None):
            raise ConflictError(f"{self.id} is {'not issued yet' if issued else 'issued already'}")


def open_case(
    store: Store,
    node: Node,
    person: Participant,
    origins: Iterable[str],
    *,
    drill: bool = False,
    mailing: bool | None = None,
) -> Case:
    """Trace some lots, and open a case about them; nothing is signed.

    Args:
        origins: batches, items or logistic units, in any form.
        mailing: whether word of it leaves this node; of a drill it does not unless that is said.

    Raises:
        ForbiddenError: the person may not recall, or a lot is somebody else's.
        IdentifierError, MalformedError, UnknownSubjectError, QueryTooLargeError: see ``scope``.
    """
    person.require_recalls()
    began_ms = store.clock()
    with store.reading() as connection:
        things = origins_of(origins, node.name)
        require_own(connection, person.issuer, things)
        found = scope(connection, node, things)
    fresh = new_id(began_ms)
    case = Case(
        id=fresh.replace("R-", "D-", 1) if drill else fresh,
        party=person.party,
        origin=things,
        things=len(found.things),
        opened_by=person.user,
        opened_ms=began_ms,
        found_ms=store.clock(),
        drill=drill,
        mailing=not drill if mailing is None else mailing,
    )
    with store.transaction() as tx:
        insert_case(tx, case)
        person.note(tx, "drill-opened" if drill else "recall-case-opened", case.id, origin=case.origin)
    return case


def insert_case(tx: Transaction, case: Case, event: int | None = None) -> None:
    """Write a new case; ``event`` is the newest of its recall, if there is one."""
    row = {name: getattr(case, name) for name in _COLUMNS}
    insert_all(tx, tables.Case, [row | {"origin": json.dumps(case.origin), "event": event}])


def find_case(connection: Connection, case_id: str, person: Participant | None = None) -> Case:
    """A case by its id, as far as a person may see it; without one, whoever asks may.

    Raises:
        UnknownSubjectError: there is none, or it is another party's.
    """
    row = connection.execute(_cases().where(tables.Case.id == case_id)).one_or_none()
    if row is None or (person is not None and not _sees(row, person)):
        raise UnknownSubjectError(
            f"there is no case {case_id[:64]!r}",
            remedy="traceability recall cases shows all.",
        )
    return _case(row)


def list_cases(connection: Connection, person: Participant | None = None) -> Sequence[Case]:
    """The cases that a person may see, those that are open first, and the newest of each first."""
    table = tables.Case
    query = _cases().order_by(table.closed_ms.is_not(None), table.opened_ms.desc(), table.id).limit(LISTED)
    if person is not None and not person.regulator:
        query = query.where(or_(table.party == person.party))
    return [_case(row) for row in connection.execute(query)]


def look_at(connection: Connection, node: Node, case: Case) -> Scope:
    """The scope of a case as it is now, with places, holders and quantities.

    Raises:
        QueryTooLargeError: it reaches too much for one recall.
    """
    named = () if case.drill else named_things(connection, case.id)
    return scope(connection, node, case.origin, named=named).described(connection)


def confirm_seen(
    connection: Connection, node: Node, case: Case, seen: str, notice: Notice, state: State
) -> str:
    """The digest of texts that were just said over a scope that was seen before.

    Args:
        seen: the scope's ``reach`` then.

    Raises:
        ScopeChangedError: it reaches other things by now.
    """
    found = look_at(connection, node, case)
    if found.reach != seen:
        raise ScopeChangedError("the scope is not the one that was seen")
    return found.digest(notice, state)


def require_unchanged(connection: Connection, case: Case) -> None:
    """Refuse to issue what was issued otherwise meanwhile.

    Raises:
        ConflictError: its recall is past a hold.
    """
    recall = None if case.drill else known_recall(connection, case.id)
    if recall is not None and recall.state is not State.HOLD:
        raise ConflictError(f"{case.id} is {recall.state} already")


def _sees(row: AnyRow, person: Participant) -> bool:
    return person.regulator or person.party == row.party


_COLUMNS: Final = tuple(name for name in Case.__dataclass_fields__ if name not in {"held", "proposed"})


def _cases() -> Any:
    table, proposal = tables.Case, tables.Proposal
    waits = (proposal.withdrawn_ms.is_(None), proposal.approved_ms.is_(None))
    proposed = select(proposal.number).where(proposal.case == table.id, *waits).exists()
    columns = (getattr(table, name) for name in _COLUMNS)
    query = select(*columns, Row.state.label("state"), proposed.label("proposed"))
    return query.outerjoin(Row, Row.id == table.id)


def _case(row: AnyRow) -> Case:
    values: Mapping[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
    found = Case(**{**values, "origin": tuple(json.loads(row.origin))})
    return replace(found, held=row.state == State.HOLD.value, proposed=bool(row.proposed))
