"""Notices to holders: left in the transaction that issues or closes a recall, told afterwards, acknowledged.

One for each party that has or had something of the scope. In the console it is there at once; word of it
leaves by the party's addresses (``contacts``) through the outbox, so that a node that dies in between
tells it after its next start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, Select, and_, case, func, select, update

from traceability.errors import UnknownSubjectError
from traceability.operations.node import Node
from traceability.operations.recalling.cases import Case
from traceability.operations.recalling.contacts import addresses_of, managers_of
from traceability.operations.recalling.holdings import Holding
from traceability.operations.recalling.people import Participant
from traceability.store.engine import AnyRow, Store, Transaction
from traceability.store.recalling import HeldItem, HolderAnswer, HolderNotice, NoticeDelivery
from traceability.store.rows import insert_new

HOUR_MS: Final = 3_600_000
DUE_MS: Final[Mapping[int, int]] = {1: 4 * HOUR_MS, 2: 24 * HOUR_MS, 3: 72 * HOUR_MS}
"""How long a holder has to acknowledge, by class (assumed: no rule names a time)."""
ISSUED: Final = "issued"
CLOSED: Final = "closed"
LISTED: Final = 100


@dataclass(frozen=True, slots=True)
class Heard:
    """How many parties were told of a case; how many acknowledged it, answered, or are late."""

    notified: int = 0
    acknowledged: int = 0
    overdue: int = 0
    answered: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """That a party is told of a case; ``acknowledged_by`` is one of its people."""

    case: str
    party: str
    made_ms: int
    due_ms: int
    acknowledged_by: str | None
    acknowledged_ms: int | None

    def overdue(self, now_ms: int) -> bool:
        """Whether nobody acknowledged it in time."""
        return self.acknowledged_ms is None and now_ms > self.due_ms


def leave_notices(
    tx: Transaction, node: Node, case: Case, recall_class: int, found: Iterable[Holding]
) -> None:
    """Write a notice for each holder that has none yet, what it holds, and what is to be told of it."""
    items = list(found)
    parties = sorted({item.party for item in items})
    said = select(HolderNotice.party).where(HolderNotice.case == case.id)
    known = set(tx.connection.execute(said).scalars())
    new = [party for party in parties if party not in known]
    times = {"made_ms": tx.now_ms, "due_ms": tx.now_ms + DUE_MS[recall_class]}
    insert_new(tx, HolderNotice, ({"case": case.id, "party": party, **times} for party in new))
    insert_new(tx, HeldItem, ({"case": case.id, **asdict(item)} for item in items))
    leave_word(tx, node, case, new, ISSUED)


def leave_word(tx: Transaction, node: Node, case: Case, parties: Sequence[str], event: str) -> None:
    """Leave word for the addresses of parties that have a notice, if word of this case leaves the node."""
    if not case.mailing:
        return
    way = {"case": case.id, "event": event, "due_ms": tx.now_ms, "tries": 0}
    addresses = addresses_of(tx.connection, parties) + managers_of(tx.connection, node, parties)
    insert_new(tx, NoticeDelivery, ({**way, **asdict(each)} for each in addresses))


def acknowledge(store: Store, person: Participant, case_id: str) -> Notice:
    """Say that a notice was read; the first who says so counts, and again changes nothing.

    Raises:
        UnknownSubjectError: this party has no such notice.
    """
    with store.transaction() as tx:
        notice = notice_to(tx.connection, case_id, person.party)
        if notice.acknowledged_ms is None:
            own = (HolderNotice.case == case_id, HolderNotice.party == person.party)
            seen = {"acknowledged_by": person.user, "acknowledged_ms": tx.now_ms}
            open_one = update(HolderNotice).where(*own, HolderNotice.acknowledged_ms.is_(None))
            tx.connection.execute(open_one.values(seen))
            person.note(tx, "recall-acknowledged", case_id)
        return notice_to(tx.connection, case_id, person.party)


def notice_to(connection: Connection, case_id: str, party: str) -> Notice:
    """The notice of a case to a party.

    Raises:
        UnknownSubjectError: there is none.
    """
    own = (HolderNotice.case == case_id, HolderNotice.party == party)
    row = connection.execute(_notices().where(*own)).one_or_none()
    if row is None:
        raise UnknownSubjectError(
            f"there is no notice of {case_id[:64]!r} to this party",
            remedy="Your notices are in the console, and shown by traceability recall notices.",
        )
    return _notice(row)


def notices_to(connection: Connection, party: str) -> Sequence[Notice]:
    """What a party was told, the newest first; drills too, as the people of a holder take part in them."""
    query = _notices().where(HolderNotice.party == party)
    rows = connection.execute(query.order_by(HolderNotice.made_ms.desc(), HolderNotice.case).limit(LISTED))
    return [_notice(row) for row in rows]


def notices_of(connection: Connection, case_id: str) -> Sequence[Notice]:
    """Who is told of a case."""
    query = _notices().where(HolderNotice.case == case_id).order_by(HolderNotice.party)
    return [_notice(row) for row in connection.execute(query)]


def heard_of(connection: Connection, cases: Collection[str], now_ms: int) -> Mapping[str, Heard]:
    """How far the holders of each of these cases are; a case that nobody was told of is not among them."""
    told, said = HolderNotice, HolderAnswer
    late = case((and_(told.acknowledged_ms.is_(None), told.due_ms < now_ms), 1))
    counts = (func.count(), func.count(told.acknowledged_ms), func.count(late))
    query = select(told.case, *counts).where(told.case.in_(list(cases)))
    answers = select(said.case, func.count(said.party.distinct())).where(said.case.in_(list(cases)))
    answered = {row[0]: row[1] for row in connection.execute(answers.group_by(said.case))}
    rows = connection.execute(query.group_by(told.case).order_by(told.case)).all()
    return {row[0]: Heard(row[1], row[2], row[3], answered.get(row[0], 0)) for row in rows}


def items_of(connection: Connection, case_id: str, party: str | None = None) -> Sequence[Holding]:
    """What the holders of a case have or had, or one of them."""
    query = select(HeldItem).where(HeldItem.case == case_id)
    if party is not None:
        query = query.where(HeldItem.party == party)
    rows = connection.execute(query.order_by(HeldItem.party, HeldItem.last.desc(), HeldItem.thing))
    return [Holding(row.party, row.thing, row.amount, row.uom, row.place, row.last) for row in rows]


def _notices() -> Select[*tuple[AnyRow, ...]]:
    return select(HolderNotice)


def _notice(row: AnyRow) -> Notice:
    return Notice(**row._asdict())
