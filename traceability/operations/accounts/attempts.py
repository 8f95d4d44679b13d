"""How often somebody may try to sign in: buckets of tries that fill again, kept in the store.

Who tries is known by three things. One name from one network: a few tries, then one every half minute.
One network: a few dozen, whatever the names. One name from all networks: some fifty; but who signed in from
a network before is not hindered by what others try elsewhere, so nobody can lock a person out. A bucket
is never empty for longer than it takes to fill by one try.

All processes of the web share them, and a restart forgets none. Of who tried only a MAC is kept. A try that
is refused here writes nothing, and there are never more than ``MOST`` rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, func, select, update

from traceability.errors import TooOftenError
from traceability.operations.node import Node
from traceability.operations.sealing import secret_mac
from traceability.store.accounts import Attempt
from traceability.store.engine import Store, Transaction
from traceability.store.rows import put_all

MOST: Final = 10_000
"""Buckets that are kept; those that are full again are forgotten, then those that are full again first."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many tries at once, and one more every so many seconds."""

    tries: int
    every_s: int

    @property
    def every_ms(self) -> int:
        """The same in milliseconds."""
        return self.every_s * 1000


PAIR: Final = Bucket(5, 30)
NETWORK: Final = Bucket(30, 10)
NAME: Final = Bucket(50, 30)


class Attempts:
    """Counts failed tries; a right one costs nothing."""

    def __init__(self, store: Store, node: Node) -> None:
        self._store, self._node = store, node

    @contextmanager
    def attempt(self, name: str, network: str, *, known: bool = False) -> Iterator[None]:
        """One try to sign in; an exception in the block means that it failed.

        Args:
            name: whom somebody says to be, in whatever form.
            known: whether this person signed in from this network before.

        Raises:
            TooOftenError: nothing was tried; it says after how many seconds there is another try.
        """
        buckets = self._keyed(("pair", PAIR, name, network), ("network", NETWORK, network))
        if not known:
            buckets |= self._keyed(("name", NAME, name))
        self._take(buckets)
        yield
        with self._store.transaction() as tx:
            for key in sorted(buckets):  # in one order, so that no two wait for each other
                given = update(Attempt).where(Attempt.id == key)
                tx.connection.execute(given.values(due_ms=Attempt.due_ms - buckets[key].every_ms))

    def spend(self, name: str, network: str) -> None:
        """One try that costs the same whatever comes of it.

        Raises:
            TooOftenError: there is none left.
        """
        self._take(
            self._keyed(("pair", PAIR, name, network), ("network", NETWORK, network), ("name", PAIR, name))
        )

    def _keyed(self, *named: tuple[object, ...]) -> dict[bytes, Bucket]:
        found: dict[bytes, Bucket] = {}
        for kind, bucket, *who in named:
            assert isinstance(bucket, Bucket)
            found[secret_mac(self._node, "attempts", repr((kind, *who)))] = bucket
        return found

    def _take(self, buckets: Mapping[bytes, Bucket]) -> None:
        """Looked at first without the right to write, which who tries too often cannot take from others."""
        with self._store.reading() as connection:
            _due(connection, buckets, self._store.clock())
        with self._store.transaction(alone=True) as tx:
            due = _due(tx.connection, buckets, tx.now_ms)
            put_all(tx, Attempt, ({"id": key, "due_ms": due_ms} for key, due_ms in due.items()))
            _forget(tx)


def _due(connection: Connection, buckets: Mapping[bytes, Bucket], now_ms: int) -> dict[bytes, int]:
    """When each bucket is full again after one more try (a virtual scheduling algorithm).

    Raises:
        TooOftenError: one of them has no try left.
    """
    query = select(Attempt.id, Attempt.due_ms).where(Attempt.id.in_(buckets))
    kept = {row.id: row.due_ms for row in connection.execute(query)}
    due = {key: max(kept.get(key, now_ms), now_ms) + bucket.every_ms for key, bucket in buckets.items()}
    wait_ms = max(due[key] - now_ms - bucket.tries * bucket.every_ms for key, bucket in buckets.items())
    if wait_ms > 0:
        raise TooOftenError(
            "too many tries to sign in by this name or from this network failed",
            retry_s=-(-wait_ms // 1000),
        )
    return due


def _forget(tx: Transaction) -> None:
    tx.connection.execute(delete(Attempt).where(Attempt.due_ms <= tx.now_ms))
    count = tx.connection.execute(select(func.count()).select_from(Attempt)).scalar_one()
    if count > MOST:
        first = select(Attempt.id).order_by(Attempt.due_ms).limit(count - MOST)
        tx.connection.execute(delete(Attempt).where(Attempt.id.in_(first.scalar_subquery())))
