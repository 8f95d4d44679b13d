"""Tables of what visitors without an account leave behind: reports of problems, and counts of scans.

Nothing in here is evidence. What a person wrote can be erased, and is after a while; a network is kept as a
hash whose salt is forgotten within a day.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from traceability.store.models import Base

_DUE = text("done_ms IS NULL")


class Report(Base):
    """A problem that somebody told about a lot: of which ``party`` it is, what is wrong, what became of it.

    ``words``, ``contact`` and ``photo`` are the person's, and NULL once ``erased_ms`` is set; ``network`` is
    NULL a day after ``made_ms``.
    """

    __tablename__ = "reports"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    batch: Mapped[str] = mapped_column(String(512), index=True)
    serial: Mapped[str | None] = mapped_column(String(20))
    party: Mapped[str | None] = mapped_column(String(512), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    words: Mapped[str | None]
    contact: Mapped[str | None]
    photo: Mapped[bytes | None]
    made_ms: Mapped[int] = mapped_column(index=True)
    network: Mapped[bytes | None] = mapped_column(LargeBinary(16), index=True)
    state: Mapped[str] = mapped_column(String(8))
    answer: Mapped[str | None]
    answered_by: Mapped[str | None] = mapped_column(String(512))
    answered_ms: Mapped[int | None]
    erased_ms: Mapped[int | None]


class ReportDelivery(Base):
    """Word of a report by ``webhook`` or ``email``, until it is ``done``."""

    __tablename__ = "report_deliveries"
    __table_args__ = (Index("report_deliveries_due", "due_ms", sqlite_where=_DUE, postgresql_where=_DUE),)
    report: Mapped[str] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    due_ms: Mapped[int]
    tries: Mapped[int]
    done_ms: Mapped[int | None]
    error: Mapped[str | None]


class Scan(Base):
    """From how many networks the code of one item was opened on one day (days since 1970, UTC).

    ``item`` is a hash of lot and serial number.
    """

    __tablename__ = "scans"
    item: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    networks: Mapped[int]
