"""Tables that follow from events alone: what queries, traces and recalls read.

Nothing in here is evidence: every row is recomputed from the statements by ``operations.audit``.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ForeignKey, Index, LargeBinary, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from traceability.store.models import Base

_URI: Final = String(512).with_variant(String(512, collation="C"), "postgresql")
"""Compared byte by byte, so that the index also finds by a beginning."""


class Event(Base):
    """An EPCIS event as queries and traces find it; all of it follows from the statement.

    ``id`` is the first eight bytes of the statement's SHA-256 as a signed number. ``content`` is
    SHA-256 of the event as written, without its ``eventID``: the same event may come twice, another
    one under its name may not. ``corrects`` tells an error declaration from the event it is about.
    Words and identifiers are whole URIs.
    """

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("party", "event_id", "corrects"),
        Index("events_by_name", "event_id"),
        Index("events_by_time", "at_ms", "id"),
        Index("events_by_record_time", "recorded_ms", "id"),
        Index("events_by_party", "party", "recorded_ms", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    statement: Mapped[bytes] = mapped_column(ForeignKey("statements.sha256"), unique=True)
    event_id: Mapped[str] = mapped_column(String(512))
    corrects: Mapped[bool]
    content: Mapped[bytes] = mapped_column(LargeBinary(32))
    party: Mapped[str] = mapped_column(String(512))
    type: Mapped[str] = mapped_column(String(32))
    action: Mapped[str | None] = mapped_column(String(16))
    at_ms: Mapped[int]
    recorded_ms: Mapped[int]
    biz_step: Mapped[str | None] = mapped_column(String(512))
    disposition: Mapped[str | None] = mapped_column(String(512))
    read_point: Mapped[str | None] = mapped_column(String(512))
    biz_location: Mapped[str | None] = mapped_column(String(512))
    transformation: Mapped[str | None] = mapped_column(String(512))


class Term(Base):
    """One more value by which events are found: a document, a source or destination, a reader."""

    __tablename__ = "terms"
    name: Mapped[str] = mapped_column(String(544), primary_key=True)
    value: Mapped[str] = mapped_column(String(512), primary_key=True)
    event: Mapped[int] = mapped_column(ForeignKey("events.id"), primary_key=True, autoincrement=False)


class Thing(Base):
    """Whatever events name. ``id`` is the first eight bytes of SHA-256 of the URI, as a signed number."""

    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uri: Mapped[str] = mapped_column(_URI, unique=True)


class Mention(Base):
    """An event names a thing: as ``epc``, ``parent``, ``child``, ``input`` or ``output``."""

    __tablename__ = "mentions"
    __table_args__ = (Index("mentions_by_event", "event"), {"sqlite_with_rowid": False})
    thing: Mapped[int] = mapped_column(ForeignKey("things.id"), primary_key=True, autoincrement=False)
    at_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event: Mapped[int] = mapped_column(ForeignKey("events.id"), primary_key=True, autoincrement=False)
    role: Mapped[str] = mapped_column(String(8), primary_key=True)


class Link(Base):
    """One edge of the lineage graph: something went into a process, came out of it, or was packed.

    ``kind`` is one of ``supply.lineage.LinkKind``; things and processes are rows of ``things``.
    """

    __tablename__ = "links"
    __table_args__ = (
        Index("links_backward", "dst", "kind", "at_ms", "src", "event"),
        {"sqlite_with_rowid": False},
    )
    src: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    at_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    dst: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    quantity: Mapped[str | None] = mapped_column(String(64))
    uom: Mapped[str | None] = mapped_column(String(8))


class Recall(Base):
    """A recall as its newest event leaves it: ``hold``, ``issued`` or ``closed``, and since when it is that.

    ``party`` opened it. ``stale`` says that something may have been made from what it names since it
    was traced; that is no evidence.
    """

    __tablename__ = "recalls"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    party: Mapped[str] = mapped_column(String(512))
    state: Mapped[str] = mapped_column(String(8))
    since_ms: Mapped[int]
    event: Mapped[int] = mapped_column(ForeignKey("events.id"), autoincrement=False)
    stale: Mapped[bool]


class Recalled(Base):
    """A thing that a recall names."""

    __tablename__ = "recalled"
    __table_args__ = (Index("recalled_by_recall", "recall", "thing"), {"sqlite_with_rowid": False})
    thing: Mapped[int] = mapped_column(ForeignKey("things.id"), primary_key=True, autoincrement=False)
    recall: Mapped[str] = mapped_column(ForeignKey("recalls.id"), primary_key=True)
