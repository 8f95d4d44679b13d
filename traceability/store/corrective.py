"""The table of corrective actions. Nothing in here is evidence: what is to be that is deposited, signed."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from traceability.store.models import Base


class CorrectiveRow(Base):
    """One entry in the record of an alarm: a ``report``, or the ``verification`` of one (``of``).

    ``number`` counts the entries of an alarm from 1. Rows are added and never changed; a correction is
    another report. ``by`` is the id of the person, ``name`` what the person was called then, ``says`` what
    was written, as JSON.
    """

    __tablename__ = "corrective_rows"
    alarm: Mapped[str] = mapped_column(ForeignKey("alarms.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    party: Mapped[str] = mapped_column(String(512))
    kind: Mapped[str] = mapped_column(String(12))
    of: Mapped[int | None]
    by: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    says: Mapped[str]
    made_ms: Mapped[int]
