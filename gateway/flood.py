"""How much of each device is taken: what one sends too fast must cost no other its time.

Two token buckets a device, both of one rate and one burst:

    credential  before verification, by the device that a topic names (a password at the broker opens
                that topic alone); spent by what brings nothing: what is refused, and what is there already
    device      after verification, by who signed it; spent by what is new and genuine

So neither a stranger's noise on a device's topic nor its own statements, played again, spend what
the device needs for new ones. While either bucket is empty nothing more of that topic is opened:
a little waits, and of that what bears the device's key goes first; the rest is told the broker as
had, counted and forgotten. A device sends again what no receipt names, so it loses nothing by that.
What names no enrolled device shares one pair of buckets.

A message costs one token, and one more for every sixteen rows that it writes: a device whose frames name
hundreds of channels is as dear to the others as one that sends dozens of frames.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from traceability.operations.opening import Claim
from traceability.operations.tally import ACCEPTED, QUARANTINED

AT_ONCE: Final = 64
"""So many messages of one device are in a handful at most."""
AT_ONCE_BYTES: Final = 65_536
"""So much of one device is in a handful at most, or one message."""
ROWS_A_TOKEN: Final = 16
"""A frame of a few channels writes as many rows at most, and costs one token; hundreds cost more."""
LEFT: Final = 64
"""So many of one device wait for tokens; an honest one has half as many under way (its window)."""
LEFT_IN_ALL: Final = 512
"""So many of all: half of what a broker hands out unacknowledged, so that it goes on handing out."""
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Limits:
    """Messages a second, each at least 1, and how many at once after a rest."""

    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class Parted:
    """A queue in three parts, as places in it, each in order: what is taken now, left, and refused.

    ``soon``: of what is left some is only waiting for its turn, not for tokens.
    """

    taken: tuple[int, ...]
    left: tuple[int, ...]
    refused: tuple[int, ...]
    soon: bool


class Buckets:
    """A token bucket for each source; a full one takes no room.

    For each source the time is kept at which its bucket will be full again (generic cell rate
    algorithm, ITU-T I.371).
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._full_at_s: dict[str, float] = {}

    def tokens(self, source: str, now_s: float) -> int:
        """How many there are, 0 or more."""
        owed_s = self._full_at_s.get(source, now_s) - now_s
        if owed_s <= 0:
            self._full_at_s.pop(source, None)
            return self._limits.burst
        return max(int(self._limits.burst - owed_s * self._limits.rate + _ROUNDING), 0)

    def spend(self, source: str, now_s: float, tokens: int) -> None:
        """Take some out, and owe those that are not there."""
        since_s = max(self._full_at_s.get(source, now_s), now_s)
        self._full_at_s[source] = since_s + tokens / self._limits.rate


class Gate:
    """Says what of a queue is taken, and remembers what came of it. One thread."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._credential, self._device, self._clock = Buckets(limits), Buckets(limits), clock

    def part(self, claims: Sequence[Claim], most: int) -> Parted:
        """What to do with each message of a queue.

        Args:
            claims: of the queue, in the order in which it came.
            most: how many to take of all devices.
        """
        now_s, groups = self._clock(), defaultdict[str, list[int]](list)
        for place, claim in enumerate(claims):
            groups[claim.source].append(place)
        able: list[tuple[int, int]] = []
        over: list[tuple[int, int]] = []
        heavy: set[int] = set()
        for source, places in groups.items():
            places.sort(key=lambda place: not claims[place].likely)
            room = min(self._credential.tokens(source, now_s), self._device.tokens(source, now_s))
            able += enumerate(places[:room])
            before = accumulate((claims[place].size for place in places), initial=0)
            heavy.update(place for place, size in zip(places, before, strict=False) if size >= AT_ONCE_BYTES)
            over += enumerate(places[room:])
        able.sort()  # the first of each device before the second of any
        over.sort()
        taken = [place for turn, place in able[:most] if turn < AT_ONCE and place not in heavy]
        waiting = [place for turn, place in over if turn < LEFT][:LEFT_IN_ALL]
        later = {place for _, place in able}.difference(taken)
        refused = {place for _, place in over}.difference(waiting)
        left = tuple(sorted(later.union(waiting)))
        return Parted(tuple(sorted(taken)), left, tuple(sorted(refused)), bool(later))

    def charge(self, outcomes: Iterable[tuple[str, str, int]]) -> None:
        """Spend for messages that were taken: by source, the word it counts under, and rows."""
        now_s = self._clock()
        for source, word, rows in outcomes:
            bucket = self._device if word in {ACCEPTED, QUARANTINED} else self._credential
            bucket.spend(source, now_s, 1 + rows // ROWS_A_TOKEN)
