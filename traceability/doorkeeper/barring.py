"""Who floods the gateway is shown the door for a while: what is at the broker already, others wait behind.

The gateway counts what it does not look at (`operations.tally`); this reads how much it became.
Each doorkeeper remembers for itself; one that starts anew bars who goes on flooding.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, select

from traceability.errors import FloodedError
from traceability.store import models
from traceability.store.engine import Store

MOST: Final = 1_000
"""So many messages of one device may go unread within ``LOOKS`` looks. They may be an honest one's: while
the gateway was away it sent what it had under way every five minutes."""
LOOKS: Final = 5
"""A second: a fifth of it lies between one and the next."""
BARRED_S: Final = 1_800.0


class Barring:
    """The devices that may not come in for now.

    Attributes:
        barred: by device, until when, on the clock ``now``.
    """

    def __init__(self, store: Store, now: Callable[[], float] = time.monotonic) -> None:
        self.barred: dict[str, float] = {}
        self._now = now
        with store.reading() as reading:
            self._flooded = deque([_flooded(reading)], LOOKS)

    def look(self, reading: Connection) -> list[str]:
        """Bar who floods, let go whose time is over; returns those barred just now.

        On the first look behind a start, who flooded before it is known, and not barred for that.
        """
        now_s, flooded = self._now(), _flooded(reading)
        self.barred = {device: until_s for device, until_s in self.barred.items() if until_s > now_s}
        found = [d for d, number in flooded.items() if number - self._flooded[0].get(d, 0) > MOST]
        self.barred |= dict.fromkeys(found, now_s + BARRED_S)
        self._flooded.append(flooded)
        return found

    def check(self, device: str) -> None:
        """Let a device in, or anybody who is none.

        Raises:
            FloodedError: it is barred.
        """
        if self.barred.get(device, 0.0) > self._now():
            raise FloodedError(f"device {device} sent far too much: it may come back within half an hour")


def _flooded(reading: Connection) -> dict[str, int]:
    """How many messages of each device ever went unread; those alone of which some did."""
    tally = models.Tally
    rows = reading.execute(select(tally.source, tally.flooded).where(tally.flooded > 0))
    return {row.source: row.flooded for row in rows}
