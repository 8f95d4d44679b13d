"""Who floods the gateway is shown the door for a while: what is at the broker already, others wait behind.

The gateway counts what it does not look at (`operations.tally`); this reads how much it became.
Each doorkeeper remembers for itself; one that starts anew bars who goes on flooding.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from traceability.errors import FloodedError
from traceability.store import models
from traceability.store.engine import Store

MOST: Final = 1_000
"""So many messages of one device may go unread within ``LOOKS`` looks. They may be an honest one's: while
the gateway was away it sent what it had under way every five minutes."""
LOOKS: Final = 5
"""A second: a fifth of it lies between one and the next."""
FIRST_S: Final = 60.0
"""So long the first time; twice as long each time that it floods again."""
LONGEST_S: Final = 1_800.0
"""So long at most; and who keeps quiet for so long begins with the first again."""


class Term(NamedTuple):
    """Until when a device may not come in, and how long that is."""

    until_s: float
    seconds: float


class Barring:
    """The devices that may not come in for now; times are those of the clock ``now``."""

    def __init__(self, store: Store, now: Callable[[], float] = time.monotonic) -> None:
        self.terms: dict[str, Term] = {}
        self._now = now
        with store.reading() as reading:
            self._flooded = deque([_flooded(reading)], LOOKS)

    @property
    def barred(self) -> set[str]:
        """Those devices."""
        now_s = self._now()
        return {device for device, term in self.terms.items() if term.until_s > now_s}

    def look(self, reading: Connection) -> list[str]:
        """Bar who floods; returns those who do, barred before or just now.

        On the first look behind a start, who flooded before it is known, and not barred for that.
        """
        now_s, flooded = self._now(), _flooded(reading)
        self.terms = {d: term for d, term in self.terms.items() if term.until_s + LONGEST_S > now_s}
        found = [d for d, number in flooded.items() if number - self._flooded[0].get(d, 0) > MOST]
        for device in set(found) - self.barred:
            before = self.terms.get(device)
            seconds = FIRST_S if before is None else min(2 * before.seconds, LONGEST_S)
            self.terms[device] = Term(now_s + seconds, seconds)
        self._flooded.append(flooded)
        return found

    def check(self, device: str) -> None:
        """Let a device in, or anybody who is none.

        Raises:
            FloodedError: it is barred.
        """
        if device in self.barred:
            minutes = self.terms[device].seconds / 60
            raise FloodedError(
                f"device {device} sent far too much: it may come back within {minutes:.0f} min"
            )


def _flooded(reading: Connection) -> dict[str, int]:
    """How many messages of each device ever went unread; those alone of which some did."""
    tally = models.Tally
    rows = reading.execute(select(tally.source, tally.flooded).where(tally.flooded > 0))
    return {row.source: row.flooded for row in rows}
