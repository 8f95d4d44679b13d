"""Tables of what was measured: readings folded into cells of five minutes.

Nothing in here is evidence: every row is recomputed from the frames by ``operations.audit``.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from traceability.store.models import Base


class Series(Base):
    """One channel of a device on a stream, in one unit.

    ``id`` is the first eight bytes of a SHA-256 over the other columns, as a signed number.
    """

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("stream", "device", "name", "unit"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stream: Mapped[bytes] = mapped_column(ForeignKey("streams.hash"))
    device: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    name: Mapped[str] = mapped_column(String(32))
    unit: Mapped[str] = mapped_column(String(8))


class Rollup(Base):
    """The readings of a series in the five minutes from ``from_ms``: see ``sensing.rollup.Cell``."""

    __tablename__ = "rollups"
    __table_args__ = ({"sqlite_with_rowid": False},)
    series: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    from_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    n: Mapped[int]
    low_milli: Mapped[int]
    high_milli: Mapped[int]
    total_milli: Mapped[int]
    first_ms: Mapped[int]
    first_milli: Mapped[int]
    last_ms: Mapped[int]
    last_milli: Mapped[int]
