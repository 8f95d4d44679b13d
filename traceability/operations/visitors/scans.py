"""From how many networks the code of one item is opened: a copied label is what no signature can stop.

Counted are different networks a day, not visits: who reloads, and a crawler, is one. Of an address only a
hash is held, in memory, until the day is over (see ``networks``); stored is a number for an item and a day.

    unusual   ``IN_A_DAY`` networks on one day, or ``IN_A_WEEK`` on the days of one week together

One household is two to five networks a day: at home, at work, two mobile carriers. So an honest pack stays
below both, even if it is looked at daily. Several processes of the web count each for themselves, and of a
day the highest count stays: with n of them at least an n-th of all, and never more than there were. Nothing
but a sentence comes of it: it is no verdict on the records, and no alarm; whoever rents enough networks can
bring that sentence onto a page, and nothing more.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select, update

from traceability.errors import StoreUnavailableError
from traceability.operations.visitors.networks import DAY_MS, Networks
from traceability.operations.visitors.reports import forget_old
from traceability.store.engine import Store, Transaction
from traceability.store.rows import insert_new
from traceability.store.visitors import Scan

IN_A_DAY: Final = 25
IN_A_WEEK: Final = 45
WEEK: Final = 7
KEPT_DAYS: Final = 90
MOST_ITEMS: Final = 20_000
"""Items that are counted at once in one process; of further ones the day's count begins later."""
MOST_NETWORKS: Final = 100
"""Hashes for one item; more say nothing more."""
FLUSH_S: Final = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unusual:
    """An item whose code was opened from so many networks in so many days."""

    networks: int
    days: int


def item_of(batch: str, serial: str) -> bytes:
    """What stands for an item in the table; its serial number does not."""
    return hashlib.sha256(f"{batch}/21/{serial}".encode()).digest()[:16]


class Scans:
    """The counts of one process: noted in memory, written now and then by a thread of its own."""

    def __init__(self, store: Store, networks: Networks) -> None:
        self._store, self._networks = store, networks
        self._seen: dict[tuple[bytes, int], set[bytes]] = {}
        self._changed: set[tuple[bytes, int]] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def note(self, item: bytes, address: str | None, now_ms: int) -> None:
        """Count that a code was opened; waits for no lock of the store."""
        tag = self._networks.tag(address, now_ms)
        if tag is None:
            return
        key = item, now_ms // DAY_MS
        with self._lock:
            seen = self._seen.get(key)
            if seen is None:
                if len(self._seen) >= MOST_ITEMS:
                    return
                seen = self._seen[key] = set()
            if tag in seen or len(seen) >= MOST_NETWORKS:
                return
            seen.add(tag)
            self._changed.add(key)
            self._start()

    def flush(self) -> None:
        """Write what changed, and forget the days that are over.

        Raises:
            StoreUnavailableError: it is written at the next time.
        """
        with self._lock:
            counts = {key: len(self._seen[key]) for key in self._changed}
            self._changed.clear()
        try:
            with self._store.transaction() as tx:
                keep_scans(tx, counts)
                forget_old(tx)
        except StoreUnavailableError:
            with self._lock:
                self._changed.update(counts)
            raise
        with self._lock:
            today = tx.now_ms // DAY_MS
            self._seen = {key: seen for key, seen in self._seen.items() if key[1] >= today}
            self._changed &= self._seen.keys()

    def close(self) -> None:
        """End the thread; what it did not write is lost: a count of a minute."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _start(self) -> None:
        """Begin to write, in the process that counts (gunicorn forks before it)."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="scans", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_S):
            if not self._changed:
                continue
            try:
                self.flush()
            except Exception:
                log.exception("scans could not be written")


def keep_scans(tx: Transaction, counts: Mapping[tuple[bytes, int], int]) -> None:
    """Write counts: of a day the highest stays, as who was counted before a restart is not known."""
    rows = [{"item": item, "day": day, "networks": 0} for item, day in counts]
    insert_new(tx, Scan, rows)
    for (item, day), count in counts.items():
        named = Scan.item == item, Scan.day == day, Scan.networks < count
        tx.connection.execute(update(Scan).where(*named).values(networks=count))
    tx.connection.execute(delete(Scan).where(Scan.day < tx.now_ms // DAY_MS - KEPT_DAYS))


def unusual(connection: Connection, item: bytes, now_ms: int) -> Unusual | None:
    """Whether an item's code was opened unusually often of late; None if not."""
    today = now_ms // DAY_MS
    query = select(Scan.day, Scan.networks).where(Scan.item == item, Scan.day > today - KEPT_DAYS)
    by_day = {row.day: row.networks for row in connection.execute(query)}
    most = max(by_day.values(), default=0)
    if most >= IN_A_DAY:
        return Unusual(most, 1)
    weeks = (sum(by_day.get(day - back, 0) for back in range(WEEK)) for day in by_day)
    most = max(weeks, default=0)
    return Unusual(most, WEEK) if most >= IN_A_WEEK else None
