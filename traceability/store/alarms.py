"""Tables of alarms, and of what is still to be told to somebody. Nothing in here is evidence."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from traceability.store.models import Base

_OPEN: Final = text("ended_ms IS NULL")
_DUE: Final = text("done_ms IS NULL")


class Alarm(Base):
    """Something that somebody should look at: one open alarm for each stream, device and kind.

    ``began_ms`` is when it began as far as is known, ``detail`` what a person should know, as JSON.
    """

    __tablename__ = "alarms"
    __table_args__ = (
        Index(
            "alarms_open",
            *("stream", "device", "kind"),
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("alarms_by_time", "raised_ms"),
    )
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    stream: Mapped[bytes] = mapped_column(ForeignKey("streams.hash"))
    device: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    began_ms: Mapped[int]
    raised_ms: Mapped[int]
    ended_ms: Mapped[int | None]
    detail: Mapped[str]
    acknowledged_ms: Mapped[int | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(200))
    note: Mapped[str | None]


class Delivery(Base):
    """Word of an alarm that ``raised`` or ``ended``, by ``webhook`` or ``email``, until it is ``done``."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("deliveries_due", "due_ms", sqlite_where=_DUE, postgresql_where=_DUE),)
    alarm: Mapped[str] = mapped_column(ForeignKey("alarms.id"), primary_key=True)
    event: Mapped[str] = mapped_column(String(8), primary_key=True)
    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    due_ms: Mapped[int]
    tries: Mapped[int]
    done_ms: Mapped[int | None]
    error: Mapped[str | None]
