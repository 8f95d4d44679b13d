"""Reports of problems: what a shopper tells of a lot, for its producer and the authority.

    a report     kind, words of at most 1,000 characters, and if wanted a contact and one photo
    it answers   with a reference, by which its writer reads what became of it

What comes from a person is theirs: words, contact and photo are erased on their wish, and after
``KEPT_DAYS`` by themselves. That there was a report, of which kind and about which lot, stays.

At most ``PER_NETWORK`` a day from one network, ``UNPLACED`` from all that cannot be told apart, and
``PER_BATCH`` about one lot: whoever wants to drown a firm's list needs many networks, and cannot hide more
than what comes about this one lot on this day.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, func, insert, or_, select, update

from traceability.errors import ConflictError, StatementError, TooOftenError, UnknownSubjectError
from traceability.identifiers import Batch
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.node import Node
from traceability.operations.outbox import EMAIL, WEBHOOK
from traceability.operations.pictures import remake_picture
from traceability.operations.recallstatus import DIGITS
from traceability.store import models
from traceability.store.engine import AnyRow, Store, Transaction
from traceability.store.projections import Event
from traceability.store.visitors import Report, ReportDelivery

DAY_MS: Final = 86_400_000
KEPT_DAYS: Final = 365
PER_NETWORK: Final = 5
PER_BATCH: Final = 100
UNPLACED: Final = 200
MAX_WORDS: Final = 1_000
MAX_CONTACT: Final = 200
MAX_PHOTO: Final = 8 * 1024 * 1024
PHOTO_PX: Final = 1_280
PHOTO_BYTES: Final = 200_000
LISTED: Final = 200


class Kind(StrEnum):
    """What is wrong."""

    ILL = "ill"
    FOREIGN = "foreign-object"
    SPOILED = "spoiled"
    ALLERGEN = "allergen"
    LABEL = "label"
    COPIED = "copied"
    OTHER = "other"


class State(StrEnum):
    """What became of a report."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Told:
    """What a visitor sends; ``photo`` is the file as it came."""

    kind: Kind
    words: str
    contact: str = ""
    photo: bytes = b""
    serial: str | None = None


def may_report(connection: Connection, uri: str, network: bytes | None, now_ms: int) -> None:
    """Look whether one more is taken, before anything of it is read.

    Raises:
        TooOftenError: that was enough for today, of this network or about this lot.
    """
    today = select(func.count()).select_from(Report).where(Report.made_ms > now_ms - DAY_MS)
    alike = Report.network.is_(None) if network is None else Report.network == network
    for where, most in (
        (alike, UNPLACED if network is None else PER_NETWORK),
        (Report.batch == uri, PER_BATCH),
    ):
        if connection.execute(today.where(where)).scalar_one() >= most:
            raise TooOftenError(
                "there were many reports from this network or about this lot today",
                remedy="Try again tomorrow. If somebody is ill or in danger, call the authority now.",
            )


def file_report(store: Store, node: Node, batch: Batch, told: Told, network: bytes | None) -> str:
    """Take a report; its reference.

    Raises:
        UnknownSubjectError: nothing is recorded of this lot.
        StatementError: no words, or more than are taken.
        PictureError: the photo is none.
        TooOftenError: see ``may_report``.
    """
    uri, words, contact = batch.uri(node.name), told.words.strip(), told.contact.strip()
    if not words or len(words) > MAX_WORDS or len(contact) > MAX_CONTACT:
        raise StatementError(f"a report has 1 to {MAX_WORDS} characters, and a contact at most {MAX_CONTACT}")
    photo = remake_picture(told.photo, PHOTO_PX, PHOTO_BYTES) if told.photo else None
    with store.transaction() as tx:
        party = _producer(tx.connection, uri)
        may_report(tx.connection, uri, network, tx.now_ms)
        forget_old(tx)
        reference = "P-" + "".join(secrets.choice(DIGITS) for _ in range(10))
        values: dict[str, object] = {
            "id": reference,
            "batch": uri,
            "serial": told.serial,
            "party": party,
            "kind": told.kind.value,
        }
        values |= {"words": words, "contact": contact or None, "photo": photo, "network": network}
        tx.connection.execute(insert(Report).values(**values, made_ms=tx.now_ms, state=State.OPEN.value))
        rows = [
            {"report": reference, "channel": channel, "due_ms": tx.now_ms, "tries": 0}
            for channel in (EMAIL, WEBHOOK)
        ]
        tx.connection.execute(insert(ReportDelivery), rows)
        note(tx, Actor(None, None, "web"), "problem-reported", reference, batch=uri, kind=told.kind.value)
    return reference


