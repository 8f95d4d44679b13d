"""How often somebody may try to sign in: buckets of tries that fill again, in the web's memory.

Who tries is known by three things. One name from one network: a few tries, then one every half minute.
One network: a few dozen, whatever the names. One name from all networks: some fifty; but who signed in from
a network before is not hindered by what others try elsewhere, so nobody can lock a person out. A bucket
is never empty for longer than it takes to fill by one try.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from traceability.errors import TooOftenError

MOST: Final = 10_000
"""Buckets that are kept; those that are full again are forgotten first, then the oldest."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many tries at once, and one more every so many seconds."""

    tries: int
    every_s: int


PAIR: Final = Bucket(5, 30)
NETWORK: Final = Bucket(30, 10)
NAME: Final = Bucket(50, 30)


class Attempts:
    """Counts failed tries; a right one costs nothing."""

    def __init__(self) -> None:
        self._due_ms: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def attempt(self, name: str, network: str, now_ms: int, *, known: bool = False) -> Iterator[None]:
        """One try to sign in; an exception in the block means that it failed.

        Args:
            name: whom somebody says to be, in whatever form.
            known: whether this person signed in from this network before.

        Raises:
            TooOftenError: nothing was tried; it says after how many seconds there is another try.
        """
        buckets = {("pair", name, network): PAIR, ("network", network): NETWORK}
        if not known:
            buckets[("name", name)] = NAME
        with self._lock:
            self._take(buckets, now_ms)
        yield
        with self._lock:
            for key, bucket in buckets.items():
                if key in self._due_ms:
                    self._due_ms[key] -= bucket.every_s * 1000

    def spend(self, name: str, network: str, now_ms: int) -> None:
        """One try that costs the same whatever comes of it.

        Raises:
            TooOftenError: there is none left.
        """
        with self._lock:
            self._take(
                {("pair", name, network): PAIR, ("network", network): NETWORK, ("name", name): PAIR}, now_ms
            )

    def _take(self, buckets: dict[tuple[str, ...], Bucket], now_ms: int) -> None:
        """Each bucket is kept as the time at which it is full again (a virtual scheduling algorithm)."""
        waits = []
        for key, bucket in buckets.items():
            due = max(self._due_ms.get(key, now_ms), now_ms)
            waits.append(due + bucket.every_s * 1000 - now_ms - bucket.tries * bucket.every_s * 1000)
        if (wait_ms := max(waits)) > 0:
            raise TooOftenError(
                "too many tries to sign in by this name or from this network failed",
                retry_s=-(-wait_ms // 1000),
            )
        for key, bucket in buckets.items():
            # Taken out first, so that the bucket that was used last stands last.
            self._due_ms[key] = max(self._due_ms.pop(key, now_ms), now_ms) + bucket.every_s * 1000
        if len(self._due_ms) > MOST:
            self._forget(now_ms)

    def _forget(self, now_ms: int) -> None:
        self._due_ms = {key: due for key, due in self._due_ms.items() if due > now_ms}
        for key in list(self._due_ms)[: max(0, len(self._due_ms) - MOST)]:
            del self._due_ms[key]
