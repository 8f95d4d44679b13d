"""Tables of the recall workspace: cases and drills, who proposed and approved, who was told, what came back.

Nothing in here is evidence: what is said of goods is a signed event. Who did what is also in the trail.
People are written as they sign in; times are milliseconds since 1970 UTC. A text that nobody wrote is NULL.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from traceability.store.models import Base

_DUE: Final = text("done_ms IS NULL")
_PERSON: Final = String(254)
_CASE: Final = "recall_cases.id"


class Case(Base):
    """What is done about some lots, under the id of its recall; a ``drill`` has one that no recall can have.

    ``origin`` is a JSON list of URIs. ``opened_by`` is NULL where no person did: a recall by token.
    ``closed_party`` is that of ``closed_by``: an authority closes cases of firms too.
    ``found_ms`` is when its scope was traced first, ``things`` how many it had when it was last looked at.
    ``mailing`` says whether word of it leaves this node; ``event`` is the newest of the recall that was
    followed, NULL if it reaches more by now.
    """

    __tablename__ = "recall_cases"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    drill: Mapped[bool]
    mailing: Mapped[bool]
    party: Mapped[str] = mapped_column(String(512), index=True)
    origin: Mapped[str]
    things: Mapped[int]
    opened_by: Mapped[str | None] = mapped_column(_PERSON)
    opened_ms: Mapped[int] = mapped_column(index=True)
    found_ms: Mapped[int]
    event: Mapped[int | None]
    issued_ms: Mapped[int | None]
    closed_by: Mapped[str | None] = mapped_column(_PERSON)
    closed_party: Mapped[str | None] = mapped_column(String(512))
    closed_ms: Mapped[int | None]
    outcome: Mapped[str | None] = mapped_column(String(8))
    note: Mapped[str | None]


class Proposal(Base):
    """A recall as one person would issue it, until another of the same party approves, or it is withdrawn.

    ``notice`` is a JSON object of its texts, ``digest`` of the scope and texts that the first person saw,
    ``approved_digest`` of what the second saw, which is what was signed.
    """

    __tablename__ = "recall_proposals"
    case: Mapped[str] = mapped_column(ForeignKey(_CASE), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    notice: Mapped[str]
    digest: Mapped[str] = mapped_column(String(64))
    things: Mapped[int]
    party: Mapped[str] = mapped_column(String(512))
    proposed_by: Mapped[str] = mapped_column(_PERSON)
    proposed_ms: Mapped[int]
    withdrawn_by: Mapped[str | None] = mapped_column(_PERSON)
    withdrawn_party: Mapped[str | None] = mapped_column(String(512))
    withdrawn_ms: Mapped[int | None]
    approved_by: Mapped[str | None] = mapped_column(_PERSON)
    approved_ms: Mapped[int | None]
    approved_digest: Mapped[str | None] = mapped_column(String(64))


class HolderNotice(Base):
    """That a party is told of a case, until when it is to acknowledge, and who of it did."""

    __tablename__ = "recall_notices"
    __table_args__ = (Index("recall_notices_by_party", "party", "made_ms"),)
    case: Mapped[str] = mapped_column(ForeignKey(_CASE), primary_key=True)
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    made_ms: Mapped[int]
    due_ms: Mapped[int]
    acknowledged_by: Mapped[str | None] = mapped_column(_PERSON)
    acknowledged_ms: Mapped[int | None]


class HeldItem(Base):
    """What a party of a case has or had: ``amount`` that is left of it as far as is known, in ``uom``.

    ``last`` says that nobody has spoken of it since, so that it should be there.
    """

    __tablename__ = "recall_items"
    __table_args__ = (
        ForeignKeyConstraint(["case", "party"], ["recall_notices.case", "recall_notices.party"]),
        {"sqlite_with_rowid": False},
    )
    case: Mapped[str] = mapped_column(String(64), primary_key=True)
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    thing: Mapped[str] = mapped_column(String(512), primary_key=True)
    amount: Mapped[str | None] = mapped_column(String(64))
    uom: Mapped[str | None] = mapped_column(String(8))
    place: Mapped[str | None] = mapped_column(String(512))
    last: Mapped[bool]


class HolderAnswer(Base):
    """How much of a thing a party put aside, sent back, destroyed or had sold; the newest row of each counts.

    ``beyond`` marks what is more than there should be.
    """

    __tablename__ = "recall_answers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["case", "party", "thing"], ["recall_items.case", "recall_items.party", "recall_items.thing"]
        ),
        Index("recall_answers_by_case", "case", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    case: Mapped[str] = mapped_column(String(64))
    party: Mapped[str] = mapped_column(String(512))
    thing: Mapped[str] = mapped_column(String(512))
    fate: Mapped[str] = mapped_column(String(16))
    amount: Mapped[str] = mapped_column(String(64))
    uom: Mapped[str | None] = mapped_column(String(8))
    beyond: Mapped[bool]
    note: Mapped[str | None]
    by: Mapped[str] = mapped_column(_PERSON)
    at_ms: Mapped[int]


class NoticeDelivery(Base):
    """Word to a party that a case was ``issued`` or ``closed``, by a channel, until it is ``done``."""

    __tablename__ = "recall_deliveries"
    __table_args__ = (
        ForeignKeyConstraint(["case", "party"], ["recall_notices.case", "recall_notices.party"]),
        Index("recall_deliveries_due", "due_ms", sqlite_where=_DUE, postgresql_where=_DUE),
    )
    case: Mapped[str] = mapped_column(String(64), primary_key=True)
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    event: Mapped[str] = mapped_column(String(8), primary_key=True)
    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    address: Mapped[str] = mapped_column(String(512), primary_key=True)
    due_ms: Mapped[int]
    tries: Mapped[int]
    done_ms: Mapped[int | None]
    error: Mapped[str | None]


class Contact(Base):
    """An address of a party that notices go to, by ``email`` or ``webhook``."""

    __tablename__ = "recall_contacts"
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    address: Mapped[str] = mapped_column(String(512), primary_key=True)
    since_ms: Mapped[int]
