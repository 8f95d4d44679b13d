"""The lock database: the newest checkpoint that was ever signed, changed only by compare-and-swap.

It stands beside the store, never in a backup: a store restored from yesterday would sign a
second history, and here is what tells.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from traceability.errors import LogConflictError
from traceability.store.engine import unavailable

_TABLE = "CREATE TABLE IF NOT EXISTS lock (id INTEGER PRIMARY KEY CHECK (id = 1), note BLOB NOT NULL)"


class Lock:
    """One row: the newest signed checkpoint, as a note."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def newest(self) -> bytes | None:
        """The newest signed checkpoint; None before the first.

        Raises:
            StoreUnavailableError: the lock cannot be read.
        """
        with self._open() as connection:
            row = connection.execute("SELECT note FROM lock").fetchone()
        return row[0] if row else None

    def swap(self, expected: bytes | None, new: bytes) -> None:
        """Put ``new`` in the place of ``expected``; nothing happens if it stands there already.

        Raises:
            LogConflictError: something else stands there; nothing was changed.
            StoreUnavailableError: the lock cannot be written.
        """
        with self._open() as connection:
            if expected is None:
                done = connection.execute(
                    "INSERT INTO lock SELECT 1, ? WHERE NOT EXISTS (SELECT 1 FROM lock)", (new,)
                )
            else:
                done = connection.execute("UPDATE lock SET note = ? WHERE note = ?", (new, expected))
            if done.rowcount != 1 and self.newest() != new:
                raise LogConflictError(
                    "another checkpoint was signed in the meantime", expected=expected, got=self.newest()
                )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
                # FULL does not wait for the folder: after a power cut the journal of a transaction that
                # had committed could be there again, and take it back.
                connection.execute("PRAGMA synchronous=EXTRA")
                connection.execute(_TABLE)
                yield connection
        except sqlite3.Error as error:
            raise unavailable(error, str(self.path)) from error
