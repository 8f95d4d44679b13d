"""The table of what devices are to do. Nothing in here is evidence: what is in force stands in frames."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from traceability.store.models import Base

_PENDING_SQLITE: Final = text("pending = 1")
_PENDING: Final = text("pending")


class DeviceConfig(Base):
    """A configuration as its device is sent it (``sensing.config``), under the MAC that only the node makes.

    ``sent_ms`` is when last, ``in_force_ms`` since when by the device's own clock and word. ``pending`` is
    the newest one of a device until the device says that it is in force. ``frame_s`` is what ``body`` says.
    """

    __tablename__ = "device_configs"
    __table_args__ = (
        Index("device_configs_pending", "device", sqlite_where=_PENDING_SQLITE, postgresql_where=_PENDING),
    )
    device: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[bytes]
    frame_s: Mapped[int]
    made_ms: Mapped[int]
    sent_ms: Mapped[int | None]
    in_force_ms: Mapped[int | None]
    pending: Mapped[bool] = mapped_column(server_default=false())
