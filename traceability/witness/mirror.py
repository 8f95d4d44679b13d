"""A copy of a log, as far as it was checked: leaves, hash tiles, pages of the state; in SQLite.

What is here was signed by the log: each portion of leaves was proven to be in a signed checkpoint
before it was kept. And it follows the rules of leaves. Whether that checkpoint was cosigned too is
another question: a portion may be all that was fetched so far.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple
from typing import Any, Final

from traceability.errors import LogConflictError
from traceability.ledger.leaves import START, Found, Reach
from traceability.ledger.tiles import WIDTH, TilePath, Tiles, encode_bundle

TABLES: Final = """
CREATE TABLE source (origin TEXT PRIMARY KEY, url TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE reach (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, streams INTEGER NOT NULL, root BLOB NOT NULL,
    time_ms INTEGER NOT NULL, state_size INTEGER NOT NULL, note BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE entry (
    origin TEXT NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (origin, number)
) WITHOUT ROWID;
CREATE TABLE tile (
    origin TEXT NOT NULL, level INTEGER NOT NULL, number INTEGER NOT NULL, hashes BLOB NOT NULL,
    PRIMARY KEY (origin, level, number)
) WITHOUT ROWID;
CREATE TABLE page (
    origin TEXT NOT NULL, level INTEGER NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (origin, level, number)
) WITHOUT ROWID;
"""


class Mirror:
    """The copy of one log, within one transaction or one look."""

    def __init__(self, connection: sqlite3.Connection, origin: str) -> None:
        self._connection = connection
        self._origin = origin

    def url(self) -> str:
        """Where the log's checkpoint and tiles are."""
        row = self._one("SELECT url FROM source WHERE origin = ?")
        return str(row[0]) if row else ""

    def settle_at(self, url: str) -> bool:
        """Read the log there from now on; whether that is new."""
        new = url != self.url()
        self._connection.execute("INSERT OR REPLACE INTO source VALUES (?, ?)", (self._origin, url))
        return new

    def reach(self) -> Reach:
        """How far the log was checked."""
        row = self._one("SELECT size, streams, root, time_ms, state_size FROM reach WHERE origin = ?")
        return Reach(*row) if row else START

    def note(self) -> bytes:
        """The signed checkpoint that all leaves were proven to be in; b"" before the first."""
        row = self._one("SELECT note FROM reach WHERE origin = ?")
        return bytes(row[0]) if row else b""

    def entries(self, first: int, end: int) -> list[bytes]:
        """The data of leaves ``first`` up to, not including, ``end``; as many as there are."""
        query = "SELECT data FROM entry WHERE origin = ? AND number >= ? AND number < ? ORDER BY number"
        return [bytes(data) for (data,) in self._connection.execute(query, (self._origin, first, end))]

    def tile(self, level: int, number: int) -> bytes:
        """The hashes of a tile as far as they are there."""
        query = "SELECT hashes FROM tile WHERE origin = ? AND level = ? AND number = ?"
        row = self._connection.execute(query, (self._origin, level, number)).fetchone()
        return bytes(row[0]) if row else b""

    def tiles(self) -> Tiles:
        """The log's tree."""
        return Tiles(self.tile)

    def pages(self, level: int, numbers: Collection[int]) -> Mapping[int, bytes]:
        """Pages of the state."""
        query = "SELECT body FROM page WHERE origin = ? AND level = ? AND number = ?"
        rows = {n: self._connection.execute(query, (self._origin, level, n)).fetchone() for n in numbers}
        return {number: bytes(row[0]) for number, row in rows.items() if row}

    def served(self, place: TilePath) -> bytes | None:
        """A tile or an entry bundle as C2SP tlog-tiles has it; None where it is not there."""
        first, end = place.index * WIDTH, place.index * WIDTH + place.width
        if end << (8 * (place.level or 0)) > self.reach().size:
            return None
        if place.level is None:
            return encode_bundle(self.entries(first, end))
        return self.tile(place.level, place.index)[: 32 * place.width]

    def keep(
        self,
        before: Reach,
        found: Found,
        entries: Sequence[bytes],
        tiles: Mapping[tuple[int, int], bytes],
        note: bytes,
    ) -> None:
        """Keep what was checked.

        Args:
            note: the checkpoint that these leaves are in.

        Raises:
            LogConflictError: the mirror does not reach to ``before``.
        """
        if self.reach() != before:
            raise LogConflictError(
                "the mirror is not where the leaves begin", expected=before, got=self.reach()
            )
        origin, many = self._origin, self._connection.executemany
        many(
            "INSERT INTO entry VALUES (?, ?, ?)",
            ((origin, i, data) for i, data in enumerate(entries, before.size)),
        )
        many(
            "INSERT OR REPLACE INTO tile VALUES (?, ?, ?, ?)",
            ((origin, *tile, hashes) for tile, hashes in tiles.items()),
        )
        many(
            "INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?)",
            ((origin, *page, body) for page, body in found.pages.items()),
        )
        row = (origin, *astuple(found.reach), note)
        self._connection.execute("INSERT OR REPLACE INTO reach VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _one(self, query: str) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(query, (self._origin,)).fetchone()
        return row
