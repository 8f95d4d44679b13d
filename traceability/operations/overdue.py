"""Calibration of installed devices that ends soon or has ended, as troubles for alarms.

    calibration-due    the certificate that reaches farthest ends within 30 days
    calibration-over   it has ended, or of the certificates that were deposited none can be read

A device that never had a certificate is in no trouble: not everybody calibrates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from traceability.errors import TraceabilityError
from traceability.operations.calibrations import (
    DUE_DAYS,
    Certificates,
    Kept,
    Standing,
    day_of,
    standing_of,
)
from traceability.operations.node import Node
from traceability.operations.places import Key, Trouble

DUE: Final = "calibration-due"
OVER: Final = "calibration-over"
ANEW_MS: Final = 3_600_000
"""So often files are read again that could be read; a deposit, and a file that could not, is seen at once."""


@dataclass(slots=True)
class Overdue:
    """Looks at the certificates of devices, for ``watching.Watch``."""

    node: Node
    _certificates: Certificates = field(init=False)
    _since_ms: int = -ANEW_MS

    def __call__(
        self, connection: Connection, places: Collection[tuple[bytes, str]], now_ms: int
    ) -> Iterator[tuple[Key, Trouble]]:
        """What is wrong in these places (a stream's hash, a device) now."""
        if now_ms - self._since_ms >= ANEW_MS:
            self._since_ms, self._certificates = now_ms, Certificates(self.node)
        try:
            kept = self._certificates.of(connection, {device for _, device in places})
        except TraceabilityError:  # what is wrong with notices is the audit's matter; it ends no alarm
            for stream, device in places:
                yield (stream, device, DUE), Trouble(now_ms, {}, lasting=True)
                yield (stream, device, OVER), Trouble(now_ms, {}, lasting=True)
            return
        for stream, device in places:
            for kind, trouble in _troubles(kept[device], now_ms):
                yield (stream, device, kind), trouble


def _troubles(kept: Kept, now_ms: int) -> Iterator[tuple[str, Trouble]]:
    own, today = kept.farthest, day_of(now_ms)
    lost: dict[str, Any] = {"unreadable": kept.lost} if kept.lost else {}
    if own is None:
        if lost:
            yield OVER, Trouble(now_ms, lost)
        return
    said = {"certificate": own.number, "valid_until": own.valid_until.isoformat(), **lost}
    match standing_of(own, today):
        case Standing.DUE:
            began = max(own.calibrated, own.valid_until - timedelta(days=DUE_DAYS))
            yield DUE, Trouble(_begin_ms(began), said)
        case Standing.EXPIRED:
            yield OVER, Trouble(_begin_ms(own.valid_until + timedelta(days=1)), said)


def _begin_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