def find_report(connection: Connection, reference: str, party: str | None = None) -> AnyRow:
    """A report by its reference; if a party is named, only one of its lots.

    Raises:
        UnknownSubjectError: there is none.
    """
    query = select(Report).where(Report.id == reference)
    if party is not None:
        query = query.where(Report.party == party)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownSubjectError(f"there is no report {reference[:32]!r}")
    return row


def list_reports(connection: Connection, party: str | None = None) -> Sequence[AnyRow]:
    """The newest reports without their photos, those that wait for an answer first; of one party, or all."""
    columns = [column for column in Report.__table__.columns if column.name != "photo"]
    query = select(*columns, Report.photo.is_not(None).label("has_photo"))
    if party is not None:
        query = query.where(Report.party == party)
    order = (Report.state != State.OPEN.value, Report.made_ms.desc())
    return connection.execute(query.order_by(*order).limit(LISTED)).all()


def answer_report(
    store: Store, actor: Actor, reference: str, answer: str, *, close: bool, party: str | None = None
) -> None:
    """Say to whoever wrote it what was done; ``close`` if nothing more is to come.

    Args:
        party: whose lot it has to be; None for an authority.

    Raises:
        UnknownSubjectError: there is no such report.
        StatementError: no answer, or one that is too long.
        ConflictError: it is closed.
    """
    if not 1 <= len(answer.strip()) <= MAX_WORDS:
        raise StatementError(f"an answer has 1 to {MAX_WORDS} characters")
    with store.transaction() as tx:
        if find_report(tx.connection, reference, party).state == State.CLOSED:
            raise ConflictError(f"{reference} is closed already")
        state = State.CLOSED if close else State.ANSWERED
        values = {"answer": answer.strip(), "answered_by": actor.party, "answered_ms": tx.now_ms}
        named = update(Report).where(Report.id == reference)
        tx.connection.execute(named.values(**values, state=state.value))
        note(tx, actor, f"report-{state}", reference)


def erase_report(store: Store, actor: Actor, reference: str, party: str | None = None) -> None:
    """Erase what the person wrote, sent and left as a contact; that there was a report stays.

    Raises:
        UnknownSubjectError: there is no such report.
    """
    with store.transaction() as tx:
        find_report(tx.connection, reference, party)
        tx.connection.execute(update(Report).where(Report.id == reference).values(**_erased(tx)))
        note(tx, actor, "report-erased", reference)


def forget_old(tx: Transaction) -> None:
    """Erase what is older than ``KEPT_DAYS``, and networks older than a day."""
    old = or_(Report.words.is_not(None), Report.photo.is_not(None), Report.contact.is_not(None))
    ended = update(Report).where(Report.made_ms <= tx.now_ms - KEPT_DAYS * DAY_MS, old)
    tx.connection.execute(ended.values(**_erased(tx)))
    yesterday = update(Report).where(Report.made_ms <= tx.now_ms - DAY_MS, Report.network.is_not(None))
    tx.connection.execute(yesterday.values(network=None))


def _erased(tx: Transaction) -> dict[str, object]:
    return {"words": None, "contact": None, "photo": None, "erased_ms": tx.now_ms}


def _producer(connection: Connection, uri: str) -> str | None:
    """The party by whose event a lot began; None if only others named it."""
    batch = models.Batch
    query = select(batch.begun, Event.party).join(Event, Event.statement == batch.statement, isouter=True)
    row = connection.execute(query.where(batch.stream == stream_hash(uri))).one_or_none()
    if row is None:
        raise UnknownSubjectError(f"nothing is recorded of {uri}")
    return str(row.party) if row.begun and row.party else None
